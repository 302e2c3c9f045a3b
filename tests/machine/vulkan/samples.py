"""
Vulkan devices as drivers describe them, to start from. Sizes and limits are those of public reports of vulkaninfo.
"""

from typing import Any

from tests.machine.fake import GIB, MIB


def device(name: str = "AMD Radeon RX 7900 XTX (RADV NAVI31)", **changes: Any) -> dict[str, Any]:
    """
    Return a card as RADV describes it: 24 GiB of its own with a budget, and a part of RAM.
    """
    return {
        "apiVersion": "1.4.305",
        "vendorID": 0x1002,
        "deviceID": 0x744C,
        "deviceType": 2,
        "deviceName": name,
        "maxStorageBufferRange": 4294967295,
        "minMemoryMapAlignment": 4096,
        "minStorageBufferOffsetAlignment": 4,
        "deviceUUID": "00000000-0300-0000-0000-000000000000",
        "driverID": 3,
        "driverName": "radv",
        "driverInfo": "Mesa 25.0.7",
        "maxMemoryAllocationSize": 4294967292,
        "maxBufferSize": 4294967292,
        "subgroupSize": 64,
        "supportedOperations": 1023,
        "minSubgroupSize": 32,
        "maxSubgroupSize": 64,
        "storageBuffer16BitAccess": 1,
        "pciDomain": 0,
        "pciBus": 3,
        "pciDevice": 0,
        "pciFunction": 0,
        "heaps": [heap(24560 * MIB, 1, 23000 * MIB, 0), heap(31 * GIB, 0, 30 * GIB, 0)],
        "extensions": ["VK_EXT_memory_budget", "VK_KHR_cooperative_matrix"],
    } | changes


def software(**changes: Any) -> dict[str, Any]:
    """
    Return Mesa's software device.
    """
    return (
        device("llvmpipe (LLVM 15.0.6, 256 bits)")
        | {
            "vendorID": 0x10005,
            "deviceID": 0,
            "deviceType": 4,
            "driverID": 13,
            "driverName": "llvmpipe",
            "deviceUUID": "6d657361-3232-2e33-2e36-000000000000",
            "heaps": [heap(31 * GIB, 1)],
            "extensions": [],
            "pciBus": None,
        }
        | changes
    )


def heap(size: int, flags: int, budget: int | None = None, usage: int | None = None) -> dict[str, int]:
    told = {"budget": budget, "usage": usage}
    return {"size": size, "flags": flags, **{key: value for key, value in told.items() if value is not None}}


def answer(*devices: dict[str, Any]) -> dict[str, Any]:
    return {"vulkan:": {"library": "libvulkan.so.1", "apiVersion": "1.4.309", "devices": list(devices)}}
