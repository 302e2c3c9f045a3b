"""
Where an estimate may place layers: on the devices of a machine, or on equal ones that are assumed.

What each needs is imported when it is called.
"""

from typing import TYPE_CHECKING, Literal

import msgspec

from llmprobe.errors import UsageError
from llmprobe.facts.backends import BACKENDS, BackendName
from llmprobe.words.message import message

if TYPE_CHECKING:
    from llmprobe.facts.devices import Device
    from llmprobe.facts.machine import Snapshot
    from llmprobe.facts.processor import Processor

Backend = Literal[BackendName, "cpu"]


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """
    The devices that an estimate may place layers on, and what each pool and device may take.
    """

    devices: "tuple[Device, ...]"
    budgets: dict[str, int | None]
    ram_bandwidth_bytes_per_s: int | None
    processor: "Processor | None"
    this_machine: bool
    cpu: Literal["x86", "arm"] = "x86"


def assumed(count: int | None, backend: Backend | None) -> Places:
    """
    So many equal devices (one where only a backend is named) of which nothing else is known.
    """
    from llmprobe.facts.devices import Device
    from llmprobe.site.devices import MOST_DEVICES

    known = (*(name for name, one in BACKENDS.items() if not one.remote), "cpu")
    if backend is not None and backend not in known:
        raise UsageError(
            message("error.backend-unknown", given=backend), hint=message("hint.one-of", names=known)
        )
    if backend == "cpu" and count:
        raise UsageError(
            message("error.cpu-without-devices", devices=count),
            hint=message("hint.no-devices-or-another-backend"),
        )
    if count is not None and (isinstance(count, bool) or not isinstance(count, int)):
        raise UsageError(
            message("error.setting-not-a-count", setting="devices", given=str(count)),
            hint=message("hint.whole-number"),
        )
    if count is not None and not 0 <= count <= MOST_DEVICES:
        raise UsageError(
            message("error.setting-out-of-range", setting="devices", given=count, least=0, most=MOST_DEVICES)
        )
    devices: tuple[Device, ...] = ()
    if backend != "cpu":
        devices = tuple(
            Device(id=f"gpu{number}", backend=backend or "cuda", pool=f"vram{number}")
            for number in range(1 if count is None else count)
        )
    return Places(
        devices=devices, budgets={}, ram_bandwidth_bytes_per_s=None, processor=None, this_machine=False
    )


def of_machine(snapshot: "Snapshot") -> Places:
    """
    What an engine uses of a machine by itself: all devices of the first one's backend, one MIG instance.
    """
    from llmprobe.facts.processor import cpu_kind
    from llmprobe.facts.recommendation import Wishes
    from llmprobe.site.devices import MOST_DEVICES, device_of
    from llmprobe.site.drivers import driver_of
    from llmprobe.site.ram import of_host
    from llmprobe.site.site import survey

    ram = snapshot.pool("ram")
    ram_rate, own_processor = of_host(snapshot.host, ram.total_bytes if ram is not None else None)
    usable = [one for one in snapshot.accelerators if one.usable and one.backend is not None and one.pools]
    together = [one for one in usable if one.backend == usable[0].backend]
    if together and together[0].partition is not None and together[0].partition.kind == "mig":
        together = together[:1]
    budgets = survey(snapshot, Wishes()).pool_budgets()
    return Places(
        devices=tuple(
            device_of(
                one,
                budgets.get(one.id),
                driver_of(snapshot, one),
                windows=snapshot.host.system == "win32",
            )
            for one in together[:MOST_DEVICES]
        ),
        budgets=budgets,
        ram_bandwidth_bytes_per_s=ram_rate,
        processor=own_processor,
        cpu=cpu_kind(snapshot.host.machine),
        this_machine=snapshot.this_machine,
    )
