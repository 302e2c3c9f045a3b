"""
The adapters of a Windows machine together: which of them another probe describes, and which are named only.

The registry has the key of every driver that was ever set up; Windows' own list has what is here now. Where that
answers, a GPU that it lacks is not here. Where it does not, the registry's keys stand for it.
"""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from llmprobe.facts.machine import Accelerator, Limit, MemoryPool, Probed, Sharing
from llmprobe.facts.vendors import OneApi
from llmprobe.facts.windows import UncountedAdapter, Windows
from llmprobe.machine.asking import Asker, as_int, fields_of
from llmprobe.machine.host_ram import HostRam, host_ram
from llmprobe.machine.probes.windows.device import Seen, found
from llmprobe.machine.probes.windows.dxgi import QUESTION, Present, present
from llmprobe.machine.probes.windows.kinds import AMD, INTEL, NVIDIA, on_chip, uncounted_kind
from llmprobe.machine.probes.windows.registry import Listed, computing, displays
from llmprobe.words.message import message

_SMI = ("nvidia-smi", "-q", "-x")
_SMI_TIMEOUT_S = 5.0


def probe_adapters(ask: Asker) -> Probed:
    """
    Every adapter: GPUs of AMD and Intel with their memory, others by name.
    """
    keys = displays(ask)
    now = present(ask)
    accelerators: list[Accelerator] = []
    pools: list[MemoryPool] = []
    sharing: list[Sharing] = []
    caps: list[tuple[str, Limit]] = []
    ram: HostRam | None = None
    gpus = _gpus(keys, now)
    library = False
    of_nvidia = [seen for seen in gpus if seen.listed.vendor == NVIDIA]
    described: list[Seen] = []
    if of_nvidia:
        library = ask.nvml("nvmlInit").ok
        described = _described_by_nvidia(ask, of_nvidia, library=library, known=now is not None)
    for seen in gpus:
        if seen.listed.vendor in (AMD, INTEL):
            ram = ram or host_ram(ask)
            one = found(seen, len(accelerators), ram)
            accelerators.append(one.accelerator)
            pools += [one.pool] if one.pool is not None else []
            sharing += [one.sharing] if one.sharing is not None else []
            caps += [one.cap] if one.cap is not None else []
        elif seen not in described:
            accelerators.append(_named(seen, len(accelerators), library=library))
    vulkan = None
    if any(each.usable and not (each.integrated and described) for each in accelerators):
        from llmprobe.machine.vulkan.devices import ask_vulkan

        vulkan = ask_vulkan(ask)
    uncounted = _uncounted(ask, keys, now)
    return ask.probed(
        found=bool(accelerators),
        accelerators=tuple(accelerators),
        pools=tuple(pools),
        sharing=tuple(sharing),
        caps=tuple(caps),
        vulkan=vulkan,
        oneapi=_oneapi(ask, accelerators),
        windows=Windows(uncounted=uncounted) if uncounted else None,
    )


def _oneapi(ask: Asker, accelerators: Sequence[Accelerator]) -> OneApi | UnsetType:
    """
    What oneAPI's variables leave of Intel's GPUs: cards before graphics in a processor, in the order of the bus.
    """
    intel = [each for each in accelerators if each.vendor == "intel" and each.pci is not None]
    if not intel:
        return UNSET
    from llmprobe.machine.oneapi import ask_oneapi, is_set

    if not is_set(ask):
        return UNSET
    intel.sort(key=lambda each: (each.integrated, each.pci or ""))
    return ask_oneapi(ask, [(each.pci or "", each.name, 1) for each in intel])


def _gpus(keys: Sequence[Listed], now: Sequence[Present] | None) -> list[Seen]:
    """
    The GPUs that are here, each with the registry's key of its device where there is one.
    """
    left = [key for key in keys if uncounted_kind(key) is None]
    if now is None:
        return [Seen(listed=key) for key in left]
    gpus = []
    for adapter in now:
        if adapter.software or adapter.remote:
            continue
        key = next((key for key in left if _is_of(key, adapter)), None)
        if key is not None:
            left.remove(key)
        listed = key or Listed(name=adapter.name)
        if listed.vendor is None:
            # No key, or one that tells no PCI numbers and was found by its name.
            listed = msgspec.structs.replace(
                listed, vendor=adapter.vendor, device=adapter.device, revision=adapter.revision
            )
        if uncounted_kind(listed) is None:
            gpus.append(Seen(listed=listed, present=adapter))
    return gpus


def _is_of(key: Listed, adapter: Present) -> bool:
    """
    Whether a key is that of an adapter: of its PCI numbers, or, where it is not on PCI, of its name.
    """
    if key.vendor is None:
        return key.name.casefold() == adapter.name.casefold()
    same = (key.vendor, key.device) == (adapter.vendor, adapter.device)
    return same and (key.revision is None or key.revision == adapter.revision)


def _uncounted(
    ask: Asker, keys: Sequence[Listed], now: Sequence[Present] | None
) -> tuple[UncountedAdapter, ...]:
    """
    Adapters by name. Windows' own driver counts only where no hardware has another.
    """
    hardware = any(not adapter.software and not adapter.remote for adapter in now or ())
    named = []
    for key in keys:
        kind = uncounted_kind(key)
        if kind is not None and not (kind == "basic" and hardware):
            named.append(UncountedAdapter(name=key.name, kind=kind, evidence=key.evidence))
    names = {each.name for each in named}
    for adapter in now or ():
        if adapter.remote and adapter.name not in names:
            named.append(UncountedAdapter(name=adapter.name, kind="remote", evidence=(QUESTION,)))
    npus = (UncountedAdapter(name=npu.name, kind="npu", evidence=npu.evidence) for npu in computing(ask))
    return (*named, *npus)


def _described_by_nvidia(ask: Asker, gpus: Sequence[Seen], *, library: bool, known: bool) -> list[Seen]:
    """
    Those of NVIDIA's GPUs that its library or its command lists, so that their own probe describes them.

    Keys alone may be those of cards that were taken out: then all are taken for listed where one is.
    """
    if not library:
        printed = fields_of(ask.run(*_SMI, timeout_s=_SMI_TIMEOUT_S)).get("stdout")
        return list(gpus) if isinstance(printed, str) and "<gpu " in printed else []
    count = as_int(ask.nvml("nvmlDeviceGetCount_v2").value) or 0
    if count >= len(gpus) or (count and not known):
        return list(gpus)
    addresses = {_address(ask, number) for number in range(count)}
    by_address = [gpu for gpu in gpus if gpu.present and gpu.present.pci and gpu.present.pci in addresses]
    return by_address or list(gpus[:count])


def _address(ask: Asker, number: int) -> str | None:
    bus = fields_of(ask.nvml("nvmlDeviceGetPciInfo_v3", str(number))).get("busId")
    return bus[-len("0000:01:00.0") :].lower() if isinstance(bus, str) else None


def _named(seen: Seen, number: int, *, library: bool) -> Accelerator:
    """
    A GPU that is there and not examined: of NVIDIA beside what its library lists, or of a maker without a probe.
    """
    adapter = seen.listed
    nvidia = adapter.vendor == NVIDIA
    name = adapter.name
    maker = on_chip(adapter)
    if maker is not None and maker.lower() not in name.lower():
        name = f"{maker} {name}"
    return Accelerator(
        id=f"gpu{number}",
        vendor="nvidia" if nvidia else "other",
        name=name,
        usable=False,
        why_not=message("unusable.opencl-only")
        if maker == "Qualcomm"
        else message("unusable.vendor-not-examined")
        if not nvidia
        else message("unusable.nvidia-unlisted")
        if library
        else message("unusable.nvml-no-library"),
        pci=seen.present.pci if seen.present is not None else None,
        driver=adapter.driver_version,
        evidence=seen.evidence,
    )
