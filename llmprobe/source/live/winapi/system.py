"""
Memory, processor and firmware of Windows, by its kernel's library.
"""

from typing import Any

from llmprobe.source.live.winapi import Failed, smbios
from llmprobe.source.live.winapi import layouts as at
from llmprobe.source.live.winapi.calls import Library, function

_RSMB = 0x52534D42
_LARGEST_TABLE = 1 << 20
_TABLE_AT = 8
_FEATURES = {
    "ssse3": "PF_SSSE3_INSTRUCTIONS_AVAILABLE",
    "sse4_1": "PF_SSE4_1_INSTRUCTIONS_AVAILABLE",
    "sse4_2": "PF_SSE4_2_INSTRUCTIONS_AVAILABLE",
    "avx": "PF_AVX_INSTRUCTIONS_AVAILABLE",
    "avx2": "PF_AVX2_INSTRUCTIONS_AVAILABLE",
    "avx512f": "PF_AVX512F_INSTRUCTIONS_AVAILABLE",
    "asimd": "PF_ARM_NEON_INSTRUCTIONS_AVAILABLE",
    "asimddp": "PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE",
}
"""Windows' numbers of features by the names that Linux has for them."""


def memory(library: Library) -> dict[str, int]:
    """
    Physical memory and the commit limit in bytes: what all programs together may be promised, page files included.
    """
    kernel = library("kernel32.dll")
    status, counted = at.new("MEMORYSTATUSEX"), at.new("PERFORMANCE_INFORMATION")
    at.put(status, "MEMORYSTATUSEX", "dwLength", len(status))
    if not function(kernel, "GlobalMemoryStatusEx", "pointer")(status):
        raise Failed("GlobalMemoryStatusEx failed")
    names = ("ullTotalPhys", "ullAvailPhys")
    found: dict[str, int] = {name: at.get(status, "MEMORYSTATUSEX", name) for name in names}
    name = "PERFORMANCE_INFORMATION"
    at.put(counted, name, "cb", len(counted))
    if function(kernel, "K32GetPerformanceInfo", "pointer", "number")(counted, len(counted)):
        page = at.get(counted, name, "PageSize")
        found |= {field: at.get(counted, name, field) * page for field in ("CommitTotal", "CommitLimit")}
    return found


def features(library: Library) -> list[str]:
    """
    The instruction sets that Windows lets programs use, under Linux' names. It does not tell of all that there are.
    """
    present = function(library("kernel32.dll"), "IsProcessorFeaturePresent", "number")
    return [feature for feature, number in _FEATURES.items() if present(at.NUMBERS[number])]


def memory_modules(library: Library) -> dict[str, Any]:
    """
    The modules of the firmware's table.
    """
    import ctypes

    get = function(library("kernel32.dll"), "GetSystemFirmwareTable", "number", "number", "pointer", "number")
    size = get(_RSMB, 0, None, 0)
    if not 0 < size <= _LARGEST_TABLE:
        raise Failed(f"the firmware's table has {size} bytes")
    content = ctypes.create_string_buffer(size)
    length = get(_RSMB, 0, content, size)
    if not 0 < length <= size:
        raise Failed("GetSystemFirmwareTable failed")
    return smbios.parse(content.raw[_TABLE_AT:length])
