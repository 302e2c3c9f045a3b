"""
Models from Hugging Face configurations.

``fixtures/configs.json`` has, by catalog id, what config.json says of the language model: the keys that decide about
tensors, as published with each model.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import llmprobe
from llmprobe.errors import ModelError
from llmprobe.model import archs, catalog
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.formats import hf_config
from llmprobe.model.formats.hf_config import architecture_of
from llmprobe.model.formats.hf_hparams import hparams
from llmprobe.model.formats.safetensors import Stored, Weights
from llmprobe.words.message import message

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
    "max_position_embeddings": 512,
    "torch_dtype": "bfloat16",
}


@cache
def configs() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(
        (Path(__file__).parents[3] / "fixtures" / "configs.json").read_text(encoding="utf-8")
    )
    return found


def content(**more: Any) -> bytes:
    return json.dumps(LLAMA | more).encode()


def files(*, head: bool = True, dtype: str = "BF16", vocabulary: int = 100, layers: int = 2) -> Weights:
    """
    The contents of the files of the small Llama.
    """
    shapes = {"model.embed_tokens.weight": (vocabulary, 64), "model.norm.weight": (64,)}
    if head:
        shapes["lm_head.weight"] = (vocabulary, 64)
    for layer in range(layers):
        shapes |= {
            f"model.layers.{layer}.self_attn.q_proj.weight": (64, 64),
            f"model.layers.{layer}.self_attn.k_proj.weight": (32, 64),
            f"model.layers.{layer}.self_attn.v_proj.weight": (32, 64),
            f"model.layers.{layer}.self_attn.o_proj.weight": (64, 64),
            f"model.layers.{layer}.mlp.gate_proj.weight": (128, 64),
            f"model.layers.{layer}.mlp.up_proj.weight": (128, 64),
            f"model.layers.{layer}.mlp.down_proj.weight": (64, 128),
            f"model.layers.{layer}.input_layernorm.weight": (64,),
            f"model.layers.{layer}.post_attention_layernorm.weight": (64,),
        }
    stored = {name: Stored(dtype, shape) for name, shape in shapes.items()}
    return Weights(names=frozenset(stored), shapes=stored)


def test_many_architectures_are_compared() -> None:
    """
    The configurations below are of more than forty architectures.
    """
    assert len({architecture_of(values) for values in configs().values()}) > 40


@pytest.mark.parametrize("name", sorted(configs()))
def test_a_configuration_describes_the_model_of_the_catalog(name: str) -> None:
    """
    Every tensor and every cache are those of the catalog's entry, whose parameters were checked.
    """
    entry = catalog.by_id()[name]
    architecture = architecture_of(configs()[name])
    assert architecture == entry.architecture
    family = archs.get(architecture)
    assert family is not None
    found, expected = hparams(Config(configs()[name], architecture)), entry.metadata()

    assert family.tensors(found) == family.tensors(expected)
    assert family.caches(found) == family.caches(expected)


@pytest.mark.parametrize(
    "name",
    [
        "llama-4-scout-17b-16e-instruct",
        "gemma-4-26b-a4b-it",
        "deepseek-v3.2-685b",
        "qwen3-vl-4b-instruct",
        "nemotron-3-nano-30b-a3b",
        "devstral-small-2-24b-2512",
        "kimi-linear-48b-a3b-instruct",
    ],
)
def test_a_configuration_takes_what_the_catalogs_model_takes(name: str, tmp_path: Path) -> None:
    """
    Weights, cache and compute buffers of every device are the same bytes; a projector is a file of its own.
    """
    (tmp_path / "config.json").write_text(json.dumps(configs()[name]), encoding="utf-8")
    estimates = [
        llmprobe.estimate(
            llmprobe.load_model(model, "Q4_K_M"), ctx_size=4096, devices=1, backend="cuda", mmproj="none"
        )
        for model in (str(tmp_path), name)
    ]

    assert estimates[0].devices == estimates[1].devices


def test_all_heads_of_starcoder_share_one_of_k_and_v() -> None:
    """
    StarCoder has 48 query heads of 128 values and keeps 128 of K and of V per token and layer (bigcode/starcoder).
    """
    values = {
        "architectures": ["GPTBigCodeForCausalLM"],
        "model_type": "gpt_bigcode",
        "multi_query": True,
        "n_embd": 6144,
        "n_head": 48,
        "n_inner": 24576,
        "n_layer": 40,
        "n_positions": 8192,
        "vocab_size": 49152,
    }
    spec = hf_config.spec(json.dumps(values).encode(), "starcoder")
    (cache,) = archs.caches(spec.architecture, spec.hparams).kv

    assert {(layer.k, layer.v) for layer in cache.layers} == {(128, 128)}
    assert round(spec.parameters / 1e9, 1) == 15.5


def test_layers_of_decilm_have_what_each_is_said_to_have() -> None:
    """
    Of the 80 layers of Llama 3.3 Nemotron Super 31 have no attention, and widths differ: 49,867,145,216 parameters.
    """
    kinds = [(8, 5.25)] * 48 + [(8, 2.625)] + [(None, 1.3125)] * 10 + [(None, 1.0)] * 8
    kinds += [(None, 0.5)] * 6 + [(None, 2.625)] * 5 + [(None, 3.28125), (None, 5.25)]
    values = {
        "architectures": ["DeciLMForCausalLM"],
        "hidden_size": 8192,
        "intermediate_size": None,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "num_key_value_heads": None,
        "vocab_size": 128256,
        "block_configs": [
            {"attention": {"n_heads_in_group": group, "no_op": group is None}, "ffn": {"ffn_mult": factor}}
            for group, factor in kinds
        ],
    }
    spec = hf_config.spec(json.dumps(values).encode(), "x")

    assert spec.parameters == 49_867_145_216
    (cache,) = archs.caches(spec.architecture, spec.hparams).kv
    assert sum(layer.k > 0 for layer in cache.layers) == 49


def test_glm_5_3_attends_without_positions_and_keeps_its_further_layer() -> None:
    """
    The released GLM-5.3-Flash has 321,323,031,390 parameters, 0.56 billion of them in its projector.
    """
    text = {
        "hidden_size": 4096,
        "intermediate_size": 12288,
        "num_hidden_layers": 45,
        "num_nextn_predict_layers": 1,
        "vocab_size": 154880,
        "max_position_embeddings": 1048576,
        "num_attention_heads": 64,
        "num_key_value_heads": 64,
        "q_lora_rank": 1536,
        "kv_lora_rank": 512,
        "qk_nope_head_dim": 256,
        "qk_rope_head_dim": 0,
        "v_head_dim": 256,
        "n_routed_experts": 288,
        "num_experts_per_tok": 8,
        "n_shared_experts": 1,
        "moe_intermediate_size": 2048,
        "first_k_dense_replace": 3,
        "layer_types": ["full_attention" if layer % 4 == 3 else "linear_attention" for layer in range(45)],
        "linear_attn_config": {"head_dim": 128, "short_conv_kernel_size": 4, "gate_lower_bound": -5.0},
        "index_n_heads": 32,
        "index_head_dim": 128,
        "index_topk": 2048,
        "index_kpool": 4,
        "hc_mult": 4,
    }
    values = {"architectures": ["Glm5NextForConditionalGeneration"], "text_config": text}
    spec = hf_config.spec(json.dumps(values).encode(), "x")

    kept = sum(tensor.elements for tensor in spec.tensors)
    assert round((321_323_031_390 - kept) / 1e9, 2) == 0.56
    assert spec.hparams["attention.key_length"] == spec.hparams["attention.value_length"] == 512
    assert spec.hparams["attention.head_count_kv"][44:] == [0, 1]


def test_a_configuration_is_a_model() -> None:
    """
    It has the name that it is given, counts, a context, and no file type.
    """
    spec = hf_config.spec(content(), "small", path="small", weights=files())

    assert (spec.id, spec.source, spec.architecture, spec.quant) == ("small", "config", "llama", None)
    assert (spec.parameters, spec.max_context) == (files().parameters(2), 512)
    assert [note.id for note in spec.notes] == ["model.published"]


def test_without_files_it_is_said_that_nothing_was_checked() -> None:
    """
    A configuration alone is believed, and that is said.
    """
    assert hf_config.spec(content(), "small").notes[-1] == message("model.no-files-to-check")


@pytest.mark.parametrize("said", [True, False])
def test_whether_the_output_is_tied_is_seen_in_the_files(said: bool) -> None:
    """
    What config.json says of tied embeddings is often left out or wrong.
    """
    tied = hf_config.spec(content(tie_word_embeddings=said), "small", weights=files(head=False))
    untied = hf_config.spec(content(tie_word_embeddings=said), "small", weights=files())

    assert [t.name for t in tied.tensors if t.name == "output.weight"] == []
    assert [t.name for t in untied.tensors if t.name == "output.weight"] == ["output.weight"]


def test_the_vocabulary_is_that_of_the_files() -> None:
    """
    The converter keeps the rows that the embedding has, padded or not.
    """
    spec = hf_config.spec(content(), "small", weights=files(vocabulary=128))

    assert spec.tensors[0].shape == (64, 128)
    assert spec.parameters == files(vocabulary=128).parameters(2)


def test_further_layers_of_the_files_are_not_counted() -> None:
    """
    A layer that predicts further tokens is in the files, and left out here.
    """
    spec = hf_config.spec(content(num_nextn_predict_layers=1), "small", weights=files(layers=3))

    assert spec.parameters == files().parameters(2)
    assert spec.notes[-1] == message("model.next-n-left-out", layers=1)


def test_other_files_than_the_configuration_are_refused() -> None:
    """
    A list of tensors that is far from what is there is not given.
    """
    with pytest.raises(ModelError, match="different models"):
        hf_config.spec(content(intermediate_size=512), "small", weights=files())


def test_a_small_difference_is_said() -> None:
    """
    A few parameters more or less are a note with their share.
    """
    spec = hf_config.spec(content(intermediate_size=130), "small", weights=files())

    assert spec.notes[-1].id == "model.files-differ"
    assert 0 < float(str(spec.notes[-1].values["off"])) < 0.01


def test_packed_weights_can_not_be_checked() -> None:
    """
    Where eight numbers are in one nothing can be counted.
    """
    spec = hf_config.spec(
        content(quantization_config={"quant_method": "gptq"}), "small", weights=files(dtype="I32")
    )

    assert [note.id for note in spec.notes] == [
        "model.published",
        "model.published-loaded-by",
        "model.gguf-dequantizes",
        "model.files-not-checkable",
    ]


def test_an_index_alone_is_compared_by_its_bytes() -> None:
    """
    Names and the sum of bytes are enough where nothing else is among them.
    """
    names, size = files().names, 2 * (files().parameters(2) or 0)

    assert len(hf_config.spec(content(), "s", weights=Weights(names=names, total_bytes=size)).notes) == 1
    with pytest.raises(ModelError, match="different models"):
        hf_config.spec(content(), "s", weights=Weights(names=names, total_bytes=2 * size))


def test_experts_in_mxfp4_stay_so() -> None:
    """
    A model that is published in MXFP4 has no other form to go back to.
    """
    values = configs()["gpt-oss-20b"] | {"quantization_config": {"quant_method": "mxfp4"}}

    assert hf_config.spec(json.dumps(values).encode(), "x").published_quant == "MXFP4"


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"architectures": ["BrandNewForCausalLM"]}, "BrandNewForCausalLM"),
        ({"architectures": []}, "architectures is missing"),
        ({"architectures": "LlamaForCausalLM"}, "architectures is missing"),
        ({"architectures": [7]}, "architectures is missing"),
        ({"num_hidden_layers": None}, "num_hidden_layers"),
        ({"num_hidden_layers": 10**6}, "layers are given; at most"),
        ({"num_hidden_layers": "2"}, "a whole number belongs there"),
        ({"hidden_size": None}, "hidden_size"),
        ({"hidden_size": -64}, "hidden_size is -64, which no model has"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0, which no model has"),
        ({"num_attention_heads": None}, "num_attention_heads is missing"),
        ({"intermediate_size": None}, "the sizes are impossible"),
        ({"intermediate_size": "wide"}, "feed_forward_length is 'wide'"),
        ({"vocab_size": None}, "vocab_size"),
    ],
)
def test_what_is_no_known_configuration_is_refused(more: dict[str, Any], what: str) -> None:
    """
    One sentence says what is missing or not known; nothing is guessed.
    """
    with pytest.raises(ModelError, match=what):
        hf_config.spec(content(**more), "small")


def test_of_an_unknown_class_a_file_is_asked_for() -> None:
    """
    The hint is what works for any architecture.
    """
    with pytest.raises(ModelError) as caught:
        hf_config.spec(content(architectures=["BrandNewForCausalLM"]), "small")

    assert "GGUF" in str(caught.value.hint)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_answer(raw: bytes) -> None:
    """
    A configuration that is none raises the one error that says so.
    """
    with pytest.raises(ModelError):
        hf_config.spec(raw, "x")


@pytest.mark.parametrize("name", sorted(configs()))
@settings(max_examples=20)
@given(data=st.data())
def test_any_value_ends_in_an_answer(name: str, data: st.DataObject) -> None:
    """
    Whatever one key says instead, there is a model or one error.
    """
    values = configs()[name]
    key = data.draw(st.sampled_from(sorted(values)))
    odd = data.draw(
        st.sampled_from([None, 0, -1, 2**40, 1.5, "", "x", [], [1], ["x"], {}, {"a": 1}, True, [None] * 400])
    )
    try:
        hf_config.spec(json.dumps(values | {key: odd}).encode(), "x")
    except ModelError:
        return


def test_experts_of_layers_for_further_tokens_are_no_part_of_the_active_ones() -> None:
    """
    GLM 4.5 Air keeps a layer that predicts one token more, with 128 experts: 13,424,129,664 parameters are active.
    """
    spec = hf_config.spec(json.dumps(configs()["glm-4.5-air-106b-a12b"]).encode(), "x")

    assert (
        spec.active_parameters == catalog.by_id()["glm-4.5-air-106b-a12b"].active_parameters == 13_424_129_664
    )
