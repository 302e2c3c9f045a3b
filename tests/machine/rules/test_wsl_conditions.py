"""
The GPU of another maker that Windows lends to WSL.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from tests.machine.fake import card
from tests.machine.rules.host_cases import WSL_WITH_ANOTHER, linux


def ids(*parts: dict[str, Any]) -> set[str]:
    return {finding.id for finding in linux(WSL_WITH_ANOTHER, *parts).findings}


def test_a_lent_gpu_is_no_absence() -> None:
    """
    /dev/dxg without NVIDIA's library is the GPU of another maker, never "No GPU".
    """
    found = ids()

    assert "wsl-other-gpu" in found
    assert "no-gpu" not in found


@pytest.mark.parametrize(
    "part",
    [
        {"list:/dev": ["null"]},
        {"nvml:nvmlInit": Answer(status="failed", code=9)},
        {"nvml:nvmlInit": None, "nvml:nvmlDeviceGetCount_v2": 1, **card()},
        {"read:/proc/sys/kernel/osrelease": "6.8.0-generic"},
    ],
    ids=["no device", "NVIDIA's driver fails", "NVIDIA", "no WSL"],
)
def test_nothing_is_lent_by_another(part: dict[str, Any]) -> None:
    """
    Without the device, with a library of NVIDIA, and outside of WSL there is nothing to say.
    """
    assert "wsl-other-gpu" not in ids(part)
