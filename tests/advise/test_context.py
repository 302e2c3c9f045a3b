"""
The context that will be in force, and who is named first as using memory.
"""

import msgspec
import pytest

from llmprobe.advise.choose.context import in_force, requested
from llmprobe.facts.machine import Holder
from llmprobe.facts.recommendation import Wishes
from tests.advise.machines import LLAMA_8B, model
from tests.advise.messages import inner, listed, the
from tests.advise.test_notes import asked, busy

TRAINED = model("llama", LLAMA_8B)
UNTRAINED = msgspec.structs.replace(TRAINED, max_context=None)
SHORT = msgspec.structs.replace(TRAINED, max_context=2048)


@pytest.mark.parametrize(
    ("spec", "wishes", "tokens"),
    [
        (TRAINED, {}, 8192),
        (SHORT, {}, 2048),
        (UNTRAINED, {}, 8192),
        (TRAINED, {"max_ctx": True}, 131072),
        (UNTRAINED, {"max_ctx": True}, 8192),
        (TRAINED, {"ctx_size": 0}, 131072),
        (UNTRAINED, {"ctx_size": 0}, 8192),
        (TRAINED, {"ctx_size": 1000}, 1000),
    ],
)
def test_the_requested_context(spec: object, wishes: dict[str, object], tokens: int) -> None:
    """
    The requested one, the longest, or the default, which is never more than the model was trained for.
    """
    assert requested(spec, Wishes(**wishes)) == tokens  # type: ignore[arg-type]  # a model and wishes


def test_the_context_in_force_is_rounded_for_each_slot() -> None:
    """
    Each slot has whole multiples of 256 tokens; the longest is rounded where it is searched for.
    """
    assert in_force(TRAINED, Wishes(ctx_size=1000, parallel=3)) == 1536
    assert in_force(TRAINED, Wishes(max_ctx=True, parallel=3)) == 131072


def test_the_programs_that_use_the_most_are_named_first() -> None:
    """
    Two at the most, the largest first, one whose use is unknown last.
    """
    snapshot = busy(16)
    holders = (
        Holder(pid=1, name="unknown"),
        Holder(pid=2, name="small", used_bytes=1),
        Holder(pid=3, name="large", used_bytes=2),
    )
    pool = msgspec.structs.replace(snapshot.pools[1], held_by=holders)
    snapshot = msgspec.structs.replace(snapshot, pools=(snapshot.pools[0], pool))
    note = the(asked(snapshot).notes, "note.freed")
    (held,) = listed(note, "held")

    assert [one.values["name"] for one in listed(held, "holders")] == ["large", "small"]
    assert [one.values["name"] for one in listed(inner(note, "remedy"), "programs")] == ["large", "small"]
