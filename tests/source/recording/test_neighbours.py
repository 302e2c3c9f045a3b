"""
What a recording keeps beside what today's probes ask.
"""

import pytest

from llmprobe.facts.answer import Platform
from llmprobe.source.recording.neighbours import ask_neighbours
from tests.machine.fake import LINUX, MAC, WINDOWS, FakeSource

RAW = ("read:/proc/cpuinfo", "read:/proc/meminfo", "list:/sys/bus/pci/devices", "list:/sys/class/drm")
EVERYWHERE = (
    "vulkan:",
    "env:VK_ICD_FILENAMES",
    "env:CUDA_VISIBLE_DEVICES",
    "env:HIP_VISIBLE_DEVICES",
    "psutil:virtual_memory",
    "psutil:swap_memory",
)


@pytest.mark.parametrize(
    ("platform", "asked", "never"),
    [
        (LINUX, RAW, "sysctl:"),
        (MAC, ("sysctl:hw.model", "sysctl:vm.swapusage"), "read:"),
        (
            WINDOWS,
            (
                "winapi:adapters",
                "winapi:memory-modules",
                r"registry:HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion DisplayVersion",
            ),
            ("read:", "list:", "sysctl:"),
        ),
    ],
    ids=["linux", "mac", "windows"],
)
def test_raw_text_is_kept_for_later_probes(
    platform: Platform, asked: tuple[str, ...], never: str | tuple[str, ...]
) -> None:
    """
    The files of Linux and the values of a Mac that a later version may read more from; variables everywhere.
    """
    source = FakeSource({}, platform)
    ask_neighbours(source)

    assert set(asked) | set(EVERYWHERE) <= set(source.asked)
    assert not [name for name in source.asked if name.startswith(never)]


@pytest.mark.parametrize(("state", "asked"), [("active\n", True), ("suspended\n", False)])
def test_a_device_that_sleeps_is_not_woken_for_a_recording(state: str, asked: bool) -> None:
    """
    Vulkan's drivers would wake it, whatever probes have asked.
    """
    device = "0000:01:00.0"
    source = FakeSource(
        {
            "list:/sys/bus/pci/devices": [device],
            f"read:/sys/bus/pci/devices/{device}/power/runtime_status": state,
        }
    )
    ask_neighbours(source)

    assert ("vulkan:" in source.asked) is asked
