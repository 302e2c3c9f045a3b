"""
A small mixture of experts for ``make verify``: no registry carries one that is small, so one is made of chance.

Its weights are noise and its answers too, but its tensors have the names and shapes of the architecture, and those
are what an engine lays out. The words are those of another file.
"""

import typing
from pathlib import Path

from llmprobe.facts.model import ModelSpec
from llmprobe.facts.tensor import Tensor

if typing.TYPE_CHECKING:
    import gguf

ARCHITECTURE = "qwen3moe"
LAYERS = 14
_WIDTH, _HEADS, _KV_HEADS, _HEAD = 256, 4, 2, 64
_EXPERTS, _USED, _EXPERT_WIDTH = 8, 2, 256
_CONTEXT = 16384
_DEVIATION = 0.02
_WORDS = "tokenizer."
_HPARAMS: dict[str, int | float] = {
    "context_length": _CONTEXT,
    "block_count": LAYERS,
    "embedding_length": _WIDTH,
    "feed_forward_length": _EXPERT_WIDTH,
    "expert_feed_forward_length": _EXPERT_WIDTH,
    "expert_count": _EXPERTS,
    "expert_used_count": _USED,
    "attention.head_count": _HEADS,
    "attention.head_count_kv": _KV_HEADS,
    "attention.key_length": _HEAD,
    "attention.value_length": _HEAD,
    "attention.layer_norm_rms_epsilon": 1e-6,
}


def write(path: Path, words_of: Path) -> None:
    """
    Write the file in F16, with the tokenizer of ``words_of``; every time the same bytes.
    """
    import gguf
    import numpy as np

    chance = np.random.default_rng(0)
    partial = path.with_suffix(".part")
    writer = gguf.GGUFWriter(partial, ARCHITECTURE)
    words = _settings(writer, gguf.GGUFReader(words_of))
    for name, shape in _tensors(words).items():
        if name.endswith("norm.weight"):
            values = np.ones(shape, np.float32)
        else:
            values = chance.standard_normal(shape, np.float32) * _DEVIATION
        writer.add_tensor(name, values if _is_kept(name) else values.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(path)


def model(words: int) -> ModelSpec:
    """
    Return the file's model without the file, for so many words.
    """
    tensors = []
    for name, shape in _tensors(words).items():
        parts = name.split(".")
        tensors.append(Tensor(name, shape[::-1], int(parts[1]) if parts[0] == "blk" else None))
    parameters = sum(one.elements for one in tensors)
    return ModelSpec(
        id=ARCHITECTURE,
        name=ARCHITECTURE,
        architecture=ARCHITECTURE,
        hparams={**_HPARAMS},
        tensors=tuple(tensors),
        parameters=parameters,
        file_parameters=parameters,
    )


def _settings(writer: "gguf.GGUFWriter", words_of: "gguf.GGUFReader") -> int:
    """
    Give the file its settings and the other file's words, and return how many words there are.
    """
    import gguf

    writer.add_name("Mixture of experts made by chance")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for name, setting in _HPARAMS.items():
        if isinstance(setting, float):
            writer.add_float32(f"{ARCHITECTURE}.{name}", setting)
        else:
            writer.add_uint32(f"{ARCHITECTURE}.{name}", setting)
    words = 0
    for name, field in words_of.fields.items():
        if name.startswith(_WORDS):
            value = field.contents()
            writer.add_key_value(
                name, value, field.types[0], field.types[-1] if len(field.types) > 1 else None
            )
            if name == "tokenizer.ggml.tokens":
                words = len(value)
    return words


def _tensors(words: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (words, _WIDTH),
        "output_norm.weight": (_WIDTH,),
    }
    for layer in range(LAYERS):
        block = {
            "attn_norm": (_WIDTH,),
            "attn_q": (_HEADS * _HEAD, _WIDTH),
            "attn_k": (_KV_HEADS * _HEAD, _WIDTH),
            "attn_v": (_KV_HEADS * _HEAD, _WIDTH),
            "attn_output": (_WIDTH, _HEADS * _HEAD),
            "attn_q_norm": (_HEAD,),
            "attn_k_norm": (_HEAD,),
            "ffn_norm": (_WIDTH,),
            "ffn_gate_inp": (_EXPERTS, _WIDTH),
            "ffn_gate_exps": (_EXPERTS, _EXPERT_WIDTH, _WIDTH),
            "ffn_down_exps": (_EXPERTS, _WIDTH, _EXPERT_WIDTH),
            "ffn_up_exps": (_EXPERTS, _EXPERT_WIDTH, _WIDTH),
        }
        shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in block.items()}
    return shapes


def _is_kept(name: str) -> bool:
    """Tell whether a tensor stays in F32, as a converter leaves norms and what chooses the experts."""
    return name.endswith(("norm.weight", "ffn_gate_inp.weight"))
