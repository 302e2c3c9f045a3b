"""
How devices behind an rpc-server are given: an address, then what is free there, or which card it is, and who serves.

``HOST:PORT`` alone is asked. ``HOST:PORT=24GiB`` says what is free, and nothing is asked; ``HOST:PORT=RTX 3090``
names the card (a text of ``--gpu``), which the protocol does not tell, and its memory is asked for. ``:BACKEND`` behind
any of them says who serves. Source: llama.cpp b11549, ggml/src/ggml-rpc/ggml-rpc.cpp (``parse_endpoint``: no IPv6).
"""

import re
from collections.abc import Sequence

import msgspec

from llmprobe.errors import UsageError
from llmprobe.facts.backends import SERVED, label, served_by, served_card
from llmprobe.facts.given import shown
from llmprobe.facts.remote import RpcDevice
from llmprobe.machine.gpu_names import Wanted, wanted_gpus
from llmprobe.machine.gpu_table import Gpu, named
from llmprobe.units import parse_memory, port_number
from llmprobe.words.message import message

_GIVEN = (
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252}):(?P<port>[0-9]{1,5})(?:=(?P<what>[^:]*))?(?::(?P<rest>.*))?"
)
_BEYOND = r"\[[0-9A-Fa-f:.]*\].*"
_SIZE = r"\s*[+-]?[0-9][0-9.]*\s*[A-Za-z]{0,3}\s*"
_BARE = r"[0-9]{3,4}"
"""A card that is called by its number: no memory has so many of a unit that it could go without."""

_OTHER_CARD = 0.12
"""What a driver keeps of a card's memory, or its table leaves out; a device that differs by more is another one."""


class RpcGiven(msgspec.Struct, frozen=True, kw_only=True):
    """
    A server: what is free there (None is asked for), what serves (empty: told by the server), and the cards that
    somebody said it has.
    """

    host: str
    port: int
    size_bytes: int | None = None
    by: str = ""
    cards: tuple[Wanted, ...] = ()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


def read_rpc(given: str) -> RpcGiven:
    """
    A server as a person gives it.

    Raises:
        UsageError: it is no such text, or nothing is known by that size, card or backend.
    """
    text = given.strip()
    if re.fullmatch(_BEYOND, text):
        raise UsageError(message("error.rpc-no-ipv6", given=shown(given)), hint=message("hint.rpc-no-ipv6"))
    found = re.fullmatch(_GIVEN, text)
    port = None if found is None else port_number(found["port"])
    if found is None or port is None or found["what"] == "":
        raise UsageError(message("error.rpc-not-a-device", given=shown(given)), hint=message("hint.rpc"))
    what, rest = found["what"], found["rest"]
    if what is None or (re.fullmatch(_SIZE, what) and not re.fullmatch(_BARE, what)):
        if rest is not None and rest not in SERVED:
            raise UsageError(
                message("error.backend-unknown", given=shown(rest)),
                hint=message("hint.one-of", names=tuple(SERVED)),
            )
        size = None if what is None else parse_memory(what)
        return RpcGiven(host=found["host"], port=port, size_bytes=size, by=rest or "")
    name = what if rest is None else f"{what}:{rest}"
    before, _, last = name.rpartition(":")
    by = last if last in SERVED else ""
    cards = wanted_gpus(before if by else name)
    if not cards:
        raise UsageError(message("error.rpc-not-a-device", given=shown(given)), hint=message("hint.rpc"))
    return RpcGiven(host=found["host"], port=port, by=by, cards=cards)


def cards_of(given: RpcGiven, devices: Sequence[RpcDevice]) -> tuple[Gpu | None, ...]:
    """
    The card that each device of a server is as somebody said, None where nobody did. Of cards that are sold with
    several memories it is the one that the server tells.

    Raises:
        UsageError: there are more or fewer devices, or one has another memory or another maker's backend.
    """
    if not given.cards:
        return (None,) * len(devices)
    if len(given.cards) != len(devices):
        raise UsageError(
            message("error.rpc-cards", address=given.address, cards=len(given.cards), devices=len(devices)),
            hint=message("hint.rpc-cards", address=given.address),
        )
    return tuple(_card(given, card, device) for card, device in zip(given.cards, devices, strict=True))


def serves(given: RpcGiven, device: RpcDevice, card: Gpu | None) -> str:
    """
    What serves a device: as given, by the maker of its card, or by how its server begins tensors.
    """
    told = served_by(device.align, limited=device.largest_bytes is not None)
    if given.by or card is None:
        return given.by or told
    return served_card(told, card.vendor) or told


def _card(given: RpcGiven, wanted: Wanted, device: RpcDevice) -> Gpu:
    row = wanted.row
    told = served_by(device.align, limited=device.largest_bytes is not None)
    if served_card(told, row.vendor) is None:
        raise UsageError(
            message("error.rpc-card-not-there", address=given.address, card=row.name, by=label(told)),
            hint=message("hint.rpc-card"),
        )
    if row.unified or row.memory_bytes is None:
        return row
    rows = (row, *(named(row.name) if wanted.assumed else ()))
    nearest = min(rows, key=lambda one: abs((one.memory_bytes or 0) - device.total_bytes))
    held = nearest.memory_bytes or 0
    if abs(held - device.total_bytes) > _OTHER_CARD * held:
        raise UsageError(
            message(
                "error.rpc-other-card",
                address=given.address,
                card=row.name,
                card_bytes=held,
                bytes=device.total_bytes,
            ),
            hint=message("hint.rpc-card"),
        )
    return nearest
