"""
GPUs without a probe of their own.
"""

from typing import Any

from llmprobe.machine.probes import pci
from tests.machine.fake import FakeSource


def bus(*devices: tuple[str, str, str]) -> FakeSource:
    answers: dict[str, Any] = {"list:/sys/bus/pci/devices": [address for address, _, _ in devices]}
    for address, device_class, vendor in devices:
        answers[f"read:/sys/bus/pci/devices/{address}/class"] = device_class
        answers[f"read:/sys/bus/pci/devices/{address}/vendor"] = vendor
        answers[f"read:/sys/bus/pci/devices/{address}/device"] = "0x9a49"
    return FakeSource(answers)


def test_a_gpu_that_no_probe_examines_is_named() -> None:
    """
    It is there, cannot be used, and the reason is said.
    """
    devices = pci.probe(bus(("0000:03:00.0", "0x030000", "0x1ed5"), ("0000:00:1f.0", "0x060100", "0x8086")))
    assert [(each.pci, each.vendor, each.usable) for each in devices.accelerators] == [
        ("0000:03:00.0", "other", False)
    ]


def test_vendors_with_a_probe_and_display_adapters_are_left_out() -> None:
    """
    NVIDIA, AMD and Intel have their own probes, and what a virtual machine draws on (0x1234) is no accelerator.
    """
    devices = pci.probe(
        bus(
            ("0000:01:00.0", "0x030000", "0x10de"),
            ("0000:02:00.0", "0x030000", "0x1002"),
            ("0000:03:00.0", "0x030000", "0x8086"),
            ("0000:00:01.0", "0x030000", "0x1234"),
        )
    )
    assert (devices.accelerators, devices.status) == ((), "absent")
