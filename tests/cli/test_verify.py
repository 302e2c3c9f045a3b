"""
``llmprobe verify``: what a person and a program read of a comparison.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from llmprobe.cli import main
from llmprobe.facts.estimate import ModelInEstimate, Range
from llmprobe.facts.measured import Correction
from llmprobe.facts.settings import Settings
from llmprobe.facts.verification import BufferCheck, SpeedCheck, Step, Verification
from llmprobe.tasks import verify as task
from llmprobe.units import MIB
from llmprobe.words.message import message

ANSWER = Verification(
    model=ModelInEstimate(
        id="small",
        name="Small 1B",
        architecture="llama",
        quant="Q8_0",
        parameters=1,
        file_parameters=1,
        tensor_bytes=1,
    ),
    engine="llama.cpp",
    build="b11549",
    settings=Settings(ctx_size=4096, gpu_layers=20),
    steps=(
        Step(program="llama-server", status="ok", seconds=2.5),
        Step(program="llama-bench", status="failed", seconds=0.5, detail="no room"),
        Step(program="llama-fit-params", status="missing"),
    ),
    buffers=(
        BufferCheck(
            device="gpu0",
            kind="weights",
            predicted_bytes=10 * MIB,
            measured_bytes=10 * MIB,
            exact_to_bytes=10,
            by="llama-server",
            agrees=True,
        ),
        BufferCheck(
            device="host",
            kind="compute",
            predicted_bytes=12 * MIB,
            measured_bytes=13 * MIB,
            exact_to_bytes=10,
            by="llama-server",
            agrees=False,
        ),
        BufferCheck(device="host", kind="output", predicted_bytes=MIB // 2, measured_bytes=None),
    ),
    speeds=(
        SpeedCheck(
            of="generation",
            predicted=Range(low=10, likely=20, high=30),
            measured=40.0,
            by="llama-bench",
            within=False,
        ),
        SpeedCheck(of="prompt", predicted=None, measured=None),
    ),
    agrees=False,
    correction=Correction(
        places=("cpu",), experts=False, generation=2.0, model="Small 1B", date="2026-11-30"
    ),
    kept="/home/me/.cache/llmprobe/measured-1.json",
    notes=(message("note.verify-not-kept"),),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """
    The calls of the comparison, which answers for a machine where one buffer differs.
    """
    seen: list[dict[str, Any]] = []

    def verify(name: str, **options: Any) -> Verification:
        options.pop("progress")(message("page.verify-runs", program="llama-server"))
        seen.append({"name": name, **options})
        return ANSWER

    monkeypatch.setattr(task, "verify", verify)
    return seen


def test_a_person_reads_predicted_beside_measured(
    asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The verdict first, each buffer and speed, what was run, what is corrected, and how to report it.
    """
    assert main(["verify", "small model.gguf"]) == 3

    said = capsys.readouterr()
    rows = [" ".join(line.split()) for line in said.out.splitlines()]
    assert rows[0] == "1 buffer of Small 1B differs from the prediction"
    for row in (
        "llama.cpp b11549 · context 4096 · 20 layers on devices · cache f16",
        "gpu0 weights 10.00 10.00 =",
        "host compute 12.00 13.00 differs",
        "host output 0.50 -",
        "generation 20 (10 to 30) 40 outside of the range",
        "- llama-server: ended as it should, 2.5 s",
        "- llama-bench: failed (no room), 0.5 s",
        "- llama-fit-params: not found",
        "- the correction could not be kept",
    ):
        assert row in rows
    text = " ".join(rows)
    assert "corrected: generation x 2.00, as llama-bench reached here with Small 1B on 2026-11-30" in text
    assert "llmprobe verify 'small model.gguf' --report report.json" in text
    assert "running llama-server" in said.err
    assert asked == [{"name": "small model.gguf", "seconds": 600.0}]


def test_only_given_settings_are_handed_on(
    asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The engine's defaults count for the others, and no setting at all means those of recommend.
    """
    arguments = ["-c", "8k", "-ngl", "all", "-nkvo", "-ts", "3,1", "-ctk", "q8_0", "--seconds", "20"]

    main(["verify", "a.gguf", *arguments, "--json"])

    assert json.loads(capsys.readouterr().out)["schema"] == "llmprobe.verify/1"
    assert asked == [
        {
            "name": "a.gguf",
            "seconds": 20.0,
            "ctx_size": 8192,
            "gpu_layers": "all",
            "kv_offload": False,
            "tensor_split": (3.0, 1.0),
            "cache_type_k": "q8_0",
        }
    ]


@pytest.mark.parametrize(
    ("agrees", "code", "verdict"), [(True, 0, "is as predicted"), (None, 1, "No buffer")]
)
def test_the_exit_code_is_the_answer(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    agrees: bool | None,
    code: int,
    verdict: str,
) -> None:
    """
    0 where all agree, 1 where nothing could be compared.
    """
    answer = msgspec.structs.replace(ANSWER, agrees=agrees, buffers=())
    monkeypatch.setattr(task, "verify", lambda _name, **_options: answer)

    assert main(["verify", "a.gguf"]) == code
    said = capsys.readouterr().out
    assert verdict in said
    assert "--report" not in said


def test_a_report_is_a_new_file(
    asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    Its owner's alone; one that exists is refused before anything is run.
    """
    monkeypatch.setattr(task, "report", lambda _answer: "{}")
    path = tmp_path / "report.json"

    main(["verify", "a.gguf", "--report", str(path)])
    assert path.read_text(encoding="utf-8") == "{}"
    asked.clear()

    assert main(["verify", "a.gguf", "--report", str(path)]) == 1
    assert asked == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--replay", "box.json", "verify", "a.gguf"],
        ["verify"],
        ["verify", "a.gguf", "--seconds", "5"],
        ["verify", "a.gguf", "--report", ""],
        ["verify", "a.gguf", "-ngl", "-3"],
    ],
)
def test_what_cannot_be_compared_is_refused(arguments: list[str], asked: list[dict[str, Any]]) -> None:
    """
    Another machine, no model, a time that is too short, a report without a name, a setting out of range.
    """
    assert main(arguments) == 2
    assert asked == []
