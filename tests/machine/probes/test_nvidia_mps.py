"""
NVIDIA's Multi-Process Service: what it lets one program have of each device.
"""

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.machine.probes import nvidia
from tests.machine.fake import FakeSource, card, nvidia_machine

GIB = 1 << 30
LIMIT = "env:CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"
PIPES = "list:/tmp/nvidia-mps"


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("0=5GB", 5 * GIB, None),
        ("0=1G,1=512MB", GIB, GIB // 2),
        (" 1 = 2g ", None, 2 * GIB),
        ("1=2G,0=all", None, 2 * GIB),
        ("7=1G", None, None),
        ("", None, None),
    ],
)
def test_each_device_has_the_limit_of_its_number(text: str, first: int | None, second: int | None) -> None:
    """
    By CUDA's numbers; an entry that is none limits nothing. The other device keeps all that is free.
    """
    answers = nvidia_machine(card(0), card(1, bus=2), **{LIMIT: text, PIPES: ["control", "log"]})
    pools = nvidia.probe(FakeSource(answers)).pools
    assert [pool.budget_bytes for pool in pools] == [
        pools[0].free_bytes if first is None else first,
        pools[1].free_bytes if second is None else second,
    ]
    for pool in pools:
        assert pool.total_bytes is not None
        assert pool.total_bytes - sum(limit.bytes for limit in pool.limits) == pool.budget_bytes


def test_without_the_service_the_variable_limits_nothing() -> None:
    """
    CUDA reads it only where the service serves the program.
    """
    pool = nvidia.probe(FakeSource(nvidia_machine(card(), **{LIMIT: "0=1G"}))).pools[0]
    assert pool.budget_bytes == pool.free_bytes


def test_a_folder_that_may_not_be_seen_may_be_there() -> None:
    """
    Denied is not missing: the limit counts.
    """
    answers = nvidia_machine(card(), **{LIMIT: "0=1G", PIPES: Answer(status="denied")})
    pool = nvidia.probe(FakeSource(answers)).pools[0]
    assert (pool.budget_bytes, pool.limits[-1].by) == (GIB, "mps")


def test_more_than_there_is_limits_nothing() -> None:
    """
    A limit of 900 GB on a card is no memory.
    """
    answers = nvidia_machine(card(), **{LIMIT: "0=900G", PIPES: []})
    pool = nvidia.probe(FakeSource(answers)).pools[0]
    assert pool.budget_bytes == pool.free_bytes


def test_its_own_folder_is_asked() -> None:
    """
    CUDA_MPS_PIPE_DIRECTORY names another one.
    """
    named = {LIMIT: "0=1G", "env:CUDA_MPS_PIPE_DIRECTORY": "/run/mps", "list:/run/mps": []}
    pool = nvidia.probe(FakeSource(nvidia_machine(card(), **named))).pools[0]
    assert pool.budget_bytes == GIB
