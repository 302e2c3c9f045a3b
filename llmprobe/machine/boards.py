"""
What /proc tells of processors that have no name of their own: ARM's numbers, RISC-V's letters, a board's chip.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from llmprobe.data import table

_VECTORS = "v"
_HALF_PRECISION = ("zfh", "zvfh")
_NAMELESS = "ARMv"
"""``model name : ARMv8 Processor rev 1 (v8l)`` names the instruction set, not the processor."""


def cores_by_part(processors: Iterable[Mapping[str, str]]) -> str | None:
    """
    The names of ARM cores by the numbers in /proc/cpuinfo, with how many there are of each: ``4x Cortex-A76``.

    The kernel counts the small cores of a chip first, so that the last are named first. None where a number is unknown.
    """
    names = {(row["implementer"], row["part"]): row["name"] for row in table("cpu_parts")["rows"]}
    counted: Counter[str | None] = Counter()
    for each in processors:
        implementer, part = each.get("CPU implementer", ""), each.get("CPU part", "")
        counted[names.get((implementer.lower(), part.lower()))] += 1
    if not counted or None in counted:
        return None
    if len(counted) == 1:
        return next(iter(counted))
    return " + ".join(f"{count}x {name}" for name, count in reversed(counted.items()))


def says_nothing(name: str) -> bool:
    """
    Whether a ``model name`` is that of an instruction set only.
    """
    return name.startswith(_NAMELESS)


def chip(compatible: str) -> str | None:
    """
    The system on a chip that a device tree names: the last of its ``compatible`` strings (``brcm,bcm2712``).

    https://www.devicetree.org/specifications: from the most to the least specific, maker and model with a comma. The
    last of Apple's is the platform.
    """
    last = compatible.strip("\0\n ").split("\0")[-1]
    maker, comma, model = last.partition(",")
    return model.upper() if comma and model and maker != "apple" else None


def riscv_sets(isa: str) -> tuple[str, ...]:
    """
    What engines use of a RISC-V processor's ``isa`` (``rv64imafdcv_zvfh``): ``rvv`` for vectors, ``zfh``, ``zvfh``.
    """
    letters, *named = isa.strip().lower().split("_")
    vectors = ("rvv",) if letters.startswith("rv") and _VECTORS in letters[2:] else ()
    return (*vectors, *(name for name in named if name in _HALF_PRECISION))
