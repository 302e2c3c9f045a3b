"""
psutil's answers. Only functions whose values are plain numbers are asked, and only ``disk_usage`` with an argument.
"""

from typing import Any

from llmprobe.facts.answer import Answer
from llmprobe.source.errors_as_answers import of_os_error

FUNCTIONS = frozenset(
    {"virtual_memory", "swap_memory", "cpu_count", "cpu_count_cores", "cpu_affinity", "cpu_freq", "boot_time"}
)


def ask(function: str) -> Answer:
    """
    What a function of psutil says; None, and what this system lacks, is ``missing``.

    Raises:
        ValueError: the function is none of ``FUNCTIONS``.
    """
    name, _, path = function.partition(" ")
    if function not in FUNCTIONS and not (name == "disk_usage" and path):
        raise ValueError(f"psutil is not asked for {function!r}")
    try:
        import psutil
    except ImportError as error:
        return Answer(status="failed", detail=str(error))
    try:
        value = _value(psutil, function)
    except psutil.AccessDenied as error:
        return Answer(status="denied", detail=str(error))
    except OSError as error:
        return of_os_error(error)
    except (AttributeError, NotImplementedError) as error:
        return Answer(status="missing", detail=str(error))
    except (psutil.Error, RuntimeError, ValueError, KeyError) as error:
        return Answer(status="failed", detail=f"{type(error).__name__}: {error}")
    if value is None:
        return Answer(status="missing")
    return Answer(value=_plain(value))


def _value(psutil: Any, function: str) -> Any:
    match function:
        case "cpu_count_cores":
            return psutil.cpu_count(logical=False)
        case "cpu_affinity":
            return psutil.Process().cpu_affinity()
        case _ if function.startswith("disk_usage "):
            return psutil.disk_usage(function.partition(" ")[2])
        case _:
            return getattr(psutil, function)()


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {name: _plain(field) for name, field in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
