"""
What a search tries: quantizations, types of cache, micro-batches and sets of devices.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.advise.choose.candidates import find, quants_for
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.variants import varied
from llmprobe.advise.recommend import Advice
from llmprobe.advise.search.case import Misfit
from llmprobe.errors import UsageError
from llmprobe.estimation.kept import estimator_of
from llmprobe.facts.engine import Abilities
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Wishes
from llmprobe.site.site import Shortfall
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, machine, model, unified

DENSE = model("llama", LLAMA_8B)
ODD_HEADS = model(
    "llama", LLAMA_8B | {"embedding_length": 32 * 80, "block_count": 4, "rope.dimension_count": 80}
)
ENCODER = msgspec.structs.replace(
    model("llama", LLAMA_8B | {"block_count": 4}),
    hparams=LLAMA_8B | {"block_count": 4, "attention.causal": False, "pooling_type": 1},
)


def problem(
    snapshot: Snapshot, spec: ModelSpec = DENSE, abilities: Abilities | None = None, **wishes: Any
) -> Problem:
    usual: dict[str, Any] = {"ctx_size": 4096, "quants": ("Q4_K_M",)}
    return Advice(spec, {}, abilities=abilities or Abilities()).problem(snapshot, Wishes(**(usual | wishes)))


def tried(asked: Problem) -> list[tuple[str, str, int]]:
    """
    The types of cache and the micro-batch of every candidate, each once.
    """
    found = [one.settings for one in find(asked)[0]]
    return list(dict.fromkeys((one.cache_type_k, one.cache_type_v, one.ubatch_size) for one in found))


@pytest.mark.parametrize(
    ("fields", "wished", "expected"),
    [
        ({}, (), None),
        ({}, ("Q2_K", "Q8_0"), ("Q2_K", "Q8_0")),
        ({"published_quant": "MXFP4"}, (), ("MXFP4",)),
        ({"published_quant": "MXFP4"}, ("Q2_K",), ("Q2_K",)),
        ({"quant": "Q5_0"}, (), ("Q5_0",)),
        ({"quant": "Q5_0"}, ("Q2_K",), ("Q5_0",)),
        ({"quant": "Q6_K", "source": "installed"}, ("Q2_K",), ("Q2_K",)),
        ({"quant": "Q6_K", "source": "installed"}, ("Q2_K", "Q6_K"), ("Q6_K", "Q2_K")),
        ({"quant": "Q6_K", "source": "installed", "published_quant": "MXFP4"}, (), ("Q6_K", "MXFP4")),
        ({"quant": "MXFP4", "source": "installed", "published_quant": "MXFP4"}, (), ("MXFP4",)),
    ],
)
def test_the_quantizations_that_are_tried(
    fields: dict[str, Any], wished: tuple[str, ...], expected: tuple[str, ...] | None
) -> None:
    """
    A file's own; of an installed model its own and the wished ones; else the wished, the published, the usual.
    """
    estimator = estimator_of(msgspec.structs.replace(DENSE, **fields))
    found = quants_for(estimator, Wishes(quants=wished))

    if expected is None:
        assert (found[0], found[-1], len(set(found))) == ("BF16", "IQ2_XXS", 12)
    else:
        assert found == expected


def test_an_installed_model_is_tried_before_the_usual_ones() -> None:
    """
    Its own quantization first, and none twice.
    """
    found = quants_for(
        estimator_of(msgspec.structs.replace(DENSE, quant="Q6_K", source="installed")), Wishes()
    )

    assert found[0] == "Q6_K"
    assert (len(found), len(set(found))) == (12, 12)


@pytest.mark.parametrize(
    ("wishes", "abilities", "expected"),
    [
        ({}, {}, [("f16", "f16", 512)]),
        ({"priority": "speed"}, {}, [("f16", "f16", 512), ("f16", "f16", 128), ("q8_0", "q8_0", 512)]),
        ({"priority": "speed"}, {"cache_types": ("q8_0",)}, [("q8_0", "q8_0", 512), ("q8_0", "q8_0", 128)]),
        ({"priority": "speed"}, {"ubatch_sizes": (512,)}, [("f16", "f16", 512), ("q8_0", "q8_0", 512)]),
        ({"priority": "quality"}, {}, [("f16", "f16", 512)]),
        ({"cache_type_k": "q4_0"}, {}, [("q4_0", "f16", 512)]),
        ({"cache_type_v": "q4_0"}, {}, [("f16", "q4_0", 512)]),
        ({"cache_type_k": "q4_0"}, {"same_cache_types": True}, [("q4_0", "q4_0", 512)]),
        ({"cache_type_v": "q8_0"}, {"cache_types": ("q8_0", "f16")}, [("f16", "q8_0", 512)]),
    ],
)
def test_caches_and_micro_batches_that_are_tried(
    wishes: dict[str, Any], abilities: dict[str, Any], expected: list[tuple[str, str, int]]
) -> None:
    """
    The engine's own first, smaller ones where that is asked for; a requested type alone, as the engine can be given it.
    """
    found = tried(problem(machine((24,)), abilities=Abilities(**abilities), **wishes))

    assert found[: len(expected)] == expected
    assert ("priority" in wishes) or len(found) == 1


def test_heads_that_are_no_whole_blocks_have_no_quantized_cache() -> None:
    """
    80 values are no multiple of the 32 of q8_0, so that f16 alone is tried.
    """
    found = tried(problem(machine((24,)), ODD_HEADS, priority="speed"))

    assert {one[0] for one in found} == {"f16"}


@pytest.mark.parametrize(
    ("wishes", "abilities", "name"),
    [
        (
            {"cache_type_k": "q4_0", "cache_type_v": "q8_0"},
            {"same_cache_types": True},
            "error.cache-types-differ",
        ),
        ({"cache_type_k": "q4_0"}, {"cache_types": ("f16", "q8_0")}, "error.cache-type-not-offered"),
        ({"cache_type_v": "q4_0"}, {"cache_types": ("f16", "q8_0")}, "error.cache-type-not-offered"),
    ],
)
def test_a_cache_that_an_engine_does_not_offer_is_an_error(
    wishes: dict[str, Any], abilities: dict[str, Any], name: str
) -> None:
    """
    Two types where it has one for both, and one that it does not know.
    """
    with pytest.raises(UsageError) as raised:
        find(problem(machine((24,)), abilities=Abilities(**abilities), **wishes))

    assert getattr(raised.value.message, "id", None) == name


@pytest.mark.parametrize(
    ("abilities", "expected"),
    [
        ({}, [1, 0]),
        ({"backends": ("cuda",)}, [1, 0]),
        ({"backends": ("rocm",)}, [0]),
        ({"partial": False}, [1]),
        ({"backends": ("rocm",), "partial": False}, []),
    ],
)
def test_an_engine_runs_on_its_own_devices(abilities: dict[str, Any], expected: list[int]) -> None:
    """
    On none where it needs no GPU; what it can run on nothing of is rejected for that.
    """
    asked = problem(machine((3,)), abilities=Abilities(**abilities))
    found, rejected, _ = find(asked)
    whole, _, _ = find(problem(machine((24,)), abilities=Abilities(**abilities)))

    if abilities.get("partial", True):
        assert [len(one.devices) for one in found] == expected
    assert {len(one.devices) for one in whole} == {one for one in expected if one or len(expected) == 1}
    if not expected:
        assert [one.why for one in rejected] == [message("rejected.no-device", engine="llama.cpp")]


def test_a_model_on_a_card_is_not_tried_on_the_processor() -> None:
    """
    It could only be slower there; one that is on the card in part is.
    """
    assert [len(one.devices) for one in find(problem(machine((24,))))[0]] == [1]
    assert [len(one.devices) for one in find(problem(machine((3,))))[0]] == [1, 0]


@pytest.mark.parametrize(
    ("vram", "expected"),
    [
        ((24, 24), [2, 1]),
        ((4, 4), [2]),
        ((3, 2), [2, 0]),
    ],
)
def test_fewer_cards_are_tried_where_they_hold_all_weights(
    vram: tuple[float, ...], expected: list[int]
) -> None:
    """
    4.6 GiB of weights: one of 24 GiB does, one of 4 does not.
    """
    assert [len(one.devices) for one in find(problem(machine(vram)))[0]] == expected


@pytest.mark.parametrize(("parallel", "expected"), [(1, (8192, 8192)), (8, (1024, 2048))])
def test_a_model_of_vectors_has_the_micro_batch_of_a_slot(parallel: int, expected: tuple[int, int]) -> None:
    """
    And a batch that is no smaller than that nor than the engine's own.
    """
    found = find(problem(machine((24,)), ENCODER, ctx_size=8192, parallel=parallel))[0]

    assert {(one.settings.ubatch_size, one.settings.batch_size) for one in found} == {expected}


def test_what_is_short_of_memory_lacks_the_least_that_was_found() -> None:
    """
    Of all ways of a quantization; one that fits somewhere lacks nothing.
    """
    asked = problem(machine((3,), ram_gib=2), quants=("Q4_K_M", "IQ2_XXS"))
    found, rejected, misfits = find(asked)
    alone = find(problem(machine((), ram_gib=2)))[2]["Q4_K_M"]

    assert {one.quant for one in found} == {"IQ2_XXS"}
    assert [one.what for one in rejected] == list(misfits) == ["Q4_K_M"]
    assert rejected[0].missing_bytes == misfits["Q4_K_M"].missing_bytes
    assert 0 < misfits["Q4_K_M"].missing_bytes < alone.missing_bytes


@pytest.mark.parametrize(
    ("shortfalls", "known", "missing"),
    [
        ((Shortfall("host", 5), Shortfall("gpu0", 7)), True, 12),
        ((Shortfall("host", 5), Shortfall("gpu0", 7, known=False)), False, 12),
        ((Shortfall("gpu0", 7), Shortfall("shared", 9)), True, 9),
        ((Shortfall("gpu0", 7), Shortfall("shared", 4)), True, 7),
        ((Shortfall("shared", 4),), True, 4),
    ],
)
def test_what_is_missing_is_counted_once(
    shortfalls: tuple[Shortfall, ...], known: bool, missing: int
) -> None:
    """
    A shared shortfall contains that of its device; host and devices add up.
    """
    misfit = Misfit(shortfalls=shortfalls)

    assert (misfit.known, misfit.missing_bytes) == (known, missing)


@pytest.mark.parametrize(
    ("snapshot", "where"),
    [
        (machine(ram_gib=2), ("pool.ram",)),
        (msgspec.structs.replace(unified(2, 2), accelerators=()), ("pool.ram",)),
    ],
)
def test_what_is_rejected_says_where_it_lacks(snapshot: Snapshot, where: tuple[str, ...]) -> None:
    """
    In RAM, also where a GPU that there is not could share it.
    """
    (one,) = find(problem(snapshot))[1]

    short = tuple(
        message("pool.short", missing_bytes=one.missing_bytes, pool=message(name)) for name in where
    )
    assert one.why == message("rejected.too-little-free", where=short)


def test_a_model_that_is_whole_on_the_card_is_not_varied() -> None:
    """
    Nor one on the processor alone, in shared memory, or of vectors.
    """
    for snapshot, spec in (
        (machine((24,)), DENSE),
        (machine(()), DENSE),
        (unified(60, 48), DENSE),
        (machine((24,)), ENCODER),
    ):
        asked = problem(snapshot, spec)
        assert varied(asked, find(asked)[0][0]) == []


@pytest.mark.parametrize(
    ("abilities", "expected"),
    [
        (
            {},
            {
                (1024, True, "f16"),
                (2048, True, "f16"),
                (512, True, "q8_0"),
                (512, False, "f16"),
                (1024, False, "f16"),
                (2048, False, "f16"),
            },
        ),
        ({"kv_on_host": False}, {(1024, True, "f16"), (2048, True, "f16"), (512, True, "q8_0")}),
        ({"kv_on_host": False, "cache_types": ("f16",)}, {(1024, True, "f16"), (2048, True, "f16")}),
        (
            {"ubatch_sizes": (512, 1024), "cache_types": ("f16",)},
            {(1024, True, "f16"), (512, False, "f16"), (1024, False, "f16")},
        ),
    ],
)
def test_what_stays_in_ram_in_part_is_varied(
    abilities: dict[str, Any], expected: set[tuple[int, bool, str]]
) -> None:
    """
    By larger micro-batches, by a smaller cache, and by the cache in RAM, as the engine can be given them; never into
    what it is.
    """
    asked = problem(machine((8,)), abilities=Abilities(**abilities), ctx_size=65536)
    first, *others = [one for one in find(asked)[0] if one.quant == "Q4_K_M" and one.devices]
    found = [*others, *varied(asked, first)]

    assert {
        (one.settings.ubatch_size, one.settings.kv_offload, one.settings.cache_type_k) for one in found
    } == expected
    assert all(one.settings.cache_type_k == one.settings.cache_type_v for one in found)


def test_a_requested_cache_is_not_made_smaller() -> None:
    """
    Nor one that is small already.
    """
    for kind in ("f16", "q8_0"):
        wishes: dict[str, Any] = {"cache_type_k": kind, "cache_type_v": kind}
        asked = problem(machine((8,)), ctx_size=65536, **wishes)

        found = find(asked)[0]

        assert {one.settings.cache_type_k for one in (*found, *varied(asked, found[0]))} == {kind}


def test_the_longest_context_has_its_smaller_cache_already() -> None:
    """
    Both types are placed there, each at its own longest, once.
    """
    asked = problem(machine((8,)), ctx_size=None, max_ctx=True)
    small = [one for one in find(asked, ("Q4_K_M",))[0] if one.settings.cache_type_k == "q8_0"]

    assert small
    assert len({(one.devices, one.settings.ubatch_size) for one in small}) == len(small)


def test_a_small_cache_is_not_left_to_the_ram() -> None:
    """
    What it makes room for is read too fast to make up for what it costs; half of it is no more.
    """
    small = problem(machine((3,)), ctx_size=512)
    first, *others = find(small)[0]
    found = [*others, *varied(small, first)]

    assert {(one.settings.kv_offload, one.settings.cache_type_k) for one in found} == {(True, "f16")}


@pytest.mark.parametrize("ram_gib", [5.6, 6.2, 8])
def test_the_longest_context_is_a_whole_number_of_steps(ram_gib: float) -> None:
    """
    It fits, 256 tokens more do not, and it is no longer than what the model was trained for.
    """
    wishes: dict[str, Any] = {"cache_type_k": "f16", "cache_type_v": "f16"}
    found = find(problem(machine(ram_gib=ram_gib), ctx_size=None, max_ctx=True, **wishes))[0]
    longest = max(one.settings.ctx_size for one in found)
    ubatch = next(one.settings.ubatch_size for one in found if one.settings.ctx_size == longest)
    more = problem(
        machine(ram_gib=ram_gib),
        abilities=Abilities(ubatch_sizes=(ubatch,)),
        ctx_size=longest + 256,
        **wishes,
    )

    assert longest % 256 == 0
    assert 512 <= longest < 131072
    assert find(more)[0] == []


def test_where_the_shortest_context_does_not_fit_no_other_is_tried() -> None:
    """
    What is then missing is what 512 tokens lack.
    """
    asked = problem(machine(ram_gib=4), ctx_size=None, max_ctx=True)
    shortest = problem(machine(ram_gib=4), ctx_size=512)

    assert find(asked)[2]["Q4_K_M"].missing_bytes <= find(shortest)[2]["Q4_K_M"].missing_bytes
    assert find(problem(machine(ram_gib=60), ctx_size=None, max_ctx=True))[0][0].settings.ctx_size == 131072


def test_what_is_missing_is_what_the_smallest_cache_and_micro_batch_lack() -> None:
    """
    Of all ways to keep 65,536 tokens beside weights that fit the one that lacks least is told.
    """
    snapshot = machine(ram_gib=6.2)
    asked: dict[str, Any] = {"ctx_size": 65536}
    smallest = problem(
        snapshot,
        abilities=Abilities(ubatch_sizes=(128,)),
        cache_type_k="q8_0",
        cache_type_v="q8_0",
        **asked,
    )
    largest = problem(
        snapshot, abilities=Abilities(ubatch_sizes=(512,)), cache_type_k="f16", cache_type_v="f16", **asked
    )
    found, least, most = (find(one)[2]["Q4_K_M"] for one in (problem(snapshot, **asked), smallest, largest))

    assert found.missing_bytes == least.missing_bytes < most.missing_bytes
