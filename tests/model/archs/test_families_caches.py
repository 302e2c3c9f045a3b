"""
What the families beyond the plain ones keep, each rule on a measured model.
"""

import pytest

from benchmarks.truth.models import models
from llmprobe.model import archs
from llmprobe.model.archs import CacheLayout, KvCache


def kept_by(name: str) -> CacheLayout:
    """
    The caches of a measured model.
    """
    model = models()[name]
    return archs.caches(model.architecture, model.hparams)


def widths(cache: KvCache) -> set[tuple[int, int]]:
    """
    Return the different widths of K and V among the layers of a cache.
    """
    return {(layer.k, layer.v) for layer in cache.layers}


def test_latent_attention_keeps_one_vector_and_no_v() -> None:
    """
    DeepSeek R1 keeps 512 + 64 values per layer and token.
    """
    layout = kept_by("deepseek-r1-671b")

    assert (layout.latent, [widths(cache) for cache in layout.kv]) == (True, [{(576, 0)}])


def test_the_older_form_of_latent_attention_keeps_every_head() -> None:
    """
    16 heads of 192 and 128 values: 71 times as much as the latent of 576 of the large models' 128 heads.
    """
    layout = kept_by("deepseek-v2-lite-chat-16b.old")

    assert (layout.latent, [widths(cache) for cache in layout.kv]) == (False, [{(3072, 2048)}])


@pytest.mark.parametrize(
    ("name", "count"),
    [("deepseek-v3.2-685b", 61), ("glm-5-744b-a40b", 78), ("glm-5.2-744b-a40b", 21)],
)
def test_indexers_keep_their_keys_beside_the_latent(name: str, count: int) -> None:
    """
    Every layer with an indexer of its own keeps 128 values; in GLM 5.2 those are 21 of 78.
    """
    latent, indexer = kept_by(name).kv

    assert (len(latent.layers), len(indexer.layers), widths(indexer)) == (
        len(range(int(models()[name].hparams["block_count"]))),
        count,
        {(128, 0)},
    )


def test_a_layer_for_the_next_token_keeps_nothing() -> None:
    """
    GLM 4.5 Air's file has 47 layers, the last of which no other attends to.
    """
    (cache,) = kept_by("glm-4.5-air").kv

    assert [layer.layer for layer in cache.layers] == list(range(46))


def test_layers_that_share_a_cache_keep_nothing() -> None:
    """
    Gemma 4 E2B: of 35 layers the first 15 keep, 3 of them the whole context with heads of twice the size.
    """
    full, near = kept_by("gemma-4-e2b-it").kv

    assert [(len(cache.layers), widths(cache), cache.window) for cache in (full, near)] == [
        (3, {(512, 512)}, None),
        (12, {(256, 256)}, 512),
    ]


def test_chunked_attention_is_a_window() -> None:
    """
    Llama 4 looks back over chunks of 8192 on three of four layers.
    """
    full, near = kept_by("llama4-scout").kv

    assert [(len(cache.layers), cache.window) for cache in (full, near)] == [(12, None), (36, 8192)]


@pytest.mark.parametrize(
    ("name", "attention", "recurrent", "rolling", "state"),
    [
        ("qwen3.5-9b", 8, 24, 3 * 8192, 128 * 4096),
        ("qwen3-next-80b-a3b", 12, 36, 3 * 8192, 128 * 4096),
        ("falcon-h1-7b", 44, 44, 3 * 3584, 256 * 3072),
        ("granite-4.0-h-tiny", 4, 36, 3 * 3328, 128 * 3072),
        ("nemotron-nano-9b-v2", 4, 27, 3 * 12288, 128 * 10240),
        ("jamba-mini-1.7", 4, 28, 3 * 8192, 16 * 8192),
        ("kimi-linear-48b-a3b-instruct", 7, 20, 3 * 3 * 4096, 128 * 128 * 32),
        ("minimax-text-01-456b", 10, 70, 0, 128 * 128 * 64),
        ("lfm2-1.2b", 6, 10, 2 * 2048, 0),
        ("mamba2-2.7b", 0, 64, 3 * 5376, 128 * 5120),
    ],
)
def test_recurrent_layers_keep_a_state_per_sequence(
    name: str, attention: int, recurrent: int, rolling: int, state: int
) -> None:
    """
    So many layers attend, so many keep the values of a convolution and of a state.
    """
    layout = kept_by(name)
    assert layout.state is not None
    kept = {(layer.rolling, layer.state) for layer in layout.state.layers}

    assert (sum(len(cache.layers) for cache in layout.kv), len(layout.state.layers), kept) == (
        attention,
        recurrent,
        {(rolling, state)},
    )


@pytest.mark.parametrize(
    "name", ["bge-m3", "nomic-embed-text-v2-moe", "embeddinggemma-300m", "llada-8b", "dream-7b"]
)
def test_what_sees_the_whole_text_at_once_keeps_nothing(name: str) -> None:
    """
    Encoders and models that write by diffusion have no cache.
    """
    assert kept_by(name) == CacheLayout()


def test_with_a_window_all_attention_layers_of_lfm_slide() -> None:
    """
    The metadata's window holds for every layer that attends.
    """
    model = models()["lfm2-1.2b"]
    layout = archs.caches(model.architecture, model.hparams | {"attention.sliding_window": 1024})

    assert [(len(cache.layers), cache.window) for cache in layout.kv] == [(6, 1024)]
