"""
What can be asked by POST: the body of each question, and the public function that answers it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llmprobe import api
from llmprobe.errors import UsageError
from llmprobe.facts.machine import Snapshot
from llmprobe.server.bodies import (
    CostBody,
    EstimateBody,
    FitBody,
    Machine,
    PlanBody,
    RecommendBody,
    ReportBody,
    SettingBody,
    UpgradeBody,
)
from llmprobe.server.machine import Seen
from llmprobe.server.models import named
from llmprobe.tasks import report
from llmprobe.tasks.setting import AtSettings
from llmprobe.words.message import message

_OF_NO_SETTING = ("none", "auto", None)

Answer = Callable[[Any, Seen], msgspec.Struct]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """
    A question that can be asked by POST: the record of its body, what answers it, and the kind of document.
    """

    body: type[msgspec.Struct]
    answer: Answer
    document: str
    about: str


def _estimate(body: EstimateBody, seen: Seen) -> msgspec.Struct:
    snapshot = _machine(body.machine, seen)
    settings: Mapping[str, Any] = body.settings
    _refuse_files(settings)
    return api.estimate(
        named(body.model, body.quant, snapshot=snapshot),
        quant=body.quant,
        engine=body.engine,
        snapshot=snapshot,
        explain=body.explain,
        prompt_tokens=body.prompt_tokens,
        **_draft(body, snapshot),
        **settings,
    )


def _recommend(body: RecommendBody, seen: Seen) -> msgspec.Struct:
    snapshot = _machine(body.machine, seen)
    wishes = _fields(body, "model", "machine")
    return api.recommend(named(body.model, snapshot=snapshot), snapshot, **wishes)


def _fit(body: FitBody, seen: Seen) -> msgspec.Struct:
    return api.fit(_machine(body.machine, seen), **_fields(body, "machine"))


def _setting(body: SettingBody, seen: Seen) -> msgspec.Struct:
    snapshot = _machine(body.machine, seen)
    _refuse_files(body.settings)
    model = named(body.model, snapshot=snapshot)
    return AtSettings(model, snapshot, body.use, body.use_devices).at(
        body.settings,
        quant=body.quant,
        engine=body.engine,
        explain=body.explain,
        prompt_tokens=body.prompt_tokens,
        **_draft(body, snapshot),
    )


def _report(body: ReportBody, seen: Seen) -> msgspec.Struct:
    snapshot = _machine(body.machine, seen)
    model = None if body.model is None else named(body.model, snapshot=snapshot)
    return report.report(snapshot, model, uses=body.uses, ctx_size=body.ctx_size, use=body.use, live=True)


def _upgrade(body: UpgradeBody, seen: Seen) -> msgspec.Struct:
    if body.model is not None and body.use is not None:
        raise UsageError(message("error.upgrade-use"), hint=message("hint.upgrade-use"))
    if body.model is None and body.quants:
        raise UsageError(message("error.upgrade-quant"), hint=message("hint.upgrade-quant"))
    snapshot = _machine(body.machine, seen)
    model = None if body.model is None else named(body.model, snapshot=snapshot)
    return api.upgrade(snapshot, model, use=body.use or "chat", **_fields(body, "model", "machine", "use"))


def _cost(body: CostBody, seen: Seen) -> msgspec.Struct:
    snapshot = _machine(body.machine, seen)
    model = named(body.model, snapshot=snapshot)
    # A machine that the question describes would have to be bought.
    return api.cost(model, snapshot, is_bought=body.machine is not None, **_fields(body, "model", "machine"))


def _plan(body: PlanBody, _seen: Seen) -> msgspec.Struct:
    return api.plan(named(body.model), **_fields(body, "model"))


QUESTIONS: Mapping[str, Asked] = {
    "estimate": Asked(
        body=EstimateBody,
        answer=_estimate,
        document="estimate",
        about="Memory and speed of one configuration.",
    ),
    "recommend": Asked(
        body=RecommendBody,
        answer=_recommend,
        document="recommendation",
        about="The best ways to run a model.",
    ),
    "fit": Asked(body=FitBody, answer=_fit, document="fit", about="The models that run best."),
    "plan": Asked(body=PlanBody, answer=_plan, document="plan", about="The machines that run a model."),
    "upgrade": Asked(
        body=UpgradeBody, answer=_upgrade, document="upgrade", about="What would help the machine most."
    ),
    "cost": Asked(
        body=CostBody,
        answer=_cost,
        document="cost",
        about="What a model costs: here, bought, rented, by API.",
    ),
    "setting": Asked(
        body=SettingBody,
        answer=_setting,
        document="setting",
        about="One configuration as a page shows it: the estimate, the loss, the time of an answer, commands.",
    ),
    "report": Asked(
        body=ReportBody,
        answer=_report,
        document="report",
        about="What a page shows: the machine, the models that run best, and one model, without the grid.",
    ),
}


def _machine(asked: Machine | None, seen: Seen) -> Snapshot:
    """
    The server's machine, or the one that a question describes.

    Raises:
        UsageError: it describes none.
    """
    if asked is None:
        return seen.snapshot
    if asked == Machine():
        raise UsageError(message("error.machine-empty"), hint=message("hint.machine-in-body"))
    return api.probe(**_fields(asked))


def _fields(body: msgspec.Struct, *without: str) -> dict[str, Any]:
    return {name: getattr(body, name) for name in body.__struct_fields__ if name not in without}


def _draft(body: EstimateBody, snapshot: Snapshot) -> dict[str, Any]:
    """
    The model that drafts, where one is named.
    """
    if body.draft_model is None:
        return {} if body.draft_quant is None else {"draft_quant": body.draft_quant}
    draft = named(body.draft_model, body.draft_quant, snapshot=snapshot)
    return {"draft_model": draft, "draft_quant": body.draft_quant}


def _refuse_files(settings: Mapping[str, Any]) -> None:
    """
    Refuse the setting that names a file.

    Raises:
        UsageError: it does.
    """
    if settings.get("mmproj") not in _OF_NO_SETTING:
        raise UsageError(message("error.no-files-here", field="mmproj"), hint=message("hint.mmproj-by-name"))
