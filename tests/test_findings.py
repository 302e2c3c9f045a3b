"""
Every diagnosis on the recorded machines: each is made where its matter is, is silent elsewhere, and says all of it.
"""

from functools import cache

import msgspec
import pytest

from llmprobe.cli import main
from llmprobe.facts.answer import Answer
from llmprobe.facts.asking import METHODS, question_name
from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Snapshot, SourceReport
from llmprobe.machine import rules
from llmprobe.machine.hypothetical import Options, hypothetical
from llmprobe.machine.rules import Rule
from llmprobe.source.recording import Recording
from llmprobe.source.recording.replay import Replay
from tests.machine_fixtures import FOLDER, MACHINES, looked_at, recording_of, replayed

OLD = "an old recording"
"""A machine that was recorded before control groups were asked for, which no fixture can be: they are complete."""

BROKEN = "a machine whose disk does not answer"
SILENT = "a machine whose bus does not answer"
FAULTY = "a machine on which a check of ours failed"
NOBODYS = "a machine that nobody has yet"
LEAST_SILENT = 3
every_rule = pytest.mark.parametrize("rule", rules.all_rules(), ids=lambda rule: rule.id)
FINDINGS = [
    pytest.param(machine, finding, id=f"{finding.id} on {machine}")
    for machine in MACHINES
    for finding in replayed(machine).findings
]
every_finding = pytest.mark.parametrize(("machine", "finding"), FINDINGS)


@cache
def seen() -> dict[str, Snapshot]:
    """
    Every machine by name, and five that are made: one recorded by an older program, two where a part of the system does
    not answer, one where a check of ours failed, and a hypothetical one.
    """
    desktop = recording_of("linux-4090-64g")
    older = msgspec.structs.replace(
        desktop,
        covers=tuple(entry for entry in desktop.covers if not entry.startswith("/sys")),
        answers={name: answer for name, answer in desktop.answers.items() if "cgroup" not in str(name)},
    )
    broken = Recording(
        platform=desktop.platform,
        covers=desktop.covers,
        answers={**desktop.answers, ("read", "/proc/meminfo"): Answer(status="timeout", detail="no answer")},
    )
    silent = Recording(
        platform=desktop.platform,
        covers=tuple(entry for entry in desktop.covers if entry != "nvml"),
        answers={
            **{name: answer for name, answer in desktop.answers.items() if name[0] != "nvml"},
            ("list", "/sys/bus/pci/devices"): Answer(status="timeout", detail="no answer"),
            ("list", "/dev"): Answer(status="timeout", detail="no answer"),
        },
    )
    made = {
        OLD: looked_at(Replay(older)),
        BROKEN: looked_at(Replay(broken)),
        SILENT: looked_at(Replay(silent)),
        FAULTY: rules.diagnosed(
            msgspec.structs.replace(
                replayed("linux-4090-64g"), sources=(SourceReport(name="rule:no-avx2", status="crashed"),)
            )
        ),
        NOBODYS: hypothetical(["2x RTX 3060 nvlink"], 64 * 2**30, Options(cpu="Some processor")),
    }
    return {machine: replayed(machine) for machine in MACHINES} | made


@every_rule
def test_a_diagnosis_is_made_somewhere(rule: Rule) -> None:
    """Each rule fires on one of the recorded machines at least."""
    firing = [name for name, snapshot in seen().items() if rule.id in ids(snapshot)]

    assert firing != []


@every_rule
def test_a_diagnosis_is_silent_elsewhere(rule: Rule) -> None:
    """Each rule says nothing on three others at least, and on most of all machines."""
    silent = [name for name, snapshot in seen().items() if rule.id not in ids(snapshot)]

    assert len(silent) >= max(LEAST_SILENT, len(seen()) // 2)


@every_finding
def test_a_finding_stands_on_answers(machine: str, finding: Finding) -> None:
    """
    Its evidence are questions that were asked here, or reports of sources that are here: none is made up.
    """
    asked = {question_name(question[0], question[1:]) for question in recording_of(machine).answers}
    sources = {f"source:{report.name}" for report in replayed(machine).sources}
    covered = {
        name for name in finding.evidence if name.partition(":")[0] in METHODS and is_covered(machine, name)
    }

    assert finding.evidence
    assert set(finding.evidence) - asked - sources - covered == set()


@every_finding
def test_a_finding_says_what_it_costs_and_what_mends_it(machine: str, finding: Finding) -> None:
    """
    Whole sentences, no word of the program's inside, and for what is wrong something to do.
    """
    messages = [finding.title, finding.detail, *([finding.remedy.text] if finding.remedy else [])]
    texts = [str(each) for each in messages]

    assert all(text and text == text.strip() for text in texts)
    assert str(finding.detail).endswith(".")
    assert [text for text in texts if "None" in text or "{" in text] == []
    assert finding.remedy is not None or finding.severity != "error"


def test_what_is_wrong_comes_first() -> None:
    """Errors stand before warnings, and those before notes."""
    order = ["error", "warning", "note"]
    ranks = [[order.index(finding.severity) for finding in snapshot.findings] for snapshot in seen().values()]

    assert [rank for rank in ranks if rank != sorted(rank)] == []


def test_diagnoses_are_many() -> None:
    """There are 35 and more, as a user of any machine may need one."""
    assert len({finding.id for snapshot in seen().values() for finding in snapshot.findings}) >= 35


@pytest.mark.parametrize(
    ("machine", "finding_id"),
    [
        (machine, finding_id)
        for machine in ("linux-2socket-2xmi50-256g", "linux-vm-4g-swapping", "windows-4070-12g-wddm")
        for finding_id in sorted({finding.id for finding in replayed(machine).findings})
    ],
)
def test_a_finding_can_be_explained(
    machine: str, finding_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """``check --explain ID`` tells all of it: title, cost, what mends it, the commands, and what it stands on."""
    status = main(["--replay", str(FOLDER / machine / "recording.json"), "check", "--explain", finding_id])
    said = "".join(capsys.readouterr().out.split())
    findings = [finding for finding in replayed(machine).findings if finding.id == finding_id]
    wanted = [text for finding in findings for text in everything(finding)]

    assert status == (3 if any(finding.severity == "error" for finding in findings) else 0)
    assert [text for text in wanted if "".join(text.split()) not in said] == []


def everything(finding: Finding) -> list[str]:
    """
    Return all that a finding says.
    """
    remedy = finding.remedy
    link = [remedy.link] if remedy is not None and remedy.link else []
    mends = [] if remedy is None else [str(remedy.text), *remedy.commands, *link]
    return [finding.id, str(finding.title), str(finding.detail), *mends, *finding.evidence]


def ids(snapshot: Snapshot) -> set[str]:
    return {finding.id for finding in snapshot.findings}


def is_covered(machine: str, name: str) -> bool:
    """
    Tell whether a question was answered by its absence from what was recorded completely.
    """
    method, _, rest = name.partition(":")
    return recording_of(machine).covered(method, tuple(rest.split(" ")))
