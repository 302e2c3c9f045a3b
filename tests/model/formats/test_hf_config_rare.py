"""
Configurations of classes that llama.cpp's converter takes, and the parameters that their models have.

Most counts are those of the tensors that llama.cpp was measured with; the others are published by the makers.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from llmprobe.errors import ModelError
from llmprobe.facts.model import ModelSpec
from llmprobe.model import archs
from llmprobe.model.formats import hf_config

RARE: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "fixtures" / "configs_rare.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", RARE)
def test_a_configuration_gives_the_parameters_of_its_model(name: str) -> None:
    """
    They are those of the measured or published tensors, and the graph of the architecture is known.
    """
    spec = _read(name)

    assert spec.parameters == RARE[name]["parameters"]
    assert archs.graph_of(spec.architecture) is not None


def _read(name: str, **changed: Any) -> ModelSpec:
    return hf_config.spec(json.dumps(RARE[name]["config"] | changed).encode(), name)


def test_a_state_needs_no_heads() -> None:
    """
    RWKV and Mamba have no attention, and the converter gives them a context of 2^20 tokens.
    """
    for name in ("rwkv6-world-1.6b", "rwkv7-world-1.5b", "qrwkv6-7b-instruct", "mamba-2.8b", "mamba2-2.7b"):
        spec = _read(name)

        assert spec.hparams["attention.head_count"] == 0
        assert spec.max_context == 1048576


def test_the_vocabulary_of_a_mamba_is_padded() -> None:
    """
    To a multiple of what its configuration says, else of 8 rows for the first Mamba and of 16 for the second.
    """
    rows = [
        _read(name, **more).hparams["vocab_size"]
        for name in ("mamba-2.8b", "mamba2-2.7b")
        for more in ({}, {"pad_vocab_size_multiple": 64})
    ]

    assert rows == [50280, 50304, 50288, 50304]


def test_a_file_of_the_first_mambas_names_a_kind_of_layer_instead_of_a_class() -> None:
    """
    state-spaces/mamba2-2.7b has ``ssm_cfg`` and no ``architectures``.
    """
    values = {"d_model": 2560, "n_layer": 64, "vocab_size": 50277, "ssm_cfg": {"layer": "Mamba2"}}

    assert hf_config.spec(json.dumps(values).encode(), "mamba2").architecture == "mamba2"


def test_falcon_mamba_norms_what_the_first_mamba_does_not() -> None:
    """
    Its step, B and C are normed, which the metadata say and no tensor shows.
    """
    assert _read("falcon-mamba-7b").hparams["ssm.dt_b_c_rms"] is True
    assert _read("mamba-2.8b").hparams["ssm.dt_b_c_rms"] is False


def test_the_layers_for_further_tokens_are_in_the_file_and_not_counted() -> None:
    """
    Hunyuan 3 keeps one more layer with the output of its experts; a model's parameters are those of the others.
    """
    values = {
        "hidden_size": 4096,
        "intermediate_size": 13312,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 120832,
        "num_experts": 192,
        "num_experts_per_tok": 8,
        "moe_intermediate_size": 1536,
        "num_shared_experts": 1,
        "first_k_dense_replace": 1,
        "num_nextn_predict_layers": 1,
    }
    spec = hf_config.spec(json.dumps({"architectures": ["HYV3ForCausalLM"]} | values).encode(), "hy3")
    experts = 3 * 4096 * 1536 * 193
    attention = 4096 * 128 * (64 + 8 + 8 + 64)
    small = 4096 * 192 + 192 + 2 * 4096 + 2 * 128

    assert spec.file_parameters - spec.parameters == experts + attention + small + 2 * 4096 * 4096 + 3 * 4096
    assert spec.hparams["block_count"] == 81
    assert spec.notes[0].id != "model.next-n-left-out"


def test_a_reranker_has_a_head_for_its_labels() -> None:
    """
    BERT's is one matrix; RoBERTa and its kin have a square one before it. Without labels there are two classes.
    """
    sizes = {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 12}
    more = {"vocab_size": 30522, "max_position_embeddings": 512, "type_vocab_size": 2}
    values = {"architectures": ["BertForSequenceClassification"]} | sizes | more
    spec = hf_config.spec(json.dumps(values).encode(), "reranker")

    assert {t.name: t.shape for t in spec.tensors if t.name.startswith("cls")} == {
        "cls.output.weight": (384, 2),
        "cls.output.bias": (2,),
    }
    assert [t.shape for t in _read("bge-reranker-v2-m3").tensors if t.name == "cls.weight"] == [(1024, 1024)]


def test_the_text_part_is_found_under_each_of_its_names() -> None:
    """
    The converter renames the parts of InternVL, GLM-ASR, Qwen Omni, DeepSeek OCR and LFM Audio.
    """
    text = {
        "architectures": ["Qwen2ForCausalLM"],
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "vocab_size": 320,
    }
    text |= {"num_attention_heads": 4, "intermediate_size": 128}
    for part in ({"llm_config": text}, {"lm_config": text}, {"language_config": text}, {"lfm": text}):
        values = {"architectures": ["SomethingNew"], "vision_config": {}} | part

        assert hf_config.spec(json.dumps(values).encode(), "vl").architecture == "qwen2"
    nested = {"architectures": ["SomethingNew"], "thinker_config": {"text_config": text}}

    assert hf_config.spec(json.dumps(nested).encode(), "omni").architecture == "qwen2"


def test_t5_without_a_gate_has_two_matrices() -> None:
    """
    The first T5 has a plain feed-forward part in every layer of both stacks, and a tied output.
    """
    spec = _read("flan-t5-large", feed_forward_proj="relu", tie_word_embeddings=True)

    assert not [tensor.name for tensor in spec.tensors if "ffn_gate" in tensor.name]
    assert spec.parameters == 783_150_080 - 48 * 1024 * 2816 - 1024 * 32128


def test_of_two_text_parts_the_one_that_the_converter_takes_decides() -> None:
    """
    It renames one part after another, so the last that is there wins, and the other says nothing.
    """
    small = {
        "architectures": ["Qwen2ForCausalLM"],
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "vocab_size": 320,
    }
    small |= {"num_attention_heads": 4, "intermediate_size": 128, "num_key_value_heads": 2}
    large = {"architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "head_dim": 100}
    values = {"architectures": ["SomethingNew"], "text_config": large, "llm_config": small}
    spec = hf_config.spec(json.dumps(values).encode(), "two")

    assert spec.architecture == "qwen2"
    assert spec.hparams["attention.key_length"] == 16


def test_parts_within_parts_are_followed_only_so_far() -> None:
    """
    A part that has itself for a part ends in an answer.
    """
    values: dict[str, Any] = {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 320}
    values |= {"num_attention_heads": 4, "intermediate_size": 128, "architectures": ["Qwen2ForCausalLM"]}
    for _ in range(60):
        values = {"text_config": values}
    with pytest.raises(ModelError, match="architectures is missing"):
        hf_config.spec(json.dumps(values).encode(), "deep")


def test_heads_that_do_not_share_are_refused_in_one_sentence() -> None:
    """
    A multiple of the query heads for keys and values, or a number that does not divide them, is of no model.
    """
    for shared, what in (
        (40000, "attention.head_count_kv is 40000"),
        (12, "40 query heads do not divide into 12"),
    ):
        with pytest.raises(ModelError, match=what) as caught:
            _read("orion-14b", num_key_value_heads=shared)

        assert str(caught.value).count(". ") == 0


def test_umt5_has_biases_of_distances_in_every_layer() -> None:
    """
    T5's first layer has them for all of its stack.
    """
    first, every = (
        _read("flan-t5-large"),
        _read("flan-t5-large", architectures=["UMT5ForConditionalGeneration"]),
    )

    assert every.parameters - first.parameters == 2 * (24 - 1) * 32 * 16


def test_values_that_are_left_out_are_the_defaults_of_the_kind() -> None:
    """
    The part of LLaVA 1.5 7B for its language model says little more than that it is a Llama of 32,064 words.
    """
    text = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 32064}
    values = {"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "vision_config": {}}
    spec = hf_config.spec(json.dumps(values | {"text_config": text}).encode(), "llava")
    note = next(note for note in spec.notes if note.id == "config.defaults")

    # Llama 2 7B has 6,738,415,616 parameters with 32,000 words.
    assert spec.parameters == 6_738_415_616 + 2 * 64 * 4096
    keys = note.values["keys"]
    assert isinstance(keys, tuple)
    assert "hidden_size" in keys
    assert "vocab_size" not in keys


def test_a_whole_configuration_has_no_defaults() -> None:
    """
    Nor has one of a kind whose defaults nobody here knows.
    """
    assert all(note.id != "config.defaults" for note in _read("bge-reranker-v2-m3").notes)
    with pytest.raises(ModelError, match="num_hidden_layers is missing"):
        hf_config.spec(b'{"architectures": ["LlamaForCausalLM"], "model_type": "brand-new"}', "x")


@pytest.mark.parametrize(
    "config",
    [
        {"architectures": ["RWKV7ForCausalLM"], "hidden_size": 1, "num_hidden_layers": 2, "head_dim": 64},
        {"architectures": ["T5ForConditionalGeneration"], "num_layers": 2, "num_decoder_layers": 65_536},
        {"architectures": ["CohereForCausalLM"], "num_hidden_layers": "\ud800" * 90},
    ],
    ids=["width below a head", "decoder of many layers", "text that nobody can print"],
)
def test_what_was_answered_late_or_not_at_all_is_refused(config: dict[str, object]) -> None:
    """
    A width without a head was a traceback, 65,536 layers of a decoder took seconds, half signs filled a page.
    """
    sizes = {"hidden_size": 64, "intermediate_size": 128, "vocab_size": 256, "num_attention_heads": 4}
    t5 = {"d_model": 64, "d_ff": 128, "d_kv": 16, "num_heads": 4}

    with pytest.raises(ModelError) as refused:
        hf_config.spec(json.dumps(sizes | t5 | config).encode(), "x")

    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200
