"""
Answers for people, on stdout. Imported only when a person reads, because it imports rich.
"""

import sys
from collections.abc import Iterable

from llmprobe.facts.estimate import Estimate
from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelList
from llmprobe.facts.recommendation import Recommendation
from llmprobe.output.text import check as human_check
from llmprobe.output.text import estimate as human_estimate
from llmprobe.output.text import models as human_models
from llmprobe.output.text import recommend as human_recommend
from llmprobe.output.text import watch as human_watch
from llmprobe.output.text.console import Page, console_for


def show_snapshot(snapshot: Snapshot) -> None:
    human_check.show(_page(), snapshot)


def show_finding(findings: tuple[Finding, ...]) -> None:
    human_check.show_findings(_page(), findings, in_full=True)


def show_recommendation(recommendation: Recommendation, *, explain: bool = False) -> None:
    human_recommend.show(_page(), recommendation, explain=explain)


def show_estimate(estimate: Estimate, *, origin: str, explain: bool = False) -> None:
    human_estimate.show(_page(), estimate, origin=origin, explain=explain)


def show_models(models: ModelList) -> None:
    human_models.show(_page(), models)


def show_watch(looks: Iterable[Snapshot], *, interval: float | None) -> None:
    """
    Show each look in place of the one before it where a person watches a terminal, and below it elsewhere.

    ``interval`` is said with it; None where there is only one look.
    """
    from datetime import datetime

    page = _page()
    heading = "" if interval is None else f"every {interval:g} s, Ctrl-C ends it"
    if not page.bars or interval is None:
        for number, look in enumerate(looks):
            if number:
                page.blank()
            human_watch.show(page, look, heading="")
        return
    from rich.live import Live
    from rich.text import Text

    with Live(console=page.console, auto_refresh=False, vertical_overflow="ellipsis") as live:
        for look in looks:
            # A terminal that was resized is drawn in its new width.
            page = _page()
            with page.console.capture() as drawn:
                now = datetime.now().astimezone()
                human_watch.show(page, look, heading=f"{now:%H:%M:%S}, {heading}")
            live.update(Text.from_ansi(drawn.get()), refresh=True)


def _page() -> Page:
    return Page(console_for(sys.stdout))
