"""
What is worth knowing beside the choices: the context in force, unknown speeds, and memory that could be freed.
"""

from collections.abc import Iterator, Mapping

import msgspec

from llmprobe.advise.choose import rated
from llmprobe.advise.choose.candidates import find, quants_for
from llmprobe.advise.choose.context import requested
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.quality import agreement
from llmprobe.advise.choose.ranking import spared
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.advise.explain import verdict
from llmprobe.advise.explain.differences import pace
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.settings import rounding, slot_sizes
from llmprobe.facts.devices import Device
from llmprobe.facts.engine import unload_command
from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Holder, MemoryPool, Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Wishes
from llmprobe.machine.budget import given_back
from llmprobe.machine.probing import vendor
from llmprobe.site.devices import about_bandwidth
from llmprobe.site.site import survey
from llmprobe.units import GIB
from llmprobe.words.message import Message, message

FINDINGS_BESIDE_CHOICES = frozenset(
    {"mac-wired-limit", "apu-carveout", "memory-assumed", "cpu-not-listed", "no-nvlink"}
)
"""
Notes on the machine whose remedy makes more memory usable or names what was assumed, and so belong beside the choices.
"""

FINDINGS_ABOUT_USE = frozenset({"vram-held", "model-loaded"})
"""Who uses memory now."""

WORTH_FREEING_BYTES = GIB
"""The memory of a GPU in use by other programs from which a second search is worth its time."""

CLEARLY_FASTER = 1.5
MOST_TRIED = 3
HOLDERS_NAMED = 2


def findings(snapshot: Snapshot, wishes: Wishes) -> tuple[Finding, ...]:
    """
    The findings of a machine that matter to a choice; what other programs hold does not where it is counted as free.
    """
    answered = FINDINGS_ABOUT_USE if wishes.assume_idle else frozenset()
    return tuple(
        one
        for one in snapshot.findings
        if one.id not in answered
        if one.severity != "note" or (one.id in FINDINGS_BESIDE_CHOICES and one.remedy is not None)
    )


def of_folder(problem: Problem) -> Iterator[Message]:
    """
    What weights that are quantized as they are published lose, beside the same model in 16 bits.
    """
    folder = problem.estimator.model.folder
    found = None if folder is None else rated.of_folder(problem.estimator)
    if folder is not None and found is not None:
        divergence, words = found
        yield message("note.folder-loses", format=folder.format, quality=words, percent=agreement(divergence))


def of_context(model: ModelSpec, wishes: Wishes) -> Iterator[Message]:
    """
    Notes where the context in force is not the requested one, or is too long for the model.
    """
    size, trained = requested(model, wishes), model.max_context
    if wishes.max_ctx:
        yield message("note.context-longest", max_context=size)
        return
    if wishes.ctx_size is None:
        yield message("note.context-default", ctx_size=size)
    yield from rounding(size, wishes.parallel)
    _, per_slot = slot_sizes(size, wishes.parallel)
    if trained is not None and per_slot > max(trained, slot_sizes(trained, 1)[0]):
        yield message("note.beyond-training", ctx_size=per_slot, max_context=trained, model=model.name)


def of_speed(problem: Problem, snapshot: Snapshot, shown: list[Candidate]) -> Iterator[Message]:
    """
    Notes where a speed rests on a rate of the RAM or of a device that nobody told.
    """
    about = problem.site.processor.ram_about
    from_ram = any(not one.is_whole(problem.estimator) for one in shown)
    if problem.estimator.generates and from_ram and about is not None:
        rate = problem.site.ram_bandwidth_bytes_per_s
        yield message(
            "note.ram-bandwidth-assumed", bytes_per_s=rate, about=about, remedy=_measurable(snapshot)
        )
    corrected = {
        str(one.speed.reason.values["correction"]): one.speed.reason.values["correction"]
        for one in shown
        if one.speed.reason.id == "speed.corrected"
    }
    for correction in corrected.values():
        yield message("note.speed-corrected", correction=correction)
    for device in dict.fromkeys(device for one in shown for device in one.devices):
        if device.bandwidth_low < 1:
            yield about_bandwidth(device, _nameable(snapshot, device))


def of_min_speed(wishes: Wishes, shown: list[Candidate]) -> Iterator[Message]:
    """
    A note where the first choice is likely as fast as requested and may yet be slower.
    """
    speed = shown[0].speed.generation_tokens_per_s if shown else None
    if wishes.min_speed is not None and speed is not None and speed.low < wishes.min_speed <= speed.likely:
        yield message(
            "note.may-be-slower",
            low=speed.low,
            high=speed.high,
            tokens_per_s=speed.likely,
            min_tokens_per_s=wishes.min_speed,
        )


def _nameable(snapshot: Snapshot, device: Device) -> Message | None:
    """
    How the bandwidth of a device of a hypothetical machine can be told.
    """
    if snapshot.origin != "hypothetical":
        return None
    return _named_ram(snapshot) if device.pool == "ram" else message("remedy.bandwidth-hypothetical")


def _named_ram(snapshot: Snapshot) -> Message:
    ram = snapshot.pool("ram")
    return message("remedy.ram-bandwidth-hypothetical", gib=round(((ram and ram.total_bytes) or 0) / GIB))


def _measurable(snapshot: Snapshot) -> Message:
    """
    How the bandwidth of the RAM could be known.
    """
    host = snapshot.host
    if snapshot.this_machine:
        return message("remedy.ram-bandwidth-bench")
    if snapshot.origin == "hypothetical":
        return _named_ram(snapshot)
    if host.environment == "container":
        return message("remedy.ram-bandwidth-container")
    if host.environment in ("vm", "wsl"):
        return message("remedy.ram-bandwidth-vm")
    return message("remedy.ram-bandwidth-linux" if host.system == "linux" else "remedy.ram-bandwidth-other")


def freed(problem: Problem, best: Candidate | None, snapshot: Snapshot) -> Iterator[Message]:
    """
    A note where the answer would be clearly better with the GPUs' memory freed: who uses it, and how to free it.
    """
    site, estimator = problem.site, problem.estimator
    held = {
        device: pool for device, pool in _pools(problem, snapshot) if given_back(pool) >= WORTH_FREEING_BYTES
    }
    perfect = best is not None and best.is_whole(estimator) and not best.divergence
    if problem.wishes.assume_idle or not held or perfect:
        return
    idle = survey(snapshot, msgspec.structs.replace(problem.wishes, assume_idle=True))
    # The system's own share of RAM is never given back.
    idle = msgspec.structs.replace(
        idle,
        abilities=site.abilities,
        budgets={**idle.budgets, HOST: site.budgets[HOST]},
        capacities={**idle.capacities, HOST: site.capacities[HOST]},
    )
    again = problem.changed(
        site=idle, ctx_size=None if best is None else best.settings.ctx_size, max_ctx=False
    )
    found, _, _ = find(again.changed(quants=_tried(again, best)))
    if not found:
        return
    better = max(spared(found), key=lambda one: one.utility)
    if best is not None and not _is_clearly_better(better, best):
        return
    speed = better.speed.generation_tokens_per_s
    yield message(
        "note.freed",
        held=tuple(
            message("held.gpu", bytes=given_back(pool), device=device, holders=_named(pool.held_by))
            for device, pool in held.items()
        ),
        quant=better.quant,
        quality=better.quality.words,
        where=verdict.placed(again, better),
        pace=pace(speed, None if best is None else best.speed.generation_tokens_per_s),
        remedy=_free(snapshot, held),
    )


def _pools(problem: Problem, snapshot: Snapshot) -> Iterator[tuple[str, MemoryPool]]:
    """
    The devices that can be used and have memory of their own, with it.
    """
    for device, name in problem.site.pools.items():
        pool = snapshot.pool(name)
        if pool is not None and pool.kind == "vram" and problem.site.budgets[device] is not None:
            yield device, pool


def _tried(idle: Problem, best: Candidate | None) -> tuple[str, ...]:
    """
    The best quantizations of which all weights fit the devices, or as many of the smallest.
    """
    estimator, site = idle.estimator, idle.site
    known = quants_for(estimator, idle.wishes)
    room = sum(max(0, site.capacities[device.id] or 0) for device in site.device_sets[0])
    whole = [quant for quant in known if estimator.tensor_bytes(quant) < room]
    own = () if best is None else (best.quant,)
    return tuple(dict.fromkeys((*(whole or known[-MOST_TRIED:])[:MOST_TRIED], *own)))


def _is_clearly_better(better: Candidate, best: Candidate) -> bool:
    """
    Whether one loses noticeably less, or is much faster without losing more.
    """
    finer = better.quality.words != best.quality.words and better.divergence < best.divergence
    known = better.speed.generation_tokens_per_s is not None
    faster = known and better.ranking_speed > CLEARLY_FASTER * best.ranking_speed
    return better.utility > best.utility and (finer or faster)


def _named(holders: tuple[Holder, ...]) -> tuple[Message, ...]:
    """
    The processes that use the most.
    """
    named = sorted((one for one in holders if one.name), key=lambda one: -(one.used_bytes or 0))
    return tuple(message("holder.process", name=one.name, pid=one.pid) for one in named[:HOLDERS_NAMED])


def _free(snapshot: Snapshot, held: Mapping[str, MemoryPool]) -> Message:
    """
    How to free the memory: unload what an engine has loaded, or quit the programs that are known.
    """
    commands = (
        unload_command(engine.name, model.name)
        for engine in snapshot.engines
        for model in engine.loaded
        if model.vram_bytes != 0
    )
    unload = tuple(command for command in commands if command is not None)
    if unload:
        return message("remedy.unload", commands=unload)
    programs = tuple(name for pool in held.values() for name in _named(pool.held_by))
    if programs:
        return message("remedy.quit", programs=tuple(dict.fromkeys(programs)))
    vendors = {one.vendor for one in snapshot.accelerators if one.id in held}
    shown = [command for name in sorted(vendors) for command in vendor(name).lists_programs]
    return message("remedy.quit-gpu-programs", command=shown[0] if shown else None)
