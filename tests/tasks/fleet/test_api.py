"""
The public functions about several machines: what the commands do.
"""

import json
from pathlib import Path

import pytest

import llmprobe
from llmprobe.cli import main
from llmprobe.errors import UsageError
from llmprobe.facts import wire
from tests.tasks.fleet.programs import recording

BOX, LAPTOP = "linux-4090-64g", "linux-4060laptop-8g-32g"
BOTH = [recording(BOX), recording(LAPTOP)]


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> object:
    options = [word for path in BOTH for word in ("--recordings", path)]
    main(["fleet", *words, "--json", *options])
    return json.loads(capsys.readouterr().out)


def test_check_is_the_document_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Side by side, in the order in which they are named."""
    answer = llmprobe.fleet_check(recordings=BOTH)

    assert [host.name for host in answer.hosts] == [BOX, LAPTOP]
    assert json.loads(wire.encode(answer)) == _said(capsys, "check")


@pytest.mark.parametrize("engine", ["llama.cpp", "vllm"])
def test_recommend_is_the_document_of_the_command(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With wishes by keyword; the network as text or bytes per second."""
    model = llmprobe.load_model("qwen3-8b")
    answer = llmprobe.fleet_recommend(
        model, engine=engine, ctx_size=8192, parallel=2, link="2.5GbE", recordings=BOTH
    )
    words = ("--model", "qwen3-8b", "--engine", engine, "-c", "8k", "-np", "2", "--link", "2.5GbE")

    assert answer.best == BOX
    assert json.loads(wire.encode(answer)) == _said(capsys, "recommend", *words)
    assert (
        llmprobe.fleet_recommend(
            model, engine=engine, ctx_size=8192, parallel=2, link=312_500_000, recordings=BOTH
        )
        == answer
    )


def test_fit_goes_on_from_a_file(tmp_path: Path) -> None:
    """One path or several; the second run computes nothing."""
    path, told = tmp_path / "fits.jsonl", []
    first, second = (
        llmprobe.fleet_fit(
            use="embedding",
            top=1,
            workers=1,
            output=path,
            recordings=Path(recording(BOX)),
            told=lambda done, everything: told.append((done, everything)),
        )
        for _ in range(2)
    )

    assert (first.computed, second.computed) == (1, 0)
    assert first.hosts[0].rows == second.hosts[0].rows
    assert told == [(0, 1), (1, 1), (1, 1)]


def test_nobody_is_no_fleet() -> None:
    """An error, as for the command."""
    with pytest.raises(UsageError) as refused:
        llmprobe.fleet_check()

    assert refused.value.message.id == "error.fleet-of-nobody"
