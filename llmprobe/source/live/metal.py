"""
What macOS's Metal says of the default GPU, through the Objective-C runtime: no command prints it.

Only getters are called, and each only where the device has it: an unknown one would end the process.
https://developer.apple.com/documentation/metal/mtldevice
"""

import sys
from typing import Any

from llmprobe.facts.answer import Answer
from llmprobe.source.errors_as_answers import plain_text

_SYSTEM: str = sys.platform
_RUNTIME = "/usr/lib/libobjc.A.dylib"
_FRAMEWORK = "/System/Library/Frameworks/{0}.framework/{0}"
_SIZES = ("recommendedMaxWorkingSetSize", "currentAllocatedSize", "maxBufferLength")


def ask() -> Answer:
    """
    The fields of the default device, in bytes; those that this macOS does not know are left out.
    """
    if _SYSTEM != "darwin":
        return Answer(status="missing", detail="not macOS")
    try:
        import ctypes
    except ImportError as error:
        return Answer(status="failed", detail=f"ctypes: {error}")
    try:
        # Without Core Graphics loaded, a program without windows is given no default device.
        ctypes.CDLL(_FRAMEWORK.format("CoreGraphics"))
        metal = ctypes.CDLL(_FRAMEWORK.format("Metal"))
        runtime = ctypes.CDLL(_RUNTIME)
    except OSError as error:
        return Answer(status="failed", detail=str(error))
    try:
        return _of_default_device(metal, runtime)
    except (AttributeError, ctypes.ArgumentError) as error:
        return Answer(status="failed", detail=f"{type(error).__name__}: {error}")


def _of_default_device(metal: Any, runtime: Any) -> Answer:
    from ctypes import c_bool, c_char_p, c_uint64, c_void_p

    push = _function(runtime, "objc_autoreleasePoolPush", c_void_p)
    pop = _function(runtime, "objc_autoreleasePoolPop", None, c_void_p)
    pool = push()
    try:
        device = _function(metal, "MTLCreateSystemDefaultDevice", c_void_p)()
        if not device:
            return Answer(status="missing", detail="Metal has no default device")
        kinds = {"name": c_void_p, **dict.fromkeys(_SIZES, c_uint64), "hasUnifiedMemory": c_bool}
        fields = {
            name: _get(runtime, device, name, kind)
            for name, kind in kinds.items()
            if _has(runtime, device, name)
        }
        string = fields.pop("name", None)
        text = _get(runtime, string, "UTF8String", c_char_p) if string else None
        _function(runtime, "objc_release", None, c_void_p)(device)
    finally:
        pop(pool)
    return Answer(value=fields if text is None else {"name": plain_text(text), **fields})


def _has(runtime: Any, device: int, name: str) -> bool:
    from ctypes import c_bool, c_void_p

    send = _function(runtime, "objc_msgSend", c_bool, c_void_p, c_void_p, c_void_p)
    return bool(send(device, _selector(runtime, "respondsToSelector:"), _selector(runtime, name)))


def _get(runtime: Any, receiver: int, name: str, kind: Any) -> Any:
    from ctypes import c_void_p

    return _function(runtime, "objc_msgSend", kind, c_void_p, c_void_p)(receiver, _selector(runtime, name))


def _selector(runtime: Any, name: str) -> Any:
    from ctypes import c_char_p, c_void_p

    return _function(runtime, "sel_registerName", c_void_p, c_char_p)(name.encode())


def _function(library: Any, name: str, result: Any, *arguments: Any) -> Any:
    """
    A function of its own type: by index it is a new object each time, as an attribute it is shared.
    """
    function = library[name]
    function.restype = result
    function.argtypes = arguments
    return function
