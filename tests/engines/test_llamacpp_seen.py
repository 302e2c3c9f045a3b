"""
llama.cpp: what tells that it is here, from its programs, its server and its files.
"""

from typing import Any

import pytest

from llmprobe import engines
from llmprobe.engines import llamacpp
from llmprobe.facts.answer import Answer
from llmprobe.words.message import message
from tests.engines.answers import HOME, REFUSED
from tests.engines.test_llamacpp import PROPS, URL
from tests.machine.fake import MAC, WINDOWS, FakeSource

CACHE = f"{HOME}/.cache/llama.cpp"
FILES = {"env:HOME": HOME, f"list:{CACHE}": ["tiny-Q8_0.gguf"]}
SERVER = "run:llama-server --version"
CLI = "run:llama-cli --version"
REFUSES = {f"get:{URL}/props": REFUSED}


def says(build: int) -> dict[str, Any]:
    return {"exit": 0, "stdout": "", "stderr": f"version: {build} (abc)\n"}


def look(answers: dict[str, Any], **more: Any) -> Any:
    (found,) = llamacpp.observe(FakeSource(REFUSES | answers, **more))
    return found


@pytest.mark.parametrize(
    ("answers", "version", "running", "installed", "detail", "evidence"),
    [
        ({SERVER: says(9000)}, "b9000", None, True, None, (SERVER,)),
        ({CLI: says(9000)}, "b9000", None, True, None, (CLI,)),
        ({SERVER: says(9000), CLI: says(8000)}, "b9000", None, True, None, (SERVER,)),
        ({f"get:{URL}/props": PROPS}, "b11549", True, True, None, (f"get:{URL}/props",)),
        (FILES, None, None, False, message("engine.only-caches"), (f"list:{CACHE}",)),
        (FILES | {SERVER: says(9000)}, "b9000", None, True, None, (SERVER, f"list:{CACHE}")),
        (
            {SERVER: says(9000), f"get:{URL}/props": PROPS},
            "b11549",
            True,
            True,
            message("engine.other-build-on-path", build="b9000"),
            (SERVER, f"get:{URL}/props"),
        ),
        (
            {SERVER: says(11549), f"get:{URL}/props": PROPS},
            "b11549",
            True,
            True,
            None,
            (SERVER, f"get:{URL}/props"),
        ),
        (
            {SERVER: Answer(status="timeout")},
            None,
            None,
            None,
            message("engine.command-silent", program="llama-server"),
            (SERVER,),
        ),
        (
            {SERVER: Answer(status="timeout"), f"get:{URL}/props": PROPS},
            "b11549",
            True,
            True,
            message("engine.command-silent", program="llama-server"),
            (SERVER, f"get:{URL}/props"),
        ),
    ],
)
def test_each_sign_of_it_is_evidence(
    answers: dict[str, Any],
    version: str | None,
    running: bool | None,
    installed: bool | None,
    detail: Any,
    evidence: tuple[str, ...],
) -> None:
    """
    The build is that of the server that runs, before that of the program on the path; files are no installation.
    """
    found = look(answers)

    assert (found.version, found.running, found.installed, found.detail) == (
        version,
        running,
        installed,
        detail,
    )
    assert found.evidence == evidence
    assert found.endpoint == (URL if running else None)


def test_a_program_that_hangs_is_not_followed_by_another() -> None:
    """
    Each would take as long.
    """
    source = FakeSource({SERVER: Answer(status="timeout"), CLI: says(9000)})
    llamacpp.observe(source)

    assert CLI not in source.asked


@pytest.mark.parametrize(
    ("stderr", "stdout", "version"),
    [
        ("version: 9000 (a)", "version: 8000 (a)", "b9000"),
        ("", "version: 8000 (a)", "b8000"),
        (None, "version: 8000 (a)", "b8000"),
    ],
)
def test_the_build_may_be_on_either_stream(stderr: Any, stdout: str, version: str) -> None:
    """
    That of stderr counts first, where programs write it.
    """
    said = {"exit": 0, "stdout": stdout, "stderr": stderr}

    assert look({SERVER: said}).version == version


@pytest.mark.parametrize(("port", "asked"), [("9001", "9001"), ("x", "8080"), ("", "8080"), ("-1", "8080")])
def test_what_is_no_port_is_the_usual_one(port: str, asked: str) -> None:
    """
    A variable that names none changes nothing.
    """
    source = FakeSource({"env:LLAMA_ARG_PORT": port})
    llamacpp.observe(source)

    assert [name for name in source.asked if name.startswith("get:")] == [
        f"get:http://127.0.0.1:{asked}/props"
    ]


@pytest.mark.parametrize(
    ("sign", "asked"),
    [
        ({}, False),
        ({SERVER: says(9000)}, True),
        ({"env:LLAMA_CACHE": "C:\\c", "list:C:\\c": ["tiny.gguf"]}, True),
        ({"env:LOCALAPPDATA": "C:\\l", "list:C:\\l\\llama.cpp": ["tiny.gguf"]}, True),
    ],
)
def test_windows_is_asked_where_there_is_a_sign(sign: dict[str, Any], *, asked: bool) -> None:
    """
    A refused connection takes Windows seconds, so a program or a model comes first.
    """
    source = FakeSource(sign, platform=WINDOWS)
    llamacpp.observe(source)

    assert (f"get:{URL}/props" in source.asked) is asked


@pytest.mark.parametrize(
    ("answers", "more", "folder"),
    [
        ({"env:HOME": HOME, "env:XDG_CACHE_HOME": "/c"}, {}, "/c/llama.cpp"),
        ({"env:XDG_CACHE_HOME": "/c"}, {}, "/c/llama.cpp"),
        ({"env:HOME": HOME, "env:LLAMA_CACHE": "/own", "env:XDG_CACHE_HOME": "/c"}, {}, "/own"),
        (
            {"env:HOME": "/Users/u", "env:XDG_CACHE_HOME": "/c"},
            {"platform": MAC},
            "/Users/u/Library/Caches/llama.cpp",
        ),
        (
            {"env:LOCALAPPDATA": "C:\\l", "env:XDG_CACHE_HOME": "/c"},
            {"platform": WINDOWS},
            "C:\\l\\llama.cpp",
        ),
    ],
)
def test_its_cache_is_where_each_system_has_one(
    answers: dict[str, str], more: dict[str, Any], folder: str
) -> None:
    """
    Unless LLAMA_CACHE names another; the first folder that is listed is that.
    """
    source = FakeSource(answers, **more)
    llamacpp.observe(source)

    assert next(name for name in source.asked if name.startswith("list:")) == f"list:{folder}"


@pytest.mark.parametrize("more", [{}, {"platform": MAC}, {"platform": WINDOWS}])
def test_without_a_home_no_folder_is_listed(more: dict[str, Any]) -> None:
    """
    None is guessed.
    """
    source = FakeSource({}, **more)
    llamacpp.observe(source)

    assert [name for name in source.asked if name.startswith("list:")] == []


def test_its_cache_may_be_the_hubs() -> None:
    """
    Newer builds keep repositories in LLAMA_CACHE; where both are one folder its models are there once.
    """
    cache = {
        "list:/c": ["models--acme--Tiny-GGUF", "old-Q8_0.gguf"],
        "list:/c/models--acme--Tiny-GGUF/snapshots": ["1"],
        "list:/c/models--acme--Tiny-GGUF/snapshots/1": ["tiny-Q8_0.gguf"],
    }
    expected = ["old-Q8_0.gguf", "acme/Tiny-GGUF/tiny-Q8_0.gguf"]

    assert [one.name for one in look(cache | {"env:LLAMA_CACHE": "/c"}).models] == expected
    both = look(cache | {"env:LLAMA_CACHE": "/c", "env:HF_HUB_CACHE": "/c"})
    assert [one.name for one in both.models] == expected


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"model_alias": "acme/tiny"}, "acme/tiny"),
        ({"model_alias": "a/tiny.gguf"}, "tiny.gguf"),
        ({"model_alias": "", "model_path": "C:\\m\\tiny.gguf"}, "tiny.gguf"),
        ({"model_alias": None, "model_path": "/m/tiny.gguf"}, "tiny.gguf"),
        ({"model_alias": None, "model_path": None}, "?"),
    ],
)
def test_a_loaded_model_has_its_alias_or_its_files_name(changes: dict[str, Any], name: str) -> None:
    """
    A file's folder is left out; what has no name is a model all the same.
    """
    (loaded,) = look({f"get:{URL}/props": PROPS | changes}).loaded

    assert loaded.name == name


def test_a_router_without_a_list_has_nothing_loaded() -> None:
    """
    And one that lists a loaded model without a name has one.
    """
    router = {f"get:{URL}/props": {"role": "router", "build_info": "b11549-abc"}}
    nameless = {f"get:{URL}/v1/models": {"data": [{"status": {"value": "loaded"}}]}}

    assert look(router).loaded == ()
    assert [one.name for one in look(router | nameless).loaded] == ["?"]


@pytest.mark.parametrize(
    ("build", "note"),
    [
        (9399, "engine.llama-cpp-older-build"),
        (9400, "engine.llama-cpp-build-unsure"),
        (9848, "engine.llama-cpp-build-unsure"),
        (9849, None),
    ],
)
def test_a_build_near_the_change_is_not_sure(build: int, note: str | None) -> None:
    """
    From 9400 on buffers are taken to be the newer ones; the first log that shows them is of 9849.
    """
    plain, _ = engines.profile("llama-server")
    profile, _ = engines.profile(f"llama-server@b{build}")
    added = [one.id for one in profile.notes if one not in plain.notes]

    assert added == ([] if note is None else [note])
    assert profile.notes[: len(plain.notes)] == plain.notes
