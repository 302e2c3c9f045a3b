"""
How close the catalog's counts of parameters come to those of the released models.
"""

import msgspec

from benchmarks.truth.models import TRUTH
from llmprobe.model import catalog

NEAR = 1e-4
EXPLAINED = 1e-6


class Counts(msgspec.Struct):
    """
    Models compared, those within a ten-thousandth, and those further off than a millionth without a reason.
    """

    models: int = 0
    near: int = 0
    worst: float = 0.0
    explained: int = 0
    differing: list[str] = []


def measure() -> Counts:
    """
    Compare every model of the table with the catalog.
    """
    content = msgspec.json.decode((TRUTH / "parameters.json").read_bytes())
    reasons = {name: group["reason"] for group in content["differences"] for name in group["models"]}
    counts = Counts(explained=len(reasons))
    for name, count in content["parameters"].items():
        apart = abs(catalog.by_id()[name].parameters / count - 1)
        counts.models += 1
        counts.near += apart <= NEAR
        counts.worst = max(counts.worst, apart)
        if apart > EXPLAINED and name not in reasons:
            counts.differing.append(f"{name}: {catalog.by_id()[name].parameters} instead of {count}")
    return counts
