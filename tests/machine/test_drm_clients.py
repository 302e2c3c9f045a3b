"""
The programs that hold memory of a card, by the lines of the kernel about their open device files.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import Holder, Limit
from llmprobe.machine.asking import Asker
from llmprobe.machine.drm_clients import QUESTION, Client, ask_clients, parse_clients, together
from tests.machine.fake import GIB, MIB, FakeSource
from tests.machine.probes.test_amd import machine, radeon
from tests.machine.probes.test_amd import seen as amd_seen
from tests.machine.probes.test_intel import battlemage
from tests.machine.probes.test_intel import seen as intel_seen

CARD = "0000:03:00.0"


def lines(pid: int, file: int, client: int, *sizes: str, address: str = CARD) -> str:
    """
    The lines that grep prints for one open file: its device, its client, and these lines of memory.
    """
    start = f"/proc/{pid}/fdinfo/{file}:drm-"
    keys = (f"pdev:\t{address}", f"client-id:\t{client}", *sizes)
    return "".join(f"{start}{key}\n" for key in keys)


def output(text: str) -> dict[str, Any]:
    return {QUESTION: {"exit": 1, "stdout": text, "stderr": "find: '/proc/1/fdinfo': Permission denied\n"}}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (("memory-vram:\t2048 KiB", "memory-gtt:\t99 KiB"), 2 * MIB),
        (("resident-vram:\t3 MiB", "memory-vram:\t2 MiB", "total-vram:\t5 MiB"), 3 * MIB),
        (("total-vram0:\t1 GiB", "total-vram1:\t1 GiB"), 2 * GIB),
        (("resident-local0:\t512 KiB", "total-system0:\t9 GiB"), 512 * 1024),
        (("memory-vram:\t77",), 77),
        (("memory-vram:\t0 KiB",), None),
        (("memory-gtt:\t5 KiB", "memory-cpu:\t5 KiB"), None),
        (("memory-vram:\tmany KiB",), None),
        ((), None),
    ],
)
def test_memory_of_a_card_is_what_lies_in_it(sizes: tuple[str, ...], expected: int | None) -> None:
    """Of amdgpu and xe, VRAM, of i915 local memory; a region by what is resident, or its older name, or the total."""
    found = parse_clients(lines(7, 3, 1, *sizes))

    assert found == (
        () if expected is None else (Client(pid=7, address=CARD, client="1", used_bytes=expected),)
    )


def test_a_client_counts_once_for_a_process() -> None:
    """One file is often open under several numbers; two clients of a process are added, and so are two cards apart."""
    text = (
        lines(7, 3, 1, "memory-vram:\t10 MiB")
        + lines(7, 4, 1, "memory-vram:\t10 MiB")
        + lines(7, 5, 2, "memory-vram:\t5 MiB")
        + lines(9, 3, 3, "memory-vram:\t90 MiB")
        + lines(9, 8, 4, "memory-vram:\t1 MiB", address="0000:41:00.0")
        + "/proc/9/fdinfo/9:drm-driver:\tamdgpu\nnonsense\n"
    )
    names = {"read:/proc/7/comm": "Xorg\n", "read:/proc/9/comm": "llama-server\n"}
    found = ask_clients(Asker(FakeSource(output(text) | names)))

    assert found == {
        CARD: (
            Holder(pid=9, name="llama-server", used_bytes=90 * MIB),
            Holder(pid=7, name="Xorg", used_bytes=15 * MIB),
        ),
        "0000:41:00.0": (Holder(pid=9, name="llama-server", used_bytes=MIB),),
    }
    assert ask_clients(Asker(FakeSource({}))) == {}


def test_two_counts_of_a_process_are_one() -> None:
    """What computes is told by the compute driver too: the larger figure counts."""
    one = (Holder(pid=1, used_bytes=5), Holder(pid=2, used_bytes=9))
    other = (Holder(pid=1, used_bytes=7), Holder(pid=3, used_bytes=1))

    assert [(each.pid, each.used_bytes) for each in together(one, other)] == [(2, 9), (1, 7), (3, 1)]


def test_a_radeon_names_who_draws_on_it() -> None:
    """Of 6 GiB in use 4 belong to a program that only draws, as the compute driver does not tell."""
    text = lines(7, 3, 1, f"memory-vram:\t{4 * 1024 * 1024} KiB")
    answers = machine(radeon(used=6 * GIB)) | output(text) | {"read:/proc/7/comm": "blender\n"}
    pool = amd_seen(answers).pool("vram0")

    assert pool is not None
    assert [(each.name, each.used_bytes) for each in pool.held_by] == [("blender", 4 * GIB)]
    assert [(limit.by, limit.bytes) for limit in pool.limits] == [("processes", 4 * GIB), ("in-use", 2 * GIB)]
    assert pool.free_bytes == 18 * GIB


@pytest.mark.parametrize(
    ("held", "budget"), [(0, 11360), (1000, 10360), (11361, 0), (12000, 0), (13000, 11360)]
)
def test_an_arc_has_less_where_programs_hold_some(held: int, budget: int) -> None:
    """
    Of 12,216 MiB 855 are kept (7 percent); more than there is is not believed.
    """
    card = battlemage() | output(lines(7, 3, 1, f"resident-vram0:\t{held} MiB"))
    pool = intel_seen(card).pool("vram0")

    assert pool is not None
    assert (pool.budget_bytes or 0) // MIB == budget
    assert pool.free_bytes is None
    taken = [limit for limit in pool.limits if limit.by == "processes"]
    assert bool(taken) is (0 < held < 12216)
    assert all(isinstance(limit, Limit) and limit.basis == "measured" for limit in taken)
