"""
A Hugging Face configuration in GGUF's words: what rules of several families share.

Source: llama.cpp b11549, conversion/*.py, each model's set_gguf_parameters.
"""

from collections.abc import Callable

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams
from llmprobe.model.archs._shared.config import Config
from llmprobe.words.message import message

Rule = Callable[[Config, Hparams], Hparams]
"""Takes a configuration and what is common in it, and returns what a family adds or says otherwise."""

SIGMOID = 2


def tied(config: Config, _common: Hparams) -> Hparams:
    """
    Tie the output to the embedding unless the configuration says otherwise, as the model's class does.
    """
    return {"tie_word_embeddings": config.flag("tie_word_embeddings", default=True)}


def four_times(config: Config, _common: Hparams) -> Hparams:
    """
    Make the feed-forward part four times as wide as the model unless the configuration says otherwise.
    """
    return {"feed_forward_length": config.number("n_inner", "intermediate_size") or 4 * config.width}


def window(config: Config, _common: Hparams) -> Hparams:
    """
    Read a window, and which layers have it where that is said.
    """
    extent = config.number("sliding_window", "sliding_window_size", "window_size")
    if not extent:
        return {}
    pattern = config.get("sliding_window_pattern")
    found: Hparams = {"attention.sliding_window": extent, "attention.sliding_window_pattern": config.slides}
    if config.slides is None and isinstance(pattern, str) and pattern:
        found["attention.sliding_window_pattern"] = [
            pattern[layer % len(pattern)] == "L" for layer in range(config.layers)
        ]
    elif config.slides is None and isinstance(pattern, int) and pattern > 1:
        found["attention.sliding_window_pattern"] = pattern
    return found


def latent(config: Config, common: Hparams) -> Hparams:
    """
    Read what attention over a latent vector needs, in the form of DeepSeek and those who followed it.

    A rotary part of 0 stands for attention without positions; one that isn't said is refused.
    """
    latent = config.number("kv_lora_rank", default=512)
    rotary = 0 if config.get("qk_rope_head_dim") == 0 else config.need("qk_rope_head_dim")
    dense = config.number("first_k_dense_replace", default=0 if common.get("expert_count") else config.layers)
    return {
        "attention.head_count_kv": 1,
        "attention.q_lora_rank": config.number("q_lora_rank") or None,
        "attention.kv_lora_rank": latent,
        "attention.key_length": latent + rotary,
        "attention.value_length": latent,
        "attention.key_length_mla": config.need("qk_nope_head_dim") + rotary,
        "attention.value_length_mla": config.need("v_head_dim"),
        "rope.dimension_count": rotary,
        "leading_dense_block_count": dense,
        "rope.scaling.original_context_length": None,
    }


def delta_layers(config: Config, common: Hparams) -> Hparams:
    """
    Read which layers attend to everything, and the delta attention of the others, as Kimi says them.

    Raises:
        ModelError: the configuration does not say.
    """
    linear = config.part("linear_attn_config")
    full = linear.get("full_attn_layers")
    if not isinstance(full, list):
        raise ModelError(message("config.lacks", keys=("linear_attn_config",)))
    return latent(config, common) | {
        "attention.head_count_kv": [int(layer + 1 in full) for layer in range(config.layers)],
        "kda.head_dim": linear.get("head_dim"),
        "kda.gate_lower_bound": linear.get("gate_lower_bound"),
        "ssm.conv_kernel": linear.get("short_conv_kernel_size"),
        "expert_gating_func": SIGMOID,
    }


def shared_width(config: Config, common: Hparams) -> Hparams:
    """
    Read the width of the shared experts where each is as wide as the others.
    """
    own = common.get("expert_shared_feed_forward_length")
    count = config.number("num_shared_experts", "n_shared_experts")
    return {
        "expert_shared_feed_forward_length": own or config.number("moe_intermediate_size") * count or None,
        "expert_gating_func": SIGMOID,
    }


def shared_expert(_config: Config, common: Hparams) -> Hparams:
    """
    Count one shared expert where its width is said.
    """
    return {"expert_shared_count": 1 if common.get("expert_shared_feed_forward_length") else None}


def attention_layers(config: Config) -> list[bool]:
    """
    For each layer whether it has attention, in one of the forms in which hybrid models say it.

    Raises:
        ModelError: the configuration does not say.
    """
    types = config.get("layer_types", "layers_block_type")
    if isinstance(types, list) and len(types) == config.layers:
        return [kind in ("attention", "full_attention", "sliding_attention") for kind in types]
    period = config.number("attn_layer_period")
    if period:
        return [layer % period == config.number("attn_layer_offset") for layer in range(config.layers)]
    told = config.get("attn_layer_indices", "full_attn_idxs")
    if isinstance(told, list):
        return [layer in told for layer in range(config.layers)]
    raise ModelError(message("config.lacks", keys=("layer_types", "attn_layer_period", "full_attn_idxs")))


def bert(config: Config, common: Hparams) -> Hparams:
    """
    Read an encoder of BERT's kind; RoBERTa and its kin count two positions more than they use.
    """
    length = common.get("context_length")
    shift = 2 if config.get("model_type") in ("xlm-roberta", "roberta", "camembert") else 0
    return encoder(config, common) | {
        "context_length": length - shift if isinstance(length, int) else None,
        "tokenizer.ggml.token_type_count": config.number("type_vocab_size", default=1),
    }


def encoder(config: Config, _common: Hparams) -> Hparams:
    """
    Read an encoder, and the labels of its classes where it is a classifier or a reranker.
    """
    found: Hparams = {"attention.causal": False, "tie_word_embeddings": True}
    kind = config.get("architectures")
    if isinstance(kind, list) and kind and str(kind[0]).endswith("ForSequenceClassification"):
        labels = config.part("id2label")
        found["classifier.output_labels"] = [str(label)[:60] for label in labels.values()] or [
            "LABEL_0",
            "LABEL_1",
        ]
        found["classifier_dense"] = "Roberta" in kind[0]
    return found


def gemma3(config: Config, common: Hparams) -> Hparams:
    """
    Read Gemma 3, whose configurations leave out what is the default of its class.
    """
    head = config.number("head_dim", default=256)
    heads = config.number("num_attention_heads", default=8)
    return tied(config, common) | {
        "context_length": config.number("max_position_embeddings", default=131_072),
        "attention.head_count": heads,
        "attention.head_count_kv": config.number("num_key_value_heads", default=4),
        "attention.key_length": head,
        "attention.value_length": head,
        "rope.dimension_count": head,
        "vocab_size": config.number("vocab_size", default=262_208),
        "attention.sliding_window": config.number("sliding_window") or None,
    }


def gemma4(config: Config, common: Hparams) -> Hparams:
    """
    Read the two kinds of layers of Gemma 4; the output is tied.
    """
    slides = config.slides
    full, sliding = config.number("global_head_dim"), config.need("head_dim")
    if slides is None or not full:
        raise ModelError(message("config.lacks", keys=("layer_types", "global_head_dim")))
    heads, own = (
        config.number("num_key_value_heads", default=config.heads),
        config.number("num_global_key_value_heads"),
    )
    shared, width = config.number("num_kv_shared_layers"), config.need("intermediate_size")
    ropes = config.part("rope_parameters").get("sliding_attention")
    found = tied(config, common) | {
        "attention.key_length": full,
        "attention.value_length": full,
        "attention.key_length_swa": sliding,
        "attention.value_length_swa": sliding,
        "rope.dimension_count": full,
        "rope.dimension_count_swa": sliding,
        "rope.freq_base_swa": ropes.get("rope_theta") if isinstance(ropes, dict) else None,
        "attention.sliding_window": config.need("sliding_window"),
        "attention.sliding_window_pattern": slides,
        "attention.shared_kv_layers": shared,
        "embedding_length_per_layer_input": config.number("hidden_size_per_layer_input"),
        "final_logit_softcapping": config.real("final_logit_softcapping"),
    }
    if own:
        found["attention.head_count_kv"] = [heads if slide else own for slide in slides]
    if config.flag("use_double_wide_mlp"):
        first = config.layers - shared
        found["feed_forward_length"] = [width * (1 + (layer >= first)) for layer in range(config.layers)]
    return found


def delta_net(config: Config, _common: Hparams) -> Hparams:
    """
    Read the gated delta nets that Qwen builds from 3 Next on.
    """
    part = config.rope.get("partial_rotary_factor", config.get("partial_rotary_factor"))
    value_heads = config.need("linear_num_value_heads")
    return {
        "ssm.conv_kernel": config.need("linear_conv_kernel_dim"),
        "ssm.state_size": config.need("linear_key_head_dim"),
        "ssm.group_count": config.need("linear_num_key_heads"),
        "ssm.time_step_rank": value_heads,
        "ssm.inner_size": config.need("linear_value_head_dim") * value_heads,
        "full_attention_interval": config.number("full_attention_interval", default=4),
        "rope.dimension_count": int(config.head * (part if isinstance(part, int | float) else 0.25)),
    }


NO_HEADS: Hparams = {
    "attention.head_count": 0,
    "attention.head_count_kv": None,
    "attention.key_length": None,
    "attention.value_length": None,
    "rope.dimension_count": None,
}
"""What the metadata of a model without attention say of it."""
ANY_LENGTH = 1 << 20
"""The context that the converter writes for models that keep a state instead of a cache."""


def mamba(config: Config, common: Hparams, *, padding: int, state: int) -> Hparams:
    """
    Read what both Mambas share: ``state`` is the default of its size, ``padding`` that of the vocabulary's.
    """
    rows = config.number("pad_vocab_size_multiple", default=padding)
    return (
        NO_HEADS
        | tied(config, common)
        | {
            "context_length": ANY_LENGTH,
            "feed_forward_length": 0,
            "vocab_size": -(config.need("vocab_size") // -rows) * rows,
            "ssm.conv_kernel": config.number("conv_kernel", "d_conv", default=4),
            "ssm.state_size": config.number("state_size", "d_state", default=state),
        }
    )


def plamo(_config: Config, _common: Hparams) -> Hparams:
    """
    Read PLaMo, whose configuration names neither its context nor how many heads keys and values have.
    """
    return {"context_length": 4096, "attention.head_count_kv": 5}


def refact(config: Config, _common: Hparams) -> Hparams:
    """
    Read Refact: two thirds of four times the width in the feed-forward part, one head of keys and values.
    """
    width = 8 * config.width // 3
    return {"feed_forward_length": -(-width // 256) * 256, "attention.head_count_kv": 1}


def codeshell(config: Config, _common: Hparams) -> Hparams:
    """
    Read CodeShell: four times the width in the feed-forward part, heads of keys and values by groups of queries.
    """
    return {
        "feed_forward_length": 4 * config.width,
        "attention.head_count_kv": config.need("num_query_groups"),
    }


def t5(config: Config, common: Hparams) -> Hparams:
    """
    Read T5, whose heads are not parts of the width, and whose gate is named with the activation.
    """
    head = config.need("d_kv")
    return tied(config, common) | {
        "context_length": config.number("n_positions", default=512),
        "feed_forward_length": config.need("d_ff"),
        "attention.key_length": head,
        "attention.value_length": head,
        "attention.relative_buckets_count": config.number("relative_attention_num_buckets", default=32),
        "decoder_block_count": config.number("num_decoder_layers") or None,
        "ffn_gate": str(config.get("feed_forward_proj")).startswith("gated"),
        "relative_bias_per_layer": config.get("model_type") == "umt5"
        or "UMT5" in str(config.get("architectures")),
    }


def bloom(config: Config, common: Hparams) -> Hparams:
    """
    Read BLOOM: a feed-forward part of four times the width, and a tied output.
    """
    return four_times(config, common) | tied(config, common)
