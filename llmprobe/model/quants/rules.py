"""
Which type a tensor gets in which file type: the quantizer's choices by role, position, heads and experts.

These are rules about tensors, never about one model. Source: llama.cpp b11549, src/llama-quant.cpp.
"""

import msgspec

from llmprobe.errors import RefusedError
from llmprobe.model.quants.roles import VALUE_ROLES, Role
from llmprobe.model.quants.types import TYPES
from llmprobe.words.message import message

_LOWEST = frozenset(("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M"))
_NEAR_THREE = frozenset(("IQ2_S", "IQ2_M"))
_EIGHT_EXPERTS_Q5_OUTPUT = frozenset(
    (
        "Q2_K",
        "IQ3_XS",
        "IQ3_XXS",
        "Q3_K_S",
        "Q3_K_M",
        "IQ4_NL",
        "Q4_K_S",
        "Q4_K_M",
        "IQ3_S",
        "IQ3_M",
        "IQ4_XS",
    )
)
_ATTENTION_OUTPUT = {"Q2_K": "q3_K", "IQ3_XXS": "iq3_s", "Q3_K_M": "q4_K", "Q3_K_L": "q5_K", "IQ3_M": "q4_K"}
_FALLBACK = {
    "iq1_s": "iq4_nl", "iq1_m": "iq4_nl", "iq2_xxs": "iq4_nl", "iq2_xs": "iq4_nl", "iq2_s": "iq4_nl",
    "iq3_xxs": "iq4_nl", "iq3_s": "iq4_nl", "iq4_xs": "iq4_nl", "q2_0": "q4_0", "q2_K": "q4_0",
    "q3_K": "q4_0", "tq1_0": "q4_0", "tq2_0": "q4_0", "q4_K": "q5_0", "q5_K": "q5_1", "q6_K": "q8_0",
}  # fmt: skip


class Mixture(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the rules ask of a model and of the file type that is made.

    ``gqa`` is heads per K/V head of the first layer, 0 where that layer has none. ``seventy`` marks the
    shape of a 70B model with grouped heads. ``tied`` means that there is no ``output.weight``.
    """

    file_type: str
    base: str
    architecture: str
    gqa: int
    experts: int
    seventy: bool
    tied: bool
    imatrix: bool


class Position(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    Where a tensor is in the model, as far as the rules look: tensors of one role that have it in common have one type.

    ``second``, ``fourth``, ``counted_early`` and ``value_often`` are of its count within the role, the others of its
    layer, or of that count where there are no experts. ``often`` and ``value_often`` get more bits (``more_bits``).
    """

    second: bool
    fourth: bool
    counted_early: bool
    value_often: bool
    earliest: bool
    early: bool
    middle: bool
    often: bool


def position_of(index: int, layer: int | None, *, experts: int, values: int, layers: int) -> Position:
    """
    Where a tensor is that is the ``index``-th of its role, in this layer.

    ``values`` counts all value tensors of the model. Feed-forward tensors of a model with experts are placed by their
    layer, since experts are not in order.
    """
    place = index if experts <= 1 or layer is None else layer
    return Position(
        second=index < 2,
        fourth=index < 4,
        counted_early=index < layers // 8,
        value_often=more_bits(index, values),
        earliest=place < layers // 16,
        early=place < layers // 8,
        middle=layers // 8 <= place < 7 * layers // 8,
        often=more_bits(place, layers),
    )


def more_bits(index: int, count: int) -> bool:
    """
    Whether a layer is among the first or last eighth, or every third between them.
    """
    return index < count // 8 or index >= 7 * count // 8 or (index - count // 8) % 3 == 2


def fitting(kind: str, ne0: int, name: str) -> str:
    """
    A type whose blocks divide rows of ``ne0`` values: the wanted one, its fallback, or f16.

    Raises:
        RefusedError: llama-quantize has no fallback for this type and stops.
    """
    block = TYPES[kind].block
    if ne0 % block == 0:
        return kind
    fallback = _FALLBACK.get(kind, kind)
    if fallback == kind and block > 32:
        raise RefusedError(
            message("error.quant-not-possible", type=kind, tensor=name, row=ne0, block=block),
            hint=message("hint.smaller-blocks"),
        )
    return fallback if ne0 % TYPES[fallback].block == 0 else "f16"


def choose(mixture: Mixture, role: Role, name: str, shape: tuple[int, ...], position: Position) -> str:
    """
    The type that the mixture wants for a tensor, before ``fitting``.
    """
    name_of_type, base = mixture.file_type, mixture.base
    if mixture.architecture == "glm5-next" and any(
        p in name for p in ("attn_q_a", "attn_q_b", "nextn.eh_proj")
    ):
        return "q8_0"
    if role == "output" or (mixture.tied and role == "token_embd"):
        return _output(mixture, shape[0])
    if name_of_type == "MXFP4_MOE":
        return _mxfp4(mixture, role, shape)
    if role == "token_embd":
        return _embedding(name_of_type, base)
    if name_of_type in _LOWEST:
        return _lowest(mixture, role, position)
    if role in VALUE_ROLES:
        return _value(mixture, position)
    if role in ("attn_k", "attn_q"):
        return _query_or_key(mixture, role)
    if role == "down":
        return _down(mixture, position)
    if role == "attn_output":
        return _attention_output(mixture)
    fewer = role in ("gate", "up") and name_of_type == "IQ3_XS" and position.middle
    return "iq3_xxs" if fewer else base


def _output(mixture: Mixture, ne0: int) -> str:
    if (
        mixture.file_type == "MXFP4_MOE"
        or mixture.architecture == "falcon"
        or ne0 % TYPES[mixture.base].block
    ):
        return "q8_0"
    if mixture.file_type in _LOWEST or mixture.file_type == "IQ3_XXS":
        return "q5_K"
    return "q8_0" if mixture.base == "q8_0" else "q6_K"


def _mxfp4(mixture: Mixture, role: Role, shape: tuple[int, ...]) -> str:
    stacked = len(shape) > 2 and shape[2] > 1
    if stacked and (mixture.architecture != "bailingmoe3" or role in ("up", "gate", "down")):
        return "mxfp4"
    return "q8_0"


def _embedding(file_type: str, base: str) -> str:
    if file_type in _NEAR_THREE or file_type == "IQ3_XXS":
        return "iq3_s"
    if file_type in _LOWEST:
        return "q2_K"
    return "q4_K" if file_type in ("TQ1_0", "TQ2_0", "Q2_0") else base


def _lowest(mixture: Mixture, role: Role, position: Position) -> str:
    better = "iq3_s" if mixture.file_type in _NEAR_THREE else "q2_K"
    if role in VALUE_ROLES:
        return "q4_K" if mixture.gqa >= 4 or mixture.experts >= 4 else better
    if role == "attn_k" and mixture.experts == 8:
        return "q4_K"
    if role == "down" and position.counted_early:
        return better
    if role == "attn_output":
        if mixture.experts == 8:
            return "q5_K"
        if mixture.file_type in ("IQ1_S", "IQ1_M"):
            return "iq2_xxs"
        if mixture.file_type in _NEAR_THREE:
            return "iq3_s"
    return mixture.base


def _value(mixture: Mixture, position: Position) -> str:
    if mixture.experts == 8:
        return "q8_0"
    kind = mixture.base
    grouped = mixture.gqa >= 4
    match mixture.file_type:
        case "Q2_K":
            kind = "q4_K" if grouped else "q3_K"
        case "Q2_K_S" | "IQ3_XS" | "IQ3_S" if grouped:
            kind = "q4_K"
        case "IQ3_XXS":
            kind = "q4_K" if grouped else "iq3_xxs" if mixture.imatrix else "iq3_s"
        case "IQ3_M":
            kind = "q4_K"
        case "Q3_K_M":
            kind = "q5_K" if position.second else "q4_K"
        case "Q3_K_L":
            kind = "q5_K"
        case "IQ4_NL" | "IQ4_XS" if grouped:
            kind = "q5_K"
        case "Q4_K_M" | "Q5_K_M" if position.value_often:
            kind = "q6_K"
        case "Q4_K_S" if position.fourth:
            kind = "q5_K"
    return "q5_K" if mixture.seventy and kind in ("q3_K", "q4_K") else kind


def _query_or_key(mixture: Mixture, role: Role) -> str:
    if role == "attn_k" and mixture.experts == 8:
        return "q8_0"
    return {"IQ3_XS": "iq3_xxs", "IQ3_XXS": "iq2_s"}.get(mixture.file_type, mixture.base)


def _down(mixture: Mixture, position: Position) -> str:
    falcon = mixture.architecture == "falcon"
    early, many = position.early, position.often
    match mixture.file_type:
        case "Q2_K":
            return "q3_K"
        case "Q2_K_S" if early:
            return "q4_K"
        case "IQ3_XXS" if not mixture.imatrix:
            return "q4_K" if early else "q3_K"
        case "Q3_K_M":
            return "q5_K" if position.earliest else "q4_K" if not falcon or many else "q3_K"
        case "IQ3_M" if early or (mixture.experts == 8 and many):
            return "q4_K"
        case "Q3_K_L":
            return "q4_K" if falcon else "q5_K"
        case "Q4_K_M" if falcon:
            return "q6_K" if position.earliest else "q5_K" if many else "q4_K"
        case "Q4_K_M" | "Q5_K_M" if many:
            return "q6_K"
        case "IQ4_NL" | "IQ4_XS" if early and not mixture.imatrix:
            return "q5_K"
        case "Q4_K_S" if early and not falcon:
            return "q5_K"
        case "Q4_0" | "Q5_0" if early and mixture.imatrix:
            return "q4_1" if mixture.file_type == "Q4_0" else "q5_1"
    return mixture.base


def _attention_output(mixture: Mixture) -> str:
    if mixture.architecture == "falcon":
        return "q4_K" if mixture.file_type == "Q3_K_L" else mixture.base
    if mixture.experts == 8:
        return "q5_K" if mixture.file_type in _EIGHT_EXPERTS_Q5_OUTPUT else mixture.base
    return _ATTENTION_OUTPUT.get(mixture.file_type, mixture.base)
