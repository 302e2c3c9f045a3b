"""
Where a search puts a projector: on the GPU, or in RAM where that is what it takes.
"""

from functools import cache

from llmprobe import api
from llmprobe.facts.recommendation import Choice, Recommendation
from tests.advise.machines import machine
from tests.advise.messages import named


@cache
def answer(vram_gib: float, **wishes: object) -> Recommendation:
    snapshot = machine((vram_gib,), ram_gib=24)
    model = api.load_model("qwen3-vl-8b")
    return api.recommend(model, snapshot, ctx_size=8192, quants=("Q4_K_M",), **wishes)  # type: ignore[arg-type]  # as given


def first(vram_gib: float, **wishes: object) -> Choice:
    return answer(vram_gib, **wishes).choices[0]


def test_a_gpu_with_room_holds_the_projector() -> None:
    """
    On a card of 12 GiB the projector stays on the GPU, and no reason is needed.
    """
    choice = first(12)

    assert choice.mmproj_offload
    assert not named(choice.reasons, "reason.projector-in-ram")


def test_a_small_gpu_holds_layers_instead_of_the_projector() -> None:
    """
    On a card of 2 GiB the projector moves to RAM, layers take its place, and a reason gives the bytes that it freed.
    """
    choice = first(2)
    (why,) = named(choice.reasons, "reason.projector-in-ram")

    assert not choice.mmproj_offload
    assert choice.gpu_layers > 0
    assert choice.projector is not None
    assert choice.projector.device == "host"
    assert 1.7 < why.values["bytes"] / 2**30 < 1.9  # type: ignore[operator]  # a number of bytes


def test_what_was_asked_for_is_kept() -> None:
    """
    A requested place of the projector is kept, on a card that is too small for it as on one with room.
    """
    there, here = first(2, mmproj_offload=True), first(12, mmproj_offload=False)

    assert there.mmproj_offload
    assert not here.mmproj_offload
    assert named(here.reasons, "reason.projector-requested")


def test_engines_that_can_not_be_told_keep_it_where_it_is() -> None:
    """
    Ollama and LM Studio have no option for it, so their projector stays on the GPU.
    """
    for engine in ("ollama", "lmstudio"):
        assert all(choice.mmproj_offload for choice in answer(2, engine=engine).choices)
