"""
Models with adapters, and models that make vectors of texts.
"""

import pytest

from benchmarks import accuracy_adapters
from benchmarks.truth.loads import spec
from llmprobe.errors import RefusedError
from llmprobe.estimation import Estimator
from llmprobe.facts.adapter import Adapter
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import Tensor
from llmprobe.facts.settings import Settings
from llmprobe.model.archs._shared.adapters import number_of

ONE = Hardware(devices=(Device(id="gpu0"),))
LLAMA = Estimator(spec("llama3.2-1b"))
ROW = {"model": "llama3.2-1b", "lora": [[16, "f16", "attn_q attn_v"]], "control_vector": False}
(LORA,) = accuracy_adapters.adapters_of(ROW)


@pytest.mark.parametrize("what", ["adapters", "embeddings"])
def test_loads_are_as_they_were_measured(what: str) -> None:
    """
    Adapters, weights, caches and compute buffers are equal to the byte.
    """
    counts = accuracy_adapters.measure(7)[what]

    assert counts.differing == []
    assert counts.contexts > 15


def test_a_lora_lies_where_its_weights_lie() -> None:
    """
    Rank 16 on queries and values of 16 layers: 2048 in, 2048 and 512 out, two bytes each; half of them on the GPU.
    """
    settings = Settings(ctx_size=4096, gpu_layers=9)
    host, gpu = LLAMA.devices("Q4_K_M", settings, ONE, adapters=(LORA,))

    per_layer = 16 * ((2048 + 2048) + (2048 + 512)) * 2
    assert (host.adapter_bytes, gpu.adapter_bytes) == (8 * per_layer, 8 * per_layer)
    for device in (host, gpu):
        assert device.total_bytes == sum(term.bytes for term in device.terms)


def test_a_control_vector_has_a_part_for_every_layer_but_the_first() -> None:
    """
    4 bytes for each of 2048 values in 15 layers, whichever of them the file moves.
    """
    vector = Adapter(
        name="v",
        kind="control-vector",
        architecture="llama",
        tensors=(Tensor("direction.3", (2048,), 3, "f32"),),
    )
    _, gpu = LLAMA.devices("Q4_K_M", Settings(ctx_size=4096), ONE, adapters=(vector,))

    assert gpu.adapter_bytes == 15 * 4 * 2048


@pytest.mark.parametrize(
    ("adapter", "words"),
    [
        (Adapter(name="a", kind="lora", architecture="qwen3", tensors=LORA.tensors), "architecture qwen3"),
        (
            Adapter(
                name="a",
                kind="lora",
                architecture="llama",
                tensors=(Tensor("blk.0.attn_q.weight.lora_a", (4096, 8), 0, "f16"),),
            ),
            "does not fit",
        ),
        (
            Adapter(
                name="a",
                kind="lora",
                architecture="llama",
                tensors=(Tensor("blk.99.attn_q.weight.lora_a", (2048, 8), 99, "f16"),),
            ),
            "does not fit",
        ),
        (
            Adapter(
                name="a",
                kind="control-vector",
                architecture="llama",
                tensors=(Tensor("direction.1", (1024,), 1, "f32"),),
            ),
            "does not fit",
        ),
    ],
)
def test_an_adapter_of_another_model_is_refused(adapter: Adapter, words: str) -> None:
    """
    By its architecture, or by a tensor that has no weight of its shape here.
    """
    with pytest.raises(RefusedError, match=words):
        LLAMA.devices("Q4_K_M", Settings(ctx_size=4096), ONE, adapters=(adapter,))


def test_vectors_are_made_in_one_micro_batch_all_of_which_is_output() -> None:
    """
    llama-server takes the micro-batch for the batch then, and one vector more per sequence beside its logits.
    """
    settings = Settings(ctx_size=4096, parallel=2, embeddings=True, ubatch_size=256)
    run = LLAMA.setup(settings, ONE).settings

    assert (run.batch_size, run.ubatch_size, run.outputs_max, run.pooling) == (256, 256, 256, "none")
    assert LLAMA.output_bytes(settings) == 2 * 4 * (LLAMA.n_vocab + 2048)


@pytest.mark.parametrize(("name", "pooling"), [("all-minilm-l6-v2", "mean"), ("llama3.2-1b", "none")])
def test_a_model_says_how_its_vectors_are_made(name: str, pooling: str) -> None:
    """
    Without --pooling the metadata decide; a ranking needs a head of its own instead.
    """
    settings = Settings(ctx_size=512, embeddings=True)

    assert Estimator(spec(name)).setup(settings, ONE).settings.pooling == pooling


def test_adapters_that_a_model_has_itself_have_no_number() -> None:
    """
    Granite Switch keeps its adapters among its weights; a LoRA of a user has a number behind its part.
    """
    assert number_of("blk.3.attn_q.lora_a") is None
    assert number_of("blk.3.attn_q.weight") is None
    assert number_of("blk.3.attn_q.weight.lora_b.12") == 12
