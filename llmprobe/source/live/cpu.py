"""
The processor under py-cpuinfo's keys, on systems whose processor no file describes.

Linux has /proc/cpuinfo, which probes read themselves. While it is imported, py-cpuinfo runs ``file`` and ``uname``
from the caller's PATH on any Unix, so it is imported on Windows only, where it reads the registry. Its public function
starts a Python of its own and takes 1.2 s; the reader of the registry is private, and the same in versions 7 to 9.
"""

import sys
from collections.abc import Callable
from typing import Any

from llmprobe.facts.answer import Answer

_SYSTEM: str = sys.platform
_MAC_FLAGS = ("machdep.cpu.features", "machdep.cpu.leaf7_features", "machdep.cpu.extfeatures")


def ask(sysctl: Callable[[str], Answer]) -> Answer:
    """
    Facts of the processor (``brand_raw``, ``vendor_id_raw``, ``flags``, ``count``), as far as the system has them.
    """
    match _SYSTEM:
        case "darwin":
            return _of_sysctl(sysctl)
        case "win32":
            return _of_registry()
        case "linux":
            return Answer(status="missing", detail="on Linux /proc/cpuinfo is read instead")
        case _:
            return Answer(status="missing", detail=f"py-cpuinfo is not asked on {_SYSTEM}")


def _of_sysctl(sysctl: Callable[[str], Answer]) -> Answer:
    """
    What py-cpuinfo takes from sysctl on a Mac. Apple's own chips have no vendor and no flags there.
    """
    flags = {flag for name in _MAC_FLAGS for flag in str(sysctl(name).value or "").lower().split()}
    facts = {
        "brand_raw": sysctl("machdep.cpu.brand_string").value,
        "vendor_id_raw": sysctl("machdep.cpu.vendor").value,
        "count": sysctl("hw.logicalcpu").value,
        "flags": sorted(flags),
    }
    known = {key: value for key, value in facts.items() if value}
    return Answer(value=known) if known else sysctl("machdep.cpu.brand_string")


def _of_registry() -> Answer:
    try:
        from cpuinfo import cpuinfo
    except Exception as error:  # noqa: BLE001 - it looks at the machine while it is imported
        return Answer(status="failed", detail=f"{type(error).__name__}: {error}")
    try:
        facts: dict[str, Any] = {
            **cpuinfo._get_cpu_info_from_registry(),
            "count": cpuinfo.DataSource.cpu_count,
        }
    except (AttributeError, OSError, ValueError, KeyError, IndexError, TypeError) as error:
        return Answer(status="failed", detail=f"{type(error).__name__}: {error}")
    return Answer(
        value={key: list(value) if isinstance(value, tuple) else value for key, value in facts.items()}
    )
