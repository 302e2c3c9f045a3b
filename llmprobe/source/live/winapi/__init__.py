"""
What Windows' own libraries say, asked through ctypes: adapters, memory, the processor, the firmware's memory modules.

Everything is read by offsets (``layouts``), which a test compares with mingw-w64's headers. The libraries are handed
in, so that tests put others in their place.
"""

import sys
from typing import Any

from llmprobe.facts.answer import Answer

_SYSTEM: str = sys.platform
_SEARCH_SYSTEM32 = 0x00000800
"""LOAD_LIBRARY_SEARCH_SYSTEM32: nothing beside the program or in the current folder is taken for a system's library."""


class Failed(Exception):  # noqa: N818 - it is an answer
    """
    A call returned an error; ``missing`` where the library or the function is not there.
    """

    def __init__(self, detail: str, *, missing: bool = False) -> None:
        super().__init__(detail)
        self.missing = missing


def ask(name: str) -> Answer:
    """
    The answer to one of the questions of ``Source.winapi``.
    """
    if _SYSTEM != "win32":
        return Answer(status="missing", detail="not Windows")
    return answered(name, _library)


def answered(name: str, library: Any) -> Answer:
    """
    The same with the libraries of ``library``, a function of their names.

    Raises:
        ValueError: there is no such question.
    """
    import ctypes
    import struct

    from llmprobe.source.live.winapi import adapters, system

    questions = {
        "adapters": adapters.listed,
        "memory": system.memory,
        "processor": system.features,
        "memory-modules": system.memory_modules,
    }
    if name not in questions:
        raise ValueError(f"Windows is not asked for {name!r}")
    try:
        return Answer(value=questions[name](library))
    except (OSError, AttributeError, ctypes.ArgumentError, struct.error) as error:
        # A call into a wrong address is an OSError there.
        return Answer(status="failed", detail=f"{type(error).__name__}: {error}")
    except Failed as error:
        return Answer(status="missing" if error.missing else "failed", detail=str(error))


def _library(name: str) -> Any:
    """
    A library of the system's own folder.
    """
    try:
        import ctypes

        return ctypes.CDLL(name, winmode=_SEARCH_SYSTEM32)
    except (ImportError, OSError) as error:
        raise Failed(f"{name}: {error}", missing=isinstance(error, OSError)) from None
