"""
From a model, a machine and wishes to a recommendation: what is best, what else is possible, what is not.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from llmprobe.advise.choose.balance import COMFORTABLE_TOKENS_PER_S, utility
from llmprobe.advise.choose.candidates import find, varied
from llmprobe.advise.choose.quality import quality
from llmprobe.advise.choose.settle import settled
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.advise.explain.nearest import faster, nearest
from llmprobe.advise.explain.notes import context, freed, options
from llmprobe.advise.explain.reasons import WORTH_SAYING, loss, reasons, weighed
from llmprobe.errors import UsageError
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.kept import estimator_of
from llmprobe.facts.engine import Abilities
from llmprobe.facts.estimate import ModelInEstimate, model_in_estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, MachineInShort, Recommendation, Rejected, Wishes
from llmprobe.facts.settings import told
from llmprobe.model.quants import file_type
from llmprobe.site.site import Site, survey

Command = Callable[[Choice, ModelSpec, str | None], str | None]
"""Prints a choice for an engine, None where it cannot; the last argument is the backend of the devices in use."""

EVERYTHING = Abilities()
"""What llama.cpp can be told."""

ON_DISK = "already on this disk"
"""The label of a choice whose file need not be downloaded."""

NO_LOSS = 0.003
"""Divergence up to which nothing of a loss is noticed."""

VARIED = 4
"""Of how many choices at the least other micro-batches, and the cache in RAM, are tried."""

HEAVY_LOSS = 0.25
"""Divergence from which a smaller model with less loss is the better answer."""


def recommend(
    model: ModelSpec,
    snapshot: Snapshot,
    wishes: Wishes,
    commands: Mapping[str, Command],
    relatives: Callable[[], Iterable[ModelSpec]] = tuple,
    abilities: Abilities = EVERYTHING,
) -> Recommendation:
    """
    Return the ways to run the model on this machine, best first; none is the answer "no".

    ``commands`` prints a choice for each engine, and ``abilities`` is what the engine can be told. ``relatives``
    gives smaller models of the family, asked only when nothing fits.

    Raises:
        UsageError: the context is negative, or there is less than one slot.
    """
    if wishes.parallel < 1:
        raise UsageError(f"{wishes.parallel} slots cannot be", hint="-np takes 1 or more")
    notes: list[str] = list(model.notes)
    ctx_size = context(model, wishes, notes)
    estimator = estimator_of(model)
    site = msgspec.structs.replace(survey(snapshot, wishes), abilities=abilities)
    notes.extend(site.notes)
    notes.extend(abilities.notes)
    notes.extend(abilities.notes_on_experts if estimator.is_moe else ())
    notes.extend(options(snapshot))
    candidates, rejected, misfits = find(estimator, site, wishes, ctx_size)
    if estimator.is_moe and not candidates:
        notes.append(
            f"all {estimator.expert_count} experts of a layer must be resident in memory somewhere,"
            f" though each token uses {estimator.expert_used_count}"
        )
    wanted = _constrained(candidates, wishes, model, rejected)
    wanted = _varied(estimator, site, wishes, wanted)
    shown = _disk_first(model, wanted, _shown(wanted, wishes))
    shown = settled(estimator, site, wishes, shown)
    ranked = [one for _, one in shown] + [
        one for one in wanted if all(one.quant != s.quant for _, s in shown)
    ]
    choices = tuple(
        _choice(estimator, site, wishes, label, candidate, ranked, commands, model)
        for label, candidate in shown
    )
    if wanted and any(not one.speed.generation_tokens_per_s for _, one in shown):
        notes.append(
            "where a speed is unknown, choices are ordered as if the RAM gave 50 GB/s and a GPU 300 GB/s"
        )
    best = shown[0][1] if shown else None
    notes[:0] = freed(estimator, site, wishes, ctx_size, best, snapshot)
    smaller: tuple[str, ...] = ()
    if not wanted or loss(wanted[0]) >= HEAVY_LOSS:
        smaller = nearest(estimator, site, wishes, ctx_size, misfits, relatives)
    elif wanted[0].ranking_speed < COMFORTABLE_TOKENS_PER_S:
        smaller = faster(site, wishes, ctx_size, wanted[0], relatives)
    return Recommendation(
        this_machine=snapshot.this_machine,
        model=_model(estimator, choices, misfits),
        machine=MachineInShort(
            origin=snapshot.origin,
            cpu=snapshot.host.cpu.name,
            pools=snapshot.pools,
            accelerators=snapshot.accelerators,
        ),
        wishes=msgspec.structs.replace(wishes, ctx_size=ctx_size),
        choices=choices,
        rejected=tuple(rejected),
        nearest=smaller,
        balance=weighed([one for _, one in shown], wishes),
        findings=tuple(one for one in snapshot.findings if one.severity != "note"),
        notes=tuple(notes),
    )


def _constrained(
    candidates: list[Candidate], wishes: Wishes, model: ModelSpec, rejected: list[Rejected]
) -> list[Candidate]:
    """
    Return the candidates that keep the constraints, not dominated by another, best first.
    """
    kept: list[Candidate] = []
    refused: dict[str, Rejected] = {}
    floor = None
    if wishes.min_quality is not None:
        floor = quality(file_type(wishes.min_quality).name, model.parameters, model=model.id).value
    for candidate in candidates:
        speed = candidate.speed.generation_tokens_per_s
        if not _is_fast_enough(candidate, wishes):
            seen = "an unknown speed" if speed is None else f"about {speed.likely:.1f} tokens/s"
            refused.setdefault(
                candidate.quant,
                Rejected(
                    what=candidate.quant,
                    why=f"{seen}, less than was asked for (--min-speed {wishes.min_speed:g})",
                ),
            )
            continue
        if floor is not None and loss(candidate) > floor:
            why = f"{candidate.quality.words}, more than {wishes.min_quality} loses (--min-quality)"
            refused.setdefault(candidate.quant, Rejected(what=candidate.quant, why=why))
            continue
        kept.append(candidate)
    # What is refused on some devices may be a choice on others.
    quants = {one.quant for one in kept}
    rejected.extend(one for quant, one in refused.items() if quant not in quants)
    kept = [
        one
        for one in kept
        if _is_on_disk(model, one.quant) or not any(_dominates(other, one) for other in kept)
    ]
    return sorted(kept, key=lambda one: _order(one, wishes))


def _is_fast_enough(candidate: Candidate, wishes: Wishes) -> bool:
    speed = candidate.speed.generation_tokens_per_s
    return wishes.min_speed is None or (speed is not None and speed.likely >= wishes.min_speed)


def _is_on_disk(model: ModelSpec, quant: str) -> bool:
    return model.source == "installed" and quant == model.quant


def _disk_first(
    model: ModelSpec, ranked: list[Candidate], shown: list[tuple[str, Candidate]]
) -> list[tuple[str, Candidate]]:
    """
    Return what is shown with the file that is on this disk already before all that would have to be downloaded.
    """
    here = next((one for one in ranked if _is_on_disk(model, one.quant)), None)
    if here is None:
        return shown
    others = [(label, one) for label, one in shown if one.quant != here.quant]
    return [(ON_DISK, here), *others[: max(1, len(shown)) - (len(others) == len(shown))]]


def _order(candidate: Candidate, wishes: Wishes) -> tuple[float, float, int, str]:
    """
    Return what candidates are sorted by, the best lowest: the context where that counts most, then the utility.
    """
    context = candidate.settings.ctx_size if wishes.priority == "context" else 0
    # Of equals the one on fewer devices: a card that is left alone stays free for something else.
    devices = len(candidate.devices)
    return -context, -round(candidate.utility, 4), devices, candidate.quant


def _dominates(better: Candidate, worse: Candidate) -> bool:
    """
    Tell whether one is at least as good in everything and better in something.
    """
    pairs = (
        (-loss(better), -loss(worse)),
        (better.ranking_speed, worse.ranking_speed),
        (better.ranking_prompt_speed, worse.ranking_prompt_speed),
        (better.settings.ctx_size, worse.settings.ctx_size),
    )
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _shown(ranked: list[Candidate], wishes: Wishes) -> list[tuple[str, Candidate]]:
    """
    Return the best choice and the ends of the trade-off around it, then the next best, each once.
    """
    if not ranked:
        return []
    best = ranked[0]
    # What is hardly itself any more is not recommended, though it is the best of what fits.
    label = "recommended" if loss(best) < HEAVY_LOSS else "last resort"
    shown: list[tuple[str, Candidate]] = [(label, best)]

    def add(label: str, candidate: Candidate) -> None:
        if len(shown) < wishes.top and all(candidate is not other for _, other in shown):
            shown.append((label, candidate))

    # Losses that cannot be measured in use are the same: of those the fastest is the best.
    finest = max(
        (one for one in ranked if loss(one) <= max(NO_LOSS, min(map(loss, ranked)))),
        key=lambda one: one.ranking_speed,
    )
    if loss(finest) < loss(best):
        add("best quality", finest)
    quick = max(ranked, key=lambda one: _worth(one, "speed"))
    if quick.ranking_speed > best.ranking_speed * WORTH_SAYING:
        add("faster", quick)
    longest = max(ranked, key=lambda one: one.settings.ctx_size)
    if longest.settings.ctx_size > best.settings.ctx_size:
        add("longest context", longest)
    for candidate in ranked:
        better = loss(candidate) < loss(best) and loss(best) > NO_LOSS
        faster = candidate.ranking_speed > best.ranking_speed * WORTH_SAYING and loss(candidate) < HEAVY_LOSS
        if (better or faster) and all(candidate.quant != other.quant for _, other in shown):
            add("alternative", candidate)
    return shown


def _worth(candidate: Candidate, priority: str) -> float:
    return utility(
        candidate.ranking_speed,
        candidate.ranking_prompt_speed,
        candidate.quality.value,
        candidate.quant,
        priority,
        kv_offload=candidate.settings.kv_offload,
    )


def _varied(estimator: Estimator, site: Site, wishes: Wishes, ranked: list[Candidate]) -> list[Candidate]:
    """
    Return the candidates ranked anew, what would be shown of them in its best variant.
    """
    best: dict[int, Candidate] = {}
    # What is best must not depend on how many are shown.
    enough = msgspec.structs.replace(wishes, top=max(wishes.top, VARIED))
    for _, one in _shown(ranked, enough):
        # Of equals the one nearest to the engine's own settings comes first.
        best[id(one)] = max(
            [
                one,
                *(other for other in varied(estimator, site, wishes, one) if _is_fast_enough(other, wishes)),
            ],
            key=lambda one: round(one.utility, 3),
        )
    return sorted((best.get(id(one), one) for one in ranked), key=lambda one: _order(one, wishes))


def _choice(
    estimator: Estimator,
    site: Site,
    wishes: Wishes,
    label: str,
    candidate: Candidate,
    ranked: list[Candidate],
    commands: Mapping[str, Command],
    model: ModelSpec,
) -> Choice:
    backend = candidate.devices[0].backend if candidate.devices else None
    estimate = estimator.estimate(
        candidate.quant,
        candidate.settings,
        candidate.placed.hardware,
        budgets=site.pool_budgets(),
        this_machine=False,
        speed=candidate.speed,
    )
    choice = Choice(
        label=label,
        quant=candidate.quant,
        **told(estimate.settings),
        total_layers=estimator.total_layers,
        devices=estimate.devices,
        fits=True,
        speed=candidate.speed,
        quality=candidate.quality,
        reasons=reasons(estimator, site, wishes, candidate, ranked[0], ranked),
        commands={},
        use_devices=site.named(candidate.devices),
        device_numbers=site.numbers(candidate.devices),
        environment=site.environment(candidate.devices),
        download_bytes=None
        if model.path and candidate.quant == model.quant
        else estimator.tensor_bytes(candidate.quant),
        on_disk=model.path if _is_on_disk(model, candidate.quant) else None,
    )
    lines = {engine: command(choice, model, backend) for engine, command in commands.items()}
    return msgspec.structs.replace(
        choice, commands={engine: line for engine, line in lines.items() if line is not None}
    )


def _model(
    estimator: Estimator, choices: tuple[Choice, ...], misfits: Mapping[str, object]
) -> ModelInEstimate:
    quant = choices[0].quant if choices else next(iter(misfits), "")
    model = estimator.model
    return model_in_estimate(model, quant, estimator.tensor_bytes(quant) if quant else 0)
