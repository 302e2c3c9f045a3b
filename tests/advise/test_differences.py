"""
What differs between two ways to run a model: each part is named where it differs, and only there.
"""

import pytest

from llmprobe.advise.explain.differences import Outline, differences, in_short, pace
from llmprobe.facts.estimate import Range, Speed
from llmprobe.words.message import Message, message
from tests.advise.messages import ids, inner, listed


def rate(likely: float | None) -> Range | None:
    return None if likely is None else Range(low=likely, likely=likely, high=likely)


def outline(speed: float | None = 10.0, full: float | None = 8.0, **changes: object) -> Outline:
    """
    A way to run a model that differs from the usual one in these fields.
    """
    fields: dict[str, object] = {
        "quant": "Q4_K_M",
        "quality": message("quality.good"),
        "gpu_layers": 20,
        "host_experts": 4,
        "whole": False,
        "cache_type_k": "f16",
        "kv_offload": True,
        "ctx_size": 8192,
        "speed": Speed(
            generation_tokens_per_s=rate(speed),
            prompt_tokens_per_s=None,
            reason=message("test"),
            generation_at_full_context_tokens_per_s=rate(full),
        ),
    }
    return Outline(**(fields | changes))  # type: ignore[arg-type]  # the fields are those above


NOW = outline()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"gpu_layers": 21}, [message("difference.layers", layers=21, instead=20)]),
        ({"host_experts": 5}, [message("difference.experts", layers=5, instead=4)]),
        (
            {"gpu_layers": 33, "host_experts": 0, "whole": True},
            [message("difference.all-on-gpu")],
        ),
        ({"cache_type_k": "q8_0"}, [message("difference.cache-type", cache_type="q8_0", instead="f16")]),
        ({"kv_offload": False}, [message("difference.cache-in-ram")]),
        ({"ctx_size": 4096}, [message("difference.context", ctx_size=4096, instead=8192)]),
    ],
)
def test_what_differs_is_named(changes: dict[str, object], expected: list[Message]) -> None:
    """
    Layers, experts, cache and context, in this order, before the speed.
    """
    found = differences(outline(**changes), NOW)  # type: ignore[arg-type]  # as above

    assert list(found[:-1]) == expected
    assert found[-1] == message("pace.same", tokens_per_s=10.0)


def test_what_was_whole_before_is_not_news() -> None:
    """
    Both fully on the GPU is no difference, and a cache that comes back to it is one.
    """
    whole = outline(whole=True, gpu_layers=33, host_experts=0, kv_offload=False)
    other = outline(whole=True, gpu_layers=33, host_experts=0)

    assert ids(differences(other, whole)) == ["difference.cache-on-gpu", "pace.same"]


def test_a_cache_can_be_left_out() -> None:
    """
    Where the sentence is about the cache already, its type is not repeated.
    """
    assert ids(differences(outline(cache_type_k="q8_0"), NOW, cache=False)) == ["pace.same"]


@pytest.mark.parametrize(
    ("other", "now", "expected"),
    [
        (None, 10.0, [message("pace.unknown")]),
        (None, None, [message("pace.relative", factor=0.5)]),
    ],
)
def test_unknown_speeds_are_not_compared(
    other: float | None, now: float | None, expected: list[Message]
) -> None:
    """
    A speed beside an unknown one is called unknown; two unknown ones are compared by what they were ranked by.
    """
    found = differences(outline(other, ranking_speed=5.0), outline(now, ranking_speed=10.0))

    assert list(found) == expected


@pytest.mark.parametrize(
    ("speed", "before", "name"),
    [
        (None, 10.0, None),
        (10.0, None, "pace.about"),
        (10.2, 10.0, "pace.same"),
        (9.8, 10.0, "pace.same"),
        (51.6, 50.0, "pace.instead"),
        (10.3, 10.0, "pace.same"),
        (1.04, 0.997, "pace.same"),
        (9.7, 10.0, "pace.instead"),
    ],
)
def test_a_speed_beside_another(speed: float | None, before: float | None, name: str | None) -> None:
    """
    Within 2 % it is the same, and where both are printed alike; what is unknown is left out.
    """
    found = pace(rate(speed), rate(before))

    assert (None if found is None else found.id) == name


def test_in_short_names_the_quantization_once() -> None:
    """
    The same quantization is called so; another has its quality.
    """
    same = in_short(outline(12.0), NOW)
    other = in_short(outline(12.0, quant="Q8_0"), NOW)

    assert str(same) == "still Q4_K_M, about 12 instead of 10 tokens/s"
    assert str(other) == "Q8_0 (good, the usual choice), about 12 instead of 10 tokens/s"


def test_a_full_comparison_has_the_speeds_at_the_end_of_the_context() -> None:
    """
    For another context the speeds are those with it full, and the context itself is in the sentence already.
    """
    found = in_short(outline(12.0, 6.0, ctx_size=16384), NOW, full=True)
    (part,) = listed(found, "differences")

    assert inner(part, "pace") == message("pace.instead", tokens_per_s=6.0, instead_tokens_per_s=8.0)
    assert ids(listed(in_short(outline(12.0, None), NOW, full=True), "differences")) == []


@pytest.mark.parametrize(
    ("speed", "full", "turns"),
    [(9.0, 9.0, True), (9.0, 8.0, False), (9.0, 7.0, False), (10.0, 9.0, False), (11.0, 9.0, False)],
)
def test_slower_now_and_faster_at_the_end_is_said(speed: float, full: float, turns: bool) -> None:
    """
    Only where the order of the two speeds turns are both of them given.
    """
    found = ids(listed(in_short(outline(speed, full), NOW), "differences"))

    assert ("pace.full" in found) is turns


@pytest.mark.parametrize(
    ("speed", "full", "expected"),
    [
        (
            10.0,
            6.0,
            message("pace.full", pace=message("pace.instead", tokens_per_s=6.0, instead_tokens_per_s=8.0)),
        ),
        (
            10.2,
            6.0,
            message("pace.full", pace=message("pace.instead", tokens_per_s=6.0, instead_tokens_per_s=8.0)),
        ),
        (10.0, 8.1, message("pace.same", tokens_per_s=10.0)),
        (10.0, None, message("pace.same", tokens_per_s=10.0)),
        (12.0, 6.0, message("pace.instead", tokens_per_s=12.0, instead_tokens_per_s=10.0)),
    ],
)
def test_what_is_slower_at_the_end_only_is_compared_there(
    speed: float, full: float | None, expected: Message
) -> None:
    """
    Two equal figures explain nothing: a smaller cache is worth it where the context is full.
    """
    assert differences(outline(speed, full), NOW) == (expected,)
