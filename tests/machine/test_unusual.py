"""
Which machines are worth a recording.
"""

import msgspec
import pytest

from llmprobe.facts.machine import Accelerator, Snapshot, SourceReport
from llmprobe.machine.unusual import why_unusual
from tests.machine_fixtures import replayed
from tests.output import samples


def reasons(snapshot: Snapshot) -> list[str]:
    return [reason.id for reason in why_unusual(snapshot)]


@pytest.mark.parametrize(
    "machine", ["linux-4090-64g", "macos-m3max-64g", "linux-3060-12g-16g-desktop", "windows-rx7900xtx-32g"]
)
def test_a_usual_machine_needs_no_recording(machine: str) -> None:
    """
    Findings about settings, use and wear are the owner's matter.
    """
    assert reasons(replayed(machine)) == []


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        ("linux-mtt-s80-and-tahiti", "finding.gpu-unsupported-vendor.title"),
        ("windows-basic-display-16g", "finding.gpu-basic-driver.title"),
        ("linux-wsl2-7800xt-16g", "finding.wsl-other-gpu.title"),
        ("linux-altra-w7900-arm64", "unusual.unnamed"),
    ],
)
def test_what_was_not_understood_is_a_reason(machine: str, reason: str) -> None:
    """
    A vendor without a probe, a display without its driver, a GPU that only Windows sees, a device without a name.
    """
    assert reason in reasons(replayed(machine))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("crashed", ["unusual.crashed"]),
        ("failed", ["unusual.silent"]),
        ("timeout", ["unusual.silent"]),
        ("partial", ["unusual.silent"]),
        ("ok", []),
        ("absent", []),
        ("not_recorded", []),
    ],
)
def test_sources_that_did_not_answer_are_a_reason(status: str, expected: list[str]) -> None:
    """
    A recording that lacks an answer is none.
    """
    report = msgspec.convert({"name": "amd", "status": status}, SourceReport)
    snapshot = msgspec.structs.replace(samples.rtx4090(), findings=(), sources=(report,))

    assert reasons(snapshot) == expected


def test_another_system_and_an_unnamed_device_are_reasons() -> None:
    """
    Both are named.
    """
    plain = msgspec.structs.replace(samples.rtx4090(), findings=(), sources=())
    host = msgspec.structs.replace(plain.host, system="freebsd14")
    device = Accelerator(id="gpu0", vendor="amd", name="AMD GPU (0x1234)")
    odd = msgspec.structs.replace(plain, host=host, accelerators=(device,))

    assert [(reason.id, reason.values) for reason in why_unusual(odd)] == [
        ("unusual.system", {"system": "freebsd14"}),
        ("unusual.unnamed", {"devices": ("AMD GPU (0x1234)",)}),
    ]
