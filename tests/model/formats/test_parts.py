"""
Files that are a part of a model, or a model that writes no text, are told apart and refused.
"""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import gguf_writer
from llmprobe.errors import ModelError
from llmprobe.estimation import Estimator
from llmprobe.facts.model import Tensor
from llmprobe.model import archs
from llmprobe.model.formats.parts import HEADS, NO_TEXT_MODELS
from llmprobe.model.loading import load

TENSORS = (
    Tensor("token_embd.weight", (64, 32), None, "f16"),
    Tensor("blk.0.attn_norm.weight", (64,), 0, "f32"),
)
KINDS = [
    ("gemma4-assistant", "is a draft (gemma4-assistant)", "--model-draft"),
    ("eagle3", "is a draft (eagle3)", "--model-draft"),
    ("dflash", "is a draft (dflash)", "--model-draft"),
    ("qwen3tts", "is a speech model (qwen3tts)", "llama-tts"),
    ("pockettts", "is a speech model (pockettts)", "llama-tts"),
    ("wavtokenizer-dec", "is the decoder of a speech model", "OuteTTS"),
    ("clef", "is a decision model (clef)", "/v1/systemone"),
    ("clip", "is the projector of a multimodal model", "--mmproj"),
]


def refused(tmp_path: Path, architecture: str, **more: Any) -> ModelError:
    """
    Return the error that a file of this architecture ends in.
    """
    path = tmp_path / "part.gguf"
    metadata = {
        "general.architecture": architecture,
        f"{architecture}.block_count": 1,
        f"{architecture}.embedding_length": 64,
        f"{architecture}.attention.head_count": 1,
    }
    path.write_bytes(gguf_writer.header(metadata | more, TENSORS))
    with pytest.raises(ModelError) as caught:
        load(str(path))
    return caught.value


@pytest.mark.parametrize(("architecture", "what", "advice"), KINDS)
def test_what_is_no_text_model_says_what_it_is(
    architecture: str, what: str, advice: str, tmp_path: Path
) -> None:
    """
    The sentence names the kind of the file, and the hint what to give instead and what runs the file.
    """
    error = refused(tmp_path, architecture)

    assert what in str(error)
    assert error.hint is not None
    assert advice in str(error.hint)


def test_every_kind_of_part_is_tried() -> None:
    """
    The table above has each architecture that is no text model, and of these we build the graphs of draft heads alone.
    """
    assert {row[0] for row in KINDS} == NO_TEXT_MODELS
    assert NO_TEXT_MODELS & archs.supported() == HEADS


@pytest.mark.parametrize("architecture", sorted(HEADS))
def test_a_head_may_be_loaded_as_a_draft(architecture: str, tmp_path: Path) -> None:
    """
    What drafts for another model is refused as a model, and read where a draft is asked for.
    """
    path = tmp_path / "head.gguf"
    metadata = {
        "general.architecture": architecture,
        f"{architecture}.block_count": 1,
        f"{architecture}.embedding_length": 64,
        f"{architecture}.feed_forward_length": 128,
        f"{architecture}.attention.head_count": 2,
        f"{architecture}.vocab_size": 1000,
        f"{architecture}.target_hidden_size": 64,
    }
    tensors = archs.get(architecture).tensors(  # type: ignore[union-attr]  # it is there
        {key.removeprefix(f"{architecture}."): value for key, value in metadata.items()}
    )
    path.write_bytes(
        gguf_writer.header(metadata, tuple(Tensor(one.name, one.shape, one.layer, "f16") for one in tensors))
    )

    assert load(str(path), draft=True).architecture == architecture
    with pytest.raises(ModelError, match="is a draft"):
        load(str(path))


def test_a_projector_may_say_so_by_its_type(tmp_path: Path) -> None:
    """
    A file of the type mmproj is a projector whatever architecture it names.
    """
    assert "is the projector" in str(refused(tmp_path, "llama", **{"general.type": "mmproj"}))


def test_a_draft_names_the_model_that_it_belongs_to(tmp_path: Path) -> None:
    """
    The metadata may name the model that a draft was trained for, and an architecture may belong to one kind only.
    """
    error = refused(tmp_path, "eagle3", **{"general.base_model.0.name": "Llama 3.1 8B"})

    assert "guesses tokens for another model, Llama 3.1 8B, and reads" in str(error)
    assert "for another model, a Gemma 4, and reads" in str(refused(tmp_path, "gemma4-assistant"))
    assert "for another model and reads" in str(refused(tmp_path, "dflash"))


def test_another_part_is_named_by_its_type(tmp_path: Path) -> None:
    """
    An adapter is no model, and says so.
    """
    assert "a part of one (adapter)" in str(refused(tmp_path, "llama", **{"general.type": "adapter"}))


@pytest.mark.parametrize(
    ("architecture", "said", "generates"),
    [
        ("t5", "llama-completion runs it, llama-server does not", True),
        ("t5encoder", "it writes no text", False),
    ],
)
def test_a_model_with_an_encoder_says_what_runs_it(
    architecture: str, said: str, generates: bool, tmp_path: Path
) -> None:
    """
    T5 is no chat model, and its encoder alone is none at all: it has no speed in tokens per second.
    """
    family = archs.get(architecture)
    assert family is not None
    hparams = {
        "block_count": 1,
        "context_length": 512,
        "embedding_length": 64,
        "feed_forward_length": 64,
        "vocab_size": 32,
        "attention.head_count": 2,
        "attention.relative_buckets_count": 32,
    }
    tensors = [Tensor(tensor.name, tensor.shape, tensor.layer, "f16") for tensor in family.tensors(hparams)]
    metadata = {f"{architecture}.{name}": value for name, value in hparams.items()}
    path = tmp_path / "t5.gguf"
    path.write_bytes(gguf_writer.header({"general.architecture": architecture} | metadata, tuple(tensors)))
    model = load(str(path))

    assert any(said in str(note) for note in model.notes)
    assert Estimator(model).generates is generates
