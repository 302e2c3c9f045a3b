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
        for engine in ("llama.cpp", "ollama", "lmstudio", "vllm")
    }

    assert {engine: str(tmp_path / "mine.gguf") in text for engine, text in written.items()} == dict.fromkeys(
        written, True
    )
    assert {engine: "is not downloaded" in text for engine, text in written.items()} == dict.fromkeys(
        written, False
    )
