"""
``python -m docs.manual.alone FOLDER``: whether the built site needs nothing from other hosts.

A link may lead anywhere; what a browser loads by itself may not. It ends with 1 and names what is loaded so.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_LOADS = {
    ("script", "src"),
    ("link", "href"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("use", "href"),
}
_IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s;]+)""")


class _Loads(HTMLParser):
    """
    What a page loads by itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag == "link" and named.get("rel") in ("canonical", "next", "prev"):
            return
        self.addresses += [value for name, value in attributes if (tag, name) in _LOADS and value]


def elsewhere(folder: Path) -> Iterator[tuple[str, str]]:
    """
    Yield every address of another host that a page or a style of the site loads, with the file.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".html":
            page = _Loads()
            page.feed(path.read_text(encoding="utf-8"))
            addresses = page.addresses
        elif path.suffix == ".css":
            addresses = _IN_STYLE.findall(path.read_text(encoding="utf-8"))
        else:
            continue
        for address in addresses:
            if re.match(r"(?:[a-z]+:)?//", address):
                yield str(path.relative_to(folder)), address


def main(folder: Path) -> int:
    """
    Print what is loaded from elsewhere.
    """
    found = list(elsewhere(folder))
    for name, address in found:
        print(f"{name} loads {address}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
