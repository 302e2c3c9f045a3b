"""
Running rpc-servers as members of a fleet: what they tell is a budget, what they do not tell is said, and they are part
of a plan and no machine by themselves.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import llmprobe
from llmprobe.errors import UsageError
from llmprobe.facts import wire
from llmprobe.facts.answer import Answer, Platform
from llmprobe.facts.fleet import FleetRecommendation
from llmprobe.facts.machine import EngineOnMachine
from llmprobe.facts.remote import RpcDevice, RpcServer, as_answer, of_answer
from llmprobe.source.recording import Recording, encode
from llmprobe.tasks.fit import wishes_of
from llmprobe.tasks.fleet.asking import asked
from llmprobe.tasks.fleet.check import fleet
from llmprobe.tasks.fleet.fit import fit_each
from llmprobe.tasks.fleet.hosts import Named, seen
from llmprobe.tasks.fleet.listening import by_address, look, recorded
from llmprobe.tasks.fleet.seen import Seen
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.tasks.fleet.programs import recording

BOX, LAPTOP = "linux-4090-64g", "linux-4060laptop-8g-32g"
ADDRESS = "10.0.0.2:50099"


def card(free_gib: float, total_gib: float = 24) -> RpcDevice:
    free, total = round(free_gib * GIB), round(total_gib * GIB)
    return RpcDevice(free_bytes=free, total_bytes=total, align=128, largest_bytes=None)


def processor(free_gib: float, total_gib: float = 64) -> RpcDevice:
    return RpcDevice(
        free_bytes=round(free_gib * GIB), total_bytes=round(total_gib * GIB), align=32, largest_bytes=None
    )


def server(*devices: RpcDevice, version: tuple[int, int, int] = (8, 0, 0)) -> RpcServer:
    return RpcServer(outcome="ok", version=version, devices=devices)


def member(given: str, answer: RpcServer | None = None) -> Seen:
    """A server as it is given, and what it answers; one with a size is not asked."""

    def ask(host: str, port: int) -> RpcServer:
        assert answer is not None, f"{host}:{port} is not to be asked"
        return answer

    (servers,) = by_address([given])
    return look(servers, ask)


def machine(name: str, build: str | None = None) -> Seen:
    found = llmprobe.probe(recording(name))
    if build is not None:
        engine = EngineOnMachine(name="llama.cpp", installed=True, version=build)
        found = msgspec.structs.replace(found, engines=(engine,))
    return Seen(name=name, origin="recording", machine=found)


def recommended(model: str, seen: Sequence[Seen], **wishes: Any) -> FleetRecommendation:
    return asked(llmprobe.load_model(model), seen, ctx_size=8192, **wishes)


def test_what_a_server_tells_is_its_budget() -> None:
    """Two cards have what is free on each, with what is in use in between; the protocol's version is kept."""
    (host,) = fleet([member(ADDRESS, server(card(20), card(8, 12)))]).hosts

    assert (host.name, host.origin, host.answered, host.protocol) == (ADDRESS, "rpc-server", True, "8.0.0")
    assert host.machine is not None
    assert [(pool.total_bytes, pool.budget_bytes, pool.limits[0].bytes) for pool in host.machine.pools] == [
        (24 * GIB, 20 * GIB, 4 * GIB),
        (12 * GIB, 8 * GIB, 4 * GIB),
    ]
    assert host.machine.cpu is None


def test_servers_are_like_none() -> None:
    """Of two that tell the same it is not known whether they are."""
    hosts = fleet([member("a:1", server(card(20))), member("b:1", server(card(20)))]).hosts

    assert [host.like for host in hosts] == [None, None]


def test_what_the_protocol_does_not_tell_is_unknown_and_said() -> None:
    """A card without a name has no bandwidth, and a note asks for its name; with a name it has that of the table."""
    unnamed = fleet([member(ADDRESS, server(card(20)))])
    named = fleet([member(f"{ADDRESS}=RTX 3090", server(card(20)))])

    (one,), (other,) = (
        host.machine.accelerators for host in (unnamed.hosts[0], named.hosts[0]) if host.machine
    )
    assert (one.name, one.bandwidth_bytes_per_s, one.compute_capability) == ("", None, None)
    assert (other.name, other.bandwidth_bytes_per_s) == ("NVIDIA GeForce RTX 3090", 936_000_000_000)
    assert message("fleet.rpc-unnamed", address=ADDRESS) in unnamed.notes
    assert named.notes == ()


def test_what_is_free_of_a_processor_is_not_known() -> None:
    """Where all of its memory is said to be free; a note asks for it, and what is given is taken without a question."""
    everything = fleet([member(ADDRESS, server(processor(64)))])
    given = fleet([member(f"{ADDRESS}=16GiB:cpu")])

    assert [
        pool.budget_bytes for host in everything.hosts if host.machine for pool in host.machine.pools
    ] == [None]
    assert message("fleet.rpc-all-memory", address=ADDRESS) in everything.notes
    assert [pool.budget_bytes for host in given.hosts if host.machine for pool in host.machine.pools] == [
        16 * GIB
    ]
    assert given.notes == ()


@pytest.mark.parametrize(
    ("answer", "problem", "remedy"),
    [
        (RpcServer(outcome="unresolved"), "error.rpc-unresolved", "hint.rpc-address"),
        (RpcServer(outcome="refused"), "error.rpc-refused", "hint.rpc-start"),
        (RpcServer(outcome="unreachable"), "error.rpc-unreachable", "hint.rpc-address"),
        (RpcServer(outcome="silent"), "error.rpc-silent", "hint.rpc-size"),
        (RpcServer(outcome="closed"), "error.rpc-closed", "hint.rpc-address"),
        (RpcServer(outcome="closed", version=(3, 6, 1)), "error.rpc-closed", "hint.rpc-address"),
        (RpcServer(outcome="foreign"), "error.rpc-foreign", "hint.rpc-address"),
        (RpcServer(outcome="ok", version=(8, 0, 0)), "error.rpc-no-devices", "hint.rpc-start"),
        (RpcServer(outcome="ok", version=(9, 0, 0)), "error.rpc-version", "hint.rpc-version"),
        (RpcServer(outcome="ok", version=(8, 1, 0)), "error.rpc-version", "hint.rpc-version"),
    ],
)
def test_a_server_that_tells_nothing_is_named_with_what_to_do(
    answer: RpcServer, problem: str, remedy: str
) -> None:
    """It did not answer, and the others are not held up."""
    answered, failed = fleet([member("a:1", server(card(20))), member(ADDRESS, answer)]).hosts

    assert answered.answered
    assert not failed.answered
    assert failed.problem is not None
    assert failed.remedy is not None
    assert (failed.problem.id, failed.remedy.id) == (problem, remedy)


def test_a_wrong_name_is_said_of_its_server_alone() -> None:
    """An RTX 3090 with 12 GiB is none."""
    (host,) = fleet([member(f"{ADDRESS}=RTX 3090", server(card(8, 12)))]).hosts

    assert host.problem is not None
    assert host.problem.id == "error.rpc-other-card"


def test_a_server_is_named_once_or_with_a_size_for_each_device() -> None:
    """Asked twice, its devices would count twice."""
    (two,) = by_address(["a:1=8GiB", "a:1=4GiB:cpu"])
    found = look(two, lambda host, port: pytest.fail(f"{host}:{port} is not to be asked"))

    assert [(one.by, one.budget_bytes) for one in found.serving] == [("cuda", 8 * GIB), ("cpu", 4 * GIB)]
    for given in (["a:1", "a:1"], ["a:1=8GiB", "a:1"], ["a:1=RTX 3090", "a:1=8GiB"]):
        with pytest.raises(UsageError) as refused:
            by_address(given)
        assert refused.value.message == message("error.rpc-twice", address="a:1")


def test_a_plan_uses_running_servers_and_starts_none() -> None:
    """
    40 GiB of weights lie on a card of 24 and one behind a server; nothing is typed there, it is no machine alone, and
    nothing is over what either has.
    """
    server_there = member(f"{ADDRESS}=RTX 4090", server(card(23.5)))
    answer = recommended("llama3-70b", [machine(BOX), server_there], quants="Q4_K_M", link="10GbE")

    assert [one.host for one in answer.alone] == [BOX]
    plan = answer.together
    assert plan is not None
    assert plan.worth
    running, main = plan.hosts
    assert (running.host, running.commands, running.devices) == (ADDRESS, (), ("rpc0",))
    assert (main.host, main.main) == (BOX, True)
    assert all(line.endswith(f" --rpc {ADDRESS}") for line in main.commands)
    totals = {one.id: one.total_bytes for one in plan.choice.devices}
    assert 12 * GIB < totals["rpc0"] <= 23.5 * GIB - 512 * 1024 * 1024
    assert totals["gpu0"] > 12 * GIB
    assert "fleet.addresses" not in {one.id for one in answer.notes}


def test_a_plan_with_a_server_is_that_of_the_same_card_over_ssh() -> None:
    """What a named card behind a server is worth is what the same machine is worth that was probed."""
    there = llmprobe.probe(recording(BOX))
    free = next(pool.budget_bytes for pool in there.pools if pool.id == "vram0")
    assert free is not None
    as_told = member(f"{ADDRESS}=RTX 4090", server(card(free / GIB, 23.99)))
    plans = [
        recommended("llama3-70b", [machine(BOX), other], quants="Q4_K_M", link="10GbE").together
        for other in (Seen(name="other", origin="ssh", machine=there), as_told)
    ]

    assert plans[0] is not None
    assert plans[1] is not None
    probed, told = plans[0].choice, plans[1].choice
    assert probed.devices == told.devices
    assert probed.speed.generation_tokens_per_s == told.speed.generation_tokens_per_s


def test_a_speed_without_a_name_is_a_range_and_says_why() -> None:
    """The bandwidth is that of cards with so much memory, in a wider range; naming the card is the remedy."""
    main = machine(BOX)
    plans = [
        recommended("llama3-70b", [main, member(given, server(card(23.5)))], quants="Q4_K_M").together
        for given in (ADDRESS, f"{ADDRESS}=RTX 4090")
    ]
    assert plans[0] is not None
    assert plans[1] is not None
    blind, known = (plan.choice.speed.generation_tokens_per_s for plan in plans if plan)

    assert blind is not None
    assert known is not None
    assert blind.high / blind.low > known.high / known.low
    said = next(one for one in plans[0].warnings if one.id == "note.bandwidth-assumed")
    assert said.values["device"] == ADDRESS
    assert said.values["remedy"] == message("remedy.rpc-card", address=ADDRESS)
    assert "note.bandwidth-assumed" not in {one.id for one in plans[1].warnings}


def test_a_processor_of_unknown_memory_is_not_planned_with() -> None:
    """Nothing lies there until it is given; then its layers are as slow as the RAM is assumed to be, and it is said."""
    main = machine(LAPTOP)
    unknown = recommended("llama3-70b", [main, member(ADDRESS, server(processor(64)))], quants="Q4_K_M")
    given = recommended("llama3-70b", [main, member(f"{ADDRESS}=60GiB:cpu")], quants="Q4_K_M")

    assert unknown.together is None
    assert given.together is not None
    assert {one.id for one in given.together.warnings} >= {"fleet.by-processor", "fleet.rpc-ram"}


def test_servers_alone_are_no_machine() -> None:
    """Nothing runs the program that would ask them."""
    answer = recommended("qwen3-8b", [member(ADDRESS, server(card(23.5)))])

    assert (answer.best, answer.together, answer.alone) == (None, None, ())
    assert message("fleet.rpc-no-main") in answer.notes


def test_servers_of_unlike_protocols_are_in_no_plan_together() -> None:
    """One program talks to one of them; which needs another build than b11549 says so."""
    old = member("10.0.0.3:50052=RTX 4090", server(card(23.5), version=(7, 0, 1)))
    new = member(f"{ADDRESS}=RTX 4090", server(card(20), version=(8, 0, 0)))
    both = member("10.0.0.4:50052=RTX 4090", server(card(20), version=(7, 0, 1)))
    answer = recommended("llama3-70b", [machine(BOX), old, new], quants="Q6_K")
    alike = recommended("llama3-70b", [machine(BOX), old, both], quants="Q6_K")

    assert message("fleet.rpc-unlike", versions=("7.0.1", "8.0.0")) in answer.notes
    assert answer.together is not None
    assert alike.together is not None
    assert (len(answer.together.hosts), len(alike.together.hosts)) == (2, 3)
    only_old = recommended("llama3-70b", [machine(BOX), old], quants="Q4_K_M").together
    assert only_old is not None
    assert "fleet.rpc-protocol" in {one.id for one in only_old.warnings}


def test_a_build_that_refuses_a_server_is_not_planned_with_it() -> None:
    """b11549 speaks 8.0; of another build it is not known, and said."""
    old = member(f"{ADDRESS}=RTX 4090", server(card(23.5), version=(7, 0, 1)))
    new = member(f"{ADDRESS}=RTX 4090", server(card(23.5)))

    def plan(main: Seen, other: Seen) -> set[str] | None:
        found = recommended("llama3-70b", [main, other], quants="Q4_K_M").together
        return None if found is None else {one.id for one in found.warnings}

    ours, another = machine(BOX, "b11549"), machine(BOX, "b9000")
    assert plan(ours, old) is None
    assert plan(ours, new) == {"warning.rpc-open"}
    assert plan(another, old) == {"warning.rpc-open", "fleet.rpc-protocol"}
    assert plan(another, new) == {"warning.rpc-open", "fleet.rpc-main-build"}


def test_what_serves_by_itself_does_not_count_rpc_servers() -> None:
    """Another engine is planned on the machines that were seen, and a note says that rpc-servers are llama.cpp's."""
    seen = [machine(BOX), member(f"{ADDRESS}=RTX 4090", server(card(23.5)))]
    answer = recommended("qwen3-8b", seen, engine="vllm")

    assert [one.host for one in answer.alone] == [BOX]
    assert answer.together is None
    assert message("fleet.rpc-not-served", engine="vllm") in answer.notes


def test_a_server_fits_nothing_by_itself() -> None:
    """It is listed with the reason."""
    seen = [machine(BOX), member(ADDRESS, server(card(23.5)))]
    answer = fit_each(seen, wishes_of(use="embedding", top=1), workers=1)

    assert [bool(one.rows) for one in answer.hosts] == [True, False]
    assert answer.hosts[1].problem == message("fleet.fit-rpc")


def test_the_document_is_read_back() -> None:
    """Version and devices are in the JSON of fleet check."""
    answer = fleet([member(ADDRESS, server(card(20))), member("a:1", RpcServer(outcome="silent"))])

    assert wire.decode(wire.encode(answer), type(answer)) == answer


def test_a_recording_keeps_what_servers_told(tmp_path: Path) -> None:
    """
    Written and read back, each is the machine that it was when it was asked, with the card that was given, or says why
    not; a text that is no server's is said to be none.
    """
    answers = {
        "a:1=RTX 3090": server(card(20)),
        "b:2:rocm": server(card(20), version=(3, 6, 1)),
        "c:3": RpcServer(outcome="silent"),
    }
    written = Recording(
        platform=Platform(system="linux", machine="x86_64"),
        answers={("rpc", given): as_answer(answer) for given, answer in answers.items()},
    )
    path = tmp_path / "box.json"
    path.write_text(encode(written), encoding="utf-8")

    box, *found = seen(Named(recordings=(str(path),)))
    assert box.origin == "recording"
    assert found == [member(given, answer) for given, answer in answers.items()]
    assert [one.protocol for one in found] == ["8.0.0", "3.6.1", None]
    (none,) = recorded({("rpc", "nothing"): as_answer(answers["c:3"])})
    assert none.problem is not None
    assert none.problem.id == "error.rpc-not-a-device"


@pytest.mark.parametrize(
    "changed",
    [
        {"devices": [{"free_bytes": -1, "total_bytes": 1, "align": 1, "largest_bytes": None}]},
        {"devices": [{"free_bytes": 1, "total_bytes": 1 << 51, "align": 1, "largest_bytes": None}]},
        {"devices": [{"free_bytes": 1, "total_bytes": 1, "align": 1, "largest_bytes": None}] * 65},
        {"version": [8, 0]},
        {"version": [8, 0, 256]},
        {"outcome": "fine"},
    ],
)
def test_an_answer_that_no_server_gives_is_no_recording(changed: dict[str, Any], tmp_path: Path) -> None:
    """One sentence names the file; where it is no answer of the server at all, the server tells nothing."""
    value = {**msgspec.to_builtins(server(card(20))), **changed}
    written = Recording(
        platform=Platform(system="linux", machine="x86_64"), answers={("rpc", "a:1"): Answer(value=value)}
    )
    path = tmp_path / "box.json"
    path.write_text(encode(written), encoding="utf-8")

    (found,) = seen(Named(recordings=(str(path),)))
    assert found.problem is not None
    assert found.problem.id == "recording.invalid"
    assert of_answer(Answer(status="timeout", value=value)) == RpcServer(outcome="unreachable")


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("ok", "ok"),
        ("refused", "missing"),
        ("unresolved", "missing"),
        ("silent", "timeout"),
        ("foreign", "failed"),
    ],
)
def test_an_answer_has_the_status_of_every_source(outcome: Any, status: str) -> None:
    """Nothing there, too slow and failed are different answers; what was seen comes back whole."""
    found = RpcServer(outcome=outcome, version=(8, 0, 0))

    assert as_answer(found).status == status
    assert of_answer(as_answer(found)) == found
