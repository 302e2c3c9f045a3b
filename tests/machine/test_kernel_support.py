"""
A kernel that is older than the driver of a GPU: that is said, with the first that has it.
"""

import pytest

from llmprobe.facts.answer import Answer, Platform
from llmprobe.machine.kernel_support import too_old
from llmprobe.machine.snapshot import collect
from tests.machine.fake import FakeSource, plain_host
from tests.machine.probes.test_amd import machine, radeon
from tests.machine.probes.test_intel import battlemage


@pytest.mark.parametrize(
    ("release", "device", "expected"),
    [
        ("5.15.0-139-generic", "0x744c", "6.0"),
        ("6.8.0-60-generic", "0x7550", "6.12"),
        ("6.11.9", "0x7550", "6.12"),
        ("6.12.0", "0x7550", None),
        ("6.8.0-60-generic", "0xe20b", "6.12"),
        ("6.14.0", "0xe223", "6.17"),
        ("6.10.0", "0x1586", "6.11"),
        ("6.1.0-37-amd64", "0x56a0", "6.2"),
        ("6.8", "0x744c", None),
        ("6.8", "0x73bf", None),
        ("6.8", None, None),
        (None, "0x7550", None),
        ("rolling", "0x7550", None),
    ],
)
def test_the_first_kernel_that_knows_a_gpu(
    release: str | None, device: str | None, expected: str | None
) -> None:
    """RDNA 4 and Battlemage came with 6.12, RDNA 3 with 6.0, Strix Halo with 6.11, Arc A without an option with 6.2."""
    assert too_old(release, device) == expected


@pytest.mark.parametrize(("release", "why"), [("6.8.0", "kernel-too-old"), ("6.14.0", "no-driver")])
def test_a_card_without_a_driver_says_which_kernel_has_one(release: str, why: str) -> None:
    """Of AMD and of Intel alike; with a newer kernel something else is wrong."""
    radeon_path, arc_path = "/sys/bus/pci/devices/0000:04:00.0", "/sys/bus/pci/devices/0000:03:00.0"
    nothing = Answer(status="missing")
    answers = machine(radeon("0000:04:00.0", device="0x7550", node=0)) | plain_host() | battlemage()
    answers |= {f"link:{radeon_path}/driver": nothing, f"link:{arc_path}/driver": nothing}
    answers["list:/sys/bus/pci/devices"] = ["0000:03:00.0", "0000:04:00.0"]
    snapshot = collect(FakeSource(answers, Platform(system="linux", machine="x86_64", release=release)))
    reasons = [each.why_not.id for each in snapshot.accelerators if each.why_not is not None]
    told = [finding for finding in snapshot.findings if finding.id == "gpu-not-usable"]

    assert reasons == [f"unusable.{why}"] * 2
    assert len(told) == 2
    assert all(finding.remedy is not None for finding in told)
