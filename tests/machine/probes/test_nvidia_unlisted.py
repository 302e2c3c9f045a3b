"""
NVIDIA devices that the driver does not list, or that CUDA cannot use though NVML answers; figures that cannot be.
"""

from typing import Any

import pytest

from llmprobe.data import table
from llmprobe.facts.machine import Probed, Snapshot
from llmprobe.machine.nvidia_ids import generation_of, last_branch, name_of
from llmprobe.machine.probes import nvidia
from llmprobe.machine.snapshot import collect
from llmprobe.words.message import message
from tests.machine.fake import GIB, FakeSource, card, nvidia_machine, plain_host


def probed(answers: dict[str, Any]) -> Probed:
    return nvidia.probe(FakeSource(answers))


def unlisted(*devices: str, driver: str = "595.71.05", flavour: str = "Open ", **changes: Any) -> Probed:
    """
    The probe's answer where the driver runs and lists only the first of these devices.
    """
    answers = nvidia_machine(card(0), *({} for _ in devices[1:]), **{"nvml:nvmlDeviceGetCount_v2": 1})
    version = f"NVRM version: NVIDIA UNIX {flavour}Kernel Module for x86_64  {driver}  Release"
    answers["read:/proc/driver/nvidia/version"] = version
    answers["list:/dev"] = ["nvidiactl", "nvidia-uvm", *(f"nvidia{place}" for place in range(len(devices)))]
    for place, device in enumerate(devices, start=1):
        answers[f"read:/sys/bus/pci/devices/0000:0{place}:00.0/device"] = f"{device}\n"
    return probed(answers | changes)


@pytest.mark.parametrize(
    ("device", "driver", "flavour", "expected"),
    [
        ("0x1b38", "595.71.05", "Open ", ("unusable.nvidia-dropped", 580)),
        ("0x1db4", "590.10", "Open ", ("unusable.nvidia-dropped", 580)),
        ("0x102d", "550.54.14", "", ("unusable.nvidia-dropped", 470)),
        ("0x1b38", "580.95.05", "Open ", ("unusable.nvidia-needs-proprietary", None)),
        ("0x1b38", "580.95.05", "", ("unusable.nvidia-not-started", None)),
        ("0x2b85", "575.51.03", "", ("unusable.nvidia-needs-open", None)),
        ("0x2b85", "575.51.03", "Open ", ("unusable.nvidia-not-started", None)),
        ("0x1e04", "595.71.05", "Open ", ("unusable.nvidia-not-started", None)),
        ("0xfff0", "595.71.05", "Open ", ("unusable.nvidia-not-started", None)),
    ],
)
def test_why_the_driver_does_not_list_a_card(
    device: str, driver: str, flavour: str, expected: tuple[str, int | None]
) -> None:
    """
    Pascal and Volta ended with 580, Kepler with 470; Blackwell needs the open module, which none before Turing has.
    """
    _, missing = unlisted("0x2684", device, driver=driver, flavour=flavour).accelerators

    assert missing.why_not is not None
    assert (missing.why_not.id, missing.why_not.values.get("last")) == expected
    assert missing.driver == driver


def test_a_card_that_is_not_listed_is_named_by_its_number_with_the_tables_figures() -> None:
    """
    A Tesla P40 has 24 GiB at 346 GB/s (NVIDIA's datasheet); none of it can be used.
    """
    found = unlisted("0x2684", "0x1b38")
    card_, pool = found.accelerators[1], found.pools[1]

    assert (card_.name, card_.usable, card_.bandwidth_bytes_per_s) == ("Tesla P40", False, 346_000_000_000)
    assert (pool.basis, round((pool.total_bytes or 0) / GIB), pool.budget_bytes) == ("declared", 24, 0)
    assert pool.free_bytes is None


def test_another_driver_is_named() -> None:
    """
    Nouveau is what has the card then, and no library of NVIDIA will answer for it.
    """
    link = {"link:/sys/bus/pci/devices/0000:02:00.0/driver": "../../bus/pci/drivers/nouveau"}
    _, missing = unlisted("0x2684", "0x2782", **link).accelerators

    assert missing.why_not == message("unusable.other-driver", driver="nouveau", needed="nvidia")
    assert (missing.driver, missing.name) == ("nouveau", "NVIDIA GeForce RTX 4070 Ti")


@pytest.mark.parametrize(
    ("nodes", "root", "usable"),
    [
        (["nvidia0", "nvidiactl"], [".dockerenv"], False),
        (["nvidia0", "nvidiactl"], ["bin"], True),
        (["nvidia0", "nvidiactl", "nvidia-uvm"], [".dockerenv"], True),
        (["nvidiactl"], [".dockerenv"], True),
        (["nvidia0", "nvidiactl", "dxg"], [".dockerenv"], True),
    ],
)
def test_cuda_needs_the_file_of_its_memory_manager_in_a_container(
    nodes: list[str], root: list[str], usable: bool
) -> None:
    """
    NVML answers without /dev/nvidia-uvm, CUDA does not (999); outside of containers it makes the file itself.
    """
    answers = nvidia_machine(card(), **{"list:/dev": nodes, "list:/": root})
    (device_,) = probed(answers).accelerators

    assert device_.usable is usable
    assert (device_.why_not is None) is usable


@pytest.mark.parametrize(
    ("total", "used", "free", "expected"),
    [
        (8 * GIB, 1 * GIB, 20 * GIB, 7 * GIB),
        (8 * GIB, 10 * GIB, 2**64 - 2 * GIB, 0),
        (8 * GIB, 10 * GIB, 3 * GIB, 0),
        (8 * GIB, None, 20 * GIB, 0),
        (8 * GIB, 8 * GIB, 0, 0),
    ],
)
def test_more_than_there_is_is_what_is_left(total: int, used: int | None, free: int, expected: int) -> None:
    """
    Layers that share a GPU report a limit as its size beside figures of the whole, or count below zero.
    """
    memory = {"total": total, "free": free, "reserved": 0} | ({} if used is None else {"used": used})
    (pool,) = probed(nvidia_machine(card(), **{"nvml:nvmlDeviceGetMemoryInfo_v2 0": memory})).pools

    assert (pool.total_bytes, pool.free_bytes) == (total, expected)
    said = [limit for limit in pool.limits if limit.detail and limit.detail.id == "limit.nvidia-impossible"]
    assert len(said) == (free > total or (used or 0) > total)
    assert all(limit.basis == "assumed" for limit in said)


@pytest.mark.parametrize(
    ("name", "profile", "total", "rate"),
    [
        ("NVIDIA A40-24Q", "A40-24Q", 24, 696),
        ("NVIDIA H100L-1-12C", "H100L-1-12C", 12, 3938 / 8),
        ("NVIDIA H100XM-40C", "H100XM-40C", 40, 3350),
        ("GRID P40-24Q", "P40-24Q", 24, 346),
        ("GRID V100D-8Q", "V100D-8Q", 8, 900),
        ("NVIDIA RTX6000-Ada-12Q", "RTX6000-Ada-12Q", 12, 960),
    ],
)
def test_a_profile_with_a_slice_has_that_share_of_the_bandwidth(
    name: str, profile: str, total: int, rate: float
) -> None:
    """
    H100L is the H100 NVL of 94 GB: 3938 GB/s, of which one instance with an eighth of the memory has an eighth. V100D
    is the V100 PCIe of 32 GB, and a part of the time has all channels.
    """
    answers = nvidia_machine(
        card(name=name, total_mib=total * 1024, bits=0), **{"nvml:nvmlDeviceGetVirtualizationMode 0": 2}
    )
    (device_,) = probed(answers).accelerators

    assert device_.partition is not None
    assert (device_.partition.profile, device_.bandwidth_bytes_per_s) == (profile, int(rate * 10**9))


@pytest.mark.parametrize(
    ("number", "name", "generation", "last"),
    [
        ("0x2684", "NVIDIA GeForce RTX 4090", "Ada Lovelace", None),
        ("0x2B85", "NVIDIA GeForce RTX 5090", "Blackwell", None),
        ("0x28e0", "NVIDIA GeForce RTX 4060 Laptop GPU", "Ada Lovelace", None),
        ("0x1b38", "Tesla P40", "Pascal", 580),
        ("0x1db6", "Tesla V100-PCIE-32GB", "Volta", 580),
        ("0x17fd", "Tesla M40", "Maxwell", 580),
        ("0x102d", "Tesla K80", "Kepler", 470),
        ("0x128b", "NVIDIA GeForce GT 710", "Kepler", 470),
        ("0x1341", "NVIDIA GeForce 840M", "Maxwell", 580),
        ("0x0dea", None, "Fermi", 390),
        ("0x20b5", "NVIDIA A100 80GB PCIe", "Ampere", None),
        ("0x2330", "NVIDIA H100 80GB HBM3", "Hopper", None),
        ("0x1eb8", "Tesla T4", "Turing", None),
        ("0x0040", None, None, None),
        (None, None, None, None),
        ("zz", None, None, None),
    ],
)
def test_a_number_tells_a_name_and_a_generation(
    number: str | None, name: str | None, generation: str | None, last: int | None
) -> None:
    """As the PCI ID repository has them (https://pci-ids.ucw.cz); a number of another time tells nothing."""
    assert (name_of(number), generation_of(number)) == (name, generation)
    assert last_branch(generation) == last


def test_every_name_is_one_of_nvidia() -> None:
    """
    Numbers are NVIDIA's: a 610M of it is no 610M of AMD.
    """
    names = table("nvidia_ids")["names"].values()

    assert {name.split(" ")[0] for name in names} <= {"NVIDIA", "Tesla", "Quadro", "Jetson"}


def advised(snapshot: Snapshot) -> tuple[str, str]:
    """
    Return how severe it is that a card is not listed, and the id of what to do.
    """
    (one,) = [each for each in snapshot.findings if each.id == "nvidia-unlisted"]
    assert one.remedy is not None
    return one.severity, one.remedy.text.id


@pytest.mark.parametrize(
    ("driver", "device", "expected"),
    [
        ("550.163.01", "0x128b", ("note", "finding.nvidia-unlisted.keep")),
        ("595.71.05", "0x1b38", ("warning", "finding.nvidia-unlisted.branch")),
    ],
)
def test_an_old_branch_is_no_advice_beside_a_card_that_is_used(
    driver: str, device: str, expected: tuple[str, str]
) -> None:
    """
    Branch 470 has CUDA 11.4, which would cost the other card; 580 serves a P40 and all that came after it.
    """
    answers = nvidia_machine(card(0), {}, **{"nvml:nvmlDeviceGetCount_v2": 1})
    version = f"NVRM version: NVIDIA UNIX Kernel Module for x86_64  {driver}  Release"
    answers |= {
        "read:/proc/driver/nvidia/version": version,
        "list:/dev": ["nvidiactl", "nvidia-uvm", "nvidia0"],
        "read:/sys/bus/pci/devices/0000:02:00.0/device": f"{device}\n",
    }
    used = plain_host() | answers

    assert advised(collect(FakeSource(used))) == expected
    alone = used | {"nvml:nvmlDeviceGetComputeMode 0": 2}
    assert advised(collect(FakeSource(alone))) == ("error", "finding.nvidia-unlisted.branch")
