"""
Which of the ranked candidates are shown, and as what.
"""

from llmprobe.advise.choose.quality import NO_LOSS
from llmprobe.advise.choose.use import Use
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Label, Wishes

WORTH_SHOWING = 1.1
"""How many times faster a choice must be for its loss to be worth showing."""

Shown = list[tuple[Label, Candidate]]


def shown(ranked: list[Candidate], wishes: Wishes, use: Use) -> Shown:
    """
    The best choice and the ends of the trade-off around it, then the next best, each once.
    """
    if not ranked:
        return []
    best = ranked[0]
    # A model that has lost nearly everything is not recommended, though it is the best of what fits.
    chosen: Shown = [("recommended" if best.quality.usable else "last-resort", best)]

    def add(label: Label, candidate: Candidate) -> None:
        if len(chosen) < wishes.top and all(candidate is not other for _, other in chosen):
            chosen.append((label, candidate))

    # Losses that nobody notices are the same: of those the fastest is the best.
    least = min(one.divergence for one in ranked)
    finest = max(
        (one for one in ranked if one.divergence <= max(NO_LOSS, least)), key=lambda one: one.ranking_speed
    )
    if finest.divergence < best.divergence:
        add("best-quality", finest)
    quick = max(ranked, key=lambda one: one.scored().worth(use, "speed"))
    if quick.ranking_speed > best.ranking_speed * WORTH_SHOWING:
        add("faster", quick)
    longest = max(ranked, key=lambda one: one.settings.ctx_size)
    if longest.settings.ctx_size > best.settings.ctx_size:
        add("longest-context", longest)
    for candidate in ranked:
        finer = candidate.divergence < best.divergence and best.divergence > NO_LOSS
        faster = candidate.ranking_speed > best.ranking_speed * WORTH_SHOWING and bool(
            candidate.quality.usable
        )
        if (finer or faster) and all(candidate.quant != other.quant for _, other in chosen):
            add("alternative", candidate)
    return chosen


def disk_first(model: ModelSpec, ranked: list[Candidate], chosen: Shown) -> Shown:
    """
    What is shown, with the file that is on this disk already before all that would have to be downloaded.
    """
    here = next((one for one in ranked if is_on_disk(model, one.quant)), None)
    if here is None:
        return chosen
    others = [(label, one) for label, one in chosen if one.quant != here.quant]
    return [("on-disk", here), *others[: max(1, len(chosen)) - (len(others) == len(chosen))]]


def is_on_disk(model: ModelSpec, quant: str) -> bool:
    """
    Whether the model's file of this quantization is kept on this machine.
    """
    return model.source == "installed" and quant == model.quant
