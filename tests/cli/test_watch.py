"""
``llmprobe watch``: one look after the other, and a quiet end.
"""

import io
import itertools
import sys
from collections.abc import Iterator

import msgspec
import pytest

from llmprobe import api
from llmprobe.cli import main
from llmprobe.facts import wire
from llmprobe.facts.machine import EngineOnMachine, LoadedModel, Snapshot
from tests.machine_fixtures import FOLDER
from tests.output import samples

RECORDING = str(FOLDER / "linux-4090-64g" / "recording.json")


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Let this machine be a healthy desktop at every look, and no time pass between them.
    """
    monkeypatch.setattr(api, "watch", lambda **_options: itertools.repeat(samples.rtx4090()))
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


def test_each_look_is_one_document_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """
    For tools: as many lines as looks, each a whole snapshot.
    """
    code = main(["watch", "--json", "--count", "3"])
    lines = capsys.readouterr().out.splitlines()

    assert (code, len(lines)) == (0, 3)
    assert [wire.decode(line, Snapshot).schema for line in lines] == ["llmprobe.snapshot/1"] * 3


def test_a_recording_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    """
    It does not change, so there is one look and the end.
    """
    code = main(["--replay", RECORDING, "watch", "--json"])
    lines = capsys.readouterr().out.splitlines()

    assert (code, len(lines)) == (0, 1)
    assert msgspec.json.decode(lines[0])["this_machine"] is False


def test_a_person_sees_pools_holders_and_loaded_models(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where it is no terminal, one look below the other.
    """
    loaded = LoadedModel(name="qwen3:8b", size_bytes=6 * 1024**3, vram_bytes=3 * 1024**3, ctx_size=8192)
    busy = msgspec.structs.replace(
        samples.rtx4090(), engines=(EngineOnMachine(name="ollama", running=True, loaded=(loaded,)),)
    )
    monkeypatch.setattr(api, "watch", lambda **_options: itertools.repeat(busy))
    main(["watch", "--count", "2"])
    out = capsys.readouterr().out

    assert out.count("Memory in GiB") == 2
    assert "Xorg  PID 1812" in out
    assert "qwen3:8b  ollama  6.00 GiB, 3.00 GiB of it on the GPU, context 8192" in out


@pytest.mark.parametrize("form", [["--json"], []])
def test_ctrl_c_is_how_it_ends(
    form: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Exit code 0 and nothing on stderr.
    """

    def interrupted(**_options: object) -> Iterator[Snapshot]:
        yield samples.rtx4090()
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "watch", interrupted)
    code = main(["watch", *form])

    assert (code, capsys.readouterr().err) == (0, "")


def test_a_reader_that_goes_away_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    ``llmprobe watch --json | head -1`` ends quietly with 0.
    """

    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    gone: list[bool] = []
    monkeypatch.setattr("llmprobe.cli.ending.forget_stdout", lambda: gone.append(True))
    monkeypatch.setattr(sys, "stdout", Closed())

    assert (main(["watch", "--json"]), gone) == (0, [True])


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon", "1e9"])
def test_an_interval_that_cannot_be_is_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    One sentence and exit code 2.
    """
    code = main(["watch", "--interval", value])

    assert code == 2
    assert capsys.readouterr().err.startswith("error: --interval: ")


def test_it_waits_for_what_is_left_of_the_time_between_two_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What showing a look took is taken off, down to nothing, and after the last look there is no waiting.
    """
    waits: list[float] = []
    times = iter([10.0, 10.5, 20.0, 27.0, 30.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    monkeypatch.setattr("time.sleep", waits.append)
    main(["watch", "--interval", "2", "--count", "3", "--json"])

    assert len(capsys.readouterr().out.splitlines()) == 3
    assert waits == [1.5, 0.0]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [(["watch"], 2.0), (["watch", "--interval", "5s"], 5.0), (["--replay", RECORDING, "watch"], None)],
)
def test_the_time_between_two_looks_is_shown_where_there_are_two(
    arguments: list[str], shown: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is 2 seconds unless told otherwise; of another machine there is one look.
    """
    seen: list[float | None] = []

    def show(_looks: object, _words: object, *, interval: float | None) -> None:
        seen.append(interval)

    monkeypatch.setattr("llmprobe.output.text.pages.show_watch", show)
    main(arguments)

    assert seen == [shown]


@pytest.mark.parametrize(("given", "timeout_s"), [([], None), (["--timeout", "3"], 3.0)])
def test_the_time_limit_is_that_of_each_look(
    given: list[str],
    timeout_s: float | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    It is handed on, None where none was given.
    """
    asked: list[object] = []

    def watch(**options: object) -> Iterator[Snapshot]:
        asked.append(options)
        return itertools.repeat(samples.rtx4090())

    monkeypatch.setattr(api, "watch", watch)
    main([*given, "watch", "--count", "1", "--json"])
    capsys.readouterr()

    assert asked == [{"timeout_s": timeout_s}]
