"""
The Vulkan devices of a machine as one line of JSON. A program of its own: it is run by path, in a process of its own,
because the loader takes every driver into the process that asks, and drivers crash and hang.

Structures are read by their offsets, which a test compares with Khronos' headers. Only what needs no logical device is
asked. https://registry.khronos.org/vulkan/specs/latest/html/vkspec.html
"""

import ctypes
import json
import os
import struct
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

LIBRARIES = {
    "win32": ("vulkan-1.dll",),
    "darwin": ("libvulkan.1.dylib", "libvulkan.dylib", "libMoltenVK.dylib"),
    "linux": ("libvulkan.so.1", "libvulkan.so"),
}
KEPT_EXTENSIONS = (
    "VK_EXT_external_memory_host",
    "VK_EXT_memory_budget",
    "VK_EXT_pci_bus_info",
    "VK_EXT_shader_64bit_indexing",
    "VK_EXT_subgroup_size_control",
    "VK_KHR_16bit_storage",
    "VK_KHR_cooperative_matrix",
    "VK_KHR_maintenance4",
    "VK_KHR_shader_bfloat16",
    "VK_KHR_shader_float16_int8",
    "VK_KHR_shader_integer_dot_product",
    "VK_NV_cooperative_matrix2",
)
"""Those that decide how llama.cpp computes on a device and what it allocates."""

SIZES = {
    "VkPhysicalDeviceProperties2": 840,
    "VkPhysicalDeviceMemoryProperties2": 536,
    "VkPhysicalDeviceFeatures2": 240,
    "VkPhysicalDeviceIDProperties": 64,
    "VkPhysicalDeviceDriverProperties": 536,
    "VkPhysicalDeviceMaintenance3Properties": 32,
    "VkPhysicalDeviceMaintenance4Properties": 24,
    "VkPhysicalDeviceSubgroupProperties": 32,
    "VkPhysicalDeviceSubgroupSizeControlProperties": 32,
    "VkPhysicalDevicePCIBusInfoPropertiesEXT": 32,
    "VkPhysicalDeviceMemoryBudgetPropertiesEXT": 272,
    "VkPhysicalDeviceVulkan11Features": 64,
    "VkExtensionProperties": 260,
    "VkApplicationInfo": 48,
    "VkInstanceCreateInfo": 64,
}
TYPES = {
    "VkApplicationInfo": 0,
    "VkInstanceCreateInfo": 1,
    "VkPhysicalDeviceProperties2": 1000059001,
    "VkPhysicalDeviceMemoryProperties2": 1000059006,
    "VkPhysicalDeviceFeatures2": 1000059000,
    "VkPhysicalDeviceIDProperties": 1000071004,
    "VkPhysicalDeviceDriverProperties": 1000196000,
    "VkPhysicalDeviceMaintenance3Properties": 1000168000,
    "VkPhysicalDeviceMaintenance4Properties": 1000413001,
    "VkPhysicalDeviceSubgroupProperties": 1000094000,
    "VkPhysicalDeviceSubgroupSizeControlProperties": 1000225000,
    "VkPhysicalDevicePCIBusInfoPropertiesEXT": 1000212000,
    "VkPhysicalDeviceMemoryBudgetPropertiesEXT": 1000237000,
    "VkPhysicalDeviceVulkan11Features": 49,
}
FIELDS = {
    "VkPhysicalDeviceProperties2": {
        "apiVersion": (16, "I"),
        "vendorID": (24, "I"),
        "deviceID": (28, "I"),
        "deviceType": (32, "I"),
        "deviceName": (36, "256s"),
        "maxStorageBufferRange": (340, "I"),
        "minMemoryMapAlignment": (616, "Q"),
        "minStorageBufferOffsetAlignment": (640, "Q"),
    },
    "VkPhysicalDeviceIDProperties": {
        "deviceUUID": (16, "16s"),
        "deviceLUID": (48, "8s"),
        "deviceLUIDValid": (60, "I"),
    },
    "VkPhysicalDeviceDriverProperties": {
        "driverID": (16, "I"),
        "driverName": (20, "256s"),
        "driverInfo": (276, "256s"),
    },
    "VkPhysicalDeviceMaintenance3Properties": {"maxMemoryAllocationSize": (24, "Q")},
    "VkPhysicalDeviceMaintenance4Properties": {"maxBufferSize": (16, "Q")},
    "VkPhysicalDeviceSubgroupProperties": {"subgroupSize": (16, "I"), "supportedOperations": (24, "I")},
    "VkPhysicalDeviceSubgroupSizeControlProperties": {
        "minSubgroupSize": (16, "I"),
        "maxSubgroupSize": (20, "I"),
    },
    "VkPhysicalDevicePCIBusInfoPropertiesEXT": {
        "pciDomain": (16, "I"),
        "pciBus": (20, "I"),
        "pciDevice": (24, "I"),
        "pciFunction": (28, "I"),
    },
    "VkPhysicalDeviceVulkan11Features": {"storageBuffer16BitAccess": (16, "I")},
}
"""Offsets in bytes and formats of ``struct``; in the first those of the properties and limits within it."""

HEAP_COUNT, HEAPS, HEAP_BYTES = 276, 280, 16
BUDGETS, USAGES = 16, 144
"""In ``VkPhysicalDeviceMemoryProperties2`` and ``VkPhysicalDeviceMemoryBudgetPropertiesEXT``."""

MOST_DEVICES, MOST_HEAPS, MOST_EXTENSIONS = 64, 16, 4096
_INCOMPATIBLE_DRIVER = -9
_INCOMPLETE = 5
_VERSION_1_1 = 1 << 22 | 1 << 12
_PORTABILITY = b"VK_KHR_portability_enumeration"
_WITH_EXTENSION = {
    "VkPhysicalDeviceMaintenance4Properties": "VK_KHR_maintenance4",
    "VkPhysicalDeviceSubgroupSizeControlProperties": "VK_EXT_subgroup_size_control",
    "VkPhysicalDevicePCIBusInfoPropertiesEXT": "VK_EXT_pci_bus_info",
}
_ALWAYS = (
    "VkPhysicalDeviceIDProperties",
    "VkPhysicalDeviceDriverProperties",
    "VkPhysicalDeviceMaintenance3Properties",
    "VkPhysicalDeviceSubgroupProperties",
)
"""Of Vulkan 1.2, which llama.cpp asks for."""

_VERSION_1_2 = 1 << 22 | 2 << 12


class Refused(Exception):  # noqa: N818 - it is an answer
    """
    The loader is not there (``missing``), or returned an error (``failed``) with its code.
    """

    def __init__(self, status: str, detail: str, code: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


def asked() -> dict[str, Any]:
    """
    The loader's version and every device in its order.
    """
    library, name = _loader()
    instance, version = _instance(library)
    devices = [
        _device(instance, handle) for handle in _listed(instance("vkEnumeratePhysicalDevices"), MOST_DEVICES)
    ]
    return {"library": name, "apiVersion": _version(version), "devices": devices}


def _loader() -> tuple[Any, str]:
    if struct.calcsize("P") != 8:
        raise Refused("failed", "only a Python of 64 bits is able to ask the loader")
    load: Callable[[str], Any] = getattr(ctypes, "WinDLL", ctypes.CDLL)
    problem = ""
    for name in LIBRARIES.get(sys.platform, LIBRARIES["linux"]):
        try:
            return load(name), name
        except OSError as error:
            problem = problem or str(error)
    raise Refused("missing", problem)


def _instance(library: Any) -> tuple[Callable[[str], Any], int]:
    """
    What gives a function of an instance by its name, its first argument bound; and the loader's version.
    """
    get = library.vkGetInstanceProcAddr
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_char_p)
    prototype = getattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)

    def function(name: str, instance: int | None) -> Any:
        address = get(instance, name.encode())
        # All functions that are used here take pointers, and return a result or nothing.
        return address and prototype(ctypes.c_int32, *[ctypes.c_void_p] * _ARGUMENTS[name])(address)

    version = ctypes.c_uint32(1 << 22)
    enumerate_version = function("vkEnumerateInstanceVersion", None)
    if not enumerate_version or enumerate_version(ctypes.byref(version)) or version.value < _VERSION_1_1:
        raise Refused("failed", "the loader is of Vulkan 1.0")
    application = _structure("VkApplicationInfo")
    struct.pack_into("<I", application, 44, version.value)
    create = _structure("VkInstanceCreateInfo")
    names = (ctypes.c_char_p * 1)(_PORTABILITY)
    struct.pack_into("<Q", create, 24, ctypes.addressof(application))
    if sys.platform == "darwin":
        struct.pack_into("<I", create, 16, 1)
        struct.pack_into("<I", create, 48, 1)
        struct.pack_into("<Q", create, 56, ctypes.addressof(names))
    handle = ctypes.c_void_p()
    result = function("vkCreateInstance", None)(create, None, ctypes.byref(handle))
    if result == _INCOMPATIBLE_DRIVER:
        raise Refused("missing", "the loader found no driver", result)
    if result or not handle.value:
        raise Refused("failed", f"vkCreateInstance returned {result}", result)
    return lambda name: _bound(function(name, handle.value), name, handle.value), version.value


_ARGUMENTS = {
    "vkEnumerateInstanceVersion": 1,
    "vkCreateInstance": 3,
    "vkEnumeratePhysicalDevices": 3,
    "vkEnumerateDeviceExtensionProperties": 4,
    "vkGetPhysicalDeviceProperties2": 2,
    "vkGetPhysicalDeviceMemoryProperties2": 2,
    "vkGetPhysicalDeviceFeatures2": 2,
}


def _bound(function: Any, name: str, instance: int | None) -> Any:
    if not function:
        raise Refused("failed", f"the loader has no {name}")
    return (
        (lambda *arguments: function(instance, *arguments))
        if name == "vkEnumeratePhysicalDevices"
        else function
    )


def _listed(enumerate_them: Any, most: int) -> list[int]:
    count = ctypes.c_uint32(0)
    result = enumerate_them(ctypes.byref(count), None)
    if result or not count.value:
        if result:
            raise Refused("failed", f"vkEnumeratePhysicalDevices returned {result}", result)
        return []
    count.value = min(count.value, most)
    handles = (ctypes.c_void_p * count.value)()
    result = enumerate_them(ctypes.byref(count), handles)
    if result not in (0, _INCOMPLETE):
        raise Refused("failed", f"vkEnumeratePhysicalDevices returned {result}", result)
    return [handle for handle in handles[: count.value] if handle]


def _device(instance: Callable[[str], Any], handle: int) -> dict[str, Any]:
    extensions = _extensions(instance("vkEnumerateDeviceExtensionProperties"), handle)
    get_properties = instance("vkGetPhysicalDeviceProperties2")
    alone = _structure("VkPhysicalDeviceProperties2")
    get_properties(handle, alone)
    device = _fields("VkPhysicalDeviceProperties2", alone)
    newer = device["apiVersion"] >= _VERSION_1_2
    further = [name for name, extension in _WITH_EXTENSION.items() if extension in extensions]
    chain = _chain("VkPhysicalDeviceProperties2", *(_ALWAYS if newer else ()), *further)
    get_properties(handle, chain["VkPhysicalDeviceProperties2"])
    for name, content in chain.items():
        device |= _fields(name, content)
    features = _chain("VkPhysicalDeviceFeatures2", *(("VkPhysicalDeviceVulkan11Features",) if newer else ()))
    instance("vkGetPhysicalDeviceFeatures2")(handle, features["VkPhysicalDeviceFeatures2"])
    device |= _fields("VkPhysicalDeviceVulkan11Features", features.get("VkPhysicalDeviceVulkan11Features"))
    device["apiVersion"] = _version(device["apiVersion"])
    budgeted = "VK_EXT_memory_budget" in extensions
    device["heaps"] = _heaps(instance("vkGetPhysicalDeviceMemoryProperties2"), handle, budgeted=budgeted)
    device["extensions"] = [name for name in KEPT_EXTENSIONS if name in extensions]
    return device


def _extensions(enumerate_them: Any, handle: int) -> set[str]:
    size = SIZES["VkExtensionProperties"]
    count = ctypes.c_uint32(0)
    if enumerate_them(handle, None, ctypes.byref(count), None):
        return set()
    count.value = min(count.value, MOST_EXTENSIONS)
    content = ctypes.create_string_buffer(size * max(1, count.value))
    if enumerate_them(handle, None, ctypes.byref(count), content) not in (0, _INCOMPLETE):
        return set()
    return {_text(content.raw[at : at + 256]) for at in range(0, size * count.value, size)}


def _heaps(get_memory: Any, handle: int, *, budgeted: bool) -> list[dict[str, int]]:
    budget = "VkPhysicalDeviceMemoryBudgetPropertiesEXT"
    chain = _chain("VkPhysicalDeviceMemoryProperties2", *((budget,) if budgeted else ()))
    memory = chain["VkPhysicalDeviceMemoryProperties2"]
    get_memory(handle, memory)
    (count,) = struct.unpack_from("<I", memory, HEAP_COUNT)
    heaps = []
    for number in range(min(count, MOST_HEAPS)):
        size, flags = struct.unpack_from("<QI", memory, HEAPS + HEAP_BYTES * number)
        heap = {"size": size, "flags": flags}
        if budgeted:
            (heap["budget"],) = struct.unpack_from("<Q", chain[budget], BUDGETS + 8 * number)
            (heap["usage"],) = struct.unpack_from("<Q", chain[budget], USAGES + 8 * number)
        heaps.append(heap)
    return heaps


def _structure(name: str) -> Any:
    content = ctypes.create_string_buffer(SIZES[name])
    struct.pack_into("<I", content, 0, TYPES[name])
    return content


def _chain(*names: str) -> dict[str, Any]:
    """
    Structures of which each points to the next.
    """
    chain = {name: _structure(name) for name in names}
    for before, after in pairwise(names):
        struct.pack_into("<Q", chain[before], 8, ctypes.addressof(chain[after]))
    return chain


def _fields(name: str, content: Any) -> dict[str, Any]:
    if content is None:
        return {}
    values = {}
    for field, (offset, form) in FIELDS.get(name, {}).items():
        (value,) = struct.unpack_from(f"<{form}", content, offset)
        if field in ("deviceUUID", "deviceLUID"):
            value = _number(value)
        values[field] = _text(value) if isinstance(value, bytes) else value
    return values


def _number(raw: bytes) -> str:
    """
    A UUID in its usual form; of a LUID, which has eight bytes, the digits.
    """
    digits = raw.hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return "-".join(parts) if len(raw) == 16 else digits


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode(errors="replace")


def _version(number: int) -> str:
    return f"{number >> 22 & 0x7F}.{number >> 12 & 0x3FF}.{number & 0xFFF}"


def main() -> None:
    """
    Print what the loader says, or why it says nothing.
    """
    try:
        line = json.dumps({"value": asked()})
    except Refused as error:
        line = json.dumps({"status": error.status, "detail": str(error), "code": error.code})
    sys.stdout.write(f"\n{line}\n")
    sys.stdout.flush()
    # What drivers do at the end of a process has crashed it, and prints what they kept back.
    os._exit(0)


if __name__ == "__main__":
    main()
