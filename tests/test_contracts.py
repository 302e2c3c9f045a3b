"""
Every probe, rule, architecture and engine keeps its contract, and every file the house rules.
"""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

import pytest

import llmprobe
from llmprobe import engines
from llmprobe.facts.answer import Answer, Platform, Source, Status
from llmprobe.facts.asking import Asking
from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Probed, Snapshot
from llmprobe.machine import probes, rules
from llmprobe.machine.rules import Rule
from tests.output import samples

SYSTEMS = frozenset({"linux", "darwin", "win32", "freebsd", "openbsd", "netbsd"})
LONGEST_FILE = 400
FILES = sorted(Path(llmprobe.__file__).parent.rglob("*.py"))


def modules(package: ModuleType) -> list[ModuleType]:
    """
    Return the public modules of a package, as the program itself finds them.
    """
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__))
    return [
        importlib.import_module(f"{package.__name__}.{name}") for name in names if not name.startswith("_")
    ]


def short_name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


class Silent(Asking):
    """
    A machine that answers every question in the same way.
    """

    this_machine = False

    def __init__(self, system: str, status: Status) -> None:
        self.platform = Platform(system=system, machine="x86_64")
        self.answer = Answer(status=status, value=None)

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        return self.answer


@pytest.mark.parametrize("probe", modules(probes), ids=short_name)
def test_a_probe_says_its_name_and_where_it_applies(probe: ModuleType) -> None:
    """
    A probe has a name of its own and names the systems that it knows.
    """
    assert re.fullmatch(r"[a-z][a-z0-9_]*", probe.NAME)
    assert isinstance(probe.PLATFORMS, frozenset)
    assert set() < probe.PLATFORMS <= SYSTEMS


def test_probes_have_different_names() -> None:
    """
    No two probes share a name, because sources are told apart by it.
    """
    names = [probe.NAME for probe in modules(probes)]

    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("probe", modules(probes), ids=short_name)
def test_a_probe_takes_a_source_and_returns_what_it_found(probe: ModuleType) -> None:
    """
    ``probe(source: Source) -> Probed``, with a docstring.
    """
    hints = get_type_hints(probe.probe)

    assert list(inspect.signature(probe.probe).parameters) == ["source"]
    assert (hints["source"], hints["return"]) == (Source, Probed)
    assert probe.probe.__doc__


@pytest.mark.parametrize("status", ["missing", "denied", "failed", "timeout", "not_recorded"])
@pytest.mark.parametrize("probe", modules(probes), ids=short_name)
def test_a_probe_survives_a_machine_that_says_nothing(probe: ModuleType, status: Status) -> None:
    """
    Where every question fails in the same way a probe finds no devices, and raises nothing.
    """
    for system in sorted(probe.PLATFORMS):
        found = probe.probe(Silent(system, status))

        assert isinstance(found, Probed)
        assert [device for device in found.accelerators if device.usable] == []


@pytest.mark.parametrize("rule", rules.all_rules(), ids=lambda rule: rule.id)
def test_a_rule_has_an_id_and_says_what_it_is_about(rule: Rule) -> None:
    """
    An id in kebab case, one line about it, and a function with a docstring.
    """
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.id)
    assert str(rule.about).endswith(".")
    assert rule.apply.__doc__


def test_rules_have_different_ids() -> None:
    """
    No two rules share an id, because people and scripts name findings by it.
    """
    ids = [rule.id for rule in rules.all_rules()]

    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize(
    "snapshot", [samples.rtx4090(), samples.m3max(), samples.container()], ids=["desktop", "mac", "container"]
)
@pytest.mark.parametrize("rule", rules.all_rules(), ids=lambda rule: rule.id)
def test_a_rule_makes_findings_of_its_own(rule: Rule, snapshot: Snapshot) -> None:
    """
    What a rule finds carries the rule's id and the evidence that it stands on.
    """
    for finding in rule.apply(snapshot):
        assert isinstance(finding, Finding)
        assert finding.id == rule.id
        assert finding.evidence


@pytest.mark.parametrize("module", modules(engines), ids=short_name)
def test_an_engine_is_one_record(module: ModuleType) -> None:
    """
    An engine has a name under which it is found, each of its programs is listed under its own, and nothing that
    answers is no engine.
    """
    engine = module.ENGINE

    assert engines.engine(engine.name) is engine
    assert [profile.program for profile in engine.profiles.values()] == list(engine.profiles)
    assert {profile.engine for profile in engine.profiles.values()} <= {engine.name}
    assert engine.observe is None or engine.observe(Silent("linux", "missing")) == ()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FILES[0].parent)))
def test_a_file_says_what_it_owns_and_stays_short(path: Path) -> None:
    """
    Every module begins with a docstring and has at most 400 lines, and makes no dataclasses.

    A language's catalogue is one list of sentences, however many there are.
    """
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    imported = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    } | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert ast.get_docstring(tree) or path.name == "_version.py"
    assert len(text.splitlines()) <= LONGEST_FILE or (path.parent.name == "words" and "SENTENCES" in text)
    assert "dataclasses" not in imported
