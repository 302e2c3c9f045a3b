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
from llmprobe.estimation.memory.weights import stored_bytes
from llmprobe.estimation.speed.parts import Share, device_row
from llmprobe.facts.backends import BACKENDS, BackendName, label
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


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_can_be_assumed_and_estimated(name: BackendName) -> None:
    """
    A device of each has an overhead, a speed and sizes of tensors.
    """
    (device,) = assumed(1, name).devices
    share = Share(device="gpu0", backend=name, bandwidth_bytes_per_s=10**11, active_bytes=1, layers=1)

    assert device.backend == name
    assert device_overhead(device).high_bytes is not None
    assert device_row(table("speed"), share)["efficiency"] > 0
    assert (stored_bytes(MATRIX, name) > stored_bytes(MATRIX, "host")) == BACKENDS[name].padded


def test_names_are_those_of_the_facts() -> None:
    """
    The type of a backend's name lists the records, and an accelerator has no other.
    """
    known = get_args(get_type_hints(Accelerator)["backend"])

    assert get_args(BackendName) == tuple(BACKENDS)
    assert {name for one in known for name in get_args(one)} == set(BACKENDS)


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
    found = {
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for room in ROOMS
        for path in (PACKAGE / room).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if quoted.search(line) and "name=" not in line
    }

    assert {one.partition(":")[0] for one in found} <= {
        "estimation/compute/request.py",
        "estimation/compute/run.py",
        "estimation/memory/overhead.py",
        "site/assumed.py",
    }


def _accelerator(number: int, **fields: object) -> Accelerator:
    known = {"id": f"gpu{number}", "vendor": "amd", "name": f"card {number}", "pci": f"0000:0{number}:00.0"}
    return Accelerator(**(known | fields))  # type: ignore[arg-type]


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
    assert environment_for(there[:3], used[:1]) == {}
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
