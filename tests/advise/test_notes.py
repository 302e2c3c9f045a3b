"""
Notes beside the choices: the context in force, memory that could be freed, and speeds that are unknown.
"""

from typing import Any

import msgspec
import pytest

from llmprobe import engines
from llmprobe.advise.recommend import recommend
from llmprobe.errors import UsageError
from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import EngineOnMachine, Holder, Limit, LoadedModel, Snapshot
from llmprobe.facts.recommendation import Recommendation, Wishes
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, LLAMA_70B, machine, model
from tests.advise.messages import figure, inner, listed, named, number, the
from tests.machine_fixtures import replayed

DENSE = model("llama", LLAMA_8B)


def asked(snapshot: Snapshot, spec: Any = DENSE, engine: str = "llama.cpp", **wishes: Any) -> Recommendation:
    return recommend(
        spec,
        snapshot,
        Wishes(engine=engine, **({"ctx_size": 4096} | wishes)),
        engines.commands(engine),
        abilities=engines.abilities(engine),
    )


def busy(held_gib: float, *, free_gib: float = 2, ram_gib: float = 60) -> Snapshot:
    """
    A machine with a GPU of which another program uses so much.
    """
    idle = machine((free_gib,), ram_gib=ram_gib)
    held = int(held_gib * GIB)
    taken = msgspec.structs.replace(
        idle.pools[1],
        total_bytes=(idle.pools[1].total_bytes or 0) + held,
        limits=(Limit(by="processes", bytes=held),),
        held_by=(Holder(pid=7, name="another", used_bytes=held),),
    )
    return msgspec.structs.replace(idle, pools=(idle.pools[0], taken))


@pytest.mark.parametrize(
    ("name", "quant", "pid", "program"),
    [
        ("linux-3080-10g-32g-smi-only", "Q8_0", 118204, "ollama"),
        ("linux-rx7900xtx-64g", "Q8_0", 48211, "ollama"),
        ("linux-p40-24g-hot-narrow", "Q6_K", 61022, "llama-server"),
    ],
)
def test_what_frees_memory_comes_first(name: str, quant: str, pid: int, program: str) -> None:
    """
    Where a program uses what the model needs, the first note has its name, what would run then, and what to do.
    """
    answer = asked(replayed(name))
    first = answer.notes[0]
    (held,) = listed(first, "held")
    (holder,) = listed(held, "holders")

    assert (first.id, first.values["quant"], inner(first, "where").id) == ("note.freed", quant, "where.gpu")
    assert (holder.values["name"], holder.values["pid"]) == (program, pid)
    assert number(held, "bytes") > 8 * GIB
    assert figure(inner(first, "pace"), "tokens_per_s") > 0
    assert inner(first, "remedy").id in ("remedy.unload", "remedy.quit")


def test_what_is_said_to_be_better_is_what_assume_idle_answers() -> None:
    """
    The quantization of the note is the first choice then, and the note names the program to quit.
    """
    snapshot = busy(16)
    note = the(asked(snapshot).notes, "note.freed")
    then = asked(snapshot, assume_idle=True).choices[0]
    holder = message("holder.process", name="another", pid=7)

    assert note.values["quant"] == then.quant
    assert then.gpu_layers == then.total_layers
    assert note.values["held"] == (message("held.gpu", bytes=16 * GIB, device="gpu0", holders=(holder,)),)
    assert note.values["remedy"] == message("remedy.quit", programs=(holder,))


def test_what_programs_hold_is_no_warning_where_it_counts_as_free() -> None:
    """
    --assume-idle has answered it; other warnings stay.
    """
    held = Finding(
        id="vram-held", severity="warning", title=message("a"), detail=message("b"), evidence=("option:x",)
    )
    other = msgspec.structs.replace(held, id="pcie-narrow")
    loaded = msgspec.structs.replace(held, id="model-loaded")
    snapshot = msgspec.structs.replace(busy(16), findings=(held, other, loaded))

    assert [one.id for one in asked(snapshot, assume_idle=True).findings] == ["pcie-narrow"]
    assert [one.id for one in asked(snapshot).findings] == ["vram-held", "pcie-narrow", "model-loaded"]


def test_a_loaded_model_is_to_be_unloaded() -> None:
    """
    Where an engine keeps a model loaded, the remedy is the command that unloads it.
    """
    loaded = LoadedModel(name="qwen3:8b", vram_bytes=9 * GIB)
    on_cpu = LoadedModel(name="phi4", vram_bytes=0)
    ollama = EngineOnMachine(name="ollama", running=True, loaded=(loaded, on_cpu))
    snapshot = msgspec.structs.replace(busy(16), engines=(ollama,))

    assert the(asked(snapshot).notes, "note.freed").values["remedy"] == message(
        "remedy.unload", commands=("ollama stop qwen3:8b",)
    )


@pytest.mark.parametrize(("vendor", "command"), [("nvidia", "nvidia-smi"), ("intel", None)])
def test_unknown_programs_are_to_be_looked_up(vendor: Any, command: str | None) -> None:
    """
    Where it is unknown who uses the memory, the tool that lists them is named, if there is one.
    """
    snapshot = busy(16)
    pool = msgspec.structs.replace(snapshot.pools[1], held_by=())
    gpu = msgspec.structs.replace(snapshot.accelerators[0], vendor=vendor)
    snapshot = msgspec.structs.replace(snapshot, pools=(snapshot.pools[0], pool), accelerators=(gpu,))

    assert the(asked(snapshot).notes, "note.freed").values["remedy"] == message(
        "remedy.quit-gpu-programs", command=command
    )


@pytest.mark.parametrize(
    ("snapshot", "wishes"),
    [
        (machine((2,)), {}),
        (busy(0.5), {}),
        (busy(16, free_gib=40), {}),
        (busy(16), {"assume_idle": True}),
    ],
)
def test_nothing_is_noted_where_nothing_would_be_better(snapshot: Snapshot, wishes: dict[str, Any]) -> None:
    """
    An idle GPU, little in use, all of it there already, and what is counted as free anyway.
    """
    assert named(asked(snapshot, **wishes).notes, "note.freed") == []


@pytest.mark.parametrize(("bandwidth", "noted"), [(90e9, False), (110e9, True)])
def test_only_clearly_faster_is_noted(bandwidth: float, noted: bool) -> None:
    """
    With the same loss, a GPU that is freed must make it half as fast again.
    """
    gpu = msgspec.structs.replace(
        busy(16, free_gib=0.6).accelerators[0], bandwidth_bytes_per_s=int(bandwidth)
    )
    snapshot = msgspec.structs.replace(busy(16, free_gib=0.6), accelerators=(gpu,))
    answer = asked(snapshot, quants=("Q8_0",))

    assert bool(named(answer.notes, "note.freed")) is noted


def test_what_fits_only_then_is_noted_too() -> None:
    """
    The answer is "no", and the way out of it is named.
    """
    answer = asked(busy(40, ram_gib=4), model("llama", LLAMA_70B), quants=("Q4_K_M",))

    assert answer.choices == ()
    assert the(answer.notes, "note.freed").values["quant"] == "Q4_K_M"


@pytest.mark.parametrize(
    ("wishes", "ctx_size", "name"),
    [
        ({"ctx_size": 100, "parallel": 64}, 16384, "note.context-rounded-per-slot"),
        ({"ctx_size": 8192, "parallel": 3}, 8448, "note.context-rounded-per-slot"),
        ({"ctx_size": 1000}, 1024, "note.context-rounded"),
    ],
)
def test_a_rounded_context_is_noted(wishes: dict[str, Any], ctx_size: int, name: str) -> None:
    """
    llama.cpp gives each slot whole multiples of 256 tokens.
    """
    answer = asked(machine((24,)), **wishes)
    note = the(answer.notes, name)

    assert answer.choices[0].ctx_size == ctx_size
    assert (note.values["ctx_size"], note.values["requested"]) == (ctx_size, wishes["ctx_size"])


def test_a_batch_is_that_of_the_context_in_force() -> None:
    """
    64 slots for 100 tokens have 16384, for which the usual batch is taken and not one of 100.
    """
    best = asked(machine((24,)), ctx_size=100, parallel=64).choices[0]

    assert (best.batch_size, best.ubatch_size) == (2048, 512)
    assert " -b 2048 -ub 512 " in best.commands["llama.cpp"]


def test_a_context_that_is_kept_is_not_spoken_of() -> None:
    """
    8192 tokens over four slots are 2048 for each.
    """
    notes = asked(machine((24,)), ctx_size=8192, parallel=4).notes

    assert named(notes, "note.context-rounded", "note.context-rounded-per-slot") == []


@pytest.mark.parametrize(("parallel", "warned"), [(1, True), (4, False)])
def test_only_a_slot_can_be_beyond_what_a_model_was_trained_for(parallel: int, *, warned: bool) -> None:
    """
    Twice the trained context is too much for one, and half of it for each of four.
    """
    short = msgspec.structs.replace(DENSE, max_context=4096)
    answer = asked(machine((24,)), short, ctx_size=8192, parallel=parallel)

    assert named(answer.notes, "note.beyond-training") == [
        message("note.beyond-training", ctx_size=8192, max_context=4096, model=short.name)
    ] * int(warned)


def test_a_negative_context_is_refused() -> None:
    """
    The error has the number that was given.
    """
    with pytest.raises(UsageError) as caught:
        asked(machine((24,)), ctx_size=-1)

    assert caught.value.message == message("error.context-negative", given=-1)


def test_a_default_context_is_noted() -> None:
    """
    Where no context is requested, the one that is used is named; where the longest is, the most it may be.
    """
    default = asked(machine((24,)), ctx_size=None)
    longest = asked(machine((24,)), ctx_size=None, max_ctx=True)
    given = asked(machine((24,)), ctx_size=8192)

    assert the(default.notes, "note.context-default") == message("note.context-default", ctx_size=8192)
    assert the(longest.notes, "note.context-longest").values["max_context"] == DENSE.max_context
    assert named(given.notes, "note.context-default", "note.context-longest") == []


def test_a_remedy_that_makes_more_memory_usable_is_among_the_findings() -> None:
    """
    A Mac's limit is a note on the machine, and still beside the choices with its command; other notes are not.
    """
    snapshot = replayed("macos-m3max-64g")
    (option,) = (one for one in asked(snapshot).findings if one.severity == "note")
    assert option.remedy is not None

    assert option.remedy.commands == ("sudo sysctl iogpu.wired_limit_mb=57344",)
    assert sum(one.severity == "note" for one in snapshot.findings) > 0


def test_a_speed_that_is_too_low_is_rejected_with_its_figure() -> None:
    """
    The speed and the one that was requested are both given, also where the card's bandwidth is assumed.
    """
    slow = asked(machine(ram_gib=60), min_speed=1000.0, quants=("Q8_0",)).rejected[0]
    assumed = asked(machine((24,), bandwidth=None), min_speed=1000.0, quants=("Q8_0",)).rejected[0]

    assert (slow.why.id, slow.why.values["min_tokens_per_s"]) == ("rejected.too-slow", 1000.0)
    assert 1 < figure(slow.why, "tokens_per_s") < 100
    assert (assumed.why.id, assumed.why.values["min_tokens_per_s"]) == ("rejected.too-slow", 1000.0)


def test_a_requested_speed_is_compared_with_the_likely_one() -> None:
    """
    Where the range crosses the request it is said: of a choice that it may be slower, of a rejected one that it may
    be as fast.
    """
    free = asked(machine((24,)), quants=("Q4_K_M",)).choices[0].speed.generation_tokens_per_s
    assert free is not None
    above, below, far = (free.likely + free.high) / 2, (free.low + free.likely) / 2, free.low / 2

    refused = asked(machine((24,)), min_speed=above, quants=("Q4_K_M",)).rejected[0].why
    taken = asked(machine((24,)), min_speed=below, quants=("Q4_K_M",))
    sure = asked(machine((24,)), min_speed=far, quants=("Q4_K_M",))

    assert (refused.id, refused.values["may_be"]) == ("rejected.too-slow", free.high)
    assert str(refused).endswith(f"may be up to {free.high:.0f}")
    (note,) = [one for one in taken.notes if one.id == "note.may-be-slower"]
    assert (note.values["low"], note.values["high"]) == (free.low, free.high)
    assert len(taken.choices) == 1
    assert not [one for one in sure.notes if one.id == "note.may-be-slower"]


def test_limits_that_nothing_meets_are_the_verdict() -> None:
    """
    Where everything fits and is too slow, it is not said that it does not fit.
    """
    answer = asked(machine(ram_gib=60), min_speed=1000.0)

    assert (answer.choices, answer.verdict) == ((), message("verdict.limits-not-met"))


@pytest.mark.parametrize(
    ("origin", "environment", "system", "remedy"),
    [
        ("hypothetical", None, "linux", "hypothetical"),
        ("live", "container", "linux", "container"),
        ("live", "vm", "linux", "vm"),
        ("recording", "wsl", "linux", "vm"),
        ("live", "bare", "linux", "linux"),
        ("live", "bare", "win32", "other"),
    ],
)
def test_an_unknown_bandwidth_of_the_ram_has_a_remedy(
    origin: Any, environment: str | None, system: str, remedy: str
) -> None:
    """
    Where tokens/s rest on a bandwidth of the RAM that nobody told, the note has what would make it known there.

    Of a machine that was named it repeats all of the RAM: 20 GiB that are free and 2 in use.
    """
    snapshot = machine(ram_gib=20, ram_bandwidth=None)
    host = msgspec.structs.replace(snapshot.host, environment=environment, system=system)
    snapshot = msgspec.structs.replace(snapshot, host=host, origin=origin)
    notes = asked(snapshot).notes

    said = the(notes, "note.ram-bandwidth-assumed")
    assert inner(said, "remedy").id == f"remedy.ram-bandwidth-{remedy}"
    assert inner(said, "remedy").values.get("gib") == (22 if origin == "hypothetical" else None)
    assert (said.values["bytes_per_s"], inner(said, "about").id) == (50_000_000_000, "ram.assumed")
    assert not named(notes, "note.bandwidth-assumed")


def test_a_speed_that_is_unknown_has_its_place() -> None:
    """
    A card whose bandwidth nobody knows has that of cards with as much memory, as a range, and that is said.
    """
    answer = asked(machine((24,), bandwidth=None))
    notes, speed = answer.notes, answer.choices[0].speed.generation_tokens_per_s

    assert the(notes, "note.bandwidth-assumed").values == {
        "device": "test GPU",
        "bytes_per_s": 672_000_000_000,
        "low": 280_000_000_000,
        "high": 1_008_000_000_000,
        "remedy": None,
    }
    assert speed is not None
    assert (speed.high / speed.low) > 1008 / 280
    assert not named(notes, "note.ram-bandwidth-assumed")


@pytest.mark.parametrize("snapshot", [machine((24,), ram_bandwidth=None), machine(ram_gib=20)])
def test_no_remedy_is_offered_where_no_speed_is_unknown(snapshot: Snapshot) -> None:
    """
    Fully on a GPU the RAM does not count, and a known bandwidth needs nothing.
    """
    notes = asked(snapshot, quants=("Q4_K_M",)).notes

    assert named(notes, "note.ram-bandwidth-assumed", "note.bandwidth-assumed") == []


def test_this_machine_can_be_measured() -> None:
    """
    Whatever it tells of its modules.
    """
    snapshot = msgspec.structs.replace(machine(ram_gib=20, ram_bandwidth=None), this_machine=True)

    said = the(asked(snapshot).notes, "note.ram-bandwidth-assumed")

    assert inner(said, "remedy") == message("remedy.ram-bandwidth-bench")
