"""
GGUF files of adapters.
"""

from pathlib import Path
from typing import Any

import pytest

import llmprobe
from benchmarks import gguf_writer
from llmprobe.errors import ModelError, UsageError
from llmprobe.facts.model import Tensor

LORA = (
    Tensor("blk.3.attn_q.weight.lora_a", (64, 8), 3, "f16"),
    Tensor("blk.3.attn_q.weight.lora_b", (8, 64), 3, "f16"),
)


def written(path: Path, metadata: dict[str, Any], tensors: tuple[Tensor, ...]) -> str:
    """
    Write the header of an adapter, and return its path.
    """
    file = path / "adapter.gguf"
    file.write_bytes(gguf_writer.header(metadata, tensors))
    return str(file)


def test_a_lora_has_its_model_and_its_rank(tmp_path: Path) -> None:
    """
    As convert_lora_to_gguf.py writes it.
    """
    metadata = {"general.architecture": "llama", "general.type": "adapter", "adapter.type": "lora"}
    adapter = llmprobe.load_adapter(written(tmp_path, metadata, LORA))

    assert (adapter.name, adapter.kind, adapter.architecture, adapter.rank) == (
        "adapter.gguf",
        "lora",
        "llama",
        8,
    )
    assert [tensor.layer for tensor in adapter.tensors] == [3, 3]


def test_a_control_vector_has_the_model_that_it_was_made_for(tmp_path: Path) -> None:
    """
    Its architecture is a hint in its metadata.
    """
    metadata = {"general.architecture": "controlvector", "controlvector.model_hint": "qwen3"}
    tensors = tuple(Tensor(f"direction.{layer}", (64,), layer, "f32") for layer in (1, 2))
    adapter = llmprobe.load_adapter(written(tmp_path, metadata, tensors))

    assert (adapter.kind, adapter.architecture, adapter.rank) == ("control-vector", "qwen3", 0)
    assert [tensor.layer for tensor in adapter.tensors] == [1, 2]


def test_what_is_no_adapter_is_refused(tmp_path: Path) -> None:
    """
    A model, half of a pair, and no file at all.
    """
    llama = {"general.architecture": "llama"}
    with pytest.raises(ModelError, match="is no adapter"):
        llmprobe.load_adapter(written(tmp_path, llama, (Tensor("token_embd.weight", (64, 32), None, "f16"),)))
    with pytest.raises(ModelError, match=r"lacks blk\.3\.attn_q\.weight\.lora_b"):
        llmprobe.load_adapter(written(tmp_path, llama, LORA[:1]))
    with pytest.raises(ModelError, match="there is no file"):
        llmprobe.load_adapter(tmp_path / "nothing.gguf")


def test_a_path_is_no_adapter_yet() -> None:
    """
    Programs load an adapter before they estimate with it.
    """
    model = llmprobe.load_model("qwen3-0.6b")
    with pytest.raises(UsageError, match="an adapter is expected, not str"):
        llmprobe.estimate(model, devices=1, adapters="a.gguf")  # type: ignore[arg-type]  # that is the point
