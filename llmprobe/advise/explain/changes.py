"""
What would change a recommendation: each sentence is another recommendation, for a machine or wishes that differ in one
thing, or the memory that is missing for a better placement.
"""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Literal

import msgspec

from llmprobe.advise.choose.candidates import quants_for
from llmprobe.advise.choose.quality import quality
from llmprobe.advise.explain.notes import SHOWN_IDLE
from llmprobe.advise.explain.reasons import WORTH_SAYING, pace
from llmprobe.advise.recommend import NO_LOSS
from llmprobe.advise.search.case import Case
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.kept import estimator_of
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.speed.generation import generation_speed
from llmprobe.facts.engine import Abilities
from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.machine import Holder, Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Quality, Recommendation, Wishes
from llmprobe.facts.settings import Settings
from llmprobe.site.site import Site, survey
from llmprobe.units import GIB, MIB, format_bytes

Again = Callable[[Snapshot, Wishes], Recommendation]
"""Asks for another recommendation of the same model."""

WORTH_FREEING_BYTES = GIB // 4
"""What other programs hold is worth a sentence from here on."""

HOLDERS_NAMED = 3

LEAST_RESERVE_MIB = 128
"""Less than this is not proposed to be kept free: a desktop and a driver take as much from one minute to the next."""

_PRIORITIES: tuple[Literal["balanced", "quality", "speed"], ...] = ("balanced", "quality", "speed")


def changes(
    model: ModelSpec,
    snapshot: Snapshot,
    answer: Recommendation,
    again: Again,
    abilities: Abilities,
) -> tuple[str, ...]:
    """
    Return what would change an answer that has choices, what costs nothing last.
    """
    best, wishes = answer.choices[0], answer.wishes
    site = msgspec.structs.replace(survey(snapshot, wishes), abilities=abilities)
    estimator = estimator_of(model)
    return (
        *_more_memory(estimator, site, answer),
        *_reserved(site, snapshot, answer, again),
        *_freed(snapshot, answer, again),
        *_raised(snapshot, wishes, best, again),
        *_context(model, snapshot, wishes, best, again),
        *_asked(snapshot, wishes, best, again),
    )


def _more_memory(estimator: Estimator, site: Site, answer: Recommendation) -> Iterator[str]:
    """
    Yield what is missing for everything on the GPUs, and for a quantization that loses less.
    """
    best = answer.choices[0]
    if best.gpu_layers and not _is_whole(best):
        yield from _whole(estimator, site, best, best.quant)
    lacking = {one.what: one.missing_bytes for one in answer.rejected if one.missing_bytes}
    finer = _finer(estimator, answer)
    rejected = {one.what for one in answer.rejected}
    if _is_whole(best):
        partial = (_whole(estimator, site, best, quant) for quant in finer if quant not in rejected)
        yield from islice(chain.from_iterable(partial), 1)
    misfit = next((quant for quant in finer if quant in lacking), None)
    if misfit is not None:
        yield f"{format_bytes(lacking[misfit])} more memory: {misfit} ({finer[misfit].words}) would fit"


def _whole(estimator: Estimator, site: Site, best: Choice, quant: str) -> Iterator[str]:
    """
    Yield what the GPUs lack for all of a quantization, if they do, and how fast it would then be.
    """
    devices = site.device_sets[0]
    if best.use_devices is not None:
        devices = tuple(device for device in devices if device.id in best.use_devices)
    settings = Settings(
        ctx_size=best.ctx_size,
        parallel=best.parallel,
        cache_type_k=best.cache_type_k,
        cache_type_v=best.cache_type_v,
    )
    case = Case(estimator=estimator, quant=quant, settings=settings, devices=devices, site=site)
    whole = case.placed(None)
    totals = case.totals(whole)
    wanted = sum(size for device, size in totals.items() if device != HOST)
    missing = wanted - sum(max(0, site.capacities[device.id] or 0) for device in devices)
    if missing <= 0 or site.unified:
        return
    speed = generation_speed(
        estimator.shares(quant, whole, case.hardware, ram_bandwidth=site.ram_bandwidth_bytes_per_s),
        moe=estimator.is_moe,
        quant=quant,
        processor=site.processor,
    ).generation_tokens_per_s
    names = " and ".join(device.id for device in devices)
    together = " together" if len(devices) > 1 else ""
    about = _instead(speed, best.speed.generation_tokens_per_s)
    yield f"{format_bytes(missing)} more on {names}{together}: all of {quant} there{about}"


def _finer(estimator: Estimator, answer: Recommendation) -> dict[str, Quality]:
    """
    Return the quantizations that lose less than the first choice, the nearest first, up to one whose loss nobody
    notices.
    """
    best, model = answer.choices[0], estimator.model
    if best.quality.value is None or best.quality.value <= NO_LOSS:
        return {}
    known = {
        quant: quality(
            quant,
            model.parameters,
            native=quant == model.published_quant,
            model=model.id,
            architecture=model.architecture,
        )
        for quant in quants_for(estimator, answer.wishes)
    }
    finer = {
        quant: one.value
        for quant, one in known.items()
        if quant != best.quant and one.value is not None and one.value < best.quality.value
    }
    noticed = [quant for quant in sorted(finer, key=lambda quant: -finer[quant]) if finer[quant] > NO_LOSS]
    enough = sorted((quant for quant in finer if quant not in noticed), key=lambda quant: -finer[quant])[:1]
    return {quant: known[quant] for quant in (*noticed, *enough)}


def _reserved(site: Site, snapshot: Snapshot, answer: Recommendation, again: Again) -> Iterator[str]:
    """
    Yield the answer with less kept free, where something lacks no more than that.
    """
    missing = min((one.missing_bytes for one in answer.rejected if one.missing_bytes), default=None)
    if missing is None:
        return
    left = (site.reserve_bytes - missing) // MIB
    if left < LEAST_RESERVE_MIB:
        return
    best, wishes = answer.choices[0], answer.wishes
    other = _other(again, snapshot, wishes, best, reserve_bytes=left * MIB)
    if other is not None:
        yield f"{left} instead of {format_bytes(site.reserve_bytes)} kept free (--reserve {left}MiB): {other}"


def _freed(snapshot: Snapshot, answer: Recommendation, again: Again) -> Iterator[str]:
    """
    Yield the answer if other programs ended, where they hold much and no note says it already.
    """
    wishes, best = answer.wishes, answer.choices[0]
    if any(note.endswith(SHOWN_IDLE) for note in answer.notes):
        return
    idle = msgspec.structs.replace(wishes, assume_idle=True)
    now, then = survey(snapshot, wishes), survey(snapshot, idle)
    held = {
        device: (then.budgets[device] or 0) - budget
        for device, budget in now.budgets.items()
        if budget is not None
    }
    held = {device: size for device, size in held.items() if size >= WORTH_FREEING_BYTES}
    other = _other(again, snapshot, wishes, best, assume_idle=True) if held else None
    if other is None:
        return
    parts = []
    for device, size in held.items():
        if now.unified and now.pools[device] == "ram" and device != HOST:
            continue
        where = "RAM with the system's own share" if device == HOST else device
        pool = snapshot.pool(now.pools[device])
        named = _named(pool.held_by if pool else ())
        parts.append(f"{format_bytes(size)} of {where}{named}")
    yield f"without what other programs hold, {' and '.join(parts)}: {other} (--assume-idle)"


def _named(holders: tuple[Holder, ...]) -> str:
    """
    Return the processes that hold the most.
    """
    known = [one for one in holders if one.name and one.used_bytes]
    most = sorted(known, key=lambda one: -(one.used_bytes or 0))[:HOLDERS_NAMED]
    said = ", ".join(f"{one.name} {format_bytes(one.used_bytes or 0)}" for one in most)
    return f" ({said})" if said else ""


def _raised(snapshot: Snapshot, wishes: Wishes, best: Choice, again: Again) -> Iterator[str]:
    """
    Yield the answer with a Mac's limit raised as the finding says.
    """
    found = next((one for one in snapshot.findings if one.id == "mac-wired-limit"), None)
    pool = snapshot.pool("ram")
    if found is None or found.remedy is None or not found.remedy.commands or pool is None:
        return
    command = found.remedy.commands[0]
    limit = int(command.rpartition("=")[2]) * MIB
    if pool.free_bytes is None or pool.budget_bytes is None:
        return
    budget = min(pool.free_bytes, limit)
    if budget <= pool.budget_bytes:
        return
    raised = msgspec.structs.replace(pool, budget_bytes=budget)
    pools = tuple(raised if one is pool else one for one in snapshot.pools)
    other = _other(again, msgspec.structs.replace(snapshot, pools=pools), wishes, best)
    more = f"{format_bytes(budget)} instead of {format_bytes(pool.budget_bytes)}"
    yield f"with the limit of the GPU's memory raised ({command}), {more} usable: {other or 'the same answer'}"


def _context(
    model: ModelSpec, snapshot: Snapshot, wishes: Wishes, best: Choice, again: Again
) -> Iterator[str]:
    """
    Yield the answer for a context twice as long.
    """
    longer = 2 * best.ctx_size
    if wishes.max_ctx or (model.max_context is not None and longer > model.max_context):
        return
    answer = again(snapshot, msgspec.structs.replace(wishes, ctx_size=longer))
    if not answer.choices:
        least = min((one.missing_bytes for one in answer.rejected if one.missing_bytes), default=None)
        lacking = f", {format_bytes(least)} are missing" if least else ""
        yield f"a context of {longer} (-c {longer}): nothing fits{lacking}"
    else:
        yield f"a context of {longer} (-c {longer}): {_in_short(answer.choices[0], best, full=True)}"


def _asked(snapshot: Snapshot, wishes: Wishes, best: Choice, again: Again) -> Iterator[str]:
    """
    Yield the answers without what was asked for, and with other priorities, where they differ.
    """
    if wishes.quants and (other := _other(again, snapshot, wishes, best, quants=())):
        yield f"without --quant: {other}"
    asked = wishes.cache_type_k or wishes.cache_type_v
    if asked and (other := _other(again, snapshot, wishes, best, cache_type_k=None, cache_type_v=None)):
        yield f"without -ctk and -ctv: {other}"
    for priority in _PRIORITIES:
        if priority != wishes.priority and (
            other := _other(again, snapshot, wishes, best, priority=priority)
        ):
            yield f"--priority {priority}: {other}"


def _other(again: Again, snapshot: Snapshot, wishes: Wishes, best: Choice, **changed: object) -> str | None:
    """
    Return the first choice for changed wishes in short, None where it is the same or there is none.
    """
    answer = again(snapshot, msgspec.structs.replace(wishes, **changed))
    if not answer.choices:
        return None
    other = answer.choices[0]
    mine, theirs = best.speed.generation_tokens_per_s, other.speed.generation_tokens_per_s
    faster = mine and theirs and theirs.likely > mine.likely * WORTH_SAYING
    same = (other.quant, other.ctx_size, other.cache_type_k) == (best.quant, best.ctx_size, best.cache_type_k)
    return None if same and not faster else _in_short(other, best)


def _in_short(choice: Choice, best: Choice, *, full: bool = False) -> str:
    """
    Return a choice in a few words: the quantization, what lies elsewhere, and the speed, ``full`` that at the end of
    either context.
    """
    still = choice.quant == best.quant
    parts = [f"still {choice.quant}" if still else f"{choice.quant} ({choice.quality.words})"]
    kept, before = _experts(choice), _experts(best)
    if _is_whole(choice) and not _is_whole(best):
        parts.append("all on the GPU")
    if choice.gpu_layers != best.gpu_layers and not _is_whole(choice):
        parts.append(f"{choice.gpu_layers} instead of {best.gpu_layers} layers on the GPU")
    if kept != before and not _is_whole(choice):
        parts.append(f"the experts of {kept} instead of {before} layers in RAM")
    if choice.cache_type_k != best.cache_type_k:
        parts.append(f"a cache of {choice.cache_type_k}")
    if choice.kv_offload != best.kv_offload:
        parts.append("the cache in RAM" if best.kv_offload else "the cache on the GPU")
    if not full and choice.ctx_size != best.ctx_size:
        parts.append(f"{choice.ctx_size} tokens of context")
    speed, before_speed = choice.speed, best.speed
    at_full = _instead(
        speed.generation_at_full_context_tokens_per_s, before_speed.generation_at_full_context_tokens_per_s
    )
    said = ", ".join(parts)
    if full:
        return f"{said}{at_full} when it is full" if at_full else said
    said += _instead(speed.generation_tokens_per_s, before_speed.generation_tokens_per_s)
    return f"{said}{at_full} when the context is full" if _turns(speed, before_speed) else said


def _turns(speed: Speed, before: Speed) -> bool:
    """
    Tell whether what is slower at a short context is faster at a full one.
    """
    short, then = speed.generation_tokens_per_s, before.generation_tokens_per_s
    full, full_then = (
        speed.generation_at_full_context_tokens_per_s,
        before.generation_at_full_context_tokens_per_s,
    )
    if not (short and then and full and full_then):
        return False
    return short.likely < then.likely and full.likely > full_then.likely


def _instead(speed: Range | None, before: Range | None) -> str:
    """
    Return the end of a sentence: a speed beside another, where it is known.
    """
    if speed is None:
        return ""
    now, then = pace(speed.likely), None if before is None else pace(before.likely)
    if then is None:
        return f", about {now} tokens/s"
    return f", about {now} tokens/s as well" if now == then else f", about {now} instead of {then} tokens/s"


def _experts(choice: Choice) -> int:
    return choice.n_cpu_moe + len(choice.cpu_moe_layers)


def _is_whole(choice: Choice) -> bool:
    return choice.gpu_layers == choice.total_layers and not _experts(choice)
