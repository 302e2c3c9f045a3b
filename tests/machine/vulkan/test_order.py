"""
Which devices llama.cpp's Vulkan takes, and its numbers: ``ggml_vk_instance_init`` of b11549, by hand.
"""

from typing import Any

import pytest

from llmprobe.facts.vulkan import VulkanDevice
from llmprobe.machine.vulkan.order import named, taken


def of(kind: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "name": kind, **fields}


def places(*devices: dict[str, Any], visible: str | None = None) -> tuple[int, ...]:
    found = [VulkanDevice(place=place, **fields) for place, fields in enumerate(devices)]
    return taken(found, visible)


def test_cards_and_integrated_graphics_in_the_loaders_order() -> None:
    """
    Software and virtual devices have no number beside a real one, and no place is skipped.
    """
    assert places(of("software"), of("integrated"), of("virtual"), of("discrete")) == (1, 3)


def test_software_alone_is_nothing() -> None:
    """
    Where only the processor is listed there is no device.
    """
    assert places(of("software"), of("software")) == ()


def test_a_virtual_device_is_taken_where_there_is_nothing_else() -> None:
    """
    The first that is no software stands for a GPU, one only.
    """
    assert places(of("software"), of("virtual"), of("other")) == (1,)


def test_a_driver_without_16_bit_storage_is_left_out() -> None:
    """
    Its shaders could not run.
    """
    assert places(of("discrete", storage_16_bit=False), of("discrete", storage_16_bit=True)) == (1,)


AMD, INTEL, NVIDIA, QUALCOMM = 0x1002, 0x8086, 0x10DE, 0x5143


@pytest.mark.parametrize(
    ("vendor", "first", "second", "expected"),
    [
        (AMD, 1, 3, (1,)),
        (AMD, 3, 1, (0,)),
        (AMD, 2, 1, (0,)),
        (AMD, 1, 2, (1,)),
        (AMD, 23, 1, (1,)),
        (INTEL, 5, 6, (1,)),
        (NVIDIA, 24, 4, (1,)),
        (NVIDIA, 4, 24, (0,)),
        (QUALCOMM, 18, 8, (1,)),
        (AMD, 99, 98, (0,)),
        (AMD, 99, 23, (1,)),
    ],
)
def test_two_drivers_of_one_gpu(vendor: int, first: int, second: int, expected: tuple[int, ...]) -> None:
    """
    Of RADV (3), AMD's open (2) and own (1) driver, Mesa (6) and Intel's (5), NVIDIA's (4) and NVK (24), Qualcomm's (8)
    and Turnip (18) the preferred one is taken, Direct3D's (23) after all that are known, the first of unknown ones.
    """
    both = [of("discrete", vendor_id=vendor, uuid="a", driver_id=driver) for driver in (first, second)]

    assert places(*both) == expected


def test_the_preferred_driver_goes_to_the_end() -> None:
    """
    The entry that is replaced leaves its number to those behind it.
    """
    devices = (
        of("discrete", vendor_id=AMD, uuid="a", driver_id=1),
        of("discrete", vendor_id=AMD, uuid="b", driver_id=1),
        of("discrete", vendor_id=AMD, uuid="a", driver_id=3),
    )

    assert places(*devices) == (1, 2)


def test_one_gpu_is_known_by_its_uuid_or_its_luid() -> None:
    """
    Windows' drivers agree on the LUID where their UUIDs differ.
    """
    same = [of("discrete", vendor_id=AMD, uuid=uuid, luid="1", driver_id=1) for uuid in "ab"]
    other = [of("discrete", vendor_id=AMD, uuid=uuid, luid=None, driver_id=1) for uuid in "ab"]

    assert places(*same) == (0,)
    assert places(*other) == (0, 1)


def test_molten_vk_may_repeat_a_uuid() -> None:
    """
    Two GPUs of one card have the same there and are both taken.
    """
    assert places(*[of("discrete", uuid="a", driver_id=14)] * 2) == (0, 1)


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("0", (0,)),
        ("1,0", (1, 0)),
        ("1 0", (1, 0)),
        (" 1,,2 ", (1, 2)),
        ("0,0", (0, 0)),
        ("", ()),
        ("abc", ()),
        ("1abc,2", (1,)),
        ("0,x,1", (0,)),
        ("3", ()),
        ("0,3", ()),
        ("-1", ()),
        ("0,-1", ()),
        ("-0", (0,)),
        ("+2", (2,)),
        ("0x1", (0,)),
        ("99999999999999999999999", ()),
        ("1,99999999999999999999999", (1,)),
        ("GPU-1", ()),
    ],
)
def test_the_variable(visible: str, expected: tuple[int, ...]) -> None:
    """
    Numbers as a C++ stream reads them, up to the first thing that is none; one that does not exist (-1 is the largest
    number) ends the backend.
    """
    assert named(visible, 3) == expected


def test_the_variable_takes_what_it_names() -> None:
    """
    Software too, and both drivers of one GPU: nothing is looked at but the number.
    """
    devices = (of("software"), of("discrete", uuid="a", driver_id=1), of("discrete", uuid="a", driver_id=3))

    assert places(*devices, visible="0,2,1") == (0, 2, 1)
