"""
A choice whose cache the engine would end on is none.
"""

import msgspec

from llmprobe.advise.recommend import recommend
from llmprobe.facts.recommendation import Recommendation, Wishes
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, machine, model

SPEC = model("llama", LLAMA_8B)


def _answer(**wishes: object) -> Recommendation:
    """
    On an AMD card in Windows, whose driver binds 2 GiB: 1,048,576 cells of 1,024 values in f16.
    """
    there = machine((600.0,))
    card = msgspec.structs.replace(there.accelerators[0], vendor="amd", backend="vulkan", uuid=None)
    there = msgspec.structs.replace(
        there, accelerators=(card,), host=msgspec.structs.replace(there.host, system="win32")
    )
    return recommend(SPEC, there, Wishes(quants=("Q4_K_M",), **wishes), {})  # type: ignore[arg-type]


def test_a_longer_context_than_the_driver_binds_is_rejected_for_that() -> None:
    """
    Memory is there, so it is not what is short.
    """
    answer = _answer(ctx_size=2 << 20, cache_type_k="f16", cache_type_v="f16")

    assert answer.choices == ()
    assert answer.verdict == message("verdict.would-abort")
    assert [(one.why.id, one.missing_bytes) for one in answer.rejected] == [
        ("error.cache-tensor-too-large", None)
    ]


def test_the_longest_that_it_binds_is_chosen() -> None:
    """
    2 GiB are no more than 2 GiB.
    """
    answer = _answer(ctx_size=1 << 20, cache_type_k="f16", cache_type_v="f16")

    assert answer.choices[0].ctx_size == 1 << 20
