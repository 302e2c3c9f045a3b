"""
Settings that are turned: how far, and where they end.
"""

import msgspec
import pytest

from llmprobe import api
from llmprobe.explore.dials import ALL, best, shown, turn
from llmprobe.tasks.adjusting import Adjusting, Configuration, Dials, Turned
from tests.machine_fixtures import replayed


@pytest.fixture(scope="module")
def opened() -> tuple[Dials, Configuration]:
    """
    Qwen3 30B A3B beside an RTX 4090: 49 layers, 48 of them with experts, trained for 40,960 tokens.
    """
    adjusting = Adjusting(api.load_model("qwen3-30b-a3b"), replayed("linux-4090-64g"))
    return adjusting.dials(), adjusting.first(adjusting.recommended())


@pytest.mark.parametrize(
    ("name", "before", "by", "after"),
    [
        ("quant", "Q4_K_M", 1, "Q5_K_M"),
        ("quant", "Q4_K_M", -1, "IQ4_XS"),
        ("quant", "Q4_K_M", ALL, "BF16"),
        ("quant", "Q4_K_M", -ALL, "IQ2_XXS"),
        ("ctx_size", 8192, 1, 16384),
        ("ctx_size", 8192, -1, 4096),
        ("ctx_size", 32768, 1, 40960),
        ("ctx_size", 40960, 1, 40960),
        ("ctx_size", 10000, 1, 16384),
        ("ctx_size", 10000, -1, 8192),
        ("ctx_size", 10000, -2, 4096),
        ("ctx_size", 10000, ALL, 40960),
        ("ctx_size", 100, -1, 100),
        ("gpu_layers", 40, 1, 41),
        ("gpu_layers", 40, 8, 48),
        ("gpu_layers", 45, 8, 49),
        ("gpu_layers", 3, -8, 0),
        ("n_cpu_moe", 0, -1, 0),
        ("n_cpu_moe", 47, 8, 48),
        ("cache_type_k", "f16", 2, "q8_0"),
        ("cache_type_v", "f16", -1, "f32"),
        ("parallel", 1, -1, 1),
        ("parallel", 1, 3, 4),
        ("devices", ("gpu0",), 1, ()),
        ("devices", (), -1, ("gpu0",)),
    ],
)
def test_a_turn_goes_to_what_is_next_and_ends_at_the_ends(
    opened: tuple[Dials, Configuration], name: str, before: object, by: int, after: object
) -> None:
    """
    Quantizations by size, contexts in powers of two to the trained one, layers and slots by one.
    """
    turned = msgspec.structs.replace(opened[1].turned, **{name: before})

    assert turn(name, by, turned, *opened) == msgspec.structs.replace(turned, **{name: after})


def test_a_placement_begins_where_the_search_put_it(opened: tuple[Dials, Configuration]) -> None:
    """
    One layer less than were found, and back to the search.
    """
    dials, now = opened
    fewer = turn("gpu_layers", -1, now.turned, dials, now)

    assert now.turned.gpu_layers is None
    assert fewer.gpu_layers == now.choice.gpu_layers - 1
    assert best(fewer) == now.turned
    used = tuple(each.id for each in now.choice.devices if each.id != "host")
    assert turn("devices", 0, now.turned, dials, now).devices == used


def test_what_a_model_has_not_is_not_shown(opened: tuple[Dials, Configuration]) -> None:
    """
    Experts of a dense model, and devices where nothing can be chosen.
    """
    dials, _ = opened
    dense = msgspec.structs.replace(dials, experts=0, devices=(("gpu0",),))

    assert set(shown(dials)) - set(shown(dense)) == {"n_cpu_moe", "devices"}
    alone = msgspec.structs.replace(dials, devices=((),))
    assert set(shown(dials)) - set(shown(alone)) == {"gpu_layers", "n_cpu_moe", "devices"}


def test_a_turn_of_a_turned_one_goes_on(opened: tuple[Dials, Configuration]) -> None:
    """
    Though the figures of the first turn have not come yet.
    """
    dials, now = opened
    twice = turn("parallel", 1, turn("parallel", 1, now.turned, dials, now), dials, now)

    assert twice == Turned(
        **{**{name: getattr(now.turned, name) for name in Turned.__struct_fields__}, "parallel": 3}
    )
