"""
Why an AMD GPU lowers its clocks now, as the table says that its driver copies from the firmware.

The table begins with its size (16 bits), its format and its content. The same reasons for all chips are in 64 bits of
format 1 from content 3 on, of cards, and of format 2 from content 2 on, of graphics in a processor. Older tables have
the chip's own bits only, of which none is no reason. The tables of MI300 and of Phoenix and later count how long each
reason held since the start, which says nothing of now. A field that the firmware does not fill has all its bits set.

Linux, drivers/gpu/drm/amd/include/kgd_pp_interface.h (``gpu_metrics_v1_3`` and others), pm/swsmu/inc/amdgpu_smu.h
(``SMU_THROTTLER_…``); https://docs.kernel.org/gpu/amdgpu/thermal.html#gpu-metrics

Questions, in order:

    run:od -An -v -tx1 <pci>/gpu_metrics
"""

import re

from llmprobe.facts.machine import ThrottleReason
from llmprobe.machine.asking import Asker, fields_of

_HEADER = 4
_INDEPENDENT = {1: (range(3, 4), 112), 2: (range(2, 5), 120)}
"""By format: of which contents the reasons are those of all chips, and where they begin."""
_OF_THE_CHIP = {1: (range(1, 3), 68), 2: (range(1, 2), 108)}
_POWER = (*range(8), 56)
_CURRENT = (*range(16, 24), 57)
_HOT = (*range(32, 38), 42, 43)
_HOT_AROUND = (*range(38, 42), *range(44, 48))
_REASONS: tuple[tuple[tuple[int, ...], ThrottleReason], ...] = (
    (_POWER, "power-limit"),
    (_HOT, "temperature"),
    (_HOT_AROUND, "temperature-hardware"),
    (_CURRENT, "hardware"),
)
"""
Bits by reason: limits of power; limits of current and of voltage; the chip and its memory, or its cooling; voltage
regulators, and signals from outside that something is hot.
"""


def ask_reasons(ask: Asker, path: str) -> tuple[tuple[ThrottleReason, ...] | None, tuple[str, ...]]:
    """
    The reasons of the device at a path of sysfs, None where nothing tells, with the answer that says so.
    """
    words = ("od", "-An", "-v", "-tx1", f"{path}/gpu_metrics")
    answer = fields_of(ask.run(*words))
    if answer.get("exit") != 0:
        return None, ()
    reasons = reasons_of(str(answer.get("stdout") or ""))
    return reasons, (f"run:{' '.join(words)}",) if reasons is not None else ()


def reasons_of(dump: str) -> tuple[ThrottleReason, ...] | None:
    """
    The reasons in a table of which ``dump`` has the bytes in hexadecimal.
    """
    numbers = dump.split()
    if not all(re.fullmatch("[0-9a-f]{2}", number) for number in numbers):
        return None
    table = bytes(int(number, 16) for number in numbers)
    if len(table) < _HEADER or int.from_bytes(table[:2], "little") > len(table):
        return None
    kind, content = table[2], table[3]
    for of_all, fields in ((True, _INDEPENDENT), (False, _OF_THE_CHIP)):
        contents, start = fields.get(kind, (range(0), 0))
        size = 8 if of_all else 4
        field = table[start : start + size]
        if content not in contents or len(field) < size or field == b"\xff" * size:
            continue
        bits = int.from_bytes(field, "little")
        if not of_all:
            return None if bits else ()
        return tuple(reason for places, reason in _REASONS if any(bits >> place & 1 for place in places))
    return None
