"""
The time of a step of an engine that serves, stage by stage, and what a network between the stages adds.
"""

import msgspec
import pytest

import llmprobe
from llmprobe.estimation.serving import memory_model, speed
from llmprobe.estimation.serving.case import Case
from llmprobe.estimation.serving.weights import rank_weights
from llmprobe.estimation.speed.shares import fp16_flops
from llmprobe.facts.devices import Network
from llmprobe.facts.serving import Card, ServingSettings
from llmprobe.units import GIB

CARD = Card(name="A", total_bytes=80 * GIB, bandwidth_bytes_per_s=10**12)
SLOW = msgspec.structs.replace(CARD, bandwidth_bytes_per_s=10**11)
GIGABIT = Network(bytes_per_s=125_000_000)
LAYERS, HIDDEN = 64, 5120
"""Of Qwen3 32B."""


def _case(*cards: Card, network: Network | None = None) -> Case:
    return Case(llmprobe.load_model("qwen3-32b"), None, cards, (0, 33, 0), network)


def _settings(case: Case, *, tensor: int = 1, pipeline: int = 2) -> ServingSettings:
    return memory_model("vllm").settled(
        case, {"max_model_len": 4096, "tensor_parallel_size": tensor, "pipeline_parallel_size": pipeline}
    )


def _step(case: Case, users: int, *, pipeline: int = 2, hop_s: float = 0.0, end: int = 0) -> float:
    pace = speed.Pace(hop_s, end)
    found = speed.step_seconds(case, _settings(case, pipeline=pipeline), users, 0, pace)
    assert found is not None
    return found


def test_one_request_goes_through_one_stage_after_the_other() -> None:
    """
    Each reads its weights at three quarters of its own bandwidth, each layer takes 45 µs
    besides, and the request 10 µs in each stage.
    """
    case = _case(CARD, SLOW)
    settings = _settings(case)
    first, last = (rank_weights(case, settings, stage) for stage in (0, 1))
    read = first.layers / (0.75 * 10**12) + (last.layers + last.output) / (0.75 * 10**11)
    by_hand = read + LAYERS * 45e-6 + 2 * 10e-6

    assert _step(case, 1) == pytest.approx(by_hand)


def test_two_requests_are_served_at_the_same_time() -> None:
    """One in each stage: together they take as long as one of them, where both stages take as long."""
    case = _case(CARD, CARD)

    assert _step(case, 2) == pytest.approx(_step(case, 1), rel=0.05)
    assert _step(_case(CARD, SLOW), 2) > 1.5 * _step(_case(CARD, SLOW), 1)


def test_a_large_batch_waits_for_arithmetic() -> None:
    """
    100,000 requests without a cache on an H100: two operations for each of its parameters and requests, at 45 % of the
    rate, more than its weights take to read, and 10 µs for each request.
    """
    card = msgspec.structs.replace(
        CARD, name="NVIDIA H100 80GB HBM3", bandwidth_bytes_per_s=3_350_000_000_000
    )
    case = _case(card)
    flops = fp16_flops(card.name, card.bandwidth_bytes_per_s)
    assert flops is not None
    by_hand = 2 * case.model.parameters * 100_000 / (0.45 * flops) + LAYERS * 45e-6 + 1.0

    assert _step(case, 100_000, pipeline=1) == pytest.approx(by_hand)


def test_a_network_adds_its_hops_and_the_values_of_a_token() -> None:
    """
    Two stages: to the second one and back, 2 x 1 ms; 5120 numbers of two bytes go over once for each request of a
    batch, 82 µs at a gigabit.
    """
    with_network, without = _case(CARD, CARD, network=GIGABIT), _case(CARD, CARD)
    added = _step(with_network, 1, hop_s=0.001) - _step(without, 1)

    assert added == pytest.approx(2 * 0.001 + 2 * HIDDEN / 125e6)


def test_a_prompt_goes_over_the_network_token_by_token() -> None:
    """Seconds for a token of a prompt grow by 10,240 bytes over the rate of the network."""
    card = msgspec.structs.replace(
        CARD, name="NVIDIA H100 80GB HBM3", bandwidth_bytes_per_s=3_350_000_000_000
    )
    alone, joined = (_case(card, card, network=network) for network in (None, GIGABIT))
    plain, slower = (speed.prompt(case, _settings(case)) for case in (alone, joined))
    assert plain is not None
    assert slower is not None

    assert 1 / slower.likely - 1 / plain.likely == pytest.approx(2 * HIDDEN / 125e6)
    assert slower.low < slower.likely < slower.high


def test_the_range_holds_what_a_hop_may_take() -> None:
    """
    At the slow end each hop takes 2 ms, a layer 140 µs and a request 50 µs (in each of two stages), and all of it
    1 / 0.55; at the fast end 0.1 ms, 30 µs, nothing and 1 / 1.35.
    """
    case = _case(CARD, CARD, network=GIGABIT)
    found = speed.generation(case, _settings(case), 1, 0)
    assert found is not None

    # Without its hops.
    usual = _step(case, 1)
    slow = usual + LAYERS * 95e-6 + 2 * 40e-6 + 2 * 0.002
    fast = usual - LAYERS * 15e-6 - 2 * 10e-6 + 2 * 0.0001

    assert found.low == pytest.approx(0.55 / slow)
    assert found.likely == pytest.approx(1 / _step(case, 1, hop_s=0.0005))
    assert found.high == pytest.approx(1.35 / fast)


def test_a_round_trip_of_its_own_takes_the_place_of_the_usual_one() -> None:
    """Two hops at 5 ms are 4.8 ms longer each than at 0.2 ms."""
    far = _case(CARD, CARD, network=msgspec.structs.replace(GIGABIT, round_trip_s=0.005))
    near = _case(CARD, CARD, network=GIGABIT)

    assert _step(far, 1, hop_s=0.001) - _step(near, 1, hop_s=0.001) == pytest.approx(2 * 0.0048)


def test_a_stage_of_unknown_bandwidth_has_no_speed() -> None:
    """Nor has the whole."""
    unknown = msgspec.structs.replace(CARD, bandwidth_bytes_per_s=None)
    case = _case(CARD, unknown)

    assert speed.step_seconds(case, _settings(case), 1, 0) is None
    assert speed.generation(case, _settings(case), 1, 0) is None


def test_without_graphs_each_layer_starts_its_kernels() -> None:
    """64 layers take 150 µs more each, 9.6 ms a step."""
    case = _case(CARD)
    plain = _settings(case, pipeline=1)
    eager = msgspec.structs.replace(plain, enforce_eager=True)
    steps = [speed.step_seconds(case, settings, 1, 0) for settings in (plain, eager)]
    assert steps[0] is not None
    assert steps[1] is not None

    assert steps[1] - steps[0] == pytest.approx(LAYERS * 150e-6)
