"""
A damaged file whose attention has no heads of keys is refused in words, whatever kind of attention it is.
"""

import msgspec
import pytest

import llmprobe
from llmprobe.errors import ModelError

MODELS = ("llama-3.1-8b-instruct", "deepseek-r1-671b", "deepseek-v3.2-685b", "gemma-3-4b-it", "gpt-oss-20b")


@pytest.mark.parametrize("name", MODELS)
def test_attention_without_heads_is_refused(name: str) -> None:
    """
    Plain attention, a latent, a latent of which rows are chosen, a window, and sinks.
    """
    model = llmprobe.load_model(name, quant="Q8_0")
    damaged = msgspec.structs.replace(model, hparams={**model.hparams, "attention.head_count_kv": 0})

    with pytest.raises(ModelError, match="head_count_kv is 0"):
        llmprobe.estimate(damaged, quant="Q8_0", ctx_size=4096, devices=1)
