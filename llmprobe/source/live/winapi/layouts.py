"""
Layouts of Windows' structures and interfaces on 64 bits: sizes and offsets in bytes, slots of virtual functions, ids.

https://learn.microsoft.com/windows/win32/api/dxgi/, …/api/dxgi1_4/, https://learn.microsoft.com/windows-hardware/drivers/
ddi/d3dkmthk/, https://learn.microsoft.com/windows/win32/api/sysinfoapi/, …/api/psapi/. A test compares all of it with
the headers of mingw-w64 and Wine.
"""

import struct
import uuid
from typing import Any

SIZES = {
    "DXGI_ADAPTER_DESC1": 312,
    "DXGI_QUERY_VIDEO_MEMORY_INFO": 32,
    "D3DKMT_OPENADAPTERFROMLUID": 12,
    "D3DKMT_CLOSEADAPTER": 4,
    "D3DKMT_QUERYADAPTERINFO": 24,
    "D3DKMT_ADAPTERADDRESS": 12,
    "D3DKMT_QUERYSTATISTICS": 808,
    "MEMORYSTATUSEX": 64,
    "PERFORMANCE_INFORMATION": 104,
}
FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "DXGI_ADAPTER_DESC1": {
        "Description": (0, "256s"),
        "VendorId": (256, "I"),
        "DeviceId": (260, "I"),
        "SubSysId": (264, "I"),
        "Revision": (268, "I"),
        "DedicatedVideoMemory": (272, "Q"),
        "DedicatedSystemMemory": (280, "Q"),
        "SharedSystemMemory": (288, "Q"),
        "AdapterLuid": (296, "8s"),
        "Flags": (304, "I"),
    },
    "DXGI_QUERY_VIDEO_MEMORY_INFO": {"Budget": (0, "Q"), "CurrentUsage": (8, "Q")},
    "D3DKMT_OPENADAPTERFROMLUID": {"AdapterLuid": (0, "8s"), "hAdapter": (8, "I")},
    "D3DKMT_CLOSEADAPTER": {"hAdapter": (0, "I")},
    "D3DKMT_QUERYADAPTERINFO": {
        "hAdapter": (0, "I"),
        "Type": (4, "I"),
        "pPrivateDriverData": (8, "Q"),
        "PrivateDriverDataSize": (16, "I"),
    },
    "D3DKMT_ADAPTERADDRESS": {
        "BusNumber": (0, "I"),
        "DeviceNumber": (4, "I"),
        "FunctionNumber": (8, "I"),
    },
    "D3DKMT_QUERYSTATISTICS": {
        "Type": (0, "I"),
        "AdapterLuid": (4, "8s"),
        "hProcess": (16, "Q"),
        "QueryResult.AdapterInformation.NbSegments": (24, "I"),
        "QueryResult.SegmentInformation.CommitLimit": (24, "Q"),
        "QueryResult.SegmentInformation.BytesResident": (40, "Q"),
        "QueryResult.SegmentInformation.Aperture": (64, "I"),
        "QueryResult.ProcessSegmentInformation.BytesCommitted": (24, "Q"),
        "QuerySegment.SegmentId": (800, "I"),
    },
    "MEMORYSTATUSEX": {
        "dwLength": (0, "I"),
        "ullTotalPhys": (8, "Q"),
        "ullAvailPhys": (16, "Q"),
        "ullTotalPageFile": (24, "Q"),
        "ullAvailPageFile": (32, "Q"),
    },
    "PERFORMANCE_INFORMATION": {
        "cb": (0, "I"),
        "CommitTotal": (8, "Q"),
        "CommitLimit": (16, "Q"),
        "PageSize": (80, "Q"),
    },
}
"""The fields that are read or written, with their formats of ``struct``."""

SLOTS = {
    ("IDXGIFactory1", "EnumAdapters1"): 12,
    ("IDXGIAdapter1", "QueryInterface"): 0,
    ("IDXGIAdapter1", "Release"): 2,
    ("IDXGIAdapter1", "EnumOutputs"): 7,
    ("IDXGIAdapter1", "GetDesc1"): 10,
    ("IDXGIAdapter3", "QueryVideoMemoryInfo"): 14,
}
IDS = {
    "IDXGIFactory1": "770aae78-f26f-4dba-a829-253c83d1b387",
    "IDXGIAdapter3": "645967a4-1392-4310-a798-8053ce3e93fd",
}
NUMBERS = {
    "D3DKMT_QUERYSTATISTICS_ADAPTER": 0,
    "D3DKMT_QUERYSTATISTICS_SEGMENT": 3,
    "D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT": 4,
    "PF_SSSE3_INSTRUCTIONS_AVAILABLE": 36,
    "PF_SSE4_1_INSTRUCTIONS_AVAILABLE": 37,
    "PF_SSE4_2_INSTRUCTIONS_AVAILABLE": 38,
    "PF_AVX_INSTRUCTIONS_AVAILABLE": 39,
    "PF_AVX2_INSTRUCTIONS_AVAILABLE": 40,
    "PF_AVX512F_INSTRUCTIONS_AVAILABLE": 41,
    "PF_ARM_NEON_INSTRUCTIONS_AVAILABLE": 19,
    "PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE": 43,
}
ADAPTER_ADDRESS, ADAPTER_TYPE = 6, 15
"""KMTQAITYPE_ADAPTERADDRESS and KMTQAITYPE_ADAPTERTYPE, which no header of mingw-w64 10 has."""


def new(name: str) -> Any:
    """
    A structure of zeros.
    """
    import ctypes

    return ctypes.create_string_buffer(SIZES[name])


def get(content: Any, name: str, field: str) -> Any:
    """
    A field of a structure.
    """
    offset, form = FIELDS[name][field]
    return struct.unpack_from(f"<{form}", content, offset)[0]


def put(content: Any, name: str, field: str, value: Any) -> None:
    """
    Write a field of a structure.
    """
    offset, form = FIELDS[name][field]
    struct.pack_into(f"<{form}", content, offset, value)


def guid(name: str) -> bytes:
    """
    The id of an interface as it lies in memory.
    """
    return uuid.UUID(IDS[name]).bytes_le


def wide_text(raw: bytes) -> str:
    """
    Text of 16-bit characters up to its first zero.
    """
    return raw.decode("utf-16-le", errors="replace").partition("\0")[0]
