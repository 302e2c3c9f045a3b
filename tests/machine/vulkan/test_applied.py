"""
What Vulkan's answer adds to devices that other probes found.
"""

from typing import Any

from llmprobe.facts.machine import Accelerator, Limit, MemoryPool
from llmprobe.facts.vulkan import Vulkan
from llmprobe.machine.asking import Asker
from llmprobe.machine.vulkan.applied import Applied, applied
from llmprobe.machine.vulkan.devices import ask_vulkan
from llmprobe.words.message import message
from tests.machine.fake import MIB, FakeSource
from tests.machine.vulkan.samples import answer, device, heap, software

CARD: dict[str, Any] = {
    "vendorID": 0x8086,
    "deviceName": "Intel(R) Arc(tm) B580 Graphics (BMG G21)",
    "driverID": 6,
}
B580 = CARD | {"heaps": [heap(12216 * MIB, 1, 11500 * MIB, 300 * MIB)]}


def vulkan_of(*devices: dict[str, Any]) -> Vulkan:
    found = ask_vulkan(Asker(FakeSource(answer(*devices))))
    assert found is not None
    return found


def accelerator(number: int = 0, **changes: Any) -> Accelerator:
    fields: dict[str, Any] = {
        "id": f"gpu{number}",
        "vendor": "intel",
        "name": "Intel Arc B580",
        "backend": "vulkan",
        "pools": (f"vram{number}",),
        "pci": "0000:03:00.0",
    }
    return Accelerator(**{**fields, **changes})


def pool(free: int | None = None, number: int = 0) -> MemoryPool:
    reserve = Limit(by="driver-reserve", bytes=855 * MIB, basis="assumed")
    return MemoryPool(
        id=f"vram{number}",
        kind="vram",
        total_bytes=12216 * MIB,
        free_bytes=free,
        budget_bytes=11361 * MIB if free is None else free,
        limits=(reserve,) if free is None else (),
        evidence=("read:size",),
    )


def test_a_drivers_budget_takes_the_place_of_an_assumption() -> None:
    """
    11,500 MiB of which 300 are used: 11,200 of 12,216 are the budget, and nothing is assumed. What is free stays
    unknown, because the driver may not see the use by others.
    """
    result = applied(vulkan_of(device(**B580)), [accelerator()], [pool()])
    (told,) = result.pools

    assert (told.free_bytes, told.budget_bytes) == (None, 11200 * MIB)
    assert [(limit.by, limit.bytes, limit.basis) for limit in told.limits] == [
        ("driver-reserve", 1016 * MIB, "measured")
    ]
    assert told.evidence == ("read:size", "vulkan:")
    assert result.vulkan.devices[0].accelerator == "gpu0"


def test_what_is_known_stays() -> None:
    """
    Free memory that the driver's own files tell is not replaced.
    """
    known = pool(free=5 * MIB)

    assert applied(vulkan_of(device(**B580)), [accelerator()], [known]).pools == (known,)


def test_without_budgets_nothing_changes() -> None:
    """
    A driver that has none tells nothing of what is free.
    """
    before = pool()
    plain = device(**CARD, heaps=[heap(12216 * MIB, 1)])

    assert applied(vulkan_of(plain), [accelerator()], [before]).pools == (before,)


def test_software_is_nobodys() -> None:
    """
    It is no accelerator, even as the only device of the list.
    """
    result = applied(vulkan_of(software()), [accelerator(pci=None)], [pool()])

    assert result.vulkan.devices[0].accelerator is None
    assert result.pools == (pool(),)


def test_the_numbered_entry_of_two_drivers_counts() -> None:
    """
    AMD's own driver and RADV list one card; llama.cpp takes RADV's, whose budget it is then.
    """
    other = device(driverID=1, heaps=[heap(12216 * MIB, 1, 9000 * MIB, 0)])
    radv = device(driverID=3, heaps=[heap(12216 * MIB, 1, 10000 * MIB, 0)])
    result = applied(vulkan_of(other, radv), [accelerator(vendor="amd", name="a")], [pool()])

    assert result.pools[0].budget_bytes == 10000 * MIB
    assert [each.accelerator for each in result.vulkan.devices] == ["gpu0", "gpu0"]


def matched(*devices: dict[str, Any], among: list[Accelerator]) -> list[str | None]:
    result = applied(vulkan_of(*devices), among, [])
    return [each.accelerator for each in result.vulkan.devices]


NOWHERE: dict[str, Any] = {"pciBus": None}


def test_devices_are_matched_by_address_and_uuid() -> None:
    """
    Whatever they are called.
    """
    others = [accelerator(0, pci="0000:04:00.0"), accelerator(1, pci="0000:03:00.0")]
    uuid = "8f3a1b2c-4d5e-6f70-8192-a3b4c5d6e7f8"
    nvidia = accelerator(0, vendor="nvidia", pci=None, uuid=f"GPU-{uuid}")

    assert matched(device(), among=others) == ["gpu1"]
    assert matched(device(deviceUUID=uuid, **NOWHERE), among=[nvidia]) == ["gpu0"]


def test_without_an_address_the_only_one_of_a_maker_is_meant() -> None:
    """
    With two of one maker the name decides, and where it does not, nothing is guessed.
    """
    first, second = (
        accelerator(0, pci=None, name="Intel Arc B580"),
        accelerator(1, pci=None, name="Intel Arc A770"),
    )
    unnamed = device(**CARD | {"deviceName": "a GPU"}, **NOWHERE)
    named = device(**CARD | {"deviceName": "Intel Arc A770 Graphics"}, **NOWHERE)

    assert matched(unnamed, among=[first]) == ["gpu0"]
    assert matched(unnamed, among=[accelerator(0)]) == ["gpu0"]
    assert matched(device(**CARD | {"deviceName": "a GPU"}, pciBus=9), among=[accelerator(0)]) == [None]
    assert matched(unnamed, among=[first, second]) == [None]
    assert matched(named, among=[first, second]) == ["gpu1"]
    assert matched(device(**NOWHERE), among=[first]) == [None]
    assert matched(unnamed, among=[accelerator(0, pci=None, integrated=True)]) == [None]
    assert matched(unnamed, unnamed, among=[first]) == [None, None]


def sized(**changes: Any) -> Applied:
    lacking = accelerator(
        pools=(), usable=False, backend=None, why_not=message("unusable.size-unknown"), **changes
    )
    return applied(vulkan_of(device(**B580)), [lacking], [])


def test_a_card_of_unknown_size_has_its_heaps() -> None:
    """
    Its driver's heaps are its memory, so that it can be used.
    """
    result = sized()
    (card,), (own,) = result.accelerators, result.pools

    assert (card.usable, card.why_not, card.backend, card.pools) == (True, None, "vulkan", ("vram0",))
    assert (own.total_bytes, own.budget_bytes, own.evidence) == (12216 * MIB, 11200 * MIB, ("vulkan:",))


def test_a_card_that_llama_cpp_does_not_take_stays_unusable() -> None:
    """
    A number is needed to use it.
    """
    lacking = accelerator(pools=(), usable=False, why_not=message("unusable.size-unknown"))
    other = device(pciBus=9, deviceUUID="1")
    result = applied(vulkan_of(device(**B580, storageBuffer16BitAccess=0), other), [lacking], [])

    assert (result.accelerators, result.pools) == ((lacking,), ())
