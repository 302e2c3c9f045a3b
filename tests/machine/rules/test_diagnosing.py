"""
How rules are found and applied: each alone, so that a bug in one costs its own findings only.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Host, Snapshot, SourceReport
from llmprobe.machine import rules
from llmprobe.machine.listing import modules_in
from llmprobe.machine.rules import Rule
from llmprobe.words.en import SENTENCES
from llmprobe.words.message import message

BARE = Snapshot(
    this_machine=False,
    host=Host(system="linux", machine="x86_64"),
    sources=(SourceReport(name="memory", status="ok"),),
)


def finds(rule_id: str) -> Rule:
    """
    A rule that always makes its finding.
    """
    title = message(f"rule.{rule_id}")

    def apply(snapshot: Snapshot) -> Iterator[Finding]:
        yield Finding(id=rule_id, severity="note", title=title, detail=title, evidence=("a",))

    return Rule(rule_id, apply)


def fails_after_its_first(rule_id: str) -> Rule:
    """
    A rule that makes a finding and then raises: its bug is met only while its findings are read.
    """

    def apply(snapshot: Snapshot) -> Iterator[Finding]:
        yield from finds(rule_id).apply(snapshot)
        raise ZeroDivisionError("a bug")

    return Rule(rule_id, apply)


@pytest.mark.parametrize("broken", rules.all_rules(), ids=lambda rule: rule.id)
def test_a_rule_that_raises_costs_its_own_findings_only(
    broken: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rule broken in turn: all others make their findings, and the broken one is a crashed source."""
    every = [
        (fails_after_its_first if rule.id == broken.id else finds)(rule.id) for rule in rules.all_rules()
    ]
    monkeypatch.setattr(rules, "all_rules", lambda: tuple(every))
    seen = rules.diagnosed(BARE)

    (lost,) = [one for one in seen.findings if one.evidence == (f"source:rule:{broken.id}",)]
    others = {finding.id for finding in seen.findings if finding is not lost}
    assert others == {rule.id for rule in every} - {broken.id}
    assert (lost.id, lost.severity, lost.detail.values["checks"]) == ("rule-crashed", "warning", (broken.id,))
    assert [(each.name, each.status) for each in seen.sources] == [
        ("memory", "ok"),
        (f"rule:{broken.id}", "crashed"),
    ]


def test_a_crash_names_the_error_and_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report says what was raised, and where."""
    monkeypatch.setattr(rules, "all_rules", lambda: (fails_after_its_first("no-gpu"),))
    detail = rules.diagnosed(BARE).sources[-1].detail

    assert detail is not None
    assert (detail.values["error"], detail.values["reason"]) == ("ZeroDivisionError", "a bug")
    assert detail.values["file"] == "test_diagnosing.py"


def test_errors_come_before_warnings_and_those_before_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order of the rules, and equal ones keep it."""

    def of(severity: str) -> Rule:
        def apply(snapshot: Snapshot) -> Iterator[Finding]:
            for finding in finds("no-gpu").apply(snapshot):
                yield msgspec.structs.replace(finding, severity=severity)

        return Rule("no-gpu", apply)

    order = ("note", "error", "warning", "note")
    monkeypatch.setattr(rules, "all_rules", lambda: tuple(map(of, order)))

    assert [finding.severity for finding in rules.diagnosed(BARE).findings] == [
        "error",
        "warning",
        "note",
        "note",
    ]


def test_every_rule_has_its_sentence_and_no_other_has_one() -> None:
    """``rule.<id>`` says what a rule is about; a sentence of a rule that is gone is removed."""
    sentences = {name for name in SENTENCES if name.startswith("rule.")}

    assert sentences == {f"rule.{rule.id}" for rule in rules.all_rules()}


def test_private_modules_and_other_files_are_not_listed(tmp_path: Path) -> None:
    """A package's modules are its Python files and its folders that are packages."""
    folder = tmp_path
    for name in ("b.py", "a.py", "_shared.py", "notes.txt", ".hidden.py"):
        (folder / name).write_text("", encoding="utf-8")
    (folder / "vendor").mkdir()
    (folder / "vendor" / "__init__.py").write_text("", encoding="utf-8")
    (folder / "data").mkdir()

    assert modules_in([str(folder)]) == ("a", "b", "vendor")
