"""
Which model drafts, and how: what was given, and what follows from the draft model where the way was not given.
"""

from typing import TYPE_CHECKING

from llmprobe.errors import RefusedError, UsageError
from llmprobe.tasks.arguments import check_model
from llmprobe.words.message import message

if TYPE_CHECKING:
    from llmprobe.estimation.second import Draft
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.settings import SettingsOptions, SpecType


def set_up(
    model: "ModelSpec", given: "SettingsOptions", draft_model: "ModelSpec | None", draft_quant: str | None
) -> "tuple[ModelSpec, SettingsOptions, Draft | None]":
    """
    The model with the layers that its way of drafting needs, the settings with the way, and the draft model.

    Raises:
        UsageError: a draft model's quantization is given without one.
        RefusedError: the model has no layers that predict a token more.
    """
    if draft_model is None and not given.get("spec_type"):
        if draft_quant is not None:
            raise UsageError(message("error.draft-quant-alone"), hint=message("hint.draft-missing"))
        return model, given, None
    # Imported only here: most estimates draft nothing.
    from llmprobe.model.next_token import with_next_token

    if draft_model is None:
        if given.get("spec_type") == ("draft-mtp",):
            model = with_next_token(model)
        return model, given, None
    from llmprobe.estimation.kept import estimator_of
    from llmprobe.estimation.second import Draft
    from llmprobe.tasks.defaults import DEFAULT_QUANT
    from llmprobe.tasks.models import quant_name

    check_model(draft_model)
    quant = draft_model.quant or draft_model.published_quant or DEFAULT_QUANT
    if draft_quant is not None:
        quant = quant_name(draft_quant)
    if not given.get("spec_type"):
        given = {**given, "spec_type": (_way_of(draft_model),)}
    draft = Draft(estimator_of(draft_model), quant)
    if draft.is_head:
        _check_head(model, draft_model)
    return model, given, draft


def _check_head(model: "ModelSpec", head: "ModelSpec") -> None:
    """
    Check that a head belongs to a model of this size: it reads as wide a state, and as many words.

    Raises:
        RefusedError: it was made for another model.
    """
    width = head.hparams.get("target_hidden_size") or head.hparams.get("embedding_length")
    told = {"embedding_length": width, "vocab_size": head.hparams.get("vocab_size")}
    for name, value in told.items():
        if value and model.hparams.get(name) and value != model.hparams[name]:
            raise RefusedError(
                message(
                    "error.head-of-other-model", head=head.name, model=model.name, width=name, expected=value
                ),
                hint=message("hint.head-of-other-model"),
            )


def _way_of(draft: "ModelSpec") -> "SpecType":
    """
    How llama.cpp drafts with a file that does not say: by its metadata (common_speculative_types_from_gguf).
    """
    names = {tensor.name for tensor in draft.tensors}
    if draft.architecture == "dflash":
        return "draft-dspark" if "markov_w1.weight" in names else "draft-dflash"
    if draft.architecture == "eagle3":
        return "draft-eagle3"
    last = int(draft.hparams.get("block_count") or 0) - 1
    trunk = "blk.0.attn_norm.weight" in names
    return "draft-mtp" if f"blk.{last}.nextn.eh_proj.weight" in names and not trunk else "draft-simple"
