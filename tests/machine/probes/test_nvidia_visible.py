"""
CUDA_VISIBLE_DEVICES by CUDA's rules, and what NVIDIA's files under /proc say.
"""

import pytest

from llmprobe.machine.probes.nvidia.device import architecture_of, pci_address
from llmprobe.machine.probes.nvidia.presence import parse_driver_version, parse_gpu_information
from llmprobe.machine.probes.nvidia.visible import parse_cuda_visible_devices

UUIDS = (("GPU-aa11",), ("GPU-aa22",), ("GPU-bb33",), ("MIG-cc44", "MIG-GPU-bb33/3/0"))


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("", ()),
        ("-1", ()),
        ("1,0", (1, 0)),
        ("0, 2", (0, 2)),
        ("1abc", (1,)),
        ("0,9,1", (0,)),
        ("0,-1,1", (0,)),
        ("0,0", ()),
        ("GPU-bb", (2,)),
        ("GPU-aa", ()),
        ("GPU-aa22,GPU-aa11", (1, 0)),
        ("0,GPU-aa22", (0,)),
        ("GPU-aa22,0", (1,)),
        ("none", ()),
        ("+1", (1,)),
        (" 1 ,2", (1, 2)),
        ("MIG-cc", (3,)),
        ("MIG-GPU-bb33/3/0", (3,)),
        ("MIG-GPU-bb33/3", ()),
        ("3", ()),
    ],
)
def test_what_stays_visible(text: str, order: tuple[int, ...]) -> None:
    """
    The list ends at the first entry that names no device, a device named twice leaves none, kinds are not mixed.
    """
    assert parse_cuda_visible_devices(text, UUIDS, numbered=3).order == order


def test_the_entry_that_ended_the_list_is_kept() -> None:
    """
    So that a person can be told; the customary -1 is no mistake.
    """
    assert parse_cuda_visible_devices("0,9", UUIDS, numbered=3).invalid == "9"
    assert parse_cuda_visible_devices("-1", UUIDS, numbered=3).invalid is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 2024", "550.54.14"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  580.95.05  Release Build", "580.95.05"),
        ("something else", None),
    ],
)
def test_the_version_of_the_kernel_module(text: str, version: str | None) -> None:
    """
    Both of the driver's forms are read.
    """
    assert parse_driver_version(text) == version


def test_what_the_module_says_of_a_device() -> None:
    """
    Values that it does not know yet (question marks) are left out.
    """
    text = "Model: \t\t NVIDIA RTX A2000\nIRQ:   \t\t 120\nGPU UUID: \t GPU-????????\n"
    assert parse_gpu_information(text) == {"Model": "NVIDIA RTX A2000", "IRQ": "120"}


def test_addresses_as_sysfs_writes_them() -> None:
    """
    NVML's domain has eight digits, sysfs's four.
    """
    assert pci_address("0000000F:01:00.0") == "000f:01:00.0"
    assert pci_address("N/A") is None


@pytest.mark.parametrize(
    ("capability", "name"),
    [("12.0", "Blackwell"), ("9.0", "Hopper"), ("8.9", "Ada Lovelace"), ("8.6", "Ampere")],
)
def test_architectures(capability: str, name: str) -> None:
    """
    The compute capability names the architecture.
    """
    assert architecture_of(capability) == name
