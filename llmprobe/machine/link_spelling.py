"""
How a text says that a card is connected, which no name of a card says: ``RTX 4090 via Thunderbolt``.

What carries PCIe to a card in a case of its own is a word of ``--pcie`` as well.
"""

import re

_CASES = (
    (re.compile(r"(?i)\b(?:thunderbolt|tb) ?5\b|\busb ?4 ?v2\b"), "4x4"),
    (re.compile(r"(?i)\bthunderbolt(?: ?[34])?\b|\btb ?[34]\b|\busb ?4\b"), "3x4"),
    (re.compile(r"(?i)\bocu-?link\b"), "4x4"),
)
"""
What carries PCIe to a card in a case of its own, and what arrives there: a tunnel of Thunderbolt 3, 4 and USB4 has
32 Gbit/s, one of Thunderbolt 5 has 64, and OCuLink is four lanes of generation 4.
"""
_PCIE = re.compile(r"(?i)\bpci-?e(?:xpress)? ?(?:gen ?)?([1-7])(?:\.0)? ?x ?(1|2|4|8|16)\b")
_JOINING = re.compile(r"(?i)\b(?:via|over|by|through|on|at|with|using)\s*$|[\s(,]+$")


def link_named(text: str) -> str | None:
    """
    The link of a text that is its name alone, as ``--pcie`` takes it: ``Thunderbolt 4``; None of other text.
    """
    return next((link for pattern, link in _CASES if pattern.fullmatch(text.strip())), None)


def link_in(text: str) -> tuple[str, str] | None:
    """
    What is before the link in a text, and the link as ``--pcie`` takes it; None without one, or without a text before.
    """
    cases = ((pattern.search(text), link) for pattern, link in _CASES)
    found, link = next(((each, link) for each, link in cases if each is not None), (None, ""))
    if found is None:
        if (found := _PCIE.search(text)) is None:
            return None
        link = f"{found[1]}x{found[2]}"
    before = text[: found.start()]
    while (shorter := _JOINING.sub("", before)) != before:
        before = shorter
    return (before, link) if before else None
