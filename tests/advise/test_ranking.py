"""
The order of candidates: no more devices than help, and nothing that another candidate beats in everything.
"""

from functools import cache

import msgspec
import pytest

from llmprobe import api
from llmprobe.advise.choose.candidates import find
from llmprobe.advise.choose.quality import HEAVY_LOSS
from llmprobe.advise.choose.ranking import ranked, spared
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.advise.recommend import Advice
from llmprobe.facts.devices import Hardware
from llmprobe.facts.recommendation import Quality, Recommendation, Wishes
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, machine, model
from tests.catalog_models import loaded

SPEC = model("llama", LLAMA_8B)
PROBLEM = Advice(SPEC, {}).problem(machine((20, 20, 20)), Wishes(ctx_size=4096, quants=("Q8_0",)))


@cache
def on_devices(count: int) -> Candidate:
    """
    The candidate on this many of three equal cards.
    """
    (found,) = (one for one in find(PROBLEM)[0] if len(one.devices) == count)
    return found


def candidate(
    devices: int,
    speed: float = 10.0,
    prompts: float = 100.0,
    *,
    loss: float = 0.01,
    ctx_size: int = 4096,
    quant: str = "Q8_0",
) -> Candidate:
    """
    A candidate with these figures.
    """
    quality = Quality(
        value=loss, usable=loss < HEAVY_LOSS, metric="test", basis=message("test"), words=message("test")
    )
    base = on_devices(devices) if devices else on_devices(1)
    hardware = base.placed.hardware if devices else Hardware()
    settings = msgspec.structs.replace(base.settings, ctx_size=ctx_size)
    return msgspec.structs.replace(
        base,
        quant=quant,
        placed=msgspec.structs.replace(base.placed, settings=settings, hardware=hardware),
        ranking_speed=speed,
        ranking_prompt_speed=prompts,
        quality=quality,
    )


@cache
def large(gpus: str, name: str) -> Recommendation:
    return api.recommend(loaded(name), api.probe(gpus=(gpus,), ram_bytes=1024 * GIB), ctx_size=8192)


@pytest.mark.parametrize(
    ("gpus", "name", "devices"),
    [
        ("8x H100", "qwen3-8b", 1),
        ("8x MI300X", "llama3-70b", 1),
        ("8x RTX 3090", "llama3-70b", 3),
        ("8x RTX 3060 12GB", "gemma-3-27b", 3),
    ],
)
def test_no_more_devices_than_help(gpus: str, name: str, devices: int) -> None:
    """
    No choice uses more of eight equal cards than its weights and caches need.
    """
    answer = large(gpus, name)
    counts = [len(choice.devices) - 1 for choice in answer.choices]
    needed = []
    for choice in answer.choices:
        (card, *_) = (one for one in choice.devices if one.id != "host")
        assert card.budget_bytes is not None
        on_cards = sum(one.weights_bytes + one.cache_bytes for one in choice.devices if one.id != "host")
        needed.append(-(-on_cards // (card.budget_bytes - 512 * 1024**2)))

    assert counts[0] == devices
    assert all(count <= need + 1 for count, need in zip(counts, needed, strict=True))


@pytest.mark.parametrize(
    ("speed", "prompts", "kept"),
    [
        (10.0, 100.0, [1]),
        (10.3, 103.0, [1]),
        (10.4, 100.0, [1, 2]),
        (10.0, 104.0, [1, 2]),
        (9.0, 104.0, [1, 2]),
    ],
)
def test_a_device_more_must_make_something_faster(speed: float, prompts: float, kept: list[int]) -> None:
    """
    A second card stays where it makes generation or prompts faster by a twentieth of a doubling (3.5 %).
    """
    found = spared([candidate(1), candidate(2, speed, prompts)])

    assert [len(one.devices) for one in found] == kept


def test_each_device_must_bring_its_part() -> None:
    """
    Two cards more must bring twice as much as one: 5 % is enough for one and too little for two.
    """
    assert [len(one.devices) for one in spared([candidate(1), candidate(2, 10.5)])] == [1, 2]
    assert [len(one.devices) for one in spared([candidate(1), candidate(3, 10.5)])] == [1]


@pytest.mark.parametrize(
    "fewer",
    [
        {"quant": "Q6_K"},
        {"loss": 0.02},
        {"ctx_size": 2048},
    ],
)
def test_only_what_is_as_good_spares_devices(fewer: dict[str, object]) -> None:
    """
    Another quantization, a loss that is larger or a shorter context on fewer devices is another choice.
    """
    pair = [candidate(1, **fewer), candidate(2)]  # type: ignore[arg-type]  # the fields are those above

    assert spared(pair) == pair


def test_the_cpu_alone_spares_no_gpu() -> None:
    """
    A GPU that is no faster than the CPU still leaves the CPU free.
    """
    pair = [candidate(0), candidate(1)]

    assert spared(pair) == pair


@pytest.mark.parametrize(
    ("other", "kept"),
    [
        ({"speed": 9.0}, 1),
        ({"prompts": 90.0}, 1),
        ({"loss": 0.02}, 1),
        ({"ctx_size": 2048}, 1),
        ({"speed": 9.0, "prompts": 110.0}, 2),
        ({"speed": 9.0, "loss": 0.005}, 2),
        ({"speed": 9.0, "ctx_size": 8192}, 2),
        ({}, 2),
    ],
)
def test_a_candidate_that_is_worse_in_everything_is_left_out(other: dict[str, object], kept: int) -> None:
    """
    Worse in something and better in nothing is no choice; better in something, or equal, is.
    """
    pair = [candidate(1), candidate(1, quant="Q6_K", **other)]  # type: ignore[arg-type]  # as above
    found, _ = ranked(PROBLEM, pair)

    assert len(found) == kept


@pytest.mark.parametrize(("more", "first"), [(0.00004, 1), (0.0004, 2)])
def test_of_equals_the_one_on_fewer_devices_comes_first(more: float, first: int) -> None:
    """
    A utility that is greater by less than a ten-thousandth is no reason to take a second card.
    """
    one = msgspec.structs.replace(candidate(1, 10, 110), utility=1.0, seconds=10.0)
    two = msgspec.structs.replace(candidate(2, 11, 100, quant="Q6_K"), utility=1.0 + more, seconds=10.0)
    best = ranked(PROBLEM, [two, one])[0][0]

    assert len(best.devices) == first
