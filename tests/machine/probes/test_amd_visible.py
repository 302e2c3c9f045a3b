"""
Which AMD GPUs the environment leaves: the rules of ROCr and HIP, which differ from CUDA's and from each other.
"""

from typing import Any

import pytest

from llmprobe.machine.asking import Asker
from llmprobe.machine.probes.amd.visible import ask_visible, hip_visible, rocr_visible
from tests.machine.fake import FakeSource

UUIDS = ("GPU-00a1b2c3d4e5f607", "GPU-11a1b2c3d4e5f607", None, "GPU-11ffffffffffffff")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("0", (0,)),
        ("2,0", (2, 0)),
        (" 1 , 3 ", (1, 3)),
        ("-1", ()),
        ("1,-1,2", (1,)),
        ("4", ()),
        ("0x1,03", (1, 3)),
        ("08", ()),
        ("0x", ()),
        ("1a", ()),
        ("1,,2", (1,)),
        ("1,1,2", (1,)),
        ("GPU-00a1b2c3d4e5f607", (0,)),
        ("gpu-00A1B2C3D4E5F607,2", (0, 2)),
        ("GPU-0", (0,)),
        ("GPU-11a", (1,)),
        ("GPU-11", ()),
        ("GPU-", ()),
        ("GPU-00a1b2c3d4e5f6070", ()),
        ("GPU-a1b2", ()),
        ("0,1,2,3,0", (0, 1, 2, 3)),
    ],
)
def test_the_runtime_reads_numbers_as_c_does_and_beginnings_of_uuids(
    text: str, expected: tuple[int, ...]
) -> None:
    """The first entry that names no GPU, several, or one again, ends the list (amd_filter_device.cpp)."""
    assert rocr_visible(text, UUIDS) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 1, 2, 3)),
        ("0", (0,)),
        ("3,1", (3, 1)),
        ("-1", ()),
        ("2,-1,0", (2,)),
        ("4,0", ()),
        ("01", ()),
        ("1, 2", (1,)),
        ("1,1,2", (1, 2)),
        ("1,", (1,)),
        ("1,,2", (1,)),
        ("GPU-11ffffffffffffff,0", (3, 0)),
        ("GPU-11", (1,)),
        ("GPU-99", ()),
        ("gpu-00a1b2c3d4e5f607", ()),
        (",0", ()),
    ],
)
def test_hip_reads_plain_numbers_and_parts_of_uuids(text: str, expected: tuple[int, ...]) -> None:
    """A number again is passed over; blanks, signs and leading zeros end the list (rocdevice.cpp)."""
    assert hip_visible(text, UUIDS) == expected


@pytest.mark.parametrize(
    ("variables", "order", "hidden"),
    [
        ({}, (0, 1, 2), {}),
        ({"HIP_VISIBLE_DEVICES": ""}, (0, 1, 2), {}),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, (), dict.fromkeys((0, 1, 2), "CUDA_VISIBLE_DEVICES")),
        (
            {"HIP_VISIBLE_DEVICES": "1", "CUDA_VISIBLE_DEVICES": "-1"},
            (1,),
            dict.fromkeys((0, 2), "HIP_VISIBLE_DEVICES"),
        ),
        (
            {"HIP_VISIBLE_DEVICES": "", "CUDA_VISIBLE_DEVICES": "2"},
            (2,),
            dict.fromkeys((0, 1), "CUDA_VISIBLE_DEVICES"),
        ),
        (
            {"ROCR_VISIBLE_DEVICES": "2,1", "HIP_VISIBLE_DEVICES": "1"},
            (1,),
            {0: "ROCR_VISIBLE_DEVICES", 2: "HIP_VISIBLE_DEVICES"},
        ),
        ({"ROCR_VISIBLE_DEVICES": "2,0"}, (2, 0), {1: "ROCR_VISIBLE_DEVICES"}),
        ({"GPU_DEVICE_ORDINAL": "1"}, (0, 1, 2), {}),
    ],
)
def test_hip_counts_what_the_runtime_leaves(
    variables: dict[str, str], order: tuple[int, ...], hidden: dict[int, str]
) -> None:
    """It reads CUDA's variable where its own is not set or empty, and OpenCL's never."""
    answers: dict[str, Any] = {f"env:{name}": value for name, value in variables.items()}
    found = ask_visible(Asker(FakeSource(answers)), (None, None, None))

    assert found.order == order
    assert {place: each.variable for place, each in found.hidden.items()} == hidden
