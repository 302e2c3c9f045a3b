"""
AMD GPUs that could do more than they may: rights, instruction sets, the split of shared memory; and cards of
AMD and Intel that cannot be used.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, MemoryPool, Snapshot
from llmprobe.machine.rules import Rule
from llmprobe.units import GIB, format_bytes

_PAGE_BYTES = 4096
_LEFT_TO_HOST_BYTES = 8 * GIB
_LITTLE_SHARE = 0.6
_LEAST_FOR_HOST = 0.25
_OVERRIDES = (("gfx103", "10.3.0"), ("gfx110", "11.0.0"), ("gfx115", "11.5.1"), ("gfx90", "9.0.6"))


def no_kfd_access(snapshot: Snapshot) -> Iterator[Finding]:
    """
    ROCm's device may not be opened, so that only Vulkan is left.
    """
    seen = snapshot.observed("amd.kfd")
    cards = [each for each in snapshot.accelerators if each.vendor == "amd" and each.driver == "amdgpu"]
    if seen is None or seen.value == "open" or not cards:
        return
    closed = seen.value == "closed"
    container = snapshot.host.environment == "container"
    if closed:
        text, commands = (
            "Become a member of the groups that own the device, and log in again.",
            ("sudo usermod -aG render,video $USER",),
        )
    elif container:
        text, commands = (
            "Start the container with the devices.",
            ("docker run --device /dev/kfd --device /dev/dri --group-add video --group-add render IMAGE",),
        )
    else:
        text, commands = "Load the compute driver, which is a part of amdgpu.", ("sudo modprobe amdgpu",)
    yield Finding(
        id="amd-no-kfd-access",
        severity="warning" if closed or container else "note",
        title="ROCm cannot be used here",
        detail=f"/dev/kfd {'may not be opened by this user' if closed else 'is not there'}. Engines built for ROCm run "
        "on the processor instead; those built for Vulkan can still use the GPU, usually somewhat slower.",
        evidence=seen.evidence,
        remedy=Remedy(text=text, commands=commands),
    )


def gfx_unsupported(snapshot: Snapshot) -> Iterator[Finding]:
    """
    ROCm's libraries have no code for a GPU.
    """
    seen = snapshot.observed("amd.gfx_unsupported")
    for each in snapshot.accelerators:
        gfx = seen.value.get(each.pci) if seen else None
        if seen is None or gfx is None or each.backend == "rocm" or not _matters(each):
            continue
        version = next((version for start, version in _OVERRIDES if gfx.startswith(start)), None)
        yield Finding(
            id="amd-gfx-unsupported",
            severity="note",
            title=f"ROCm does not support {each.name} ({gfx})",
            detail="Engines built for ROCm crash or run on the processor. Vulkan works without further steps.",
            evidence=seen.evidence,
            remedy=Remedy(
                text="Use a Vulkan build of the engine"
                + (", or let ROCm take the GPU for a related one, at your own risk." if version else "."),
                commands=(f"HSA_OVERRIDE_GFX_VERSION={version} llama-server …",) if version else (),
            ),
        )


def apu_carveout(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The split between a processor's graphics and the host leaves one of them little.
    """
    for each, ram, carve_out, mapped, evidence in _shared(snapshot):
        total = ram.total_bytes or 0
        host = total - carve_out
        reach = carve_out + min(mapped, host)
        if host < _LEAST_FOR_HOST * total:
            yield Finding(
                id="apu-carveout",
                severity="warning",
                title=f"{format_bytes(carve_out)} of {format_bytes(total)} are set aside for the GPU",
                detail=f"The processor and every program share the remaining {format_bytes(host)}. Reading a model "
                "through them is slow, and engines that keep a copy in RAM run out of it.",
                evidence=evidence,
                remedy=Remedy(
                    text="Choose a smaller frame buffer in the firmware, and let the GPU map RAM instead "
                    "(kernel parameter ttm.pages_limit)."
                ),
            )
        elif reach < _LITTLE_SHARE * total:
            pages = max(0, total - carve_out - _LEFT_TO_HOST_BYTES) // _PAGE_BYTES
            yield Finding(
                id="apu-carveout",
                severity="note",
                title=f"{each.name} may use {format_bytes(reach)} of {format_bytes(total)}",
                detail="Linux lets the GPU map half of RAM unless it is told otherwise. Larger models could be held "
                "by the GPU with more.",
                evidence=evidence,
                remedy=Remedy(
                    text="Raise the limit by kernel parameters, and leave 8 GiB to the system. Reboot after it.",
                    commands=(
                        f"sudo grubby --update-kernel=ALL --args='ttm.pages_limit={pages} ttm.page_pool_size={pages}'",
                    ),
                ),
            )


def gtt_exceeds_ram(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The GPU's limit is above what RAM there is, and engines that add it up promise too much.
    """
    for each, ram, carve_out, mapped, evidence in _shared(snapshot):
        host = (ram.total_bytes or 0) - carve_out
        if mapped <= host:
            continue
        yield Finding(
            id="gtt-exceeds-ram",
            severity="note",
            title=f"{each.name} may map more than there is",
            detail=f"Its limit (GTT) is {format_bytes(mapped)}, RAM {format_bytes(host)}. Engines that add limit and "
            "frame buffer report more memory than the machine has; here only what exists is counted.",
            evidence=evidence,
            remedy=Remedy(text="Lower ttm.pages_limit below the size of RAM."),
        )


def not_usable(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A card of AMD or Intel is here and nothing can run on it.
    """
    for each in snapshot.accelerators:
        if each.vendor not in ("amd", "intel") or each.usable or each.integrated or each.driver == "vfio-pci":
            continue
        if _hidden(each) or _asleep(snapshot, each):
            continue
        linux = snapshot.host.system == "linux"
        why = each.why_not or "the reason is not known"
        yield Finding(
            id="gpu-not-usable",
            severity="warning" if linux else "note",
            title=f"{each.name} cannot be used",
            detail=f"{why[:1].upper()}{why[1:]}. Models run without it.",
            evidence=each.evidence,
            remedy=Remedy(
                text="Let its driver be loaded, and give this user the right to open it.",
                commands=("lspci -k -d ::0300", "sudo usermod -aG render,video $USER"),
            )
            if linux
            else None,
        )


def rocm_visible_hides(snapshot: Snapshot) -> Iterator[Finding]:
    """
    An environment variable hides a card from ROCm.
    """
    seen = snapshot.observed("amd.hidden_by")
    hidden = [each for each in snapshot.accelerators if each.vendor == "amd" and _hidden(each)]
    if seen is None or not hidden:
        return
    variable = seen.evidence[0].removeprefix("env:")
    yield Finding(
        id="rocm-visible-hides",
        severity="warning",
        title=f"{variable} hides {', '.join(each.name for each in hidden)}",
        detail=f"It is set to {seen.value!r}, so that engines built for ROCm do not see the device. It is not counted.",
        evidence=seen.evidence,
        remedy=Remedy(text="Unset it, or name the device in it.", commands=(f"unset {variable}",)),
    )


def _matters(each: Accelerator) -> bool:
    return each.usable or not each.integrated


def _hidden(each: Accelerator) -> bool:
    return (each.why_not or "").startswith("hidden by")


def _asleep(snapshot: Snapshot, each: Accelerator) -> bool:
    seen = snapshot.observed("amd.asleep")
    return seen is not None and each.pci in seen.value


def _shared(snapshot: Snapshot) -> Iterator[tuple[Accelerator, MemoryPool, int, int, tuple[str, ...]]]:
    seen = snapshot.observed("amd.carve_out")
    ram = snapshot.pool("ram")
    if seen is None or ram is None or ram.total_bytes is None:
        return
    for each in snapshot.accelerators:
        given = seen.value.get(each.pci)
        if each.usable and given is not None and given["gtt_bytes"] is not None:
            yield each, ram, given["bytes"], given["gtt_bytes"], seen.evidence


RULES = (
    Rule("amd-no-kfd-access", no_kfd_access),
    Rule("amd-gfx-unsupported", gfx_unsupported),
    Rule("apu-carveout", apu_carveout),
    Rule("gtt-exceeds-ram", gtt_exceeds_ram),
    Rule("gpu-not-usable", not_usable),
    Rule("rocm-visible-hides", rocm_visible_hides),
)
