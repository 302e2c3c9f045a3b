"""
No choice goes over a budget, by its printed command alone; ``make budgets`` asks far more than these tests.
"""

from collections.abc import Mapping
from functools import cache

import msgspec
import pytest

from benchmarks import budgets
from benchmarks.budgets import Question
from benchmarks.budgets_check import Checked, check, room
from benchmarks.budgets_words import UnreadableError, llama_cpp
from llmprobe import engines
from llmprobe.advise.recommend import recommend
from llmprobe.estimation import Estimator
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Choice, Recommendation, Wishes
from llmprobe.units import GIB, MIB
from tests.advise.machines import LLAMA_70B, QWEN3_30B, machine, model, unified
from tests.catalog_models import loaded
from tests.machine_fixtures import MACHINES

pytestmark = pytest.mark.sweep

PARTS, EACH = 4, 12
SMALL, EXPERTS, LARGE = "qwen3-0.6b", "gpt-oss-20b", "gpt-oss-120b"
DENSE, SPARSE = model("llama", LLAMA_70B), model("qwen3moe", QWEN3_30B)
ONCE_WRONG = (
    Question("linux-arc-a770-16g-rebar-off", "stablelm-zephyr-3b", 32768),
    Question("linux-wsl2-without-gpu", "phi-2", 32768),
    Question("linux-laptop-single-channel-8g", "exaone-3.5-2.4b", 32768),
    Question("linux-gh200-480g", "stablelm-2-12b-chat", 4096),
    Question("linux-2xeon-x5650-gtx1060", "minicpm3-4b", 4096),
    Question("linux-p40-24g-hot-narrow", "grok-1-314b", 8192),
    Question("windows-9070xt-16g-no-page-file", "gemma-4-e2b-it", 32768),
    Question("linux-2x3090-64g-half-full", "gpt-oss-120b", 32768),
)
"""
Heads that no cache type but f16 divides, or that have no kernel for flash attention, and an architecture for which it
is forced off: their choices raised, or took other memory than was told. Last, experts in RAM beside two cards, of which
a load takes more on one than llama.cpp measures before it.
"""

WORDS = "llama-server -m x-Q8_0.gguf -c 4096 -np 1 -ngl 49 --fit off"


@pytest.mark.parametrize("part", range(PARTS))
def test_no_choice_of_a_sample_is_over_its_budget(part: int) -> None:
    """
    Of some machines, models and contexts, every command takes what is told, and that fits; ``make budgets`` draws
    others.
    """
    seed = f"20261201.{part}"
    questions = budgets.sample(EACH, seed)
    faults = [fault for group in budgets.by_model(questions) for fault in faults_of(group)]

    assert faults == [], f"budgets.sample({EACH}, {seed!r})"


@pytest.mark.parametrize("question", ONCE_WRONG, ids=lambda question: question.model)
def test_models_that_were_once_over_are_within_budget(question: Question) -> None:
    """
    What their commands take is what is told, and none of them raises.
    """
    assert faults_of([question]) == []


@pytest.mark.parametrize("name", MACHINES)
def test_no_choice_on_any_machine_is_over_its_budget(name: str) -> None:
    """
    A small model, a mixture of experts, and one that is too large for most.
    """
    tallies = [
        budgets.answered([Question(name, model, 8192)], full=True, other=checking(model))
        for model in (SMALL, EXPERTS, LARGE)
    ]

    assert [fault for tally in tallies for fault in tally.faults] == []


@pytest.mark.parametrize("name", ["linux-2x3090-64g-half-full", "linux-4060laptop-8g-32g", "macos-m3max-64g"])
def test_the_settings_for_ollama_are_within_budget_too(name: str) -> None:
    """
    What num_gpu, num_ctx and num_batch come to is what is told of the choice.
    """
    questions = [Question(name, model, 8192, "ollama") for model in (SMALL, EXPERTS)]

    assert [fault for question in questions for fault in faults_of([question])] == []


@pytest.mark.parametrize("priority", ["balanced", "speed"])
def test_slots_that_share_a_context_are_within_budget_too(priority: budgets.Priority) -> None:
    """
    Both programs' commands are, the one with slots and the one without.
    """
    asked = Question("linux-lab-5-cards-256g", "cogito-v1-32b", 131072, parallel=2, priority=priority)

    assert faults_of([asked]) == []


def test_a_choice_is_over_where_less_is_free() -> None:
    """
    The check sees a choice that was made for a card with 4 GiB more.
    """
    checked = checked_again(answer_on(machine((24,))), on=machine((20,)))

    assert checked.over
    assert [fault for fault in checked.faults if fault.startswith("gpu0 lacks")] != []


def test_a_command_that_says_more_than_the_choice_is_noticed() -> None:
    """
    One layer more on the GPU is other bytes than those told.
    """
    answer = answer_on(machine((24,)))
    (choice, *_) = answer.choices
    line = choice.commands["llama.cpp"]
    more = line.replace(f"-ngl {choice.gpu_layers} ", f"-ngl {choice.gpu_layers + 1} ")

    assert checked_again(answer).faults == ()
    assert checked_again(answer, {"llama.cpp": more}).faults != ()


def test_one_estimator_for_all_questions_gives_the_same_answers() -> None:
    """
    What it keeps from one machine does not change what another is told, smaller models included.
    """
    questions = [
        Question(name, EXPERTS, 4096) for name in ("linux-vm-4g-swapping", "linux-4060laptop-8g-32g")
    ]

    assert budgets.answered(questions, kept=True) == budgets.answered(questions)


def test_shared_memory_is_counted_once() -> None:
    """
    The GPU has its working set, and host and GPU together no more than is free, each less what is kept free.
    """
    assert room(unified(62, 48)) == {
        ("gpu0",): 48 * GIB - 512 * MIB,
        ("host",): 62 * GIB - 512 * MIB,
        ("host", "gpu0"): 62 * GIB - 512 * MIB,
    }


def test_experts_kept_by_name_are_read_back() -> None:
    """
    A pattern of -ot for the experts of two layers says the same as the layers themselves.
    """
    pattern = r"blk\.(3|40)\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU"
    read = llama_cpp(f"{WORDS} -ot '{pattern}'", machine((24,)), SPARSE, "cuda")

    assert read.settings.cpu_moe_layers == (3, 40)


@pytest.mark.parametrize(
    "words",
    [
        r"-ot 'blk\.3\.attn_q=CPU'",
        r"-ot 'blk\.3\.ffn_up_exps=CPU'",
        "-ot 'exps=CUDA0'",
        "--device CUDA1",
        "-ts 1,1",
        "--rpc elsewhere",
    ],
)
def test_what_is_not_understood_is_refused(words: str) -> None:
    """
    Attention or half of the experts moved, devices that are not there, and unknown words are faults.
    """
    with pytest.raises(UnreadableError):
        llama_cpp(f"{WORDS} {words}", machine((24,)), SPARSE, "cuda")


def test_a_device_that_is_not_to_be_used_is_noticed() -> None:
    """
    A command that names no device uses all that are listed, also one that another program has.
    """
    both = machine((24, 24))
    busy = msgspec.structs.replace(both.accelerators[1], usable=False, why_not="it is busy")
    other = msgspec.structs.replace(both, accelerators=(both.accelerators[0], busy))

    with pytest.raises(UnreadableError, match="it would use gpu1"):
        llama_cpp(WORDS, other, SPARSE, "cuda")
    named = llama_cpp(f"CUDA_VISIBLE_DEVICES=GPU-0 {WORDS} --device CUDA0", other, SPARSE, "cuda")

    assert [one.id for one in named.hardware.devices] == ["gpu0"]


def test_integrated_graphics_are_left_alone_beside_a_card() -> None:
    """
    A command that names no device uses both only where it says so.
    """
    both = machine((24, 8))
    first, second = both.accelerators
    mixed = msgspec.structs.replace(
        both, accelerators=(first, msgspec.structs.replace(second, integrated=True))
    )
    unnamed = llama_cpp(WORDS, mixed, SPARSE, "cuda")
    named = llama_cpp(f"{WORDS} --device CUDA0,CUDA1", mixed, SPARSE, "cuda")

    assert [one.id for one in unnamed.hardware.devices] == ["gpu0"]
    assert [one.id for one in named.hardware.devices] == ["gpu0", "gpu1"]


@cache
def checking(name: str) -> Estimator:
    """
    The estimator that checks all choices of a model, whose graphs of every layer serve each machine.
    """
    return Estimator(loaded(name))


def faults_of(group: list[Question]) -> list[str]:
    return budgets.answered(group, full=True).faults


def answer_on(snapshot: Snapshot) -> Recommendation:
    return recommend(DENSE, snapshot, Wishes(ctx_size=8192), engines.commands("llama.cpp"))


def checked_again(
    answer: Recommendation, commands: Mapping[str, str] | None = None, on: Snapshot | None = None
) -> Checked:
    """
    The check of the first choice, with other commands or on another machine if those are given.
    """
    first: Choice = answer.choices[0]
    choice = msgspec.structs.replace(first, commands=commands or first.commands)
    return check(choice, answer, DENSE, on or machine((24,)), Estimator(DENSE))
