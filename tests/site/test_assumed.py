"""
Where an estimate may place layers: on the devices of a machine, or on equal ones that are assumed.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.errors import UsageError
from llmprobe.facts.machine import Partition
from llmprobe.facts.recommendation import Wishes
from llmprobe.site.assumed import assumed, of_machine
from llmprobe.site.devices import MOST_DEVICES
from llmprobe.site.site import survey
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import machine

RESERVE = 2 * GIB
WISHES = Wishes(ctx_size=8192, reserve_bytes=RESERVE)


def test_assumed_devices_are_equal_and_unknown() -> None:
    """
    Two of CUDA by default, each with a pool of its own; of the processor alone none.
    """
    two = assumed(2, None)

    assert [(one.id, one.backend, one.pool) for one in two.devices] == [
        ("gpu0", "cuda", "vram0"),
        ("gpu1", "cuda", "vram1"),
    ]
    assert (two.budgets, two.this_machine) == ({}, False)
    assert len(assumed(None, "vulkan").devices) == 1
    assert assumed(None, "cpu").devices == assumed(0, None).devices == ()
    assert len(assumed(MOST_DEVICES, None).devices) == MOST_DEVICES


@pytest.mark.parametrize("count", [True, "two", 1.5, -1, MOST_DEVICES + 1])
def test_assumed_devices_are_a_whole_number_up_to_the_most(count: Any) -> None:
    """
    Anything else is an error of usage.
    """
    with pytest.raises(UsageError):
        assumed(count, None)


def test_the_processor_has_no_devices() -> None:
    """
    Naming the backend cpu with some is a contradiction.
    """
    with pytest.raises(UsageError) as raised:
        assumed(2, "cpu")

    assert raised.value.message == message("error.cpu-without-devices", devices=2)


def test_an_estimate_uses_one_instance_of_a_divided_gpu() -> None:
    """
    CUDA gives a process one of them; a virtual GPU is a whole one.
    """
    made = machine((10, 20), mig=True)
    virtual = tuple(
        msgspec.structs.replace(one, partition=Partition(kind="vgpu")) for one in made.accelerators
    )

    assert len(of_machine(made).devices) == 1
    assert len(of_machine(msgspec.structs.replace(made, accelerators=virtual)).devices) == 2
    assert len(survey(msgspec.structs.replace(made, accelerators=virtual), WISHES).device_sets[0]) == 2


def test_an_estimate_uses_the_devices_of_one_backend() -> None:
    """
    Those of the first device, with what is free of each.
    """
    made = machine((8, 16, 24))
    first, second, third = made.accelerators
    other = msgspec.structs.replace(second, backend="vulkan")
    places = of_machine(msgspec.structs.replace(made, accelerators=(first, other, third)))

    assert [(one.id, one.free_bytes) for one in places.devices] == [("gpu0", 8 * GIB), ("gpu2", 24 * GIB)]


def test_a_backend_that_nobody_knows_cannot_be_assumed() -> None:
    """
    An error of usage names the backend; the processor may be named with no devices at all.
    """
    with pytest.raises(UsageError) as raised:
        assumed(1, "opencl")  # type: ignore[arg-type]  # a user's word

    assert raised.value.message == message("error.backend-unknown", given="opencl")
    assert assumed(0, "cpu").devices == ()


@pytest.mark.parametrize(("count", "least", "most"), [(-1, 0, 16), (17, 0, 16)])
def test_a_count_out_of_range_is_told_the_range(count: int, least: int, most: int) -> None:
    """
    From none to as many as a build of llama.cpp lists.
    """
    with pytest.raises(UsageError) as raised:
        assumed(count, None)

    assert raised.value.message == message(
        "error.setting-out-of-range", setting="devices", given=count, least=least, most=most
    )
