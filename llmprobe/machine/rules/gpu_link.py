"""
How a card is connected: the window through which the processor writes to it, and the width of its link.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.machine.rules import Rule, _by_address, asked_nvml
from llmprobe.units import GIB, MIB

_SMALL_WINDOW_BYTES = 256 * MIB
_FIRST_RESIZABLE = (8, 0)
"""Cards before Ampere have the small window whatever the firmware allows."""

_FEW_LANES = 4
_OTHER_SLOT = Remedy(
    text="Put the card into the slot nearest the processor, without a riser, and look whether another device "
    "takes lanes from it.",
    commands=("nvidia-smi --query-gpu=name,pcie.link.width.current,pcie.link.width.max --format=csv",),
)
_LANE_BYTES_PER_S = {1: 0.25e9, 2: 0.5e9, 3: 0.985e9, 4: 1.969e9, 5: 3.938e9, 6: 7.563e9}
"""What one lane carries a second by generation, after line coding (PCI-SIG's 2.5 to 64 GT/s)."""


def rebar_off(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The processor reaches the memory of a card through a small window, though the card could show all of it.
    """
    yield from _by_address.small_windows(snapshot)
    windows = snapshot.observed("nvidia.bar1_bytes")
    for each in _cards(snapshot):
        window = windows.value.get(str(each.index)) if windows else None
        if window != _SMALL_WINDOW_BYTES or _capability(each) < _FIRST_RESIZABLE:
            continue
        if all(
            (pool := snapshot.pool(name)) is None or (pool.total_bytes or 0) <= GIB for name in each.pools
        ):
            continue
        yield Finding(
            id="rebar-off",
            severity="note",
            title=f"Resizable BAR is off ({each.name})",
            detail="The processor sees 256 MiB of the card's memory at a time. CUDA loads and runs models at the "
            "same speed; Vulkan, and what is shared between cards, can be slower.",
            evidence=asked_nvml(snapshot, f"nvmlDeviceGetBAR1MemoryInfo {each.index}"),
            remedy=Remedy(
                text="Switch on Above 4G Decoding and Resizable BAR in the firmware; some cards of the RTX 30 "
                "series need a newer VBIOS first."
            ),
        )


def pcie_narrow(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A card has fewer lanes or an older link than it could have.

    The generation of the moment is not looked at: idle cards lower it to save power.
    """
    yield from _by_address.narrow_links(snapshot)
    seen = snapshot.observed("nvidia.pcie")
    for each in _cards(snapshot):
        link = seen.value.get(str(each.index)) if seen else None
        if link is None:
            continue
        lanes, most = link.get("width"), link.get("max_width")
        generation, newest = link.get("max_generation"), link.get("device_max_generation")
        narrow = bool(lanes and most and lanes < most)
        old = bool(generation and newest and generation < newest)
        if not narrow and not old:
            continue
        said = [f"{lanes} of {most} lanes are connected"] if narrow else []
        said += [f"the slot is generation {generation}, the card {newest}"] if old else []
        few = narrow and lanes <= _FEW_LANES
        yield Finding(
            id="pcie-narrow",
            severity="warning" if few else "note",
            title=f"{each.name} is connected by a {'narrow' if narrow else 'slower'} link",
            detail=f"{' and '.join(said).capitalize()}.{_rate(generation, lanes)} Loading a model and layers on the "
            "processor or on several cards wait for it; a model that is whole on this card runs at full speed.",
            evidence=asked_nvml(
                snapshot,
                f"nvmlDeviceGetCurrPcieLinkWidth {each.index}",
                f"nvmlDeviceGetMaxPcieLinkWidth {each.index}",
                f"nvmlDeviceGetMaxPcieLinkGeneration {each.index}",
            ),
            remedy=None if snapshot.host.environment == "vm" else _OTHER_SLOT,
        )


def _cards(snapshot: Snapshot) -> Iterator[Accelerator]:
    """
    Yield whole devices that are cards of their own; each physical device once.
    """
    seen = set()
    for each in snapshot.accelerators:
        if each.vendor != "nvidia" or each.integrated or not each.pools or each.index in seen:
            continue
        if each.partition is None or each.partition.kind == "mig":
            seen.add(each.index)
            yield each


def _capability(each: Accelerator) -> tuple[int, ...]:
    parts = (each.compute_capability or "").split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else (0,)


def _rate(generation: int | None, lanes: int | None) -> str:
    lane = _LANE_BYTES_PER_S.get(generation or 0)
    return "" if lane is None or not lanes else f" That is {lane * lanes / 1e9:.1f} GB/s at most."


RULES = (
    Rule("rebar-off", rebar_off),
    Rule("pcie-narrow", pcie_narrow),
)
