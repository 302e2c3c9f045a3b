"""
Names of model files: which file a choice is, which quantization a name ends in, which part of a set it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import Choice

_QUANT = (
    r"(?i)(?:^|[-_.])((?:UD-)?(?:IQ[1-4]_(?:XXS|XS|NL|S|M)|T?Q[1-8]_(?:K(?:_(?:XXL|XL|L|M|S))?|[01])"
    r"|BF16|F16|F32|MXFP4(?:_MOE)?))$"
)
_SPLIT = r"-(\d{5})-of-(\d{5})$"


def model_file(choice: Choice, model: ModelSpec) -> str:
    """
    The file that a choice is, or the name under which its quantization is customarily published.
    """
    if choice.on_disk is not None:
        return choice.on_disk
    if model.path is not None and choice.quant == model.quant:
        # An address is where it can be had; the file has its name when it is here.
        return model.path if is_local(model) else model.path.partition("?")[0].rpartition("/")[2]
    base = (model.repo or model.id).rpartition("/")[2]
    if model.published is not None and model.published.stem is not None:
        base = model.published.stem
    return f"{base}-{choice.quant}.gguf"


def needs_file(choice: Choice, model: ModelSpec) -> bool:
    """
    Tell whether the file of a choice is not on this machine, as far as is known.
    """
    return choice.on_disk is None and not (is_local(model) and choice.quant == model.quant)


def embeds(model: ModelSpec) -> bool:
    """
    Tell whether a model makes vectors of text, by the catalog or by its file.
    """
    if model.published is not None:
        return model.published.embeds
    return model.hparams.get("attention.causal") is False and "pooling_type" in model.hparams


def is_local(model: ModelSpec) -> bool:
    """
    Tell whether a model was read from a file of this machine, not from an address or the catalog.
    """
    return model.path is not None and not model.path.lower().startswith(("http://", "https://"))


def quant_in_name(file: str) -> str | None:
    """
    The quantization that a file's name ends in: ``Q4_K_M`` of ``model-Q4_K_M-00001-of-00003.gguf``.
    """
    stem = re.sub(_SPLIT, "", file.removesuffix(".gguf"))
    found = re.search(_QUANT, stem)
    return found.group(1).upper().removeprefix("UD-") if found else None


def split_of(file: str) -> tuple[str, int, int] | None:
    """
    The stem, number and count of a part of a split set, None of any other file.
    """
    stem = file.removesuffix(".gguf")
    found = re.search(_SPLIT, stem)
    return (stem[: found.start()], int(found.group(1)), int(found.group(2))) if found else None
