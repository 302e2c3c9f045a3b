"""
The devices of a machine that is likely to have some: by NVML, by nvidia-smi, or by what the bus tells without both.
"""

from typing import TypeVar

import msgspec

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Accelerator, MemoryPool, Probed, SystemFacts
from llmprobe.facts.nvidia import LibraryStart, NvidiaDevice, NvidiaSystem
from llmprobe.facts.seen import Seen
from llmprobe.machine.asking import ProbedStatus, as_int, as_text
from llmprobe.machine.containers import sign_of_container
from llmprobe.machine.probes.nvidia import smi
from llmprobe.machine.probes.nvidia.asking import Careful
from llmprobe.machine.probes.nvidia.details import with_details
from llmprobe.machine.probes.nvidia.device import Found, ask_identity, describe
from llmprobe.machine.probes.nvidia.errors import DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND, reason
from llmprobe.machine.probes.nvidia.mig import ask_instances, mig_enabled
from llmprobe.machine.probes.nvidia.numbering import number
from llmprobe.machine.probes.nvidia.presence import Presence, system_of
from llmprobe.machine.probes.nvidia.unreached import (
    from_pci,
    from_tree,
    unreached,
    why_unlisted,
    with_addresses,
)
from llmprobe.words.message import Message, message

_COUNT = "nvmlDeviceGetCount_v2"
_CUDA = "nvmlSystemGetCudaDriverVersion_v2"
_GIVEN = "NVIDIA_VISIBLE_DEVICES"
_INIT_WITH_FLAGS, _NO_ATTACH = "nvmlInitWithFlags", 2
_MODULE = "/sys/module/nvidia/version"

Record = TypeVar("Record", Accelerator, MemoryPool, NvidiaDevice)
T = TypeVar("T")


def probe_present(ask: Careful, presence: Presence) -> Probed:
    """
    Every NVIDIA device of a machine that is likely to have one.
    """
    system = system_of(presence, ask)
    if presence.elsewhere:
        return _report(ask, presence, from_pci(ask, presence, message("unusable.nvidia-lent")), system)
    sleeping = presence.asleep if as_text(ask.env("LLMPROBE_WAKE")) is None else ()
    if len(sleeping) == len(presence.devices) and sleeping:
        return _report(ask, presence, from_pci(ask, presence, None), system)
    init = _start(ask, sleeping)
    if init.ok:
        return _with_nvml(ask, presence, system, sleeping)
    if sleeping:
        return _report(ask, presence, from_pci(ask, presence, None), system)
    printed = _printed(ask, presence, init)
    system = _with_start(ask, init, system)
    if printed is None:
        return _without_nvml(ask, presence, init, system)
    return _with_command(ask, presence, system, printed)


def _start(ask: Careful, sleeping: tuple[str, ...]) -> Answer:
    """
    The start of the library; beside devices that sleep without attaching to any, which a very old one cannot.

    https://docs.nvidia.com/deploy/nvml-api/group__nvmlInitializationAndCleanup.html (NVML_INIT_FLAG_NO_ATTACH).
    """
    if sleeping:
        init = ask.nvml(_INIT_WITH_FLAGS, None, _NO_ATTACH)
        if init.status != "missing":
            return init
    return ask.nvml("nvmlInit")


def _with_nvml(
    ask: Careful, presence: Presence, system: NvidiaSystem, sleeping: tuple[str, ...] = ()
) -> Probed:
    """
    The devices that NVML reports on. Those that sleep are not asked, which would wake them: NVML numbers devices in
    the order of the bus, so that its numbers are known where it counts as many as the bus has.
    """
    driver = as_text(ask.nvml("nvmlSystemGetDriverVersion"))
    system = msgspec.structs.replace(system, cuda_version=_cuda_version(ask))
    listed = ask.nvml(_COUNT)
    count = as_int(listed.value)
    if not count:
        counted = Seen(value=count, evidence=(f"nvml:{_COUNT}",))
        system = msgspec.structs.replace(system, listed=counted, given_to_container=_given_to_container(ask))
        return _without_nvml(ask, presence, listed, system)
    there = [device for device in presence.devices if not presence.lent(device.address)]
    if sleeping and len(there) != count:
        return _report(ask, presence, from_pci(ask, presence, None), system)
    asleep = {place: device for place, device in enumerate(there) if device.address in sleeping}
    found: list[Found] = []
    for index in range(count):
        if index in asleep:
            found.extend(from_pci(ask, presence, None, devices=(asleep[index],), place=index))
        else:
            found.extend(_device(ask, index, presence, driver))
    found = with_addresses(ask, found, presence)
    found.extend(_unlisted(ask, found, presence, driver))
    found, own = with_details(ask, found)
    system = msgspec.structs.replace(system, devices=own)
    found = _with_unified_memory(ask, [_if_there(ask, each) for each in found], presence)
    return _report(ask, presence, found, system)


def _with_unified_memory(ask: Careful, found: list[Found], presence: Presence) -> list[Found]:
    """
    The devices, which CUDA cannot use in a container without the file of its memory manager (error 999).

    Outside of a container CUDA makes that file itself. NVML works without it.
    """
    if not presence.without_uvm or sign_of_container(ask) is None:
        return found
    cited = {"state": ("list:/dev",)}
    return [
        msgspec.structs.replace(
            each,
            accelerator=msgspec.structs.replace(
                each.accelerator,
                usable=False,
                why_not=message("unusable.nvidia-no-uvm"),
                cited={**each.accelerator.cited, **cited},
            ),
        )
        if each.accelerator.usable
        else each
        for each in found
    ]


def _printed(ask: Careful, presence: Presence, init: Answer) -> smi.Answers | None:
    """
    The answers of nvidia-smi where the library cannot be loaded, or under WSL is the wrong one.
    """
    unloaded = init.code == LIBRARY_NOT_FOUND or (init.code is None and init.status == "failed")
    if not unloaded and not (presence.wsl and init.code == DRIVER_NOT_LOADED):
        return None
    answer = ask.run(*smi.COMMAND, timeout_s=smi.TIMEOUT_S)
    output = answer.value.get("stdout") if answer.ok and isinstance(answer.value, dict) else None
    return smi.parse_smi_xml(output) if isinstance(output, str) else None


def _with_command(ask: Careful, presence: Presence, system: NvidiaSystem, printed: smi.Answers) -> Probed:
    """
    The devices as nvidia-smi describes them, which is then the evidence of every fact.
    """
    found = _with_nvml(Careful(smi.Smi(ask, printed)), presence, NvidiaSystem())
    inner = found.nvidia
    assert inner is not None
    system = msgspec.structs.replace(
        system,
        by_command=Seen(value=True, evidence=(smi.EVIDENCE,)),
        cuda_version=_seen_of_command(inner.cuda_version),
        listed=_seen_of_command(inner.listed),
        cuda_visible_devices=inner.cuda_visible_devices,
        uncertain_order=inner.uncertain_order,
        devices=tuple(_of_command(each) for each in inner.devices),
    )
    return ask.probed(
        found=True,
        status=None if found.status == "ok" else "partial",
        host=found.host,
        accelerators=tuple(_accelerator_of_command(each) for each in found.accelerators),
        pools=tuple(_of_command(each) for each in found.pools),
        sharing=found.sharing,
        nvidia=system,
    )


def _accelerator_of_command(accelerator: Accelerator) -> Accelerator:
    cited = {field: _renamed(names) for field, names in accelerator.cited.items()}
    return _of_command(msgspec.structs.replace(accelerator, cited=cited))


def _of_command(record: Record) -> Record:
    return msgspec.structs.replace(record, evidence=_renamed(record.evidence))


def _seen_of_command(seen: Seen[T] | None) -> Seen[T] | None:
    return seen and Seen(value=seen.value, evidence=_renamed(seen.evidence))


def _renamed(names: tuple[str, ...]) -> tuple[str, ...]:
    """
    Evidence in which the command stands for the questions to NVML that its output answered.
    """
    return tuple(dict.fromkeys(smi.EVIDENCE if name.startswith("nvml:") else name for name in names))


def _device(ask: Careful, index: int, presence: Presence, driver: str | None) -> list[Found]:
    handle = str(index)
    reached = ask.nvml("nvmlDeviceGetHandleByIndex_v2", handle)
    if not reached.ok:
        return [unreached(index, reached, driver)]
    who = ask_identity(ask, handle)
    loss = ask.lost(handle)
    if loss is not None:
        return [unreached(index, loss.answer, driver, who)]
    if mig_enabled(ask, handle):
        return ask_instances(ask, handle, who, driver=driver)
    return [describe(ask, handle, who, driver=driver, tegra=presence.tegra)]


def _if_there(ask: Careful, found: Found) -> Found:
    """
    A device; not usable where it got lost on the way, with the question that showed it.
    """
    accelerator = found.accelerator
    loss = ask.lost(str(found.slot)) if accelerator.index is not None else None
    if loss is None:
        return found
    cited = {**accelerator.cited, "state": (loss.question,)}
    lost = msgspec.structs.replace(
        accelerator, usable=False, why_not=reason(loss.answer), state="lost", cited=cited
    )
    return msgspec.structs.replace(found, accelerator=lost, reachable=False)


def _unlisted(ask: Careful, found: list[Found], presence: Presence, driver: str | None) -> list[Found]:
    """
    The devices on the PCI bus that NVML does not list: all of them where every listed device has an address, else
    those that are lent.
    """
    known = {each.accelerator.pci for each in found}
    missing = tuple(
        device
        for device in presence.devices
        if device.address not in known and (None not in known or presence.lent(device.address))
    )
    if not missing:
        return []
    given = as_text(ask.env(_GIVEN))
    if given not in (None, "all"):
        why_not = message("unusable.nvidia-not-given", devices=given)
        return from_pci(ask, presence, why_not, devices=missing)
    version = presence.module_version or driver
    return [
        each
        for device in missing
        for each in from_pci(
            ask, presence, why_unlisted(device, presence, version), devices=(device,), place=len(found)
        )
    ]


def _without_nvml(ask: Careful, presence: Presence, why: Answer, system: NvidiaSystem) -> Probed:
    """
    The devices as the kernel describes them, where NVML does not report on any.
    """
    if presence.tegra is not None:
        return _report(ask, presence, from_tree(presence.tegra), system)
    found = [
        each
        for place, device in enumerate(presence.devices)
        for each in from_pci(
            ask,
            presence,
            why_unlisted(device, presence, presence.module_version) if why.ok else reason(why),
            devices=(device,),
            place=place,
        )
    ]
    detail = None if why.ok else message("source.nvml", why=reason(why))
    if found:
        status: ProbedStatus | None = None if why.ok else "timeout" if why.status == "timeout" else "failed"
        missing = detail if why.status == "missing" else None
        return _report(ask, presence, found, system, status=status, detail=missing)
    if why.ok or why.code == LIBRARY_NOT_FOUND:
        return ask.probed(found=False, nvidia=system)
    return ask.probed(found=False, status="failed", detail=detail, nvidia=system)


def _with_start(ask: Careful, init: Answer, system: NvidiaSystem) -> NvidiaSystem:
    """
    The system with the reason why NVML did not start, and the facts that distinguish the causes.
    """
    start = LibraryStart(status=init.status, code=init.code, why=reason(init))
    installed = ask.text(_MODULE)
    return msgspec.structs.replace(
        system,
        start=Seen(value=start, evidence=("nvml:nvmlInit",)),
        installed_module=None
        if installed is None
        else Seen(value=installed.strip(), evidence=(f"read:{_MODULE}",)),
        given_to_container=_given_to_container(ask),
    )


def _given_to_container(ask: Careful) -> Seen[str] | None:
    given = as_text(ask.env(_GIVEN))
    return None if given is None else Seen(value=given, evidence=(f"env:{_GIVEN}",))


def _cuda_version(ask: Careful) -> Seen[str] | None:
    version = as_int(ask.nvml(_CUDA).value)
    if not version:
        return None
    return Seen(value=f"{version // 1000}.{version % 1000 // 10}", evidence=(f"nvml:{_CUDA}",))


def _report(
    ask: Careful,
    presence: Presence,
    found: list[Found],
    system: NvidiaSystem,
    status: ProbedStatus | None = None,
    detail: Message | None = None,
) -> Probed:
    devices = number(ask, found)
    return ask.probed(
        found=bool(devices.accelerators),
        status=status,
        detail=detail,
        host=_shared_memory(devices.accelerators),
        accelerators=tuple(_near(each, presence) for each in devices.accelerators),
        pools=devices.pools,
        sharing=devices.sharing,
        nvidia=msgspec.structs.replace(
            system, cuda_visible_devices=devices.visible, uncertain_order=devices.uncertain_order
        ),
    )


def _near(accelerator: Accelerator, presence: Presence) -> Accelerator:
    """
    A device with the NUMA node that it is nearest to.
    """
    node = presence.nodes_near.get(accelerator.pci or "")
    return accelerator if node is None else msgspec.structs.replace(accelerator, numa_node=node)


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
