"""
What would change a recommendation: each change is another recommendation, for a machine or wishes that differ in one
thing, or the memory that is missing for a better placement.
"""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Literal

import msgspec

from llmprobe.advise.choose.candidates import quants_for
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.quality import NO_LOSS
from llmprobe.advise.choose.rated import rated
from llmprobe.advise.choose.shown import WORTH_SHOWING
from llmprobe.advise.explain.differences import in_short, of_choice, pace
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.settings import usual_flash
from llmprobe.estimation.speed.generation import generation_speed
from llmprobe.facts.machine import Holder, Snapshot
from llmprobe.facts.recommendation import Quality, Recommendation, Wishes
from llmprobe.facts.settings import Settings
from llmprobe.machine.wired_limit import raised
from llmprobe.site.site import survey
from llmprobe.units import GIB, MIB
from llmprobe.words.message import Message, message

Again = Callable[[Snapshot, Wishes], Recommendation]
"""Asks for another recommendation of the same model."""

WORTH_FREEING_BYTES = GIB // 4
"""Memory in use by other programs from which it is worth a line."""

HOLDERS_NAMED = 3

LEAST_RESERVE_MIB = 128
"""No smaller reserve is proposed: a desktop and a driver take as much from one minute to the next."""

_PRIORITIES: tuple[Literal["balanced", "quality", "speed"], ...] = ("balanced", "quality", "speed")


def changes(
    problem: Problem,
    snapshot: Snapshot,
    answer: Recommendation,
    again: Again,
    *,
    freed_is_noted: bool = False,
) -> tuple[Message, ...]:
    """
    What would change an answer that has choices, what costs nothing last; what freed memory would change only where
    no note reports it already.
    """
    what_if = WhatIf(problem, snapshot, answer, again)
    return (
        *what_if.more_memory(),
        *what_if.less_reserved(),
        *(() if freed_is_noted else what_if.freed()),
        *what_if.raised(),
        *what_if.longer(),
        *what_if.other_wishes(),
    )


class WhatIf:
    """
    An answer, and the questions that differ from its own in one thing.
    """

    def __init__(self, problem: Problem, snapshot: Snapshot, answer: Recommendation, again: Again) -> None:
        self._problem = problem
        self._snapshot = snapshot
        self._answer = answer
        self._again = again
        self._best = answer.choices[0]
        self._now = of_choice(self._best)
        self._wishes = answer.wishes

    def more_memory(self) -> Iterator[Message]:
        """
        The memory that is missing for everything on the GPUs, and for a quantization that loses less.
        """
        if self._best.gpu_layers and not self._now.whole:
            yield from self._more_on_gpu(self._best.quant)
        lacking = {one.what: one.missing_bytes for one in self._answer.rejected if one.missing_bytes}
        finer = self._finer()
        rejected = {one.what for one in self._answer.rejected}
        if self._now.whole:
            partial = (self._more_on_gpu(quant) for quant in finer if quant not in rejected)
            yield from islice(chain.from_iterable(partial), 1)
        misfit = next((quant for quant in finer if quant in lacking), None)
        if misfit is not None:
            yield message(
                "change.more-memory",
                missing_bytes=lacking[misfit],
                quant=misfit,
                quality=finer[misfit].words,
            )

    def _more_on_gpu(self, quant: str) -> Iterator[Message]:
        """
        What the GPUs lack for all of a quantization, if they do, and how fast it would then be.
        """
        best, site, estimator = self._best, self._problem.site, self._problem.estimator
        devices = site.device_sets[0]
        if best.use_devices is not None:
            devices = tuple(device for device in devices if device.id in best.use_devices)
        settings = Settings(
            ctx_size=best.ctx_size,
            parallel=best.parallel,
            cache_type_k=best.cache_type_k,
            cache_type_v=best.cache_type_v,
            flash_attn=usual_flash(estimator.model.architecture),
        )
        case = self._problem.case(quant, settings, devices)
        whole = case.placed(None)
        wanted = sum(size for device, size in case.totals(whole).items() if device != HOST)
        missing = wanted - sum(max(0, site.capacities[device.id] or 0) for device in devices)
        if missing <= 0 or site.unified:
            return
        speed = generation_speed(
            estimator.shares(quant, whole, case.hardware, ram_bandwidth=site.ram_bandwidth_bytes_per_s),
            moe=estimator.is_moe,
            quant=quant,
            processor=site.processor,
        ).generation_tokens_per_s
        yield message(
            "change.more-on-gpu",
            missing_bytes=missing,
            devices=tuple(device.id for device in devices),
            quant=quant,
            pace=pace(speed, best.speed.generation_tokens_per_s),
        )

    def _finer(self) -> dict[str, Quality]:
        """
        The quantizations that lose less than the first choice, the nearest first, up to one whose loss nobody notices.
        """
        best = self._best
        if best.quality.value is None or best.quality.value <= NO_LOSS:
            return {}
        known = {
            quant: rated(self._problem.estimator, quant, self._problem.site.abilities)
            for quant in quants_for(self._problem.estimator, self._wishes)
        }
        finer = {
            quant: one.value
            for quant, one in known.items()
            if quant != best.quant and one.value is not None and one.value < best.quality.value
        }
        nearest = sorted(finer, key=lambda quant: -finer[quant])
        noticed = [quant for quant in nearest if finer[quant] > NO_LOSS]
        enough = [quant for quant in nearest if finer[quant] <= NO_LOSS][:1]
        return {quant: known[quant] for quant in (*noticed, *enough)}

    def less_reserved(self) -> Iterator[Message]:
        """
        The answer with a smaller reserve, where something is short by no more than that.
        """
        missing = min((one.missing_bytes for one in self._answer.rejected if one.missing_bytes), default=None)
        if missing is None:
            return
        reserve = self._problem.site.reserve_bytes
        left = (reserve - missing) // MIB
        if left < LEAST_RESERVE_MIB:
            return
        other = self._other(reserve_bytes=left * MIB)
        if other is not None:
            yield message("change.less-reserved", reserve_mib=left, instead_bytes=reserve, choice=other)

    def freed(self) -> Iterator[Message]:
        """
        The answer if other programs ended, where they use much.
        """
        idle = msgspec.structs.replace(self._wishes, assume_idle=True)
        now, then = survey(self._snapshot, self._wishes), survey(self._snapshot, idle)
        gained = {
            device: (then.budgets[device] or 0) - budget
            for device, budget in now.budgets.items()
            if budget is not None
        }
        gained = {device: size for device, size in gained.items() if size >= WORTH_FREEING_BYTES}
        other = self._other(assume_idle=True) if gained else None
        if other is None:
            return
        found = []
        for device, size in gained.items():
            if now.unified and now.pools[device] == "ram" and device != HOST:
                continue
            pool = self._snapshot.pool(now.pools[device])
            found.append(held(None if device == HOST else device, size, pool.held_by if pool else ()))
        yield message("change.freed", held=tuple(found), choice=other)

    def raised(self) -> Iterator[Message]:
        """
        The answer with a Mac's limit raised as the finding proposes.
        """
        found = next((one for one in self._snapshot.findings if one.id == "mac-wired-limit"), None)
        if found is None or found.remedy is None or not found.remedy.commands:
            return
        pool = self._snapshot.pool("ram")
        then = None if pool is None else raised(pool)
        if pool is None or then is None:
            return
        pools = tuple(then if one is pool else one for one in self._snapshot.pools)
        yield message(
            "change.wired-limit",
            command=found.remedy.commands[0],
            usable_bytes=then.budget_bytes,
            instead_bytes=pool.budget_bytes,
            choice=self._other(msgspec.structs.replace(self._snapshot, pools=pools)),
        )

    def longer(self) -> Iterator[Message]:
        """
        The answer for a context twice as long.
        """
        longer, trained = 2 * self._best.ctx_size, self._problem.estimator.model.max_context
        if self._wishes.max_ctx or (trained is not None and longer > trained):
            return
        answer = self._again(self._snapshot, msgspec.structs.replace(self._wishes, ctx_size=longer))
        if answer.choices:
            choice = in_short(of_choice(answer.choices[0]), self._now, full=True)
            yield message("change.context", ctx_size=longer, choice=choice)
        else:
            least = min((one.missing_bytes for one in answer.rejected if one.missing_bytes), default=None)
            yield message("change.context-too-long", ctx_size=longer, missing_bytes=least)

    def other_wishes(self) -> Iterator[Message]:
        """
        The answers without requested settings, and with other priorities, where they differ.
        """
        wishes = self._wishes
        if wishes.quants and (other := self._other(quants=())):
            yield message("change.without-quant", choice=other)
        requested = wishes.cache_type_k or wishes.cache_type_v
        if requested and (other := self._other(cache_type_k=None, cache_type_v=None)):
            yield message("change.without-cache-type", choice=other)
        for priority in _PRIORITIES:
            if priority != wishes.priority and (other := self._other(priority=priority)):
                yield message("change.priority", priority=priority, choice=other)

    def _other(self, snapshot: Snapshot | None = None, **wishes: object) -> Message | None:
        """
        The first choice for changed wishes in short, None where it is the same or there is none.
        """
        answer = self._again(snapshot or self._snapshot, msgspec.structs.replace(self._wishes, **wishes))
        if not answer.choices:
            return None
        best, other = self._best, answer.choices[0]
        now, then = best.speed.generation_tokens_per_s, other.speed.generation_tokens_per_s
        faster = now and then and then.likely > now.likely * WORTH_SHOWING
        same = (other.quant, other.ctx_size, other.cache_type_k) == (
            best.quant,
            best.ctx_size,
            best.cache_type_k,
        )
        return None if same and not faster else in_short(of_choice(other), self._now)


def held(device: str | None, size: int, holders: tuple[Holder, ...]) -> Message:
    """
    Memory that programs hold of a device, or of RAM (None), and which of them the most.
    """
    names = _named(holders)
    if device is None:
        return message("held.ram", bytes=size, holders=names)
    return message("held.device", bytes=size, device=device, holders=names)


def _named(holders: tuple[Holder, ...]) -> tuple[Message, ...]:
    """
    The processes that use the most.
    """
    known = [one for one in holders if one.name and one.used_bytes]
    most = sorted(known, key=lambda one: -(one.used_bytes or 0))[:HOLDERS_NAMED]
    return tuple(message("holder.bytes", name=one.name, bytes=one.used_bytes) for one in most)
