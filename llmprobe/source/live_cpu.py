"""
py-cpuinfo's answer, without the step that counts clock ticks for a second and without needless commands.

``cpuinfo.get_cpu_info()`` starts a Python of its own and takes 1.2 s. Its readers of single sources are
private functions, so the version of py-cpuinfo is pinned (9.0.0); each system asks only those that know it.
"""

import sys
from typing import Any

from llmprobe.facts.answer import Answer
from llmprobe.source import live_files

_READERS = {
    "linux": ("_get_cpu_info_from_proc_cpuinfo", "_get_cpu_info_from_ibm_pa_features"),
    "darwin": ("_get_cpu_info_from_sysctl",),
    "win32": ("_get_cpu_info_from_registry", "_get_cpu_info_from_platform_uname"),
}


def ask() -> Answer:
    """
    Return py-cpuinfo's facts under its own keys (``brand_raw``, ``vendor_id_raw``, ``flags``, ``arch``, …).
    """
    readers = _READERS.get(sys.platform)
    if readers is None:
        return Answer(status="missing", detail=f"py-cpuinfo is not asked on {sys.platform}")
    try:
        from cpuinfo import cpuinfo
    except Exception as error:  # noqa: BLE001 - it looks at the machine while it is imported
        return Answer(status="failed", detail=f"{type(error).__name__}: {error}")
    try:
        return Answer(value=_ask(cpuinfo, readers))
    except (AttributeError, OSError, ValueError, KeyError, IndexError, TypeError) as error:
        return Answer(status="failed", detail=f"{type(error).__name__}: {error}")


def _ask(cpuinfo: Any, readers: tuple[str, ...]) -> dict[str, Any]:
    cpuinfo.DataSource.can_cpuid = False
    cpuinfo.DataSource.cat_proc_cpuinfo = staticmethod(_proc_cpuinfo)
    arch, bits = cpuinfo._parse_arch(cpuinfo.DataSource.arch_string_raw)
    facts: dict[str, Any] = {
        "arch": arch,
        "bits": bits,
        "count": cpuinfo.DataSource.cpu_count,
        "arch_string_raw": cpuinfo.DataSource.arch_string_raw,
        "cpuinfo_version_string": cpuinfo.CPUINFO_VERSION_STRING,
    }
    for reader in readers:
        _add(facts, getattr(cpuinfo, reader)())
    if sys.platform == "linux" and "brand_raw" not in facts:
        # ARM kernels give part numbers only; lscpu has their names.
        _add(facts, cpuinfo._get_cpu_info_from_lscpu())
    return {key: list(value) if isinstance(value, tuple) else value for key, value in facts.items()}


def _add(facts: dict[str, Any], more: dict[str, Any] | None) -> None:
    for key, value in (more or {}).items():
        facts.setdefault(key, value)


def _proc_cpuinfo() -> tuple[int, str]:
    answer = live_files.read("/proc/cpuinfo")
    return (0, answer.value) if answer.ok else (1, "")
