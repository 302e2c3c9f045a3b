"""
A split of tensors: what each device gets, by hand.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

import llmprobe
from benchmarks.truth.loads import spec
from llmprobe.errors import RefusedError
from llmprobe.estimation import Estimator
from llmprobe.estimation.memory.slices import Slices
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import Tensor
from llmprobe.facts.settings import Settings, SplitMode, Switch
from llmprobe.model import archs

LAYERS = 4
"""32 query heads of 128 values share 8 of K and V; a feed-forward part of 14,336; all blocks hold 256 values."""

HPARAMS = {
    "block_count": LAYERS,
    "embedding_length": 4096,
    "attention.head_count": 32,
    "attention.head_count_kv": 8,
    "feed_forward_length": 14336,
    "context_length": 8192,
    "vocab_size": 1000,
}
SHAPES = {
    "attn_q.weight": (4096, 4096),
    "attn_k.weight": (4096, 1024),
    "attn_v.weight": (4096, 1024),
    "attn_output.weight": (4096, 4096),
    "ffn_up.weight": (4096, 14336),
    "ffn_down.weight": (14336, 4096),
    "attn_norm.weight": (4096,),
}


def _tensors(kind: str = "q4_K") -> tuple[Tensor, ...]:
    layers = (
        Tensor(f"blk.{layer}.{name}", shape, layer, "f32" if len(shape) == 1 else kind)
        for layer in range(LAYERS)
        for name, shape in SHAPES.items()
    )
    return (*layers, Tensor("output.weight", (4096, 1000), None, kind))


def _slices(count: int, shares: Sequence[float] = (), kind: str = "q4_K") -> Slices:
    return Slices("llama", HPARAMS, archs.caches("llama", HPARAMS), _tensors(kind), count, shares)


def _shapes(slices: Slices, name: str, layer: int = 0) -> list[tuple[int, ...]]:
    tensor = Tensor(f"blk.{layer}.{name}", SHAPES[name], layer, "q4_K")
    return [part.shape for part in slices.of(tensor)]


def test_matrices_that_read_the_state_are_cut_by_rows_and_those_that_write_it_by_their_length() -> None:
    """
    Two devices have half each; a norm lies whole on both.
    """
    slices = _slices(2)

    assert _shapes(slices, "attn_q.weight") == [(4096, 2048)] * 2
    assert _shapes(slices, "attn_output.weight") == [(2048, 4096)] * 2
    assert _shapes(slices, "ffn_down.weight") == [(7168, 4096)] * 2
    assert _shapes(slices, "attn_norm.weight") == [(4096,)] * 2


def test_heads_are_never_cut() -> None:
    """
    Eight heads of K, for four query heads each, on three devices: 2, 3 and 3 of them, or 2, 2 and 4.
    """
    slices = _slices(3, kind="q8_0")

    # 4096 / 3 = 1365, down to whole groups of 4 x 128: 1024; 2 x 4096 / 3 = 2730, down to 2560.
    assert _shapes(slices, "attn_q.weight") == [(4096, 1024), (4096, 1536), (4096, 1536)]
    assert _shapes(slices, "attn_k.weight") == [(4096, 256), (4096, 384), (4096, 384)]
    assert slices.cache(0, 1024, "k") == (256, 384, 384)


def test_every_layer_begins_with_another_device() -> None:
    """
    What is left over by rounding goes round, so that no device has all of it.
    """
    slices = _slices(3)

    assert [slices.cache(layer, 1024, "v") for layer in range(LAYERS)] == [
        (256, 384, 384),
        (384, 256, 384),
        (384, 384, 256),
        (256, 384, 384),
    ]


def test_feed_forward_parts_are_cut_at_whole_blocks() -> None:
    """
    14,336 on three devices: 4778 and 9557, down to multiples of 256.
    """
    assert [shape[1] for shape in _shapes(_slices(3), "ffn_up.weight")] == [4608, 4864, 4864]


def test_without_blocks_cuts_are_at_multiples_of_128() -> None:
    """
    In F16 no block must be kept whole, and kernels are faster at 128 than at any length.
    """
    assert [shape[1] for shape in _shapes(_slices(3, kind="f16"), "ffn_up.weight")] == [4736, 4736, 4864]


def test_shares_are_those_that_are_given() -> None:
    """
    With 3 to 1 a device has three quarters; a device without a share has nothing but what lies whole on all.
    """
    assert _shapes(_slices(2, (3.0, 1.0)), "ffn_up.weight") == [(4096, 10752), (4096, 3584)]
    assert _shapes(_slices(2, (1.0, 0.0)), "ffn_up.weight") == [(4096, 14336), (4096, 0)]
    assert _shapes(_slices(2, (1.0, 0.0)), "attn_norm.weight") == [(4096,)] * 2


def test_the_output_matrix_is_cut_at_any_row() -> None:
    """
    1000 words on three devices; the layers are four, so the second device begins.
    """
    (output,) = (tensor for tensor in _tensors() if tensor.layer is None)

    assert [part.shape[1] for part in _slices(3).of(output)] == [334, 333, 333]


def test_a_tied_output_matrix_lies_whole_on_every_device() -> None:
    """
    Llama 3.2 1B: 128,256 rows of 2048 values in q6_K, 210 bytes for 256 of them, and a norm.
    """
    weights = Estimator(spec("llama3.2-1b")).weights("Q4_K_M", Settings(split_mode="tensor"), _gpus(2))

    assert {device: part.output for device, part in weights.items() if device != "host"} == {
        "gpu0": 128256 * 2048 // 256 * 210 + 4 * 2048,
        "gpu1": 128256 * 2048 // 256 * 210 + 4 * 2048,
    }


def test_each_device_has_the_whole_compute_buffer() -> None:
    """
    The graph is the same on all of them, however the weights are shared.
    """
    settings = Settings(ctx_size=4096, split_mode="tensor", tensor_split=(3.0, 1.0))
    compute = Estimator(spec("llama3.1-8b")).parts("Q4_K_M", settings, _gpus(2)).compute

    assert compute.bytes["gpu0"] == compute.bytes["gpu1"] > 0
    assert compute.flash_attn is True


def test_experts_on_the_host_are_counted_once() -> None:
    """
    They are there once, though all devices have the same layers.
    """
    estimator = Estimator(spec("qwen3-30b-a3b"))
    kept = Settings(n_cpu_moe=10, ctx_size=4096)
    by_layers = estimator.weights("Q4_K_M", kept, _gpus(2))
    by_tensors = estimator.weights("Q4_K_M", msgspec.structs.replace(kept, split_mode="tensor"), _gpus(2))

    assert by_tensors["host"] == by_layers["host"]


@pytest.mark.parametrize(
    ("model", "mode", "flash_attn", "devices", "id"),
    [
        ("deepseek-v2-lite", "tensor", "auto", 2, "error.tensor-split-refused"),
        ("llama3.1-8b", "tensor", "off", 2, "error.tensor-split-needs-flash-attention"),
        ("llama3.1-8b", "tensor", "auto", 0, "error.tensor-split-without-devices"),
        ("llama3.1-8b", "row", "auto", 2, "error.no-split-buffers"),
    ],
)
def test_what_rules_a_split_out_is_named(
    model: str,
    mode: SplitMode,
    flash_attn: Switch,
    devices: int,
    id: str,  # noqa: A002 - as of a message
) -> None:
    """
    The architecture, flash attention, no device, or a backend without such buffers.
    """
    with pytest.raises(RefusedError) as caught:
        Estimator(spec(model)).setup(Settings(split_mode=mode, flash_attn=flash_attn), _gpus(devices))

    assert caught.value.message.id == id
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    ("model", "k", "v", "refused"),
    [
        ("gemma3-270m", "q8_0", "f16", True),
        ("gemma3-270m", "f16", "q8_0", False),
        ("gemma3-270m", "bf16", "bf16", False),
        ("gemma3-270m", "q4_0", "q4_0", True),
        ("llama3.1-8b", "q8_0", "q8_0", False),
    ],
)
def test_a_single_head_is_not_rotated_in_parts(model: str, k: str, v: str, *, refused: bool) -> None:
    """
    What real servers did: Gemma 3 270M, one KV head of 256, ends with its K in Q8_0 and starts with its V alone in it,
    which is rotated by 64; several heads are split between them.
    """
    setup = Estimator(spec(model)).setup
    settings = Settings(split_mode="tensor", cache_type_k=k, cache_type_v=v, flash_attn="on")
    if not refused:
        setup(settings, _gpus(2))
        return
    with pytest.raises(RefusedError) as caught:
        setup(settings, _gpus(2))

    assert caught.value.message.id == "error.tensor-split-rotates"
    assert caught.value.hint is not None
    # Without a layer on a device nothing is split, and by layers nothing within a head.
    setup(msgspec.structs.replace(settings, split_mode="layer"), _gpus(2))
    setup(msgspec.structs.replace(settings, gpu_layers=0), _gpus(2))


@pytest.mark.parametrize(
    ("heads", "k", "refused"), [(1, "q8_0", True), (1, "f16", False), (8, "q8_0", False)], ids=str
)
def test_a_single_head_of_one_matrix_is_not_rotated_either(
    heads: int, k: str, tmp_path: Path, *, refused: bool
) -> None:
    """
    What ggml's code of b11549 does with two devices: Falcon 7B's one KV head of 64, in a matrix with the queries, ends
    as that of a matrix of its own does; without the rotation, and of several heads, it is split.
    """
    config = {
        "architectures": ["FalconForCausalLM"],
        "model_type": "falcon",
        "hidden_size": 4544,
        "num_attention_heads": 71,
        "num_hidden_layers": 2,
        "vocab_size": 65024,
        "multi_query": heads == 1,
        "new_decoder_architecture": heads > 1,
        "num_kv_heads": heads,
        "parallel_attn": True,
        "max_position_embeddings": 2048,
    }
    if heads > 1:
        config |= {"hidden_size": 8192, "num_attention_heads": 128}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    model = llmprobe.load_model(tmp_path)
    assert model.hparams["attention.head_count_kv"] == heads
    assert "blk.0.attn_qkv.weight" in {tensor.name for tensor in model.tensors}
    setup = Estimator(model).setup
    settings = Settings(split_mode="tensor", cache_type_k=k, flash_attn="on")
    if not refused:
        setup(settings, _gpus(2))
        return
    with pytest.raises(RefusedError) as caught:
        setup(settings, _gpus(2))

    assert caught.value.message.id == "error.tensor-split-rotates"


def test_rows_over_sycl_cards_are_refused_as_nothing_computes_them() -> None:
    """
    SYCL makes buffers that are split by rows, which its devices do not accept; one card has nothing to split.
    """
    cards = Hardware(devices=tuple(Device(id=f"gpu{number}", backend="sycl") for number in range(2)))
    with pytest.raises(RefusedError) as caught:
        Estimator(spec("llama3.1-8b")).setup(Settings(split_mode="row"), cards)

    assert caught.value.message.id == "error.rows-not-estimated"
    assert caught.value.hint is not None
    assert caught.value.hint.id == "hint.split-by-layers"


def test_a_recurrent_state_that_cannot_be_cut_is_refused() -> None:
    """
    RWKV has no matrix that says how its state is cut: llama.cpp aborts.
    """
    hparams = HPARAMS | {"wkv.head_size": 64}
    layout = archs.CacheLayout(
        state=archs.State(layers=(archs.StateLayer(layer=0, rolling=8192, state=262144),))
    )
    slices = Slices("rwkv7", hparams, layout, (), 2)

    with pytest.raises(RefusedError) as caught:
        slices.state(0, (8192, 262144))
    assert caught.value.message.id == "error.tensor-split-aborts"


def test_a_state_whose_cuts_are_unknown_is_refused() -> None:
    """
    Qwen 3.8 Flash Next keeps states that no kernel length says how to cut.
    """
    with pytest.raises(RefusedError) as caught:
        Estimator(spec("qwen3.8-flash-next")).parts(
            "Q4_K_M", Settings(ctx_size=2048, split_mode="tensor"), _gpus(2)
        )

    assert caught.value.message.id == "error.tensor-split-unknown"


def test_speed_is_a_measured_multiple_of_a_split_by_layers() -> None:
    """
    A dense model of 32 billion parameters generates 1.27 to 1.68 times as fast, 1.4 at the median.
    """
    cards = tuple(Device(id=f"gpu{number}", bandwidth_bytes_per_s=448_000_000_000) for number in range(2))
    estimator = Estimator(spec("qwen3-32b"))

    def kinds(mode: SplitMode) -> set[str | None]:
        settings = Settings(ctx_size=4096, split_mode=mode)
        shares = estimator.shares("Q4_K_M", settings, Hardware(devices=cards))
        return {share.together for share in shares if share.backend != "cpu"}

    assert (kinds("layer"), kinds("tensor")) == ({None}, {"dense"})


def _gpus(count: int) -> Hardware:
    return Hardware(devices=tuple(Device(id=f"gpu{number}") for number in range(count)))
