"""
What a card does with a format of published weights: whether its matrix units compute it, and what it loses.

Sources: vLLM 0.33, model_executor/layers/quantization (get_min_capability, Marlin kernels as the way out), and
platforms/rocm.py (supports_fp8, supports_mx, Triton for packed weights).
"""

from __future__ import annotations

from llmprobe.advise.choose.loss import (
    Format,
    Model,
    is_latent,
    of_file_type,
    of_format,
    of_model,
    spread_of,
)
from llmprobe.advise.choose.quality import METRIC, agreement, in_words
from llmprobe.data import table
from llmprobe.estimation.memory.weights import scored_words
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Quality
from llmprobe.facts.serving import Card
from llmprobe.words.message import Message, message

_LIKE = {"MLX-4BIT": "Q4_1", "MLX-6BIT": "Q6_K", "MLX-8BIT": "Q8_0"}
"""MLX rounds to the nearest of a group of 64 with a scale and an offset: as these types do, in groups half as large."""
_AMD = "gfx"
_AMD_FP8, _AMD_MXFP4, _AMD_FP8_CACHE = ("gfx94", "gfx95", "gfx12"), ("gfx95",), ("gfx94", "gfx95")
_VOLTA, _TURING, _ADA, _BLACKWELL = (7, 0), (7, 5), (8, 9), (10, 0)


def kernels(kind: str, card: Card) -> tuple[bool, bool, Message | None]:
    """
    Whether an engine loads a format on a card, whether the card computes it as it is, and a sentence about that where
    it is not plain floats.
    """
    name, capability = kind.upper(), card.capability
    if card.architecture is not None and card.architecture.startswith(_AMD):
        return _of_amd(kind, card.architecture)
    if capability is None:
        return not name.startswith("NVFP4"), True, None
    unpacked = message("reason.serving-marlin", format=kind)
    if name.startswith(("BF16", "FP16")):
        return capability >= _VOLTA, True, None
    for start, since in (("FP8", _ADA), ("NVFP4", _BLACKWELL), ("MXFP4", _BLACKWELL)):
        if name.startswith(start) and capability >= since:
            return True, True, message("reason.serving-computed", format=start)
    if name.startswith("W8A8"):
        # Blackwell has no units for whole numbers of eight bits.
        able = _TURING <= capability < _BLACKWELL
        return able, able, message("reason.serving-computed", format="INT8")
    return capability >= _TURING, False, unpacked


def _of_amd(kind: str, architecture: str) -> tuple[bool, bool, Message | None]:
    """
    The same of a card of AMD: other formats than those that it computes are unpacked by Triton's kernels.
    """
    name = kind.upper()
    if name.startswith(("BF16", "FP16")):
        return True, True, None
    if name.startswith("FP8"):
        able = architecture.startswith(_AMD_FP8)
        return able, able, message("reason.serving-computed", format="FP8")
    if name.startswith("W8A8"):
        return True, True, message("reason.serving-computed", format="INT8")
    if name.startswith("MXFP4") and architecture.startswith(_AMD_MXFP4):
        return True, True, message("reason.serving-computed", format="MXFP4")
    return not name.startswith("NVFP4"), False, message("reason.serving-unpacked", format=kind)


def is_unusual(kind: str, card: Card) -> bool:
    """
    Whether the card computes as many bits in a way that engines are made for rather: FP8 in the place of whole numbers.
    """
    return kind.upper().startswith("W8A8") and kernels("FP8", card)[1]


def cache_types(card: Card) -> tuple[str, ...]:
    """
    The types of cache that a card has kernels for by default, the plain one first.
    """
    able = card.capability is not None and card.capability >= _ADA
    if card.architecture is not None and card.architecture.startswith(_AMD):
        able = card.architecture.startswith(_AMD_FP8_CACHE)
    return ("auto", "fp8") if able else ("auto",)


def loss_of(model: ModelSpec, kind: str, *, own: bool) -> Quality:
    """
    What a format of published weights loses against 16 bits; one that the model's makers publish loses nothing of it.
    """
    data = table("quality")
    plain = own or kind.upper() in ("BF16", "FP16")
    measured = None if plain else of_format(data, "AWQ" if kind.upper().startswith("W4A16") else kind)
    alike = _LIKE.get(kind.upper())
    figure: float | None = 0.0 if plain else None if measured is None else measured.mean_kld
    if alike is not None:
        figure = of_file_type(data, alike, imatrix=False)
    if figure is None:
        unknown = message("quality.unknown")
        return Quality(value=None, metric=METRIC, basis=unknown, words=unknown)
    known = Model(
        parameters=model.parameters,
        active_parameters=model.active_parameters,
        experts=model.active_parameters is not None,
        id=model.id,
        architecture=model.architecture,
        words=scored_words(model.tensors, model.hparams),
        latent=is_latent(model.hparams),
    )
    value = figure if not figure else of_model(data, figure, known)
    spread = spread_of(data, model.id)
    low, high = spread["low"], spread["high"]
    if measured is not None and alike is None:
        low, high = min(low, measured.low), max(high, measured.high)
    return Quality(
        value=value,
        low=value * low,
        high=value * high,
        same_first_choice_percent=agreement(value),
        usable=True,
        metric=METRIC,
        basis=_basis(kind, alike, measured, known, low, high),
        words=in_words(value),
    )


def _basis(
    kind: str, alike: str | None, measured: Format | None, model: Model, low: float, high: float
) -> Message:
    if alike is not None:
        return message("quality.basis.like", format=kind, quant=alike)
    if measured is None:
        return message("quality.basis.published")
    return message(
        "quality.basis.format",
        format=kind,
        divergence=measured.mean_kld,
        files=measured.files,
        models=measured.models,
        size=model.size,
        low=low,
        high=high,
    )


_ALIKE = {
    "FP8-BLOCK": "FP8",
    "AWQ": "INT4",
    "GPTQ-INT4": "INT4",
    "W4A16": "INT4",
    "W8A8": "INT8",
    "GPTQ-INT8": "INT8",
    "FP16": "BF16",
}


def packed_as(kind: str) -> str:
    """
    How a format packs weights: those of one word differ in who made them, hardly in what they take or lose.
    """
    return _ALIKE.get(kind.upper(), kind.upper())
