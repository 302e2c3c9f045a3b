"""
Which candidates are shown beside the best: the ends of the trade-off, then the next best, each once.
"""

import msgspec
import pytest

from llmprobe.advise.choose.shown import disk_first, shown
from llmprobe.advise.choose.use import CHAT
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.facts.recommendation import Wishes
from tests.advise.test_ranking import SPEC, candidate

BEST = candidate(1, 20.0, loss=0.02, quant="Q4_K_M")
FINE = candidate(1, 10.0, loss=0.001, quant="Q8_0")
FINER = candidate(1, 5.0, loss=0.0005, quant="BF16")
GOOD = candidate(1, 15.0, loss=0.01, quant="Q5_K_M")
FAST = candidate(1, 40.0, loss=0.1, quant="Q3_K_M")
RUIN = candidate(1, 80.0, loss=0.5, quant="IQ1_S")


def labels(ranked: list[Candidate], **wishes: object) -> list[tuple[str, str]]:
    return [(label, one.quant) for label, one in shown(ranked, Wishes(**wishes), CHAT)]  # type: ignore[arg-type]


def test_nothing_is_shown_of_nothing() -> None:
    """
    Without candidates there is no choice.
    """
    assert labels([]) == []


def test_the_ends_of_the_trade_off_come_first() -> None:
    """
    Of what loses nothing that is noticed the fastest is the best quality; then a faster one, then the next best.
    """
    assert labels([BEST, GOOD, FINE, FINER, FAST]) == [
        ("recommended", "Q4_K_M"),
        ("best-quality", "Q8_0"),
        ("faster", "Q3_K_M"),
        ("alternative", "Q5_K_M"),
    ]


@pytest.mark.parametrize(("top", "count"), [(1, 1), (2, 2), (5, 5), (9, 5)])
def test_no_more_are_shown_than_wished(top: int, count: int) -> None:
    """
    The best is always among them.
    """
    found = labels([BEST, GOOD, FINE, FINER, FAST], top=top)

    assert (found[0], len(found)) == (("recommended", "Q4_K_M"), count)


def test_what_is_hardly_faster_is_not_shown() -> None:
    """
    A loss is worth showing for more than a tenth of speed.
    """
    hardly = candidate(1, 22.0, loss=0.1, quant="Q3_K_M")
    clearly = candidate(1, 22.1, loss=0.1, quant="Q3_K_M")

    tenth = [candidate(1, 5.0, loss=0.02, quant="Q4_K_M"), candidate(1, 5.5, loss=0.1, quant="Q3_K_M")]

    assert labels([BEST, hardly]) == labels(tenth) == [("recommended", "Q4_K_M")]
    assert labels([BEST, clearly]) == [("recommended", "Q4_K_M"), ("alternative", "Q3_K_M")]


def test_a_ruin_is_a_last_resort_and_no_alternative() -> None:
    """
    What has lost nearly everything is not recommended where it is the best, nor shown for its speed alone.
    """
    slow = candidate(1, 1.0, loss=0.02, quant="Q4_K_M")

    assert labels([RUIN]) == [("last-resort", "IQ1_S")]
    assert labels([candidate(1, loss=0.25)]) == [("last-resort", "Q8_0")]
    assert ("alternative", "IQ1_S") not in labels([BEST, FAST, RUIN])
    assert labels([slow, RUIN])[0] == ("recommended", "Q4_K_M")


def test_a_longer_context_is_shown() -> None:
    """
    Where candidates have contexts of their own, the longest is one of the ends.
    """
    longer = candidate(1, 19.0, loss=0.03, quant="Q3_K_M", ctx_size=8192)

    assert labels([BEST, longer]) == [("recommended", "Q4_K_M"), ("longest-context", "Q3_K_M")]


def test_beside_no_noticeable_loss_nothing_finer_is_an_alternative() -> None:
    """
    Where the best loses nothing that anybody notices, only its end of the trade-off is finer.
    """
    assert labels([FINE, candidate(1, 9.0, loss=0.0005, quant="BF16")]) == [("recommended", "Q8_0")]


def test_the_file_on_this_disk_comes_first() -> None:
    """
    What need not be downloaded is first, and the others follow without it, as many as before.
    """
    here = msgspec.structs.replace(SPEC, source="installed", quant="Q3_K_M")
    chosen = shown([BEST, FINE, FAST], Wishes(), CHAT)
    elsewhere = shown([BEST, FINE], Wishes(), CHAT)

    assert [(label, one.quant) for label, one in disk_first(here, [BEST, FINE, FAST], chosen)] == [
        ("on-disk", "Q3_K_M"),
        ("recommended", "Q4_K_M"),
        ("best-quality", "Q8_0"),
    ]
    assert [(label, one.quant) for label, one in disk_first(here, [BEST, FINE, FAST], elsewhere)] == [
        ("on-disk", "Q3_K_M"),
        ("recommended", "Q4_K_M"),
    ]
    assert disk_first(SPEC, [BEST, FINE, FAST], chosen) == chosen


def test_no_alternative_is_another_way_to_place_what_is_shown() -> None:
    """
    Nor what is better in nothing than the best.
    """
    again = candidate(2, 30.0, loss=0.01, quant="Q5_K_M")
    slower = candidate(1, 19.0, loss=0.03, quant="Q3_K_L")
    found = shown([BEST, GOOD, again, slower], Wishes(), CHAT)

    assert found == [("recommended", BEST), ("best-quality", again)]


@pytest.mark.parametrize(("loss", "shown_too"), [(0.249, True), (0.25, False)])
def test_a_heavy_loss_is_no_alternative_for_its_speed(loss: float, *, shown_too: bool) -> None:
    """
    Beside a fast choice a faster one is an alternative only where a smaller model would not serve better.
    """
    fastest = candidate(1, 90.0, loss=0.1, quant="Q2_K")
    other = candidate(1, 50.0, loss=loss, quant="IQ2_M")

    assert (("alternative", "IQ2_M") in labels([BEST, fastest, other])) is shown_too
