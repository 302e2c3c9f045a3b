"""
A real Ray cluster of three nodes on this machine; skipped where Ray is not installed (``make test-ray``).
"""

import os
import signal
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

import llmprobe
from llmprobe.errors import LlmprobeError
from llmprobe.tasks.fit import wishes_of
from llmprobe.tasks.fleet import ray as joined
from llmprobe.tasks.fleet.fit import fit_each
from llmprobe.tasks.fleet.hosts import Named, seen
from tests.tasks.fleet.programs import recording

HAS_RAY = find_spec("ray") is not None
pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore")]
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed (make test-ray)")

NODES = 3
SHORT_PATIENCE_S = 40.0
PATIENCE_S = 120.0
"""Long enough for three nodes that start on two busy cores."""


SMALL = {"num_cpus": 1, "object_store_memory": 80 * 1024 * 1024}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of three nodes with one core each, which a test leaves as it was: tests come in any order."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**SMALL, "include_dashboard": False})
    for _ in range(NODES - 1):
        cluster.add_node(**SMALL)
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


@pytest.fixture
def victim(cluster: Any) -> Iterator[str]:
    """The id of a fourth node, which is gone after the test, however that ends."""
    fourth = cluster.add_node(**SMALL)
    cluster.wait_for_nodes()
    yield str(fourth.node_id)
    cluster.remove_node(fourth)
    cluster.wait_for_nodes()


@pytest.fixture
def address(cluster: Any) -> str:
    """The address of the cluster."""
    return str(cluster.address)


@needs_ray
def test_every_node_is_asked(address: str) -> None:
    """Three nodes answer, each by its own task, with this machine's own memory; the cluster runs on."""
    for _ in range(2):
        found = seen(Named(ray=address, wait_s=PATIENCE_S))

        assert [one.problem for one in found] == [None] * NODES
        assert len({one.name for one in found}) == NODES
        totals = {one.machine.pools[0].total_bytes for one in found if one.machine is not None}
        assert totals == {llmprobe.probe().pools[0].total_bytes}


@needs_ray
def test_what_a_node_finds_is_what_is_found_here(address: str) -> None:
    """Work that is given to the cluster has the answers of this process."""
    machines = seen(Named(recordings=(recording("linux-4090-64g"), recording("linux-4060laptop-8g-32g"))))
    wishes = wishes_of(use="embedding", top=1)

    assert fit_each(machines, wishes, ray=address).hosts == fit_each(machines, wishes, workers=1).hosts


@needs_ray
def test_a_node_that_dies_is_named_and_the_others_answer(
    address: str, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node whose own process is killed while it is asked is said to have died; nothing waits for it."""

    def record_or_die(wait_s: float) -> str:
        import ray

        if ray.get_runtime_context().get_node_id() == victim:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(wait_s)
        return llmprobe.record(timeout_s=wait_s / 2)

    monkeypatch.setattr(joined, "_recording", record_or_die)
    started = time.monotonic()

    found = seen(Named(ray=address, wait_s=SHORT_PATIENCE_S))

    assert time.monotonic() - started < 2 * PATIENCE_S
    problems = sorted(one.problem.id for one in found if one.problem is not None)
    assert problems in (["fleet.ray-died"], ["fleet.timeout"])
    assert sum(one.machine is not None for one in found) == NODES


@needs_ray
def test_no_cluster_is_said_in_time() -> None:
    """An address where nothing answers is one sentence, and no wait of minutes."""
    started = time.monotonic()

    with pytest.raises(LlmprobeError, match="no Ray cluster answers"):
        seen(Named(ray="127.0.0.1:1", wait_s=3.0))
    assert time.monotonic() - started < 60


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ray is not installed the error says what to install."""
    import builtins

    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "ray":
            raise ImportError("no ray", name="ray")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(LlmprobeError) as caught:
        seen(Named(ray="auto"))
    assert caught.value.hint is not None
    assert caught.value.hint.values == {"extra": "ray"}
