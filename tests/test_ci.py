"""
What continuous integration checks of a change besides the code: dependencies, commits, and the floor of coverage.
"""

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

CI = Path(__file__).parent.parent / ".ci"


def script(name: str) -> ModuleType:
    """
    Return a script of the folder ``.ci`` as a module.
    """
    spec = importlib.util.spec_from_file_location(f"ci_{name}", CI / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


history = script("history")
lowest = script("lowest")


@pytest.mark.parametrize(
    "subject",
    [
        "source: end worker threads when a probe closes",
        'Revert "ci: x"',
        "ci, docs: say what is run",
        "a: " + "b" * 68,
    ],
)
def test_subject_that_names_area_and_change_is_accepted(subject: str) -> None:
    """
    A subject says the area and what changes in at most 71 characters; git's own word for a revert is allowed.
    """
    assert history.fault_of(subject) is None


@pytest.mark.parametrize(
    ("subject", "fault"),
    [
        ("Say among what would change an answer", "is not of the form `area: what changes`"),
        ("source:", "is not of the form `area: what changes`"),
        ("source: end worker threads.", "is not of the form `area: what changes`"),
        ("a: " + "b" * 69, "has 72 characters; at most 71 are allowed"),
    ],
)
def test_other_subject_is_refused(subject: str, fault: str) -> None:
    """
    A subject without an area, with a full stop or of 72 characters is a fault.
    """
    assert history.fault_of(subject) == fault


def test_floor_of_coverage_is_read_from_pyproject() -> None:
    """
    The floor is ``fail_under``; a project that has none demands 0 %.
    """
    assert history.floor_of("[tool.coverage.report]\nfail_under = 91.5\n") == 91.5
    assert history.floor_of("[project]\n") == 0


def test_floor_that_falls_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A range of commits that lowers the floor is refused, one that raises it is not, and subjects are checked too.
    """
    floors = {"old": 90, "new": 91}

    def git(verb: str, *arguments: str) -> str:
        if verb == "log":
            return "abc1234 source: end threads\nabc1235 Mend it\n"
        commit = arguments[0].removesuffix(":pyproject.toml")
        return f"[tool.coverage.report]\nfail_under = {floors[commit]}\n"

    monkeypatch.setattr(history, "_git", git)
    subject = "abc1235: the subject 'Mend it' is not of the form `area: what changes`"

    assert history.faults("old..new") == [subject]
    assert history.faults("new..old") == [
        subject,
        "pyproject.toml: the floor of coverage falls from 91 to 90 %",
    ]


def test_lowest_versions_are_those_that_are_declared() -> None:
    """
    A lowest and an exact version become a constraint, of the project and of the extras that tests need.
    """
    text = """
[project]
dependencies = ["click>=8.1", "py-cpuinfo==9.0.0", "tool>=7,<10; sys_platform == 'win32'"]
[project.optional-dependencies]
hub = ["huggingface_hub>=0.25"]
parquet = ["pyarrow>=22"]
serve = ["starlette>=1.10"]
tui = ["textual>=8.2"]
test = ["llmprobe[serve,tui]", "pytest>=8.3"]
dev = ["ruff>=0.9"]
"""

    assert lowest.constraints(text) == [
        "click==8.1",
        "py-cpuinfo==9.0.0",
        "tool==7",
        "huggingface_hub==0.25",
        "pyarrow==22",
        "starlette==1.10",
        "textual==8.2",
        "pytest==8.3",
    ]


def test_requirement_without_a_lowest_version_is_refused() -> None:
    """
    What declares no lowest version cannot be tried, and so is an error.
    """
    extras = "".join(f"{name} = []\n" for name in lowest.EXTRAS)
    text = f'[project]\ndependencies = ["click<9"]\n[project.optional-dependencies]\n{extras}'

    with pytest.raises(ValueError, match="'click<9' declares no lowest version"):
        lowest.constraints(text)


def test_extras_that_the_tests_need_are_tried_with_their_lowest_versions() -> None:
    """
    One that is left out would be installed in its newest version beside the lowest of others.
    """
    test = tomllib.loads(lowest.PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"][
        "test"
    ]
    needed = next(one for one in test if one.startswith(lowest.OWN))

    assert set(needed.removeprefix(lowest.OWN).rstrip("]").split(",")) <= set(lowest.EXTRAS)


def test_every_dependency_of_this_project_declares_a_lowest_version() -> None:
    """
    pyproject.toml itself can be read so.
    """
    text = lowest.PYPROJECT.read_text(encoding="utf-8")

    assert {line.partition("==")[0] for line in lowest.constraints(text)} >= {
        "click",
        "msgspec",
        "pytest",
        "gguf",
    }
