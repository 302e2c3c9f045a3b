"""
AMD GPUs that are restricted: rights, instruction sets, the split of shared memory; and cards of AMD and Intel that
cannot be used.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, MemoryPool, Snapshot
from llmprobe.facts.vendors import CarveOut
from llmprobe.machine.driver_commands import kernel_parameter_commands
from llmprobe.machine.rules import Rule
from llmprobe.machine.rules._devices import called
from llmprobe.machine.shell_commands import unset
from llmprobe.units import GIB
from llmprobe.words.message import message

_PAGE_BYTES = 4096
_LEFT_TO_HOST_BYTES = 8 * GIB
_LITTLE_SHARE = 0.6
_LEAST_FOR_HOST = 0.25
_OVERRIDES = (("gfx103", "10.3.0"), ("gfx110", "11.0.0"), ("gfx115", "11.5.1"), ("gfx90", "9.0.6"))


def no_kfd_access(snapshot: Snapshot) -> Iterator[Finding]:
    """
    ROCm's device may not be opened, so that only Vulkan is left.
    """
    kfd = snapshot.amd.kfd if snapshot.amd is not None else None
    cards = [each for each in snapshot.accelerators if each.vendor == "amd" and each.driver == "amdgpu"]
    if kfd is None or kfd.state == "open" or not cards:
        return
    closed = kfd.state == "closed"
    container = snapshot.host.environment == "container"
    if closed:
        remedy = Remedy(
            text=message("finding.amd-no-kfd-access.remedy-groups"),
            commands=("sudo usermod -aG render,video $USER",),
        )
    elif container:
        remedy = Remedy(
            text=message("finding.amd-no-kfd-access.remedy-container"),
            commands=(
                "docker run --device /dev/kfd --device /dev/dri --group-add video --group-add render IMAGE",
            ),
        )
    else:
        remedy = Remedy(
            text=message("finding.amd-no-kfd-access.remedy-module"), commands=("sudo modprobe amdgpu",)
        )
    yield Finding(
        id="amd-no-kfd-access",
        severity="warning" if closed or container else "note",
        title=message("finding.amd-no-kfd-access.title"),
        detail=message("finding.amd-no-kfd-access.detail-closed")
        if closed
        else message("finding.amd-no-kfd-access.detail-absent"),
        evidence=kfd.evidence,
        remedy=remedy,
    )


def gfx_unsupported(snapshot: Snapshot) -> Iterator[Finding]:
    """
    ROCm's libraries have no code for a GPU.
    """
    unsupported = {each.pci: each for each in snapshot.amd.without_rocm} if snapshot.amd is not None else {}
    for each in snapshot.accelerators:
        seen = unsupported.get(each.pci or "")
        if seen is None or each.backend == "rocm" or not (each.usable or not each.integrated):
            continue
        version = next((version for start, version in _OVERRIDES if seen.gfx.startswith(start)), None)
        yield Finding(
            id="amd-gfx-unsupported",
            severity="note",
            title=message("finding.amd-gfx-unsupported.title", device=called(snapshot, each), gfx=seen.gfx),
            detail=message("finding.amd-gfx-unsupported.detail"),
            evidence=seen.evidence,
            remedy=Remedy(text=message("finding.amd-gfx-unsupported.remedy"))
            if version is None
            else Remedy(
                text=message("finding.amd-gfx-unsupported.remedy-override"),
                commands=(f"HSA_OVERRIDE_GFX_VERSION={version} llama-server …",),
            ),
        )


def apu_carveout(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The split between a processor's graphics and the host leaves one of them little.
    """
    yield from _default_gtt(snapshot)
    for each, ram, carve_out, mapped in _shared(snapshot):
        total = ram.total_bytes or 0
        host = total - carve_out.bytes
        reach = carve_out.bytes + min(mapped, host)
        if host < _LEAST_FOR_HOST * total:
            yield Finding(
                id="apu-carveout",
                severity="warning",
                title=message(
                    "finding.apu-carveout.title-host", carve_out_bytes=carve_out.bytes, total_bytes=total
                ),
                detail=message("finding.apu-carveout.detail-host", host_bytes=host),
                evidence=carve_out.evidence,
                remedy=Remedy(text=message("finding.apu-carveout.remedy-host")),
            )
        elif reach < _LITTLE_SHARE * total:
            pages = max(0, total - carve_out.bytes - _LEFT_TO_HOST_BYTES) // _PAGE_BYTES
            yield Finding(
                id="apu-carveout",
                severity="note",
                title=message(
                    "finding.apu-carveout.title-gpu",
                    device=called(snapshot, each),
                    reach_bytes=reach,
                    total_bytes=total,
                ),
                detail=message("finding.apu-carveout.detail-gpu"),
                evidence=carve_out.evidence,
                remedy=Remedy(
                    text=message("finding.apu-carveout.remedy-gpu", left_bytes=_LEFT_TO_HOST_BYTES),
                    commands=kernel_parameter_commands(
                        snapshot, f"ttm.pages_limit={pages} ttm.page_pool_size={pages}"
                    ),
                ),
            )


def _default_gtt(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A chip that was only named is assumed to map what Linux lets it by default, and could map more.
    """
    ram = snapshot.pool("ram")
    total = 0 if ram is None else ram.total_bytes or 0
    limits = () if ram is None or snapshot.origin != "hypothetical" else ram.limits
    for each in snapshot.accelerators:
        if not any(one.detail is not None and one.detail.id == "limit.default-gtt" for one in limits):
            return
        left = max(total // 2, total - _LEFT_TO_HOST_BYTES)
        yield Finding(
            id="apu-carveout",
            severity="note",
            title=message(
                "finding.apu-carveout.title-gpu",
                device=called(snapshot, each),
                reach_bytes=None if ram is None else ram.budget_bytes,
                total_bytes=total,
            ),
            detail=message("finding.apu-carveout.detail-gpu"),
            evidence=each.evidence,
            remedy=Remedy(
                text=message(
                    "finding.apu-carveout.remedy-named",
                    pages=left // _PAGE_BYTES,
                    left_bytes=total - left,
                    gib=left // GIB,
                )
            ),
        )


def gtt_exceeds_ram(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The GPU's limit is above the size of RAM, and engines that add it up promise too much.
    """
    for each, ram, carve_out, mapped in _shared(snapshot):
        host = (ram.total_bytes or 0) - carve_out.bytes
        if mapped <= host:
            continue
        yield Finding(
            id="gtt-exceeds-ram",
            severity="note",
            title=message("finding.gtt-exceeds-ram.title", device=called(snapshot, each)),
            detail=message("finding.gtt-exceeds-ram.detail", gtt_bytes=mapped, host_bytes=host),
            evidence=carve_out.evidence,
            remedy=Remedy(text=message("finding.gtt-exceeds-ram.remedy")),
        )


_LOAD_DRIVER = Remedy(text=message("finding.gpu-not-usable.remedy-driver"), commands=("lspci -k -d ::0300",))
_GRANT_ACCESS = Remedy(
    text=message("finding.gpu-not-usable.remedy-access"), commands=("sudo usermod -aG render,video $USER",)
)
_NOT_GIVEN = "not given to the container"
_NOT_USABLE = {
    "unusable.no-driver": _LOAD_DRIVER,
    "unusable.other-driver": _LOAD_DRIVER,
    "unusable.kernel-too-old": Remedy(
        text=message("finding.gpu-not-usable.remedy-kernel"),
        commands=("uname -r", "sudo dmesg | grep -i -e amdgpu -e xe -e i915"),
    ),
    "unusable.no-amd-device-file": _GRANT_ACCESS,
    "unusable.render-node-closed": _GRANT_ACCESS,
    _NOT_GIVEN: Remedy(
        text=message("finding.gpu-not-usable.remedy-container"),
        commands=("docker run --device /dev/kfd --device /dev/dri IMAGE",),
    ),
}
"""What mends each reason that can be mended here."""


def not_usable(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A GPU of AMD or Intel is here and nothing can run on it; of a machine to be, any GPU that was named.
    """
    others = any(each.usable for each in snapshot.accelerators)
    for each in snapshot.accelerators:
        named = snapshot.origin == "hypothetical"
        what = each.why_not.id if each.why_not is not None else ""
        # Graphics of a processor matter where nothing else is used, and could be mended.
        matters = not each.integrated or (what in _NOT_USABLE and not others)
        if each.usable or not (named or (each.vendor in ("amd", "intel") and matters)):
            continue
        if each.state in ("asleep", "lent") or each.hidden_by is not None:
            # Each of these has a finding of its own.
            continue
        linux = snapshot.host.system == "linux"
        if _NOT_USABLE.get(what) is _GRANT_ACCESS and snapshot.host.in_container:
            what = _NOT_GIVEN
        yield Finding(
            id="gpu-not-usable",
            severity="warning" if linux else "note",
            title=message("finding.gpu-not-usable.title", device=called(snapshot, each)),
            detail=message("finding.gpu-not-usable.detail", reason=each.why_not),
            evidence=each.evidence,
            remedy=_NOT_USABLE.get(what) if linux else None,
        )


def rocm_visible_hides(snapshot: Snapshot) -> Iterator[Finding]:
    """
    An environment variable hides a card from ROCm.
    """
    for hiding in snapshot.amd.hiding if snapshot.amd is not None else ():
        hidden = tuple(
            called(snapshot, each)
            for each in snapshot.accelerators
            if each.vendor == "amd" and each.hidden_by == hiding.variable
        )
        if not hidden:
            continue
        yield Finding(
            id="rocm-visible-hides",
            severity="warning",
            title=message("finding.rocm-visible-hides.title", variable=hiding.variable, devices=hidden),
            detail=message("finding.rocm-visible-hides.detail", variable=hiding.variable, value=hiding.value),
            evidence=hiding.evidence,
            remedy=Remedy(
                text=message("finding.rocm-visible-hides.remedy"),
                commands=(unset(snapshot, hiding.variable),),
            ),
        )


def rocm_heap(snapshot: Snapshot) -> Iterator[Finding]:
    """
    ROCm reaches only a part of the memory that a processor's graphics share, and Vulkan is used instead.
    """
    by_address = {each.pci: each for each in snapshot.accelerators if each.usable}
    for heaps in snapshot.amd.heaps if snapshot.amd is not None else ():
        accelerator = by_address.get(heaps.pci)
        if accelerator is None or not heaps.displaces:
            continue
        gtt = heaps.rocm_from == "gtt"
        yield Finding(
            id="rocm-heap",
            severity="note",
            title=message(
                "finding.rocm-heap.title",
                device=called(snapshot, accelerator),
                rocm_bytes=heaps.rocm_free_bytes,
                vulkan_bytes=heaps.vulkan_free_bytes,
            ),
            detail=message(
                "finding.rocm-heap.detail-gtt" if gtt else "finding.rocm-heap.detail-carve-out",
                heap_bytes=heaps.rocm_total_bytes,
            ),
            evidence=heaps.evidence,
            remedy=Remedy(text=message("finding.rocm-heap.remedy")),
        )


def partitioned(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A GPU is divided into parts, of which each is a device.
    """
    seen: dict[str | None, list[Accelerator]] = {}
    for each in snapshot.accelerators:
        if each.partition is not None and each.partition.kind == "xcp":
            seen.setdefault(each.pci, []).append(each)
    for parts in seen.values():
        partition = parts[0].partition
        yield Finding(
            id="amd-partitioned",
            severity="note",
            title=message(
                "finding.amd-partitioned.title",
                name=partition.parent_name if partition is not None else None,
                parts=len(parts),
            ),
            detail=message(
                "finding.amd-partitioned.detail",
                profile=partition.profile if partition is not None else None,
            ),
            evidence=parts[0].evidence_of("partition"),
            remedy=Remedy(
                text=message("finding.amd-partitioned.remedy"),
                commands=("sudo amd-smi set --compute-partition SPX",),
                link="https://instinct.docs.amd.com/projects/amdgpu-docs/en/latest/gpu-partitioning/index.html",
            ),
        )


def _shared(snapshot: Snapshot) -> Iterator[tuple[Accelerator, MemoryPool, CarveOut, int]]:
    """
    The integrated GPUs in use with the host's memory, their carve-out and what they may map of RAM.
    """
    ram = snapshot.pool("ram")
    if snapshot.amd is None or ram is None or ram.total_bytes is None:
        return
    carve_outs = {each.pci: each for each in snapshot.amd.carve_outs}
    for each in snapshot.accelerators:
        given = carve_outs.get(each.pci or "")
        if each.usable and given is not None and given.gtt_bytes is not None:
            yield each, ram, given, given.gtt_bytes


RULES = (
    Rule("amd-no-kfd-access", no_kfd_access),
    Rule("amd-gfx-unsupported", gfx_unsupported),
    Rule("apu-carveout", apu_carveout),
    Rule("gtt-exceeds-ram", gtt_exceeds_ram),
    Rule("gpu-not-usable", not_usable),
    Rule("rocm-visible-hides", rocm_visible_hides),
    Rule("rocm-heap", rocm_heap),
    Rule("amd-partitioned", partitioned),
)
