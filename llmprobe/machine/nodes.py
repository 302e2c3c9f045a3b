"""
Nodes of a Kubernetes cluster as their labels describe them: products and number of cards, memory, cores.

Labels are the only thing that a cluster tells of its GPUs without running something on them. NVIDIA's are those of GPU
Feature Discovery (nvidia.com/gpu.product, .count, .memory in MiB), AMD's those of its node labeller
(amd.com/gpu.product-name, .vram); counts stand in ``status.capacity`` as well. Nothing tells what is free now.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from llmprobe.errors import UsageError
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.hypothetical import Options, hypothetical
from llmprobe.units import GIB, MIB
from llmprobe.words.message import Message, message

MOST_NODES = 20_000
MOST_CARDS = 16

_UNITS: dict[str, float] = {
    "": 1,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "K": 10**3,
    "k": 10**3,
    "M": 10**6,
}
_UNITS |= {"G": 10**9, "T": 10**12, "m": 1e-3}
_QUANTITY = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,9})?)(Ki|Mi|Gi|Ti|K|k|M|G|T|m)?B?")
_SHARED = re.compile(r"[- ]SHARED$")
_SLICE = re.compile(r"[- ]MIG[- ]([0-9]+g\.[0-9]+gb)", re.IGNORECASE)


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """
    A node: its name, and its machine or why there is none.
    """

    name: str
    machine: Snapshot | None = None
    problem: Message | None = None


def nodes_in(text: str) -> tuple[Node, ...]:
    """
    The nodes of a ``kubectl get nodes -o json``, sorted by name.

    Raises:
        UsageError: it is no list of nodes.
    """
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        document = None
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list) or len(items) > MOST_NODES:
        raise UsageError(message("error.nodes-no-list"), hint=message("hint.nodes-no-list"))
    found = [_node(number, one) for number, one in enumerate(items)]
    return tuple(sorted(found, key=lambda node: node.name))


def _node(number: int, item: object) -> Node:
    metadata, status = _part(item, "metadata"), _part(item, "status")
    name = metadata.get("name")
    name = name if isinstance(name, str) and name else f"node-{number}"
    labels, holds = _part(metadata, "labels"), _part(status, "capacity")
    room = _part(status, "allocatable") or holds
    ram = _quantity(room.get("memory"))
    if not ram:
        return Node(name=name, problem=message("fleet.node-without-memory"))
    cards = _cards(labels, holds)
    if isinstance(cards, Message):
        return Node(name=name, problem=cards)
    cores = _quantity(room.get("cpu"))
    options = Options(cores=max(1, int(cores)) if cores else None)
    problem: Message | None = None
    for gpus in cards or [()]:
        try:
            return Node(name=name, machine=hypothetical(gpus, int(ram), options))
        except UsageError as error:
            problem = error.message
    return Node(name=name, problem=problem)


def _cards(labels: dict[str, Any], holds: dict[str, Any]) -> list[Sequence[str]] | Message:
    """
    The cards of a node as ``--gpu`` takes them, in the ways in which they may be known: by name, then by memory.
    """
    for resource, product, memory in (
        ("nvidia.com/gpu", "nvidia.com/gpu.product", "nvidia.com/gpu.memory"),
        ("amd.com/gpu", "amd.com/gpu.product-name", "amd.com/gpu.vram"),
    ):
        count = int(_quantity(labels.get(f"{resource}.count") or holds.get(resource)) or 0)
        if not count:
            continue
        name, size = labels.get(product), labels.get(memory)
        if not isinstance(name, str) or not name:
            return message("fleet.node-without-labels", resource=resource, count=count)
        if count > MOST_CARDS:
            return message("fleet.node-cards", count=count, most=MOST_CARDS)
        # A slice has the name of its card and a part of its memory, and a process gets one of them.
        sliced = _SLICE.search(name) is not None
        if sliced:
            count = 1
        plain = re.sub(r"[-_ ]+", " ", _SHARED.sub("", name)).strip()
        number = _quantity(size)
        # NVIDIA's labeller writes MiB without a unit, AMD's a size with one.
        held = None if not number else number * MIB if str(size).isdigit() else number
        by_size: list[Sequence[str]] = (
            [] if held is None else [(f"{count}x {plain.replace(':', ' ')}:{_in_gib(held)}",)]
        )
        return by_size if sliced else [(f"{count}x {plain}",), *by_size]
    return []


def _in_gib(held: float) -> str:
    return f"{held / GIB:.2f}".rstrip("0").rstrip(".") + "GiB"


def _quantity(value: object) -> float | None:
    """
    A quantity as Kubernetes writes it (``263765548Ki``, ``96``, ``1500m``), None where it is none.
    """
    found = _QUANTITY.fullmatch(str(value)) if isinstance(value, str | int) else None
    return float(found[1]) * _UNITS[found[2] or ""] if found else None


def _part(value: object, name: str) -> dict[str, Any]:
    part = value.get(name) if isinstance(value, dict) else None
    return part if isinstance(part, dict) else {}
