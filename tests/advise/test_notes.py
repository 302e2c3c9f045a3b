"""
What is said beside the choices: the context in force, what would free memory, and commands that can be copied.
"""

from typing import Any

import msgspec
import pytest

from llmprobe import engines
from llmprobe.advise.explain.notes import options
from llmprobe.advise.recommend import recommend
from llmprobe.errors import UsageError
from llmprobe.facts.machine import Holder, Limit, Snapshot
from llmprobe.facts.recommendation import Recommendation, Wishes
from llmprobe.units import GIB
from tests.advise.machines import LLAMA_8B, LLAMA_70B, QWEN3_30B, machine, model
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
    Return a machine with a GPU of which another program holds so much.
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


def said(answer: Recommendation, words: str) -> list[str]:
    return [note for note in answer.notes if words in note]


@pytest.mark.parametrize(
    ("name", "quant", "words"),
    [
        (
            "linux-3080-10g-32g-smi-only",
            "Q8_0",
            "8.97 GiB of gpu0 in use by ollama (process 118204): freed, ",
        ),
        ("linux-rx7900xtx-64g", "Q8_0", "21.52 GiB of gpu0 in use by ollama (process 48211): freed, "),
        (
            "linux-p40-24g-hot-narrow",
            "Q8_0",
            "19.73 GiB of gpu0 in use by llama-server (process 61022): freed, ",
        ),
    ],
)
def test_what_frees_memory_is_said_first(name: str, quant: str, words: str) -> None:
    """
    Where a program holds what the model needs, that is the answer: who it is, and what would run then.
    """
    first = asked(replayed(name)).notes[0]

    assert first.startswith(f"{words}{quant} ")
    assert "would run whole on the GPU at about " in first
    assert first.endswith("(--assume-idle shows it)")


def test_what_is_said_to_be_better_is_what_assume_idle_answers() -> None:
    """
    The quantization of the note is the first choice then.
    """
    snapshot = busy(16)
    (note,) = said(asked(snapshot), "--assume-idle")
    then = asked(snapshot, assume_idle=True).choices[0]

    assert f"freed, {then.quant} " in note
    assert then.gpu_layers == then.total_layers


@pytest.mark.parametrize(
    ("snapshot", "wishes"),
    [
        (machine((2,)), {}),
        (busy(0.5), {}),
        (busy(16, free_gib=40), {}),
        (busy(16), {"assume_idle": True}),
    ],
)
def test_nothing_is_said_where_nothing_would_be_better(snapshot: Snapshot, wishes: dict[str, Any]) -> None:
    """
    An idle GPU, little in use, all of it there already, and what is counted as free anyway.
    """
    assert said(asked(snapshot, **wishes), "--assume-idle shows") == []


def test_what_fits_only_then_is_said_too() -> None:
    """
    The answer is "no", and the way out of it is named.
    """
    answer = asked(busy(40, ram_gib=4), model("llama", LLAMA_70B), quants=("Q4_K_M",))

    assert answer.choices == ()
    assert said(answer, "freed, Q4_K_M ") != []


@pytest.mark.parametrize(
    ("wishes", "ctx_size", "words"),
    [
        (
            {"ctx_size": 100, "parallel": 64},
            16384,
            "a context of 16384 tokens is in force where 100 were asked for: each of 64 slots gets 256",
        ),
        ({"ctx_size": 8192, "parallel": 3}, 8448, "8448 tokens is in force where 8192 were asked for"),
        ({"ctx_size": 1000}, 1024, "1024 tokens is in force where 1000 were asked for"),
    ],
)
def test_another_context_than_was_asked_for_is_said(
    wishes: dict[str, Any], ctx_size: int, words: str
) -> None:
    """
    llama.cpp gives each slot whole multiples of 256 tokens.
    """
    answer = asked(machine((24,)), **wishes)

    assert answer.choices[0].ctx_size == ctx_size
    assert said(answer, words) != []


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
    assert said(asked(machine((24,)), ctx_size=8192, parallel=4), "in force") == []


@pytest.mark.parametrize(("parallel", "warned"), [(1, True), (4, False)])
def test_only_a_slot_can_be_beyond_what_a_model_was_trained_for(parallel: int, *, warned: bool) -> None:
    """
    Twice the trained context is too much for one, and half of it for each of four.
    """
    short = msgspec.structs.replace(DENSE, max_context=4096)
    answer = asked(machine((24,)), short, ctx_size=8192, parallel=parallel)

    assert bool(said(answer, "was trained for 4096 tokens")) == warned


def test_a_negative_context_is_refused() -> None:
    """
    It cannot be.
    """
    with pytest.raises(UsageError, match="-1 tokens cannot be"):
        asked(machine((24,)), ctx_size=-1)


def test_an_option_has_its_command_on_a_line_of_its_own() -> None:
    """
    So that it is printed as it is to be typed.
    """
    (option,) = options(replayed("macos-m3max-64g"))

    assert option.splitlines()[1:] == ["sudo sysctl iogpu.wired_limit_mb=57344"]


def test_an_engine_that_needs_gpus_lacks_their_memory() -> None:
    """
    What is more than all memory is rejected for what the GPU lacks, not the RAM.
    """
    sparse = model("qwen3moe", QWEN3_30B)
    (one,) = asked(machine((8,), ram_gib=8), sparse, "vllm", quants=("Q8_0",)).rejected

    assert one.why == "too little is free in gpu0"


def test_a_speed_that_is_too_low_is_said_in_any_number() -> None:
    """
    One token per second reads like any other.
    """
    answer = asked(machine(ram_gib=60), min_speed=1000.0, quants=("Q8_0",))

    assert [
        one.why for one in answer.rejected if "less than was asked for (--min-speed 1000)" in one.why
    ] != []
