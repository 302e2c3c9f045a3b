"""
What a configuration means that leaves values out: the defaults of its kind of model in transformers.

Parts for language models beside a vision tower are often written without them; the converter reads configurations
through transformers, which fills them in. Source: transformers 5, models/*/configuration_*.py.
"""

from collections.abc import Mapping
from typing import Any

_LLAMA = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 2048,
}
_BERT = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "vocab_size": 30522,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}
_T5 = {"d_model": 512, "d_kv": 64, "vocab_size": 32128, "d_ff": 2048, "num_layers": 6, "num_heads": 8}
_MT5 = {
    "d_model": 512,
    "d_kv": 64,
    "vocab_size": 250112,
    "d_ff": 1024,
    "num_layers": 8,
    "num_heads": 6,
    "feed_forward_proj": "gated-gelu",
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "llama": _LLAMA,
    "mistral": _LLAMA
    | {"intermediate_size": 14336, "num_key_value_heads": 8, "max_position_embeddings": 131072},
    "qwen2": _LLAMA
    | {
        "intermediate_size": 22016,
        "num_key_value_heads": 32,
        "vocab_size": 151936,
        "max_position_embeddings": 32768,
    },
    "phi3": _LLAMA
    | {"hidden_size": 3072, "intermediate_size": 8192, "vocab_size": 32064, "max_position_embeddings": 4096},
    "gpt2": {"n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257, "n_positions": 1024},
    "bert": _BERT,
    "roberta": _BERT | {"vocab_size": 50265},
    "camembert": _BERT | {"vocab_size": 30522},
    "xlm-roberta": _BERT,
    "distilbert": {
        "dim": 768,
        "hidden_dim": 3072,
        "n_layers": 6,
        "n_heads": 12,
        "vocab_size": 30522,
        "max_position_embeddings": 512,
    },
    "modernbert": {
        "hidden_size": 768,
        "intermediate_size": 1152,
        "num_hidden_layers": 22,
        "num_attention_heads": 12,
        "vocab_size": 50368,
        "max_position_embeddings": 8192,
        "local_attention": 128,
        "global_attn_every_n_layers": 3,
    },
    "t5": _T5,
    "mt5": _MT5,
    "umt5": _MT5,
}
"""By ``model_type``."""


def filled(values: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """
    A configuration with the values that it leaves out, and the names of these.
    """
    kind = values.get("model_type")
    missing = {
        name: value
        for name, value in DEFAULTS.get(kind if isinstance(kind, str) else "", {}).items()
        if name not in values
    }
    return (values | missing, tuple(missing)) if missing else (values, ())
