"""
The driver of a Vulkan device: by its own limits where the loader tells them, else by maker and system.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.facts.vulkan import Vulkan
from llmprobe.machine.vulkan.devices import parse_device
from llmprobe.site.drivers import driver_of
from tests.machine.vulkan.samples import device
from tests.output import samples

MIB, GIB = 1024**2, 1024**3
RADV: dict[str, Any] = {"minStorageBufferOffsetAlignment": 4, "minMemoryMapAlignment": 4096}
NVIDIA: dict[str, Any] = {"minStorageBufferOffsetAlignment": 16, "minMemoryMapAlignment": 64}


def limits(size: int) -> dict[str, Any]:
    return {"maxMemoryAllocationSize": size, "maxBufferSize": size}


def chosen(vendor: str = "amd", system: str = "linux", backend: str = "vulkan", **fields: Any) -> str:
    """
    Return the driver of a card, with Vulkan's answer about it where there are fields.
    """
    fields_of_card: dict[str, Any] = {"id": "gpu0", "vendor": vendor, "name": "a card", "backend": backend}
    card = msgspec.convert(fields_of_card, Accelerator)
    plain = samples.rtx4090()
    vulkan = None
    if fields:
        one = msgspec.structs.replace(parse_device(0, device(**fields)), number=0, accelerator="gpu0")
        vulkan = Vulkan(devices=(one,), evidence=("vulkan:",))
    host = msgspec.structs.replace(plain.host, system=system)
    return driver_of(snapshot_with(plain, host=host, accelerators=(card,), vulkan=vulkan), card)


def snapshot_with(snapshot: Snapshot, **changes: Any) -> Snapshot:
    return msgspec.structs.replace(snapshot, **changes)


@pytest.mark.parametrize(
    ("vendor", "system", "expected"),
    [
        ("amd", "linux", "radv"),
        ("amd", "win32", "amd"),
        ("intel", "linux", "intel"),
        ("intel", "win32", "intel"),
        ("nvidia", "linux", ""),
        ("nvidia", "win32", ""),
        ("other", "linux", ""),
    ],
)
def test_without_the_loader_maker_and_system_decide(vendor: str, system: str, expected: str) -> None:
    """
    Mesa's on Linux, AMD's own on Windows: 4 GiB and 2 GiB are the largest tensors.
    """
    assert chosen(vendor, system) == expected


@pytest.mark.parametrize("backend", ["cuda", "rocm", "sycl"])
def test_other_backends_have_one_kind(backend: str) -> None:
    """
    Their drivers lay buffers in one way, whatever Vulkan says of the card.
    """
    assert chosen(backend=backend, **RADV) == ""


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (RADV | limits(4294967292), "radv"),
        ({**RADV, "minMemoryMapAlignment": 64} | limits(2 * GIB), "amd"),
        (RADV | limits(2 * GIB), "intel"),
        (RADV | limits(GIB), "intel"),
        (NVIDIA | limits(4294967295), ""),
        (NVIDIA | limits(2**63), ""),
        (RADV | limits(2**63) | {"maxStorageBufferRange": GIB}, "intel"),
    ],
)
def test_the_limits_of_the_device_decide(fields: dict[str, Any], expected: str) -> None:
    """
    Of the kinds whose tensors are no larger than the device's, the one of its alignments; AMD's own with pages of 64
    bytes has 2 GiB. A range of 1 GiB counts though buffers may be larger.
    """
    assert chosen(**fields) == expected


def test_a_device_without_limits_is_as_without_the_loader() -> None:
    """
    Then maker and system decide.
    """
    nothing: dict[str, Any] = {
        "maxStorageBufferRange": None,
        "maxBufferSize": None,
        "maxMemoryAllocationSize": None,
    }

    assert chosen("amd", "win32", **nothing) == "amd"


def test_indices_of_64_bits_lift_the_range() -> None:
    """
    Then the buffer alone is the limit.
    """
    lifted: dict[str, Any] = {"extensions": ["VK_EXT_shader_64bit_indexing"]}

    assert chosen(**NVIDIA, **limits(2**63), **lifted) == "wide"
    assert chosen(**NVIDIA, **limits(2**63)) == ""


def test_without_shuffles_flash_attention_has_no_kernel() -> None:
    """
    An old device computes attention another way, unless it has the newer matrices.
    """
    old: dict[str, Any] = {"supportedOperations": 1}

    assert chosen(**NVIDIA, **limits(4294967295), **old) == "old"
    newer: dict[str, Any] = {"extensions": ["VK_NV_cooperative_matrix2"]}
    assert chosen(**NVIDIA, **limits(4294967295), **old, **newer) == ""


def test_a_device_that_allows_less_than_any_kind_has_the_smallest() -> None:
    """
    128 MiB of a small device are nearest to 1 GiB.
    """
    assert chosen(**NVIDIA, **limits(128 * MIB)) == "intel"
