"""
Speeds on a machine whose engine was compared with its prediction.
"""

import msgspec
import pytest

from llmprobe.facts.machine import Cpu, Snapshot
from llmprobe.facts.measured import Correction, Measurement
from llmprobe.machine.measured import with_measurement
from llmprobe.tasks.estimate import estimate
from llmprobe.tasks.recommend import recommend, wishes_of
from tests.advise.machines import LLAMA_8B, machine, model

MODEL = model("llama", LLAMA_8B)
HALF = Correction(
    places=("cpu",), experts=False, generation=0.5, prompt=2.0, model="Other 8B", date="2026-11-30"
)


def seen(*corrections: Correction, changed: tuple[str, ...] = ()) -> Snapshot:
    """
    A machine of eight cores without a GPU, with these corrections.
    """
    snapshot = machine((), ram_gib=64)
    host = msgspec.structs.replace(snapshot.host, cpu=Cpu(usable_threads=8, instruction_sets=("avx2",)))
    measured = Measurement(corrections=corrections, changed=changed)
    return msgspec.structs.replace(snapshot, host=with_measurement(host, measured))


def test_an_estimate_is_corrected_and_says_so() -> None:
    """
    For the same places, as parts of what it would be.
    """
    plain = estimate(MODEL, snapshot=seen(), ctx_size=4096)
    found = estimate(MODEL, snapshot=seen(HALF), ctx_size=4096)

    assert plain.speed.generation_tokens_per_s is not None
    assert plain.speed.prompt_tokens_per_s is not None
    assert found.speed.generation_tokens_per_s is not None
    assert found.speed.prompt_tokens_per_s is not None
    likely = plain.speed.generation_tokens_per_s.likely
    assert found.speed.generation_tokens_per_s.likely == pytest.approx(likely / 2, abs=0.01)
    prompt = plain.speed.prompt_tokens_per_s.likely
    assert found.speed.prompt_tokens_per_s.likely == pytest.approx(prompt * 2, abs=0.01)
    assert [note.id for note in found.notes if note.id == "note.speed-corrected"]
    assert not [note.id for note in plain.notes if note.id == "note.speed-corrected"]


@pytest.mark.parametrize(
    "snapshot",
    [
        seen(msgspec.structs.replace(HALF, places=("NVIDIA GeForce RTX 4090",))),
        seen(msgspec.structs.replace(HALF, experts=True)),
        seen(HALF, changed=("cpu",)),
    ],
    ids=["other places", "another kind", "other hardware"],
)
def test_a_correction_of_something_else_changes_nothing(snapshot: Snapshot) -> None:
    """
    Nor is it named.
    """
    assert estimate(MODEL, snapshot=snapshot, ctx_size=4096) == estimate(
        MODEL, snapshot=seen(), ctx_size=4096
    )


def test_a_recommendation_is_corrected_and_says_so() -> None:
    """
    Every choice on these devices; a least speed is compared with what is reached.
    """
    plain = recommend(MODEL, seen(), wishes_of(quants=("Q4_K_M",)))
    found = recommend(MODEL, seen(HALF), wishes_of(quants=("Q4_K_M",)))

    before, after = (one.choices[0].speed.generation_tokens_per_s for one in (plain, found))
    assert before is not None
    assert after is not None
    assert after.likely == pytest.approx(before.likely / 2, abs=0.01)
    assert [note.id for note in found.notes].count("note.speed-corrected") == 1
    between = 0.75 * before.likely
    assert recommend(MODEL, seen(), wishes_of(quants=("Q4_K_M",), min_speed=between)).choices
    assert not recommend(MODEL, seen(HALF), wishes_of(quants=("Q4_K_M",), min_speed=between)).choices
