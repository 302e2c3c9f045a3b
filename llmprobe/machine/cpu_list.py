"""
The kernel's notation for a set of processors, which several files of /proc and /sys use.
"""

import re

_RANGE = r"([0-9]{1,5})(?:-([0-9]{1,5}))?"


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """
    The numbers of a kernel CPU list such as ``0-3,8,10-11``.

    https://docs.kernel.org/admin-guide/cputopology.html. Anything that is no list is empty.
    """
    numbers: list[int] = []
    for part in text.strip().split(","):
        match = re.fullmatch(_RANGE, part)
        if match is None:
            return ()
        numbers.extend(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(numbers)
