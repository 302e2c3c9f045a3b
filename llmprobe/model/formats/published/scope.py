"""
Which matrices a format quantizes: their names in the published weights, and lists of what is left out.

A tensor of a GGUF file is known by the names that its matrix has in the models of transformers. Lists of exceptions
have exact names, ends or parts of names, globs, and regular expressions (``re:``). Anyone may have written these: an
expression is searched piece by piece, which takes no longer than the name, and one that is more than pieces with
``.*`` between them counts as not understood.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache

from llmprobe.facts.model import Tensor

EMBEDDING, OUTPUT = "token_embd", "output"
ROUTERS = frozenset(("ffn_gate_inp", "ffn_gate_inp_shexp"))
_MODULES: dict[str, str] = {
    "token_embd": "embed_tokens",
    "output": "lm_head",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_qkv": "self_attn.qkv_proj linear_attn.in_proj_qkv",
    "attn_gate": "self_attn.g_proj linear_attn.in_proj_z",
    "attn_output": "self_attn.o_proj",
    "attn_q_a": "self_attn.q_a_proj",
    "attn_q_b": "self_attn.q_b_proj",
    "attn_kv": "self_attn.wkv",
    "attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa",
    "attn_kv_b": "self_attn.kv_b_proj",
    "attn_k_b": "self_attn.kv_b_proj",
    "attn_v_b": "self_attn.kv_b_proj",
    "attn_output_a": "self_attn.wo_a",
    "attn_output_b": "self_attn.wo_b",
    "indexer.attn_q_b": "self_attn.indexer.wq_b",
    "indexer.attn_k": "self_attn.indexer.wk",
    "indexer.proj": "self_attn.indexer.weights_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "ffn_gate_inp": "mlp.gate mlp.router block_sparse_moe.gate",
    "ffn_gate_inp_shexp": "mlp.shared_expert_gate",
    "ffn_gate_exps": "mlp.experts.0.gate_proj block_sparse_moe.experts.0.w1",
    "ffn_up_exps": "mlp.experts.0.up_proj block_sparse_moe.experts.0.w3",
    "ffn_down_exps": "mlp.experts.0.down_proj block_sparse_moe.experts.0.w2",
    "ffn_gate_up_exps": "mlp.experts.gate_up_proj",
    "ffn_gate_shexp": "mlp.shared_expert.gate_proj mlp.shared_experts.gate_proj",
    "ffn_up_shexp": "mlp.shared_expert.up_proj mlp.shared_experts.up_proj",
    "ffn_down_shexp": "mlp.shared_expert.down_proj mlp.shared_experts.down_proj",
    "ssm_in": "linear_attn.in_proj_qkvz mamba.in_proj",
    "ssm_out": "linear_attn.out_proj mamba.out_proj",
    "ssm_x": "mamba.x_proj",
    "ssm_dt": "mamba.dt_proj",
    "ssm_alpha": "linear_attn.in_proj_a",
    "ssm_beta": "linear_attn.in_proj_b",
    "ssm_ba": "linear_attn.in_proj_ba",
    "shortconv.in_proj": "conv.in_proj",
    "shortconv.out_proj": "conv.out_proj",
}
"""The matrices that are multiplied with, by their names in GGUF, and their modules in transformers."""

_PARTS = re.compile(r"self_attn\.|mlp\.|mamba\.")
_PREFIXES = re.compile(
    r"^(?:thinker\.|model\.|language_model\.)*(?:(?:backbone\.|transformer\.)?(?:layers|h)\.)", re.ASCII
)
_PIECE = re.compile(r"[\w\\.\-|()\[\]$^?:]*")
_LONGEST, _PIECES = 300, 12


def is_multiplied(base: str) -> bool:
    """
    Whether this is a matrix as formats quantize them; ``base`` is its name in GGUF without layer and ending.
    """
    return base in _MODULES


def base_of(tensor: Tensor) -> str:
    """
    A tensor's name without the layer's prefix and its ending; a bias has none.
    """
    name = tensor.name if tensor.layer is None else tensor.name.partition(".blk.")[2] or tensor.name[4:]
    name = name if tensor.layer is None else name.partition(".")[2]
    return name.removesuffix(".weight") if name.endswith(".weight") else ""


def modules_of(tensor: Tensor) -> tuple[str, ...]:
    """
    The names that a tensor's matrix may have among the modules of transformers.
    """
    found = []
    for module in _MODULES.get(base_of(tensor), "").split():
        if tensor.layer is None:
            found += [module, f"model.{module}"]
            continue
        found.append(f"model.layers.{tensor.layer}.{module}")
        mixed = _PARTS.sub("mixer.", module, count=1)
        if mixed != module:
            found.append(f"model.layers.{tensor.layer}.{mixed}")
    return tuple(found)


class Exceptions:
    """
    A list of what a format leaves as it is. ``understood`` is False where an entry could not be read.
    """

    def __init__(self, entries: Iterable[object]) -> None:
        names = [entry for entry in entries if isinstance(entry, str)]
        self._exact = frozenset(_PREFIXES.sub("model.layers.", name) for name in names)
        self._patterns = tuple(name for name in names if name.startswith("re:") or set(name) & set("*?["))[
            :_LONGEST
        ]
        self._readable = tuple(name for name in self._patterns if _is_readable(name))
        self.understood = len(self._readable) == len(self._patterns)

    def has(self, modules: tuple[str, ...]) -> bool:
        """Whether one of these names, a part or the end of it is in the list."""
        return any(self._has(module) for module in modules)

    def _has(self, module: str) -> bool:
        parts = module.split(".")
        spans = (
            ".".join(parts[start:stop])
            for start in range(len(parts))
            for stop in range(start + 1, len(parts) + 1)
        )
        return any(span in self._exact for span in spans) or any(
            _matches(pattern, module) for pattern in self._readable
        )


def _is_readable(pattern: str) -> bool:
    if not pattern.startswith("re:"):
        return len(pattern) <= _LONGEST
    pieces = pattern[3:].split(".*")
    if len(pattern) > _LONGEST or len(pieces) > _PIECES:
        return False
    return all(_PIECE.fullmatch(piece) and ")?" not in piece and _compiled(piece) for piece in pieces)


@lru_cache(maxsize=512)
def _compiled(piece: str) -> re.Pattern[str] | None:
    try:
        return re.compile(piece, re.ASCII)
    except re.error:
        return None


def _matches(pattern: str, module: str) -> bool:
    if not pattern.startswith("re:"):
        return fnmatchcase(module, pattern)
    at, first = 0, True
    for piece in pattern[3:].split(".*"):
        compiled = _compiled(piece)
        found = None if compiled is None else (compiled.match if first else compiled.search)(module, at)
        if found is None:
            return False
        at, first = found.end(), False
    return True
