"""
The whole program on recorded machines: exit codes, one JSON document on stdout, and that it keeps to its schema.
"""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pytest_mock import MockerFixture

from llmprobe import schemas
from llmprobe.cli import main

MACHINES = Path(__file__).parent.parent / "fixtures" / "machines"
DESKTOP = "linux-4090-64g"
LLAMA = ("--model", "llama3-70b", "-c", "8192")


def replayed(machine: str) -> tuple[str, str]:
    return ("--replay", str(MACHINES / machine / "recording.json"))


def answered(capsys: pytest.CaptureFixture[str], kind: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    """
    Return the document that a run prints, after checking its exit code and its schema.
    """
    ended = main(arguments)
    out, err = capsys.readouterr()
    assert (ended, "Traceback" in err) == (code, False), err
    document: dict[str, Any] = json.loads(out)
    jsonschema.validate(document, json.loads(schemas.text(kind)))
    return document


@pytest.mark.parametrize("machine", sorted(path.name for path in MACHINES.iterdir()))
def test_every_machine_is_checked(machine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Each recorded machine gives a valid snapshot that says it is not this machine, with 3 where an error was found.
    """
    ended = main([*replayed(machine), "check", "--json"])
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, json.loads(schemas.text("snapshot")))
    errors = [finding for finding in document["findings"] if finding["severity"] == "error"]

    assert ended == (3 if errors else 0)
    assert document["this_machine"] is False


def test_a_desktop_gets_the_choice_that_its_owner_would_make(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Llama 3 70B on an RTX 4090 with 64 GB: Q4_K_M, f16 cache, 42 to 44 of 81 layers, no device over its budget.
    """
    document = answered(capsys, "recommendation", *replayed(DESKTOP), "recommend", *LLAMA, "--json")
    best = document["choices"][0]

    assert (best["quant"], best["cache_type_k"], best["total_layers"]) == ("Q4_K_M", "f16", 81)
    assert 42 <= best["gpu_layers"] <= 44
    assert [
        device["id"] for device in best["devices"] if device["total_bytes"] > device["budget_bytes"]
    ] == []
    assert "-ngl " in best["commands"]["llama.cpp"]
    assert "-np 1" in best["commands"]["llama.cpp"]


def test_nothing_fits_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Where nothing fits the exit code is 3, and the document says what is missing and by how much.
    """
    document = answered(
        capsys,
        "recommendation",
        *replayed("linux-3060-12g-16g-desktop"),
        "recommend",
        *LLAMA,
        "--quant",
        "Q4_K_M",
        "--json",
        code=3,
    )

    assert document["choices"] == []
    assert document["rejected"][0]["missing_bytes"] > 0
    assert document["nearest"]


@pytest.mark.parametrize("engine", ["llama.cpp", "lmstudio"])
@pytest.mark.parametrize("model", ["llama-3.2-11b-vision-instruct", "solar-pro"])
def test_what_llama_cpp_cannot_load_is_no_with_the_engine_that_can(
    model: str, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    An architecture that llama.cpp refuses gets no command that would fail, but the name of Ollama.
    """
    arguments = (*replayed("linux-4090-64g"), "recommend", "-m", model, "--engine", engine, "--json")
    document = answered(capsys, "recommendation", *arguments, code=3)

    assert document["choices"] == []
    assert document["rejected"][0]["why"]["id"] == "rejected.engine-lacks-architecture"
    assert [one["values"] for one in document["nearest"]] == [{"engine": "ollama"}]


def test_ollama_runs_what_llama_cpp_cannot_load(capsys: pytest.CaptureFixture[str]) -> None:
    """
    With the engine that runs the architecture there is an answer.
    """
    arguments = (*replayed("linux-4090-64g"), "recommend", "-m", "solar-pro", "--engine", "ollama", "--json")

    assert answered(capsys, "recommendation", *arguments)["choices"] != []


def test_experts_stay_on_the_cpu_before_attention_does(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A mixture of experts on a small GPU is split by experts: every layer's attention is on the GPU.
    """
    machine = replayed("linux-4060laptop-8g-32g")
    document = answered(capsys, "recommendation", *machine, "recommend", "--model", "qwen3-30b-a3b", "--json")
    best = document["choices"][0]

    assert best["gpu_layers"] == best["total_layers"]
    assert best["n_cpu_moe"] > 0
    assert f"--n-cpu-moe {best['n_cpu_moe']}" in best["commands"]["llama.cpp"]


@pytest.mark.parametrize(("parallel", "gib"), [("1", 10.6), ("4", 11.8)])
def test_sliding_windows_are_counted(parallel: str, gib: float, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Gemma 3 27B at its whole context has a cache of 10.6 GiB with one slot and 11.8 with four.
    """
    document = answered(
        capsys,
        "estimate",
        *(
            "estimate",
            "gemma-3-27b",
            "-c",
            "131072",
            "-np",
            parallel,
            "--kv-unified",
            "--devices",
            "1",
            "--json",
        ),
    )

    cache = sum(device["cache_bytes"] for device in document["devices"])
    assert round(cache / 1024**3, 1) == gib


def test_assumed_devices_probe_nothing_and_leave_fits_open(capsys: pytest.CaptureFixture[str]) -> None:
    """
    With --devices no machine is asked, so whether it fits is unknown, and the answer is not about this machine.
    """
    document = answered(
        capsys,
        "estimate",
        *(
            "estimate",
            "llama3-70b",
            "--quant",
            "Q4_K_M",
            "-c",
            "8192",
            "-ngl",
            "43",
            "--devices",
            "2",
            "--json",
        ),
    )

    assert (document["fits"], document["this_machine"]) == (None, False)
    assert [device["id"] for device in document["devices"]] == ["host", "gpu0", "gpu1"]
    assert document["layers"] == {"offloaded": 43, "total": 81}


@pytest.mark.parametrize(("layers", "fits"), [("43", True), ("all", False)])
def test_an_estimate_that_does_not_fit_is_an_answer(
    layers: str, fits: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Fits true and fits false both end with 0.
    """
    document = answered(
        capsys,
        "estimate",
        *(
            *replayed(DESKTOP),
            "estimate",
            "llama3-70b",
            "--quant",
            "Q4_K_M",
            "-c",
            "8192",
            "-ngl",
            layers,
            "--json",
        ),
    )

    assert document["fits"] is fits


def test_terms_add_up_to_their_device(capsys: pytest.CaptureFixture[str]) -> None:
    """
    On every device the terms sum to the total, and the kinds to the columns.
    """
    document = answered(
        capsys,
        "estimate",
        *replayed(DESKTOP),
        "estimate",
        "llama3-70b",
        "--quant",
        "Q4_K_M",
        "-ngl",
        "43",
        "--json",
    )

    for device in document["devices"]:
        assert sum(term["bytes"] for term in device["terms"]) == device["total_bytes"]
        for kind in ("weights", "cache", "compute", "output", "overhead"):
            assert sum(t["bytes"] for t in device["terms"] if t["kind"] == kind) == device[f"{kind}_bytes"]


def test_a_context_beyond_training_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """
    More context than the model was trained for is estimated, with a warning on stderr.
    """
    ended = main(["estimate", "llama3-70b", "-c", "65536", "--devices", "1", "--json"])
    out, err = capsys.readouterr()

    assert ended == 0
    assert json.loads(out)["settings"]["ctx_size"] == 65536
    assert "warning: " in err
    assert "8192" in err


def test_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """
    ``models llama`` lists models of that name with their parameters.
    """
    document = answered(capsys, "models", "models", "llama", "--json")

    assert document["query"] == "llama"
    assert "llama-3-70b-instruct" in [model["id"] for model in document["models"]]


def test_a_hypothetical_machine_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """
    --gpu and --ram answer for a machine that is not here, in the document and on the page.
    """
    machine = ("--gpu", "2x RTX 4090", "--ram", "64GiB")
    document = answered(capsys, "recommendation", *machine, "recommend", *LLAMA, "--json")
    main([*machine, "recommend", *LLAMA])

    assert (document["this_machine"], document["machine"]["origin"]) == (False, "hypothetical")
    assert "hypothetical machine" in capsys.readouterr().out


BROKEN = [
    (("recommend", "--model", "no such model at all"), 1),
    (("estimate", "llama3-70b", "--quant", "Q9", "--devices", "1"), 2),
    (("recommend", "--model", "llama3-8b", "--quant", "Q9"), 2),
    (("recommend", "--model", "llama3-8b", "--engine", "abacus"), 2),
    (("recommend", "--model", "llama3-8b", "--min-quality", "Q9"), 2),
    (("estimate", "llama3-8b", "--devices", "99"), 2),
    (("estimate", "llama3-8b", "--devices", "2", "--backend", "cpu"), 2),
    (("estimate", "llama3-8b", "--devices", "1", "-ts", "1,2"), 2),
    (("estimate", "llama3-8b", "--devices", "1", "-fa", "off", "-ctv", "q8_0"), 1),
    (("--gpu", "Voodoo 5", "--ram", "64GiB", "check"), 2),
    (("--replay", "/no/such/recording.json", "check"), 1),
    (("recommend", "--model", "/no/such/model.gguf"), 1),
]


@pytest.mark.parametrize(
    ("arguments", "code"), BROKEN, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_broken_input_is_one_sentence(
    arguments: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What cannot be answered is one sentence on stderr, nothing on stdout, and exit code 1 or 2.
    """
    machine = () if arguments[0].startswith("--") or "--devices" in arguments else replayed(DESKTOP)
    ended = main([*machine, *arguments])
    out, err = capsys.readouterr()

    assert (ended, out) == (code, "")
    assert [line.split(":")[0] for line in err.splitlines()] in (["error"], ["error", "hint"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ('{"schema": "llmprobe.recording/1", "platf', "is cut short"),
        ('{"schema": "llmprobe.recording/99"}', "llmprobe.recording/99"),
        ('{"schema": "llmprobe.snapshot/1"}', "not a recording"),
        ("machine", "not JSON"),
    ],
)
def test_a_broken_recording_is_one_sentence(
    content: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A recording that is cut, of another schema or not JSON is refused with its reason.
    """
    path = tmp_path / "box.json"
    path.write_text(content)
    ended = main(["--replay", str(path), "check"])
    out, err = capsys.readouterr()

    assert (ended, out) == (1, "")
    assert reason in err
    assert len(err.splitlines()) <= 2


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a model", b"GGUF\x03\0\0\0" + b"\xff" * 16])
def test_a_broken_model_is_one_sentence(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A truncated, an enormous-count and a non-GGUF file are refused with their reason.
    """
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    ended = main(["estimate", str(path), "--devices", "1"])
    out, err = capsys.readouterr()

    assert (ended, out) == (1, "")
    assert [line.split(":")[0] for line in err.splitlines()] in (["error"], ["error", "hint"])


def test_wake_reaches_the_machine(mocker: MockerFixture) -> None:
    """
    ``check --wake`` opens this machine with the wish to wake devices, and plain ``check`` without.
    """
    live = mocker.patch("llmprobe.source.live.LiveSource", side_effect=RuntimeError("opened"))
    for arguments in (["check", "--wake"], ["check"]):
        with pytest.raises(RuntimeError, match="opened"):
            main(arguments)

    assert [call.kwargs for call in live.call_args_list] == [
        {"wake": True, "timeout_s": 2.5},
        {"wake": False, "timeout_s": 2.5},
    ]


@pytest.mark.parametrize(
    ("arguments", "code"), BROKEN, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_with_json_an_error_is_a_document(
    arguments: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Its exit code, whether it was about this machine, its message and its hint, valid by its schema.
    """
    machine = () if arguments[0].startswith("--") or "--devices" in arguments else replayed(DESKTOP)
    document = answered(capsys, "error", *machine, *arguments, "--json", code=code)

    assert document["code"] == code
    assert document["this_machine"] is ("--devices" in arguments)
    assert document["message"]["text"]


def test_a_recording_cannot_be_woken(capsys: pytest.CaptureFixture[str]) -> None:
    """
    ``--wake`` of a recorded machine is said to change nothing.
    """
    main([*replayed(DESKTOP), "check", "--wake", "--json"])

    assert "--wake has no effect here" in capsys.readouterr().err
