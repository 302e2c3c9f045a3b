"""
``make catalog``: every entry of the catalog, and of the user's own folder, checked by counting.

    python -m benchmarks.catalog

The tensors that an entry's hyper-parameters give must have the count of parameters that it states, and that must not
be above the published count. Names, repositories and dates must have their form. It ends with 1 where an entry fails.
"""

import re
import sys

import msgspec

from benchmarks.truth.models import TRUTH
from llmprobe.errors import ModelError
from llmprobe.model.catalog import Entry
from llmprobe.model.known import counted, known
from llmprobe.words.render import english

NEAR = 1e-6
ROUNDED = 1e-4
"""How far an entry may be off that has a published count which is rounded."""

_REPOSITORY = r"[\w.-]+/[\w.+-]+"


def main() -> int:
    """
    Check, print, and return the exit code.
    """
    everything = known()
    groups = msgspec.json.decode((TRUTH / "parameters.json").read_bytes())["differences"]
    explained = {name for group in groups for name in group["models"]}
    exact, failed = 0, list(map(english, everything.problems))
    for entry in everything.entries.values():
        try:
            apart = abs(counted(entry) / entry.parameters - 1)
        except ModelError as error:
            failed.append(f"{entry.id}: {error}")
            continue
        exact += apart <= NEAR
        if apart > ROUNDED and entry.id not in explained:
            failed.append(f"{entry.id}: {counted(entry)} values in its tensors, {entry.parameters} stated")
        failed += [f"{entry.id}: {problem}" for problem in malformed(entry)]
    print(f"{len(everything.entries)} entries, {len(everything.own)} of your own")
    print(f"{exact} have exactly as many values in their tensors as they state")
    print(f"{len(explained)} others have a reason in fixtures/truth/parameters.json")
    print(f"{sum(bool(entry.gguf) for entry in everything.entries.values())} name repositories of GGUF files")
    for line in failed:
        print(line, file=sys.stderr)
    return 1 if failed else 0


def malformed(entry: Entry) -> list[str]:
    """
    The names, repositories, dates and numbers of an entry that are malformed, a sentence for each.
    """
    problems = []
    if entry.repo is not None and not re.fullmatch(_REPOSITORY, entry.repo):
        problems.append(f"'{entry.repo}' is no repository")
    problems += [f"'{repo}' is no repository" for repo in entry.gguf if not re.fullmatch(_REPOSITORY, repo)]
    if len(set(entry.gguf)) < len(entry.gguf):
        problems.append("a repository is named twice")
    if entry.released is not None and not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", entry.released):
        problems.append(f"'{entry.released}' is no month")
    if entry.thinking_tokens is not None and not 0 < entry.thinking_tokens[0] <= entry.thinking_tokens[1]:
        problems.append(f"{entry.thinking_tokens} tokens of thinking are no range")
    if not entry.thinking and (entry.thinking_switch or entry.thinking_tokens):
        problems.append("what does not think has nothing to switch off")
    if entry.projector and entry.modality in ("text", "embedding"):
        problems.append("a model of text has no projector")
    return problems


if __name__ == "__main__":
    sys.exit(main())
