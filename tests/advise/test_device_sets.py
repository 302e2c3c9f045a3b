"""
Which devices are put together, and what is said of what they cannot run or may not be known to hold.
"""

import msgspec

from llmprobe.advise.recommend import recommend
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Recommendation, Wishes
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_70B, QWEN3_30B, machine, model

LLAMA = model("llama", LLAMA_70B)
QWEN = model("qwen3moe", QWEN3_30B)


def asked(spec: ModelSpec, snapshot: Snapshot, quant: str, **wishes: object) -> Recommendation:
    return recommend(spec, snapshot, Wishes(quants=(quant,), **wishes), {})  # type: ignore[arg-type]


def with_rates(snapshot: Snapshot, *gigabytes: int) -> Snapshot:
    unlike = tuple(
        msgspec.structs.replace(one, bandwidth_bytes_per_s=rate * 1_000_000_000, name=f"card of {rate} GB/s")
        for one, rate in zip(snapshot.accelerators, gigabytes, strict=True)
    )
    return msgspec.structs.replace(snapshot, accelerators=unlike)


def without_ram(snapshot: Snapshot) -> Snapshot:
    unknown = tuple(
        msgspec.structs.replace(pool, free_bytes=None, budget_bytes=None) if pool.id == "ram" else pool
        for pool in snapshot.pools
    )
    return msgspec.structs.replace(snapshot, pools=unknown)


def test_a_full_card_is_left_out_however_fast() -> None:
    """
    Of three cards the two slow ones take a model, where the fastest has no room even for its context.
    """
    best = asked(LLAMA, with_rates(machine((0.3, 20, 20), ram_gib=8), 1008, 360, 360), "Q3_K_M").choices[0]
    assert [device.id for device in best.devices] == ["host", "gpu1", "gpu2"]


def test_a_card_without_a_layer_is_not_opened() -> None:
    """
    Every card in use has a layer: one that got none would only hold the engine's own.
    """
    best = asked(QWEN, with_rates(machine((24, 2, 24)), 1008, 192, 936), "Q6_K").choices[0]
    assert ([device.id for device in best.devices], 0.0 in best.tensor_split) == (
        ["host", "gpu0", "gpu2"],
        False,
    )


def test_missing_memory_is_not_counted_where_free_memory_is_unknown() -> None:
    """
    Of RAM of which it is unknown what is free no figure is said to be missing, whatever the weights.
    """
    answer = asked(LLAMA, without_ram(machine((24,))), "Q8_0")
    assert ([(one.why, one.missing_bytes) for one in answer.rejected], answer.nearest) == (
        [(message("rejected.free-unknown", where=(message("pool.ram"),)), None)],
        (),
    )


def test_a_larger_micro_batch_keeps_the_speed_that_was_asked_for() -> None:
    """
    A micro-batch that costs layers is not chosen where what is left is slower than --min-speed.
    """
    snapshot = machine((8,))
    fast = asked(LLAMA, snapshot, "Q4_K_M", use="long").choices[0]
    speed = fast.speed.generation_tokens_per_s
    assert speed is not None
    kept = asked(LLAMA, snapshot, "Q4_K_M", use="long", min_speed=speed.likely + 0.01).choices[0]
    assert fast.ubatch_size > kept.ubatch_size >= 512


def test_a_micro_batch_is_no_larger_than_the_context() -> None:
    """
    Prompts are read no faster with a micro-batch that the context cannot fill, so that none is chosen.
    """
    best = asked(QWEN, with_rates(machine((2, 2)), 192, 1008), "Q6_K", ctx_size=512).choices[0]
    assert [one for one in best.details if one.id.startswith("reason.ubatch")] == []


def test_a_choice_is_not_refused_as_well() -> None:
    """
    What is too slow on some devices, and a choice on others, is not said to be impossible.
    """
    snapshot = with_rates(machine((24, 12), ram_gib=16, ram_bandwidth=None), 1008, 360)
    answer = asked(QWEN, snapshot, "Q4_K_M", min_speed=20)
    assert ([one.quant for one in answer.choices], answer.rejected) == (["Q4_K_M"], ())


def test_what_is_too_slow_everywhere_is_said_once() -> None:
    """
    A quantization that is too slow on all sets of devices is refused in one line.
    """
    answer = asked(LLAMA, machine((8, 8)), "Q4_K_M", min_speed=500)
    assert [one.what for one in answer.rejected] == ["Q4_K_M"]
