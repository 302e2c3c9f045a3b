"""
What a way to serve is worth: each part by itself, against the same way without it.
"""

from math import log2
from typing import Any

import msgspec
import pytest

import llmprobe
from llmprobe.advise.serving.ranking import SHORT_LENGTH, points, ranked
from llmprobe.advise.serving.search import Way, ways
from llmprobe.estimation.serving import memory_model
from llmprobe.facts.recommendation import Quality, Wishes
from llmprobe.model.checkpoints import own, quantization_of
from llmprobe.site.cards import cards
from llmprobe.words.message import message

MEMORY = memory_model("vllm")
WISHES = Wishes(engine="vllm")


def _ways(length: int, *, gpus: str = "RTX 4090", model: str = "llama3.1-8b") -> list[Way]:
    spec = llmprobe.load_model(model)
    checkpoint = own(spec)
    found = cards(llmprobe.probe(gpus=gpus, ram="64GiB"), ("cuda",))
    offers = [(checkpoint, quantization_of(checkpoint.format)[1])]
    return list(ways(spec, offers, found, MEMORY, MEMORY.version(None), length=length, users=1))


@pytest.fixture(scope="module")
def way() -> Way:
    """Llama 3.1 8B in 16 bits on one card, requests of the usual length."""
    return _ways(32768)[0]


def _worth(way: Way, wishes: Wishes = WISHES) -> float:
    return points(way, wishes, MEMORY)[1]


def _lost(value: float | None) -> Quality:
    basis = message("quality.unknown")
    return Quality(value=value, metric="kld", basis=basis, words=basis)


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"quality": _lost(0.01)}, -14 * 0.01),
        ({"quality": _lost(None)}, -14 * 0.1),
        ({"native": False}, -0.15),
        ({"gives_up": ("enforce_eager",)}, -0.3),
        ({"gives_up": ("kv_cache_dtype",)}, -0.05),
        ({"gives_up": ("max_num_seqs",)}, 0.0),
        ({"step_s": 1 / 7.5}, -0.25),
        ({"step_s": 1 / 15}, 0.0),
        ({"step_s": 1 / 60}, 0.0),
    ],
    ids=str,
)
def test_each_part_counts_by_itself(way: Way, changed: dict[str, Any], difference: float) -> None:
    """A divergence counts 14 times; unpacking 0.15; half of 15 tokens/s a quarter of a point, more than 15 nothing."""
    plain = msgspec.structs.replace(way, quality=_lost(0.0), native=True, gives_up=(), step_s=1 / 60)

    assert _worth(msgspec.structs.replace(plain, **changed)) - _worth(plain) == pytest.approx(difference)


def test_speed_counts_more_for_who_wants_it(way: Way) -> None:
    """A slow request costs twice as much with --priority speed, a loss 0.4 times as much."""
    hurried = Wishes(engine="vllm", priority="speed")
    plain = msgspec.structs.replace(way, quality=_lost(0.0), step_s=1 / 60)
    slow = msgspec.structs.replace(plain, step_s=1 / 7.5)
    lossy = msgspec.structs.replace(plain, quality=_lost(0.01))

    assert _worth(slow, hurried) - _worth(plain, hurried) == pytest.approx(-0.5)
    assert _worth(lossy, hurried) - _worth(plain, hurried) == pytest.approx(-0.4 * 0.14)


def test_shorter_requests_than_usual_cost(way: Way) -> None:
    """A quarter of 32,768 tokens is two halvings of 0.2 where nobody asked for a length; as wished it costs nothing."""
    short = msgspec.structs.replace(way.settings, max_model_len=8192)
    same = msgspec.structs.replace(way, settings=short)
    long = msgspec.structs.replace(way, settings=msgspec.structs.replace(short, max_model_len=32768))
    asked = Wishes(engine="vllm", ctx_size=8192)

    assert _worth(same) - _worth(long) == pytest.approx(-0.4)
    assert _worth(same, asked) == pytest.approx(_worth(long, asked))


def test_a_pool_twice_as_large_is_worth_a_tenth(way: Way) -> None:
    """By its tokens against the usual length, not by requests of its own length."""
    pool = way.result.pool
    assert pool is not None
    more = msgspec.structs.replace(pool.tokens, likely=2 * pool.tokens.likely)
    twice = msgspec.structs.replace(way.result, pool=msgspec.structs.replace(pool, tokens=more))

    assert _worth(msgspec.structs.replace(way, result=twice)) - _worth(way) == pytest.approx(0.1)


def test_what_is_sure_comes_first(way: Way) -> None:
    """Whatever it is worth otherwise."""
    unsure = msgspec.structs.replace(way, result=msgspec.structs.replace(way.result, sure=False))

    assert points(way, WISHES, MEMORY)[0]
    assert not points(unsure, WISHES, MEMORY)[0]
    assert points(msgspec.structs.replace(way, quality=_lost(1.0)), WISHES, MEMORY) > points(
        unsure, WISHES, MEMORY
    )


def test_lengths_that_are_tried() -> None:
    """The usual length, and a shorter one only where nothing surely serves it: 8B in 16 bits do on 24 GB, not on 20."""
    tried: dict[str, list[int]] = {"RTX 4090": [], "RTX 3080 20GB": []}
    spec = llmprobe.load_model("llama3.1-8b")
    for gpus, lengths in tried.items():

        def find(length: int, gpus: str = gpus, lengths: list[int] = lengths) -> list[Way]:
            lengths.append(length)
            return _ways(length, gpus=gpus)

        found = ranked(spec, WISHES, find, MEMORY)
        assert found.length == lengths[-1]
        assert [note.values["ctx_size"] for note in found.notes] == [found.length]

    assert tried["RTX 4090"] == [32768]
    assert tried["RTX 3080 20GB"] == [32768, SHORT_LENGTH]


@pytest.mark.parametrize(
    ("wishes", "asked"),
    [
        (Wishes(engine="vllm", ctx_size=32768), 32768),
        (Wishes(engine="vllm", max_ctx=True), 32768),
        (Wishes(engine="vllm", ctx_size=SHORT_LENGTH), SHORT_LENGTH),
    ],
    ids=("32k", "max", "8k"),
)
def test_a_wished_length_stays(wishes: Wishes, asked: int) -> None:
    """Nothing shorter is tried where a length is wished, whether or not it surely fits."""
    lengths: list[int] = []

    def find(length: int) -> list[Way]:
        lengths.append(length)
        return _ways(length, gpus="RTX 3080 20GB")

    assert ranked(llmprobe.load_model("llama3.1-8b"), wishes, find, MEMORY).length == asked
    assert lengths == [asked]


def test_many_users_count_by_their_own_speed(way: Way) -> None:
    """The speed that is weighed is that of the wished requests together, of four where fewer are wished."""
    few, four, many = (Wishes(engine="vllm", parallel=parallel) for parallel in (1, 4, 32))
    rates = [way.tokens_per_s(users, 4096, MEMORY) for users in (4, 32)]
    assert rates[0] is not None
    assert rates[1] is not None

    assert _worth(way, few) == _worth(way, four)
    gained = 0.25 * log2(rates[1].likely / rates[0].likely)
    assert _worth(way, many) - _worth(way, few) == pytest.approx(gained)
