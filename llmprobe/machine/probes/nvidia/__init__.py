"""
NVIDIA devices: discrete cards, MIG instances, vGPUs, and those that share the host's memory (GB10, Jetson).

NVML is asked only where sysfs, /dev, a Tegra device tree or Windows say that an NVIDIA device may be here,
and not while one of them sleeps, because loading it wakes them (LLMPROBE_WAKE=1 allows it). One device's
trouble never hides another. https://docs.nvidia.com/deploy/nvml-api/

Questions, in order (``i`` is the device's index, ``i/m`` the position of a MIG instance in it):

    on Linux:
    list:/sys/bus/pci/devices
    read:/sys/bus/pci/devices/<address>/class          of each device
    read:/sys/bus/pci/devices/<address>/vendor         of each of class 0x03
    read:/sys/bus/pci/devices/<address>/device         of the same
    read:/sys/bus/pci/devices/<address>/power/runtime_status       of each of vendor 0x10de
    link:/sys/bus/pci/devices/<address>/driver         of the same
    list:/dev
    read:/proc/driver/nvidia/version
    read:/proc/device-tree/compatible                  on aarch64
    read:/proc/device-tree/model                       where that names a Tegra
    read:/etc/nv_tegra_release                         where that names a Tegra
    env:LLMPROBE_WAKE                                  where a device sleeps

    nvml:nvmlInit
    read:/sys/module/nvidia/version                    where it failed
    env:NVIDIA_VISIBLE_DEVICES                         where it failed, or lists no device
    read:/proc/driver/nvidia/gpus/<address>/information            of devices that NVML can't tell of
    nvml:nvmlSystemGetDriverVersion
    nvml:nvmlSystemGetCudaDriverVersion_v2
    nvml:nvmlDeviceGetCount_v2

    nvml:nvmlDeviceGetHandleByIndex_v2 i
    nvml:nvmlDeviceGetName i
    nvml:nvmlDeviceGetUUID i
    nvml:nvmlDeviceGetPciInfo_v3 i                     object with busId
    nvml:nvmlDeviceGetCudaComputeCapability i          [major, minor]
    nvml:nvmlDeviceGetMigMode i                        [current, pending]
    nvml:nvmlDeviceGetMemoryInfo_v2 i                  object with total, reserved, free, used
    nvml:nvmlDeviceGetMemoryInfo i                     where that failed
    nvml:nvmlDeviceGetAddressingMode i                 where neither is supported, on aarch64
    nvml:nvmlDeviceGetComputeMode i
    nvml:nvmlDeviceGetDisplayActive i
    nvml:nvmlDeviceGetEccMode i                        [current, pending]
    nvml:nvmlDeviceGetBAR1MemoryInfo i                 object with bar1Total
    nvml:nvmlDeviceGetVirtualizationMode i
    nvml:nvmlDeviceGetComputeRunningProcesses_v3 i     list with pid, usedGpuMemory (_v2 where not found)
    nvml:nvmlDeviceGetGraphicsRunningProcesses_v3 i    the same
    read:/proc/<pid>/comm                              of each process, on Linux
    nvml:nvmlDeviceGetMemoryBusWidth i
    nvml:nvmlDeviceGetMaxClockInfo i 2

    in MIG mode, instead of everything from memory on:
    nvml:nvmlDeviceGetMaxMigDeviceCount i
    nvml:nvmlDeviceGetMemoryBusWidth i
    nvml:nvmlDeviceGetMaxClockInfo i 2
    nvml:nvmlDeviceGetMigDeviceHandleByIndex i/m       for each m below that count; for each that is there:
    nvml:nvmlDeviceGetName i/m
    nvml:nvmlDeviceGetUUID i/m
    nvml:nvmlDeviceGetGpuInstanceId i/m
    nvml:nvmlDeviceGetAttributes_v2 i/m                object with gpuInstanceSliceCount, memorySizeMB
    nvml:nvmlDeviceGetMemoryInfo_v2 i/m                and version 1, and the processes, as above

    env:CUDA_VISIBLE_DEVICES
    env:CUDA_DEVICE_ORDER                              where there are devices of different names
"""

from llmprobe.facts.answer import Answer, Source
from llmprobe.facts.machine import Observation, Probed
from llmprobe.machine.asking import Asker, ProbedStatus, as_int, as_text
from llmprobe.machine.probes.nvidia.device import Found, ask_identity, describe, lost, lost_handles
from llmprobe.machine.probes.nvidia.errors import LIBRARY_NOT_FOUND, words
from llmprobe.machine.probes.nvidia.mig import ask_instances, mig_enabled
from llmprobe.machine.probes.nvidia.numbering import number
from llmprobe.machine.probes.nvidia.presence import Presence, look, observations
from llmprobe.machine.probes.nvidia.unreached import from_pci, from_tree, unreached, with_addresses

NAME = "nvidia"
PLATFORMS = frozenset({"linux", "win32"})
DEADLINE_S = 20.0
"""Without persistence mode the driver first sets every GPU up, about a second each on large servers."""


def probe(source: Source) -> Probed:
    """
    Return every NVIDIA device with its memory, those that cannot be used with the reason.
    """
    ask = Asker(source)
    presence = look(ask)
    if not presence.likely:
        return ask.probed(found=False)
    seen = observations(presence, ask)
    if presence.elsewhere:
        return _report(ask, from_pci(ask, presence, "it is lent to a virtual machine (vfio-pci)"), seen)
    if presence.asleep and as_text(ask.env("LLMPROBE_WAKE")) is None:
        return _report(ask, from_pci(ask, presence, None), seen)
    init = ask.nvml("nvmlInit")
    if not init.ok:
        return _without_nvml(ask, presence, init, (*seen, *_init(ask, init)))
    driver = as_text(ask.nvml("nvmlSystemGetDriverVersion"))
    seen = (*seen, *_cuda_version(ask))
    listed = ask.nvml("nvmlDeviceGetCount_v2")
    count = as_int(listed.value)
    if not count:
        return _without_nvml(ask, presence, listed, (*seen, *_visible_to_container(ask)))
    found: list[Found] = []
    for index in range(count):
        found.extend(_device(ask, index, presence, driver))
    found = with_addresses(ask, found, presence)
    found.extend(_unlisted(ask, found, presence))
    return _report(ask, found, seen)


def _device(ask: Asker, index: int, presence: Presence, driver: str | None) -> list[Found]:
    handle = str(index)
    reached = ask.nvml("nvmlDeviceGetHandleByIndex_v2", handle)
    if not reached.ok:
        return [unreached(index, words(reached), driver)]
    who = ask_identity(ask, handle)
    gone = lost(ask, handle)
    if gone is not None:
        return [unreached(index, words(gone), driver, who)]
    if mig_enabled(ask, handle):
        return ask_instances(ask, handle, who, driver=driver)
    return [describe(ask, handle, who, driver=driver, tegra=presence.tegra)]


def _unlisted(ask: Asker, found: list[Found], presence: Presence) -> list[Found]:
    """
    Return the devices on the PCI bus that NVML does not list, where all that it lists can be told apart.
    """
    known = {each.accelerator.pci for each in found}
    if None in known or len(known) >= len(presence.devices):
        return []
    missing = tuple(device for device in presence.devices if device.address not in known)
    return from_pci(ask, presence, "the driver does not list it", devices=missing)


def _without_nvml(ask: Asker, presence: Presence, why: Answer, seen: tuple[Observation, ...]) -> Probed:
    """
    Return what can be said of devices that NVML tells nothing about.
    """
    if presence.tegra is not None:
        return _report(ask, from_tree(presence.tegra), seen)
    found = from_pci(ask, presence, "the driver lists no device" if why.ok else words(why))
    if found:
        return _report(ask, found, seen, status="ok" if why.ok else "failed")
    if why.ok or why.code == LIBRARY_NOT_FOUND:
        return ask.probed(found=False, observations=seen)
    return ask.probed(found=False, status="failed", detail=f"NVML: {words(why)}", observations=seen)


def _init(ask: Asker, init: Answer) -> tuple[Observation, ...]:
    """
    Return why NVML could not be started, and what tells the causes apart.
    """
    value = {"status": init.status, "code": init.code, "why": words(init)}
    seen = [Observation(name="nvidia.init", value=value, evidence=("nvml:nvmlInit",))]
    installed = ask.text("/sys/module/nvidia/version")
    if installed is not None:
        evidence = ("read:/sys/module/nvidia/version",)
        seen.append(Observation(name="nvidia.loaded_module", value=installed.strip(), evidence=evidence))
    return (*seen, *_visible_to_container(ask))


def _visible_to_container(ask: Asker) -> tuple[Observation, ...]:
    answer = ask.env("NVIDIA_VISIBLE_DEVICES")
    if not answer.ok:
        return ()
    evidence = ("env:NVIDIA_VISIBLE_DEVICES",)
    return (Observation(name="nvidia.visible_devices", value=answer.value, evidence=evidence),)


def _cuda_version(ask: Asker) -> tuple[Observation, ...]:
    version = as_int(ask.nvml("nvmlSystemGetCudaDriverVersion_v2").value)
    if not version:
        return ()
    evidence = ("nvml:nvmlSystemGetCudaDriverVersion_v2",)
    text = f"{version // 1000}.{version % 1000 // 10}"
    return (Observation(name="nvidia.cuda_version", value=text, evidence=evidence),)


def _report(
    ask: Asker, found: list[Found], seen: tuple[Observation, ...], status: ProbedStatus | None = None
) -> Probed:
    devices = number(ask, found)
    lost_devices = lost_handles(ask)
    if lost_devices:
        evidence = tuple(f"nvml:nvmlDeviceGetHandleByIndex_v2 {handle}" for handle in lost_devices)
        seen = (*seen, Observation(name="nvidia.lost", value=list(lost_devices), evidence=evidence))
    return ask.probed(
        found=bool(devices.accelerators),
        status=status,
        accelerators=devices.accelerators,
        pools=devices.pools,
        observations=(*seen, *devices.observations),
    )
