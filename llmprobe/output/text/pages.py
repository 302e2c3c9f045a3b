"""
Answers for people, on stdout, in the language of the run. Imported only when a person reads, because it imports rich.
"""

import sys
from collections.abc import Iterable

from llmprobe.facts.bench import Bench
from llmprobe.facts.cost import Cost
from llmprobe.facts.estimate import Estimate
from llmprobe.facts.finding import Finding
from llmprobe.facts.fit import Fit
from llmprobe.facts.fleet import Fleet, FleetFit, FleetRecommendation
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelList
from llmprobe.facts.plan import Plan
from llmprobe.facts.recommendation import Recommendation
from llmprobe.facts.serving import ServingEstimate
from llmprobe.facts.upgrade import Upgrade
from llmprobe.facts.verification import Verification
from llmprobe.output.text import (
    bench,
    check,
    cost,
    estimate,
    findings,
    fit,
    fleet,
    models,
    plan,
    recommend,
    serving,
    upgrade,
    verify,
    watch,
)
from llmprobe.output.text.console import console_for
from llmprobe.output.text.page import Page
from llmprobe.words.message import message
from llmprobe.words.render import Words


def show_snapshot(snapshot: Snapshot, words: Words, *, target: tuple[str, ...] = ()) -> None:
    check.show(_page(words, target), snapshot)


def show_findings(found: tuple[Finding, ...], words: Words) -> None:
    findings.show(_page(words), found, in_full=True)


def show_recommendation(
    recommendation: Recommendation, words: Words, *, explain: bool = False, target: tuple[str, ...] = ()
) -> None:
    recommend.show(_page(words, target), recommendation, explain=explain)


def show_estimate(answer: Estimate, words: Words, *, origin: str, explain: bool = False) -> None:
    estimate.show(_page(words), answer, origin=origin, explain=explain)


def show_serving(answer: ServingEstimate, words: Words, *, origin: str) -> None:
    serving.show(_page(words), answer, origin=origin)


def show_fleet(answer: Fleet, words: Words) -> None:
    fleet.show(_page(words), answer)


def show_fleet_fit(answer: FleetFit, words: Words) -> None:
    fleet.show_fit(_page(words), answer)


def show_fleet_recommendation(answer: FleetRecommendation, words: Words) -> None:
    fleet.show_recommendation(_page(words), answer)


def show_bench(answer: Bench, words: Words) -> None:
    bench.show(_page(words), answer)


def show_fit(answer: Fit, words: Words, *, explain: bool = False, target: tuple[str, ...] = ()) -> None:
    fit.show(_page(words, target), answer, explain=explain)


def show_verification(answer: Verification, words: Words, *, file: str) -> None:
    verify.show(_page(words), answer, file=file)


def show_plan(answer: Plan, words: Words) -> None:
    plan.show(_page(words), answer)


def show_upgrade(answer: Upgrade, words: Words, *, target: tuple[str, ...] = ()) -> None:
    upgrade.show(_page(words, target), answer)


def show_cost(answer: Cost, words: Words) -> None:
    cost.show(_page(words), answer)


def show_models(found: ModelList, words: Words) -> None:
    models.show(_page(words), found)


def show_watch(looks: Iterable[Snapshot], words: Words, *, interval: float | None) -> None:
    """
    Show each look in place of the one before it where a person watches a terminal, and below it elsewhere.

    ``interval`` stands beside it; None where there is only one look.
    """
    page = _page(words)
    if not page.bars or interval is None:
        for number, look in enumerate(looks):
            if number:
                page.blank()
            watch.show(page, look)
        return
    from datetime import datetime

    from rich.live import Live
    from rich.text import Text

    with Live(console=page.console, auto_refresh=False, vertical_overflow="ellipsis") as live:
        for look in looks:
            # A terminal that was resized is drawn in its new width.
            page = _page(words)
            with page.console.capture() as drawn:
                time = f"{datetime.now().astimezone():%H:%M:%S}"
                watch.show(page, look, now=message("page.watch-now", time=time, interval=interval))
            live.update(Text.from_ansi(drawn.get()), refresh=True)


def _page(words: Words, target: tuple[str, ...] = ()) -> Page:
    return Page(console_for(sys.stdout), words, target)
