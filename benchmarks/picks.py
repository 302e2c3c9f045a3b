"""
Whether ``fit`` names what people recommended (``fixtures/expert_picks.json``): ``python -m benchmarks.picks`` asks all.

A pick is met where it, or a newer model that is no worse by published results, is among the first five of a machine
with that much memory.
"""

import json
import sys
from pathlib import Path
from typing import Any

import llmprobe
from llmprobe.facts.fit import Fit
from llmprobe.facts.machine import Snapshot
from llmprobe.model import capability
from llmprobe.model.known import known

PICKS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "expert_picks.json").read_text(encoding="utf-8")
)["picks"]
FIRST = 5

_CARDS = {
    8: "RTX 4060",
    12: "RTX 3060",
    16: "RTX 4060 Ti 16GB",
    24: "RTX 4090",
    32: "RTX 5090",
    48: "RTX 6000 Ada",
}
_BESIDE_GIB = 32
_SYSTEM_GIB = 3
_CHIPS = {8: "M2", 24: "M4 Pro", 32: "M2 Max", 48: "M4 Pro", 96: "M2 Max", 128: "M4 Max", 256: "M3 Ultra"}


def machine(pick: dict[str, Any]) -> Snapshot:
    """
    A usual machine with the memory of a pick: a card beside 32 GiB of RAM, a Mac, or RAM that is free beside a system.
    """
    size = pick["memory_gib"]
    if pick["memory"] == "unified":
        return llmprobe.probe(gpus=f"{_CHIPS[min(_CHIPS, key=lambda one: abs(one - size))]} {size}GB")
    if pick["memory"].startswith("vram"):
        return llmprobe.probe(
            gpus=_CARDS[min(_CARDS, key=lambda one: abs(one - size))], ram=f"{_BESIDE_GIB}GiB"
        )
    return llmprobe.probe(ram=f"{size + _SYSTEM_GIB}GiB")


def met(pick: dict[str, Any], answer: Fit) -> str | None:
    """
    The model among the first that meets a pick, None where none does.
    """
    first = answer.rows[:FIRST]
    for row in first:
        if pick["pick"] in (row.model.id, *row.variants):
            return str(pick["pick"])
    places = capability.of(pick["pick"], pick["use"]).values()
    entry = known().entries.get(pick["pick"])
    since = pick["month"] if entry is None else entry.released or pick["month"]
    least = max((place.low for place in places), default=None)
    for row in first:
        newer = (row.model.released or "") >= since
        if newer and (least is None or row.capability.low >= least):
            return row.model.id
    return None


def main() -> int:
    missed = 0
    for pick in PICKS:
        answer = llmprobe.fit(machine(pick), use=pick["use"], top=FIRST)
        found = met(pick, answer)
        missed += found is None
        shown = found or f"missed: {', '.join(row.model.id for row in answer.rows[:FIRST])}"
        print(f"{pick['machine']}, {pick['asked']}: {pick['pick']} -> {shown}")
    print(f"{len(PICKS) - missed} of {len(PICKS)} picks are met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
