"""
Answers at the edges: memory that is unknown, more cards than are needed, reserves that nothing can meet.
"""

import msgspec
import pytest

from llmprobe import api
from llmprobe.advise.recommend import recommend
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Wishes
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, LLAMA_70B, machine, model, unified
from tests.advise.messages import the

TINY = model("llama", LLAMA_8B | {"block_count": 4})


def with_unknown_ram() -> Snapshot:
    known = machine()
    ram = msgspec.structs.replace(known.pools[0], free_bytes=None, budget_bytes=None)
    return msgspec.structs.replace(known, pools=(ram,))


def test_unknown_memory_is_said_to_be_unknown() -> None:
    """
    Where it is not known how much is free, nothing fits, and no amount is said to be missing.
    """
    answer = recommend(TINY, with_unknown_ram(), Wishes(ctx_size=2048), {})

    assert answer.choices == ()
    assert {one.missing_bytes for one in answer.rejected} == {None}
    assert {one.why for one in answer.rejected} == {
        message("rejected.free-unknown", where=(message("pool.ram"),))
    }
    assert answer.verdict == message("verdict.memory-unknown")


def test_a_small_model_takes_one_card_of_many() -> None:
    """
    A model that one card holds is not spread over eight.
    """
    best = recommend(TINY, machine((20,) * 8), Wishes(ctx_size=2048), {}).choices[0]

    assert [device.id for device in best.devices] == ["host", "gpu0"]
    assert best.tensor_split == ()


def test_the_longest_context_is_looked_for_on_each_set_of_devices() -> None:
    """
    A card too full to hold anything does not shorten what the RAM alone can hold.
    """
    wishes = Wishes(max_ctx=True)
    without = recommend(TINY, machine(), wishes, {}).choices[0]
    beside = recommend(TINY, machine((0.6,)), wishes, {}).choices[0]

    assert without.ctx_size == TINY.max_context
    assert beside.ctx_size == without.ctx_size


def test_a_reserve_beyond_all_memory_is_part_of_what_is_missing() -> None:
    """
    Asked to keep 1000 GiB free, a machine of 60 lacks more than 900.
    """
    answer = recommend(TINY, machine(), Wishes(ctx_size=2048, reserve_bytes=1000 * GIB), {})

    assert answer.choices == ()
    assert all(one.missing_bytes is not None and one.missing_bytes > 900 * GIB for one in answer.rejected)


def test_a_model_of_vectors_has_no_speed_of_generation() -> None:
    """
    An encoder with a pooling type generates nothing, and the reason says so.
    """
    encoder = msgspec.structs.replace(
        TINY, hparams=TINY.hparams | {"attention.causal": False, "pooling_type": 1}
    )
    best = recommend(encoder, machine((20,)), Wishes(ctx_size=2048), {}).choices[0]

    assert best.speed.generation_tokens_per_s is None
    assert "vectors" in str(best.speed.reason)
    assert best.verdict == message("verdict.vectors", where=message("where.gpu"))


def test_a_model_of_vectors_takes_a_whole_text_at_once() -> None:
    """
    Its micro-batch holds what a slot may, as the engine refuses longer texts, and the reason says so.
    """
    encoder = msgspec.structs.replace(
        TINY, hparams=TINY.hparams | {"attention.causal": False, "pooling_type": 1}
    )
    best = recommend(encoder, machine((20,)), Wishes(ctx_size=8192, parallel=2), {}).choices[0]

    assert (best.ubatch_size, best.batch_size) == (4096, 4096)
    assert the(best.details, "reason.ubatch-embedding").values["ubatch_size"] == 4096


def test_a_mac_runs_a_model_whole_on_its_gpu_or_not() -> None:
    """
    With more free than the working set, no choice puts layers on the processor to get around it.
    """
    answer = recommend(model("llama", LLAMA_70B), unified(62, 48), Wishes(ctx_size=8192, top=20), {})

    assert {choice.gpu_layers for choice in answer.choices} == {81}
    assert "Q6_K" in {one.what for one in answer.rejected}


def of_architecture(name: str) -> ModelSpec:
    """
    A model whose file names this architecture.
    """
    return msgspec.structs.replace(TINY, architecture=name, quant="Q4_K_M", path="some.gguf")


@pytest.mark.parametrize("engine", ["llama.cpp", "ollama", "lmstudio"])
def test_an_architecture_that_nobody_loads_gets_no_command(engine: str) -> None:
    """
    The answer is "no", with a warning that it is not known here, and what shows its memory all the same.
    """
    answer = api.recommend(of_architecture("bogus"), machine((20,)), engine=engine)

    assert answer.choices == ()
    assert answer.verdict == message("verdict.not-loaded", engine=engine, architecture="bogus")
    assert [one.why for one in answer.rejected] == [
        message("rejected.not-loaded", engine=engine, architecture="bogus")
    ]
    assert answer.nearest == (message("nearest.estimate", engine=engine),)
    assert answer.warnings == (message("warning.architecture-unknown", architecture="bogus"),)


def test_a_known_architecture_is_not_warned_of() -> None:
    """
    A warning is only for what is not known.
    """
    assert recommend(TINY, machine((20,)), Wishes(ctx_size=2048), {}).warnings == ()


def test_an_architecture_that_llama_cpp_refuses_has_the_same_verdict() -> None:
    """
    What is known here and not loaded by the engine is a "no" in the same words.
    """
    refused = msgspec.structs.replace(TINY, architecture="solar")

    assert api.recommend(refused, machine((20,))).verdict == message(
        "verdict.not-loaded", engine="llama.cpp", architecture="solar"
    )


def test_a_model_of_no_file_type_has_no_size() -> None:
    """
    Where nothing was chosen and the file says none, nobody knows how many bytes its tensors are.
    """
    unknown = msgspec.structs.replace(TINY, architecture="bogus", quant=None)

    assert recommend(unknown, machine((20,)), Wishes(ctx_size=2048), {}).model.tensor_bytes == 0
