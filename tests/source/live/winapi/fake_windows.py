"""
Libraries of Windows that live in this process: real virtual tables and real structures in memory, made by hand.

What reads them reads the same bytes as on Windows; ``tests/test_windows_layouts.py`` compares the layouts.
"""

import ctypes
import struct
from collections.abc import Callable
from typing import Any

NOT_FOUND = 0x887A0002
NO_INTERFACE = 0x80004002
GPU_LUID = bytes.fromhex("a1b2000000000000")
Bytes = ctypes.POINTER(ctypes.c_char)


class Windows:
    """
    The libraries by name. Everything that was made is kept, and what was given out is counted until it is released.
    """

    def __init__(self, *adapters: dict[str, Any]) -> None:
        self.adapters = adapters
        self.open: list[int] = []
        self.handles: list[int] = []
        self.kept: list[Any] = []
        self.functions: dict[str, dict[str, Any]] = {
            "dxgi.dll": {"CreateDXGIFactory1": self._create},
            "gdi32.dll": {
                "D3DKMTOpenAdapterFromLuid": self._open,
                "D3DKMTCloseAdapter": self._close,
                "D3DKMTQueryAdapterInfo": self._info,
                "D3DKMTQueryStatistics": self._statistics,
            },
            "kernel32.dll": {},
        }
        self.programs: dict[int, tuple[str, dict[int, int]]] = {}

    def __call__(self, name: str) -> "Library":
        return Library(self.functions[name])

    def _create(self, interface: bytes, into: Any) -> int:
        assert interface.hex() == "78ae0a776ff2ba4da829253c83d1b387"
        self._give(into, self._object({12: (self._enumerate, ctypes.c_uint32, ctypes.c_void_p)}))
        return 0

    def _enumerate(self, _: int, number: int, into: int) -> int:
        if number >= len(self.adapters):
            return NOT_FOUND
        adapter = self.adapters[number]
        self._give(
            into,
            self._object(
                {
                    0: (
                        lambda _, what, out: self._newer(adapter, what, out),
                        ctypes.c_void_p,
                        ctypes.c_void_p,
                    ),
                    7: (
                        lambda _, place, out: self._output(adapter, place, out),
                        ctypes.c_uint32,
                        ctypes.c_void_p,
                    ),
                    10: (lambda _, out: write(out, description(adapter)), ctypes.c_void_p),
                }
            ),
        )
        return 0

    def _newer(self, adapter: dict[str, Any], interface: int, into: int) -> int:
        assert ctypes.string_at(interface, 16).hex() == "a467596492131043a7988053ce3e93fd"
        if "budgets" not in adapter:
            return NO_INTERFACE
        query = (
            lambda _, node, group, out: write(out, struct.pack("<4Q", *adapter["budgets"][group], 0, 0)),
            ctypes.c_uint32,
            ctypes.c_uint32,
            ctypes.c_void_p,
        )
        self._give(into, self._object({14: query}))
        return 0

    def _output(self, adapter: dict[str, Any], _: int, into: int) -> int:
        if not adapter.get("outputs"):
            return NOT_FOUND
        self._give(into, self._object({}))
        return 0

    def _object(self, functions: dict[int, tuple[Any, ...]]) -> int:
        """
        An interface: a pointer to a pointer to functions, of which the third counts down.
        """
        table = (ctypes.c_void_p * 24)()
        release = {2: (self._release,)}
        for slot, (call, *kinds) in (release | functions).items():
            function = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, *kinds)(call)
            self.kept.append(function)
            table[slot] = ctypes.cast(function, ctypes.c_void_p).value
        body = (ctypes.c_void_p * 1)(ctypes.addressof(table))
        self.kept += [table, body]
        address = ctypes.addressof(body)
        self.open.append(address)
        return address

    def _release(self, this: int) -> int:
        self.open.remove(this)
        return 0

    @staticmethod
    def _give(into: Any, address: int) -> None:
        where: Any = into.value if isinstance(into, ctypes.c_void_p) else into
        ctypes.c_void_p.from_address(where).value = address

    def _of(self, luid: bytes) -> dict[str, Any] | None:
        return next((one for one in self.adapters if one["luid"] == luid and "address" in one), None)

    def _open(self, content: Any) -> int:
        adapter = self._of(content.raw[:8])
        if adapter is None:
            return -1
        handle = 0x40000000 + self.adapters.index(adapter)
        self.handles.append(handle)
        struct.pack_into("<I", content, 8, handle)
        return 0

    def _close(self, content: Any) -> int:
        self.handles.remove(struct.unpack("<I", content.raw)[0])
        return 0

    def _info(self, content: Any) -> int:
        handle, kind, address, size = struct.unpack_from("<IIQI", content.raw)
        adapter = self.adapters[handle - 0x40000000]
        match kind:
            case 6:
                assert size == 12
                return write(address, struct.pack("<3I", *adapter["address"]))
            case 15:
                assert size == 4
                return write(address, struct.pack("<I", adapter["type"]))
        return -1

    def _statistics(self, content: Any) -> int:
        kind, luid = struct.unpack_from("<I8s", content.raw)
        (number,) = struct.unpack_from("<I", content.raw, 800)
        adapter = self._of(luid)
        if adapter is None or "segments" not in adapter:
            return -1
        if kind == 4:
            (process,) = struct.unpack_from("<Q", content.raw, 16)
            struct.pack_into("<Q", content, 24, self.programs[process - 1000][1].get(number, 0))
            return 0
        if kind == 0:
            struct.pack_into("<I", content, 24, len(adapter["segments"]))
            return 0
        assert kind == 3
        limit, resident, aperture = adapter["segments"][number]
        struct.pack_into("<3Q", content, 24, limit, 999, resident)
        struct.pack_into("<I", content, 64, aperture)
        return 0

    def with_programs(
        self, programs: dict[int, tuple[str, dict[int, int]]], closed: tuple[int, ...] = ()
    ) -> None:
        """
        Run programs: their paths and the bytes that they hold of each segment, by their numbers; some are not opened.
        """
        self.programs = programs

        def listed(into: Any, size: int, length: Any) -> int:
            raw = struct.pack(f"<{len(programs) + 1}I", 0, *programs)
            assert size >= len(raw)
            into[: len(raw)] = raw
            struct.pack_into("<I", length, 0, len(raw))
            return 1

        def opened(rights: int, inherited: int, pid: int) -> int:
            assert (rights, inherited) == (0x0400, 0)
            if pid in closed:
                return 0
            self.handles.append(1000 + pid)
            return 1000 + pid

        def named(handle: int, form: int, into: Any, length: Any) -> int:
            raw = (programs[handle - 1000][0] + "\0").encode("utf-16-le")
            assert struct.unpack("<I", length.raw)[0] >= len(raw) // 2
            into[: len(raw)] = raw
            return 1

        self.functions["kernel32.dll"] = {
            "K32EnumProcesses": listed,
            "OpenProcess": opened,
            "CloseHandle": self.handles.remove,
            "QueryFullProcessImageNameW": named,
        }


class Library:
    """
    Functions by name, each of no use before its type is given.
    """

    def __init__(self, functions: dict[str, Callable[..., Any]]) -> None:
        self._functions = functions

    def __getitem__(self, name: str) -> "Function":
        if name not in self._functions:
            raise AttributeError(name)
        return Function(self._functions[name])


class Function:
    restype: Any = None
    argtypes: Any = None

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        assert self.restype is not None
        assert len(self.argtypes) == len(arguments)
        return self._call(*arguments) or 0


def write(address: int, content: bytes) -> int:
    ctypes.memmove(address, content, len(content))
    return 0


def description(adapter: dict[str, Any]) -> bytes:
    """
    Return a DXGI_ADAPTER_DESC1 of 312 bytes.
    """
    name: bytes = adapter["name"].encode("utf-16-le").ljust(256, b"\0")
    numbers = struct.pack(
        "<4I", adapter["vendor"], adapter["device"], 0x12345678, adapter.get("revision", 0xC8)
    )
    sizes = struct.pack("<3Q", *adapter["sizes"])
    luid: bytes = adapter["luid"]
    return name + numbers + sizes + luid + struct.pack("<II", adapter.get("flags", 0), 0)


def xtx(**changes: Any) -> dict[str, Any]:
    """
    Return an RX 7900 XTX on bus 3 with a monitor, as its driver reports it.
    """
    mib = 1024**2
    return {
        "name": "AMD Radeon RX 7900 XTX",
        "vendor": 0x1002,
        "device": 0x744C,
        "sizes": (24492 * mib, 0, 16179 * mib),
        "luid": GPU_LUID,
        "outputs": True,
        "budgets": [(23700 * mib, 0), (15411 * mib, 0)],
        "address": (3, 0, 0),
        "type": 0x3,
        "segments": [(24236 * mib, 1700 * mib, 0), (256 * mib, 100 * mib, 0), (16179 * mib, 300 * mib, 1)],
    } | changes
