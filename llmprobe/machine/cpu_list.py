"""
The kernel's notation for a set of processors, which several files of /proc and /sys use.
"""


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """
    Return the numbers of a kernel CPU list such as ``0-3,8,10-11``.

    https://docs.kernel.org/admin-guide/cputopology.html. Anything that is no list is empty.
    """
    numbers: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            return ()
        numbers.extend(range(int(first), int(last or first) + 1))
    return tuple(numbers)
