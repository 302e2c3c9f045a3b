"""
Ollama: the context, the batch and the slots that it takes by itself.

Source of the figures: github.com/ollama/ollama at fb30760, server/sched.go and llm/llama_server.go.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.engines import ollama
from llmprobe.engines._shared import ollama_defaults
from llmprobe.facts.engine import Occasion
from llmprobe.units import GIB, MIB
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, model
from tests.engines.test_ollama import occasion

PROFILE = ollama.PROFILES["ollama"]
BARE = msgspec.structs.replace(model("llama", LLAMA_8B), hparams={})
"""A model of which Ollama predicts its file and nothing more."""


def settled(**changes: Any) -> Any:
    return ollama_defaults.settled(PROFILE, occasion(**changes))


def of_file(size: int, free: int | None) -> Occasion:
    return occasion(model=BARE, file_bytes=size, vram_free_bytes=free)


def test_without_vram_it_takes_its_smallest() -> None:
    """
    4096 tokens in one slot, with a batch and a micro-batch of 512, as its profile has them.
    """
    found = settled(vram_total_bytes=0)

    assert (found.ctx_size, found.parallel, found.batch_size, found.ubatch_size) == (4096, 1, 512, 512)
    assert (PROFILE.ctx_size, PROFILE.parallel, PROFILE.batch_size, PROFILE.ubatch_size) == (
        4096,
        1,
        512,
        512,
    )


def test_unknown_vram_counts_as_none() -> None:
    """
    The smallest context is taken, and said with memory that is unknown, not zero.
    """
    found = settled(vram_total_bytes=None)

    assert found.ctx_size == 4096
    assert message("engine.ollama-context", ctx_size=4096, vram_bytes=None) in found.notes


def test_a_model_of_unknown_context_is_given_what_was_asked_for() -> None:
    """
    Nothing cuts it then.
    """
    endless = msgspec.structs.replace(model("llama", LLAMA_8B), max_context=None)

    assert settled(model=endless, ctx_size=1_000_000).ctx_size == 1_000_000


@pytest.mark.parametrize(
    ("changes", "ctx_size"),
    [
        ({"ctx_size": 2048, "settings": {"OLLAMA_CONTEXT_LENGTH": "16384"}}, 2048),
        ({"settings": {"OLLAMA_CONTEXT_LENGTH": "16384"}}, 16384),
        ({"settings": {"OLLAMA_CONTEXT_LENGTH": "long"}}, 32768),
        ({"settings": {"OLLAMA_CONTEXT_LENGTH": "-1"}}, 32768),
        ({"settings": {"OLLAMA_CONTEXT_LENGTH": "0"}}, 32768),
    ],
)
def test_what_was_asked_for_counts_before_the_environment(changes: dict[str, Any], ctx_size: int) -> None:
    """
    A variable that is no number is none.
    """
    assert settled(**changes).ctx_size == ctx_size


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, True),
        ({"ctx_size": 2048}, False),
        ({"settings": {"OLLAMA_CONTEXT_LENGTH": "2048"}}, False),
    ],
)
def test_a_context_of_its_own_is_said(changes: dict[str, Any], *, said: bool) -> None:
    """
    And one that was asked for is not; the batch and the slots are said each time.
    """
    notes = [note.id for note in settled(**changes).notes]

    assert notes == ["engine.ollama-context"] * said + ["engine.ollama-batch", "engine.ollama-slots"]


@pytest.mark.parametrize(("slots", "said"), [("1", False), ("2", True), ("x", False)])
def test_one_slot_is_said_where_more_were_asked_for(slots: str, *, said: bool) -> None:
    """
    Of an architecture that gets no more.
    """
    spec = msgspec.structs.replace(model("llama", LLAMA_8B), architecture="qwen3next")
    found = settled(model=spec, settings={"OLLAMA_NUM_PARALLEL": slots})

    assert found.parallel == 1
    assert (message("engine.ollama-one-slot", architecture="qwen3next") in found.notes) is said


@pytest.mark.parametrize(
    ("size", "free", "ctx_size", "batch"),
    [
        (60 * GIB, 100 * GIB, 32769, 2048),
        (60 * GIB + 1, 100 * GIB, 32769, 1024),
        (2 * GIB, 5 * GIB, 32769, 2048),
        (2 * GIB + 1, 5 * GIB, 32769, 1024),
        (75 * GIB, 100 * GIB, 4097, 1024),
        (75 * GIB + 1, 100 * GIB, 4097, 512),
        (4 * GIB - 768 * MIB, 5 * GIB, 4097, 1024),
        (4 * GIB - 768 * MIB + 1, 5 * GIB, 4097, 512),
        (75 * GIB + 1, 100 * GIB, 32769, 512),
        (100 * GIB, 1 * GIB, 4096, 512),
        (0, 1, 32769, 2048),
        (60 * GIB, 0, 32769, 2048),
        (60 * GIB, None, 32769, 2048),
    ],
)
def test_a_batch_needs_its_room(size: int, free: int | None, ctx_size: int, batch: int) -> None:
    """
    2048: 60 percent of what is free, and 80 with 2 GiB more; 1024: 75 percent, and 80 with 768 MiB more.

    Where the prediction or what is free is not known, there is room.
    """
    assert ollama_defaults.automatic_batch(ctx_size, of_file(size, free), flash_attention=True) == batch


@pytest.mark.parametrize(
    ("ctx_size", "free", "batch"),
    [
        (4096, 8 * GIB, 512),
        (4097, 8 * GIB, 256),
        (4097, 8 * GIB + 1, 512),
        (4097, 1, 256),
        (4097, 0, 512),
        (4097, None, 512),
        (40000, 80 * GIB, 512),
    ],
)
def test_a_card_without_flash_attention_has_small_batches(
    ctx_size: int, free: int | None, batch: int
) -> None:
    """
    256 beyond 4096 tokens where a card has 8 GiB or less free, and 512 otherwise.
    """
    given = occasion(smallest_free_bytes=free)

    assert ollama_defaults.automatic_batch(ctx_size, given, flash_attention=False) == batch


def test_only_cuda_has_batches_of_its_own_without_flash_attention() -> None:
    """
    On SYCL the batch goes by the context.
    """
    given = occasion(backend="sycl", vram_free_bytes=80 * GIB, smallest_free_bytes=4 * GIB)

    assert ollama_defaults.automatic_batch(8192, given, flash_attention=False) == 1024


@pytest.mark.parametrize(
    ("backend", "capabilities", "expected"),
    [
        ("cuda", ("5.9",), False),
        ("cuda", ("6.0",), True),
        ("cuda", ("7.0",), True),
        ("cuda", ("7.2",), False),
        ("cuda", ("7.5",), True),
        ("cuda", ("12.0",), True),
        ("cuda", ("8.9", "5.2"), False),
        ("cuda", ("5.2", "8.9"), False),
        ("cuda", ("8.9", "8.6"), True),
        ("cuda", (), True),
        ("cuda", ("unknown", "1.2.3"), True),
        ("rocm", ("5.2",), True),
        ("sycl", (), False),
        ("vulkan", (), True),
        ("metal", (), True),
        (None, (), True),
    ],
)
def test_flash_attention_is_a_matter_of_the_devices(
    backend: str | None, capabilities: tuple[str, ...], expected: bool
) -> None:
    """
    Each CUDA card has to be able to, from 6.0 on but not Xavier (7.2); of other backends SYCL is not.
    """
    found = ollama_defaults.flash_attention_supported(
        occasion(backend=backend, compute_capabilities=capabilities)
    )

    assert found is expected


@pytest.mark.parametrize(
    ("hparams", "cache"),
    [
        ({"attention.head_count_kv": [8, 2, 8]}, 2 * 32 * 2 * 128),
        ({"attention.head_count": [16, 32]}, 2 * 32 * 8 * 128),
        ({"attention.head_count_kv": [0, 8]}, 2 * 32 * 1 * 128),
        ({"attention.head_count_kv": None}, 2 * 32 * 1 * 128),
        ({"attention.head_count_kv": []}, 2 * 32 * 1 * 128),
        ({"attention.head_count": 0}, 0),
        ({"attention.head_count": []}, 0),
        ({"embedding_length": None}, 0),
        ({"block_count": None}, 0),
    ],
    ids=repr,
)
def test_prediction_takes_one_count_of_heads_for_all_layers(hparams: dict[str, Any], cache: int) -> None:
    """
    The smallest of K and V, 1 where there is none, and a width by the largest of attention.
    """
    spec = msgspec.structs.replace(model("llama", LLAMA_8B), hparams=LLAMA_8B | hparams)

    assert ollama_defaults.predicted_bytes(occasion(model=spec), 100) == 5 * GIB + cache * 100 * 2
