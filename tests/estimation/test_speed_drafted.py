"""
How fast a model writes whose tokens are drafted.
"""

import pytest

import llmprobe
from benchmarks.truth.loads import spec
from llmprobe.data import table
from llmprobe.estimation import Estimator
from llmprobe.estimation.second import Draft
from llmprobe.estimation.speed.drafted import drafted_speed, tokens_per_check
from llmprobe.estimation.speed.generation import generation_speed
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.estimate import Speed
from llmprobe.facts.settings import Settings, without_drafts
from llmprobe.model.next_token import with_next_token
from llmprobe.words.render import english

FAST = Hardware(devices=(Device(id="gpu0", bandwidth_bytes_per_s=10**12, compute_capability="8.9"),))
TARGET = Estimator(spec("qwen3-32b"))
SMALL = Draft(Estimator(spec("qwen3-0.6b")), "Q4_K_M")


def both(estimator: Estimator, settings: Settings, draft: Draft | None) -> tuple[Speed, Speed]:
    """
    The speed without drafts, and with them.
    """
    plain = generation_speed(estimator.shares("Q4_K_M", without_drafts(settings), FAST), moe=estimator.is_moe)
    return plain, drafted_speed(
        plain, estimator, "Q4_K_M", settings, FAST, draft, ram_bandwidth=None, processor=None
    )


@pytest.mark.parametrize(
    ("accepted", "count", "tokens"), [(0.0, 3, 1.0), (0.5, 3, 1.875), (1.0, 3, 4.0), (0.5, 1, 1.5)]
)
def test_a_check_yields_what_is_accepted_before_the_first_miss_and_one_more(
    accepted: float, count: int, tokens: float
) -> None:
    """
    1 + a + a² + a³.
    """
    assert tokens_per_check(accepted, count) == pytest.approx(tokens)


def test_a_small_draft_makes_a_large_model_faster_within_what_is_possible() -> None:
    """
    Nothing is faster than all tokens accepted and drafts for nothing; the range holds the likely figure.
    """
    settings = Settings(ctx_size=4096, spec_type=("draft-simple",))
    plain, drafted = both(TARGET, settings, SMALL)

    assert plain.generation_tokens_per_s is not None
    assert drafted.generation_tokens_per_s is not None
    before, after = plain.generation_tokens_per_s, drafted.generation_tokens_per_s
    assert before.likely < after.likely < 4 * before.likely
    assert after.low < after.likely < after.high
    assert drafted.prompt_tokens_per_s == plain.prompt_tokens_per_s


def test_a_draft_as_large_as_the_model_makes_it_slower() -> None:
    """
    Three drafts that cost as much as the model for 2.2 tokens.
    """
    settings = Settings(ctx_size=4096, spec_type=("draft-simple",))
    plain, drafted = both(TARGET, settings, Draft(TARGET, "Q4_K_M"))

    assert plain.generation_tokens_per_s is not None
    assert drafted.generation_tokens_per_s is not None
    assert drafted.generation_tokens_per_s.likely < 0.6 * plain.generation_tokens_per_s.likely


def test_the_accepted_part_is_said_to_be_an_assumption() -> None:
    """
    The reason has the figure, its range, and what it makes of the plain speed.
    """
    _, drafted = both(TARGET, Settings(ctx_size=4096, spec_type=("draft-simple",)), SMALL)
    accepted = table("drafting")["acceptance"]["draft-simple"]

    assert drafted.reason.id == "speed.drafted"
    values = drafted.reason.values
    assert (values["accepted"], values["low"], values["high"]) == tuple(
        accepted[name] for name in ("likely", "low", "high")
    )
    assert "an assumption" in english(drafted.reason)


def test_experts_gain_less_as_every_token_chooses_its_own() -> None:
    """
    A check of four tokens reads more experts than one token does; a dense model reads its weights once.
    """
    dense = Estimator(with_next_token(llmprobe.load_model("qwen3.6-27b")))
    sparse = Estimator(with_next_token(llmprobe.load_model("qwen3.6-35b-a3b")))
    gains = []
    for estimator in (dense, sparse):
        plain, drafted = both(estimator, Settings(ctx_size=4096, spec_type=("draft-mtp",)), None)
        assert plain.generation_tokens_per_s is not None
        assert drafted.generation_tokens_per_s is not None
        gains.append(drafted.generation_tokens_per_s.likely / plain.generation_tokens_per_s.likely)

    assert gains[0] > 1.3
    assert gains[1] < gains[0] - 0.2


def test_repeated_text_can_only_gain() -> None:
    """
    N-gram drafting has no draft to pay for: the likely figure stays, the range grows upwards.
    """
    plain, drafted = both(TARGET, Settings(ctx_size=4096, spec_type=("ngram-mod",)), None)
    before, after = plain.generation_tokens_per_s, drafted.generation_tokens_per_s

    assert before is not None
    assert after is not None
    assert (after.low, after.likely) == (before.low, before.likely)
    assert after.high > before.high
