"""
A model from its Hugging Face ``config.json``: what its GGUF file would hold, checked against the files beside it.

Nothing is guessed of a class that we don't know: another architecture has other tensors.
"""

from typing import Any

import msgspec

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams, ModelSpec, Tensor
from llmprobe.model import archs
from llmprobe.model.archs._shared.config import Config, text_part
from llmprobe.model.archs._shared.limits import check_parameters, check_sizes
from llmprobe.model.formats import classes, gguf_model, published
from llmprobe.model.formats.hf_hparams import hparams as hparams_of
from llmprobe.model.formats.published.encoders import encoder_parameters
from llmprobe.model.formats.safetensors import Weights
from llmprobe.words.message import Message, message

LARGEST = 4 << 20
_SAME = 0.001
_FAR = 0.1
_ODD = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, ZeroDivisionError)
"""What values of other kinds and sizes than any model has lead to: text for a number, no layers, a window of -1."""

_WHOLE = frozenset(
    (
        "DeepseekOCR2ForCausalLM",
        "DeepseekOCRForCausalLM",
        "Exaone4_5_ForConditionalGeneration",
        "KimiK3ForConditionalGeneration",
        "Sarashina2VisionForCausalLM",
        "Step3p7ForConditionalGeneration",
        "StepVLForConditionalGeneration",
        "UnlimitedOCRForCausalLM",
    )
)
"""Classes whose language model is not what the class of that part says."""

_MXFP4 = "MXFP4"
_PLAIN = {"bfloat16": 2, "float16": 2, "float32": 4}


def spec(
    content: bytes,
    name: str,
    *,
    path: str | None = None,
    weights: Weights | None = None,
    quantization: bytes | None = None,
) -> ModelSpec:
    """
    The model of a configuration; ``weights`` is what the files beside it hold, where there are any, ``quantization``
    what is in ``hf_quant_config.json``.

    Raises:
        ModelError: it is no configuration, of a class that we don't know, incomplete, or of other files.
    """
    values = _decoded(content)
    classes.refuse(class_of(values))
    architecture = architecture_of(values)
    family = None if architecture is None else archs.get(architecture)
    if architecture is None or family is None:
        kind = class_of(values)
        raise ModelError(
            message("config.class-unknown", name=kind[:60])
            if kind
            else message("config.lacks-in-file", keys=("architectures",)),
            hint=message("hint.gguf-of-model"),
        )
    try:
        config = Config(values, architecture, family.common_words)
        hparams = _hparams(config)
    except ModelError as error:
        raise _in_file(error) from None
    if weights is not None:
        hparams["tie_word_embeddings"] = weights.tied
        hparams["vocab_size"] = weights.vocabulary(config.width) or hparams.get("vocab_size")
    tensors = _listed(family, hparams)
    file_parameters = sum(tensor.elements for tensor in tensors)
    context = hparams.get("context_length")
    beside = None if quantization is None else _decoded(quantization)
    found = published.folder(config.values, tensors, architecture, weights=weights, beside=beside)
    return ModelSpec(
        id=name,
        name=name,
        architecture=architecture,
        hparams=hparams,
        tensors=tensors,
        parameters=file_parameters - gguf_model.next_n_elements(tensors, hparams),
        active_parameters=gguf_model.active_elements(tensors, hparams)
        if hparams.get("expert_count")
        else None,
        file_parameters=file_parameters,
        max_context=context if isinstance(context, int) else None,
        source="config",
        path=path,
        published_quant=_MXFP4 if found is not None and found.format == published.MXFP4_EXPERTS else None,
        folder=found,
        quantization=published.quantization(config.values, beside),
        encoder_parameters=(None if weights is None else weights.encoder_parameters)
        or encoder_parameters(config.values, config.width),
        notes=(
            *([] if found is None else published.notes(found)),
            *_notes(config, hparams),
            *_checked(
                tensors, hparams, config, weights, quantized=found is not None and found.gguf != "made"
            ),
        ),
    )


def class_of(values: dict[str, Any]) -> str | None:
    """
    The class that decides what a configuration describes: that of its language model where it has its own.
    """
    part, whole = text_part(values), _first(values.get("architectures"))
    if whole is None and isinstance(values.get("ssm_cfg"), dict):
        # The first Mambas name a kind of layer and no class.
        return f"{values['ssm_cfg'].get('layer', 'Mamba')}ForCausalLM"
    inner = None if part is None else _first(part.get("architectures"))
    return whole if inner is None or whole in _WHOLE else inner


def _first(names: Any) -> str | None:
    found = names[0] if isinstance(names, list) and names else None
    return found if isinstance(found, str) else None


def architecture_of(values: dict[str, Any]) -> str | None:
    """
    GGUF's name for the architecture of a configuration, None where we know of none.
    """
    name = class_of(values)
    family = None if name is None else archs.of_class(name)
    if name is None or family is None:
        return None
    architecture = family.hf_classes[name]
    return (
        architecture if family.settled is None else family.settled(architecture, text_part(values) or values)
    )


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _leniently_decoded(content)


def _leniently_decoded(content: bytes) -> dict[str, Any]:
    """
    A configuration that Python wrote and strict JSON does not allow: with ``Infinity`` or ``NaN`` for a number.
    """
    import json

    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(message("config.not-json"), hint=message("hint.download-again")) from error
    if not isinstance(values, dict):
        raise ModelError(message("config.not-json"), hint=message("hint.download-again"))
    return values


def _hparams(config: Config) -> Hparams:
    try:
        hparams = hparams_of(config)
        check_sizes(hparams)
    except _ODD as error:
        raise ModelError(message("config.odd-values"), hint=message("hint.download-again")) from error
    return hparams


def _in_file(error: ModelError) -> ModelError:
    return ModelError(message("error.in-file", file="config.json", reason=error.message), hint=error.hint)


def _listed(family: archs.Family, hparams: Hparams) -> tuple[Tensor, ...]:
    try:
        tensors = family.tensors(hparams)
        family.caches(hparams)
        check_parameters(tensors)
    except ModelError as error:
        raise _in_file(error) from None
    except _ODD as error:
        raise _in_file(
            ModelError(message("config.odd-values"), hint=message("hint.download-again"))
        ) from error
    return tensors


def _notes(config: Config, hparams: Hparams) -> list[Message]:
    values = config.values
    notes = []
    if config.defaulted:
        notes.append(
            message("config.defaults", keys=config.defaulted, kind=str(config.values.get("model_type"))[:60])
        )
    further = config.number("num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_layers")
    if further and not hparams.get("nextn_predict_layers"):
        notes.append(message("model.next-n-left-out", layers=further))
    if any(isinstance(values.get(part), dict) for part in ("vision_config", "audio_config")):
        notes.append(message("model.projector-left-out"))
    return notes


def _checked(
    tensors: tuple[Tensor, ...], hparams: Hparams, config: Config, weights: Weights | None, *, quantized: bool
) -> list[Message]:
    """
    What follows from comparing the list of tensors with the files that are there.
    """
    if weights is None:
        return [message("model.no-files-to-check")]
    found = weights.parameters(hparams["block_count"])
    if found is None and not quantized:
        found = _from_bytes(config, weights)
    if found is None:
        return [message("model.files-not-checkable")]
    listed = sum(tensor.elements for tensor in tensors if not tensor.name.startswith("rope_"))
    off = abs(found - listed) / listed
    if off <= _SAME:
        return []
    if off > _FAR:
        raise ModelError(
            message("error.files-of-another-model", found=found, listed=listed),
            hint=message("hint.gguf-of-model"),
        )
    return [message("model.files-differ", found=found, listed=listed, off=off)]


def _from_bytes(config: Config, weights: Weights) -> int | None:
    """
    The parameters that so many bytes hold, None where something else may be among them.
    """
    size = _PLAIN.get(str(config.get("torch_dtype", "dtype")).removeprefix("torch."))
    parts = any(isinstance(config.values.get(part), dict) for part in ("vision_config", "audio_config"))
    if weights.total_bytes is None or size is None or parts:
        return None
    return weights.total_bytes // size
