"""
Quantizations that are no file type of llama.cpp: types that it dropped, those of its fork, formats of other engines.

Each says what loads such files and what to take with llama.cpp instead.
"""

import re

import msgspec

from llmprobe.data import table
from llmprobe.facts.model import ModelSpec
from llmprobe.model.quants.fork_types import FORK_TYPES
from llmprobe.model.quants.types import tensor_bytes


class Foreign(msgspec.Struct, frozen=True, gc=False):
    """
    A quantization that llama.cpp does not load: what loads it, and the file type of about as many bits that it has.

    ``engine`` is None of a type that llama.cpp had and removed.
    """

    engine: str | None
    instead: str

    @property
    def loader(self) -> "Loader | None":
        """The program that loads it, None of a removed type."""
        return None if self.engine is None else LOADERS[self.engine]


class Loader(msgspec.Struct, frozen=True, gc=False):
    """
    A program that loads what llama.cpp does not: where it is, and the command that serves such a model.
    """

    address: str
    command: str


LOADERS = {
    "ik_llama.cpp": Loader(
        "https://github.com/ikawrakow/ik_llama.cpp", "llama-server -m FILE.gguf -c 8192 -ngl 99 -fa on"
    ),
    "vLLM": Loader("https://docs.vllm.ai", "vllm serve OWNER/REPOSITORY"),
    "ExLlamaV2": Loader("https://github.com/theroyallab/tabbyAPI", "python main.py --model-name FOLDER"),
    "ExLlamaV3": Loader("https://github.com/theroyallab/tabbyAPI", "python main.py --model-name FOLDER"),
    "Transformers": Loader("https://huggingface.co/docs/transformers", "transformers serve OWNER/REPOSITORY"),
    "MLX": Loader("https://github.com/ml-explore/mlx-lm", "mlx_lm.server --model OWNER/REPOSITORY"),
}
"""The programs of ``_FORMATS``; experts of a mixture stay in RAM in ik_llama.cpp as in llama.cpp (``--n-cpu-moe``)."""

_FORMATS: tuple[tuple[str, Foreign], ...] = (
    # llama.cpp, ggml/include/ggml.h, "support has been removed from gguf files": they are reordered when loaded.
    (r"q4_0_(?:4_4|4_8|8_8)", Foreign(None, "Q4_0")),
    (r"iq4_nl_4_4", Foreign(None, "IQ4_NL")),
    # llama.cpp, ggml/include/ggml.h: GGML_TYPE_Q4_2 and Q4_3, "support has been removed"
    (r"q4_[23]", Foreign(None, "Q4_0")),
    # github.com/ikawrakow/ik_llama.cpp, ggml/include/ggml.h
    (r"(?:smol_)?iq1_kt|iq1_(?:s_r4|m_r4|bn)", Foreign("ik_llama.cpp", "IQ1_S")),
    (r"(?:(?:smol_)?iq2_(?:k|ks|kl|kt|bn)|q2_k)(?:_r[48])?", Foreign("ik_llama.cpp", "IQ2_M")),
    (r"(?:(?:smol_)?iq3_(?:k|ks|kl|kt)|q3_k)(?:_r[48])?", Foreign("ik_llama.cpp", "IQ3_M")),
    (r"(?:(?:smol_)?iq4_(?:k|ks|kss|kt)|q4_k)(?:_r[48])?", Foreign("ik_llama.cpp", "IQ4_XS")),
    (r"(?:(?:smol_)?iq5_(?:k|ks)|q5_k)(?:_r[48])?", Foreign("ik_llama.cpp", "Q5_K_M")),
    (r"iq6_k|q6_k_r4|q6_0(?:_r4)?", Foreign("ik_llama.cpp", "Q6_K")),
    (r"q8_k(?:v|_r8)|q8_0_r[48]", Foreign("ik_llama.cpp", "Q8_0")),
    (r"i?q\d\w*_r[48]", Foreign("ik_llama.cpp", "Q4_K_M")),
    # docs.vllm.ai, Quantization; docs.sglang.ai, Quantization
    (r"awq\w*", Foreign("vLLM", "Q4_K_M")),
    (r"gptq\w*|autoround|w4a16", Foreign("vLLM", "Q4_K_M")),
    (r"fp8\w*|w8a8", Foreign("vLLM", "Q8_0")),
    (r"w8a16", Foreign("vLLM", "Q8_0")),
    (r"w4a4", Foreign("vLLM", "Q4_K_M")),
    # github.com/turboderp-org/exllamav2, exllamav3
    (r"exl3\w*|\d\w*_exl3", Foreign("ExLlamaV3", "Q4_K_M")),
    (r"exl2\w*|\d(?:_\d+)?_?bpw\w*", Foreign("ExLlamaV2", "Q4_K_M")),
    # huggingface.co/docs/transformers, Quantization
    (r"bnb\w*|bitsandbytes|nf4", Foreign("Transformers", "Q4_K_M")),
    (r"hqq|aqlm", Foreign("Transformers", "Q4_K_M")),
    # github.com/ml-explore/mlx-lm
    (r"mlx\w*", Foreign("MLX", "Q4_K_M")),
)

_OWN = 100
"""The numbers of the fork's own types begin beyond it."""
_MARGIN = 0.05
"""How far beyond the files that were seen another one may be, as a share."""

_WIDTH = r"int(\d)|(\d)_?bit|(\d)(?:_\d+)?_?bpw"
"""Formats of several widths say which one they have."""
_OF_WIDTH = ("", "IQ1_S", "Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q6_K", "Q8_0", "Q8_0")


class Size(msgspec.Struct, frozen=True, gc=False):
    """
    What a file in a type of another program takes: likely, at the least and at the most, and how many files told.

    ``files`` 0 is a size that only follows from the type.
    """

    likely_bytes: int
    low_bytes: int
    high_bytes: int
    files: int


def size_of(model: ModelSpec, name: str) -> Size | None:
    """
    The size of a model's file in a type of ik_llama.cpp, None of a name that is no type and of which no file was seen.

    Of a mixture of experts the type is that of the experts; everything else has more bits, by its publisher's habit.
    Of other models the embedding and the output have more, and sometimes attention.
    """
    wanted = re.sub(r"[-. ]", "_", name.upper()).removesuffix("_R4").replace("SMOL_", "smol-")
    if not any("_exps" in tensor.name for tensor in model.tensors):
        return _by_type(model, wanted.removeprefix("smol-").lower())
    found = table("foreign_bits")["bits"].get(wanted)
    if found is None:
        return None
    low, likely, high, files = found
    each = model.parameters / 8
    return Size(
        round(likely * each), round(low * (1 - _MARGIN) * each), round(high * (1 + _MARGIN) * each), files
    )


def _by_type(model: ModelSpec, name: str) -> Size | None:
    kind = next((one for number, one in FORK_TYPES.items() if number > _OWN and one.name == name), None)
    if kind is None:
        return None
    low = likely = high = 0
    for tensor in model.tensors:
        if len(tensor.shape) < 2:
            small = tensor.elements * 4
            low, likely, high = low + small, likely + small, high + small
            continue
        least = kind.bytes_of(tensor.shape)
        ends = tensor.name in ("token_embd.weight", "output.weight")
        low += least
        likely += max(least, tensor_bytes(tensor.shape, "q6_K")) if ends else least
        high += max(least, tensor_bytes(tensor.shape, "q8_0")) if ends or ".attn_" in tensor.name else least
    return Size(likely, round(low * (1 - _MARGIN)), round(high * (1 + _MARGIN)), 0)


def foreign(name: str) -> Foreign | None:
    """
    What a name means that is no file type, None where nothing is known of it.

    >>> foreign("AWQ").engine, foreign("iq4-ks").engine, foreign("Q4_0_4_4").instead
    ('vLLM', 'ik_llama.cpp', 'Q4_0')
    """
    typed = re.sub(r"[-. _]+", "_", name.lower().strip())
    found = next((one for pattern, one in _FORMATS if re.fullmatch(pattern, typed)), None)
    if found is None or found.instead != "Q4_K_M":
        return found
    width = re.search(_WIDTH, typed)
    return (
        found if width is None else Foreign(found.engine, _OF_WIDTH[int(next(filter(None, width.groups())))])
    )
