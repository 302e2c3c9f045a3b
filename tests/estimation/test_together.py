"""
Devices that compute together: the measured gain, and what follows for generation and prompts.
"""

import msgspec
import pytest

from llmprobe.estimation.speed.generation import generation_speed
from llmprobe.estimation.speed.parts import Share
from llmprobe.estimation.speed.prompt import offloads
from llmprobe.estimation.speed.together import gain, kind_of

CARD = Share(
    device="gpu0",
    backend="cuda",
    bandwidth_bytes_per_s=448_000_000_000,
    active_bytes=10_000_000_000,
    layers=32,
    compute_capability="12.0",
)


def test_the_range_of_large_dense_models_is_that_of_three_measurements() -> None:
    """
    1.27, 1.40 and 1.68 on two cards.
    """
    found = gain("dense", "generation")

    assert (found.low, found.likely, found.high, found.rows) == (1.27, 1.40, 1.68, 3)


def test_few_measurements_take_the_range_of_all() -> None:
    """
    One small model was measured: 1.30, and no range can be told from it.
    """
    found = gain("small", "generation")

    assert (found.low, found.likely, found.high, found.rows) == (0.77, 1.30, 1.68, 1)


@pytest.mark.parametrize(
    ("parameters", "devices", "moe", "kind"),
    [
        (32_000_000_000, 2, False, "dense"),
        (8_000_000_000, 2, False, "small"),
        (32_000_000_000, 2, True, "experts"),
        (32_000_000_000, 1, False, None),
    ],
)
def test_a_model_is_compared_with_its_like(
    parameters: int, devices: int, moe: bool, kind: str | None
) -> None:
    """
    Mixtures by themselves, dense models from 20 billion parameters on; one device gains nothing.
    """
    assert kind_of(parameters, devices, moe=moe) == kind


def test_generation_is_faster_by_the_gain_and_its_range_wider() -> None:
    """
    The likely speed is 1.4 times that of one after the other; the range takes in both doubts.
    """
    cards = (CARD, msgspec.structs.replace(CARD, device="gpu1"))
    apart = generation_speed(cards, moe=False).generation_tokens_per_s
    at_once = generation_speed(
        [msgspec.structs.replace(card, together="dense") for card in cards], moe=False
    ).generation_tokens_per_s

    assert apart is not None
    assert at_once is not None
    assert at_once.likely == pytest.approx(1.40 * apart.likely, rel=0.002)
    assert at_once.low == pytest.approx(1.27 * apart.low, rel=0.002)
    assert at_once.high == pytest.approx(1.68 * apart.high, rel=0.002)


def test_devices_that_compute_together_never_take_weights_from_ram() -> None:
    """
    The processor computes what lies there, whatever the micro-batch.
    """
    assert offloads([CARD], ubatch_size=512, op_offload=True) is True
    together = msgspec.structs.replace(CARD, together="experts")
    assert offloads([together], ubatch_size=512, op_offload=True) is False
