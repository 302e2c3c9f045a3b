"""
GPUs that may be here beside those that were found: a source that could have listed them did not answer.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.probing import finds_accelerators
from llmprobe.machine.rules import Rule
from llmprobe.words.message import message

_SILENT = ("denied", "failed", "timeout", "crashed", "not_recorded")


def other_gpus_not_looked_for(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A GPU can be used, and a source that could have found another did not answer.
    """
    silent = [each for each in snapshot.sources if each.status in _SILENT and finds_accelerators(each.name)]
    if not silent or not any(each.usable for each in snapshot.accelerators):
        return
    yield Finding(
        id="other-gpus-not-looked-for",
        severity="note",
        title=message("finding.other-gpus-not-looked-for.title"),
        detail=message(
            "finding.gpu-not-looked-for.detail",
            sources=tuple(
                message("finding.gpu-not-looked-for.source", source=each.name, status=each.status)
                for each in silent
            ),
        ),
        evidence=tuple(f"source:{each.name}" for each in silent),
    )


RULES = (Rule("other-gpus-not-looked-for", other_gpus_not_looked_for),)
