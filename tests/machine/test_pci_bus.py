"""
Which devices of the bus are GPUs: neither NPUs and FPGAs, nor the shares of one that is there itself.
"""

from typing import Any

import pytest

from llmprobe.machine.asking import Asker
from llmprobe.machine.pci_bus import display_devices
from tests.machine.fake import FakeSource


def bus(*devices: tuple[str, str, str], shares: tuple[str, ...] = ()) -> tuple[str, ...]:
    """
    Return the addresses that count, of devices by address, class and vendor; ``shares`` have a link to another.
    """
    answers: dict[str, Any] = {"list:/sys/bus/pci/devices": [address for address, _, _ in devices]}
    for address, device_class, vendor in devices:
        path = f"/sys/bus/pci/devices/{address}"
        answers |= {f"read:{path}/class": f"{device_class}\n", f"read:{path}/vendor": f"{vendor}\n"}
        if address in shares:
            answers[f"link:{path}/physfn"] = "../0000:03:00.0"
    return tuple(each.address for each in display_devices(Asker(FakeSource(answers))))


@pytest.mark.parametrize(
    ("device_class", "vendor", "expected"),
    [
        ("0x030000", "0x8086", True),
        ("0x038000", "0x8086", True),
        ("0x120000", "0x8086", False),
        ("0x120000", "0x1002", True),
        ("0x030200", "0x10de", True),
        ("0x120000", "0x1da3", True),
        ("0x120000", "0x10ee", False),
        ("0x120000", "0x1172", False),
        ("0x118000", "0x1022", False),
        ("0x020000", "0x8086", False),
    ],
)
def test_an_accelerator_of_intel_is_no_gpu(device_class: str, vendor: str, expected: bool) -> None:
    """Its NPUs and FPGAs are of the class of AMD's Instinct; AMD's NPU is a signal processor, and so is none."""
    assert bool(bus(("0000:03:00.0", device_class, vendor))) is expected


def test_a_share_of_a_device_that_is_there_is_none_of_its_own() -> None:
    """Virtual functions have a link to the device that they are of; alone in a guest one is all there is."""
    card, share = ("0000:03:00.0", "0x030000", "0x8086"), ("0000:03:00.1", "0x030000", "0x8086")
    other = ("0000:41:00.0", "0x030200", "0x10de")

    assert bus(card, share, other, shares=(share[0],)) == (card[0], other[0])
    assert bus(share, other, shares=(share[0],)) == (share[0], other[0])
    assert bus(card, share, other) == (card[0], share[0], other[0])
