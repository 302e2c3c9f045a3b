"""
Machines on which the rules about hosts, AMD, Intel and Apple fire, by the rule's id.
"""

from collections.abc import Callable
from typing import Any

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.snapshot import collect
from tests.machine.fake import GIB, LINUX_ARM, MIB, FakeSource, plain_host
from tests.machine.probes.test_amd import MAY_NOT, machine, radeon, strix_halo
from tests.machine.probes.test_intel import battlemage
from tests.machine.probes.test_pci import bus
from tests.machine.probes.test_windows import adapter, npu, xtx
from tests.machine.probes.test_windows import whole as on_windows
from tests.machine.vulkan.samples import answer, heap, software
from tests.machine.vulkan.samples import device as vulkan_device


def linux(*parts: dict[str, Any]) -> Snapshot:
    answers = plain_host()
    for part in parts:
        answers |= part
    return collect(FakeSource(answers))


MEMINFO = f"MemTotal: {64 * MIB} kB\nMemAvailable: {60 * MIB} kB\n"
ADDRESS_SPACE = (
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max address space         8589934592           unlimited            bytes     \n"
)
ONE_MODULE = (
    f"E:MEMORY_DEVICE_0_SIZE={64 * GIB}\nE:MEMORY_DEVICE_0_TYPE=DDR5\nE:MEMORY_DEVICE_0_LOCATOR=DIMM 0\n"
    "E:MEMORY_DEVICE_0_CONFIGURED_SPEED_MTS=5600\n"
)
WSL_WITH_ANOTHER = {
    "read:/proc/sys/kernel/osrelease": "6.6-microsoft-standard-WSL2",
    "list:/dev": ["dxg", "null"],
    "nvml:nvmlInit": Answer(status="missing", code=12),
}


def nodes(with_memory: str, with_processors: str) -> dict[str, Any]:
    """
    Return the answers of two nodes with 32 GiB each.
    """
    path = "/sys/devices/system/node"
    answers = {f"read:{path}/has_memory": f"{with_memory}\n", f"read:{path}/has_cpu": f"{with_processors}\n"}
    for node in (0, 1):
        text = f"Node {node} MemTotal: {32 * MIB} kB\nNode {node} MemFree: {20 * MIB} kB\n"
        answers[f"read:{path}/node{node}/meminfo"] = text
    return answers


ONE_NODE = {
    "read:/proc/self/cgroup": "0::/\n",
    "read:/proc/self/mountinfo": "30 20 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
    "read:/sys/fs/cgroup/cpuset.mems.effective": "1\n",
}


def disk(directory: str, kind: str, free: int) -> dict[str, Any]:
    """
    Return the answers of a home whose models are on one file system.
    """
    home = "/home/me" if directory == "/" else f"{directory}/me"
    return {
        "env:HOME": home,
        "read:/proc/self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"2 1 0:9 / {directory} rw - {kind} source rw\n",
        f"psutil:disk_usage {directory}": {"total": 500 * GIB, "used": 500 * GIB - free, "free": free},
    }


CASES: dict[str, Callable[[], Snapshot]] = {
    "amd-no-kfd-access": lambda: linux(machine(radeon()), {"run:test -w /dev/kfd": MAY_NOT}),
    "amd-gfx-unsupported": lambda: linux(machine(radeon(device="0x73df", revision="0xc5", gfx=100301))),
    "apu-carveout": lambda: linux(machine(strix_halo(), ram=31, available=28)),
    "gtt-exceeds-ram": lambda: linux(machine(strix_halo(vram=8 * GIB, gtt=124 * GIB), ram=110)),
    "gpu-not-usable": lambda: linux(machine(radeon(driver="radeon"))),
    "rocm-visible-hides": lambda: linux(machine(radeon()), {"env:HIP_VISIBLE_DEVICES": "-1"}),
    "sycl-hides": lambda: linux(
        battlemage(), {"list:/sys/bus/pci/devices": ["0000:03:00.0"], "env:ZE_AFFINITY_MASK": "7"}
    ),
    "sycl-selector": lambda: linux(
        battlemage(), {"list:/sys/bus/pci/devices": ["0000:03:00.0"], "env:ONEAPI_DEVICE_SELECTOR": "gpu"}
    ),
    "vulkan-visible-hides": lambda: linux(machine(radeon(gfx=100301)), {"env:GGML_VK_VISIBLE_DEVICES": "3"}),
    "rocm-heap": lambda: linux(machine(strix_halo(heap=16 * GIB), ram=31)),
    "amd-partitioned": lambda: linux(
        machine(radeon(device="0x74a1", vram=192 * GIB, heap=24 * GIB, gfx=90402))
    ),
    "memory-pressure": lambda: linux(
        {"read:/proc/pressure/memory": "some avg10=12.50 avg60=3.00 avg300=1.00 total=5\n"}
    ),
    "no-swap-overcommit2": lambda: linux(
        {
            "read:/proc/sys/vm/overcommit_memory": "2\n",
            "read:/proc/meminfo": f"{MEMINFO}CommitLimit: 1000 kB\nCommitted_AS: 900 kB\n",
        }
    ),
    "hugepages-reserved": lambda: linux(
        {
            "read:/proc/meminfo": f"{MEMINFO}HugePages_Total: 8192\nHugePages_Free: 4096\n"
            "Hugepagesize: 2048 kB\n"
        }
    ),
    "zfs-arc": lambda: linux(
        {
            "read:/proc/spl/kstat/zfs/arcstats": f"13 1 0x01\nname type data\nc_min 4 {GIB}\nsize 4 {9 * GIB}\n",
            "read:/proc/meminfo": f"MemTotal: {64 * MIB} kB\nMemAvailable: {40 * MIB} kB\n",
        }
    ),
    "address-space-limit": lambda: linux({"read:/proc/self/limits": ADDRESS_SPACE}),
    "numa-multi": lambda: linux(nodes("0-1", "0-1")),
    "memory-nodes": lambda: linux(nodes("0-1", "0-1") | ONE_NODE),
    "numa-memory-only": lambda: collect(FakeSource(plain_host() | nodes("0-1", "0"), LINUX_ARM)),
    "single-channel-ram": lambda: linux({"read:/run/udev/data/+dmi:id": ONE_MODULE}),
    "ram-vs-installed": lambda: linux(
        {"read:/run/udev/data/+dmi:id": ONE_MODULE.replace(str(64 * GIB), str(96 * GIB))}
    ),
    "wsl-ram-cap": lambda: linux({"read:/proc/sys/kernel/osrelease": "5.15-microsoft-standard-WSL2"}),
    "disk-low": lambda: linux(disk("/", "ext4", 3 * GIB)),
    "models-in-ram": lambda: linux(disk("/", "rootfs", 300 * GIB)),
    "slow-fs": lambda: linux(disk("/mnt/c", "9p", 300 * GIB)),
    "vm-hides-avx": lambda: linux(
        {
            "cpuinfo:": {"brand_raw": "QEMU Virtual CPU", "flags": ["sse4_2", "hypervisor"]},
        }
    ),
    "sources-disagree": lambda: linux({"psutil:virtual_memory": {"total": 32 * GIB, "available": GIB}}),
    "adapter-not-counted": lambda: on_windows(npu(), xtx()),
    "other-gpus-not-looked-for": lambda: linux(
        machine(radeon()), {"nvml:nvmlInit": Answer(status="timeout"), "list:/dev": ["kfd", "nvidia0"]}
    ),
    "vulkan-not-listed": lambda: linux(
        machine(radeon()), answer(software()), {"run:test -w /dev/kfd": MAY_NOT}
    ),
    "vulkan-budget": lambda: linux(
        machine(radeon()), answer(vulkan_device(heaps=[heap(24 * GIB, 1, 25 * GIB, 0)]))
    ),
    "wsl-other-gpu": lambda: linux(WSL_WITH_ANOTHER),
    "commit-limit": lambda: on_windows({"winapi:memory": {"CommitLimit": 32 * GIB, "CommitTotal": 30 * GIB}}),
    "gpu-basic-driver": lambda: on_windows(adapter(0, "Microsoft Basic Display Adapter", r"PCI\CC_0300")),
    "gpu-unsupported-vendor": lambda: linux(bus(("0000:03:00.0", "0x030000", "0x1ed5")).answers),
}
