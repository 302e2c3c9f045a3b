"""
One file per diagnosis or group of them: a Snapshot in, findings out. Nothing here asks the machine.

A module of this package has ``RULES``, each with an id, one line that explains it, and the function that
applies it. A rule sees records and observations only, says what the matter costs the user, and cites what
it stands on.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache

import msgspec

from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import Message, message

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
    Return every rule there is, in the order of its module's name.
    """
    found = sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )
    modules = (importlib.import_module(f"{__name__}.{name}") for name in found)
    return tuple(rule for module in modules for rule in module.RULES)


def asked_nvml(snapshot: Snapshot, *questions: str) -> tuple[str, ...]:
    """
    Return questions to NVML as evidence, or the command that told their answers where NVML could not be asked.
    """
    by_command = snapshot.observed("nvidia.smi")
    return tuple(f"nvml:{question}" for question in questions) if by_command is None else by_command.evidence


def check(snapshot: Snapshot) -> tuple[Finding, ...]:
    """
    Return what is wrong with a machine or worth knowing, errors first.
    """
    findings = [finding for rule in all_rules() for finding in rule.apply(snapshot)]
    return tuple(sorted(findings, key=lambda finding: _RANK[finding.severity]))
