"""
Defaults, rounding, and what is refused.
"""

import msgspec
import pytest

from benchmarks.truth.loads import spec
from llmprobe.errors import RefusedError, UsageError
from llmprobe.estimation import Estimator
from llmprobe.estimation.settings import resolve
from llmprobe.facts.devices import Hardware
from llmprobe.facts.engine import Profile
from llmprobe.facts.settings import Settings

LLAMA = spec("llama3.1-8b")
BENCH = Profile(engine="llama.cpp", program="llama-bench", outputs="ubatch")


def test_no_context_is_the_trained_one() -> None:
    """
    ``-c 0`` takes what the model was trained for.
    """
    assert resolve(Settings(), LLAMA).ctx_size == 131072


def test_a_context_is_rounded_up_to_whole_cells() -> None:
    """
    Caches have multiples of 256 cells.
    """
    assert resolve(Settings(ctx_size=1000), LLAMA).ctx_size == 1024


def test_slots_without_a_common_cache_share_the_context() -> None:
    """
    Each slot gets a rounded part, and the total is what the parts make.
    """
    run = resolve(Settings(ctx_size=1000, parallel=3), LLAMA)
    assert (run.ctx_per_seq, run.ctx_size, run.streams) == (512, 1536, 3)


def test_slots_with_a_common_cache_each_see_all_of_it() -> None:
    """
    A unified cache is one stream of the whole context.
    """
    run = resolve(Settings(ctx_size=4096, parallel=4, kv_unified=True), LLAMA)
    assert (run.ctx_per_seq, run.ctx_size, run.streams) == (4096, 4096, 1)


def test_a_batch_is_not_longer_than_the_context() -> None:
    """
    A short context shortens batch and micro-batch.
    """
    run = resolve(Settings(ctx_size=256), LLAMA)
    assert (run.batch_size, run.ubatch_size) == (256, 256)


def test_an_encoder_keeps_its_batch() -> None:
    """
    A model that sees the whole text at once is not cut by the context.
    """
    assert resolve(Settings(ctx_size=256), spec("bge-m3")).batch_size == 2048


def test_the_server_reserves_one_row_of_logits_per_slot() -> None:
    """
    Without a wish and without a profile the outputs are the slots.
    """
    assert resolve(Settings(ctx_size=4096, parallel=2), LLAMA).outputs_max == 2


def test_a_benchmark_reserves_logits_for_the_whole_batch() -> None:
    """
    0 is the whole batch, as in the engine.
    """
    assert resolve(Settings(ctx_size=4096), LLAMA, BENCH).outputs_max == 0


def test_a_quantized_v_cache_turns_flash_attention_on() -> None:
    """
    It cannot do without, so ``auto`` is ``on``.
    """
    assert resolve(Settings(ctx_size=4096, cache_type_v="q8_0"), LLAMA).flash_attn == "on"


@pytest.mark.parametrize(
    "settings",
    [
        Settings(ctx_size=-5),
        Settings(ctx_size=99_999_999_999),
        Settings(parallel=0),
        Settings(parallel=257),
        Settings(ubatch_size=0),
        Settings(cache_type_k="q9"),
    ],
)
def test_impossible_settings_are_errors_of_usage(settings: Settings) -> None:
    """
    A size that cannot be and a type that does not exist are the caller's mistakes.
    """
    with pytest.raises(UsageError):
        resolve(settings, LLAMA)


def test_a_quantized_v_cache_without_flash_attention_is_refused() -> None:
    """
    llama.cpp does not start with it, and neither do we.
    """
    with pytest.raises(RefusedError, match="flash attention"):
        Estimator(LLAMA).caches(Settings(ctx_size=512, cache_type_v="q8_0", flash_attn="off"), Hardware())


def test_grok_runs_without_flash_attention_and_so_without_a_quantized_v_cache() -> None:
    """
    The engine forces it off for this architecture before it looks at the cache types.
    """
    grok = msgspec.structs.replace(LLAMA, architecture="grok")

    assert resolve(Settings(ctx_size=512, flash_attn="on"), grok).flash_attn == "off"
    with pytest.raises(RefusedError, match="flash attention"):
        Estimator(grok).setup(Settings(ctx_size=512, cache_type_v="q8_0"))


def test_a_quantized_k_cache_alone_needs_no_flash_attention() -> None:
    """
    Only V is stored across.
    """
    caches = Estimator(LLAMA).caches(
        Settings(ctx_size=512, cache_type_k="q8_0", flash_attn="off"), Hardware()
    )
    assert sum(size for _, size in caches["host"]) == 32 * 512 * (1024 * 34 // 32 + 1024 * 2)


def test_a_latent_cache_has_one_type() -> None:
    """
    V is read from K, so they cannot differ.
    """
    with pytest.raises(RefusedError, match="latent"):
        Estimator(spec("deepseek-v2-lite")).caches(Settings(ctx_size=512, cache_type_k="q8_0"), Hardware())


def test_heads_of_broken_blocks_are_refused() -> None:
    """
    A head of 80 values is no whole number of blocks of 32.
    """
    with pytest.raises(RefusedError, match="80"):
        Estimator(spec("phi-2")).caches(Settings(ctx_size=512, cache_type_k="q8_0"), Hardware())
