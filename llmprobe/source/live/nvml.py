"""
NVML's answers through nvidia-ml-py, which is imported only when the first question comes.

Handles stay in here: a question names a device by its index (``0``), a MIG instance by ``0/3``. Only
functions that ask are called, never one that sets. It is written for nvidia-ml-py 12.560 and later.

Whether a driver answers cannot be told from its version, so no versions are compared: an older driver lacks a
symbol (FUNCTION_NOT_FOUND), and the probe asks for the older function by its name.
"""

import os
import re
import time
from collections.abc import Callable
from typing import Any

from llmprobe.facts.answer import Answer, Status
from llmprobe.source.errors_as_answers import plain_text

_QUESTION = r"nvml(Init(WithFlags)?|(System|Device|ComputeInstance|GpuInstance)(Get|Is)\w+)(_v\d)?"
_DENIED = 4
_MISSING = frozenset({3, 6, 12, 13})
"""NOT_SUPPORTED, NOT_FOUND, LIBRARY_NOT_FOUND, FUNCTION_NOT_FOUND."""

_TRANSIENT = frozenset({21, 27})
"""NO_DATA, NOT_READY: the same question is answered a moment later."""

_RETRY_AFTER_S = 0.01
_WITH_FLAGS = "nvmlInitWithFlags"
_WSL_DEVICE = "/dev/dxg"
_WSL_LIBRARY = "/usr/lib/wsl/lib/libnvidia-ml.so.1"
_BY_INDEX = "nvmlDeviceGetHandleByIndex"
_ADDRESSING_MODE = "nvmlDeviceGetAddressingMode"
_MIG_BY_INDEX = "nvmlDeviceGetMigDeviceHandleByIndex"


class Nvml:
    """
    The library, loaded and initialised at the first question, and shut down by ``close``.

    An open library keeps the GPU of a laptop awake, so it is not left open.
    """

    def __init__(self) -> None:
        self._init: Answer | None = None
        self._library: Any = None
        self._handles: dict[str, tuple[Any, Answer]] = {}

    def ask(self, function: str, handle: str | None, args: tuple[int, ...]) -> Answer:
        """
        What a function says about a device, or about the system where no handle is given.

        Raises:
            ValueError: the function does not ask, or the handle is none.
        """
        if not re.fullmatch(_QUESTION, function):
            raise ValueError(f"NVML is not asked for {function!r}")
        if self._init is None:
            self._init = self._start(args if function == _WITH_FLAGS else ())
        if function.startswith("nvmlInit") or not self._init.ok:
            return self._init
        if function.removesuffix("_v2") in (_BY_INDEX, _MIG_BY_INDEX):
            return self._handle(handle or "")[1]
        if handle is None:
            return self._call(function, args)
        device, reached = self._handle(handle)
        return self._call(function, (device, *args)) if reached.ok else reached

    def close(self) -> Answer:
        """
        Shut the library down; a new question would start it again.
        """
        running = self._init is not None and self._init.ok
        self._init = None
        self._handles.clear()
        return _answer(self._library, self._library.nvmlShutdown, ()) if running else Answer()

    def _start(self, flags: tuple[int, ...]) -> Answer:
        try:
            import pynvml
        except Exception as error:  # noqa: BLE001 - another package may have put anything under this name
            return Answer(status="failed", detail=f"pynvml: {type(error).__name__}: {error}")
        if not callable(getattr(pynvml, "nvmlInitWithFlags", None)):
            return Answer(status="failed", detail="another module than nvidia-ml-py is installed as pynvml")
        self._library = pynvml
        _prefer_wsl_library(pynvml)
        return _answer(pynvml, pynvml.nvmlInitWithFlags if flags else pynvml.nvmlInit, flags)

    def _handle(self, name: str) -> tuple[Any, Answer]:
        """
        A device and whether it was reached; a lost one is not asked again.
        """
        if name not in self._handles:
            self._handles[name] = self._reach(name)
        return self._handles[name]

    def _reach(self, name: str) -> tuple[Any, Answer]:
        index, slash, instance = name.partition("/")
        if not index.isdecimal() or (slash and not instance.isdecimal()):
            raise ValueError(f"{name!r} names no NVML device")
        if not slash:
            return _reached(self._library, _BY_INDEX, (int(index),))
        parent, reached = self._handle(index)
        return (
            _reached(self._library, _MIG_BY_INDEX, (parent, int(instance))) if reached.ok else (None, reached)
        )

    def _call(self, function: str, args: tuple[Any, ...]) -> Answer:
        library = self._library
        if function == "nvmlDeviceGetMemoryInfo_v2":
            return _answer(library, library.nvmlDeviceGetMemoryInfo, (*args, library.nvmlMemory_v2))
        ask = getattr(library, function, None) or getattr(library, re.sub(r"_v\d$", "", function), None)
        if not callable(ask):
            return Answer(status="missing", code=13, detail="not in this nvidia-ml-py")
        answer = _answer(library, ask, args)
        if function == _ADDRESSING_MODE and isinstance(answer.value, int):
            # The C library fills a struct, of which nvidia-ml-py returns the one field that matters.
            return Answer(value={"value": answer.value})
        return answer


def plain(value: Any) -> Any:
    """
    Plain data for what nvidia-ml-py returns: structs as objects, bytes as text, a handle as true.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | str):
        return plain_text(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(getattr(type(value), "_fields_", None), list | tuple):
        return {field[0]: plain(getattr(value, field[0])) for field in type(value)._fields_}
    if hasattr(type(value), "contents"):
        return True
    if hasattr(value, "value"):
        return plain(value.value)
    if hasattr(value, "_length_"):
        return [plain(item) for item in value]
    return {name: plain(field) for name, field in sorted(vars(value).items())}


def _prefer_wsl_library(library: Any) -> None:
    """
    Under WSL take the library that Windows lends, which a Linux driver's may hide and cannot replace.

    https://github.com/ollama/ollama/issues/1888. Where it does not load, the usual search finds what it finds.
    """
    if getattr(library, "nvmlLib", None) is not None:
        return
    if os.path.exists(_WSL_DEVICE) and os.path.exists(_WSL_LIBRARY):  # noqa: PTH110 - pathlib is imported by nothing else here
        import ctypes

        try:
            library.nvmlLib = ctypes.CDLL(_WSL_LIBRARY)
        except OSError:
            return


def _reached(library: Any, function: str, args: tuple[Any, ...]) -> tuple[Any, Answer]:
    device: list[Any] = []

    def ask(*args: Any) -> bool:
        device.append(getattr(library, function)(*args))
        return True

    answer = _answer(library, ask, args)
    return (device[0] if answer.ok else None), answer


def _answer(
    library: Any, function: Callable[..., Any], args: tuple[Any, ...], *, again: bool = True
) -> Answer:
    try:
        return Answer(value=plain(function(*args)))
    except library.NVMLError as error:
        # Two of them are never compared: NVMLError.__eq__ fails on anything that has no value.
        code = int(error.value)
        if again and code in _TRANSIENT:
            time.sleep(_RETRY_AFTER_S)
            return _answer(library, function, args, again=False)
        status: Status = "denied" if code == _DENIED else "missing" if code in _MISSING else "failed"
        return Answer(status=status, code=code, detail=_name(library, code))
    except UnicodeDecodeError as error:
        return Answer(status="failed", detail=f"the driver's text is no UTF-8: {error}")
    except (AttributeError, TypeError, OSError, ValueError) as error:
        return Answer(status="failed", detail=f"{type(error).__name__}: {error}")


def _name(library: Any, code: int) -> str:
    errors = (name for name in dir(library) if name.startswith("NVML_ERROR_"))
    names = (name for name in errors if getattr(library, name) == code)
    return next(names, f"NVML error {code}")
