"""
Ollama: what tells that it is here, from its server, its command and its files.
"""

import json
from typing import Any

import pytest

from llmprobe.engines import ollama
from llmprobe.facts.answer import Answer
from llmprobe.words.message import message
from tests.engines.answers import BLOBS, HOME, MANIFESTS, REFUSED, SERVER, digest, manifest, running_ollama
from tests.engines.answers import ollama as disk
from tests.machine.fake import MAC, WINDOWS, FakeSource

TINY = "registry.ollama.ai/library/tiny/latest"
ON_DISK = disk({TINY: manifest(1)}, (f"sha256-{digest(1)}",))
COMMAND = {"run:ollama --version": {"exit": 0, "stdout": "ollama version is 0.12.3\n", "stderr": ""}}
REFUSES = {f"get:{SERVER}/api/version": REFUSED}
SERVICE = "read:/etc/systemd/system/ollama.service"


def look(answers: dict[str, Any], **more: Any) -> Any:
    (found,) = ollama.observe(FakeSource(answers, **more))
    return found


@pytest.mark.parametrize(
    ("answers", "running", "installed", "endpoint", "evidence"),
    [
        (running_ollama(), True, True, SERVER, (f"get:{SERVER}/api/version", f"get:{SERVER}/api/ps")),
        (COMMAND | REFUSES, False, True, None, ("run:ollama --version",)),
        (ON_DISK | REFUSES, False, False, None, (f"list:{MANIFESTS}",)),
        (
            ON_DISK | running_ollama(),
            True,
            True,
            SERVER,
            (f"list:{MANIFESTS}", f"get:{SERVER}/api/version", f"get:{SERVER}/api/ps"),
        ),
        (ON_DISK | COMMAND | REFUSES, False, True, None, (f"list:{MANIFESTS}", "run:ollama --version")),
    ],
)
def test_each_sign_of_it_is_evidence(
    answers: dict[str, Any],
    running: bool | None,
    installed: bool,
    endpoint: str | None,
    evidence: tuple[str, ...],
) -> None:
    """
    What runs is installed, files alone are no installation, and nothing else is named as evidence.
    """
    found = look(answers)

    assert (found.running, found.installed, found.endpoint, found.evidence) == (
        running,
        installed,
        endpoint,
        evidence,
    )
    assert (found.detail, found.silent) == (None, False)


@pytest.mark.parametrize("status", ["timeout", "failed", "denied"])
def test_a_port_that_says_nothing_is_the_only_evidence(status: Any) -> None:
    """
    Whether a server runs there is unknown, and that no command is installed is known.
    """
    found = look({f"get:{SERVER}/api/version": Answer(status=status)})

    assert (found.running, found.installed, found.silent) == (None, False, True)
    assert found.detail == message("engine.port-silent", port=11434, status=status)
    assert found.evidence == (f"get:{SERVER}/api/version",)


@pytest.mark.parametrize("said", ["<html>", {}, {"version": ""}, {"version": 3}])
def test_another_server_on_its_port_is_not_it(said: Any) -> None:
    """
    Only one that names its version is; of another nothing more is asked.
    """
    source = FakeSource({f"get:{SERVER}/api/version": said})

    assert ollama.observe(source) == ()
    assert f"get:{SERVER}/api/ps" not in source.asked


def test_an_installed_one_beside_another_server_may_run() -> None:
    """
    What answers on its port is not it, and whether it runs elsewhere is unknown.
    """
    found = look(COMMAND | {f"get:{SERVER}/api/version": "<html>"})

    assert (found.running, found.installed, found.endpoint, found.version) == (None, True, None, "0.12.3")


def test_a_server_that_says_its_version_saves_the_command() -> None:
    """
    A command takes longer than a server, so it is not started where the version is known.
    """
    source = FakeSource(running_ollama() | COMMAND)
    ollama.observe(source)

    assert [name for name in source.asked if name.startswith("run:")] == []


def test_a_server_elsewhere_is_said_where_it_is_installed() -> None:
    """
    Its command is here, its server on another machine: no port is asked, and alone that is nothing of this machine.
    """
    elsewhere = {"env:OLLAMA_HOST": "gpu.example.org"}
    found = look(elsewhere | COMMAND)

    assert (found.detail, found.silent, found.running) == (message("engine.elsewhere"), False, None)
    assert ollama.observe(FakeSource(elsewhere)) == ()


@pytest.mark.parametrize(
    "sign",
    [
        {"env:OLLAMA_HOST": "127.0.0.1"},
        {
            "env:USERPROFILE": "C:\\u",
            "list:C:\\u\\.ollama\\models\\manifests": ["h"],
            "list:C:\\u\\.ollama\\models\\manifests\\h": ["s"],
            "list:C:\\u\\.ollama\\models\\manifests\\h\\s": ["m"],
            "list:C:\\u\\.ollama\\models\\manifests\\h\\s\\m": ["t"],
        },
    ],
)
def test_windows_is_asked_where_there_is_a_sign(sign: dict[str, Any]) -> None:
    """
    A variable of its server, or its models.
    """
    source = FakeSource(sign, platform=WINDOWS)
    ollama.observe(source)

    assert f"get:{SERVER}/api/version" in source.asked


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("", SERVER),
        ("::", SERVER),
        ("127.0.0.1:", SERVER),
        ("127.0.0.1:x", SERVER),
        (" localhost:9 ", "http://127.0.0.1:9"),
        ("http://127.0.0.1:9/a:b", "http://127.0.0.1:9"),
        ("[::]:9", "http://127.0.0.1:9"),
        ("[::]", SERVER),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:9", "http://[::1]:9"),
        ("[2001:db8::7]:9", None),
        ("2001:db8::7", None),
        ("10.0.0.7", None),
    ],
)
def test_the_address_is_read_as_ollama_does(host: str, asked: str | None) -> None:
    """
    Every address that it listens on is the loopback's, and what is no port is its usual one.
    """
    source = FakeSource({"env:OLLAMA_HOST": host})
    ollama.observe(source)

    assert [name for name in source.asked if name.startswith("get:")] == (
        [f"get:{asked}/api/version"] if asked else []
    )


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("Warning: client version is 0.5.7\n", "0.5.7"),
        ("OLLAMA version is 1.0\nollama version is 2.0\n", "1.0"),
        ("\nnote\nollama version is 0.9 \n", "0.9"),
        ("python version is 3.11\n", None),
        ("version is 3\n", None),
        ("ollama version is \n", None),
        (3, None),
    ],
)
def test_the_version_is_that_of_its_own_line(said: object, version: str | None) -> None:
    """
    The first line that speaks of Ollama counts, whatever stands before it.
    """
    command = {"run:ollama --version": {"exit": 0, "stdout": said, "stderr": ""}}

    assert look(command | REFUSES).version == version


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ({"env:HOME": HOME}, [MANIFESTS, "/usr/share/ollama/.ollama/models/manifests"]),
        ({}, ["/usr/share/ollama/.ollama/models/manifests"]),
        ({"env:HOME": HOME, "env:OLLAMA_MODELS": "/own"}, ["/own/manifests"]),
        (
            {"env:HOME": HOME, SERVICE: '[Service]\nEnvironment="OLLAMA_MODELS=/service"\n'},
            ["/service/manifests"],
        ),
        (
            {"env:OLLAMA_MODELS": "/own", SERVICE: '[Service]\nEnvironment="OLLAMA_MODELS=/service"\n'},
            ["/own/manifests"],
        ),
    ],
)
def test_models_are_where_the_nearest_variable_says(answers: dict[str, str], asked: list[str]) -> None:
    """
    One that is set counts alone; without any the user's folder and the service's are looked through.
    """
    source = FakeSource(answers)
    ollama.observe(source)

    assert [name for name in source.asked if name.startswith("list:")] == [
        f"list:{folder}" for folder in asked
    ]


def test_a_mac_looks_through_the_users_folder() -> None:
    """
    No service has one there.
    """
    source = FakeSource({"env:HOME": "/Users/user1"}, platform=MAC)
    ollama.observe(source)

    assert [name for name in source.asked if name.startswith("list:")] == [
        "list:/Users/user1/.ollama/models/manifests"
    ]


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ('Environment="OLLAMA_KV_CACHE_TYPE=q8_0"', {"OLLAMA_KV_CACHE_TYPE": "q8_0"}),
        (" Environment='OLLAMA_KV_CACHE_TYPE=q8_0' ", {"OLLAMA_KV_CACHE_TYPE": "q8_0"}),
        ("Environment=OLLAMA_KV_CACHE_TYPE", {}),
        ("EnvironmentFile=OLLAMA_KV_CACHE_TYPE=q8_0", {}),
        ("# Environment=OLLAMA_KV_CACHE_TYPE=q8_0", {}),
        ("Environment=OLLAMA_DEBUG=1", {}),
        ("Environment=PATH=/bin", {}),
    ],
)
def test_the_services_variables_are_read_as_systemd_does(line: str, settings: dict[str, str]) -> None:
    """
    An assignment counts with and without quotes; of them those are told that change what a model takes.
    """
    assert look(COMMAND | REFUSES | {SERVICE: f"[Service]\n{line}\n"}).settings == settings


def test_a_file_that_overrides_the_service_comes_last() -> None:
    """
    Systemd reads it after the service's own.
    """
    override = "read:/etc/systemd/system/ollama.service.d/override.conf"
    found = look(
        COMMAND
        | REFUSES
        | {
            SERVICE: "Environment=OLLAMA_NUM_PARALLEL=2\nEnvironment=OLLAMA_SCHED_SPREAD=1\n",
            override: "Environment=OLLAMA_NUM_PARALLEL=4\n",
        }
    )

    assert found.settings == {"OLLAMA_NUM_PARALLEL": "4", "OLLAMA_SCHED_SPREAD": "1"}


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer(status="denied"), "model.manifest-unreadable"),
        ("{", "model.manifest-unreadable"),
        (manifest(2), "model.file-missing"),
        (manifest(1), None),
    ],
)
def test_a_manifest_that_cannot_be_read_is_a_model_with_a_problem(answer: Any, problem: str | None) -> None:
    """
    Its name is known from its path, and whether its file is here only from what it says.
    """
    (found,) = look(ON_DISK | REFUSES | {f"read:{MANIFESTS}/{TINY}": answer}).models

    assert found.name == "tiny:latest"
    assert found.problem == (None if problem is None else message(problem))
    assert found.path == (f"{BLOBS}/sha256-{digest(1)}" if problem is None else None)


@pytest.mark.parametrize(
    "config", [{}, {"config": {}}, {"config": {"digest": ""}}, {"config": {"digest": "sha256:0"}}]
)
def test_without_a_configuration_the_quantization_is_unknown(config: dict[str, Any]) -> None:
    """
    The model is whole all the same.
    """
    layers = json.loads(manifest(1))["layers"]
    answers = ON_DISK | REFUSES | {f"read:{MANIFESTS}/{TINY}": json.dumps(config | {"layers": layers})}
    (found,) = look(answers).models

    assert (found.quant, found.problem, found.bytes) == (None, None, 5_000_000_000)


@pytest.mark.parametrize(("present", "expected"), [(True, f"{BLOBS}/sha256-{digest(7)}"), (False, None)])
def test_a_projector_is_a_layer_of_its_own(present: bool, expected: str | None) -> None:
    """
    Ollama keeps the projector of a model as a blob that the manifest names; one that is not there is not told.
    """
    layers = json.loads(manifest(1))["layers"]
    layers.append({"mediaType": "application/vnd.ollama.image.projector", "digest": f"sha256:{digest(7)}"})
    blobs = (f"sha256-{digest(1)}", *((f"sha256-{digest(7)}",) if present else ()))
    answers = disk({TINY: json.dumps({"layers": layers})}, blobs) | REFUSES
    (found,) = look(answers).models

    assert found.projector == expected
    assert found.problem is None
