"""
Second contexts: draft models and layers for a further token, beside the model that they draft for.
"""

import msgspec
import pytest

from benchmarks.accuracy_second import head
from benchmarks.truth.loads import spec
from llmprobe.errors import RefusedError
from llmprobe.estimation import Estimator
from llmprobe.estimation.second import Draft, draft_hardware, draft_settings, second_parts
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import Settings
from llmprobe.model import archs
from llmprobe.model.loading import load
from llmprobe.model.next_token import with_next_token
from llmprobe.units import MIB
from llmprobe.words.message import message

ONE = Hardware(devices=(Device(id="gpu0"),))
TWO = Hardware(devices=(Device(id="gpu0"), Device(id="gpu1")))
TARGET = Estimator(spec("qwen3-32b"))
DRAFT = Draft(Estimator(spec("qwen3-0.6b")), "Q8_0")
MTP = Estimator(spec("qwen3.6-27b.mtp"))
SIMPLE = Settings(ctx_size=8192, spec_type=("draft-simple",))


def test_a_draft_has_the_cells_and_slots_of_its_target_and_an_f16_cache() -> None:
    """
    A target of 10000 tokens in two caches has 5120 cells in each; its draft has as many, in f16, whatever the target's.
    """
    asked = Settings(ctx_size=10000, parallel=2, cache_type_k="q8_0", cache_type_v="q8_0", gpu_layers=3)
    run = TARGET.setup(asked, ONE).settings

    told = draft_settings(asked, run)

    assert (told.ctx_size, told.parallel, told.outputs_max) == (10240, 2, 2)
    assert (told.cache_type_k, told.cache_type_v, told.gpu_layers) == ("f16", "f16", None)


def test_a_head_for_blocks_scores_a_whole_block_for_each_slot() -> None:
    """
    DFlash keeps outputs for the anchor and for every token that it drafts.
    """
    asked = Settings(ctx_size=4096, parallel=2, spec_type=("draft-dflash",), spec_draft_n_max=15)

    assert draft_settings(asked, TARGET.setup(asked, ONE).settings).outputs_max == 32


@pytest.mark.parametrize(
    ("spec_type", "tokens", "outputs"),
    [
        ((), 3, 4),
        (("draft-simple",), 3, 16),
        (("draft-mtp",), 6, 28),
        (("ngram-simple",), 3, 196),
        (("ngram-cache",), 3, 36),
        (("draft-simple", "ngram-mod"), 3, 260),
    ],
)
def test_a_target_reserves_outputs_for_every_drafted_token(
    spec_type: tuple[str, ...], tokens: int, outputs: int
) -> None:
    """
    Four slots score the last token and the drafted ones: 3 by default, of repeated text 48, 64 or 8.
    """
    asked = Settings(ctx_size=8192, parallel=4, spec_type=spec_type, spec_draft_n_max=tokens)  # type: ignore[arg-type]  # words

    assert TARGET.setup(asked, ONE).settings.outputs_max == outputs


def test_drafts_of_repeated_text_need_no_second_context() -> None:
    """
    N-gram drafting has no model; only the target's outputs grow.
    """
    asked = Settings(ctx_size=4096, spec_type=("ngram-mod",))

    assert second_parts(TARGET, "Q4_K_M", asked, ONE, None) is None


def test_recurrent_states_are_kept_once_more_for_each_drafted_token() -> None:
    """
    Qwen 3.6 27B keeps 149.625 MiB per slot, and with three drafted tokens four times that.
    """
    plain = Settings(ctx_size=8192)
    drafting = Settings(ctx_size=8192, spec_type=("draft-mtp",))

    assert [_state(MTP, one) / MIB for one in (plain, drafting)] == [149.625, 598.5]


def test_states_are_not_kept_where_llama_cpp_cannot_take_back() -> None:
    """
    Falcon H1 ignores it, as the log's "0 rs_seq" says.
    """
    falcon = Estimator(spec("falcon-h1-7b"))
    drafting = Settings(ctx_size=8192, spec_type=("draft-eagle3",), spec_draft_n_max=6)

    assert _state(falcon, drafting) == _state(falcon, Settings(ctx_size=8192))


def _state(estimator: Estimator, settings: Settings) -> int:
    parts = estimator.caches(settings, ONE)["gpu0"]
    return sum(size for part, size in parts if part.recurrent)


def test_every_byte_of_a_draft_is_named() -> None:
    """
    What the devices hold with a draft is what they hold without, and its named terms; outputs for drafted tokens may
    let the target's own compute buffer grow.
    """
    without = TARGET.devices("Q4_K_M", Settings(ctx_size=8192), ONE)
    drafting = TARGET.devices("Q4_K_M", SIMPLE, ONE, DRAFT)
    second = second_parts(TARGET, "Q4_K_M", SIMPLE, ONE, DRAFT)
    assert second is not None

    for before, after in zip(without, drafting, strict=True):
        grown = after.compute_bytes - before.compute_bytes
        assert after.total_bytes == before.total_bytes + after.draft_bytes + grown
        assert after.draft_bytes == sum(term.bytes for term in after.terms if term.kind == "draft")
    gpu = drafting[1]
    assert gpu.draft_bytes == (
        second.weights["gpu0"].total
        + sum(size for _, size in second.caches["gpu0"])
        + second.compute.bytes["gpu0"]
    )


def test_layers_of_the_model_itself_count_as_the_models_weights() -> None:
    """
    With draft-mtp the layer is loaded with the model, and the second context holds a cache and buffers alone.
    """
    plain, drafting = (
        MTP.devices("Q4_K_M", Settings(ctx_size=8192, spec_type=ways), ONE) for ways in ((), ("draft-mtp",))
    )
    names = {term.name for term in drafting[1].terms if term.kind == "draft"}

    assert names == {"draft-cache", "draft-compute"}
    layer = sum(tensor.elements for tensor in MTP.model.tensors if tensor.layer == MTP.trunk)
    # Q4_K_M takes between 4.5 and 8.5 bits for a weight.
    assert 4.5 / 8 < (drafting[1].weights_bytes - plain[1].weights_bytes) / layer < 8.5 / 8


def test_a_model_without_such_layers_is_refused() -> None:
    """
    Llama has no layer that predicts a further token, and a draft model must be named for draft-simple.
    """
    with pytest.raises(RefusedError, match="no layers that predict"):
        second_parts(TARGET, "Q4_K_M", Settings(ctx_size=4096, spec_type=("draft-mtp",)), ONE, None)
    with pytest.raises(RefusedError, match="needs a draft model"):
        second_parts(TARGET, "Q4_K_M", SIMPLE, ONE, None)


@pytest.mark.parametrize(
    ("names", "devices"), [((), ("gpu0", "gpu1")), (("gpu1",), ("gpu1",)), (("none",), ())]
)
def test_a_draft_uses_the_devices_that_it_is_given(names: tuple[str, ...], devices: tuple[str, ...]) -> None:
    """
    All of the target's unless named; none is the CPU.
    """
    asked = Settings(ctx_size=4096, spec_type=("draft-simple",), spec_draft_device=names)
    run = TARGET.setup(asked, TWO).settings

    assert tuple(device.id for device in draft_hardware(TWO, run).devices) == devices


def test_a_draft_on_the_host_takes_nothing_of_the_device() -> None:
    """
    With no device its weights, its cache and its buffer are the host's.
    """
    asked = Settings(ctx_size=8192, spec_type=("draft-simple",), spec_draft_device=("none",))
    host, gpu = TARGET.devices("Q4_K_M", asked, ONE, DRAFT)

    assert gpu.draft_bytes == 0
    assert host.draft_bytes > DRAFT.estimator.tensor_bytes("Q8_0")


EAGLE = "llama3.1-8b eagle3 f16"
LLAMA = Estimator(spec("llama3.1-8b"))


def test_a_head_keeps_what_it_reads_of_the_model() -> None:
    """
    An EAGLE-3 head of Llama 3.1 8B reads the inputs of three layers: the model's buffer keeps them, two of them beyond
    what is there at its peak.
    """
    draft = Draft(Estimator(head(EAGLE)), "F16")
    plain = Settings(ctx_size=8192, parallel=4, kv_unified=True, spec_type=("draft-eagle3",))
    reading = msgspec.structs.replace(plain, read_layers=draft.read_layers(LLAMA.trunk))
    grown = [LLAMA.parts("Q4_K_M", one, ONE).compute.bytes["gpu0"] for one in (plain, reading)]

    assert reading.read_layers == (2, 16, 29)
    assert grown[1] - grown[0] == 2 * 4096 * 512 * 4


def test_a_head_scores_every_word_for_the_whole_micro_batch() -> None:
    """
    Its compute buffer is about 8 bytes for each of 128256 words and 512 tokens, whatever the outputs are.
    """
    draft = Draft(Estimator(head(EAGLE)), "F16")
    settings = Settings(ctx_size=8192, spec_type=("draft-eagle3",), read_layers=(2, 16, 29))
    second = second_parts(LLAMA, "Q4_K_M", settings, ONE, draft)

    assert second is not None
    assert 1 <= second.compute.bytes["gpu0"] / (8 * 128256 * 512) < 1.05
    # d2t stays in RAM: 32000 numbers of 8 bytes.
    assert second.weights["host"].total == 256000
    assert second.weights["gpu0"].total == sum(
        one.elements * (2 if one.type == "f16" else 4) for one in head(EAGLE).tensors if one.name != "d2t"
    )


def test_a_head_must_reach_the_matrix_that_it_borrows() -> None:
    """
    A head on another device than the model's output matrix cannot multiply with it.
    """
    asked = Settings(ctx_size=4096, spec_type=("draft-eagle3",), spec_draft_device=("gpu0",))

    with pytest.raises(RefusedError, match="output matrix of the model, which is on gpu1"):
        second_parts(LLAMA, "Q4_K_M", asked, TWO, Draft(Estimator(head(EAGLE)), "F16"))


def grown(name: str, **sizes: object) -> ModelSpec:
    """
    A model of the catalog with one layer for a further token, as its files have it.
    """
    model = load(name)
    family = archs.get(model.architecture)
    assert family is not None
    count = int(model.hparams["block_count"])
    hparams = {
        key: [*value, value[-1]] if isinstance(value, list) and len(value) == count else value
        for key, value in model.hparams.items()
    }
    hparams |= {"block_count": count + 1, "nextn_predict_layers": 1}
    for key, value in sizes.items():
        hparams[key.replace("__", ".")] = [*hparams[key.replace("__", ".")][:-1], value]
    return msgspec.structs.replace(model, hparams=hparams, tensors=family.tensors(hparams))


@pytest.mark.parametrize(
    ("name", "sizes", "cache"),
    [
        # The latent of 512 values and 64 that are turned, in two bytes, without an indexer's keys: deepseek32.cpp.
        ("glm-5-744b-a40b", {}, 8192 * (512 + 64) * 2),
        ("deepseek-v3.2-685b", {}, 8192 * (512 + 64) * 2),
        # Two heads of 128 values for K and V: nemotron-h-moe.cpp.
        ("nemotron-3-super-120b-a12b", {"attention__head_count_kv": 2}, 8192 * 2 * 2 * 128 * 2),
    ],
)
def test_a_layer_for_a_further_token_has_its_graph(name: str, sizes: dict[str, object], cache: int) -> None:
    """
    Its buffer is computed, and its cache is of its own kind.
    """
    estimator = Estimator(grown(name, **sizes))
    found = estimator.estimate("Q4_K_M", Settings(ctx_size=8192, spec_type=("draft-mtp",)), ONE)
    terms = {term.name: term for term in found.devices[1].terms}

    assert terms["draft-cache"].bytes == cache
    assert (terms["draft-compute"].basis, terms["draft-compute"].low_bytes) == ("derived", None)
    # Scores of one row for each slot and the input of a micro-batch are there at the same time.
    assert terms["draft-compute"].bytes > 4 * 512 * 2 * int(estimator.model.hparams["embedding_length"])


def test_layers_that_llama_cpp_leaves_unread_draft_nothing() -> None:
    """
    dots.note's file has such a layer, and b11549 no graph for it.
    """
    model = msgspec.structs.replace(
        load("qwen3-8b"), architecture="dots3note", hparams={"nextn_predict_layers": 1}
    )
    with pytest.raises(RefusedError) as refused:
        with_next_token(model)

    assert refused.value.message == message("error.next-token-unread", architecture="dots3note")
