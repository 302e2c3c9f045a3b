"""
Limits of the shell and of the kernel that a choice runs into, and what its verdict then says.
"""

import msgspec
import pytest

from llmprobe.advise.explain.hurdles import Hurdle, behind, hurdle
from llmprobe.advise.recommend import recommend
from llmprobe.facts.estimate import DeviceEstimate
from llmprobe.facts.host import HostMemory, ProcessLimits, StrictOvercommit
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Wishes
from llmprobe.machine.rules import host_memory
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, machine, model
from tests.advise.messages import inner


def holding(name: str, weights: int, others: int) -> DeviceEstimate:
    """
    A device with weights and compute buffers.
    """
    return DeviceEstimate(
        id=name,
        weights_bytes=weights,
        cache_bytes=0,
        compute_bytes=others,
        output_bytes=0,
        overhead_bytes=0,
        total_bytes=weights + others,
    )


def limited(memory: HostMemory) -> Snapshot:
    """
    A machine with a GPU of 24 GiB and these facts of its host's memory, with the findings that follow.
    """
    base = machine((24,))
    snapshot = msgspec.structs.replace(base, host=msgspec.structs.replace(base.host, memory=memory))
    rules = (host_memory.address_space, host_memory.strict_overcommit)
    return msgspec.structs.replace(snapshot, findings=tuple(one for rule in rules for one in rule(snapshot)))


DEVICES = (holding("host", 1000, 50), holding("gpu0", 4000, 200))


@pytest.mark.parametrize(("limit", "stops"), [(5249, True), (5250, False), (None, False)])
def test_all_that_is_loaded_is_mapped(limit: int | None, stops: bool) -> None:
    """
    1,050 bytes on the host and 4,200 on the card are 5,250.
    """
    snapshot = limited(
        HostMemory(process_limits=ProcessLimits(address_space_bytes=limit, evidence=("read:limits",)))
    )
    wanted = (
        Hurdle("address-space-limit", message("hurdle.address-space"), "ulimit -v unlimited")
        if stops
        else None
    )

    assert hurdle(snapshot, DEVICES, mmap=True) == wanted


@pytest.mark.parametrize(
    ("committed", "mmap", "stops"),
    [(9949, True, False), (9951, True, True), (9949, False, True), (8950, False, False), (20000, True, True)],
)
def test_a_mapped_file_is_not_committed(committed: int, mmap: bool, stops: bool) -> None:
    """
    Of a limit of 10,000 bytes the host needs 50 where its 1,000 of weights are mapped, else 1,050.
    """
    strict = StrictOvercommit(limit_bytes=10_000, committed_bytes=committed, evidence=("read:meminfo",))
    found = hurdle(limited(HostMemory(strict_overcommit=strict)), DEVICES, mmap=mmap)

    assert (None if found is None else found.finding) == ("no-swap-overcommit2" if stops else None)
    assert found is None or found.command == "sudo sysctl vm.overcommit_memory=0"


def test_what_is_not_known_is_no_hurdle() -> None:
    """
    Strict accounting without its figures may leave enough.
    """
    strict = StrictOvercommit(limit_bytes=None, committed_bytes=5, evidence=())

    assert hurdle(limited(HostMemory(strict_overcommit=strict)), DEVICES, mmap=True) is None


def test_a_recommendation_says_it_first() -> None:
    """
    The verdict of the choice stays, behind what keeps it from starting.
    """
    limits = ProcessLimits(address_space_bytes=1 << 30, evidence=("read:limits",))
    spec = model("llama", LLAMA_8B)
    free = recommend(spec, machine((24,)), Wishes(ctx_size=4096), {})
    bound = recommend(spec, limited(HostMemory(process_limits=limits)), Wishes(ctx_size=4096), {})

    assert bound.verdict is not None
    assert bound.verdict.id == "verdict.after-remedy"
    assert bound.verdict.values["command"] == "ulimit -v unlimited"
    assert inner(bound.verdict, "then") == free.verdict
    assert bound.choices[0].verdict == bound.verdict


def test_without_a_hurdle_a_verdict_is_as_it_was() -> None:
    """
    Nothing is put before it.
    """
    assert behind(None, message("verdict.good")) == message("verdict.good")
