"""
GGML_VK_VISIBLE_DEVICES: the GPUs that it leaves out of llama.cpp's Vulkan backend cannot be used by it.
"""

from typing import Literal

import msgspec
import pytest

from llmprobe.facts.machine import Accelerator
from llmprobe.facts.vulkan import Vulkan, VulkanDevice
from llmprobe.machine.vulkan.hidden import without_hidden
from tests.machine.fake import GIB
from tests.machine.probes.test_intel import graphics, seen

BackendName = Literal["cuda", "rocm", "vulkan", "metal", "sycl"]
VARIABLE = "GGML_VK_VISIBLE_DEVICES"


def gpu(place: int, pci: str, backend: BackendName | None = "vulkan") -> Accelerator:
    return Accelerator(
        id=f"gpu{place}",
        vendor="intel",
        name=f"GPU {place}",
        backend=backend,
        pools=(f"vram{place}",),
        pci=pci,
    )


def asked(visible: str | None, *numbers: tuple[str | None, int | None]) -> Vulkan:
    """
    Return Vulkan's devices, each with the accelerator that it is and its number; none for a loader that is silent.
    """
    devices = tuple(
        VulkanDevice(place=place, name=f"device {place}", kind="discrete", accelerator=of, number=number)
        for place, (of, number) in enumerate(numbers)
    )
    return Vulkan(
        loaded=bool(devices) or None, devices=devices, visible=visible, evidence=(f"env:{VARIABLE}",)
    )


def hidden(vulkan: Vulkan, *accelerators: Accelerator) -> list[str]:
    found = without_hidden(vulkan, accelerators)
    gone = [each for each in found if each.hidden_by == VARIABLE]
    assert all(not each.usable and each.backend is None and each.why_not is not None for each in gone)
    return [each.id for each in gone]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, []),
        ("0", ["gpu1"]),
        ("1", ["gpu0"]),
        ("1,0", []),
        ("2", ["gpu0", "gpu1"]),
        ("-1", ["gpu0", "gpu1"]),
        ("", ["gpu0", "gpu1"]),
    ],
)
def test_without_the_loader_they_count_in_the_order_of_the_bus(
    visible: str | None, expected: list[str]
) -> None:
    """A number that no device has leaves none: llama.cpp ends the backend there."""
    assert hidden(asked(visible), gpu(0, "0000:03:00.0"), gpu(1, "0000:0c:00.0")) == expected


def test_the_loaders_numbers_count_where_it_answers() -> None:
    """There the second card may be the first device, and a software device one more."""
    vulkan = asked("0,2", ("gpu1", 0), ("gpu0", None), (None, 1))

    assert hidden(vulkan, gpu(0, "0000:03:00.0"), gpu(1, "0000:0c:00.0")) == ["gpu0"]


def test_other_backends_do_not_read_it() -> None:
    """A card of CUDA or ROCm stays, but has its place in the count."""
    assert hidden(asked("1"), gpu(0, "0000:03:00.0", "cuda"), gpu(1, "0000:0c:00.0")) == []
    assert hidden(asked("0"), gpu(0, "0000:03:00.0", "rocm"), gpu(1, "0000:0c:00.0")) == ["gpu1"]


def test_what_no_loader_lists_has_no_place() -> None:
    """A card that is lent to a virtual machine is not there; one without an address comes first."""
    lent = msgspec.structs.replace(gpu(0, "0000:01:00.0"), usable=False, backend=None, state="lent")
    unplaced = msgspec.structs.replace(gpu(2, ""), pci=None)

    assert hidden(asked("0"), lent, gpu(1, "0000:0c:00.0")) == []
    assert hidden(asked("1"), gpu(1, "0000:0c:00.0"), unplaced) == ["gpu2"]


def test_a_device_of_the_loader_may_be_no_accelerator() -> None:
    """A software device that is chosen leaves no GPU."""
    assert hidden(asked("1", ("gpu0", None), (None, 0)), gpu(0, "0000:03:00.0")) == ["gpu0"]


@pytest.mark.parametrize(("visible", "kind", "budget"), [("0", "unified", 48), ("1", "system", 60)])
def test_memory_is_not_shared_with_graphics_that_are_hidden(visible: str, kind: str, budget: int) -> None:
    """Of 64 GiB with 60 free Mesa offers 48 to Arc graphics in a processor; hidden they leave all to it."""
    arc = graphics("0x7d55") | {"env:GGML_VK_VISIBLE_DEVICES": visible}
    snapshot = seen(arc)
    ram = snapshot.pool("ram")

    assert ram is not None
    assert (ram.kind, ram.budget_bytes) == (kind, budget * GIB)
    assert [each.usable for each in snapshot.accelerators] == [visible == "0"]
