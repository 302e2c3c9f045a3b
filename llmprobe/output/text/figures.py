"""
The words for figures and short codes that people read in several places.
"""

from llmprobe.facts.estimate import Range, Speed
from llmprobe.units import GIB, format_bytes

UNKNOWN = "?"

ORIGINS = {
    "live": "this machine",
    "recording": "replayed recording (not this machine)",
    "hypothetical": "hypothetical machine (nothing was measured)",
    "assumed": "assumed devices (nothing was probed)",
}
LIMITS = {
    "in-use": "in use",
    "driver-reserve": "reserved by the driver",
    "processes": "held by processes",
    "display": "held by the desktop",
    "cgroup": "above the limit of this container",
    "working-set": "above what the system lets the GPU take",
    "os": "kept for the operating system",
    "hidden": "not visible to this system",
}


def size(count: int | None) -> str:
    return UNKNOWN if count is None else format_bytes(count)


def in_gib(count: int | None) -> str:
    """
    Return a size as a bare number of GiB for a table whose heading names the unit.
    """
    if count is None:
        return UNKNOWN
    if count == 0:
        return "0"
    value = count / GIB
    if 0 < value < 0.005:
        return "<0.01"
    return f"{value:.2f}" if value < 1000 else f"{value:.0f}"


def number(value: float) -> str:
    """
    Return a rate with two significant digits or more: ``0.31``, ``4.2``, ``38``, ``1200``.
    """
    if value < 1:
        return f"{value:.2f}"
    if value >= 1000:
        return f"{round(value, -2):.0f}"
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def rate(figure: Range | None) -> str:
    """
    Return tokens per second with their bounds: ``4.2 (3.1 to 5.0)``.
    """
    if figure is None:
        return "unknown"
    return f"{number(figure.likely)} ({number(figure.low)} to {number(figure.high)})"


def short_rate(speed: Speed) -> str:
    figure = speed.generation_tokens_per_s
    return UNKNOWN if figure is None else number(figure.likely)


def percent(part: int, whole: int | None) -> str:
    return UNKNOWN if not whole else f"{100 * part / whole:.0f} %"


def plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
