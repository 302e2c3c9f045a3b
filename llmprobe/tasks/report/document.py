"""
The document of a page, and its part about one model.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from llmprobe import engines
from llmprobe.estimation.kept import estimator_of
from llmprobe.facts import given
from llmprobe.facts.fit import Fit, Use
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Recommendation, UseName
from llmprobe.facts.report import (
    AxisName,
    Cell,
    DeviceInReport,
    Exact,
    Grid,
    ModelReport,
    OfEngine,
    Report,
)
from llmprobe.facts.setting import Setting
from llmprobe.model.next_token import with_next_token
from llmprobe.site.assumed import of_machine
from llmprobe.site.site import survey
from llmprobe.tasks import fit as fitting
from llmprobe.tasks.arguments import check_machine, check_model
from llmprobe.tasks.machines import measured_first, probe
from llmprobe.tasks.models import load_model
from llmprobe.tasks.recommend import recommend, wishes_of
from llmprobe.tasks.report.curves import curves, used
from llmprobe.tasks.report.exact import exact
from llmprobe.tasks.report.grid import Ask, grid
from llmprobe.tasks.report.stops import DRAFTS, Stops, axis, body, stops
from llmprobe.tasks.setting import AtSettings
from llmprobe.words.message import message
from llmprobe.words.render import DEFAULT_LANGUAGE, Words, languages, placeholders, words

USES: tuple[Use, ...] = get_args(Use)
USUAL_USES: tuple[Use, ...] = ("chat", "coding")
"""The uses that a page has without being told: each takes seconds."""

TOP = 8
"""How many choices a page has, and rows of ``fit`` for a use."""

MANY_USES = 3
"""With more uses than that it has half as many rows of each, for the size of the page."""

OF_CODES = (
    *("label.", "severity.", "basis.", "use.", "origin.", "status.", "limited-by.", "column.", "modality."),
    *("engine-name.", "pool."),
)
"""Words for the codes of documents."""


def report(
    snapshot: Snapshot | None = None,
    model: ModelSpec | None = None,
    *,
    uses: Sequence[Use] = USUAL_USES,
    ctx_size: int | None = None,
    use: UseName | None = None,
    language: str = DEFAULT_LANGUAGE,
    live: bool = False,
) -> Report:
    """
    The document of a page, described by ``api.report``. A ``live`` one has neither grid nor words, and a model only if
    one is named: its server answers what they are for.

    Raises:
        UsageError: a use or language does not exist, or the context is out of range.
    """
    check_machine(snapshot)
    given.one_of("language", language, languages())
    for one in given.texts("uses", uses):
        given.one_of("use", one, USES)
    uses = tuple(dict.fromkeys(uses))
    snapshot = measured_first(probe()) if snapshot is None else snapshot
    found = tuple(_fit(snapshot, one, len(uses)) for one in uses)
    notes = [message("report.uses", uses=uses)] if uses and not live else []
    if model is None and not live:
        model = _first(found, snapshot)
        if model is not None:
            notes.append(message("report.first-model", model=model.name))
    about = None
    if model is not None:
        about = model_report(model, snapshot, ctx_size=ctx_size, use=use, whole=not live)
        if about.grid is not None:
            notes.append(about.grid.about)
    return Report(
        this_machine=snapshot.this_machine,
        language=language,
        live=live,
        made_at=datetime.now(UTC).isoformat(timespec="seconds") if snapshot.origin == "live" else None,
        check=snapshot,
        fit=found,
        model=about,
        notes=tuple(notes),
        words={} if live else page_words(words(language)),
    )


def shell(language: str, *, this_machine: bool, needs_token: bool) -> Report:
    """
    The page of a server before it has asked for anything: nothing of the machine is in it.
    """
    return Report(
        this_machine=this_machine,
        language=language,
        live=True,
        needs_token=needs_token,
        words=page_words(words(language)),
    )


def page_words(said_in: Words) -> dict[str, str]:
    """
    The sentences of the page itself, and the words for the codes of documents, by id.
    """
    of_page = {name: said_in.template(name) for name in said_in.ids("report.")}
    of_codes = {name: said_in.template(name) for prefix in OF_CODES for name in said_in.ids(prefix)}
    return of_page | {name: text for name, text in of_codes.items() if not placeholders(text)}


def model_report(
    model: ModelSpec,
    snapshot: Snapshot,
    *,
    ctx_size: int | None = None,
    use: UseName | None = None,
    whole: bool = True,
) -> ModelReport:
    """
    One model on a machine, with the grid where the page is ``whole``.

    Raises:
        UsageError: the context is out of range.
    """
    check_model(model)
    answer = _recommended(model, snapshot, engines.DEFAULT_ENGINE, ctx_size=ctx_size, use=use)
    estimator, site, places = estimator_of(model), survey(snapshot, answer.wishes), of_machine(snapshot)
    usual = tuple(one.id for one in places.devices)
    # A choice may use cards of another backend than the first one's.
    of_choices = (name for choice in answer.choices for name in used(choice))
    devices = ("host", *dict.fromkeys((*usual, *of_choices)))
    names = {one.id: one.name for one in snapshot.accelerators}
    found = stops(estimator, answer, devices=len(usual))
    alone = tuple(exact(found, answer.choices, usual))
    return ModelReport(
        recommendation=answer,
        engines=tuple(
            _of_engine(model, snapshot, engine, answer)
            for engine in engines.all_engines()
            if engine != engines.DEFAULT_ENGINE
        ),
        curves=tuple(curves(model, snapshot, answer)),
        devices=tuple(
            DeviceInReport(
                id=one,
                name=names.get(one),
                pool=site.pools.get(one),
                budget_bytes=site.budgets.get(one),
                reserve_bytes=site.reserve_bytes,
            )
            for one in devices
        ),
        base=found.base,
        axes=tuple(axis(name, found) for name in found.values),
        start=found.start,
        exact=alone,
        grid=_grid(model, snapshot, found, answer, devices, alone) if whole else None,
    )


def _grid(
    model: ModelSpec,
    snapshot: Snapshot,
    found: Stops,
    answer: Recommendation,
    devices: Sequence[str],
    alone: Sequence[Exact],
) -> Grid:
    use = answer.choices[0].time.use if answer.choices and answer.choices[0].time else answer.wishes.use
    usual = AtSettings(model, snapshot, use)
    # Made once: the layers that draft are added to the model.
    drafting = AtSettings(with_next_token(model), snapshot, use) if "draft" in found.values else usual

    def ask(values: Mapping[AxisName, Cell]) -> Setting:
        at = usual if values.get("draft", DRAFTS[0]) == DRAFTS[0] else drafting
        return at.at(_settings(found, values), quant=values["quant"])

    def of_choice(one: Exact) -> Ask:
        at = AtSettings(model, snapshot, use, one.use_devices)
        return lambda values: at.at(_settings(found, values) | one.settings, quant=values["quant"])

    return grid(found, devices, ask, [(one.values, of_choice(one)) for one in alone])


def _settings(found: Stops, values: Mapping[AxisName, Cell]) -> dict[str, Any]:
    """
    The settings that values of all axes are.
    """
    settings: dict[str, Any] = dict(found.base)
    for name, value in values.items():
        settings |= body(name, value, found).get("settings", {})
    return settings


def _recommended(
    model: ModelSpec,
    snapshot: Snapshot,
    engine: str,
    *,
    ctx_size: int | None,
    use: UseName | None,
    whole: bool = True,
) -> Recommendation:
    wishes = wishes_of(ctx_size=ctx_size, use=use, engine=engine, top=TOP if whole else 1, model=model)
    return recommend(model, snapshot, wishes, explain=whole, table=whole, measure=False, compare=whole)


def _of_engine(model: ModelSpec, snapshot: Snapshot, engine: str, main: Recommendation) -> OfEngine:
    """
    The first choice for another engine, at the context of the main answer.
    """
    wishes = main.wishes
    found = _recommended(model, snapshot, engine, ctx_size=wishes.ctx_size, use=wishes.use, whole=False)
    return OfEngine(
        engine=engine,
        choice=found.choices[0] if found.choices else None,
        verdict=found.verdict,
        notes=tuple(one for one in found.notes if one not in main.notes),
    )


def _fit(snapshot: Snapshot, use: Use, among: int) -> Fit:
    return fitting.fit(snapshot, fitting.wishes_of(use=use, top=TOP if among <= MANY_USES else TOP // 2))


def _first(found: Sequence[Fit], snapshot: Snapshot) -> ModelSpec | None:
    """
    The model that a machine runs best, None where it runs none.
    """
    row = next((row for one in found for row in one.rows), None)
    return None if row is None else load_model(row.model.id, snapshot=snapshot)
