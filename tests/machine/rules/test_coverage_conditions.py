"""
Each condition of the rules about what was not looked at by itself.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import (
    SourceReport,
)
from tests.machine.rules.records import (
    ASKED,
    card,
    commands,
    found,
    machine,
    only,
    severity,
)

Report = tuple[str, Any]


@pytest.mark.parametrize(
    ("sources", "cards", "absent", "silent"),
    [
        ([("nvidia", "absent"), ("cpu", "absent")], (), "note", None),
        ([("nvidia", "timeout")], (), None, "warning"),
        ([("pci", "not_recorded")], (), None, "warning"),
        ([("cpu", "failed")], (), "note", None),
        ([("amd", "partial")], (), "note", None),
        ([("amd", "denied")], (card(),), None, None),
        ([("amd", "denied")], (card(vendor="amd", usable=False),), None, "warning"),
        ([], (card(vendor="amd", usable=False),), "note", None),
        ([], (card(vendor="nvidia", usable=False),), None, None),
    ],
)
def test_no_gpu_is_known_only_where_all_looked(
    sources: list[Report], cards: Any, absent: str | None, silent: str | None
) -> None:
    """A source that could have found one and did not answer leaves it open; NVIDIA's rules explain their own."""
    snapshot = machine(
        *cards, sources=tuple(SourceReport(name=name, status=status) for name, status in sources)
    )

    assert (severity(snapshot, "no-gpu"), severity(snapshot, "gpu-not-looked-for")) == (absent, silent)


@pytest.mark.parametrize(
    ("release", "architecture", "detail"),
    [
        ("6.10.14-linuxkit", "aarch64", "detail-in-a-mac"),
        ("6.12.15-orbstack-00304-gede1cf3337c4", "aarch64", "detail-in-a-mac"),
        ("6.10.14-linuxkit", "x86_64", "detail"),
        ("6.8.0-57-generic", "aarch64", "detail"),
        (None, "aarch64", "detail"),
    ],
)
def test_a_container_on_a_mac_has_a_gpu_outside(release: str | None, architecture: str, detail: str) -> None:
    """By the kernels of Docker Desktop and OrbStack on Apple's chips."""
    snapshot = machine(host={"release": release, "machine": architecture, "system": "linux"})

    assert only(snapshot, "no-gpu").detail.id == f"finding.no-gpu.{detail}"


@pytest.mark.parametrize(
    ("sources", "cards", "title", "evidence"),
    [
        ([("nvidia", "absent"), ("cpu", "absent"), ("amd", "ok")], (), "title", ("source:nvidia",)),
        ([("cpu", "absent")], (card(vendor="amd", usable=False),), "title-unusable", ASKED),
        ([], (), "title", ("option:--ram",)),
    ],
)
def test_no_gpu_cites_who_looked(
    sources: list[Report], cards: Any, title: str, evidence: tuple[str, ...]
) -> None:
    """The sources for GPUs that found none, what is there and cannot be used, or the options."""
    snapshot = machine(
        *cards, sources=tuple(SourceReport(name=name, status=status) for name, status in sources)
    )
    finding = only(snapshot, "no-gpu")

    assert (finding.title.id, finding.evidence) == (f"finding.no-gpu.{title}", evidence)


@pytest.mark.parametrize(("status", "more"), [("timeout", ("llmprobe --timeout 10 check",)), ("denied", ())])
def test_only_a_source_that_took_too_long_gets_more_time(status: Any, more: tuple[str, ...]) -> None:
    """Another status is no matter of time."""
    snapshot = machine(
        sources=(SourceReport(name="amd", status="denied"), SourceReport(name="pci", status=status))
    )
    finding = only(snapshot, "gpu-not-looked-for")

    assert commands(finding) == more
    assert finding.evidence == ("source:amd", "source:pci")


@pytest.mark.parametrize(
    ("status", "expected", "command"),
    [
        ("ok", None, ()),
        ("absent", None, ()),
        ("not_recorded", None, ()),
        ("partial", "note", ()),
        ("denied", "warning", ()),
        ("timeout", "warning", ("llmprobe --timeout 10 check",)),
        ("crashed", "warning", ("llmprobe record -o machine.json",)),
    ],
)
def test_a_source_that_did_not_answer(status: Any, expected: str | None, command: tuple[str, ...]) -> None:
    """In part it is a note; a crash is to be recorded, a slow one needs more time. A recording has another finding."""
    snapshot = machine(sources=(SourceReport(name="cpu", status=status),))

    assert severity(snapshot, "probe-failed") == expected
    assert severity(snapshot, "not-recorded") == ("note" if status == "not_recorded" else None)
    for finding in found(snapshot, "probe-failed"):
        assert commands(finding) == command
