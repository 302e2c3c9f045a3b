"""
``llmprobe check``: what this machine is, what it can give to a model now, and what is wrong with it.
"""

import click

from llmprobe.cli import say
from llmprobe.cli.command import Command, option
from llmprobe.cli.language import spoken
from llmprobe.cli.options import json_option
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import message

NAMED = 5
"""How many findings are named whose id contains what was asked for."""


@click.command(
    "check",
    cls=Command,
    help="help.check",
    short_help="help.short.check",
    examples=(
        "llmprobe check",
        "llmprobe check --json",
        "llmprobe check --explain nvidia-version-mismatch",
        "llmprobe --replay box.json check",
    ),
)
@option("--explain", metavar="ID", help="help.check.explain")
@option("--wake", is_flag=True, help="help.check.wake")
@json_option
@click.pass_obj
def command(target: Target, /, explain: str | None, wake: bool, as_json: bool) -> int:
    """
    Show the machine and its findings; an error among them is the answer "no".
    """
    if wake and not target.is_live:
        say.warn([message("note.wake-needs-this-machine")], "note")
    snapshot = target.snapshot(wake=wake)
    if explain is not None:
        snapshot = _only(snapshot, explain)
    if as_json:
        say.document(snapshot)
    else:
        from llmprobe.output.text import pages

        if explain is not None:
            pages.show_findings(snapshot.findings, spoken())
        else:
            pages.show_snapshot(snapshot, spoken(), target=target.words)
    return 3 if any(finding.severity == "error" for finding in snapshot.findings) else 0


def _only(snapshot: Snapshot, finding_id: str) -> Snapshot:
    """
    The machine with the findings of one id and no others; none is an answer too, if there is such an id.
    """
    import msgspec

    from llmprobe.machine import rules

    abouts = {rule.id: rule.about for rule in rules.all_rules()}
    findings = tuple(finding for finding in snapshot.findings if finding.id == finding_id)
    if not findings and finding_id not in abouts:
        from difflib import get_close_matches

        near = [known for known in abouts if finding_id.lower() in known][:NAMED] if finding_id else []
        near = near or get_close_matches(finding_id.lower(), abouts)
        here = sorted({finding.id for finding in snapshot.findings})
        raise UsageError(
            message("error.finding-unknown", given=finding_id),
            hint=message("hint.findings-near", known=tuple(near))
            if near
            else message("hint.findings-here", known=tuple(here)),
        )
    broken = next((one for one in snapshot.sources if one.name == f"{rules.RULE}{finding_id}"), None)
    if broken is not None:
        say.warn([message("note.finding-not-checked", finding=finding_id, detail=broken.detail)], "note")
    elif not findings:
        say.warn([message("note.finding-absent", finding=finding_id, about=abouts[finding_id])], "note")
    return msgspec.structs.replace(snapshot, findings=findings)
