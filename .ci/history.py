"""
What a range of commits must keep to: the form of their subjects, and a floor of coverage that only rises.

``python .ci/history.py main..HEAD`` checks the commits of that range and no older ones; merges are left out.
"""

import re
import subprocess
import sys
import tomllib

LONGEST = 71
USAGE = "usage: python .ci/history.py BASE..HEAD\n"

_SUBJECT = re.compile(r"[a-z][a-z0-9 _./,+-]*: \S.*[^.\s]")
_REVERT = re.compile(r'Revert ".*"')


def fault_of(subject: str) -> str | None:
    """
    The fault in the subject of a commit, or ``None``.
    """
    if _REVERT.fullmatch(subject):
        return None
    if _SUBJECT.fullmatch(subject) is None:
        return "is not of the form `area: what changes`"
    if len(subject) > LONGEST:
        return f"has {len(subject)} characters; at most {LONGEST} are allowed"
    return None


def floor_of(pyproject: str) -> float:
    """
    Return the percentage of coverage that a ``pyproject.toml`` demands, 0 where it demands none.
    """
    tools = tomllib.loads(pyproject).get("tool", {})
    return float(tools.get("coverage", {}).get("report", {}).get("fail_under", 0))


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], check=True, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ).stdout


def faults(commits: str) -> list[str]:
    """
    Return a line for each fault of the commits ``BASE..HEAD``.

    Raises:
        subprocess.CalledProcessError: git knows no such commits.
    """
    base, _, head = commits.partition("..")
    lines = []
    for line in _git("log", "--no-merges", "--format=%h %s", commits).splitlines():
        commit, _, subject = line.partition(" ")
        fault = fault_of(subject)
        if fault is not None:
            lines.append(f"{commit}: the subject {subject!r} {fault}")
    before, after = (floor_of(_git("show", f"{commit}:pyproject.toml")) for commit in (base, head or "HEAD"))
    if after < before:
        lines.append(f"pyproject.toml: the floor of coverage falls from {before:g} to {after:g} %")
    return lines


def main(arguments: list[str]) -> int:
    """
    Print the faults, and return the exit code: 0 none, 1 some, 2 usage.
    """
    if len(arguments) != 1 or not re.fullmatch(r"[^.].*[^.]\.\.[^.].*", arguments[0]):
        sys.stderr.write(USAGE)
        return 2
    try:
        found = faults(arguments[0])
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"error: {arguments[0]}: git ended with {error.returncode}\n")
        return 2
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
