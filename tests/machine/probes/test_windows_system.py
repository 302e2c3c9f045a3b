"""
Memory, processor and memory modules on Windows, as the probes that know them everywhere see them.
"""

from typing import Any

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.snapshot import collect
from tests.machine.fake import GIB
from tests.machine.probes.test_windows import source

BIOS = r"registry:HKLM\HARDWARE\DESCRIPTION\System\BIOS"


def module(locator: str, **changes: str) -> dict[str, str]:
    fields = {"PRESENT": "1", "SIZE": str(16 * GIB), "LOCATOR": locator, "TYPE": "DDR5", "SPEED_MTS": "5600"}
    return {**fields, "CONFIGURED_SPEED_MTS": "5200", "DATA_WIDTH": "64", **changes}


def seen(**answers: Any) -> Snapshot:
    """
    Return a Windows of 32 GiB, 24 of them available, with these answers of its libraries.
    """
    return collect(source({f"winapi:{name.replace('_', '-')}": value for name, value in answers.items()}))


def test_the_commit_limit_is_the_most() -> None:
    """
    24 GiB are available, and Windows promises 40 - 30 more: that is the budget, and a warning.
    """
    snapshot = seen(memory={"CommitLimit": 40 * GIB, "CommitTotal": 30 * GIB})
    pool = snapshot.pool("ram")

    assert pool is not None
    assert (pool.free_bytes, pool.budget_bytes) == (24 * GIB, 10 * GIB)
    assert snapshot.host.memory.commit is not None
    assert (snapshot.host.memory.commit.limit_bytes, snapshot.host.memory.commit.promised_bytes) == (
        40 * GIB,
        30 * GIB,
    )
    assert "commit-limit" in {finding.id for finding in snapshot.findings}


def test_more_promises_than_memory_limit_nothing() -> None:
    """
    With a page file the limit is above what is available: no cap and no finding.
    """
    snapshot = seen(memory={"CommitLimit": 64 * GIB, "CommitTotal": 40 * GIB})
    pool = snapshot.pool("ram")

    assert pool is not None
    assert pool.budget_bytes == 24 * GIB
    assert [limit.by for limit in pool.limits] == ["in-use"]
    assert "commit-limit" not in {finding.id for finding in snapshot.findings}


def test_promises_beyond_the_limit_leave_nothing() -> None:
    """
    Never less than nothing.
    """
    pool = seen(memory={"CommitLimit": GIB, "CommitTotal": 2 * GIB}).pool("ram")

    assert pool is not None
    assert pool.budget_bytes == 0


def test_an_unknown_commit_limit_is_no_limit() -> None:
    """
    Half an answer is none.
    """
    assert seen(memory={"CommitLimit": 40 * GIB}).host.memory.commit is None
    assert seen(memory={"CommitLimit": 0, "CommitTotal": 1}).host.memory.commit is None


def test_windows_tells_what_its_registry_does_not() -> None:
    """
    The registry names no AVX; Windows' own function does, and both together are the instruction sets.
    """
    cpu = seen(processor=["sse4_2", "avx", "avx512f"]).host.cpu

    assert cpu.instruction_sets == ("avx", "avx2", "avx512f", "sse4_2")
    assert "winapi:processor" in cpu.evidence
    assert "winapi:processor" not in seen(processor=Answer(status="failed")).host.cpu.evidence


def test_the_firmwares_modules_make_the_bus() -> None:
    """
    Two channels of 64 bits at 5,200 MT/s are 83.2 GB/s; an empty place counts as a slot.
    """
    modules = [module("DIMM_A1"), {"PRESENT": "0"}, module("DIMM_B1")]
    host = seen(memory_modules={"sockets": 1, "modules": modules}).host

    assert host.ram_bandwidth_bytes_per_s == 83_200_000_000
    assert host.memory.modules is not None
    assert (host.memory.modules.count, host.memory.modules.slots, host.memory.modules.kind) == (2, 3, "DDR5")
    assert host.memory.modules.installed_bytes == 32 * GIB
    assert host.memory.modules.evidence == ("winapi:memory-modules",)


def test_without_modules_the_rate_is_unknown() -> None:
    """
    An empty list, and one of empty places, say nothing of the memory's rate.
    """
    for modules in ([], [{"PRESENT": "0"}], [None, 7]):
        host = seen(memory_modules={"modules": modules}).host
        assert host.memory.modules is None
        assert host.ram_bandwidth_bytes_per_s is None


def test_a_maker_may_tell_a_virtual_machine() -> None:
    """
    "Virtual Machine" is Hyper-V's product; others are told by their maker.
    """
    named = collect(
        source({f"{BIOS} SystemManufacturer": "QEMU", f"{BIOS} SystemProductName": "Standard PC"})
    )

    assert named.host.environment == "vm"
    assert collect(source({f"{BIOS} SystemManufacturer": "ASUS"})).host.environment is None
