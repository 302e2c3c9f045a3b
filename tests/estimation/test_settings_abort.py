"""
Settings on which llama.cpp aborts, and those that it overrides.
"""

import msgspec
import pytest

from benchmarks.truth.loads import spec
from llmprobe.errors import RefusedError
from llmprobe.estimation import Estimator
from llmprobe.estimation.settings import resolve
from llmprobe.facts.devices import Hardware
from llmprobe.facts.settings import Settings
from llmprobe.tasks.defaults import defaults_for

PLM, T5 = spec("plm-1.8b"), spec("flan-t5-large")


@pytest.mark.parametrize("flash_attn", ["on", "auto"])
def test_plm_with_flash_attention_is_refused(flash_attn: str) -> None:
    """
    Its V is handed over without heads, which the cache takes only where it is stored across.
    """
    with pytest.raises(RefusedError, match="aborts when a model of the architecture plm") as caught:
        Estimator(PLM).setup(msgspec.convert({"ctx_size": 512, "flash_attn": flash_attn}, Settings))

    assert caught.value.hint is not None
    assert "-fa off" in str(caught.value.hint)


def test_plm_runs_without_flash_attention() -> None:
    """
    32 layers keep 16 heads of 192 values of K and 128 of V, of two bytes each.
    """
    caches = Estimator(PLM).caches(Settings(ctx_size=512, flash_attn="off"), Hardware())

    assert sum(size for _, size in caches["host"]) == 512 * 32 * 16 * (192 + 128) * 2


def test_t5_with_slots_that_have_a_cache_each_is_refused() -> None:
    """
    Its biases of positions do not fit several caches; with one cache for all slots it runs.
    """
    estimator = Estimator(T5)

    with pytest.raises(RefusedError, match="4 slots that have a cache each"):
        estimator.setup(Settings(ctx_size=512, parallel=4))
    assert estimator.setup(Settings(ctx_size=512, parallel=4, kv_unified=True)).settings.streams == 1
    assert estimator.setup(Settings(ctx_size=512)).settings.streams == 1


@pytest.mark.parametrize("name", ["flan-t5-large", "t5-v1_1-xxl-encoder"])
def test_a_model_with_an_encoder_reserves_a_row_for_every_token(name: str) -> None:
    """
    llama.cpp does not ask how many rows are wanted.
    """
    assert resolve(Settings(ctx_size=512, outputs_max=1), spec(name)).outputs_max == 0


def test_the_defaults_leave_out_what_aborts() -> None:
    """
    Without a wish PLM is estimated with flash attention off, and a Llama as the engine decides.
    """
    told = {}
    for model in (PLM, spec("llama3.1-8b")):
        defaults = defaults_for(model, "Q4_K_M", (), None, None, ctx_size=512)
        told[model.id] = defaults.settings({}, model, 0).flash_attn

    assert told == {"plm-1.8b": "off", "llama3.1-8b": "auto"}
