"""
What would change a recommendation: each sentence holds when it is tried.
"""

import re

import msgspec
import pytest

from llmprobe.advise.explain.changes import changes
from llmprobe.advise.recommend import recommend
from llmprobe.facts.engine import Abilities
from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Holder, Limit, MemoryPool, Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Recommendation, Wishes
from llmprobe.units import GIB, parse_size
from tests.advise.machines import LLAMA_8B, LLAMA_70B, QWEN3_30B, machine, model, unified

LLAMA3_70B = model("llama", LLAMA_70B)
LLAMA31_8B = model("llama", LLAMA_8B)
QWEN3_MOE = model("qwen3moe", QWEN3_30B)


def answer(spec: ModelSpec, snapshot: Snapshot, **wishes: object) -> Recommendation:
    return recommend(spec, snapshot, Wishes(**wishes), {})  # type: ignore[arg-type]


def would_change(spec: ModelSpec, snapshot: Snapshot, **wishes: object) -> tuple[str, ...]:
    """
    Return what is said that would change the answer of llama.cpp.
    """
    return changes(
        spec,
        snapshot,
        answer(spec, snapshot, **wishes),
        lambda other, changed: recommend(spec, other, changed, {}),
        Abilities(),
    )


def the(said: tuple[str, ...], part: str) -> str:
    """
    Return the one sentence with these words.
    """
    (found,) = [one for one in said if part in one]
    return found


def first_size(text: str) -> int:
    return parse_size(re.findall(r"[0-9.]+ [KMG]iB", text)[0])


def with_held(snapshot: Snapshot, pool_id: str, gib: float) -> Snapshot:
    """
    Return a machine where a program holds this much more of a pool.
    """
    size = int(gib * GIB)

    def changed(pool: MemoryPool) -> MemoryPool:
        if pool.id != pool_id or pool.free_bytes is None or pool.budget_bytes is None:
            return pool
        return msgspec.structs.replace(
            pool,
            free_bytes=pool.free_bytes - size,
            budget_bytes=pool.budget_bytes - size,
            limits=(Limit(by="processes", bytes=size),),
            held_by=(Holder(pid=1, name="game", used_bytes=size),),
        )

    return msgspec.structs.replace(snapshot, pools=tuple(changed(pool) for pool in snapshot.pools))


def is_whole(choice: Choice) -> bool:
    return choice.gpu_layers == choice.total_layers and not choice.n_cpu_moe and not choice.cpu_moe_layers


@pytest.mark.parametrize(("spec", "vram"), [(LLAMA3_70B, 23.5), (QWEN3_MOE, 7.6)])
def test_the_memory_that_is_missing_holds_everything(spec: ModelSpec, vram: float) -> None:
    """
    With as much more VRAM as is said to be missing all of the quantization is on the GPU, with a GiB less it is not.
    """
    quant = answer(spec, machine((vram,)), ctx_size=8192).choices[0].quant
    more = first_size(the(would_change(spec, machine((vram,)), ctx_size=8192), f"all of {quant} there")) / GIB
    enough, too_little = (
        answer(spec, machine((vram + size,)), ctx_size=8192, quants=(quant,)).choices[0]
        for size in (more + 0.01, more - 1)
    )

    assert (is_whole(enough), is_whole(too_little)) == (True, False)


def test_a_finer_quantization_that_does_not_fit_would_with_what_is_missing() -> None:
    """
    Of the next quantization that loses less it is said what it lacks: with that it fits, and with half it does not.
    """
    said = the(would_change(LLAMA31_8B, machine(ram_gib=6.5), ctx_size=8192), "would fit")
    quant = re.findall(r"memory: (\S+) ", said)[0]
    more = first_size(said) / GIB
    enough, too_little = (
        answer(LLAMA31_8B, machine(ram_gib=6.5 + size), ctx_size=8192, quants=(quant,))
        for size in (more + 0.01, more / 2)
    )

    assert (bool(enough.choices), bool(too_little.choices)) == (True, False)


@pytest.mark.parametrize(("ram_gib", "enough"), [(7.7, True), (7.3, False)])
def test_less_kept_free_is_said_where_that_is_enough(ram_gib: float, enough: bool) -> None:
    """
    Where a better choice lacks less than is kept free, the answer with less kept free is told, and only there.
    """
    wishes = {"ctx_size": 8192, "cache_type_k": "f16", "priority": "quality"}
    said = [one for one in would_change(LLAMA31_8B, machine(ram_gib=ram_gib), **wishes) if "--reserve" in one]
    found = [re.findall(r"--reserve (\S+)\): (\S+) ", one)[0] for one in said]
    less = [
        (answer(LLAMA31_8B, machine(ram_gib=ram_gib), reserve_bytes=parse_size(reserve), **wishes), quant)
        for reserve, quant in found
    ]

    assert len(said) == int(enough)
    assert all(again.choices[0].quant == quant for again, quant in less)


def test_nothing_finer_is_said_beside_no_loss() -> None:
    """
    Where the choice loses nothing that can be noticed, more memory would change nothing.
    """
    said = would_change(LLAMA31_8B, machine((12,), ram_gib=8), ctx_size=8192)

    assert not any("BF16" in one for one in said)


def test_what_other_programs_hold_of_the_ram_is_said() -> None:
    """
    It is said how much of the RAM is held, and what would be recommended after it.
    """
    busy = with_held(machine(ram_gib=12), "ram", 6)
    idle = answer(LLAMA31_8B, busy, ctx_size=8192, assume_idle=True).choices[0]
    said = the(would_change(LLAMA31_8B, busy, ctx_size=8192), "--assume-idle")

    assert said.startswith("without what other programs hold, 6.00 GiB of RAM with the system's own share")
    assert f": still {idle.quant}, a cache of {idle.cache_type_k}" in said


def test_what_a_note_says_is_not_said_again() -> None:
    """
    What a game holds of a GPU is in a note that everybody sees, and so not among the changes.
    """
    busy = with_held(machine((23.5,)), "vram0", 12)
    noted = [note for note in answer(LLAMA3_70B, busy, ctx_size=8192).notes if "--assume-idle" in note]

    assert len(noted) == 1
    assert not any("--assume-idle" in one for one in would_change(LLAMA3_70B, busy, ctx_size=8192))


def test_memory_that_is_shared_is_named_once() -> None:
    """
    Of memory that processor and GPU share, what others hold is named once.
    """
    busy = with_held(unified(52, 48), "ram", 20)
    said = the(would_change(LLAMA3_70B, busy, ctx_size=8192), "--assume-idle")

    assert re.findall(r"[0-9.]+ GiB", said.split(": ")[0]) == ["20.00 GiB", "20.00 GiB"]


@pytest.mark.parametrize("held_gib", [0, 0.1])
def test_little_that_is_held_is_not_worth_a_sentence(held_gib: float) -> None:
    """
    Of an idle machine, and of a desktop's few windows, nothing is said.
    """
    said = would_change(LLAMA3_70B, with_held(machine((23.5,)), "vram0", held_gib), ctx_size=8192)

    assert not any("other programs" in one for one in said)


def test_a_mac_says_what_a_raised_limit_gives() -> None:
    """
    With the limit raised by the command the answer is the one of a machine with that limit.
    """
    command = "sudo sysctl iogpu.wired_limit_mb=57344"
    found = Finding(
        id="mac-wired-limit",
        severity="note",
        title="a limit",
        detail="a limit",
        evidence=("metal:",),
        remedy=Remedy(text="raise it", commands=(command,)),
    )
    mac = msgspec.structs.replace(unified(52, 40), findings=(found,))
    raised = answer(LLAMA3_70B, unified(52, 56), ctx_size=8192).choices[0]
    said = the(would_change(LLAMA3_70B, mac, ctx_size=8192), command)

    assert "52.00 GiB instead of 40.00 GiB usable" in said
    assert raised.quant in said


def test_a_longer_context_says_what_it_takes() -> None:
    """
    A context twice as long is answered with the layers that it leaves on the GPU.
    """
    longer = answer(LLAMA3_70B, machine((23.5,)), ctx_size=16384).choices[0]
    said = the(would_change(LLAMA3_70B, machine((23.5,)), ctx_size=8192), "-c 16384")

    assert f"{longer.gpu_layers} instead of" in said


def test_a_longer_context_that_does_not_fit_says_so() -> None:
    """
    Where nothing fits a context twice as long, what is missing is said.
    """
    said = would_change(LLAMA31_8B, machine(ram_gib=8.1), ctx_size=65536)

    assert re.fullmatch(r".*: nothing fits, .* are missing", the(said, "-c 131072"))


@pytest.mark.parametrize("wishes", [{"ctx_size": 131072}, {"max_ctx": True}])
def test_no_longer_context_is_said_where_there_is_none(wishes: dict[str, object]) -> None:
    """
    Beyond what the model was trained for, and where the longest was asked for, nothing is said.
    """
    said = would_change(LLAMA31_8B, machine((23.5,)), **wishes)

    assert not any("a context of" in one for one in said)


@pytest.mark.parametrize("priority", ["quality", "speed"])
def test_other_priorities_are_what_they_answer(priority: str) -> None:
    """
    What another priority is said to give is what it gives.
    """
    other = answer(LLAMA3_70B, machine((23.5,)), ctx_size=8192, priority=priority).choices[0]
    said = the(would_change(LLAMA3_70B, machine((23.5,)), ctx_size=8192), f"--priority {priority}")

    assert said.startswith(
        f"--priority {priority}: {other.quant} ({other.quality.words}), {other.gpu_layers} "
    )


def test_wishes_that_bind_are_named() -> None:
    """
    A quantization and a cache type that were asked for are lifted, each by its option.
    """
    wishes = {"quants": ("IQ2_M",), "cache_type_k": "q4_0", "cache_type_v": "q4_0"}
    said = would_change(LLAMA3_70B, machine((23.5,)), ctx_size=8192, **wishes)

    assert the(said, "without --quant").startswith("without --quant: Q4_K_M ")
    assert the(said, "without -ctk and -ctv").startswith("without -ctk and -ctv: still IQ2_M")
