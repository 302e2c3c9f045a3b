"""
A backend is one record: nothing else in the program knows the backends one by one.
"""

import re
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest

import llmprobe
from llmprobe.data import table
from llmprobe.estimation.memory.overhead import device_overhead
from llmprobe.estimation.memory.stored import stored_bytes
from llmprobe.estimation.speed.parts import Share, device_row
from llmprobe.facts.backends import BACKENDS, DRIVERS, BackendName, label
from llmprobe.facts.devices import Device
from llmprobe.facts.machine import Accelerator
from llmprobe.facts.model import Tensor
from llmprobe.site.assumed import assumed
from llmprobe.site.devices import environment_for, listed, numbers
from tests.advise.machines import machine

PACKAGE = Path(llmprobe.__file__).parent
ROOMS = ("site", "estimation", "advise", "output", "tasks")
"""Rooms that decide by the record alone. Probes and engines name the backends that are theirs."""

MATRIX = Tensor("blk.0.attn_k.weight", (320, 64), 0, "q5_0")
"""Rows of 320 values are padded to 512 by some backends."""


@pytest.mark.parametrize("name", [name for name, one in BACKENDS.items() if not one.remote])
def test_every_backend_can_be_assumed_and_estimated(name: BackendName) -> None:
    """
    A device of each has an overhead, a speed and sizes of tensors.
    """
    (device,) = assumed(1, name).devices
    share = Share(device="gpu0", backend=name, bandwidth_bytes_per_s=10**11, active_bytes=1, layers=1)

    assert device.backend == name
    assert device_overhead(device).high_bytes is not None
    assert device_row(table("speed"), share)["efficiency"] > 0
    assert (stored_bytes(MATRIX, name) > stored_bytes(MATRIX, "host")) == DRIVERS[name].padded


def test_names_are_those_of_the_facts() -> None:
    """
    The type of a backend's name lists the records, and an accelerator has no other than those of its own machine.
    """
    known = get_args(get_type_hints(Accelerator)["backend"])
    here = {name for name, one in BACKENDS.items() if not one.remote}

    assert get_args(BackendName) == tuple(BACKENDS)
    assert {name for one in known for name in get_args(one)} == here


def test_names_for_people_and_devices_are_unique() -> None:
    """
    Two backends never look the same, on a page or in a command.
    """
    assert len({one.label for one in BACKENDS.values()}) == len(BACKENDS)
    assert len({one.device_prefix for one in BACKENDS.values()}) == len(BACKENDS)
    assert (label("cuda"), label("cpu")) == ("CUDA", "CPU")


def test_no_room_decides_by_the_name_of_a_backend() -> None:
    """
    Outside the table a name stands only where no device is known (CUDA is assumed then), or one is measured by itself.
    """
    quoted = re.compile(rf'"({"|".join(BACKENDS)})"')
    # Names of message values, of arguments and of facilities are words of their own.
    other = ("name=", "given.", "method")
    found = {
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for room in ROOMS
        for path in (PACKAGE / room).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if quoted.search(line) and not any(word in line for word in other)
    }

    assert {one.partition(":")[0] for one in found} <= {
        "estimation/compute/request.py",
        "estimation/compute/run.py",
        "estimation/memory/overhead.py",
        "estimation/compute/rules.py",
        "estimation/projector/rules.py",
        "site/assumed.py",
    }


def _accelerator(number: int, **fields: object) -> Accelerator:
    known = {"id": f"gpu{number}", "vendor": "amd", "name": f"card {number}", "pci": f"0000:0{number}:00.0"}
    return Accelerator(**(known | fields))  # type: ignore[arg-type]


def _cuda(number: int, **fields: object) -> Accelerator:
    alike = {"vendor": "nvidia", "name": "card", "backend": "cuda", "uuid": f"GPU-{number}"}
    return _accelerator(number, **(alike | fields))


def test_vulkan_lists_every_card_before_integrated_graphics() -> None:
    """
    Its build lists devices of other backends too; ROCm's those of AMD alone, in the order of the bus.
    """
    graphics = _accelerator(0, backend="vulkan", integrated=True, vendor="intel")
    card = _accelerator(1, backend="rocm")
    nvidia = _accelerator(2, backend="cuda", vendor="nvidia")
    snapshot = msgspec.structs.replace(machine((8,)), accelerators=(graphics, card, nvidia))

    assert [one.id for one in listed(snapshot, "vulkan")] == ["gpu1", "gpu2", "gpu0"]
    assert [one.id for one in listed(snapshot, "rocm")] == ["gpu1"]
    assert [one.id for one in listed(snapshot, "cuda")] == ["gpu2"]


def test_devices_beyond_the_most_are_narrowed_by_the_backends_variable() -> None:
    """
    Of 17 Vulkan devices two are chosen by number; Metal has no variable.
    """
    there = [_accelerator(number, backend="vulkan") for number in range(17)]
    used = [Device(id="gpu2", backend="vulkan"), Device(id="gpu5", backend="vulkan")]

    assert numbers(there, used) == (2, 5)
    assert environment_for(there, used) == {"GGML_VK_VISIBLE_DEVICES": "2,5"}
    assert environment_for(there[:16], used) == {}
    assert environment_for(there, [Device(id="gpu2", backend="metal")]) == {}


def test_unlike_cuda_cards_are_numbered_by_the_bus() -> None:
    """
    Left alone CUDA takes the fastest first, so that numbers hold only in the order of the bus.
    """
    there = [
        _accelerator(number, backend="cuda", vendor="nvidia", uuid=f"GPU-{number}") for number in range(2)
    ]
    both = [Device(id="gpu0"), Device(id="gpu1")]

    assert environment_for(there, both) == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert environment_for(there, both[1:]) == {"CUDA_VISIBLE_DEVICES": "GPU-1"}


def test_a_card_among_equals_needs_no_uuid() -> None:
    """
    The numbers of equal cards are sure, so that ``--device`` alone says which one.
    """
    there = [_cuda(number) for number in range(2)]

    assert environment_for(there, [Device(id="gpu1")]) == {}


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([{}, {"usable": False}, {}], {"CUDA_VISIBLE_DEVICES": "GPU-2"}),
        ([{}] * 16, {}),
        ([{}] * 17, {"CUDA_VISIBLE_DEVICES": "GPU-2"}),
        ([{"name": "another"}, {}, {}], {"CUDA_VISIBLE_DEVICES": "GPU-2"}),
        ([{"name": "another"}, {}, {"uuid": None}], {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}),
    ],
)
def test_cuda_is_told_uuids_where_its_numbers_are_not_sure(
    there: list[dict[str, object]], expected: dict[str, str]
) -> None:
    """
    One that it may not count, more than it lists, an unlike one; without a UUID the order of the bus is left.
    """
    cards = [_cuda(number, **fields) for number, fields in enumerate(there)]

    assert environment_for(cards, [Device(id="gpu2")]) == expected


def test_all_that_is_there_needs_no_uuid() -> None:
    """
    Where one card cannot be used but the engine would use no other by itself, nothing is left out.
    """
    assert environment_for([_cuda(0, usable=False)], [Device(id="gpu0")]) == {}


def test_no_devices_need_no_environment() -> None:
    """
    The processor alone is told nothing.
    """
    assert environment_for([_cuda(0)], []) == {}


def test_devices_that_are_not_there_have_no_number() -> None:
    """
    A number is a place among those that are there.
    """
    there = [_cuda(number) for number in range(3)]

    assert numbers(there, [Device(id="gpu2"), Device(id="gpu9"), Device(id="gpu0")]) == (2, 0)


@pytest.mark.parametrize(("backend", "expected"), [("vulkan", ["gpu2", "gpu1"]), ("rocm", ["gpu1", "gpu2"])])
def test_cards_come_by_the_bus_where_a_backend_sorts_them(backend: str, expected: list[str]) -> None:
    """
    Cards of Vulkan are sorted by their addresses, others come as the machine lists them.
    """
    cards = (
        _accelerator(1, backend="rocm", pci="0000:41:00.0"),
        _accelerator(2, backend="rocm", pci="0000:03:00.0"),
    )
    snapshot = msgspec.structs.replace(machine((8,)), accelerators=cards)

    assert [one.id for one in listed(snapshot, backend)] == expected


def test_a_build_does_not_list_what_is_hidden_or_has_no_backend() -> None:
    """
    Vulkan lists every vendor's devices, but none that a variable hides and none without any driver of its own.
    """
    cards = (
        _accelerator(0, backend="vulkan", hidden_by="GGML_VK_VISIBLE_DEVICES"),
        _accelerator(1, backend=None),
        _accelerator(2, backend="rocm", pci=None),
    )
    snapshot = msgspec.structs.replace(machine((8,)), accelerators=cards)

    assert [one.id for one in listed(snapshot, "vulkan")] == ["gpu2"]
