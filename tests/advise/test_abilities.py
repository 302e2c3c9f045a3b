"""
A recommendation for an engine holds only what that engine can be told, and fits as it is.
"""

from typing import Any

import pytest

from llmprobe import api
from llmprobe.errors import UsageError
from llmprobe.facts.recommendation import Choice
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_70B, QWEN3_30B, machine, model


def best(vram: tuple[float, ...], engine: str, *, dense: bool = False, **wishes: Any) -> Choice | None:
    spec = model("llama", LLAMA_70B) if dense else model("qwen3moe", QWEN3_30B)
    answer = api.recommend(spec, machine(vram), engine=engine, ctx_size=8192, **wishes)
    return answer.choices[0] if answer.choices else None


def within_budgets(choice: Choice) -> bool:
    return all(one.budget_bytes is None or one.total_bytes <= one.budget_bytes for one in choice.devices)


def test_lm_studio_gets_whole_layers_where_llama_cpp_gets_experts() -> None:
    """
    On a small card llama.cpp keeps experts on the CPU; for LM Studio fewer whole layers are on the GPU, and they fit.
    """
    apart, whole = best((7.5,), "llama.cpp", quants=["Q4_K_M"]), best((7.5,), "lmstudio", quants=["Q4_K_M"])

    assert apart is not None
    assert whole is not None
    assert (apart.gpu_layers, apart.n_cpu_moe > 0) == (49, True)
    assert 0 < whole.gpu_layers < 49
    assert whole.n_cpu_moe == 0
    assert within_budgets(whole)


def test_ollama_says_what_it_cannot() -> None:
    """
    The note is there for a mixture of experts, and not for a dense model.
    """
    machine_ = machine((7.5,))
    experts = api.recommend(model("qwen3moe", QWEN3_30B), machine_, engine="ollama")
    dense = api.recommend(model("llama", LLAMA_70B), machine_, engine="ollama")

    ids = [{note.id for note in answer.notes} for answer in (experts, dense)]

    assert ["engine.ollama-fit" in one for one in ids] == [True, False]


def test_ollama_places_experts_by_itself() -> None:
    """
    GLM 4.7 Flash on 12 GB with 64K in q8_0: a user of such a card saw 48 of 48 layers and 25 tokens/s where Ollama was
    left alone, 10 tokens/s with a part of the layers. So no count of layers is written, and 1 GiB is left to --fit.
    """
    given = machine((11.6,))
    answer = api.recommend(
        api.load_model("glm-4.7-flash"),
        given,
        engine="ollama",
        ctx_size=65536,
        cache_type_k="q8_0",
        cache_type_v="q8_0",
        quants=["Q4_K_M"],
    )
    choice = answer.choices[0]
    used = next(device.total_bytes for device in choice.devices if device.id == "gpu0")

    assert (choice.gpu_layers, choice.total_layers) == (48, 48)
    assert 0 < choice.n_cpu_moe < 47
    assert "num_gpu" not in choice.commands["ollama"]
    assert used <= 10.6 * GIB
    assert message("engine.ollama-experts", layers=choice.n_cpu_moe) in choice.remarks


def test_a_mixture_that_fits_is_told_to_ollama_as_a_dense_model_is() -> None:
    """
    With its layers, which leaves nothing to choose.
    """
    whole = api.recommend(model("qwen3moe", QWEN3_30B), machine((60.0,)), engine="ollama").choices[0]

    assert whole.n_cpu_moe == 0
    assert "PARAMETER num_gpu 49" in whole.commands["ollama"]


@pytest.mark.parametrize("engine", ["ollama", "lmstudio"])
def test_several_gpus_are_split_as_the_engine_does(engine: str) -> None:
    """
    Without proportions of our own; what each card then holds is within its budget.
    """
    choice = best((23.0, 11.0), engine, dense=True, quants=["Q4_K_M"])

    assert choice is not None
    assert choice.tensor_split == ()
    assert within_budgets(choice)


@pytest.mark.parametrize(
    ("engine", "types"),
    [
        ("ollama", {"cache_type_k": "q8_0", "cache_type_v": "f16"}),
        ("ollama", {"cache_type_k": "q5_1"}),
        ("lmstudio", {"cache_type_k": "q8_0"}),
        ("vllm", {"cache_type_v": "q4_0"}),
    ],
)
def test_a_cache_that_an_engine_cannot_be_given_is_refused(engine: str, types: dict[str, Any]) -> None:
    """
    Rather than printed and left out.
    """
    with pytest.raises(UsageError):
        best((23.0,), engine, **types)


def test_ollama_has_one_type_for_both() -> None:
    """
    The type that was asked for K is V's too.
    """
    choice = best((23.0,), "ollama", cache_type_k="q8_0")

    assert choice is not None
    assert (choice.cache_type_k, choice.cache_type_v) == ("q8_0", "q8_0")
    assert "OLLAMA_KV_CACHE_TYPE=q8_0" in choice.commands["ollama"]


def test_llama_cpp_has_two_programs() -> None:
    """
    The server's line, and that of the program for the terminal.
    """
    choice = best((23.0,), "llama.cpp")

    assert choice is not None
    assert list(choice.commands) == ["llama.cpp", "llama-cli"]
