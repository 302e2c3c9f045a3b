"""
The connection of a card: the window through which the processor addresses its memory, and its PCIe link.
"""

import re
from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.machine.probing import vendor
from llmprobe.machine.rules import Rule
from llmprobe.machine.rules._devices import memory_of, physical, whole_called
from llmprobe.units import GIB, MIB
from llmprobe.words.message import message

_UNRESIZED_BYTES = 256 * MIB
"""The size of a window that was not resized, whatever the memory behind it."""

_FEW_LANES = 4

NVLINK = "nvlink"
"""Under this name a card cites the text that asks for the link."""

_WITH_NVLINK = re.compile(
    r"P100-SXM|GP100|V100-SXM|GV100|RTX 2080|TITAN RTX|Quadro RTX [568]000|RTX 3090|RTX A(?:4500|5000|5500|6000)"
    r"|\bA(?:30|40|100|800)\b|\bH(?:20|100|200|800)\b|\bG?B[23]00\b|GH200",
)
"""
NVIDIA's products with connectors for NVLink or boards that have it (pages of the products). No GeForce of the 40 and 50
series, no workstation card of Ada and Blackwell, and no L4, L40 and T4 does.
"""


def rebar_off(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The processor addresses the memory of a card through a small window, though the card could show all of it.
    """
    for each in _cards(snapshot):
        window = each.window
        if window is None or not window.resizable:
            continue
        total = memory_of(snapshot, each)
        # A larger one was resized, though not every slot and system has room for all of the memory.
        resized = window.visible_bytes > _UNRESIZED_BYTES
        if resized or (total is not None and total <= GIB):
            continue
        yield Finding(
            id="rebar-off",
            severity="warning" if window.slows == "computing" else "note",
            title=message("finding.rebar-off.title", name=whole_called(snapshot, each)),
            detail=message(f"finding.rebar-off.detail-{window.slows}", visible_bytes=window.visible_bytes),
            evidence=each.evidence_of("window"),
            remedy=Remedy(text=message("finding.rebar-off.remedy")),
        )


def pcie_narrow(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A card has fewer lanes or an older link than it supports.

    The generation of the moment does not count: idle cards lower it to save power.
    """
    for each in _cards(snapshot):
        link = each.link
        if link is None:
            continue
        lanes, most = link.width, link.max_width
        generation, newest = link.max_generation, link.device_max_generation
        narrow = bool(lanes and most and lanes < most)
        old = bool(generation and newest and generation < newest)
        if not narrow and not old:
            continue
        causes = []
        if narrow:
            causes.append(message("finding.pcie-narrow.lanes", lanes=lanes, most=most))
        if old:
            cause = message("finding.pcie-narrow.generation", generation=generation, newest=newest)
            causes.append(cause)
        vm = snapshot.host.environment == "vm"
        yield Finding(
            id="pcie-narrow",
            severity="warning" if narrow and (lanes or 0) <= _FEW_LANES else "note",
            title=message(
                "finding.pcie-narrow.title" if narrow else "finding.pcie-narrow.title-slow",
                name=whole_called(snapshot, each),
            ),
            detail=message("finding.pcie-narrow.detail", causes=tuple(causes), bytes_per_s=link.bytes_per_s),
            evidence=each.evidence_of("link"),
            remedy=None
            if vm
            else Remedy(text=message("finding.pcie-narrow.remedy"), commands=vendor(each.vendor).prints_link),
        )


def _cards(snapshot: Snapshot) -> Iterator[Accelerator]:
    """
    The physical devices that are cards and respond; a virtual machine's share of a card has no link of its own.
    """
    for each in physical(snapshot):
        share = each.partition is not None and each.partition.kind == "vgpu"
        if each.state == "present" and not each.integrated and not share:
            yield each


def no_nvlink(snapshot: Snapshot) -> Iterator[Finding]:
    """
    NVLink was asked for, and the card has no connector for it.
    """
    asked = {each.name: each.cited[NVLINK] for each in snapshot.accelerators if NVLINK in each.cited}
    for name, evidence in asked.items():
        if _WITH_NVLINK.search(name or "") is None:
            yield Finding(
                id="no-nvlink",
                severity="note",
                title=message("finding.no-nvlink.title", name=name),
                detail=message("finding.no-nvlink.detail"),
                evidence=evidence,
                remedy=Remedy(text=message("finding.no-nvlink.remedy")),
            )


RULES = (
    Rule("rebar-off", rebar_off),
    Rule("pcie-narrow", pcie_narrow),
    Rule("no-nvlink", no_nvlink),
)
