"""
Which of a backend's drivers a device has: by the limits that Vulkan's loader tells, else by maker and system.

What a driver decides are alignments and the largest tensor (``llmprobe.facts.backends.Driver``), so that the kind with
the device's own figures is the right one, whatever the driver is called.
"""

from llmprobe.facts.backends import BACKENDS, Driver
from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.facts.vulkan import VulkanDevice

_USUAL = {
    ("amd", "win32"): "amd",
    ("amd", "linux"): "radv",
    ("intel", "win32"): "intel",
    ("intel", "linux"): "intel",
}
"""AMD's own driver on Windows, Mesa's on Linux; Intel's two have the same limits."""

_UNLIMITED = 1 << 62


def driver_of(snapshot: Snapshot, accelerator: Accelerator) -> str:
    """
    The name of the driver among those of the accelerator's backend, empty for the usual one.
    """
    drivers = BACKENDS[accelerator.backend].drivers if accelerator.backend is not None else {}
    if len(drivers) < 2 or accelerator.backend is None or not BACKENDS[accelerator.backend].by_loader:
        return ""
    devices = snapshot.vulkan.devices if snapshot.vulkan is not None else ()
    device = next(
        (each for each in devices if each.accelerator == accelerator.id and each.number is not None), None
    )
    limit = None if device is None else _largest(device)
    if device is None or limit is None:
        usual = _USUAL.get((accelerator.vendor, snapshot.host.system), "")
        return usual if usual in drivers else ""
    return min(drivers, key=lambda name: _distance(drivers[name], device, limit))


def _largest(device: VulkanDevice) -> int | None:
    """
    The largest tensor that llama.cpp computes with (``ggml_backend_vk_device_supports_op``, b11549): of the buffer and
    of what a shader reaches of it, which indices of 64 bits lift.
    """
    buffer, reach = device.max_buffer_bytes, device.max_range_bytes
    if device.indexing_64_bit:
        return _UNLIMITED if buffer is None else buffer
    known = [size for size in (buffer, reach) if size is not None]
    return min(known) if known else None


def _distance(driver: Driver, device: VulkanDevice, limit: int) -> tuple[bool, bool, int, int]:
    """
    How far a kind is from the device, the most important first: whether it attends, whether its tensors are too large
    (of those the smallest), the alignments that differ, and how much smaller its tensors are.
    """
    attends = device.cooperative_matrix_2 or device.shuffles is not False
    largest = _UNLIMITED if driver.largest is None else driver.largest
    aligned = (driver.align, driver.host_align)
    differ = sum(
        known is not None and known != own
        for known, own in zip((device.buffer_alignment, device.map_alignment), aligned, strict=True)
    )
    too_large = largest > limit
    if too_large:
        return driver.attends != attends, True, largest, differ
    return driver.attends != attends, False, differ, limit - largest
