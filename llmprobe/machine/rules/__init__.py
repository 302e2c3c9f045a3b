"""
One file per diagnosis or group of them: a Snapshot in, findings out. Nothing here asks the machine.

A module of this package has ``RULES``, each with an id and the function that applies it; the sentence ``rule.<id>``
says what it is about. A rule reads records only, says what the matter costs the user, and cites its evidence.
"""

import importlib
from collections.abc import Callable, Iterable
from functools import cache

import msgspec

from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Snapshot, SourceReport
from llmprobe.machine.crash import crashed
from llmprobe.machine.listing import modules_in
from llmprobe.words.message import Message, message

RULE = "rule:"
"""Before the id of a rule that is reported as a source."""

_RANK = {"error": 0, "warning": 1, "note": 2}


class Rule(msgspec.Struct, frozen=True):
    """
    One diagnosis: the id of its findings, and how it is made.
    """

    id: str
    apply: Callable[[Snapshot], Iterable[Finding]]

    @property
    def about(self) -> Message:
        """What the diagnosis is about, in one line."""
        return message(f"rule.{self.id}")


@cache
def all_rules() -> tuple[Rule, ...]:
    """
    Every rule, in the order of the modules' names.
    """
    modules = (importlib.import_module(f"{__name__}.{name}") for name in modules_in(__path__))
    return tuple(rule for module in modules for rule in module.RULES)


def diagnosed(snapshot: Snapshot) -> Snapshot:
    """
    The snapshot with its findings, errors first.

    Each rule stands alone: one that raises is reported as the crashed source ``rule:<id>`` and as a finding, and costs
    its own findings only.
    """
    findings: list[Finding] = []
    crashes: list[SourceReport] = []
    for rule in all_rules():
        try:
            findings += tuple(rule.apply(snapshot))
        except Exception as error:  # noqa: BLE001 - reported as what it is
            crashes.append(crashed(f"{RULE}{rule.id}", error))
    if crashes:
        snapshot = msgspec.structs.replace(snapshot, sources=(*snapshot.sources, *crashes))
        findings += importlib.import_module(f"{__name__}.coverage").rule_crashed(snapshot)
    if snapshot.host.system == "win32" or snapshot.host.container_of:
        findings = [_translated(snapshot, finding) for finding in findings]
    findings.sort(key=lambda finding: _RANK[finding.severity])
    return msgspec.structs.replace(snapshot, findings=tuple(findings))


def _translated(snapshot: Snapshot, finding: Finding) -> Finding:
    """
    A finding with the commands of Windows, or of what keeps the container; most rules know those of Linux and Docker.
    """
    if finding.remedy is None or not finding.remedy.commands:
        return finding
    # Imported only here: other systems have nothing of it.
    from llmprobe.machine.shell_commands import of_keeper, of_windows

    keeper = snapshot.host.container_of
    told = (
        of_keeper(command, keeper) if keeper else of_windows(command) for command in finding.remedy.commands
    )
    commands = tuple(command for command in told if command is not None)
    return msgspec.structs.replace(finding, remedy=msgspec.structs.replace(finding.remedy, commands=commands))
