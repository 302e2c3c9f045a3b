"""
What the shipped table says of a processor: its cores, and whether it has the vectors that engines multiply with.

The table is ``data/cpus.json``. It is for processors that nobody has at hand: the system itself counts its cores.
"""

import re

import msgspec

from llmprobe.data import table

_MARKS = re.compile(
    r"(?i)\((?:r|tm)\)|[™®]|\bcpu\b|\bprocessor\b|@.*|\b\w+-cores?\b|\bw(?:/|ith)\s.*|,.*|\bpro\b(?! \d+\w*wx)"
)
_GLUED = (
    (r"\b(i[3579])[\s-]*(?=[0-9n]\d{2})", r"\1-"),
    (r"^(?=i[3579]-)", "Core "),
    (r"^(?=n\d{2,3}$)", "Intel "),
    (r"^(?=fx-)", "AMD "),
    (r"\bryzen\s*([3579])\s*-?\s*(?=[0-9])", r"Ryzen \1 "),
)
"""Short forms, and the names that processors report."""

_SOCKETS = re.compile(r"(?i)(?:(2|4)\s*[x×]\s*|(dual|two)\s+)(?=\S)")


class Processors(msgspec.Struct, frozen=True, kw_only=True):
    """
    The processors of a machine: how many of one kind, its name, and what the table says, None where it has none.
    """

    name: str
    sockets: int = 1
    cores: int | None = None
    vectors: bool | None = None


def processors(text: str) -> Processors:
    """
    The processors that a text names: ``Ryzen 9 7950X``, ``i9 13900K``, ``2x EPYC 7302``.
    """
    name = " ".join(text.split())
    counted = _SOCKETS.match(name)
    sockets = int(counted[1] or 2) if counted is not None else 1
    name = name[counted.end() :] if counted is not None else name
    for pattern, replacement in _GLUED:
        name = re.sub(pattern, replacement, name, flags=re.IGNORECASE)
    plain = " ".join(_MARKS.sub(" ", name.lower()).split())
    for row in table("cpus")["rows"]:
        if re.search(row["match"], plain):
            return Processors(
                name=name, sockets=sockets, cores=row["cores"] * sockets, vectors=row.get("vectors", True)
            )
    return Processors(name=name, sockets=sockets)
