"""
Every finding of ``llmprobe check``, with what it said on a recorded machine and what helps.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docs.manual.text import plain
from llmprobe.machine import rules
from llmprobe.words.en import SENTENCES

MACHINES = Path(__file__).parents[2] / "fixtures" / "machines"
SEVERITIES = {"error": "Errors", "warning": "Warnings", "note": "Notes"}


@cache
def examples() -> dict[str, tuple[str, dict[str, Any]]]:
    """
    Return by id a recorded machine that has the finding, and what is said there: the one that tells most.
    """
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for path in sorted(MACHINES.glob("*/snapshot.json")):
        for finding in json.loads(path.read_text(encoding="utf-8"))["findings"]:
            known = found.get(finding["id"])
            if known is None or _tells(finding) > _tells(known[1]):
                found[finding["id"]] = path.parent.name, finding
    return found


def page() -> str:
    """
    Return all findings, errors first, each by its id.
    """
    severities: dict[str, list[str]] = {name: [] for name in (*SEVERITIES, "")}
    for rule in sorted(rules.all_rules(), key=lambda rule: rule.id):
        example = examples().get(rule.id)
        severities[example[1]["severity"] if example else ""].append("\n".join(_lines(rule.id)))
    return "\n".join(
        f"## {SEVERITIES.get(name, 'Others')}\n\n" + "\n".join(parts)
        for name, parts in severities.items()
        if parts
    )


def _lines(rule: str) -> Iterator[str]:
    yield f"### {rule}\n"
    yield f"{plain(SENTENCES[f'rule.{rule}'])}\n"
    example = examples().get(rule)
    if example is None:
        yield from _remedies(rule)
        return
    machine, finding = example
    yield f"> **{plain(finding['title']['text'])}**  "
    yield f"> {plain(finding['detail']['text'])}\n" if finding["detail"] else ""
    remedy = finding["remedy"]
    if remedy:
        yield f"{plain(remedy['text']['text'])}\n"
        yield from (f"    {command}" for command in remedy["commands"])
        yield f"\n<{remedy['link']}>\n" if remedy["link"] else ""
    yield f"*Seen on `{machine}`.*\n"


def _remedies(rule: str) -> Iterator[str]:
    """
    What helps as far as no machine has to be known for it.
    """
    for name, sentence in SENTENCES.items():
        if name.startswith(f"finding.{rule}.remedy") and "{" not in sentence:
            yield f"{plain(sentence)}\n"


def _tells(finding: dict[str, Any]) -> tuple[bool, int, int]:
    """
    How much a finding says: whether there is a remedy, in how many commands, and how long its detail is.
    """
    remedy, detail = finding["remedy"], finding["detail"]
    return remedy is not None, len(remedy["commands"]) if remedy else 0, len(detail["text"]) if detail else 0
