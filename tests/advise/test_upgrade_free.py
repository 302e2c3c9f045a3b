"""
What costs nothing on machines made by hand: held memory by the byte, cards without a reason, power, commands.
"""

import msgspec
import pytest

from llmprobe.advise.upgrade.change import Change
from llmprobe.advise.upgrade.free import free_changes
from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, Limit, Snapshot, Throttle
from llmprobe.units import GIB
from llmprobe.words.message import Message, message
from tests.advise.machines import machine
from tests.machine_fixtures import replayed

HELD = message("unusable.nvidia-occupied")


def with_card(snapshot: Snapshot, number: int = 0, **facts: object) -> Snapshot:
    cards: list[Accelerator] = list(snapshot.accelerators)
    cards[number] = msgspec.structs.replace(cards[number], **facts)
    return msgspec.structs.replace(snapshot, accelerators=tuple(cards))


def holding(held_bytes: int, number: int = 0) -> Snapshot:
    """
    Two cards of 24 GiB, of one of which a program holds these bytes.
    """
    snapshot = machine((24, 24))
    held = (Limit(by="in-use", bytes=held_bytes),) if held_bytes else ()
    left = 24 * GIB - held_bytes
    pools = tuple(
        msgspec.structs.replace(pool, total_bytes=24 * GIB, free_bytes=left, budget_bytes=left, limits=held)
        if pool.id == f"vram{number}"
        else pool
        for pool in snapshot.pools
    )
    return msgspec.structs.replace(snapshot, pools=pools)


def found(kind: str, snapshot: Snapshot) -> list[Change]:
    return [one for one in free_changes(snapshot) if one.kind == kind]


def finding(name: str, *commands: str) -> Finding:
    return Finding(
        id=name,
        severity="note",
        title=message("test"),
        detail=message("test"),
        evidence=(),
        remedy=Remedy(text=message("test"), commands=commands),
    )


@pytest.mark.parametrize(("held_bytes", "worth"), [(GIB // 4, True), (GIB // 4 - 1, False)])
def test_a_quarter_of_a_gib_is_the_least_that_is_worth_a_line(held_bytes: int, *, worth: bool) -> None:
    """
    To the byte, on either side.
    """
    assert bool(found("free", holding(held_bytes))) is worth


@pytest.mark.parametrize("number", [0, 1])
def test_held_memory_is_that_of_its_card(number: int) -> None:
    """
    Of two cards the one whose memory others hold is named, with the bytes that come back.
    """
    (free,) = found("free", holding(3 * GIB, number))
    told = free.name.values["held"]
    assert isinstance(told, tuple)
    (held,) = told
    assert isinstance(held, Message)

    assert (held.values["device"], held.values["bytes"]) == (f"gpu{number}", 3 * GIB)


def test_memory_whose_budget_is_unknown_frees_nothing() -> None:
    """
    Nothing can be subtracted from it, and nothing is claimed.
    """
    snapshot = holding(3 * GIB)
    pools = tuple(
        msgspec.structs.replace(pool, budget_bytes=None, free_bytes=None) if pool.id == "vram0" else pool
        for pool in snapshot.pools
    )

    assert found("free", msgspec.structs.replace(snapshot, pools=pools)) == []


def test_only_findings_about_held_memory_tell_how_to_free_it() -> None:
    """
    The command of another finding is about something else.
    """
    snapshot = msgspec.structs.replace(
        holding(3 * GIB),
        findings=(finding("ecc-on", "nvidia-smi -e 0"), finding("vram-held", "ollama stop MODEL")),
    )
    (free,) = found("free", snapshot)

    assert free.commands == ("ollama stop MODEL",)


def test_a_card_without_a_reason_is_no_repair() -> None:
    """
    Nobody knows what its owner could do.
    """
    assert found("repair", with_card(machine((24, 24)), usable=False, why_not=None)) == []


def test_a_part_of_a_card_is_no_repair() -> None:
    """
    An instance of MIG that others use is no card that is broken; a whole card is, for the same reason.
    """
    parts = with_card(machine((24, 24), mig=True), usable=False, why_not=HELD)
    whole = with_card(machine((24, 24)), usable=False, why_not=HELD)

    assert found("repair", parts) == []
    assert [one.name.values["devices"] for one in found("repair", whole)] == [("gpu0",)]


@pytest.mark.parametrize(
    ("throttle", "short"),
    [
        (None, False),
        (Throttle(), False),
        (Throttle(reasons=()), False),
        (Throttle(reasons=("temperature", "power-limit")), False),
        (Throttle(reasons=("power-brake",)), True),
    ],
)
def test_only_a_power_brake_is_the_power_supplys(throttle: Throttle | None, *, short: bool) -> None:
    """
    Heat and the card's own limit of power are no fault of what feeds it (NVML, nvmlClocksEventReasons:
    HwPowerBrakeSlowdown is asserted from outside).
    """
    assert bool(found("power", with_card(machine((24,)), throttle=throttle))) is short


@pytest.mark.parametrize("name", ["macos-m3max-64g", "linux-container-8g"])
def test_a_limit_is_told_with_both_budgets(name: str) -> None:
    """
    What may be used then, and what may be used now, which is less.
    """
    before = replayed(name)
    (limit,) = found("limit", before)
    assert limit.machine is not None
    now, then = before.pool("ram"), limit.machine.pool("ram")
    assert now is not None
    assert then is not None

    assert limit.name.values["bytes"] == then.budget_bytes
    assert limit.name.values["instead_bytes"] == now.budget_bytes
    assert (then.budget_bytes or 0) > (now.budget_bytes or 0)
