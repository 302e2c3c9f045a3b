"""
How tokens are drafted, from what a caller gives.
"""

import msgspec
import pytest

import llmprobe
from benchmarks.accuracy_second import head
from llmprobe.errors import RefusedError, UsageError
from llmprobe.tasks.drafting import set_up

TARGET = llmprobe.load_model("qwen3-8b")
DRAFT = llmprobe.load_model("qwen3-0.6b")
NEXT = llmprobe.load_model("qwen3.6-27b")


def test_a_draft_model_drafts_by_itself_unless_told() -> None:
    """
    A plain model is draft-simple, a file with nothing but a layer for a further token draft-mtp.
    """
    _, given, draft = set_up(TARGET, {}, DRAFT, "Q8_0")
    layer = msgspec.structs.replace(
        DRAFT,
        hparams={**DRAFT.hparams, "block_count": 29, "nextn_predict_layers": 1},
        tensors=(
            *(
                msgspec.structs.replace(one, name=one.name.replace("blk.0.", "blk.28."), layer=28)
                for one in DRAFT.tensors
                if one.layer == 0
            ),
            msgspec.structs.replace(DRAFT.tensors[0], name="blk.28.nextn.eh_proj.weight", layer=28),
        ),
    )
    _, of_layer, _ = set_up(TARGET, {}, layer, None)

    assert (given["spec_type"], of_layer["spec_type"]) == (("draft-simple",), ("draft-mtp",))
    assert draft is not None
    assert draft.quant == "Q8_0"


def test_a_model_of_the_catalog_is_taken_with_its_layer_for_a_further_token() -> None:
    """
    Qwen 3.6 is published with one; the answer says that the file must have it. A model without is refused.
    """
    model, _, draft = set_up(NEXT, {"spec_type": ("draft-mtp",)}, None, None)

    assert draft is None
    assert model.hparams["nextn_predict_layers"] == 1
    assert model.hparams["block_count"] == NEXT.hparams["block_count"] + 1
    assert sum("nextn" in tensor.name for tensor in model.tensors) == 4
    assert [note.id for note in model.notes][-1] == "note.next-token-file"
    with pytest.raises(RefusedError, match="no layers that predict"):
        set_up(TARGET, {"spec_type": ("draft-mtp",)}, None, None)


def test_a_quantization_of_no_draft_model_is_refused() -> None:
    """
    --quant-draft without -md says nothing.
    """
    with pytest.raises(UsageError, match="without a draft model"):
        set_up(TARGET, {}, None, "Q8_0")


def test_an_estimate_says_how_tokens_are_drafted() -> None:
    """
    The way, the most tokens, the draft model, and the states that are kept for it.
    """
    answer = llmprobe.estimate(
        TARGET, quant="Q4_K_M", ctx_size=4096, devices=1, draft_model=DRAFT, draft_quant="Q8_0"
    )
    assert answer.draft is not None
    assert answer.draft.model is not None
    assert (answer.draft.types, answer.draft.tokens, answer.draft.model.id) == (
        ("draft-simple",),
        3,
        "qwen3-0.6b",
    )
    mine = llmprobe.estimate(NEXT, quant="Q4_K_M", ctx_size=4096, devices=1, spec_type="draft-mtp")
    assert mine.draft is not None
    assert (mine.draft.model, mine.draft.rs_snapshots) == (None, 3)


@pytest.mark.parametrize(
    "settings", [{"spec_type": "magic"}, {"spec_draft_n_max": -1}, {"spec_draft_device": ["the big one"]}]
)
def test_what_cannot_be_is_refused_in_words(settings: dict[str, object]) -> None:
    """
    A way that does not exist, a negative number, a device without a number.
    """
    with pytest.raises(UsageError):
        llmprobe.estimate(TARGET, devices=1, **settings)  # type: ignore[arg-type]  # that is the point


def test_a_head_drafts_as_its_metadata_say_and_for_its_own_model_only() -> None:
    """
    EAGLE-3, DFlash and DSpark are told apart; a head for Qwen 3 8B is refused for 0.6B, whose state is narrower.
    """
    ways = [
        set_up(TARGET, {}, head(f"qwen3-8b {kind} f16"), None)[1]["spec_type"]
        for kind in ("eagle3", "dflash", "dspark")
    ]

    assert ways == [("draft-eagle3",), ("draft-dflash",), ("draft-dspark",)]
    with pytest.raises(RefusedError, match="expects embedding_length 4096"):
        set_up(DRAFT, {}, head("qwen3-8b dflash f16"), None)
