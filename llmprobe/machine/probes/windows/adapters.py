"""
The adapters of a Windows machine together: which of them another probe describes, and which are named only.
"""

from llmprobe.facts.machine import Accelerator, MemoryPool, Probed, Sharing
from llmprobe.facts.windows import UncountedAdapter, Windows
from llmprobe.machine.asking import Asker, as_int, fields_of
from llmprobe.machine.host_ram import HostRam, host_ram
from llmprobe.machine.probes.windows.device import found
from llmprobe.machine.probes.windows.kinds import AMD, INTEL, NVIDIA, on_chip, uncounted_kind
from llmprobe.machine.probes.windows.registry import Listed, computing, displays
from llmprobe.words.message import message

_SMI = ("nvidia-smi", "-q", "-x")
_SMI_TIMEOUT_S = 5.0


def probe_adapters(ask: Asker) -> Probed:
    """
    Every adapter: GPUs of AMD and Intel with their memory, others by name.
    """
    accelerators: list[Accelerator] = []
    pools: list[MemoryPool] = []
    sharing: list[Sharing] = []
    uncounted: list[UncountedAdapter] = []
    ram: HostRam | None = None
    for adapter in displays(ask):
        kind = uncounted_kind(adapter)
        if kind is not None:
            uncounted.append(UncountedAdapter(name=adapter.name, kind=kind, evidence=adapter.evidence))
        elif adapter.vendor in (AMD, INTEL):
            ram = ram or host_ram(ask)
            one = found(adapter, len(accelerators), ram)
            accelerators.append(one.accelerator)
            pools += [one.pool] if one.pool is not None else []
            sharing += [one.sharing] if one.sharing is not None else []
        elif adapter.vendor != NVIDIA or not _nvidia_is_listed(ask):
            accelerators.append(_named(adapter, len(accelerators)))
    uncounted += [
        UncountedAdapter(name=npu.name, kind="npu", evidence=npu.evidence) for npu in computing(ask)
    ]
    return ask.probed(
        found=bool(accelerators),
        accelerators=tuple(accelerators),
        pools=tuple(pools),
        sharing=tuple(sharing),
        windows=Windows(uncounted=tuple(uncounted)) if uncounted else None,
    )


def _nvidia_is_listed(ask: Asker) -> bool:
    """
    Whether NVIDIA's library or its command lists the cards, so that its probe describes them.
    """
    init = ask.nvml("nvmlInit")
    if init.ok:
        return bool(as_int(ask.nvml("nvmlDeviceGetCount_v2").value))
    printed = fields_of(ask.run(*_SMI, timeout_s=_SMI_TIMEOUT_S)).get("stdout")
    return isinstance(printed, str) and "<gpu " in printed


def _named(adapter: Listed, number: int) -> Accelerator:
    """
    A GPU that is there and not examined: of NVIDIA without its library, or of a maker without a probe.
    """
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
        why_not=message("unusable.nvml-no-library") if nvidia else message("unusable.vendor-not-examined"),
        driver=adapter.driver_version,
        evidence=adapter.evidence,
    )
