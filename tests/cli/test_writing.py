"""
``recommend --write``: files of the first choice, all or none, and nothing overwritten.
"""

from pathlib import Path

import msgspec
import pytest

from llmprobe import api
from llmprobe.cli import main, writing
from llmprobe.errors import LlmprobeError
from llmprobe.units import GIB
from llmprobe.words.message import Message, message
from tests.machine_fixtures import FOLDER

MACHINE = ["--replay", str(FOLDER / "linux-4090-64g" / "recording.json")]
ASK = [*MACHINE, "recommend", "--model", "llama3-8b", "-c", "8192"]


@pytest.mark.parametrize(
    ("engine", "names"),
    [
        ("llama.cpp", {"run-llama-server.sh", "run-llama-cli.sh", "README.txt"}),
        ("ollama", {"Modelfile", "run-ollama.sh", "README.txt"}),
        ("lmstudio", {"load-lmstudio.sh", "README.txt"}),
        ("vllm", {"command.txt", "README.txt"}),
    ],
)
def test_each_engine_has_its_files(
    engine: str, names: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A new folder with what runs the choice, its paths on stderr, and the answer on stdout as ever.
    """
    folder = tmp_path / "out"
    code = main([*ASK, "--engine", engine, "--write", str(folder), "--json"])
    said = capsys.readouterr()

    assert code == 0
    assert {path.name for path in folder.iterdir()} == names
    assert said.err.count("note: wrote ") == len(names)
    assert said.out.startswith("{")
    assert all(path.stat().st_mode & 0o111 for path in folder.glob("*.sh"))
    readme = (folder / "README.txt").read_text().splitlines()
    assert f"files: {', '.join(sorted(names - {'README.txt'}))}" in readme


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A file that is there stays as it is, and no other is written beside it.
    """
    mine = tmp_path / "Modelfile"
    mine.write_text("mine")
    code = main([*ASK, "--engine", "ollama", "--write", str(tmp_path)])

    assert code == 1
    assert "exists and is not overwritten" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["Modelfile"]
    assert mine.read_text() == "mine"


def test_where_nothing_fits_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The answer "no" has no files.
    """
    folder = tmp_path / "out"
    code = main([*MACHINE, "recommend", "--model", "llama3-8b", "--min-speed", "1e6", "--write", str(folder)])
    capsys.readouterr()

    assert code == 3
    assert not folder.exists()


def test_a_place_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    """
    A file, or a folder within one that is not there.
    """
    file = tmp_path / "file"
    file.write_text("")

    with pytest.raises(LlmprobeError, match="is a file"):
        writing.check(str(file))
    with pytest.raises(LlmprobeError, match="does not exist"):
        writing.check(str(tmp_path / "no" / "where"))


def test_half_a_set_is_taken_back(tmp_path: Path) -> None:
    """
    Where one file cannot be written none is left, nor the folder that was made for them.
    """
    folder = tmp_path / "out"

    with pytest.raises(LlmprobeError, match="cannot be written"):
        writing.write(str(folder), {"first": "1", "no/such/place": "2"})
    assert not folder.exists()


@pytest.mark.parametrize("place", [[], MACHINE])
def test_a_folder_of_models_must_be_here(
    place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    One that is not there, or that is asked for with another machine, is one sentence and exit code 2.
    """
    folder = tmp_path / "no" if not place else tmp_path
    code = main([*place, "recommend", "--model", "llama3-8b", "--models-dir", str(folder)])

    assert code == 2
    assert "--models-dir" in capsys.readouterr().err


def test_a_place_that_cannot_be_looked_at_is_refused() -> None:
    """
    A name that is too long, or a closed folder, is said in one sentence before anything takes time.
    """
    with pytest.raises(LlmprobeError, match="cannot be written"):
        writing.check("a" * 5000)


def test_a_file_of_this_machine_is_written_with_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Written files are used in their own folder, where a path that was relative to another means nothing.
    """
    monkeypatch.chdir(tmp_path)
    known = api.load_model("llama3-8b", quant="Q4_K_M")
    spec = msgspec.structs.replace(known, path="mine.gguf", source="gguf")
    machine = api.probe(gpus=("RTX 4090",), ram_bytes=64 * GIB)
    written = {
        engine: "".join(api.files(api.recommend(spec, machine, engine=engine), spec).values())
        for engine in ("llama.cpp", "ollama", "lmstudio")
    }

    assert {engine: str(tmp_path / "mine.gguf") in text for engine, text in written.items()} == dict.fromkeys(
        written, True
    )
    assert {engine: "is not downloaded" in text for engine, text in written.items()} == dict.fromkeys(
        written, False
    )


def test_only_scripts_can_be_run(tmp_path: Path) -> None:
    """
    By everyone; what is read stays a plain file, and the paths are in the order of the files.
    """
    written = writing.write(str(tmp_path / "out"), {"run.sh": "#!/bin/sh\n", "Modelfile": "FROM x\n"})

    assert written == (str(tmp_path / "out" / "run.sh"), str(tmp_path / "out" / "Modelfile"))
    assert [Path(path).stat().st_mode & 0o111 for path in written] == [0o111, 0]
    assert [Path(path).read_text() for path in written] == ["#!/bin/sh\n", "FROM x\n"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("run.sh", "#!/bin/sh\nx 'a b'\n", "#!/bin/sh\nx 'a b'\n"),
        ("run.sh", "#!/bin/sh\nx 'a\x1bb'\n", "#!/usr/bin/env bash\nx 'a'$'\\x1b''b'\n"),
        ("command.txt", "x 'a\x1bb'\n", "x 'a'$'\\x1b''b'\n"),
        ("README.txt", "a\x1bb\nc\n", "a\\x1bb\nc\n"),
        ("Modelfile", "FROM 'a\u202eb'\n", "FROM 'a\\u202eb'\n"),
    ],
)
def test_what_is_written_commands_no_terminal(name: str, content: str, expected: str, tmp_path: Path) -> None:
    """
    A script with escapes of bash is run by bash; in a text they are shown.
    """
    (path,) = writing.write(str(tmp_path), {name: content})

    assert Path(path).read_text() == expected


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    """
    With what is in it, where the files cannot be written.
    """
    (tmp_path / "mine").write_text("")

    with pytest.raises(LlmprobeError, match="cannot be written"):
        writing.write(str(tmp_path), {"first": "1", "no/such/place": "2"})
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    """
    It is a file of that name, though nothing can be read there.
    """
    (tmp_path / "second").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(LlmprobeError) as refused:
        writing.write(str(tmp_path), {"first": "1", "second": "2"})
    assert refused.value.message == message("error.not-overwritten", path=str(tmp_path / "second"))
    assert [path.name for path in tmp_path.iterdir()] == ["second"]


@pytest.mark.parametrize("place", ["new", "old", "old/new"])
def test_a_place_where_a_folder_can_be_is_taken(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One that is there, or that can be made in one that is; a name alone is one of this folder.
    """
    monkeypatch.chdir(tmp_path)
    Path("old").mkdir()

    writing.check(place)
    assert [Path(path).name for path in writing.write(place, {"a": "1"})] == ["a"]


@pytest.mark.parametrize(
    ("folder", "expected", "hint"),
    [
        (
            "",
            message("error.file-without-name", option="--write"),
            message("hint.such-as", example="--write run"),
        ),
        ("file", message("error.is-a-file", path="file"), message("hint.elsewhere", option="--write")),
        ("no/where", message("error.folder-missing", path="no"), message("hint.make-folder")),
        (
            "a" * 5000,
            message("error.unwritable", path="a" * 5000, why="file name too long"),
            message("hint.elsewhere", option="--write"),
        ),
    ],
    ids=["empty", "file", "nowhere", "long"],
)
def test_a_place_is_refused_with_the_reason(
    folder: str, expected: Message, hint: Message, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    And with what to do.
    """
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")

    with pytest.raises(LlmprobeError) as refused:
        writing.check(folder)
    assert (refused.value.message, refused.value.hint) == (expected, hint)


def test_files_are_not_written_into_what_is_no_folder(tmp_path: Path) -> None:
    """
    It is said in one sentence too where it became one meanwhile.
    """
    (tmp_path / "file").write_text("mine")

    with pytest.raises(LlmprobeError, match="cannot be written"):
        writing.write(str(tmp_path / "file"), {"a": "1"})
    assert (tmp_path / "file").read_text() == "mine"
