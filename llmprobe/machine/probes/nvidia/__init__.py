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
    read:/sys/bus/pci/devices/<address>/power_state    where that does not say active
    read:/sys/bus/pci/devices/<address>/numa_node      of the same
    link:/sys/bus/pci/devices/<address>/driver         of the same
    list:/dev
    read:/proc/driver/nvidia/version
    read:/proc/device-tree/compatible                  on aarch64
    read:/proc/device-tree/model                       where that names a Tegra
    read:/etc/nv_tegra_release                         where that names a Tegra
    env:LLMPROBE_WAKE                                  where a device sleeps

    nvml:nvmlInit
    run:nvidia-smi -q -x                               where the library cannot be loaded; its answers for NVML's then
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
    nvml:nvmlDeviceGetArchitecture i
    nvml:nvmlDeviceGetMigMode i                        [current, pending]
    nvml:nvmlDeviceGetMemoryInfo_v2 i                  object with total, reserved, free, used
    nvml:nvmlDeviceGetMemoryInfo i                     where that failed
    nvml:nvmlDeviceGetAddressingMode i                 where neither is supported, on aarch64
    nvml:nvmlDeviceGetComputeMode i
    nvml:nvmlDeviceGetDisplayActive i
    nvml:nvmlDeviceGetVirtualizationMode i
    nvml:nvmlDeviceGetComputeRunningProcesses_v3 i     list with pid, usedGpuMemory (_v2 where not found)
    nvml:nvmlDeviceGetGraphicsRunningProcesses_v3 i    the same
    link:/proc/self/ns/pid                             where there is a process, on Linux
    read:/proc/<pid>/comm                              of each, where its number is the same here
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
    nvml:nvmlDeviceGetComputeInstanceId i/m
    nvml:nvmlDeviceGetAttributes_v2 i/m                object with gpuInstanceSliceCount, memorySizeMB
    nvml:nvmlDeviceGetMemoryInfo_v2 i/m                and version 1, and the processes, as above

    env:CUDA_VISIBLE_DEVICES
    env:CUDA_DEVICE_ORDER                              where there are devices of different names
    env:NVIDIA_VISIBLE_DEVICES                         where the bus has more devices than NVML lists

    of each device that is not lost, for the rules:
    nvml:nvmlDeviceGetBrand i, nvmlDeviceGetMinorNumber i
    nvml:nvmlDeviceGetBAR1MemoryInfo i                 object with bar1Total
    nvml:nvmlDeviceGetEccMode i                        [current, pending]
    nvml:nvmlDeviceGetAddressingMode i
    nvml:nvmlDeviceGetNumaNodeId i                     the node that its memory is (GH200)
    nvml:nvmlDeviceGetCurrPcieLinkGeneration i, nvmlDeviceGetMaxPcieLinkGeneration i,
    nvml:nvmlDeviceGetGpuMaxPcieLinkGeneration i, nvmlDeviceGetCurrPcieLinkWidth i,
    nvml:nvmlDeviceGetMaxPcieLinkWidth i, nvmlDeviceGetPerformanceState i
    nvml:nvmlDeviceGetEnforcedPowerLimit i, nvmlDeviceGetPowerManagementDefaultLimit i
    nvml:nvmlDeviceGetCurrentClocksEventReasons i      (…ThrottleReasons where not found)
    nvml:nvmlDeviceGetTemperature i 0
    nvml:nvmlDeviceGetVirtualizationMode i
    nvml:nvmlDeviceGetGridLicensableFeatures_v4 i      of a vGPU
    nvml:nvmlDeviceGetPersistenceMode i                on Linux
    nvml:nvmlDeviceGetDriverModel_v2 i                 on Windows
    nvml:nvmlDeviceGetConfComputeMemSizeInfo i         object with protectedMemSizeKib
"""

from typing import TypeVar

import msgspec

from llmprobe.facts.answer import Answer, Source
from llmprobe.facts.machine import Accelerator, MemoryPool, Observation, Probed, SystemFacts
from llmprobe.machine.asking import ProbedStatus, as_int, as_text
from llmprobe.machine.probes.nvidia import smi
from llmprobe.machine.probes.nvidia.asking import Careful
from llmprobe.machine.probes.nvidia.details import observe
from llmprobe.machine.probes.nvidia.device import Found, ask_identity, describe
from llmprobe.machine.probes.nvidia.errors import DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND, words
from llmprobe.machine.probes.nvidia.mig import ask_instances, mig_enabled
from llmprobe.machine.probes.nvidia.numbering import number
from llmprobe.machine.probes.nvidia.presence import Presence, look, observations
from llmprobe.machine.probes.nvidia.unreached import from_pci, from_tree, unreached, with_addresses

NAME = "nvidia"
PLATFORMS = frozenset({"linux", "win32"})

Record = TypeVar("Record", Accelerator, MemoryPool, Observation)


def probe(source: Source) -> Probed:
    """
    Return every NVIDIA device with its memory, those that cannot be used with the reason.
    """
    ask = Careful(source)
    presence = look(ask)
    if not presence.likely:
        return ask.probed(found=False)
    seen = observations(presence, ask)
    if presence.elsewhere:
        return _report(ask, from_pci(ask, presence, "it is lent to a virtual machine (vfio-pci)"), seen)
    if presence.asleep and as_text(ask.env("LLMPROBE_WAKE")) is None:
        return _report(ask, from_pci(ask, presence, None), seen)
    init = ask.nvml("nvmlInit")
    if init.ok:
        return _with_nvml(ask, presence, seen)
    said = _said_by_command(ask, presence, init)
    seen = (*seen, *_init(ask, init))
    return (
        _without_nvml(ask, presence, init, seen) if said is None else _with_command(ask, presence, seen, said)
    )


def _with_nvml(ask: Careful, presence: Presence, seen: tuple[Observation, ...]) -> Probed:
    driver = as_text(ask.nvml("nvmlSystemGetDriverVersion"))
    seen = (*seen, *_cuda_version(ask))
    listed = ask.nvml("nvmlDeviceGetCount_v2")
    count = as_int(listed.value)
    if not count:
        none = Observation(name="nvidia.count", value=count, evidence=("nvml:nvmlDeviceGetCount_v2",))
        return _without_nvml(ask, presence, listed, (*seen, none, *_given_to_container(ask)))
    found: list[Found] = []
    for index in range(count):
        found.extend(_device(ask, index, presence, driver))
    found = with_addresses(ask, found, presence)
    found.extend(_unlisted(ask, found, presence))
    details = observe(ask, found)
    return _report(ask, [_if_there(ask, each) for each in found], (*seen, *details))


def _said_by_command(ask: Careful, presence: Presence, init: Answer) -> smi.Answers | None:
    """
    Return what nvidia-smi says where the library is not to be had, or under WSL is the wrong one.
    """
    unloaded = init.code == LIBRARY_NOT_FOUND or (init.code is None and init.status == "failed")
    if not unloaded and not (presence.wsl and init.code == DRIVER_NOT_LOADED):
        return None
    answer = ask.run(*smi.COMMAND, timeout_s=smi.TIMEOUT_S)
    output = answer.value.get("stdout") if answer.ok and isinstance(answer.value, dict) else None
    return smi.parse_smi_xml(output) if isinstance(output, str) else None


def _with_command(
    ask: Careful, presence: Presence, seen: tuple[Observation, ...], said: smi.Answers
) -> Probed:
    """
    Return the devices as nvidia-smi tells of them, which is what every fact then stands on.
    """
    told = _with_nvml(Careful(smi.Smi(ask, said)), presence, ())
    by_command = Observation(name="nvidia.smi", value=True, evidence=(smi.EVIDENCE,))
    return ask.probed(
        found=True,
        status=None if told.status == "ok" else "partial",
        host=told.host,
        accelerators=tuple(_of_command(each) for each in told.accelerators),
        pools=tuple(_of_command(each) for each in told.pools),
        observations=(*seen, by_command, *(_of_command(each) for each in told.observations)),
    )


def _of_command(record: Record) -> Record:
    names = (smi.EVIDENCE if name.startswith("nvml:") else name for name in record.evidence)
    return msgspec.structs.replace(record, evidence=tuple(dict.fromkeys(names)))


def _device(ask: Careful, index: int, presence: Presence, driver: str | None) -> list[Found]:
    handle = str(index)
    reached = ask.nvml("nvmlDeviceGetHandleByIndex_v2", handle)
    if not reached.ok:
        return [unreached(index, words(reached), driver)]
    who = ask_identity(ask, handle)
    gone = ask.lost(handle)
    if gone is not None:
        return [unreached(index, words(gone), driver, who)]
    if mig_enabled(ask, handle):
        return ask_instances(ask, handle, who, driver=driver)
    return [describe(ask, handle, who, driver=driver, tegra=presence.tegra)]


def _if_there(ask: Careful, found: Found) -> Found:
    """
    Return a device as one that cannot be used where it got lost on the way, after its memory was told.
    """
    accelerator = found.accelerator
    gone = ask.lost(str(found.slot)) if accelerator.index is not None else None
    if gone is None or not accelerator.usable:
        return found
    lost = msgspec.structs.replace(accelerator, usable=False, why_not=words(gone))
    return msgspec.structs.replace(found, accelerator=lost, reachable=False)


def _unlisted(ask: Careful, found: list[Found], presence: Presence) -> list[Found]:
    """
    Return the devices on the PCI bus that NVML does not list, where all that it lists can be told apart.
    """
    known = {each.accelerator.pci for each in found}
    missing = tuple(device for device in presence.devices if device.address not in known)
    if None in known or not missing:
        return []
    given = as_text(ask.env("NVIDIA_VISIBLE_DEVICES"))
    why_not = "the driver does not list it"
    if given not in (None, "all"):
        why_not = f"this container was not given it (NVIDIA_VISIBLE_DEVICES={given})"
    return from_pci(ask, presence, why_not, devices=missing)


def _without_nvml(ask: Careful, presence: Presence, why: Answer, seen: tuple[Observation, ...]) -> Probed:
    """
    Return what can be said of devices that NVML tells nothing about.
    """
    if presence.tegra is not None:
        return _report(ask, from_tree(presence.tegra), seen)
    found = from_pci(ask, presence, "the driver lists no device" if why.ok else words(why))
    if found:
        missing = f"NVML: {words(why)}" if why.status == "missing" else None
        status: ProbedStatus = "ok" if why.ok else "timeout" if why.status == "timeout" else "failed"
        return _report(ask, found, seen, status=status, detail=missing)
    if why.ok or why.code == LIBRARY_NOT_FOUND:
        return ask.probed(found=False, observations=seen)
    return ask.probed(found=False, status="failed", detail=f"NVML: {words(why)}", observations=seen)


def _init(ask: Careful, init: Answer) -> tuple[Observation, ...]:
    """
    Return why NVML could not be started, and what tells the causes apart.
    """
    value = {"status": init.status, "code": init.code, "why": words(init)}
    seen = [Observation(name="nvidia.init", value=value, evidence=("nvml:nvmlInit",))]
    installed = ask.text("/sys/module/nvidia/version")
    if installed is not None:
        evidence = ("read:/sys/module/nvidia/version",)
        seen.append(Observation(name="nvidia.loaded_module", value=installed.strip(), evidence=evidence))
    return (*seen, *_given_to_container(ask))


def _given_to_container(ask: Careful) -> tuple[Observation, ...]:
    answer = ask.env("NVIDIA_VISIBLE_DEVICES")
    if not answer.ok:
        return ()
    evidence = ("env:NVIDIA_VISIBLE_DEVICES",)
    return (Observation(name="nvidia.visible_devices", value=answer.value, evidence=evidence),)


def _cuda_version(ask: Careful) -> tuple[Observation, ...]:
    version = as_int(ask.nvml("nvmlSystemGetCudaDriverVersion_v2").value)
    if not version:
        return ()
    evidence = ("nvml:nvmlSystemGetCudaDriverVersion_v2",)
    text = f"{version // 1000}.{version % 1000 // 10}"
    return (Observation(name="nvidia.cuda_version", value=text, evidence=evidence),)


def _report(
    ask: Careful,
    found: list[Found],
    seen: tuple[Observation, ...],
    status: ProbedStatus | None = None,
    detail: str | None = None,
) -> Probed:
    devices = number(ask, found)
    if ask.gone:
        evidence = tuple(f"nvml:nvmlDeviceGetHandleByIndex_v2 {handle}" for handle in ask.gone)
        seen = (*seen, Observation(name="nvidia.lost", value=list(ask.gone), evidence=evidence))
    return ask.probed(
        found=bool(devices.accelerators),
        status=status,
        detail=detail,
        host=_shared_memory(devices.accelerators),
        accelerators=devices.accelerators,
        pools=devices.pools,
        observations=(*seen, *devices.observations),
    )


def _shared_memory(accelerators: tuple[Accelerator, ...]) -> SystemFacts:
    """
    The bandwidth of the host's memory where a device shares it: both have the same.
    """
    for each in accelerators:
        if each.integrated and each.bandwidth_bytes_per_s is not None:
            return SystemFacts(
                ram_bandwidth_bytes_per_s=each.bandwidth_bytes_per_s,
                ram_bandwidth_basis=each.bandwidth_basis,
                ram_bandwidth_how=each.bandwidth_how,
            )
    return SystemFacts()
