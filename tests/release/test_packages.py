"""
What packages say of the program is true: its commands, options, extras, ports and folders.

A container cannot be built where no engine runs, nor can a formula or a manifest be installed without its manager: what
is checked is that each refers to what there is.
"""

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from llmprobe.cli.group import cli
from release.__main__ import program
from release.filled import FORMULA, MANIFEST, TEMPLATES, filled, notes, resources, sources, unfilled

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "docs" / "packages"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PROGRAM = "/opt/llmprobe/bin/llmprobe"
OF_RELEASE = {"VERSION", "WHEEL", "WHEEL_SHA256", "SDIST", "SDIST_SHA256", "RESOURCES", "ADDRESS", "HOMEPAGE"}
UNITS = tuple(sorted([*PACKAGES.glob("*.service"), *PACKAGES.glob("*.timer")]))
VALUES = {
    "VERSION": "1.2.3",
    "WHEEL": "llmprobe-1.2.3-py3-none-any.whl",
    "WHEEL_SHA256": "a" * 64,
    "SDIST": "llmprobe-1.2.3.tar.gz",
    "SDIST_SHA256": "b" * 64,
    "RESOURCES": '  resource "click" do\n    url "https://files.example/click.tar.gz"\n    sha256 "c"\n  end\n',
    "ADDRESS": "https://files.example/1.2.3",
    "HOMEPAGE": "https://files.example",
}
"""Values as a release has them. The addresses are of nobody (RFC 2606)."""


def instructions(text: str) -> list[tuple[str, str]]:
    """
    The instructions of a Dockerfile: lines that end in a backslash go on, comments are none.
    """
    lines = re.sub(r"\\\n\s*", "", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines.splitlines()) if word]


DOCKERFILE = instructions((PACKAGES / "Dockerfile").read_text(encoding="utf-8"))
LAST_STAGE = DOCKERFILE[max(index for index, (word, _) in enumerate(DOCKERFILE) if word == "FROM") :]


def unit(path: Path) -> configparser.ConfigParser:
    """
    A unit of systemd; none of ours repeats a key.
    """
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their capitals
    parser.read_string(path.read_text(encoding="utf-8"))
    return parser


def understood(words: list[str]) -> click.Context:
    """
    The context of a command line, parsed as the program does; a word that it does not know is an error.
    """
    command = cli.get_command(None, words[0])  # type: ignore[arg-type]  # the lazy group needs no context
    assert command is not None, words
    return command.make_context(words[0], words[1:])


def test_a_container_runs_nothing_as_root() -> None:
    """
    The last stage ends as a user without a name, and has nothing but what the first one built.
    """
    users = [rest for word, rest in LAST_STAGE if word == "USER"]

    assert users == ["10001:10001"]
    assert [rest for word, rest in LAST_STAGE if word in ("COPY", "ADD", "RUN")] == [
        "--from=build /opt/llmprobe /opt/llmprobe"
    ]


def test_a_container_starts_the_program() -> None:
    """
    The entry point is the command of the package, the default is one of its commands, the port is that of serve.
    """
    said = dict(LAST_STAGE)

    (program,) = json.loads(said["ENTRYPOINT"])
    assert program in PROJECT["scripts"]
    assert understood(json.loads(said["CMD"])).info_name == "check"
    assert said["EXPOSE"] == str(understood(["serve"]).params["port"])


def test_a_container_is_built_of_files_that_exist() -> None:
    """
    What is copied exists and is not kept out, it is all that the package needs, and Python is one that it runs with.
    """
    copied = [rest.split() for word, rest in DOCKERFILE if word == "COPY" and not rest.startswith("--from")]
    names = {name for *sources_of, _ in copied for name in sources_of}
    let_in = {
        line[1:] for line in (PACKAGES / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"
    }
    (python,) = [rest for word, rest in DOCKERFILE if word == "ARG"]
    version = re.fullmatch(r"PYTHON=python:(\d+)\.(\d+)-slim", python)

    assert names == let_in
    assert all((ROOT / name).exists() for name in names)
    assert {PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml", "llmprobe"} <= names
    assert version is not None
    assert f"Programming Language :: Python :: {version[1]}.{version[2]}" in PROJECT["classifiers"]
    (run,) = [rest for word, rest in DOCKERFILE if word == "RUN"]
    assert set(re.findall(r"'\.\[(\w+)\]'", run)) <= PROJECT["optional-dependencies"].keys()


@pytest.mark.parametrize(
    "path", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.name
)
def test_a_service_starts_a_command_that_exists(path: Path) -> None:
    """
    ExecStart is a command line that the program understands, in a service that cannot gain rights.
    """
    service = unit(path)["Service"]
    program, *words = shlex.split(service["ExecStart"])

    assert program == PROGRAM
    assert understood(words).command.name in ("serve", "metrics")
    assert (service["NoNewPrivileges"], service["CapabilityBoundingSet"], service["ProtectSystem"]) == (
        "yes",
        "",
        "strict",
    )
    assert (service["IPAddressDeny"], service["IPAddressAllow"]) == ("any", "localhost")
    assert "PrivateDevices" not in service  # GPUs are devices
    # A limit of this process would be reported as one of the machine: it is what a model in its place could use.
    assert [
        key for key in service if key.startswith(("Memory", "CPU", "Allowed", "LimitAS", "LimitDATA"))
    ] == []


def test_serve_keeps_what_it_measured_where_it_may_write() -> None:
    """
    The folder of what is kept is the cache that systemd makes for the service.
    """
    service = unit(PACKAGES / "llmprobe.service")["Service"]

    assert service["Environment"] == f"LLMPROBE_KEPT=/var/cache/{service['CacheDirectory']}"


def test_metrics_are_written_where_the_service_may_write() -> None:
    """
    The file lies in the folder that must exist and that alone may be written; the timer starts that service.
    """
    parsed = unit(PACKAGES / "llmprobe-metrics.service")
    output = Path(understood(shlex.split(parsed["Service"]["ExecStart"])[1:]).params["output"])
    timer = unit(PACKAGES / "llmprobe-metrics.timer")

    assert (
        str(output.parent)
        == parsed["Service"]["ReadWritePaths"]
        == parsed["Unit"]["ConditionPathIsDirectory"]
    )
    assert output.suffix == ".prom"
    assert "Unit" not in timer["Timer"]  # then it is the service of its own name
    assert timer["Install"]["WantedBy"] == "timers.target"


@pytest.mark.live
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """
    systemd-analyze finds nothing to say of the units, with a program that exists in the place of ours.
    """
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace(PROGRAM, sys.executable)
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    found = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / path.name) for path in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    ours = [line for line in found.stderr.splitlines() if "llmprobe" in line]
    assert (found.returncode, ours) == (0, [])


def test_the_manifest_is_one_of_scoop() -> None:
    """
    Filled in, it is JSON with what Scoop requires, and its program is the one that pip makes in that environment.

    https://github.com/ScoopInstaller/Scoop/wiki/App-Manifests
    """
    manifest = json.loads(filled((TEMPLATES / f"{MANIFEST}.in").read_text(encoding="utf-8"), VALUES))

    assert manifest["url"] == "https://files.example/1.2.3/llmprobe-1.2.3-py3-none-any.whl"
    assert (manifest["version"], manifest["hash"], manifest["license"]) == (
        "1.2.3",
        "a" * 64,
        PROJECT["license"],
    )
    assert manifest["depends"] == "python"
    assert manifest["bin"] == "environment\\Scripts\\llmprobe.exe"
    assert any(
        "pip install" in line and "$dir\\llmprobe-1.2.3" in line for line in manifest["installer"]["script"]
    )


def test_the_formula_is_whole() -> None:
    """
    Filled in, every block of the formula ends, and it is the class that Homebrew derives from its name.
    """
    text = filled((TEMPLATES / f"{FORMULA}.in").read_text(encoding="utf-8"), VALUES)
    lines = [line.strip() for line in text.splitlines()]
    opened = [line for line in lines if line.startswith(("class ", "def ")) or line.endswith(" do")]

    assert "class Llmprobe < Formula" in lines
    assert len(opened) == lines.count("end") == 4
    assert 'url "https://files.example/1.2.3/llmprobe-1.2.3.tar.gz"' in lines
    assert f'license "{PROJECT["license"]}"' in lines
    assert [(ROOT / page).is_file() for page in re.findall(r'man1\.install "(.*)"', text)] == [True]
    assert [
        understood(["completion", shell]).params["shell"] for shell in re.findall(r"[\[ ]:(\w+)", text)
    ] == [
        "bash",
        "zsh",
        "fish",
    ]
    assert unfilled(text.partition("class")[2]) == []


@pytest.mark.live
@pytest.mark.skipif(shutil.which("ruby") is None, reason="Ruby is not installed")
def test_ruby_understands_the_formula(tmp_path: Path) -> None:
    """
    The formula is a program of Ruby.
    """
    path = tmp_path / FORMULA
    path.write_text(
        filled((TEMPLATES / f"{FORMULA}.in").read_text(encoding="utf-8"), VALUES), encoding="utf-8"
    )

    assert subprocess.run(["ruby", "-c", str(path)], capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("name", [FORMULA, MANIFEST])
def test_templates_ask_for_what_a_release_knows(name: str) -> None:
    """
    A template has no other places than those that are filled in; without an address it shows that one is missing.
    """
    text = (TEMPLATES / f"{name}.in").read_text(encoding="utf-8")
    without = {key: value for key, value in VALUES.items() if key not in ("ADDRESS", "HOMEPAGE")}

    assert set(unfilled(text)) <= OF_RELEASE
    assert sorted(set(unfilled(filled(text, without)))) == ["ADDRESS", "HOMEPAGE"]
    assert "https://" not in filled(text, {**without, "RESOURCES": ""}).replace("ADDRESS=https://…", "")


def test_resources_are_what_pip_would_fetch() -> None:
    """
    Each archive of pip's report is a resource with its address and checksum, by name; the project itself is none.
    """
    report = {
        "install": [
            {
                "metadata": {"name": name},
                "download_info": {
                    "url": f"https://files.example/{name}",
                    "archive_info": {"hashes": {"sha256": name[:1]}},
                },
            }
            for name in ("rich", "llmprobe", "Pygments")
        ]
    }

    assert resources(report).splitlines() == [
        '  resource "pygments" do',
        '    url "https://files.example/Pygments"',
        '    sha256 "P"',
        "  end",
        "",
        '  resource "rich" do',
        '    url "https://files.example/rich"',
        '    sha256 "r"',
        "  end",
    ]
    assert sources(["a>=1"])[-1] == "a>=1"
    assert "--dry-run" in sources(["a>=1"])


def test_notes_are_those_of_the_version() -> None:
    """
    The notes are what the changelog says of that version and no other; without any there is no release.
    """
    newest, oldest = "## 0.10.0\n\n- ten\n\n", "## 0.0.1\n\n- old\n"
    changelog = f"# C\n\n{newest}## 0.1.0 (2026-01-01)\n\n- one\n\n### Fixed\n\n- more\n\n{oldest}"

    assert notes(changelog, "0.1.0") == "# llmprobe 0.1.0\n\n- one\n\n### Fixed\n\n- more\n"
    with pytest.raises(ValueError, match=r"nothing of 0\.1\.1"):
        notes(changelog, "0.1.1")
    with pytest.raises(ValueError, match=r"nothing of 0\.2\.0"):
        notes(f"## 0.2.0 (unreleased)\n\n{changelog[5:]}", "0.2.0")


def test_the_changelog_has_notes_for_this_version() -> None:
    """
    A release of the version that the program says it is has notes.
    """
    from llmprobe import __version__

    assert len(notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), __version__)) > 1000


@pytest.mark.live
@pytest.mark.skipif(sys.platform == "win32", reason="the program is built by a script of bash")
def test_the_program_is_what_its_build_adds(tmp_path: Path) -> None:
    """
    The executable of a release is the file that its build leaves, made at the time of the release; others stay out.
    """
    (tmp_path / ".ci").mkdir()
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "old.whl").write_text("")
    build = tmp_path / ".ci" / "app"
    build.write_text('#!/bin/bash\necho "$SOURCE_DATE_EPOCH" >dist/llmprobe-linux-x86_64\n')
    build.chmod(0o755)

    (built,) = program(tmp_path, 17)

    assert (built.name, built.read_text()) == ("llmprobe-linux-x86_64", "17\n")
