"""
Answers for people, on stdout. Imported only when a person reads, because it imports rich.
"""

import sys

from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelList
from llmprobe.facts.plan import Estimate, Recommendation
from llmprobe.output import human_check, human_estimate, human_models, human_recommend
from llmprobe.output.console import Page, console_for


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


def _page() -> Page:
    return Page(console_for(sys.stdout))
