"""
Which Intel GPUs the environment leaves to a program that computes with SYCL, and llama.cpp's numbers of them.

ZE_AFFINITY_MASK narrows what Level Zero lists: devices by number, and tiles of them where ZE_FLAT_DEVICE_HIERARCHY
keeps those below their card (COMPOSITE, COMBINED); flat, which is the default, each tile is a device. Its order is
not kept, and what it names that is not there is passed over. ONEAPI_DEVICE_SELECTOR then narrows what SYCL lists of
each backend. Behind it llama.cpp goes by words: of several backends that the text names it takes one platform, and a
text without any ends it. It begins with SYCL's default device, the first, and sorts the others by their compute
units.

https://oneapi-src.github.io/level-zero-spec/level-zero/latest/core/PROG.html#affinity-mask, intel/llvm
sycl/doc/EnvironmentVariables.md and sycl/source/detail/device_filter.cpp, llama.cpp b11549
ggml/src/ggml-sycl/dpct/helper.hpp (``get_preferred_gpu_platform_name``, ``dev_mgr``).

Questions, in order:

    env:ONEAPI_DEVICE_SELECTOR
    env:ZE_AFFINITY_MASK
    env:ZE_FLAT_DEVICE_HIERARCHY                       where the mask is set
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from llmprobe.facts.vendors import OneApi, SyclDevice
from llmprobe.machine.asking import Asker, as_text
from llmprobe.words.message import Message, message

SELECTOR, MASK, HIERARCHY = "ONEAPI_DEVICE_SELECTOR", "ZE_AFFINITY_MASK", "ZE_FLAT_DEVICE_HIERARCHY"
_LEVEL_ZERO, _OPENCL = "level_zero", "opencl"
_NAMED = (_LEVEL_ZERO, _OPENCL, "cuda", "hip")
"""What llama.cpp looks for in the selector, in this order."""
_BACKENDS = ("*", *_NAMED, "native_cpu")
_TYPES = frozenset({"cpu", "gpu", "acc", "fpga"})
_DEVICE = r"(\*|\d{1,4})(?:\.(\*|\d{1,4}))?(?:\.(\*|\d{1,4}))?"

Unit = tuple[int, int | None]
"""A card by its place, and one of its tiles; None is all of it."""


class Card(NamedTuple):
    """
    A GPU by its address, and how many tiles it has.
    """

    pci: str
    name: str
    tiles: int


class SelectorError(Exception):
    """
    A text at which a program with SYCL ends; ``why`` says what is wrong with it.
    """

    def __init__(self, why: Message) -> None:
        super().__init__(why.id)
        self.why = why


def is_set(ask: Asker) -> bool:
    """
    Whether one of the variables has a value.
    """
    texts = [as_text(ask.env(name)) for name in (SELECTOR, MASK)]
    return any(texts)


def ask_oneapi(ask: Asker, given: Sequence[tuple[str, str, int]]) -> OneApi:
    """
    What the variables leave of cards in the order of Level Zero, which lists those with memory of their own first.
    """
    cards = [Card(*one) for one in given]
    selector, mask = as_text(ask.env(SELECTOR)), as_text(ask.env(MASK))
    hierarchy = as_text(ask.env(HIERARCHY)) if mask else None
    units = listed([card.tiles for card in cards], mask, hierarchy)
    devices: tuple[SyclDevice, ...] = ()
    problem, sure = None, True
    try:
        left = units if not selector else selected(selector, units, [card.tiles for card in cards])
        sure = left is not None
        devices = _numbered(left or (), cards)
    except SelectorError as error:
        problem = error.why
    seen = {one.pci for one in devices}
    return OneApi(
        selector=selector,
        mask=mask,
        hierarchy=hierarchy,
        devices=devices,
        hidden=tuple(card.pci for card in cards if card.pci not in seen) if sure else None,
        problem=problem,
        evidence=tuple(f"env:{name}" for name, text in ((SELECTOR, selector), (MASK, mask)) if text),
    )


def listed(tiles: Sequence[int], mask: str | None = None, hierarchy: str | None = None) -> tuple[Unit, ...]:
    """
    What Level Zero lists of cards with so many tiles, in its order.
    """
    flat = (hierarchy or "").strip().upper() not in ("COMPOSITE", "COMBINED")
    whole: list[Unit] = [(card, None) for card in range(len(tiles))]
    split: list[Unit] = [
        (card, None if count == 1 else tile) for card, count in enumerate(tiles) for tile in range(count)
    ]
    if not mask:
        return tuple(split if flat else whole)
    entries = [entry.strip().split(".") for entry in mask.split(",")]
    numbers = [[int(part) for part in entry] for entry in entries if all(map(_is_number, entry))]
    if flat:
        named = {entry[0] for entry in numbers}
        return tuple(unit for place, unit in enumerate(split) if place in named)
    cards = {entry[0] for entry in numbers if len(entry) == 1}
    parts = {(entry[0], entry[1]) for entry in numbers if len(entry) > 1}
    return tuple(
        _composite(card, tiles[card], cards, parts) for card, _ in whole if _names(card, tiles, cards, parts)
    )


def selected(text: str, units: Sequence[Unit], tiles: Sequence[int]) -> tuple[Unit, ...] | None:
    """
    The units that a selector leaves to llama.cpp; None where numbers of OpenCL decide, which count processors as well.

    Raises:
        SelectorError: SYCL or llama.cpp ends at the text.
    """
    lower = text.lower()
    accepted: list[tuple[str, str]] = []
    discarded: list[tuple[str, str]] = []
    for term in lower.split(";"):
        backend, devices = _term(term.strip())
        terms = discarded if backend.startswith("!") else accepted
        if terms is accepted and discarded:
            raise SelectorError(message("sycl.negative-first"))
        terms += [(backend.removeprefix("!"), device.strip()) for device in devices.split(",")]
    preferred = next((name for name in _NAMED if name in lower), None)
    if preferred is None:
        raise SelectorError(message("sycl.no-backend-named"))
    filters = [device for backend, device in accepted or [("*", "*")] if backend in ("*", preferred)]
    against = [device for backend, device in discarded if backend in ("*", preferred)]
    if preferred == _OPENCL and any(device[0].isdigit() for device in (*filters, *against)):
        return None
    if preferred not in (_LEVEL_ZERO, _OPENCL):
        filters = []
    taken = [unit for device in filters for unit in _matching(device, units, tiles)]
    without = {unit for device in against for unit in _matching(device, units, tiles)}
    left = tuple(unit for unit in dict.fromkeys(taken) if unit not in without)
    if not left:
        raise SelectorError(message("sycl.nothing-left", backend=preferred))
    return left


def _term(term: str) -> tuple[str, str]:
    """
    Backend and devices of a term, as they are written.
    """
    parts = term.split(":")
    if len(parts) != 2 or parts[0].removeprefix("!") not in _BACKENDS:
        raise SelectorError(message("sycl.no-term", term=term))
    for device in parts[1].split(","):
        found = re.fullmatch(_DEVICE, device.strip())
        if device.strip() in _TYPES:
            continue
        # Below a wildcard only wildcards stand.
        if found is None or any(
            above == "*" and below not in (None, "*")
            for above, below in ((found[1], found[2]), (found[2], found[3]))
        ):
            raise SelectorError(message("sycl.no-device", device=device.strip()))
    return parts[0], parts[1]


def _matching(device: str, units: Sequence[Unit], tiles: Sequence[int]) -> list[Unit]:
    """
    The units that one word names, of those that are listed: whole, or their tiles.
    """
    if device in _TYPES:
        return list(units) if device == "gpu" else []
    number, tile, *deeper = device.split(".") if "." in device else (device, None)
    chosen = (
        list(units) if number == "*" else [unit for place, unit in enumerate(units) if place == int(number)]
    )
    if tile is None:
        return chosen
    if deeper:
        # No card of today has a further level.
        return []
    whole = [card for card, part in chosen if part is None and tiles[card] > 1]
    return [(card, part) for card in whole for part in range(tiles[card]) if tile == "*" or part == int(tile)]


def _numbered(units: Sequence[Unit], cards: Sequence[Card]) -> tuple[SyclDevice, ...]:
    """
    The units with llama.cpp's numbers, as far as these follow without the number of compute units.
    """
    others = {cards[card].name for card, _ in units[1:]}
    sure = len(units) <= 2 or len(others) == 1
    return tuple(
        SyclDevice(pci=cards[card].pci, tile=tile, number=place if sure or not place else None)
        for place, (card, tile) in enumerate(units)
    )


def _names(card: int, tiles: Sequence[int], cards: set[int], parts: set[tuple[int, int]]) -> bool:
    return card in cards or any(one == card and tile < tiles[card] for one, tile in parts)


def _composite(card: int, count: int, cards: set[int], parts: set[tuple[int, int]]) -> Unit:
    """
    A card of which the mask leaves all, or several of its tiles together, or one, which then stands for it.
    """
    named = [tile for tile in range(count) if (card, tile) in parts]
    return (card, None) if card in cards or len(named) != 1 or count == 1 else (card, named[0])


def _is_number(part: str) -> bool:
    return re.fullmatch(r"\d{1,4}", part) is not None
