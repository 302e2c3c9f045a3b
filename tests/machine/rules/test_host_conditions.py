"""
Each condition of the rules about hosts by itself: with it the finding is made, without it it is not.
"""

from typing import Any

import pytest

from llmprobe.facts.host import (
    ControlGroup,
    CpuQuota,
    CpuSet,
    Disagreement,
    GroupMemory,
)
from llmprobe.facts.machine import (
    Cpu,
    Snapshot,
)
from llmprobe.facts.vendors import Apple, WorkingSet
from llmprobe.words.message import Message, message
from tests.machine.fake import GIB
from tests.machine.rules.records import (
    ASKED,
    card,
    commands,
    found,
    in_use,
    machine,
    only,
    pool,
    severity,
)

GPU = card(vendor="apple", backend="metal", pools=("ram",), integrated=True)
SHARED = pool("ram", 64, kind="unified", limits=(in_use(16, "working-set"),))


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (machine(GPU, pools=(SHARED,)), "note"),
        (machine(GPU, pools=()), None),
        (machine(card(), pools=(SHARED, pool())), None),
        (machine(card(pools=("ram",), usable=False), pools=(SHARED,)), None),
    ],
)
def test_shared_memory_is_one_that_a_usable_gpu_has_too(snapshot: Snapshot, expected: str | None) -> None:
    """A card of its own, a GPU that cannot be used, or a host of unknown memory share nothing."""
    assert severity(snapshot, "unified-pool") == expected


@pytest.mark.parametrize(
    ("accelerator", "memory", "expected"),
    [
        (GPU, SHARED, True),
        (card(), SHARED, False),
        (GPU, pool("ram", 64), False),
        (GPU, pool("ram", 64, limits=(in_use(0, "working-set"),)), False),
        (GPU, pool("ram", None, limits=(in_use(16, "working-set"),)), False),
        (GPU, None, False),
    ],
)
def test_a_macs_limit_is_said_where_there_is_one(accelerator: Any, memory: Any, *, expected: bool) -> None:
    """Of known memory, of more than nothing, and on a Mac."""
    pools = () if memory is None else (memory,)

    here, asahi = (machine(accelerator, pools=pools, host={"system": name}) for name in ("darwin", "linux"))

    assert bool(found(here, "mac-wired-limit")) is expected
    assert found(asahi, "mac-wired-limit") == []


@pytest.mark.parametrize(
    ("gib", "command"), [(64, ("sudo sysctl iogpu.wired_limit_mb=57344",)), (16, ()), (4, ())]
)
def test_a_macs_limit_leaves_8_gib(gib: int, command: tuple[str, ...]) -> None:
    """Where that is no more than half of all there is no command."""
    memory = pool("ram", gib, kind="unified", limits=(in_use(1, "working-set"),))
    apple = Apple(working_set=WorkingSet(bytes=1, evidence=("metal:",)))
    plain, known = (
        machine(GPU, pools=(memory,), apple=one, host={"system": "darwin"}) for one in (None, apple)
    )

    assert commands(only(plain, "mac-wired-limit")) == command
    assert only(plain, "mac-wired-limit").evidence == ASKED
    assert only(known, "mac-wired-limit").evidence == ("metal:",)


@pytest.mark.parametrize(("translated", "expected"), [(True, "warning"), (False, None), (None, None)])
def test_a_translated_python_is_warned_of(translated: bool | None, expected: str | None) -> None:
    """What is unknown is not one."""
    assert severity(machine(apple=Apple(translated=translated)), "mac-rosetta") == expected
    assert severity(machine(), "mac-rosetta") is None


@pytest.mark.parametrize(
    ("vendor", "usable", "environment", "expected"),
    [
        ("apple", False, "vm", "warning"),
        ("nvidia", False, "vm", None),
        ("apple", True, "vm", None),
        ("apple", False, "bare", None),
    ],
)
def test_a_virtual_mac_has_no_metal(
    vendor: str, usable: bool, environment: str, expected: str | None
) -> None:
    """A Mac's GPU that is not usable in a virtual machine."""
    snapshot = machine(card(vendor=vendor, usable=usable), host={"environment": environment})

    assert severity(snapshot, "mac-vm") == expected


def limited(**fields: Any) -> ControlGroup:
    return ControlGroup(memory=GroupMemory(limit_bytes=GIB, left_bytes=GIB, evidence=("cgroup",), **fields))


@pytest.mark.parametrize(
    ("group", "memory", "expected"),
    [
        (limited(), pool("ram", 64), "warning"),
        (limited(), pool("ram", None), "warning"),
        (limited(), None, None),
        (ControlGroup(), pool("ram", 64), None),
        (None, pool("ram", 64), None),
    ],
)
def test_a_limit_of_a_container_is_said(group: Any, memory: Any, expected: str | None) -> None:
    """Also where the host's own memory is unknown, but not where nothing is known of it."""
    snapshot = machine(pools=() if memory is None else (memory,), host={"control_group": group})

    assert severity(snapshot, "container-ram") == expected


@pytest.mark.parametrize(("slows", "name"), [(True, "slowed"), (False, "killed")])
def test_a_limit_slows_down_or_kills(slows: bool, name: str) -> None:
    """The detail says which."""
    detail = only(machine(host={"control_group": limited(slows_down=slows)}), "container-ram").detail

    assert detail.id == f"finding.container-ram.detail-{name}"


@pytest.mark.parametrize(
    ("usable", "logical", "expected"),
    [(4, 8, "warning"), (8, 8, None), (9, 8, None), (None, 8, None), (4, None, None)],
)
def test_fewer_threads_than_the_processor_has(
    usable: int | None, logical: int | None, expected: str | None
) -> None:
    """Only where both are known."""
    cpu = Cpu(usable_threads=usable, logical_cores=logical, evidence=ASKED)

    assert severity(machine(host={"cpu": cpu}), "cpu-quota") == expected


@pytest.mark.parametrize(
    ("group", "cores", "evidence", "threads"),
    [
        (None, None, ASKED, 4),
        (ControlGroup(), 2, ASKED, 2),
        (ControlGroup(cpu_quota=CpuQuota(processors=4, evidence=("quota",))), 2, ("quota",), 2),
        (ControlGroup(cpu_set=CpuSet(processors=4, evidence=("set",))), None, ("set",), 4),
    ],
)
def test_a_quota_cites_what_sets_it(
    group: ControlGroup | None, cores: int | None, evidence: tuple[str, ...], threads: int
) -> None:
    """The threads of the command are the cores behind those that may run."""
    cpu = Cpu(usable_threads=4, usable_cores=cores, logical_cores=8, evidence=ASKED)
    finding = only(machine(host={"cpu": cpu, "control_group": group}), "cpu-quota")

    assert finding.evidence == evidence
    assert commands(finding) == (f"llama-server --threads {threads} …",)


@pytest.mark.parametrize(
    ("kind", "environment", "expected"),
    [
        ("x86_64", "vm", (None, "warning")),
        ("AMD64", "bare", ("warning", None)),
        ("x86_64", None, ("warning", None)),
        ("aarch64", "vm", (None, None)),
    ],
)
def test_missing_avx2_is_the_processors_or_the_virtual_machines(
    kind: str, environment: str | None, expected: tuple[str | None, str | None]
) -> None:
    """Of x86 alone."""
    cpu = Cpu(instruction_sets=("sse4_2",))
    snapshot = machine(host={"machine": kind, "environment": environment, "cpu": cpu})

    assert (severity(snapshot, "no-avx2"), severity(snapshot, "vm-hides-avx")) == expected
    for finding in (*found(snapshot, "no-avx2"), *found(snapshot, "vm-hides-avx")):
        assert finding.evidence == ("cpuinfo:",)


@pytest.mark.parametrize(
    ("disagreement", "title", "values"),
    [
        (
            Disagreement(of="host-memory", sizes_bytes=(1, 2), evidence=ASKED),
            message("finding.sources-disagree.title-memory"),
            message("finding.sources-disagree.detail-sizes", first_bytes=1, second_bytes=2),
        ),
        (
            Disagreement(of="device-memory", device="a", sizes_bytes=(1, 2), evidence=ASKED),
            message("finding.sources-disagree.title-size", device="a"),
            message("finding.sources-disagree.detail-sizes", first_bytes=1, second_bytes=2),
        ),
        (
            Disagreement(of="device-name", device="a", names=("x", "y"), evidence=ASKED),
            message("finding.sources-disagree.title-name", device="a"),
            message("finding.sources-disagree.detail", first="x", second="y"),
        ),
    ],
)
def test_what_sources_say_is_set_side_by_side(
    disagreement: Disagreement, title: Message, values: Message
) -> None:
    """The first, which is used, before the second."""
    empty = Disagreement(of="device-name", device="b", evidence=ASKED)
    finding = only(machine(disagreements=(empty, disagreement)), "sources-disagree")

    assert (finding.title, finding.detail) == (title, values)
