"""
The adapters of Windows: what Direct3D's infrastructure (DXGI) lists, and what the kernel counts of each.

DXGI lists what is present and works, the preferred adapter first, with the budget that Windows gives a program. The
kernel's figures (D3DKMT) are those of the Task Manager: how large each part of an adapter's memory is, and how much of
it is resident for all programs. Segments that are apertures are RAM.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llmprobe.source.live.winapi import Failed
from llmprobe.source.live.winapi import layouts as at
from llmprobe.source.live.winapi.calls import Library, kernel_call, statistics
from llmprobe.source.live.winapi.holders import holders

_MOST_ADAPTERS, _MOST_SEGMENTS = 64, 32
_NOT_FOUND = 0x887A0002
_LOCAL, _NON_LOCAL = 0, 1


def listed(library: Library) -> list[dict[str, Any]]:
    """
    Every adapter under DXGI's names of fields; what an adapter does not answer is left out.

    ``outputs`` is whether a display hangs on it, ``type`` the bits of D3DKMT_ADAPTERTYPE, ``address`` bus, device and
    function, ``segments`` the parts of its memory with ``limit`` and ``resident`` in bytes, and ``processes`` the
    programs that hold most of it.
    """
    with _factory(library) as factory:
        adapters = []
        for number in range(_MOST_ADAPTERS):
            adapter = _pointer()
            result = _call(factory, "IDXGIFactory1", "EnumAdapters1", number, _byref(adapter))
            if result == _NOT_FOUND:
                break
            if result or not adapter.value:
                raise Failed(f"EnumAdapters1 returned {result:#x}")
            try:
                adapters.append(_described(library, adapter))
            finally:
                _release(adapter)
    return adapters


def _described(library: Library, adapter: Any) -> dict[str, Any]:
    name = "DXGI_ADAPTER_DESC1"
    content = at.new(name)
    result = _call(adapter, "IDXGIAdapter1", "GetDesc1", content)
    if result:
        raise Failed(f"GetDesc1 returned {result:#x}")
    fields: dict[str, Any] = {field: at.get(content, name, field) for field in at.FIELDS[name]}
    luid: bytes = fields["AdapterLuid"]
    fields["Description"] = at.wide_text(fields["Description"])
    fields["AdapterLuid"] = luid.hex()
    output = _pointer()
    result = _call(adapter, "IDXGIAdapter1", "EnumOutputs", 0, _byref(output))
    if result in (0, _NOT_FOUND):
        fields["outputs"] = result == 0
    if output.value:
        _release(output)
    fields |= _budgets(adapter)
    return fields | _by_kernel(library, luid)


def _budgets(adapter: Any) -> dict[str, Any]:
    """
    What this process may use of the adapter's own memory and of RAM; systems before Windows 10 do not tell.
    """
    newer = _pointer()
    if _call(adapter, "IDXGIAdapter1", "QueryInterface", at.guid("IDXGIAdapter3"), _byref(newer)):
        return {}
    name = "DXGI_QUERY_VIDEO_MEMORY_INFO"
    budgets = {}
    try:
        for key, group in (("local", _LOCAL), ("nonlocal", _NON_LOCAL)):
            content = at.new(name)
            if not _call(newer, "IDXGIAdapter3", "QueryVideoMemoryInfo", 0, group, content):
                budgets[key] = {field: at.get(content, name, field) for field in at.FIELDS[name]}
    finally:
        _release(newer)
    return budgets


def _by_kernel(library: Library, luid: bytes) -> dict[str, Any]:
    """
    Address, type and the parts of an adapter's memory; nothing where the kernel does not open it.
    """
    try:
        gdi = library("gdi32.dll")
    except Failed:
        return {}
    name = "D3DKMT_OPENADAPTERFROMLUID"
    opened = at.new(name)
    at.put(opened, name, "AdapterLuid", luid)
    if kernel_call(gdi, "D3DKMTOpenAdapterFromLuid", opened):
        return {}
    handle = at.get(opened, name, "hAdapter")
    try:
        found: dict[str, Any] = {}
        address = at.new("D3DKMT_ADAPTERADDRESS")
        if not _adapter_info(gdi, handle, at.ADAPTER_ADDRESS, address):
            found["address"] = [
                at.get(address, "D3DKMT_ADAPTERADDRESS", field)
                for field in at.FIELDS["D3DKMT_ADAPTERADDRESS"]
            ]
        sort = at.new("D3DKMT_CLOSEADAPTER")
        if not _adapter_info(gdi, handle, at.ADAPTER_TYPE, sort):
            # It is one number, as the other structure is.
            found["type"] = at.get(sort, "D3DKMT_CLOSEADAPTER", "hAdapter")
    finally:
        closing = at.new("D3DKMT_CLOSEADAPTER")
        at.put(closing, "D3DKMT_CLOSEADAPTER", "hAdapter", handle)
        kernel_call(gdi, "D3DKMTCloseAdapter", closing)
    segments = _segments(gdi, luid)
    if segments is None:
        return found
    try:
        programs = holders(library, gdi, luid, segments)
    except Failed:
        return found | {"segments": segments}
    return found | {"segments": segments, "processes": programs}


def _segments(gdi: Any, luid: bytes) -> list[dict[str, Any]] | None:
    name = "D3DKMT_QUERYSTATISTICS"
    whole = statistics(gdi, luid, "D3DKMT_QUERYSTATISTICS_ADAPTER")
    if whole is None:
        return None
    count = at.get(whole, name, "QueryResult.AdapterInformation.NbSegments")
    segments = []
    for number in range(min(count, _MOST_SEGMENTS)):
        one = statistics(gdi, luid, "D3DKMT_QUERYSTATISTICS_SEGMENT", number)
        if one is None:
            return None
        part = "QueryResult.SegmentInformation"
        segments.append(
            {
                "limit": at.get(one, name, f"{part}.CommitLimit"),
                "resident": at.get(one, name, f"{part}.BytesResident"),
                "aperture": bool(at.get(one, name, f"{part}.Aperture")),
            }
        )
    return segments


def _adapter_info(gdi: Any, handle: int, kind: int, into: Any) -> int:
    import ctypes

    name = "D3DKMT_QUERYADAPTERINFO"
    content = at.new(name)
    at.put(content, name, "hAdapter", handle)
    at.put(content, name, "Type", kind)
    at.put(content, name, "pPrivateDriverData", ctypes.addressof(into))
    at.put(content, name, "PrivateDriverDataSize", len(into))
    return kernel_call(gdi, "D3DKMTQueryAdapterInfo", content)


@contextmanager
def _factory(library: Library) -> Iterator[Any]:
    import ctypes

    create = library("dxgi.dll")["CreateDXGIFactory1"]
    create.restype, create.argtypes = ctypes.c_uint32, (ctypes.c_char_p, ctypes.c_void_p)
    factory = _pointer()
    result = create(at.guid("IDXGIFactory1"), _byref(factory))
    if result or not factory.value:
        raise Failed(f"CreateDXGIFactory1 returned {result:#x}")
    try:
        yield factory
    finally:
        _release(factory)


def _call(interface: Any, kind: str, function: str, *arguments: Any) -> int:
    """
    A virtual function of an interface, by its slot; its result without a sign.
    """
    import ctypes

    prototype = getattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)
    kinds = [ctypes.c_uint32 if isinstance(argument, int) else ctypes.c_void_p for argument in arguments]
    table = ctypes.cast(interface, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))[0]
    call = prototype(ctypes.c_uint32, ctypes.c_void_p, *kinds)(table[at.SLOTS[kind, function]])
    result: int = call(interface, *arguments)
    return result


def _release(interface: Any) -> None:
    _call(interface, "IDXGIAdapter1", "Release")


def _pointer() -> Any:
    import ctypes

    return ctypes.c_void_p()


def _byref(pointer: Any) -> Any:
    import ctypes

    return ctypes.cast(ctypes.pointer(pointer), ctypes.c_void_p)
