"""
The Vulkan loader itself: Mesa's software driver, a stand-in that crashes and hangs, and layouts of Khronos' headers.

None of it needs a GPU. Without the loader, the headers or a compiler a test is skipped, but not in continuous
integration.
"""

import ctypes.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.machine.asking import Asker
from llmprobe.machine.snapshot import collect
from llmprobe.machine.vulkan.devices import ask_vulkan
from llmprobe.source.live import LiveSource, vulkan_devices
from llmprobe.source.live.commands import Children
from llmprobe.source.live.vulkan import ask
from tests.machine.fake import FakeSource, plain_host
from tests.machine.probes.test_amd import machine, radeon

pytestmark = pytest.mark.live

STUB = Path(__file__).parent / "stub_vulkan" / "libvulkan.c"


def lacking(what: str) -> None:
    """
    Skip a test, or in continuous integration fail it.
    """
    if os.environ.get("CI") == "true":
        pytest.fail(f"there is no {what}, and continuous integration must not skip this")
    pytest.skip(f"there is no {what}")


def compiler() -> str:
    found = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if found is None:
        lacking("C compiler")
    return str(found)


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loader")
    strict = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")
    subprocess.run(
        [compiler(), *strict, "-shared", "-fPIC", "-o", folder / "libvulkan.so.1", STUB], check=True
    )
    return folder


def stubbed(stub: Path, how: str, monkeypatch: pytest.MonkeyPatch, timeout_s: float = 20.0) -> Answer:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(stub))
    monkeypatch.setenv("VULKAN_STUB", how)
    return ask(timeout_s, Children())


@pytest.mark.parametrize(
    ("how", "status", "part"),
    [
        ("crash", "failed", "ended with -6"),
        ("none", "missing", "no driver"),
        ("broken", "failed", "returned -3"),
        ("old", "failed", "Vulkan 1.0"),
    ],
)
def test_what_goes_wrong_is_an_answer(
    stub: Path, monkeypatch: pytest.MonkeyPatch, how: str, status: str, part: str
) -> None:
    """
    A driver that crashes ends its own process; no driver, an error and an old loader are told apart.
    """
    answer = stubbed(stub, how, monkeypatch)

    assert answer.status == status
    assert part in (answer.detail or "")


def test_no_loader_is_missing_with_the_systems_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of several names the first one's error is told.
    """
    monkeypatch.setitem(vulkan_devices.LIBRARIES, "linux", ("libfirst.so.9", "libsecond.so.9"))
    monkeypatch.setattr(sys, "platform", "linux")

    with pytest.raises(vulkan_devices.Refused, match=r"libfirst\.so\.9") as caught:
        vulkan_devices.asked()
    assert caught.value.status == "missing"


def test_a_driver_that_hangs_is_ended(stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Its process has a time limit.
    """
    assert stubbed(stub, "hang", monkeypatch, timeout_s=0.5).status == "timeout"


@pytest.mark.parametrize("how", ["", "noise"])
def test_a_loader_without_devices(stub: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """
    An empty list is an answer, and what drivers print is none.
    """
    answer = stubbed(stub, how, monkeypatch)

    assert answer.value == {"library": "libvulkan.so.1", "apiVersion": "1.3.0", "devices": []}


@pytest.fixture(scope="module")
def software() -> dict[str, Any]:
    """
    Return Mesa's software device as the loader of this machine lists it.
    """
    if sys.platform != "linux" or ctypes.util.find_library("vulkan") is None:
        lacking("Vulkan loader")
    with LiveSource(timeout_s=60.0) as source:
        answer = source.vulkan()
    devices = answer.value["devices"] if answer.ok else []
    found = [each for each in devices if each["deviceType"] == 4 and each["driverID"] == 13]
    if not found:
        lacking("software driver of Mesa")
    device: dict[str, Any] = found[0]
    return device


def test_mesas_software_driver_through_the_loader(software: dict[str, Any]) -> None:
    """
    Every figure is where the driver put it: limits of Mesa's sources (lavapipe's 64 bytes to map, 16 to offset).
    """
    assert software["deviceName"].startswith("llvmpipe")
    assert software["driverName"] == "llvmpipe"
    assert software["driverInfo"].startswith("Mesa")
    assert software["vendorID"] == 0x10005
    assert (software["minMemoryMapAlignment"], software["minStorageBufferOffsetAlignment"]) == (64, 16)
    assert software["maxMemoryAllocationSize"] >= 1 << 30
    assert software["maxStorageBufferRange"] >= 1 << 27
    assert software["subgroupSize"] in (4, 8, 16)
    assert software["storageBuffer16BitAccess"] == 1
    assert len(software["heaps"]) == 1
    assert software["heaps"][0]["flags"] & 1
    assert software["heaps"][0]["size"] >= 1 << 30
    assert "VK_KHR_16bit_storage" in software["extensions"]


def test_a_software_device_is_no_gpu(software: dict[str, Any]) -> None:
    """
    It gets no number of llama.cpp and is no accelerator; beside a card without its driver that is said.
    """
    told = {"vulkan:": {"library": "libvulkan.so.1", "apiVersion": "1.3.0", "devices": [software]}}
    vulkan = ask_vulkan(Asker(FakeSource(told)))
    snapshot = collect(
        FakeSource(plain_host() | machine(radeon()) | told | {"run:test -w /dev/kfd": {"exit": 1}})
    )

    assert vulkan is not None
    assert [(each.number, each.left_out) for each in vulkan.devices] == [(None, "software")]
    assert [each.vendor for each in snapshot.accelerators] == ["amd"]
    assert "vulkan-not-listed" in {finding.id for finding in snapshot.findings}


def test_layouts_are_those_of_the_headers(tmp_path: Path) -> None:
    """
    Sizes, types and offsets of every structure that is read, by a program compiled with Khronos' headers.
    """
    program = [
        "#include <vulkan/vulkan.h>",
        "#include <stddef.h>",
        "#include <stdio.h>",
        "int main(void) {",
        *(f'printf("{name} %zu\\n", sizeof({name}));' for name in vulkan_devices.SIZES),
        *(
            f'printf("{name}.{field} %zu\\n", offsetof({name}, {within(name, field)}));'
            for name, fields in vulkan_devices.FIELDS.items()
            for field in fields
        ),
        *(f'printf("{name}:type %d\\n", {sort});' for name, sort in STRUCTURE_TYPES.items()),
        'printf("heaps %zu\\n", offsetof(VkPhysicalDeviceMemoryProperties2, memoryProperties.memoryHeaps));',
        'printf("count %zu\\n", offsetof(VkPhysicalDeviceMemoryProperties2, memoryProperties.memoryHeapCount));',
        'printf("heap %zu\\n", sizeof(VkMemoryHeap));',
        'printf("budget %zu\\n", offsetof(VkPhysicalDeviceMemoryBudgetPropertiesEXT, heapBudget));',
        'printf("usage %zu\\n", offsetof(VkPhysicalDeviceMemoryBudgetPropertiesEXT, heapUsage));',
        "return 0; }",
    ]
    source = tmp_path / "layout.c"
    source.write_text("\n".join(program), encoding="utf-8")
    built = subprocess.run(
        [compiler(), source, "-o", tmp_path / "layout"], capture_output=True, text=True, check=False
    )
    if "vulkan/vulkan.h" in built.stderr:
        lacking("header of Vulkan")
    assert built.returncode == 0, built.stderr
    printed = subprocess.run([tmp_path / "layout"], capture_output=True, text=True, check=True).stdout

    expected = {
        **vulkan_devices.SIZES,
        **{
            f"{name}.{field}": offset
            for name, fields in vulkan_devices.FIELDS.items()
            for field, (offset, _) in fields.items()
        },
        **{f"{name}:type": vulkan_devices.TYPES[name] for name in STRUCTURE_TYPES},
        "heaps": vulkan_devices.HEAPS,
        "count": vulkan_devices.HEAP_COUNT,
        "heap": vulkan_devices.HEAP_BYTES,
        "budget": vulkan_devices.BUDGETS,
        "usage": vulkan_devices.USAGES,
    }
    found = {words[0]: int(words[1]) for line in printed.splitlines() if (words := line.split())}
    assert found == expected
    assert set(STRUCTURE_TYPES) == set(vulkan_devices.TYPES)


STRUCTURE_TYPES = {
    "VkApplicationInfo": "VK_STRUCTURE_TYPE_APPLICATION_INFO",
    "VkInstanceCreateInfo": "VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO",
    "VkPhysicalDeviceProperties2": "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2",
    "VkPhysicalDeviceMemoryProperties2": "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2",
    "VkPhysicalDeviceFeatures2": "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2",
    "VkPhysicalDeviceIDProperties": "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES",
    "VkPhysicalDeviceDriverProperties": "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES",
    "VkPhysicalDeviceMaintenance3Properties": "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES",
    "VkPhysicalDeviceMaintenance4Properties": "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES",
    "VkPhysicalDeviceSubgroupProperties": "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES",
    "VkPhysicalDeviceSubgroupSizeControlProperties": (
        "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES"
    ),
    "VkPhysicalDevicePCIBusInfoPropertiesEXT": "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT",
    "VkPhysicalDeviceMemoryBudgetPropertiesEXT": (
        "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT"
    ),
    "VkPhysicalDeviceVulkan11Features": "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES",
}


def within(name: str, field: str) -> str:
    """
    Return the place of a field in its structure, which wraps the properties of a device and their limits.
    """
    if name != "VkPhysicalDeviceProperties2":
        return field
    return f"properties.limits.{field}" if field.startswith(("max", "min")) else f"properties.{field}"
