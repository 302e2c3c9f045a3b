"""
A page of the repository as a page of the site: what is made is filled in, and links lead to pages of the site.
"""

import posixpath
import re
from collections.abc import Callable

from docs.manual import commands, findings, http, python_api, records

OF_ROOT = {
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "README.ja.md": "japanese.md",
}
"""The pages of the repository's root that are pages of the site, and how they are called there."""

MADE: dict[str, Callable[[], str]] = {
    "commands": commands.page,
    "documents": records.documents,
    "records": records.page,
    "findings": findings.page,
    "python": python_api.page,
    "http": http.page,
}
"""What is made of the program, by the name that a page asks for it with."""

START = "docs/index.md"
_MADE = re.compile(r"<!-- made: (\w+) -->")
_LINK = re.compile(r"\[(?P<label>[^\]\n]*)\]\((?P<target>[^)\s#]+)(?P<fragment>#[^)\s]*)?\)")
_FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)


def made(markdown: str) -> str:
    """
    Return a page with every part that is made from the program.

    Raises KeyError: nothing is made by that name.
    """
    return _MADE.sub(lambda match: MADE[match[1]](), markdown)


def led(markdown: str, page: str) -> str:
    """
    Return a page whose links lead to pages of the site; those to other files of the repository are text.

    ``page`` is its path in the site. README.md is the start of the site.
    """
    names = {name: source for source, name in OF_ROOT.items()}
    folder = posixpath.dirname(names.get(page, f"docs/{page}"))

    def lead(match: re.Match[str]) -> str:
        if "://" in match["target"]:
            return match[0]
        path = posixpath.normpath(posixpath.join(folder, match["target"]))
        path = START if path == "README.md" else path
        in_site = OF_ROOT.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if in_site is None:
            return f"{match['label']} (`{path}`)"
        relative = posixpath.relpath(in_site, posixpath.dirname(page) or ".")
        return f"[{match['label']}]({relative}{match['fragment'] or ''})"

    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(lead, part) for part in parts)
