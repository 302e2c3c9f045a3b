"""
What ZE_AFFINITY_MASK and ONEAPI_DEVICE_SELECTOR leave of Intel GPUs.
"""

from typing import Any

import pytest

from llmprobe.facts.vendors import OneApi
from llmprobe.machine.oneapi import SelectorError, Unit, listed, selected
from llmprobe.words.message import message
from llmprobe.words.render import english
from tests.machine.probes.test_intel import battlemage, gpu, seen

TWO_TILES = [2, 2]


@pytest.mark.parametrize(
    ("mask", "hierarchy", "left"),
    [
        (None, None, [(0, 0), (0, 1), (1, 0), (1, 1)]),
        (None, "COMPOSITE", [(0, None), (1, None)]),
        ("0", None, [(0, 0)]),
        ("3,0", None, [(0, 0), (1, 1)]),
        ("1", "COMPOSITE", [(1, None)]),
        ("1.1", "COMPOSITE", [(1, 1)]),
        ("1.0,1.1", "COMBINED", [(1, None)]),
        ("0.1,1", "composite", [(0, 1), (1, None)]),
        ("0.7", "COMPOSITE", []),
        ("9", None, []),
        ("x", None, []),
        ("x,2", "FLAT", [(1, 0)]),
    ],
)
def test_a_mask_counts_tiles_or_cards(mask: str | None, hierarchy: str | None, left: list[Unit]) -> None:
    """
    Two cards with two tiles each: flat there are four devices. The mask keeps the order of the list, and what is not
    there is passed over (Level Zero's programming guide, "Affinity Mask", has these cases).
    """
    assert list(listed(TWO_TILES, mask, hierarchy)) == left


def test_a_card_with_one_tile_is_a_device_of_its_own() -> None:
    """
    Arc cards are the same whatever the hierarchy.
    """
    assert listed([1, 1]) == listed([1, 1], None, "COMPOSITE") == ((0, None), (1, None))
    assert listed([1, 1, 1], "2,0") == ((0, None), (2, None))


FOUR: tuple[Unit, ...] = ((0, None), (1, None), (2, None), (3, None))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("level_zero:*", [0, 1, 2, 3]),
        ("LEVEL_ZERO:GPU", [0, 1, 2, 3]),
        ("level_zero:1", [1]),
        ("level_zero:2,0", [2, 0]),
        ("level_zero:2;level_zero:0", [2, 0]),
        ("*:gpu;!level_zero:0,3", [1, 2]),
        ("!level_zero:0", [1, 2, 3]),
        ("level_zero:*;!*:2", [0, 1, 3]),
        ("level_zero:1;opencl:cpu", [1]),
        ("level_zero:1,9", [1]),
        ("opencl:gpu", [0, 1, 2, 3]),
    ],
)
def test_a_selector_accepts_and_then_discards(text: str, left: list[int]) -> None:
    """
    Terms join, in their order; those with ! take away, from all where nothing is accepted before (intel/llvm,
    EnvironmentVariables.md). A number that is not there adds nothing.
    """
    assert selected(text, FOUR, [1] * 4) == tuple((card, None) for card in left)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("level_zero:0.*", [(0, 0), (0, 1)]),
        ("level_zero:*.*", [(0, 0), (0, 1), (1, 0), (1, 1)]),
        ("level_zero:1.1", [(1, 1)]),
        ("level_zero:0;level_zero:1.0", [(0, None), (1, 0)]),
        ("level_zero:*.*;!level_zero:0.*", [(1, 0), (1, 1)]),
    ],
)
def test_tiles_of_whole_cards_are_named_behind_a_point(text: str, left: list[Unit]) -> None:
    """
    Where the hierarchy keeps tiles below their card.
    """
    assert selected(text, [(0, None), (1, None)], TWO_TILES) == tuple(left)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("gpu", "sycl.no-term"),
        ("level_zero", "sycl.no-term"),
        ("level_zero:0:1", "sycl.no-term"),
        ("vulkan:0", "sycl.no-term"),
        ("level_zero:0;", "sycl.no-term"),
        ("level_zero:", "sycl.no-device"),
        ("level_zero:tpu", "sycl.no-device"),
        ("level_zero:*.0", "sycl.no-device"),
        ("level_zero:gpu.0", "sycl.no-device"),
        ("level_zero:0.*.1", "sycl.no-device"),
        ("level_zero:0.0.0.0", "sycl.no-device"),
        ("!level_zero:0;level_zero:1", "sycl.negative-first"),
        ("*:gpu", "sycl.no-backend-named"),
        ("level_zero:9", "sycl.nothing-left"),
        ("level_zero:0.0", "sycl.nothing-left"),
        ("!opencl:*", "sycl.nothing-left"),
        ("cuda:*", "sycl.nothing-left"),
        ("level_zero:cpu", "sycl.nothing-left"),
    ],
)
def test_a_text_at_which_a_program_ends_is_refused(text: str, problem: str) -> None:
    """
    What SYCL does not parse, and what llama.cpp takes for another backend than it leaves: it looks for the words alone,
    so that ``!opencl:*`` is OpenCL to it.
    """
    with pytest.raises(SelectorError) as raised:
        selected(text, FOUR, [1] * 4)

    assert raised.value.why.id == problem


def test_numbers_of_opencl_are_not_those_of_gpus() -> None:
    """
    Its list has processors, too.
    """
    assert selected("opencl:0", FOUR, [1] * 4) is None


def narrowed(*devices: dict[str, Any], **variables: str) -> OneApi:
    found = seen(*devices, {f"env:{name}": text for name, text in variables.items()}).oneapi
    assert found
    return found


B580, A770 = battlemage(), gpu("0000:04:00.0", "0x56a0", "i915", lmem_total_bytes="0x400000000\n")
UHD = gpu("0000:00:02.0", "0x4680", "i915")


def test_without_a_variable_nothing_is_said() -> None:
    """
    Neither where there is no Intel GPU with its driver.
    """
    assert not seen(B580).oneapi
    assert not seen(gpu("0000:03:00.0", "0xe20b", None), {"env:ZE_AFFINITY_MASK": "0"}).oneapi


def test_cards_are_numbered_before_graphics_of_the_processor() -> None:
    """
    Level Zero lists what has memory of its own first: the mask's 0 is the card at 03, not the graphics at 00.
    """
    found = narrowed(UHD, B580, A770, ZE_AFFINITY_MASK="0,2")

    assert [(one.pci, one.number) for one in found.devices] == [("0000:03:00.0", 0), ("0000:00:02.0", 1)]
    assert found.hidden == ("0000:04:00.0",)


def test_the_selector_counts_what_the_mask_leaves() -> None:
    """
    Of the two that the mask leaves the second is taken.
    """
    found = narrowed(UHD, B580, A770, ZE_AFFINITY_MASK="1,2", ONEAPI_DEVICE_SELECTOR="level_zero:1")

    assert [one.pci for one in found.devices] == ["0000:00:02.0"]
    assert found.hidden == ("0000:03:00.0", "0000:04:00.0")


def test_numbers_behind_the_first_need_the_compute_units() -> None:
    """
    llama.cpp sorts the devices behind the default one by them, which are not known of unlike cards.
    """
    found = narrowed(UHD, B580, A770, ONEAPI_DEVICE_SELECTOR="level_zero:*")

    assert [one.number for one in found.devices] == [0, None, None]
    assert found.hidden == ()


def test_a_check_says_what_sycl_sees() -> None:
    """
    A note names what is hidden and the rest by llama.cpp's name; the GPUs stay usable, by Vulkan.
    """
    snapshot = seen(B580, A770, {"env:ONEAPI_DEVICE_SELECTOR": "level_zero:1"})
    (finding,) = (one for one in snapshot.findings if one.id == "sycl-hides")

    assert english(finding.title) == "ONEAPI_DEVICE_SELECTOR hides Intel Arc B580 from SYCL"
    assert finding.detail is not None
    assert english(finding.detail) == (
        "Builds of llama.cpp with SYCL see Intel Arc A770 as SYCL0. Vulkan is not affected."
    )
    assert finding.remedy is not None
    assert finding.remedy.commands == ("unset ONEAPI_DEVICE_SELECTOR",)
    assert snapshot.accelerators == seen(B580, A770).accelerators


def test_a_check_warns_of_a_text_that_ends_llama_cpp() -> None:
    """
    SYCL takes ``*:gpu``, llama.cpp does not.
    """
    snapshot = seen(B580, {"env:ONEAPI_DEVICE_SELECTOR": "*:gpu"})
    (finding,) = (one for one in snapshot.findings if one.id == "sycl-selector")

    assert finding.severity == "warning"
    assert finding.detail == message(
        "finding.sycl-selector.detail", value="*:gpu", problem=message("sycl.no-backend-named")
    )
    assert not [one for one in snapshot.findings if one.id == "sycl-hides"]
