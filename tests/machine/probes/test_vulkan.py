"""
Where Vulkan's loader is asked on Linux, and where it is left alone.
"""

from typing import Any

import pytest

from llmprobe.machine.probes import vulkan
from tests.machine.fake import FakeSource
from tests.machine.vulkan.samples import answer, device


def bus(*devices: tuple[str, str, str], **answers: Any) -> FakeSource:
    """
    Return a machine with display devices: address, vendor, device.
    """
    told = answer(device()) | answers
    told["list:/sys/bus/pci/devices"] = [address for address, _, _ in devices]
    for address, vendor, number in devices:
        path = f"/sys/bus/pci/devices/{address}"
        told |= {
            f"read:{path}/class": "0x030000\n",
            f"read:{path}/vendor": f"{vendor}\n",
            f"read:{path}/device": f"{number}\n",
        }
    return FakeSource(told)


RADEON = ("0000:03:00.0", "0x1002", "0x744c")
PHOENIX = ("0000:c1:00.0", "0x1002", "0x15bf")
RAPHAEL = ("0000:0e:00.0", "0x1002", "0x164e")
ARC = ("0000:03:00.0", "0x8086", "0xe20b")
UHD = ("0000:00:02.0", "0x8086", "0xa780")
GEFORCE = ("0000:01:00.0", "0x10de", "0x2684")
ASPEED = ("0000:05:00.0", "0x1a03", "0x2000")
MTT = ("0000:06:00.0", "0x1ed5", "0x0200")


@pytest.mark.parametrize(
    ("devices", "asked"),
    [
        ((RADEON,), True),
        ((RADEON, GEFORCE), True),
        ((PHOENIX,), True),
        ((ARC, UHD), True),
        ((MTT,), True),
        ((), False),
        ((ASPEED,), False),
        ((GEFORCE, ASPEED), False),
        ((UHD,), False),
        ((UHD, GEFORCE), False),
        ((PHOENIX, GEFORCE), False),
        ((RAPHAEL,), False),
    ],
)
def test_the_loader_is_asked_where_it_matters(devices: tuple[tuple[str, str, str], ...], asked: bool) -> None:
    """
    Opening every driver takes a while: only a GPU that may run by Vulkan is worth it.
    """
    source = bus(*devices)
    probed = vulkan.probe(source)

    assert ("vulkan:" in source.asked) is asked
    assert (probed.vulkan is not None) is asked
    assert probed.status == ("ok" if asked else "absent")


def test_a_sleeping_gpu_is_not_woken() -> None:
    """
    The drivers that the loader opens wake it, whoever made it.
    """
    asleep = {"read:/sys/bus/pci/devices/0000:01:00.0/power/runtime_status": "suspended\n"}

    assert vulkan.probe(bus(RADEON, GEFORCE, **asleep)).vulkan is None
    assert vulkan.probe(bus(RADEON, GEFORCE, **asleep, **{"env:LLMPROBE_WAKE": "1"})).vulkan is not None
