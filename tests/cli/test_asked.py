"""
What a command asks for by its options: which machine, which finding, which model, which settings.
"""

import json
from typing import Any

import msgspec
import pytest

from llmprobe import api
from llmprobe.cli import main
from llmprobe.cli.target import Target
from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import message
from tests.cli.test_main import ended
from tests.output import samples


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: samples.rtx4090())


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_only_the_finding_that_was_asked_for_decides(
    form: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An error beside it is not the answer to that question; all findings of its id are.
    """
    error = samples.container().findings[0]
    note = samples.rtx4090().findings[0]
    found = (error, note, msgspec.structs.replace(note, title=samples.said("again")))
    machine = msgspec.structs.replace(samples.rtx4090(), findings=found)
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: machine)

    assert ended(capsys, "check", *form)[0] == 3
    code, out, err = ended(capsys, "check", "--explain", "display-on-gpu", *form)
    assert (code, err) == (0, "")
    assert out.count("display-on-gpu") == 2
    assert "nvidia-driver-mismatch" not in out
    assert ended(capsys, "check", "--explain", "nvidia-driver-mismatch", *form)[0] == 3


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("gpu-lst", "gpu-lost"),
        ("GPU-LOST", "gpu-lost"),
        ("nvidia-version-mismach", "nvidia-version-mismatch"),
    ],
)
def test_a_finding_is_near_whose_id_is_written_alike(
    given: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    In capitals or with a letter that is wrong.
    """
    hint = json.loads(ended(capsys, "check", "--explain", given, "--json")[1])["hint"]

    assert hint["id"] == "hint.findings-near"
    assert near in hint["values"]["known"]


@pytest.mark.parametrize(
    ("arguments", "wakes", "said"),
    [
        (("check", "--json"), False, False),
        (("check", "--wake", "--json"), True, False),
        (("--replay", "x", "check", "--wake", "--json"), True, True),
        (("--replay", "x", "check", "--json"), False, False),
    ],
)
def test_only_this_machine_can_be_woken(
    arguments: tuple[str, ...],
    wakes: bool,
    said: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    For another one a note says that it changes nothing.
    """
    asked: list[object] = []

    def probe(*_args: object, wake: bool, **_options: object) -> Snapshot:
        asked.append(wake)
        return samples.rtx4090()

    monkeypatch.setattr(api, "probe", probe)
    code, _, err = ended(capsys, *arguments)

    assert (code, asked) == (0, [wakes])
    assert err == (f"note: {message('note.wake-needs-this-machine')}\n" if said else "")


@pytest.mark.parametrize(
    ("given", "is_live"),
    [
        ({}, True),
        ({"timeout_s": 3.0, "verbose": True}, True),
        ({"replay": "x"}, False),
        ({"gpus": ("RTX 4090",)}, False),
        ({"ram_bytes": 1}, False),
        ({"ram_bytes": 0}, False),
        ({"ram": "64GB DDR5-6000"}, False),
        ({"ram_bandwidth_bytes_per_s": 80 * 10**9}, False),
        ({"cpu": "Ryzen 9 7950X"}, False),
        ({"cores": 16}, False),
        ({"pcie": "4x8"}, False),
        ({"wired_limit_bytes": 2**30}, False),
    ],
)
def test_any_option_of_a_machine_names_another(given: dict[str, Any], *, is_live: bool) -> None:
    """
    A recording, a GPU or RAM; a time limit is of this one.
    """
    assert Target(**given).is_live is is_live


def test_a_machine_is_asked_for_as_its_options_say(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Each option arrives as the keyword that the Python API knows.
    """
    asked: list[object] = []

    def probe(*args: object, **options: object) -> Snapshot:
        asked.append((args, options))
        return samples.rtx4090()

    monkeypatch.setattr(api, "probe", probe)
    plain: dict[str, object] = {
        "wake": False,
        "timeout_s": None,
        "model_folders": (),
        "gpus": (),
        "ram_bytes": None,
        "ram": None,
        "ram_bandwidth_bytes_per_s": None,
        "cpu": None,
        "cores": None,
        "pcie": None,
        "wired_limit_bytes": None,
    }
    everything = (
        *("--ram", "64GB DDR5-6000", "--ram-bandwidth", "80GB/s", "--cpu", "Ryzen 9 7950X", "--cores", "16"),
        *("--pcie", "4x8", "--wired-limit", "56GB"),
    )
    ended(capsys, "--replay", "box.json", "--timeout", "3", "check", "--json")
    ended(capsys, "--gpu", "a", "--gpu", "b", "--ram", "1GiB", "check", "--json")
    ended(capsys, *everything, "check", "--json")

    assert asked == [
        (("box.json",), plain | {"timeout_s": 3.0}),
        ((None,), plain | {"gpus": ("a", "b"), "ram_bytes": 1024**3}),
        (
            (None,),
            plain
            | {
                "ram": "64GB DDR5-6000",
                "ram_bandwidth_bytes_per_s": 80_000_000_000,
                "cpu": "Ryzen 9 7950X",
                "cores": 16,
                "pcie": "4x8",
                "wired_limit_bytes": 56 * 1024**3,
            },
        ),
    ]


@pytest.mark.parametrize(
    ("words", "query"), [((), None), (("qwen3",), "qwen3"), (("qwen3", "30b"), "qwen3 30b"), (("",), None)]
)
def test_a_name_of_several_words_is_one_name(
    words: tuple[str, ...], query: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    As it is typed, without quotes; none lists all, and means no model.
    """
    code, out, _ = ended(capsys, "models", *words, "--json")
    document = json.loads(out)

    assert (code, document["query"]) == (0, query)
    assert (document["meant"] is None) is (query is None)


@pytest.mark.parametrize("devices", [["--devices", "0"], ["--devices", "2"], ["--backend", "cpu"]])
def test_devices_that_are_assumed_need_no_machine(
    devices: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    None is asked, and what is assumed is no machine of these options.
    """
    asked: list[bool] = []
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: asked.append(True))
    monkeypatch.setattr(api, "load_model", lambda *_args, **_options: None)
    monkeypatch.setattr(api, "estimate", lambda *_args, **_options: samples.estimate())

    assert ended(capsys, "estimate", "x", *devices, "--json")[0] == 0
    assert ended(capsys, "--replay", "y", "estimate", "x", *devices)[0] == 2
    assert asked == []


def test_an_estimate_has_the_defaults_of_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is not given leaves the engine's own, and what is switched off by an option is on.
    """
    seen: dict[str, object] = {}
    monkeypatch.setattr(api, "load_model", lambda *_args, **_options: None)

    def remember(_model: object, **settings: object) -> object:
        seen.update(settings)
        return samples.estimate()

    monkeypatch.setattr(api, "estimate", remember)
    main(["estimate", "m", "--json"])

    expected: dict[str, object] = {
        "ctx_size": 0,
        "gpu_layers": None,
        "n_cpu_moe": 0,
        "cpu_moe": False,
        "kv_offload": True,
    }
    expected |= {"op_offload": True, "repack": True, "swa_full": False, "tensor_split": (), "parallel": None}
    expected |= {"kv_unified": None, "engine": None, "devices": None, "backend": None, "explain": False}
    assert {name: seen[name] for name in expected} == expected


def test_all_experts_and_some_are_two_wishes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Of none as well; one of them alone is not.
    """
    monkeypatch.setattr(api, "load_model", lambda *_args, **_options: None)
    monkeypatch.setattr(api, "estimate", lambda *_args, **_options: samples.estimate())

    assert [
        ended(capsys, "estimate", "m", "--json", *words)[0]
        for words in (["--cpu-moe", "--n-cpu-moe", "0"], ["--cpu-moe"], ["--n-cpu-moe", "0"])
    ] == [2, 0, 0]
