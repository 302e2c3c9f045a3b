"""
What the bound of compute buffers grows by: each part by itself, on a model of a few tensors.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.estimation import Estimator
from llmprobe.estimation.compute.request import request
from llmprobe.estimation.compute.run import ComputeRequest
from llmprobe.estimation.compute.upper_bound import at_most, bound
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import Tensor
from llmprobe.facts.settings import Settings
from llmprobe.model.quants import tensor_bytes
from tests.advise.machines import LLAMA_8B, model

SPEC = model("llama", LLAMA_8B | {"block_count": 2, "vocab_size": 1000})
ROWS, CELLS = 512, 4096


def asked(*, devices: int = 1, hparams: dict[str, Any] | None = None, **settings: Any) -> ComputeRequest:
    """
    What is asked of a small Llama whose layers are all on so many devices.
    """
    usual: dict[str, Any] = {"ctx_size": CELLS, "flash_attn": "on"}
    estimator = Estimator(SPEC)
    hardware = Hardware(devices=tuple(Device(id=f"gpu{at}") for at in range(devices)))
    setup = estimator.setup(Settings(**(usual | settings)), hardware)
    typed = tuple(msgspec.structs.replace(tensor, type="f16") for tensor in SPEC.tensors)
    found = request(SPEC, typed, setup, old_masks=False)
    return msgspec.structs.replace(found, hparams=found.hparams | (hparams or {}))


def changed(found: ComputeRequest, *more: Tensor, without: str | None = None) -> ComputeRequest:
    """
    The same with further tensors, or without one.
    """
    kept = tuple(tensor for tensor in found.tensors if tensor.name != without)
    return msgspec.structs.replace(found, tensors=(*kept, *more))


def grown(before: ComputeRequest, after: ComputeRequest, device: str = "gpu0") -> int:
    return bound(after)[device] - bound(before)[device]


def test_a_mask_has_two_bytes_for_each_row_and_cell() -> None:
    """
    Four without flash attention, and one more mask for a sliding window.
    """
    short, long = asked(), asked(ctx_size=2 * CELLS)
    window = asked(hparams={"attention.sliding_window": 128})

    assert grown(short, long) == grown(short, window) == 2 * ROWS * CELLS
    assert grown(short, long, "host") == 2 * ROWS * CELLS


def test_without_flash_attention_there_are_scores() -> None:
    """
    Four bytes for each row, cell and head, and a mask of as many without the heads.
    """
    fused, plain = asked(ctx_size=2 * CELLS), asked(ctx_size=2 * CELLS, flash_attn="off")
    shorter = asked(flash_attn="off")

    assert grown(shorter, plain) == 4 * ROWS * CELLS * (32 + 1)
    assert grown(fused, plain) > 0


def test_more_rows_than_a_batch_or_a_context_has_are_none() -> None:
    """
    A micro-batch is no larger than either.
    """
    usual = asked()
    few = asked(batch_size=128, ubatch_size=128)

    assert bound(asked(batch_size=128, ubatch_size=512)) == bound(few)
    assert bound(few)["gpu0"] < bound(usual)["gpu0"]


@pytest.mark.parametrize(
    "kinds",
    [{"cache_type_k": "q8_0"}, {"cache_type_v": "q8_0"}, {"cache_type_k": "q8_0", "cache_type_v": "q8_0"}],
)
def test_a_quantized_cache_is_copied_to_two_bytes(kinds: dict[str, Any]) -> None:
    """
    Eight heads of K and of V, 128 values each, for every cell; one of both is enough.
    """
    longer, far = (asked(ctx_size=times * CELLS, **kinds) for times in (16, 64))

    assert grown(longer, far) == 48 * CELLS * (2 * ROWS + 2 * 8 * 256)
    assert bound(asked(**kinds))["gpu0"] >= bound(asked())["gpu0"]


def test_the_widest_part_of_a_layer_counts() -> None:
    """
    Of a feed-forward part three times its width, of experts as many as are used, of four bytes each.
    """
    base = asked()
    wide = changed(base, Tensor("blk.0.ffn_x.weight", (64, 100_000), 0, "f16"))
    wider = changed(base, Tensor("blk.0.ffn_x.weight", (64, 100_001), 0, "f16"))
    flat = changed(base, Tensor("blk.0.ffn_x.bias", (900_000,), 0, "f32"))
    experts, more = (
        msgspec.structs.replace(
            changed(base, Tensor("blk.0.ffn_up_exps.weight", (64, width, 999_999), 0, "f16")),
            hparams=base.hparams | {"expert_used_count": 4},
        )
        for width in (100_000, 100_001)
    )

    assert grown(wide, wider) == 3 * 4 * ROWS
    assert grown(experts, more) == 4 * 3 * 4 * ROWS
    assert bound(flat) == bound(base)


def test_the_logits_count_where_they_are_wider() -> None:
    """
    Four bytes for each row that is put out and each word, of the output matrix before the embedding.
    """
    usual = asked(outputs_max=ROWS)
    words, tied = (
        [
            changed(
                changed(usual, without="output.weight"),
                Tensor(name, (4096, count), None, "f16"),
                without=name,
            )
            for count in (90_000_000, 90_000_001)
        ]
        for name in ("output.weight", "token_embd.weight")
    )
    few = [
        msgspec.structs.replace(one, settings=msgspec.structs.replace(one.settings, outputs_max=7))
        for one in words
    ]

    assert grown(words[0], words[1]) == grown(tied[0], tied[1]) == 4 * ROWS
    assert grown(few[0], few[1]) == 4 * 7


def test_several_devices_keep_inputs_four_times() -> None:
    """
    Where nothing is left to the host, for the batches that are under way.
    """
    one, two = asked(), asked(devices=2)
    longer = asked(devices=2, ctx_size=2 * CELLS)
    outside = asked(devices=2, ctx_size=2 * CELLS, kv_offload=False), asked(devices=2, kv_offload=False)

    assert grown(two, longer) == 4 * 2 * ROWS * CELLS
    assert bound(two)["gpu0"] == bound(two)["gpu1"] > bound(one)["gpu0"]
    assert grown(outside[1], outside[0]) == 2 * ROWS * CELLS


@pytest.mark.parametrize("outside", [{"gpu_layers": 1}, {"kv_offload": False}])
def test_what_is_left_to_the_host_is_copied_for_a_prompt(outside: dict[str, Any]) -> None:
    """
    The largest weight of a layer or of the output; the embedding only where it is the output too.
    """
    sent, kept = asked(**outside), asked(op_offload=False, **outside)
    largest = max(
        tensor_bytes(tensor.shape, "f16")
        for tensor in SPEC.tensors
        if tensor.name != "token_embd.weight" and len(tensor.shape) > 1
    )
    embedding = Tensor("token_embd.weight", (4096, 90_000), None, "f16")
    large = [changed(one, embedding, without="token_embd.weight") for one in (kept, sent)]
    tied = [changed(one, without="output.weight") for one in large]

    assert grown(kept, sent) == grown(large[0], large[1]) == largest
    assert grown(tied[0], tied[1]) == tensor_bytes(embedding.shape, "f16")
    assert bound(sent)["host"] == bound(kept)["host"]


def test_recurrent_parts_count_where_they_are_wider() -> None:
    """
    Four copies of the widest projection, eight of the inner width, and four of a state for each value.
    """
    base = asked()
    narrow, wide = (
        changed(base, Tensor("blk.0.ssm_in.weight", (64, width), 0, "f16")) for width in (900_000, 900_001)
    )
    inner, state = (
        msgspec.structs.replace(narrow, hparams=base.hparams | {"ssm.inner_size": 10, "ssm.state_size": size})
        for size in (16, 17)
    )

    assert grown(narrow, wide) == 4 * 4 * ROWS
    assert grown(narrow, inner) == 4 * ROWS * 8 * 10 + 4 * 10 * 16 * 4
    assert grown(inner, state) == 4 * 10 * 4


def test_the_processor_alone_has_inputs_and_work() -> None:
    """
    And the most that is ever needed is three times the bound and 64 MiB.
    """
    assert set(bound(asked(devices=0))) == {"host"}
    assert bound(asked(devices=0))["host"] == bound(asked())["gpu0"]
    assert {name: (size - (64 << 20)) / 3 for name, size in at_most(asked()).items()} == bound(asked())
