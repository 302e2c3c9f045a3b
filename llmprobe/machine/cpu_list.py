"""
The kernel's notation for a set of processors, which several files of /proc and /sys use.
"""

_DIGITS = 5


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """
    The numbers of a kernel CPU list such as ``0-3,8,10-11``.

    https://docs.kernel.org/admin-guide/cputopology.html. Anything that is no list is empty.
    """
    numbers: list[int] = []
    for part in text.strip().split(","):
        first, dash, last = part.partition("-")
        if not _is_number(first) or (dash and not _is_number(last)):
            return ()
        numbers.extend(range(int(first), int(last or first) + 1))
    return tuple(numbers)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS
