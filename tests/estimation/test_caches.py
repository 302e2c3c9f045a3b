"""
The cells, streams and states of each kind of cache, in bytes worked out by hand.

Sources: llama.cpp b11549, src/llama-kv-cache-iswa.cpp, llama-kv-cache-dsv4.cpp, llama-memory-recurrent.cpp.
"""

from llmprobe.estimation.memory.kv_cache import CachePart, cache_parts
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.settings import resolve
from llmprobe.facts.model import Hparams, ModelSpec
from llmprobe.facts.settings import Settings
from llmprobe.model import archs
from llmprobe.model.archs import CacheLayout, KvCache, KvLayer, State, StateLayer

LAYER = KvLayer(layer=0, k=512, v=0, head_k=512, head_v=0)
MIB = 1 << 20

DEEPSEEK4: Hparams = {
    "block_count": 43,
    "embedding_length": 4096,
    "attention.head_count": 64,
    "attention.head_count_kv": 1,
    "attention.key_length": 512,
    "attention.value_length": 512,
    "attention.sliding_window": 128,
    "attention.indexer.key_length": 128,
    "attention.compress_ratios": [0, 0, *[4, 128] * 20, 4, 0],
}
"""DeepSeek V4 Flash: 21 layers keep rows of 4 tokens, 20 keep rows of 128, 2 a window alone."""


def parts(layout: CacheLayout, settings: Settings, layers: int = 1) -> dict[str, CachePart]:
    """
    Return the parts of a layout in host memory by their names.
    """
    model = ModelSpec(
        id="m",
        name="m",
        architecture="llama",
        hparams={"block_count": layers, "embedding_length": 64},
        tensors=(),
        parameters=0,
        file_parameters=0,
    )
    return {part.name: part for part in cache_parts(layout, resolve(settings, model), layers, HOST)}


def size(layout: CacheLayout, settings: Settings) -> int:
    """
    Return the bytes of one layer's only cache.
    """
    (part,) = parts(layout, settings).values()
    return part.sums.of(0, 1)


def deepseek4(settings: Settings) -> int:
    """
    Return the bytes of all caches of DeepSeek V4 Flash.
    """
    layout = archs.caches("deepseek4", DEEPSEEK4)
    return sum(part.sums.of(0, 43) for part in parts(layout, settings, 43).values())


def test_several_tokens_share_a_cell() -> None:
    """
    Rows of 4 tokens: 32,768 / 4 cells of 512 values in f16; 1,000 tokens take 250 cells, rounded up to 256.
    """
    layout = CacheLayout(kv=(KvCache((LAYER,), ratio=4),))

    assert size(layout, Settings(ctx_size=32_768)) == 8192 * 512 * 2
    assert size(layout, Settings(ctx_size=1_000)) == 256 * 512 * 2


def test_a_cache_with_its_own_streams_has_one_for_each_sequence() -> None:
    """
    4 slots that share one cache of 8,192 cells keep four of them where each has a stream of its own.
    """
    own = CacheLayout(kv=(KvCache((LAYER,), own_streams=True),))
    shared = CacheLayout(kv=(KvCache((LAYER,)),))

    assert size(shared, Settings(ctx_size=8192, parallel=4, kv_unified=True)) == 8192 * 512 * 2
    assert size(own, Settings(ctx_size=8192, parallel=4, kv_unified=True)) == 4 * 8192 * 512 * 2
    assert size(own, Settings(ctx_size=8192, parallel=4)) == 4 * 2048 * 512 * 2


def test_a_window_with_its_own_streams_is_one_window_per_stream() -> None:
    """
    128 + 512 cells are 768 after rounding, for each of 4 slots; in one stream the windows of all slots lie together.
    """
    own = CacheLayout(kv=(KvCache((LAYER,), window=128, own_streams=True),))
    shared = CacheLayout(kv=(KvCache((LAYER,), window=128),))

    assert size(own, Settings(ctx_size=8192, parallel=4, kv_unified=True)) == 4 * 768 * 512 * 2
    assert size(shared, Settings(ctx_size=8192, parallel=4, kv_unified=True)) == 1024 * 512 * 2


def test_a_state_of_more_parts_keeps_each_of_them() -> None:
    """
    Parts of 10, 20 and 30 values in f32 for 2 sequences: 80, 160 and 240 bytes, each rounded up to 32.
    """
    layout = CacheLayout(state=State(layers=(StateLayer(layer=0, rolling=10, state=20, more=(30,)),)))

    assert size(layout, Settings(ctx_size=512, parallel=2)) == 96 + 160 + 256


def test_deepseek4_keeps_windows_rows_and_states() -> None:
    """
    At 4,096 cells: 43 windows of 768 rows of 512, 21 times 1,024 rows of 512 + 128, 20 times 256 rows of 512, in f16.

    The compressors' inputs are 2 x 8 x (1,024 + 256) values in layers of the first kind, 2 x 128 x 512 in the second,
    in f32. llama.cpp reports 32.25 + 21 + 5.25 + 5 MiB of rows.
    """
    rows = 43 * 768 * 512 + 21 * 1024 * (512 + 128) + 20 * 256 * 512
    states = 21 * 2 * 8 * (1024 + 256) + 20 * 2 * 128 * 512

    assert 2 * rows == (32.25 + 21 + 5.25 + 5) * MIB
    assert deepseek4(Settings(ctx_size=4096)) == 2 * rows + 4 * states


def test_every_slot_of_deepseek4_has_a_whole_context() -> None:
    """
    Four slots take four times what one takes, even where they share a cache.
    """
    assert deepseek4(Settings(ctx_size=32_768, parallel=4, kv_unified=True)) == 4 * deepseek4(
        Settings(ctx_size=32_768)
    )


def test_a_v_stored_across_is_as_wide_as_its_own_caches_widest() -> None:
    """
    MiniMax M3 at 4,096 cells without flash attention: K and V of 4 x 128 in 60 layers, and of 128 in the indexer's 57,
    in f16. llama.cpp reports 480 and 114 MiB with flash attention and without.
    """
    hparams: Hparams = {
        "block_count": 60,
        "embedding_length": 6144,
        "attention.head_count": 64,
        "attention.head_count_kv": 4,
        "attention.key_length": 128,
        "attention.value_length": 128,
        "attention.indexer.key_length": 128,
        "leading_dense_block_count": 3,
    }
    found = parts(archs.caches("minimax-m3", hparams), Settings(ctx_size=4096, flash_attn="off"), 60)

    assert found["kv-cache"].sums.of(0, 60) == 60 * 2 * 512 * 4096 * 2 == 480 * MIB
    assert found["indexer-cache"].sums.of(0, 60) == 57 * 2 * 128 * 4096 * 2 == 114 * MIB


def test_only_layers_that_choose_keep_an_indexers_keys() -> None:
    """
    Hy 4 at 4,096 cells: 78 layers keep 576 values and 21 of them 128 more, in f16; without an indexer there is one
    plain cache. llama.cpp reports 351 and 21 MiB.
    """
    hparams: Hparams = {
        "block_count": 78,
        "embedding_length": 6144,
        "attention.head_count": 64,
        "attention.head_count_kv": 1,
        "attention.key_length": 576,
        "attention.value_length": 512,
        "attention.key_length_mla": 256,
    }
    indexer: Hparams = {
        "attention.indexer.key_length": 128,
        "attention.indexer.top_k": 2048,
        "attention.indexer.types": [layer == 0 or layer % 4 == 1 for layer in range(78)],
    }
    found = parts(archs.caches("hy_v4", hparams | indexer), Settings(ctx_size=4096), 78)

    assert found["kv-cache"].sums.of(0, 78) == 78 * 576 * 4096 * 2 == 351 * MIB
    assert found["indexer-cache"].sums.of(0, 78) == 21 * 128 * 4096 * 2 == 21 * MIB
    assert list(parts(archs.caches("hy_v4", hparams), Settings(ctx_size=4096), 78)) == ["kv-cache"]


def test_latents_of_two_sizes_keep_a_whole_context_and_a_window() -> None:
    """
    Dots 3 Note at 32,768 cells: 13 layers keep 512 + 64 values and 128 of the indexer, 33 a window of 512 and a
    micro-batch of 512 with 512 + 64, in f16; four slots in one stream share 4 x 512 + 512 cells of it.

    llama.cpp reports 468, 104 and 37.12 MiB, and 92.81 MiB for four slots.
    """
    near = [layer > 0 and layer % 4 != 1 for layer in range(46)]
    hparams: Hparams = {
        "block_count": 46,
        "embedding_length": 5120,
        "attention.head_count": [64 if one else 128 for one in near],
        "attention.head_count_kv": 1,
        "attention.key_length": 576,
        "attention.value_length": 512,
        "attention.key_length_swa": 576,
        "attention.sliding_window": 512,
        "attention.sliding_window_pattern": near,
        "attention.indexer.key_length": 128,
    }
    layout = archs.caches("dots3note", hparams)
    found = parts(layout, Settings(ctx_size=32_768), 46)
    shared = parts(layout, Settings(ctx_size=32_768, parallel=4, kv_unified=True), 46)

    assert found["kv-cache"].sums.of(0, 46) == 13 * 576 * 32_768 * 2 == 468 * MIB
    assert found["indexer-cache"].sums.of(0, 46) == 13 * 128 * 32_768 * 2 == 104 * MIB
    assert found["sliding-window-cache"].sums.of(0, 46) == 33 * 576 * 1024 * 2
    assert shared["sliding-window-cache"].sums.of(0, 46) == 33 * 576 * 2560 * 2


def test_the_layer_of_next_tokens_keeps_a_cache_in_ling_3() -> None:
    """
    Ling 3 flash at 4,096 cells: 7 of 42 layers keep 576 values in f16, and the layer after them does too where the
    file has it; 35 layers keep 3 x 3 inputs of 4,096 channels and 32 matrices of 128 x 128, in f32.

    llama.cpp reports 31.5 MiB, 36 MiB with the further layer, and 4.92 + 70 MiB.
    """
    full = [int(layer % 6 == 5) for layer in range(42)]
    hparams: Hparams = {
        "block_count": 42,
        "embedding_length": 2560,
        "attention.head_count": 32,
        "attention.head_count_kv": full,
        "attention.key_length": 576,
        "attention.value_length": 128,
        "attention.key_length_mla": 192,
        "ssm.conv_kernel": 4,
        "kda.head_dim": 128,
    }
    more = hparams | {
        "block_count": 43,
        "nextn_predict_layers": 1,
        "attention.head_count_kv": [*full, 1],
    }
    found = parts(archs.caches("bailingmoe3", hparams), Settings(ctx_size=4096), 42)
    further = parts(archs.caches("bailingmoe3", more), Settings(ctx_size=4096), 43)

    assert found["kv-cache"].sums.of(0, 42) == 7 * 576 * 4096 * 2 == 31.5 * MIB
    assert further["kv-cache"].sums.of(0, 43) == 36 * MIB
    state = 35 * 4 * (3 * 3 * 4096 + 32 * 128 * 128)
    assert found["recurrent-state"].sums.of(0, 42) == further["recurrent-state"].sums.of(0, 43) == state


def test_qwen4exp_keeps_keys_of_pools_and_words() -> None:
    """
    Qwen 3.8 Flash Next at 4,096 cells: 12 layers keep K and V of 2 x 256 and the indexer's 2 x 128, in f16; 36 keep 3
    inputs of 6,144 + 2 x 16 x 128 channels and 128 x 6,144 values, one of them 9 inputs of 4 x 2,560, in f32.

    llama.cpp reports 96, 24 and 4.22 + 108 + 0.35 MiB.
    """
    hparams: Hparams = {
        "block_count": 48,
        "embedding_length": 2560,
        "attention.head_count": 24,
        "attention.head_count_kv": 2,
        "attention.key_length": 256,
        "attention.value_length": 256,
        "attention.indexer.key_length": 128,
        "attention.compress_ratios": [0, 0, 0, 4] * 12,
        "hyper_connection.count": 4,
        "ssm.conv_kernel": 4,
        "ssm.inner_size": 6144,
        "ssm.state_size": 128,
        "ssm.time_step_rank": 48,
        "ssm.group_count": 16,
        "ple.layers": [1],
        "ple.ngram_size": 3,
        "ple.conv_kernel": 4,
    }
    found = parts(archs.caches("qwen4exp", hparams), Settings(ctx_size=4096), 48)

    assert found["kv-cache"].sums.of(0, 48) == 12 * 2 * 512 * 4096 * 2 == 96 * MIB
    assert found["indexer-cache"].sums.of(0, 48) == 12 * 256 * 4096 * 2 == 24 * MIB
    state = 36 * (3 * 10_240 + 128 * 6144) + 9 * 10_240
    assert found["recurrent-state"].sums.of(0, 48) == 4 * state


def test_the_indexer_of_pools_keeps_three_rows_per_token() -> None:
    """
    GLM 5.3 Flash at 4,096 cells: 11 layers keep 512 values and 3 times 128, in f16; 34 layers keep 3 x 3 inputs of
    8,192 channels and 64 matrices of 128 x 128, in f32. llama.cpp reports 44, 33 and 145.56 MiB.
    """
    hparams: Hparams = {
        "block_count": 45,
        "embedding_length": 4096,
        "attention.head_count": 64,
        "attention.head_count_kv": [int(layer % 4 == 3) for layer in range(45)],
        "attention.key_length": 512,
        "attention.value_length": 512,
        "attention.key_length_mla": 256,
        "attention.indexer.key_length": 128,
        "ssm.conv_kernel": 4,
        "kda.head_dim": 128,
    }
    found = parts(archs.caches("glm5-next", hparams), Settings(ctx_size=4096), 45)

    assert found["kv-cache"].sums.of(0, 45) == 11 * 512 * 4096 * 2 == 44 * MIB
    assert found["indexer-cache"].sums.of(0, 45) == 11 * 3 * 128 * 4096 * 2 == 33 * MIB
    assert found["recurrent-state"].sums.of(0, 45) == 34 * 4 * (3 * 3 * 8192 + 64 * 128 * 128)
