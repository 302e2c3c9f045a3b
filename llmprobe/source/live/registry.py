"""
Values of the Windows registry.
"""

import importlib
import sys
from typing import Any

from llmprobe.facts.answer import Answer
from llmprobe.source.errors_as_answers import of_os_error

_SYSTEM: str = sys.platform
_ROOTS = {"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER", "HKCR": "HKEY_CLASSES_ROOT"}


def ask(key: str, name: str) -> Answer:
    r"""
    One value of a key written as ``HKLM\SOFTWARE\…``.
    """
    if _SYSTEM != "win32":
        return Answer(status="missing", detail="not Windows")
    winreg: Any = importlib.import_module("winreg")

    root, _, path = key.partition("\\")
    root = _ROOTS.get(root, root)
    try:
        with winreg.OpenKey(getattr(winreg, root), path) as opened:
            return Answer(value=_plain(winreg.QueryValueEx(opened, name)[0]))
    except OSError as error:
        return of_os_error(error)


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value
