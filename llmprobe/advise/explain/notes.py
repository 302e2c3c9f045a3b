"""
What is to be known beside the choices: the context that is in force, and what would make more memory usable.
"""

from collections.abc import Iterable

import msgspec

from llmprobe.advise.choose.candidates import find, quants_for
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.advise.explain.reasons import loss, pace
from llmprobe.errors import UsageError
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.settings import rounding, slot_sizes
from llmprobe.facts.machine import Holder, MemoryPool, Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Wishes
from llmprobe.site.site import Site, given_back, survey
from llmprobe.units import GIB, format_bytes

FINDINGS_THAT_ARE_OPTIONS = frozenset({"mac-wired-limit"})
"""Notes on the machine whose remedy makes more memory usable, and so belong beside the choices."""

DEFAULT_CONTEXT = 8192
"""Tokens, where none was asked for and the model was trained for at least as many."""

SHOWN_IDLE = "(--assume-idle shows it)"
"""Ends the note of what would run if other programs let go."""

WORTH_FREEING_BYTES = GIB
"""What other programs hold of a GPU is looked at from here on: a second search takes time."""

CLEARLY_FASTER = 1.5
MOST_TRIED = 3
HOLDERS_NAMED = 2


def options(snapshot: Snapshot) -> list[str]:
    """
    Return what would make more memory usable, each command on a line of its own.
    """
    return [
        "\n".join((f"{found.title}. {found.remedy.text}", *found.remedy.commands))
        for found in snapshot.findings
        if found.id in FINDINGS_THAT_ARE_OPTIONS and found.remedy is not None
    ]


def context(model: ModelSpec, wishes: Wishes, notes: list[str]) -> int:
    """
    Return the context over all slots that will be in force, and note where it is not what was asked for.

    Raises:
        UsageError: it is negative.
    """
    trained = model.max_context
    if wishes.max_ctx:
        notes.append(
            f"the longest context that fits, up to the {trained or DEFAULT_CONTEXT} the model was trained for"
        )
        return trained or DEFAULT_CONTEXT
    if wishes.ctx_size is None:
        ctx_size = min(DEFAULT_CONTEXT, trained or DEFAULT_CONTEXT)
        notes.append(f"a context of {ctx_size} tokens was taken, as none was asked for (-c)")
    elif wishes.ctx_size < 0:
        raise UsageError(f"a context of {wishes.ctx_size} tokens cannot be", hint="-c takes 1 or more")
    else:
        ctx_size = wishes.ctx_size or trained or DEFAULT_CONTEXT
    in_force, per_slot = slot_sizes(ctx_size, wishes.parallel)
    notes.extend(rounding(ctx_size, wishes.parallel))
    if trained is not None and per_slot > max(trained, slot_sizes(trained, 1)[0]):
        notes.append(f"{model.name} was trained for {trained} tokens; beyond that its answers degrade")
    return in_force


def freed(
    estimator: Estimator,
    site: Site,
    wishes: Wishes,
    ctx_size: int,
    best: Candidate | None,
    snapshot: Snapshot,
) -> tuple[str, ...]:
    """
    Return what would be clearly better if other programs let go of the GPUs' memory, and who holds it.
    """
    held = {
        device: pool for device, pool in _pools(snapshot, site) if given_back(pool) >= WORTH_FREEING_BYTES
    }
    if wishes.assume_idle or not held or (best is not None and best.is_whole(estimator) and not loss(best)):
        return ()
    idle = survey(snapshot, msgspec.structs.replace(wishes, assume_idle=True))
    # The system's own share of RAM is never given back.
    idle = msgspec.structs.replace(
        idle,
        abilities=site.abilities,
        budgets={**idle.budgets, HOST: site.budgets[HOST]},
        capacities={**idle.capacities, HOST: site.capacities[HOST]},
    )
    tried = _tried(estimator, idle, wishes, best)
    asked = msgspec.structs.replace(wishes, max_ctx=False, quants=tried)
    found, _, _ = find(estimator, idle, asked, ctx_size if best is None else best.settings.ctx_size)
    if not found:
        return ()
    better = max(found, key=lambda one: one.utility)
    if best is not None and not _is_clearly_better(better, best):
        return ()
    who = " and ".join(
        f"{format_bytes(given_back(pool))} of {device} in use{_by(pool.held_by)}"
        for device, pool in held.items()
    )
    return (f"{who}: freed, {_in_words(estimator, better, best)} {SHOWN_IDLE}",)


def _pools(snapshot: Snapshot, site: Site) -> Iterable[tuple[str, MemoryPool]]:
    """
    Yield the devices that can be used and have memory of their own, with it.
    """
    for device, name in site.pools.items():
        pool = snapshot.pool(name)
        if pool is not None and pool.kind == "vram" and site.budgets[device] is not None:
            yield device, pool


def _tried(estimator: Estimator, idle: Site, wishes: Wishes, best: Candidate | None) -> tuple[str, ...]:
    """
    Return the best quantizations of which all weights fit the devices, or as many of the smallest.
    """
    known = quants_for(estimator, wishes)
    room = sum(max(0, idle.capacities[device.id] or 0) for device in idle.device_sets[0])
    whole = [quant for quant in known if estimator.tensor_bytes(quant) < room]
    mine = () if best is None else (best.quant,)
    return tuple(dict.fromkeys((*(whole or known[-MOST_TRIED:])[:MOST_TRIED], *mine)))


def _is_clearly_better(better: Candidate, best: Candidate) -> bool:
    """
    Tell whether one loses noticeably less, or is much faster without losing more.
    """
    finer = better.quality.words != best.quality.words and loss(better) < loss(best)
    known = better.speed.generation_tokens_per_s is not None
    faster = known and better.ranking_speed > CLEARLY_FASTER * best.ranking_speed
    return better.utility > best.utility and (finer or faster)


def _by(holders: tuple[Holder, ...]) -> str:
    """
    Return who holds the most, with the number of the process.
    """
    named = sorted((one for one in holders if one.name), key=lambda one: -(one.used_bytes or 0))
    said = [
        f"{one.name}{'' if one.pid is None else f' (process {one.pid})'}" for one in named[:HOLDERS_NAMED]
    ]
    return f" by {' and '.join(said)}" if said else ""


def _in_words(estimator: Estimator, better: Candidate, best: Candidate | None) -> str:
    where = (
        "would run whole on the GPU"
        if better.is_whole(estimator)
        else f"would have {better.on_gpu} of {estimator.total_layers} layers on the GPU"
        + (f", with the experts of {better.host_experts} in RAM," if better.host_experts else "")
    )
    speed = better.speed.generation_tokens_per_s
    now = None if best is None else best.speed.generation_tokens_per_s
    pace_now = "" if now is None else f" instead of {pace(now.likely)}"
    rate = "" if speed is None else f" at about {pace(speed.likely)}{pace_now} tokens/s"
    return f"{better.quant} ({better.quality.words}) {where}{rate}"
