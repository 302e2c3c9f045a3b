"""
Findings for a person to read: what is wrong, what it costs, what mends it.
"""

from llmprobe.facts.finding import Finding
from llmprobe.output.text.page import ANSWER, BAD, QUIET, WARNING, Page
from llmprobe.words.message import message

SEVERITIES = {"error": BAD, "warning": WARNING, "note": ""}
"""The style of each, the worst first."""

MOST = 20
"""Findings in full and notes that are shown, of each at most: a server can have thousands of models loaded."""


def show(page: Page, findings: tuple[Finding, ...], *, in_full: bool = False) -> None:
    """
    Print errors and warnings with what mends them, and notes in one line each unless ``in_full``; the worst first.
    """
    long = [finding for finding in findings if in_full or finding.severity != "note"]
    short = [finding for finding in findings if not in_full and finding.severity == "note"]
    long.sort(key=lambda found: tuple(SEVERITIES).index(found.severity))
    for number, finding in enumerate(long[:MOST]):
        # By itself an explanation begins at the top.
        if number or not in_full:
            page.blank()
        severity = message("page.severity", severity=finding.severity)
        page.line((severity, SEVERITIES[finding.severity]), "  ", (finding.title, ANSWER), hang=2)
        page.line(finding.detail, indent=2)
        if finding.remedy is not None:
            page.line(finding.remedy.text, indent=2)
            for command in finding.remedy.commands:
                page.verbatim(command, indent=4)
            if finding.remedy.link is not None:
                page.verbatim(finding.remedy.link, indent=4, style=QUIET)
        seen = message("page.finding-id", finding=finding.id, evidence=finding.evidence if in_full else None)
        page.line((seen, QUIET), indent=2, hang=2)
    if len(long) > MOST:
        page.blank()
        page.line((message("page.more", count=len(long) - MOST), QUIET))
    if short:
        page.heading(message("page.notes"))
        for finding in short[:MOST]:
            page.item("- ", finding.title, (f"  ({finding.id})", QUIET))
        if len(short) > MOST:
            page.line((message("page.more", count=len(short) - MOST), QUIET), indent=2)
    if findings and not in_full:
        page.blank()
        page.call(message("page.explain-a-finding"), f"check --explain {(*short, *long)[0].id}")
