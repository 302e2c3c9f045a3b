"""
Whether the choices of a recommendation stay within the budgets of a machine, found without the search.

Each printed command is read back, estimated anew, and compared with what is free and with what the choice says.
"""

from collections.abc import Callable, Mapping

import msgspec

from benchmarks import budgets_words
from benchmarks.budgets_words import Configuration, UnreadableError
from llmprobe.engines._shared.model_files import quant_in_name
from llmprobe.estimation import Estimator
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.plan import Plan
from llmprobe.facts.recommendation import Choice, Recommendation
from llmprobe.units import MIB

RESERVE_BYTES = 512 * MIB
"""What is kept free on every device and in RAM, where nothing else is asked for."""

_READERS: Mapping[str, Callable[[str, Snapshot, ModelSpec, str | None], Configuration]] = {
    "llama.cpp": budgets_words.llama_cpp,
    "llama-cli": budgets_words.llama_cpp,
    "ollama": budgets_words.ollama,
}
_PARTS = ("weights_bytes", "cache_bytes", "compute_bytes", "output_bytes", "overhead_bytes", "total_bytes")


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """
    What was found of one choice: the ``faults``, of which ``over`` are beyond a budget, and where least is left.
    """

    faults: tuple[str, ...]
    over: bool
    least_left_bytes: int | None
    least_left_at: str


_WITHOUT_DEVICES = "--device none -ngl 0 --fit off"


def check(
    choice: Choice, answer: Recommendation | Plan, model: ModelSpec, snapshot: Snapshot, estimator: Estimator
) -> Checked:
    """
    The faults of a choice of an answer. ``estimator`` must not be the one that the search used.
    """
    faults = [] if choice.fits else ["it does not say that it fits"]
    asked = answer.wishes.ctx_size or 0
    if choice.ctx_size < asked:
        faults.append(f"a context of {choice.ctx_size} instead of {asked}")
    left: dict[str, int | None] = {}
    seen: list[Configuration] = []
    for engine, words in choice.commands.items():
        if engine == "ollama" and (choice.n_cpu_moe or choice.cpu_moe_layers):
            # The Modelfile leaves the placement to the engine.
            continue
        # Devices that nobody looked at are left to the engine; told is what it takes where it finds none.
        left_to_it = f" {_WITHOUT_DEVICES}" if choice.leaves_devices and engine != "ollama" else ""
        try:
            configuration = _READERS[engine](words + left_to_it, snapshot, model, _backend(choice, snapshot))
        except UnreadableError as error:
            faults.append(f"{engine}: {error}")
            continue
        if configuration not in seen:
            seen.append(configuration)
            faults += [f"{engine}: {fault}" for fault in _differences(choice, configuration, estimator)]
            for where, size in _left(configuration, choice.quant, snapshot, estimator).items():
                before = left.get(where, size)
                left[where] = None if size is None or before is None else min(size, before)
    over = [
        f"{where} lacks {'it is unknown what' if size is None else -size}"
        for where, size in left.items()
        if size is None or size < 0
    ]
    known = {where: size for where, size in left.items() if size is not None}
    least = min(known, key=lambda where: known[where], default="")
    return Checked(
        faults=(*faults, *over), over=bool(over), least_left_bytes=known.get(least), least_left_at=least
    )


def room(snapshot: Snapshot, reserve_bytes: int = RESERVE_BYTES) -> dict[tuple[str, ...], int | None]:
    """
    The bytes that each device, and each set of devices that share a pool, may take together; None is unknown.

    Of memory that host and accelerator share, each has its own bound and both together what is free.
    """
    pools = {pool.id: pool for pool in snapshot.pools}
    users: dict[str, list[str]] = {pool: [] for pool in pools}
    for one in snapshot.accelerators:
        if one.usable and one.pools:
            users[one.pools[0]].append(one.id)
    found: dict[tuple[str, ...], int | None] = {}
    for pool in pools.values():
        together = tuple(users[pool.id])
        if together:
            found[together] = _less(pool.budget_bytes, reserve_bytes)
        if pool.id != "ram":
            continue
        if pool.kind == "unified":
            own = pool.free_bytes if pool.host_budget_bytes is None else pool.host_budget_bytes
            found[("host",)] = _less(own, reserve_bytes)
            found[("host", *together)] = _less(pool.free_bytes, reserve_bytes)
        else:
            found[("host",)] = _less(pool.budget_bytes, reserve_bytes)
    return found


def _less(size: int | None, reserve_bytes: int) -> int | None:
    return None if size is None else size - reserve_bytes


def _left(
    configuration: Configuration, quant: str, snapshot: Snapshot, estimator: Estimator
) -> dict[str, int | None]:
    """
    The bytes that a configuration leaves of every room that it uses, by the devices that share it.
    """
    devices = estimator.devices(quant, configuration.settings, configuration.hardware)
    totals = {device.id: device.held_bytes for device in devices}
    rooms = room(snapshot)
    used = {devices: size for devices, size in rooms.items() if totals.keys() & set(devices)}
    left: dict[str, int | None] = {
        " + ".join(devices): None if size is None else size - sum(totals.get(one, 0) for one in devices)
        for devices, size in used.items()
    }
    unknown = totals.keys() - {one for devices in used for one in devices}
    return left | dict.fromkeys(unknown)


def _quant_of(file: str) -> str | None:
    """
    Return the type that a file says, or a name of Ollama's, whose models of one type only say none.
    """
    said = quant_in_name(file.replace(":", "-").replace("-fp16", "-F16"))
    return said if said is not None or ":" in file else ""


def _differences(choice: Choice, configuration: Configuration, estimator: Estimator) -> list[str]:
    """
    Return where a choice says other than what its command comes to.
    """
    faults = []
    file = configuration.file
    if choice.on_disk != file and _quant_of(file) not in (None, choice.quant):
        faults.append(f"{file} is not {choice.quant}")
    again = estimator.devices(choice.quant, configuration.settings, configuration.hardware)
    ids = [device.id for device in choice.devices]
    if [device.id for device in again] != ids:
        faults.append(f"it uses {[device.id for device in again]}, and {ids} are told")
    by_id = {device.id: device for device in again}
    other = [
        f"{told.id} {part} {getattr(by_id[told.id], part):,} instead of {getattr(told, part):,}"
        for told in choice.devices
        for part in (_PARTS if told.id in by_id else ())
        if getattr(told, part) != getattr(by_id[told.id], part)
    ]
    if other:
        faults.append(f"it takes {', '.join(other)}")
    return faults


def _backend(choice: Choice, snapshot: Snapshot) -> str | None:
    """
    Return the backend of the build that the command is for: that of the devices told, or of the machine's first.
    """
    told = {device.id for device in choice.devices}
    there = [one for one in snapshot.accelerators if one.usable and one.backend is not None]
    used = [one for one in there if one.id in told]
    return next((one.backend for one in used or there), None)
