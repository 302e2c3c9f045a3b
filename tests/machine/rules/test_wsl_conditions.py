"""
The GPU of another maker that Windows lends to WSL, and GPUs that nobody looked for beside a usable one.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from tests.machine.fake import card
from tests.machine.probes.test_amd import machine, radeon
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


@pytest.mark.parametrize(("silent", "said"), [("nvml:nvmlInit", True), ("psutil:swap_memory", False)])
def test_another_gpu_is_possible_where_a_source_of_gpus_is_silent(silent: str, said: bool) -> None:
    """
    A source that finds no GPUs says nothing of others.
    """
    nodes = {"list:/dev": ["kfd", "nvidia0"], "nvml:nvmlInit": Answer(status="missing", code=12)}
    parts = (machine(radeon()), nodes, {silent: Answer(status="timeout")})
    found = {finding.id for finding in linux(*parts).findings}

    assert ("other-gpus-not-looked-for" in found) is said
