"""
Devices of other machines: how often they are waited for, what is sent, and processors among them.
"""

import json
from typing import Any

import msgspec
import pytest

import llmprobe
from benchmarks import rpc_relay, rpc_waits, verify_mixture
from benchmarks.verify_engine import GEMMA3, MIXTURE, SMOLLM2
from llmprobe.data import table
from llmprobe.estimation import Estimator
from llmprobe.estimation.speed.generation import generation_speed
from llmprobe.estimation.speed.network import HEADS, WAITING_S, beyond, network_parts
from llmprobe.estimation.speed.parts import Share
from llmprobe.estimation.speed.prompt import prompt_speed
from llmprobe.facts.devices import Device, Hardware, Network
from llmprobe.facts.estimate import Range
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.processor import Processor
from llmprobe.facts.settings import Settings

COUNTED: dict[str, Any] = json.loads(rpc_waits.RESULTS.read_text(encoding="utf-8"))
GIGABIT = Network(bytes_per_s=125_000_000)
EIGHT = Processor(threads=8, vectors=True)
WORDS: dict[str, tuple[str, Any]] = {
    "-ngl": ("gpu_layers", int),
    "--n-cpu-moe": ("n_cpu_moe", int),
    "-nkvo": ("kv_offload", False),
}


def remote(number: int, *, processor: Processor | None = EIGHT, rate: int = 50_000_000_000) -> Device:
    return Device(
        id=f"rpc{number}",
        backend="rpc",
        driver="cpu",
        network=GIGABIT,
        bandwidth_bytes_per_s=rate,
        processor=processor,
    )


def model(file: str) -> ModelSpec:
    if file == MIXTURE:
        return verify_mixture.model(49152)
    return llmprobe.load_model({SMOLLM2: "smollm2-135m-instruct", GEMMA3: "gemma-3-270m-it"}[file])


def shares(file: str, quant: str, count: int, words: list[str]) -> tuple[Share, ...]:
    settings: dict[str, Any] = {"ctx_size": 4096}
    for at, word in enumerate(words):
        if word in WORDS:
            name, kind = WORDS[word]
            settings[name] = kind(words[at + 1]) if callable(kind) else kind
    hardware = Hardware(devices=tuple(remote(number) for number in range(count)))
    return Estimator(model(file)).shares(quant, Settings(**settings), hardware, ram_bandwidth=50_000_000_000)


@pytest.mark.parametrize("case", COUNTED["cases"], ids=lambda case: str(case["name"]))
def test_a_device_is_waited_for_as_often_as_was_counted_on_the_wire(case: dict[str, Any]) -> None:
    """
    Once for each step, and twice for each of its layers whose experts or cache lie on the host. Between two devices a
    layer with its experts on the host may ask once more.
    """
    found = [
        one.round_trips
        for one in shares(case["model"], case["quant"] or "Q4_K_M", case["servers"], case["words"])
        if one.network is not None
    ]

    assert len(found) == len(case["answers"])
    for ours, counted in zip(found, case["answers"], strict=True):
        assert ours <= counted <= ours + (case["servers"] > 1 and ours > 1)


@pytest.mark.parametrize("case", COUNTED["cases"], ids=lambda case: str(case["name"]))
def test_a_token_takes_as_many_delays_as_it_waits_for_answers(case: dict[str, Any]) -> None:
    """
    With everything held back for 20 and for 60 ms each way, a token takes 80 ms more for each answer: nothing else is
    waited for. The machine was busy beside; a fifth is for that.
    """
    low, high = COUNTED["delays_s"]
    delays = (case["seconds"][1] - case["seconds"][0]) / (2 * (high - low))

    assert delays == pytest.approx(sum(case["answers"]), rel=0.2)


def test_what_a_step_sends_beside_values_is_what_was_counted() -> None:
    """
    Where a cache lies on its device 2 to 15 kB: heads of messages, a short mask, the values of a token.
    """
    sent = [size for case in COUNTED["cases"] if "RAM" not in case["name"] for size in case["sent_bytes"]]

    assert len(sent) > 5
    assert min(sent) > HEADS / 5
    assert max(sent) < 2 * HEADS


def share(**changes: Any) -> Share:
    return msgspec.structs.replace(
        Share(
            device="rpc0",
            backend="cuda",
            bandwidth_bytes_per_s=10**12,
            active_bytes=10**9,
            layers=10,
            network=GIGABIT,
            width=1000,
        ),
        **changes,
    )


def test_the_time_over_a_network_is_waiting_and_bytes() -> None:
    """
    Three waits, 3 x 2 x 1,000 values of 4 bytes with the heads, and half of a cache of 1 MB, at 125 MB/s; for a prompt
    of 10 tokens at once a tenth of all but the values.
    """
    one = share(round_trips=3, sent_cache_bytes=1_000_000)
    (part,) = network_parts([one], tokens=1, filled=0.5)
    (of_ten,) = network_parts([one], tokens=10, filled=0.5)

    beside = (HEADS + 500_000) / 125e6
    assert part.likely == pytest.approx(3 * WAITING_S.likely + 24_000 / 125e6 + beside)
    assert part.fastest == pytest.approx(3 * WAITING_S.low + 24_000 / 125e6 + beside)
    assert part.slowest == pytest.approx(3 * WAITING_S.high + 24_000 / 125e6 + beside)
    assert of_ten.likely == pytest.approx((3 * WAITING_S.likely + beside) / 10 + 24_000 / 125e6)
    assert list(network_parts([share(network=None)], tokens=1)) == []


def test_a_cache_in_ram_is_sent_over_the_network_with_every_step() -> None:
    """
    The mixture has 14 layers with 2 heads of 64 values: at 4,096 cells K and V in f16 are 28 MiB, of which a device
    with half of the layers is sent half.
    """
    whole = shares(MIXTURE, "Q4_0", 1, ["-nkvo"])
    half = shares(MIXTURE, "Q4_0", 1, ["-nkvo", "-ngl", "8"])

    cache = 14 * 2 * 2 * 64 * 2 * 4096
    assert [one.sent_cache_bytes for one in whole if one.network] == [cache]
    assert [one.sent_cache_bytes for one in half if one.network] == [cache // 2]
    assert all(one.sent_cache_bytes == 0 for one in shares(MIXTURE, "Q4_0", 1, []))


def test_a_processor_elsewhere_reads_as_its_own_machine_does() -> None:
    """
    All layers on another machine's processor are as slow as on a host like it, less what the network takes; and its own
    rate counts, not that of the host.
    """
    estimator = Estimator(llmprobe.load_model("llama3-8b"))

    def speed(*devices: Device, rate: int) -> float:
        found = generation_speed(
            estimator.shares(
                "Q4_K_M", Settings(ctx_size=4096), Hardware(devices=devices), ram_bandwidth=rate
            ),
            moe=False,
            processor=EIGHT,
        ).generation_tokens_per_s
        assert found is not None
        return found.likely

    alone = speed(rate=50_000_000_000)
    away = speed(remote(0), rate=200_000_000_000)
    assert 1 / away - 1 / alone == pytest.approx(WAITING_S.likely, abs=0.002)
    assert speed(remote(0, rate=25_000_000_000), rate=200_000_000_000) == pytest.approx(alone / 2, rel=0.05)


def test_a_processor_elsewhere_reads_prompts_with_its_own_cores() -> None:
    """
    Sixteen cores there read a prompt twice as fast as eight, whatever the host has; where their number is not known
    neither is the speed.
    """
    estimator = Estimator(llmprobe.load_model("llama3-8b"))

    def prompt(cores: Processor) -> float | None:
        found, _ = prompt_speed(
            table("speed"),
            estimator.shares(
                "Q4_K_M",
                Settings(ctx_size=4096),
                Hardware(devices=(remote(0, processor=cores),)),
                ram_bandwidth=50_000_000_000,
            ),
            moe=False,
            processor=Processor(threads=2, vectors=True),
        )
        return None if found is None else found.likely

    eight, sixteen = prompt(EIGHT), prompt(Processor(threads=16, vectors=True))
    assert eight is not None
    assert sixteen == pytest.approx(2 * eight, rel=0.05)
    assert prompt(Processor()) is None


def test_weights_in_ram_are_not_sent_to_another_machine_for_a_prompt() -> None:
    """
    With half of the layers on the host its own cores multiply them, where a card would be sent them.
    """
    estimator = Estimator(llmprobe.load_model("llama3-8b"))
    found, parts = prompt_speed(
        table("speed"),
        estimator.shares(
            "Q4_K_M",
            Settings(ctx_size=4096, gpu_layers=16),
            Hardware(devices=(remote(0),)),
            ram_bandwidth=50_000_000_000,
        ),
        moe=False,
        processor=EIGHT,
    )

    assert found is not None
    assert [one.id for one in parts].count("speed.cores-multiply") == 2
    assert "speed.transfer" not in {one.id for one in parts}


def test_the_relay_counts_commands_in_whatever_pieces_they_come() -> None:
    """
    A command is a byte, eight of a size, and so much content; the fourth of llama.cpp's is get_tensor's number 8.
    """
    stream = bytes([8]) + (312).to_bytes(8, "little") + bytes(312)
    stream += bytes([16]) + (12).to_bytes(8, "little") + bytes(12)
    stream += bytes([8]) + (0).to_bytes(8, "little")
    for size in (1, 7, 1000):
        counting = rpc_relay.Counting()
        for at in range(0, len(stream), size):
            counting.read(stream[at : at + size])
        assert counting.commands == {"get_tensor": 2, "graph_recompute": 1}
        assert counting.bytes == {"get_tensor": 321 + 9, "graph_recompute": 21}


def test_the_round_trip_of_a_network_moves_both_ends() -> None:
    """Of 10 ms in the place of 0.2; a round trip of next to nothing leaves the least wait at nothing, not below."""
    usual = Range(low=0.0001, likely=0.002, high=0.006)
    far, near = (msgspec.structs.replace(GIGABIT, round_trip_s=seconds) for seconds in (0.01, 1e-6))

    assert msgspec.structs.astuple(beyond(usual, far)) == pytest.approx((0.0099, 0.0118, 0.0158))
    assert msgspec.structs.astuple(beyond(usual, near)) == pytest.approx((0, 0.001801, 0.005801))
    assert beyond(usual, GIGABIT) == beyond(usual, None) == usual
