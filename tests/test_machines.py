"""
Every recorded machine: its replay is its golden snapshot, and what is known of it from outside holds.

The golden guards against change, ``truth.toml`` against being wrong: a person wrote it. It has ``about``, ``origin``
and facts: a ``path`` into the snapshot (list items by position, id, name or ``by``), what is there (``value``,
``min`` and ``max``, ``contains``) or must not be (``absent = true``, ``not``), and ``from``: how that is known.
"""

import re
from fnmatch import fnmatchcase
from itertools import combinations
from typing import Any

import msgspec
import pytest

from llmprobe.facts.machine import Snapshot
from llmprobe.facts.wire import decode, encode
from llmprobe.source.recording import Recording
from llmprobe.source.recording.replay import Replay
from llmprobe.source.redaction import redact
from tests.machine_fixtures import FOLDER, MACHINES, looked_at, recording_of, replayed, truth_of

MOST_SHARED = 0.7
ORIGIN = re.compile(r"recorded|edited from \S+|written from documentation")
NOTHING = object()
every_machine = pytest.mark.parametrize("machine", MACHINES)


@every_machine
def test_replay_is_the_golden_snapshot(machine: str) -> None:
    """A recorded machine gives the snapshot that was reviewed; ``make goldens`` rewrites it."""
    golden = (FOLDER / machine / "snapshot.json").read_text(encoding="utf-8")

    assert encode(replayed(machine)) == golden


@every_machine
def test_truth_holds(machine: str) -> None:
    """What a datasheet or another tool says of the machine is what the snapshot says."""
    snapshot = document(replayed(machine))
    wrong = [
        f"{fact['path']} is {found(snapshot, fact['path'])!r}, not as in {fact}"
        for fact in truth_of(machine)["fact"]
        if not holds(fact, found(snapshot, fact["path"]))
    ]

    assert wrong == []


@every_machine
def test_truth_says_where_it_is_from(machine: str) -> None:
    """Every machine has an origin, and every fact its source."""
    truth = truth_of(machine)

    assert ORIGIN.fullmatch(truth["origin"])
    assert truth["about"]
    assert truth["fact"]
    assert [fact["path"] for fact in truth["fact"] if not fact.get("from")] == []


@every_machine
def test_documented_machine_says_what_it_has_not(machine: str) -> None:
    """A machine written from documentation has at least two facts on what must not appear."""
    truth = truth_of(machine)
    against = [fact for fact in truth["fact"] if "absent" in fact or "not" in fact]

    assert truth["origin"] != "written from documentation" or len(against) >= 2


@every_machine
def test_no_answer_is_left_unread(machine: str) -> None:
    """Everything in a recording is asked for, but for what ``unread`` lists, each with its reason in parentheses."""
    replay = Replay(recording_of(machine), strict=True)
    looked_at(replay)
    entries = truth_of(machine).get("unread", [])
    patterns = [
        match.group(1) for match in (re.fullmatch(r"(.+) \(.+\)", entry) for entry in entries) if match
    ]
    unread = replay.unread()

    assert len(patterns) == len(entries)
    assert [name for name in unread if not any(fnmatchcase(name, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in unread)] == []


@every_machine
def test_a_second_replay_is_identical(machine: str) -> None:
    """Nothing of one look stays for the next: two replays give the same document, and read the same answers."""
    first, second = (Replay(recording_of(machine), strict=True) for _ in range(2))

    assert encode(looked_at(first)) == encode(looked_at(second))
    assert first.asked() == second.asked()


def test_machines_are_different() -> None:
    """No two share more than 70 % of the smaller one's answers, unless one says that it was edited from the other."""
    edited = {machine: origin_of(machine) for machine in MACHINES}
    alike = [
        (first, second)
        for first, second in combinations(MACHINES, 2)
        if shared(recording_of(first), recording_of(second)) > MOST_SHARED
        and edited[first] not in (second, edited[second] or second)
        and edited[second] != first
    ]

    assert alike == []


def test_machines_are_many_and_few_are_edits() -> None:
    """There are 60 machines and more, at most a third of them edits, each of one that is there."""
    origins = [origin for machine in MACHINES if (origin := origin_of(machine)) is not None]

    assert len(MACHINES) >= 60
    assert len(origins) <= len(MACHINES) // 3
    assert [origin for origin in origins if origin not in MACHINES] == []


def test_machines_are_of_every_vendor_and_system() -> None:
    """Linux, macOS, Windows and another, and each vendor's accelerators in use and out of use."""
    snapshots = [replayed(machine) for machine in MACHINES]
    seen = {(each.vendor, each.usable) for snapshot in snapshots for each in snapshot.accelerators}

    assert {snapshot.host.system for snapshot in snapshots} == {"linux", "darwin", "win32", "freebsd14"}
    assert {snapshot.host.environment for snapshot in snapshots} >= {"bare", "vm", "container", "wsl"}
    assert seen >= {
        (vendor, usable) for vendor in ("nvidia", "amd", "intel", "apple") for usable in (True, False)
    }


def origin_of(machine: str) -> str | None:
    """
    Return the machine that one was edited from, or None.
    """
    origin: str = truth_of(machine)["origin"]
    return origin.removeprefix("edited from ") if origin.startswith("edited from ") else None


def shared(first: Recording, second: Recording) -> float:
    """
    Return which part of the smaller recording's answers the other has too, the same to the same questions.
    """
    few, many = sorted((first.answers, second.answers), key=len)
    return sum(many.get(question) == answer for question, answer in few.items()) / len(few)


@every_machine
def test_golden_decodes(machine: str) -> None:
    """The committed snapshots are documents that this program reads."""
    golden = (FOLDER / machine / "snapshot.json").read_bytes()

    assert not decode(golden, Snapshot).this_machine


@every_machine
def test_redaction_changes_names_only(machine: str) -> None:
    """A machine whose owner has a troublesome name is the same machine after redaction, but for names."""
    recording = recording_of(machine)
    owner = {"user": ("max", "energy", "serial"), "host": ("linux", "gpu-box")}
    redacted = looked_at(Replay(redact(recording, owner), strict=True))

    assert without_names(document(redacted)) == without_names(document(replayed(machine)))


def document(snapshot: Snapshot) -> Any:
    """
    A snapshot as ``check --json`` writes it.
    """
    return msgspec.json.decode(encode(snapshot))


def without_names(value: Any) -> Any:
    """
    Return data without what may hold a name: identities, evidence, and sentences.
    """
    if isinstance(value, dict):
        names = (
            "uuid",
            "parent_uuid",
            "evidence",
            "detail",
            "title",
            "remedy",
            "directory",
            "held_by",
            "why_not",
            "hiding",
            "models",
            "loaded",
        )
        return {key: without_names(item) for key, item in value.items() if key not in names}
    if isinstance(value, list | tuple):
        return [without_names(item) for item in value]
    return value


def found(value: Any, path: str) -> Any:
    """
    The value that a path leads to, or ``NOTHING``. Names with dots are matched by the longest that fits.
    """
    return _walk(value, path.split("."))


def _walk(value: Any, parts: list[str]) -> Any:
    if not parts:
        return value
    if isinstance(value, dict):
        for length in range(len(parts), 0, -1):
            key = ".".join(parts[:length])
            if key in value:
                return _walk(value[key], parts[length:])
    if isinstance(value, list | tuple):
        if parts[0].isdecimal():
            return _walk(value[int(parts[0])], parts[1:]) if int(parts[0]) < len(value) else NOTHING
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            for item in value:
                if item == name or (
                    isinstance(item, dict) and name in (item.get("id"), item.get("name"), item.get("by"))
                ):
                    return _walk(item, parts[length:])
    return NOTHING


def holds(fact: dict[str, Any], value: Any) -> bool:
    """
    Tell whether a value is as a fact says. A fact without any condition holds of nothing.
    """
    if fact.get("absent"):
        return value is NOTHING or value is None or value in ([], ())
    if "not" in fact:
        return bool(value != fact["not"])
    if value is NOTHING or value is None:
        return False
    checks = [
        value == fact["value"] if "value" in fact else None,
        value >= fact["min"] if "min" in fact else None,
        value <= fact["max"] if "max" in fact else None,
        fact["contains"] in value if "contains" in fact else None,
    ]
    told = [check for check in checks if check is not None]
    return bool(told) and all(told)


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ({"path": "pools.ram.total_bytes", "value": 8}, True),
        ({"path": "pools.ram.total_bytes", "value": 9}, False),
        ({"path": "pools.ram.total_bytes", "min": 7, "max": 9}, True),
        ({"path": "pools.ram.total_bytes", "min": 9}, False),
        ({"path": "pools.ram.free_bytes", "value": 0}, False),
        ({"path": "pools.ram.free_bytes", "absent": True}, True),
        ({"path": "pools.0.total_bytes", "absent": True}, False),
        ({"path": "pools.vram0", "absent": True}, True),
        ({"path": "pools.ram.total_bytes", "not": 9}, True),
        ({"path": "host.control_group.memory.limit", "value": 5}, True),
        ({"path": "kernel.drivers.0000:01:00.0", "value": "nvidia"}, True),
        ({"path": "pools.ram.total_bytes"}, False),
    ],
)
def test_facts_can_fail(fact: dict[str, Any], expected: bool) -> None:
    """A fact holds when it is so, and not otherwise."""
    machine = {
        "pools": [{"id": "ram", "total_bytes": 8, "free_bytes": None}],
        "host": {"control_group": {"memory": {"limit": 5}}},
        "kernel": {"drivers": {"0000:01:00.0": "nvidia"}},
    }

    assert holds(fact, found(machine, fact["path"])) is expected
