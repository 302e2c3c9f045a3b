"""
The lowest version of every dependency that ``pyproject.toml`` declares, as constraints for pip.

``python .ci/lowest.py`` prints one line for each requirement of the project and of its extras but ``dev``.
"""

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
EXTRAS = ("hub", "parquet", "serve", "tui", "test")
OWN = "llmprobe["

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:>=|==)(?P<version>[0-9.]+)(?:,<[0-9.]+)?(?:;.*)?")
"""A lowest version, perhaps a bound above it, and the systems that it is for."""


def constraints(text: str) -> list[str]:
    """
    Return ``name==version`` for every requirement of the text of a ``pyproject.toml``.

    Raises:
        ValueError: a requirement declares no lowest version, so nobody can say what was tried.
    """
    project = tomllib.loads(text)["project"]
    requirements: list[str] = list(project["dependencies"])
    for extra in EXTRAS:
        requirements += project["optional-dependencies"][extra]
    lines = []
    for requirement in requirements:
        if requirement.startswith(OWN):
            # Another extra of this project, which is among them.
            continue
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None:
            raise ValueError(f"pyproject.toml: {requirement!r} declares no lowest version")
        lines.append(f"{match['name']}=={match['version']}")
    return lines


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in constraints(PYPROJECT.read_text(encoding="utf-8")))
