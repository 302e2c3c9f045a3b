"""
What would change a recommendation: each change holds when it is tried.
"""

import re

import msgspec
import pytest

from llmprobe.advise.recommend import recommend
from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Holder, Limit, MemoryPool, Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Recommendation, Wishes
from llmprobe.machine.wired_limit import raised_limit_bytes
from llmprobe.units import GIB, MIB
from llmprobe.words.message import Message, message
from tests.advise.machines import LLAMA_8B, LLAMA_70B, QWEN3_30B, WITH_MATRIX, machine, model, unified
from tests.advise.messages import figure, inner, listed, named, number, the

LLAMA3_70B = model("llama", LLAMA_70B, published=WITH_MATRIX)
LLAMA31_8B = model("llama", LLAMA_8B, published=WITH_MATRIX)
QWEN3_MOE = model("qwen3moe", QWEN3_30B)


def answer(spec: ModelSpec, snapshot: Snapshot, **wishes: object) -> Recommendation:
    return recommend(spec, snapshot, Wishes(**wishes), {})  # type: ignore[arg-type]


def would_change(spec: ModelSpec, snapshot: Snapshot, **wishes: object) -> tuple[Message, ...]:
    """
    What would change the answer of llama.cpp.
    """
    found = recommend(spec, snapshot, Wishes(**wishes), {}, explain=True)  # type: ignore[arg-type]
    assert found == msgspec.structs.replace(answer(spec, snapshot, **wishes), changes=found.changes)
    return found.changes


def with_held(snapshot: Snapshot, pool_id: str, gib: float) -> Snapshot:
    """
    A machine where a program uses this much more of a pool.
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
def test_the_missing_memory_holds_everything(spec: ModelSpec, vram: float) -> None:
    """
    With as much more VRAM as is missing all of the quantization is on the GPU, with a GiB less it is not.
    """
    quant = answer(spec, machine((vram,)), ctx_size=8192).choices[0].quant
    change = the(would_change(spec, machine((vram,)), ctx_size=8192), "change.more-on-gpu")
    more = number(change, "missing_bytes") / GIB
    enough, too_little = (
        answer(spec, machine((vram + size,)), ctx_size=8192, quants=(quant,)).choices[0]
        for size in (more + 0.01, more - 1)
    )

    assert (change.values["quant"], change.values["devices"]) == (quant, ("gpu0",))
    assert figure(inner(change, "pace"), "tokens_per_s") > figure(
        inner(change, "pace"), "instead_tokens_per_s"
    )
    assert (is_whole(enough), is_whole(too_little)) == (True, False)


def test_a_model_that_is_on_the_gpu_lacks_memory_for_a_finer_one() -> None:
    """
    Where all layers are on the GPU, the memory for the next quantization that loses less is what is missing there.
    """
    best = answer(LLAMA31_8B, machine((8,)), ctx_size=8192).choices[0]
    change = the(would_change(LLAMA31_8B, machine((8,)), ctx_size=8192), "change.more-on-gpu")
    finer = answer(LLAMA31_8B, machine((8,)), ctx_size=8192, quants=(str(change.values["quant"]),)).choices[0]

    assert is_whole(best)
    assert not is_whole(finer)
    assert (finer.quality.value or 0) < (best.quality.value or 0)


def test_a_finer_quantization_that_does_not_fit_would_with_the_missing_memory() -> None:
    """
    The next quantization that loses less fits with what it lacks, and does not with half of that.
    """
    change = the(would_change(LLAMA31_8B, machine(ram_gib=6.5), ctx_size=8192), "change.more-memory")
    quant, more = str(change.values["quant"]), number(change, "missing_bytes") / GIB
    enough, too_little = (
        answer(LLAMA31_8B, machine(ram_gib=6.5 + size), ctx_size=8192, quants=(quant,))
        for size in (more + 0.01, more / 2)
    )

    assert (bool(enough.choices), bool(too_little.choices)) == (True, False)


@pytest.mark.parametrize(("ram_gib", "enough"), [(7.7, True), (7.3, False)])
def test_a_smaller_reserve_is_proposed_where_that_is_enough(ram_gib: float, enough: bool) -> None:
    """
    Where a better choice lacks less than the reserve, the answer with a smaller one is given, and only there.
    """
    wishes = {"ctx_size": 8192, "cache_type_k": "f16", "priority": "quality"}
    found = named(would_change(LLAMA31_8B, machine(ram_gib=ram_gib), **wishes), "change.less-reserved")
    less = [
        (
            answer(
                LLAMA31_8B,
                machine(ram_gib=ram_gib),
                reserve_bytes=number(one, "reserve_mib") * MIB,
                **wishes,
            ),
            inner(one, "choice").values["quant"],
        )
        for one in found
    ]

    assert len(found) == int(enough)
    assert all(number(one, "instead_bytes") == 512 * MIB for one in found)
    assert all(again.choices[0].quant == quant for again, quant in less)


def test_nothing_finer_is_named_beside_no_loss() -> None:
    """
    Where the choice loses nothing that anybody notices, more memory would change nothing.
    """
    found = would_change(LLAMA31_8B, machine((12,), ram_gib=8), ctx_size=8192)

    assert named(found, "change.more-memory", "change.more-on-gpu") == []


def test_what_other_programs_use_of_the_ram_is_named() -> None:
    """
    The RAM in use is named with its holders, and with what would be recommended without them.
    """
    busy = with_held(machine(ram_gib=12), "ram", 6)
    idle = answer(LLAMA31_8B, busy, ctx_size=8192, assume_idle=True).choices[0]
    change = the(would_change(LLAMA31_8B, busy, ctx_size=8192), "change.freed")

    assert listed(change, "held") == (
        message(
            "held.ram",
            bytes=6 * GIB,
            holders=(message("holder.bytes", name="game", bytes=6 * GIB),),
        ),
    )
    assert inner(change, "choice").values["quant"] == idle.quant


def test_what_a_note_reports_is_not_repeated() -> None:
    """
    What a game uses of a GPU is in a note that everybody sees, and so not among the changes.
    """
    busy = with_held(machine((23.5,)), "vram0", 12)
    noted = named(answer(LLAMA3_70B, busy, ctx_size=8192).notes, "note.freed")

    assert len(noted) == 1
    assert named(would_change(LLAMA3_70B, busy, ctx_size=8192), "change.freed") == []


def test_a_gpu_in_use_is_named_where_no_note_reports_it() -> None:
    """
    Less than a note is worth is still a change, with the device and its holders.
    """
    busy = with_held(machine((9.5,)), "vram0", 0.9)
    found = recommend(LLAMA31_8B, busy, Wishes(ctx_size=8192), {}, explain=True)
    (held,) = listed(the(found.changes, "change.freed"), "held")

    assert named(found.notes, "note.freed") == []
    assert (held.id, held.values["device"], number(held, "bytes")) == ("held.device", "gpu0", int(0.9 * GIB))
    assert [one.values["name"] for one in listed(held, "holders")] == ["game"]


def test_memory_that_is_shared_is_named_once() -> None:
    """
    Of memory that CPU and GPU share, what others use is named once.
    """
    busy = with_held(unified(52, 48), "ram", 20)
    change = the(would_change(LLAMA3_70B, busy, ctx_size=8192), "change.freed")

    assert [(one.id, one.values["bytes"]) for one in listed(change, "held")] == [("held.ram", 20 * GIB)]


@pytest.mark.parametrize("held_gib", [0, 0.1])
def test_little_in_use_is_not_worth_a_line(held_gib: float) -> None:
    """
    An idle machine, and a desktop's few windows, are not reported.
    """
    found = would_change(LLAMA3_70B, with_held(machine((23.5,)), "vram0", held_gib), ctx_size=8192)

    assert named(found, "change.freed") == []


def test_a_mac_shows_what_a_raised_limit_gives() -> None:
    """
    With the limit raised by the command the answer is the one of a machine with that limit.
    """
    command = "sudo sysctl iogpu.wired_limit_mb=57344"
    found = Finding(
        id="mac-wired-limit",
        severity="note",
        title=message("test"),
        detail=message("test"),
        evidence=("metal:",),
        remedy=Remedy(text=message("test"), commands=(command,)),
    )
    mac = msgspec.structs.replace(unified(52, 40), findings=(found,))
    raised = answer(LLAMA3_70B, unified(52, 56), ctx_size=8192).choices[0]
    change = the(would_change(LLAMA3_70B, mac, ctx_size=8192), "change.wired-limit")

    assert change.values["command"] == command
    assert (number(change, "usable_bytes"), number(change, "instead_bytes")) == (52 * GIB, 40 * GIB)
    assert inner(change, "choice").values["quant"] == raised.quant


@pytest.mark.parametrize("total_gib", [16, 12, None])
def test_a_small_mac_has_no_limit_to_raise(total_gib: int | None) -> None:
    """
    Where macOS needs the rest itself, or the size is unknown, no higher limit is named.
    """
    total = None if total_gib is None else total_gib * GIB
    pool = msgspec.structs.replace(unified(52, 40).pools[0], total_bytes=total)

    assert raised_limit_bytes(pool) is None


def test_a_longer_context_has_its_layers() -> None:
    """
    A context twice as long is answered with the layers that it leaves on the GPU, and the speed at its end.
    """
    longer = answer(LLAMA3_70B, machine((23.5,)), ctx_size=16384).choices[0]
    change = the(would_change(LLAMA3_70B, machine((23.5,)), ctx_size=8192), "change.context")
    layers, full = listed(inner(change, "choice"), "differences")

    assert (change.values["ctx_size"], layers.values["layers"]) == (16384, longer.gpu_layers)
    assert (layers.id, full.id) == ("difference.layers", "pace.full")


def test_a_longer_context_that_does_not_fit_has_its_shortfall() -> None:
    """
    Where nothing fits a context twice as long, the smallest shortfall is given.
    """
    found = would_change(LLAMA31_8B, machine(ram_gib=8.1), ctx_size=65536)
    then = answer(LLAMA31_8B, machine(ram_gib=8.1), ctx_size=131072)
    least = min(one.missing_bytes for one in then.rejected if one.missing_bytes)

    assert the(found, "change.context-too-long") == message(
        "change.context-too-long", ctx_size=131072, missing_bytes=least
    )


@pytest.mark.parametrize("wishes", [{"ctx_size": 131072}, {"max_ctx": True}])
def test_no_longer_context_is_proposed_where_there_is_none(wishes: dict[str, object]) -> None:
    """
    Beyond what the model was trained for, and where the longest was wished, there is no such change.
    """
    found = would_change(LLAMA31_8B, machine((23.5,)), **wishes)

    assert named(found, "change.context", "change.context-too-long") == []


@pytest.mark.parametrize("priority", ["quality", "speed"])
def test_other_priorities_are_what_they_answer(priority: str) -> None:
    """
    What another priority is said to give is what it gives.
    """
    other = answer(LLAMA3_70B, machine((23.5,)), ctx_size=8192, priority=priority).choices[0]
    found = named(would_change(LLAMA3_70B, machine((23.5,)), ctx_size=8192), "change.priority")
    (choice,) = (inner(one, "choice") for one in found if one.values["priority"] == priority)

    assert (choice.values["quant"], inner(choice, "quality")) == (other.quant, other.quality.words)
    layers = named(listed(choice, "differences"), "difference.layers")
    assert is_whole(other) if not layers else number(layers[0], "layers") == other.gpu_layers


def test_wishes_that_bind_are_named() -> None:
    """
    A requested quantization and cache type are lifted, each by its option.
    """
    wishes = {"quants": ("IQ2_XXS",), "cache_type_k": "q4_0", "cache_type_v": "q4_0"}
    found = would_change(LLAMA3_70B, machine((23.5,)), ctx_size=8192, **wishes)
    quant = inner(the(found, "change.without-quant"), "choice")
    cache = inner(the(found, "change.without-cache-type"), "choice")

    assert (quant.id, quant.values["quant"]) == ("choice.other-quant", "Q4_K_M")
    assert (cache.id, cache.values["quant"]) == ("choice.same-quant", "IQ2_XXS")


def test_changes_are_read_as_sentences() -> None:
    """
    The English of a change: what differs, and the answer in short.
    """
    texts = [str(one) for one in would_change(LLAMA3_70B, machine((23.5,)), ctx_size=8192)]
    (speed,) = (text for text in texts if text.startswith("--priority speed: "))

    assert re.fullmatch(
        r"--priority speed: \S+ \(.* loss.*\), fully on the GPU, .*"
        r"about [0-9.]+ instead of [0-9.]+ tokens/s",
        speed,
    )
