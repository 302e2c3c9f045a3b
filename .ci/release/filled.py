"""
The templates of package managers, filled in: a Homebrew formula and a Scoop manifest.

Where a release will be is known to who publishes it: without an address, those of the release stay as they are in the
template, and the formula and the manifest cannot be installed.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent
FORMULA = "llmprobe.rb"
MANIFEST = "llmprobe.json"
_PLACE = re.compile(r"@([A-Z0-9_]+)@")


def filled(template: str, values: Mapping[str, str]) -> str:
    """
    Return a template with each ``@NAME@`` that has a value.
    """
    return _PLACE.sub(lambda match: values.get(match[1], match[0]), template)


def unfilled(text: str) -> list[str]:
    """
    Return the names that a text still has, each once.
    """
    return list(dict.fromkeys(_PLACE.findall(text)))


def resources(report: Mapping[str, Any], own: str = "llmprobe") -> str:
    """
    Return the stanzas of a formula for what pip's installation report names, but for the project itself.

    https://pip.pypa.io/en/stable/reference/installation-report/: an entry has the address and checksum of its archive.
    """
    archives = {entry["metadata"]["name"].lower(): entry["download_info"] for entry in report["install"]}
    archives.pop(own, None)
    return "\n".join(_resource(name, archives[name]) for name in sorted(archives))


def _resource(name: str, archive: Mapping[str, Any]) -> str:
    checksum = archive["archive_info"]["hashes"]["sha256"]
    return f'  resource "{name}" do\n    url "{archive["url"]}"\n    sha256 "{checksum}"\n  end\n'


def notes(changelog: str, version: str) -> str:
    """
    The release notes of a version: its section of the changelog, under a heading.

    Raises:
        ValueError: the changelog has no such section, or an empty one.
    """
    found = re.search(
        rf"^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if found is None or not found[1].strip():
        raise ValueError(f"CHANGELOG.md has nothing of {version}")
    return f"# llmprobe {version}\n\n{found[1].strip()}\n"


def sources(requirements: Sequence[str]) -> list[str]:
    """
    The arguments of pip for a report of the source archives of requirements; nothing is built or installed.
    """
    return [
        "install",
        "--dry-run",
        "--ignore-installed",
        "--quiet",
        "--no-binary",
        ":all:",
        "--report",
        "-",
        *requirements,
    ]
