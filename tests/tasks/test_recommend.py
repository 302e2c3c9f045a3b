"""
A recommendation: which wishes there are, whom it asks, and the files of its first choice.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

import llmprobe
from llmprobe import engines
from llmprobe.errors import UsageError
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Recommendation, Wishes
from llmprobe.tasks import recommend as task
from llmprobe.tasks.recommend import files, recommend, wishes_of
from llmprobe.units import GIB
from llmprobe.words.message import Message, message
from tests.advise.machines import LLAMA_8B, machine, model, unified

LLAMA = model("llama", LLAMA_8B)
CARD = machine((23.0,))


def answered(spec: Any = LLAMA, snapshot: Any = CARD, **wishes: Any) -> Recommendation:
    given: dict[str, Any] = {"ctx_size": 4096, "quants": "Q4_K_M"}
    return recommend(spec, snapshot, wishes_of(**(given | wishes)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Wishes()),
        ({"ctx_size": "max"}, {"ctx_size": None, "max_ctx": True}),
        ({"ctx_size": 0}, {"ctx_size": 0, "max_ctx": False}),
        ({"ctx_size": 8192}, {"ctx_size": 8192, "max_ctx": False}),
        ({"ctx_size": 2**31 - 1}, {"ctx_size": 2**31 - 1}),
        ({"parallel": 256}, {"parallel": 256}),
        ({"quants": "q4_k_m"}, {"quants": ("Q4_K_M",)}),
        ({"quants": ["q4_k_m", "Q8_0"]}, {"quants": ("Q4_K_M", "Q8_0")}),
        ({"cache_type_k": "Q8_0"}, {"cache_type_k": "q8_0", "cache_type_v": None}),
        ({"cache_type_v": "q4_0"}, {"cache_type_k": None, "cache_type_v": "q4_0"}),
        ({"priority": "speed"}, {"priority": "speed"}),
        ({"engine": "ollama"}, {"engine": "ollama"}),
        ({"reserve_bytes": 0}, {"reserve_bytes": 0}),
        ({"assume_idle": True}, {"assume_idle": True}),
        ({"min_speed": 0}, {"min_speed": 0}),
        ({"min_speed": 2.5}, {"min_speed": 2.5}),
        ({"min_quality": "q4_k_m"}, {"min_quality": "Q4_K_M"}),
        ({"top": 1}, {"top": 1}),
    ],
    ids=repr,
)
def test_a_wish_is_what_was_asked_for(given: dict[str, Any], expected: Any) -> None:
    """
    Names as llama.cpp writes them; what was not asked for is as it is without any wish.
    """
    found = wishes_of(**given)
    wanted = expected if isinstance(expected, Wishes) else msgspec.structs.replace(Wishes(), **expected)

    assert found == wanted


@pytest.mark.parametrize(
    ("wish", "refused"),
    [
        ({"ctx_size": -1}, "error.setting-out-of-range"),
        ({"ctx_size": 2**31}, "error.setting-out-of-range"),
        ({"ctx_size": True}, "error.setting-not-a-count"),
        ({"parallel": 0}, "error.setting-out-of-range"),
        ({"parallel": 257}, "error.setting-out-of-range"),
        ({"reserve_bytes": -1}, "error.setting-out-of-range"),
        ({"top": 0}, "error.setting-out-of-range"),
        ({"priority": "fast"}, "error.setting-not-a-choice"),
        ({"engine": "abacus"}, "error.engine-unknown"),
        ({"quants": ("Q4_K_M", "Q9")}, "error.quant-unknown"),
        ({"min_quality": "Q9"}, "error.quant-unknown"),
        ({"min_speed": -0.1}, "error.min-speed-not-a-number"),
        ({"min_speed": float("inf")}, "error.min-speed-not-a-number"),
        ({"min_speed": float("nan")}, "error.min-speed-not-a-number"),
        ({"min_speed": True}, "error.min-speed-not-a-number"),
        ({"min_speed": "5"}, "error.min-speed-not-a-number"),
    ],
    ids=repr,
)
def test_a_wish_out_of_range_is_refused(wish: dict[str, Any], refused: str) -> None:
    """
    Each by its own error, up to the last value that there is.
    """
    with pytest.raises(UsageError) as raised:
        wishes_of(**wish)

    assert raised.value.message.id == refused


def test_without_a_machine_this_one_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Only then.
    """
    asked: list[int] = []

    def probe() -> Any:
        asked.append(1)
        return CARD

    monkeypatch.setattr(task, "probe", probe)
    answered()
    assert asked == []
    found = answered(snapshot=None)

    assert asked == [1]
    assert [one.name for one in found.machine.accelerators] == ["test GPU"]


@pytest.mark.parametrize(
    ("own", "source", "wanted", "refused"),
    [
        ("Q4_K_M", "gguf", ("Q4_K_M",), False),
        ("Q4_K_M", "gguf", ("Q4_K_M", "Q8_0"), True),
        ("Q4_K_M", "gguf", (), False),
        ("Q4_K_M", "installed", ("Q8_0",), False),
        (None, "catalog", ("Q8_0",), False),
    ],
)
def test_a_file_is_not_taken_for_another(
    own: str | None, source: str, wanted: tuple[str, ...], *, refused: bool
) -> None:
    """
    A file has one quantization; the name of a model that an engine keeps is that of the model.
    """
    import llmprobe

    spec = msgspec.structs.replace(llmprobe.load_model("qwen3-0.6b", own), source=source, path="/m/x.gguf")
    if not refused:
        assert answered(spec, quants=wanted).choices
        return
    with pytest.raises(UsageError) as raised:
        answered(spec, quants=wanted)

    assert raised.value.message == message(
        "error.quant-of-the-file", file="/m/x.gguf", quant="Q4_K_M", requested="Q8_0"
    )
    assert raised.value.hint == message("hint.leave-out-quant")
    with pytest.raises(UsageError) as raised:
        answered(msgspec.structs.replace(spec, path=None), quants=wanted)
    assert raised.value.message.values["file"] == spec.name


def test_a_refused_architecture_is_the_answer_no() -> None:
    """
    By the engine that was asked for; another that loads it is named.
    """
    spec = msgspec.structs.replace(LLAMA, architecture="solar")
    found = answered(spec)

    assert found.choices == ()
    assert message("nearest.engine-has-architecture", engine="ollama") in found.nearest


@pytest.mark.parametrize("explain", [True, False])
def test_what_would_change_an_answer_is_searched_when_asked(*, explain: bool) -> None:
    """
    It takes more searches.
    """
    wishes = wishes_of(ctx_size=4096, quants="Q4_K_M")

    assert bool(recommend(LLAMA, CARD, wishes, explain=explain).changes) is explain


@pytest.mark.parametrize(
    ("snapshot", "backend"),
    [(CARD, "cuda"), (unified(50, 48), "metal"), (machine(()), None)],
    ids=["card", "unified", "processor"],
)
def test_each_choice_has_the_remarks_of_its_engine(
    snapshot: Any, backend: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    On the backend of the devices that it uses, of which a processor alone has none.
    """
    own = engines.engine("llama.cpp")

    def remarks(choice: Choice, _model: ModelSpec, backend: str | None) -> tuple[Message, ...]:
        return (message("test.remark", quant=choice.quant, backend=backend),)

    monkeypatch.setattr(engines, "engine", lambda _name: msgspec.structs.replace(own, remarks=remarks))
    found = answered(snapshot=snapshot, quants=("Q4_K_M", "Q8_0"))

    assert len(found.choices) > 1
    assert [one.remarks for one in found.choices] == [
        (message("test.remark", quant=one.quant, backend=backend),) for one in found.choices
    ]


def test_the_commands_are_those_of_the_engine_that_was_asked_for() -> None:
    """
    With those of its further programs.
    """
    assert set(answered().choices[0].commands) == {"llama.cpp", "llama-cli"}
    assert set(answered(engine="ollama").choices[0].commands) == {"ollama"}


@pytest.mark.parametrize("engine", ["llama.cpp", "lmstudio", "ollama"])
def test_files_are_those_of_the_engine_and_what_to_know(engine: str) -> None:
    """
    The README names the others.
    """
    found = answered(engine=engine)
    written = files(found, LLAMA)
    own = engines.files(engine, found.choices[0], LLAMA, "cuda")

    assert {name: text for name, text in written.items() if name != "README.txt"} == own
    assert own
    assert [name for name in own if name not in written["README.txt"]] == []


def test_without_a_choice_there_are_no_files() -> None:
    """
    An answer "no" has nothing to run.
    """
    with pytest.raises(UsageError) as refused:
        files(msgspec.structs.replace(answered(), choices=()), LLAMA)

    assert refused.value.message == message("error.nothing-to-write")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("m/x.gguf", str(Path("m/x.gguf").absolute())),
        ("/m/x.gguf", "/m/x.gguf"),
        ("https://example.org/m/x.gguf", "x.gguf"),
    ],
)
def test_files_name_the_model_from_any_folder(path: str, named: str) -> None:
    """
    By its whole path, as they are used elsewhere than here; an address by the name that its file gets.
    """
    spec = msgspec.structs.replace(LLAMA, path=path, quant="Q4_K_M")
    script = files(answered(spec), spec)["run-llama-server.sh"]

    assert f" -m {named} " in script


def test_files_are_for_the_backend_of_the_choice() -> None:
    """
    One that uses no device says so, one on GPUs does not.
    """
    on_gpu, on_cpu = answered(), answered(snapshot=machine(()))

    assert "--device none" not in files(on_gpu, LLAMA)["run-llama-server.sh"]
    assert "--device none" in files(on_cpu, LLAMA)["run-llama-server.sh"]


def test_a_large_reserve_leaves_less_to_the_model() -> None:
    """
    Wishes reach the search: of a card that is kept free but for 3 GiB some layers stay on the host.
    """
    none, much = answered(reserve_bytes=0), answered(reserve_bytes=20 * GIB)

    assert (none.choices[0].gpu_layers, none.choices[0].total_layers) == (33, 33)
    assert much.choices[0].gpu_layers < 33


def test_the_type_that_a_model_is_published_in_is_no_loss() -> None:
    """
    gpt-oss is published in MXFP4, a file type that llama.cpp calls MXFP4_MOE: by either name it is the original.
    """
    spec = llmprobe.load_model("gpt-oss-20b")
    for name in ("MXFP4", "mxfp4_moe"):
        (choice,) = llmprobe.recommend(spec, machine((23.0,)), ctx_size=4096, quants=name, top=1).choices

        assert choice.label == "recommended"
        assert choice.quality.words == message("quality.no-noticeable-loss")
