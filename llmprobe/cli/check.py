"""
``llmprobe check``: what this machine is, what it can give to a model now, and what is wrong with it.
"""

import click

from llmprobe.cli import say
from llmprobe.cli.options import json_option
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.facts.machine import Snapshot

NAMED = 5
"""How many findings are named whose id contains what was asked for."""


@click.command("check", short_help="What this machine is, what is free, what is wrong.")
@click.option(
    "--explain", metavar="ID", help="Explain one finding: what was seen, what it costs, what mends it."
)
@click.option("--wake", is_flag=True, help="Also ask devices that are asleep, which wakes them.")
@json_option
@click.pass_obj
def command(target: Target, /, explain: str | None, wake: bool, as_json: bool) -> int:
    """
    Show the machine: processor, memory, accelerators, what is free, and what is wrong.

    The exit code is 3 when a finding is an error.

    \b
    Examples:
      llmprobe check
      llmprobe check --json
      llmprobe check --explain nvidia-version-mismatch
      llmprobe --replay box.json check
    """
    if wake and not target.is_live:
        say.warn(["--wake changes nothing here: only devices of this machine can be woken"], "note")
    snapshot = target.snapshot(wake=wake)
    if explain is not None:
        snapshot = _only(snapshot, explain)
    if as_json:
        say.document(snapshot)
    else:
        from llmprobe.output.text import pages as human

        human.show_finding(snapshot.findings) if explain is not None else human.show_snapshot(snapshot)
    return 3 if any(finding.severity == "error" for finding in snapshot.findings) else 0


def _only(snapshot: Snapshot, finding_id: str) -> Snapshot:
    """
    Return the machine with the findings of one id and no others; none is an answer too, if there is such an id.
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
            f"there is no finding {finding_id!r}",
            hint=f"such as {', '.join(near)}"
            if near
            else f"here are {', '.join(here)}"
            if here
            else "nothing is found here; llmprobe check names what is",
        )
    if not findings:
        say.warn([f"{finding_id} is not the case here; it is about this: {abouts[finding_id]}"], "note")
    return msgspec.structs.replace(snapshot, findings=findings)
