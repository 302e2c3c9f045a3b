"""
Threads that ask at once get the answers of one that asks alone. The benchmark does the same for a minute.
"""

import sys
import time
from collections.abc import Iterator

import pytest
from pytest_mock import MockerFixture

import llmprobe
from benchmarks.threads import SWITCH_S, THREADS, at_once, estimates, looks, unseen
from llmprobe.estimation.compute import remembered
from llmprobe.estimation.memory import stored
from llmprobe.facts.model import Tensor

DELAY_S = 0.0002


@pytest.fixture
def _switching() -> Iterator[None]:
    """Let threads take turns every few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switching")
@pytest.mark.parametrize("name", ["llama-3.1-8b-instruct", "qwen3-30b-a3b"])
def test_estimates_of_threads_are_those_of_one(name: str, mocker: MockerFixture) -> None:
    """
    Eight threads share a model that was never estimated, and every copy of a weight is measured with a delay.
    """
    model = llmprobe.load_model(name)
    expected = [ask() for ask in estimates(model)]
    measure = stored.stored_bytes

    def slowly(tensor: Tensor, memory: str) -> int:
        time.sleep(DELAY_S)
        return measure(tensor, memory)

    mocker.patch.object(remembered, "stored_bytes", slowly)
    assert at_once(estimates(unseen(model))) == [expected] * THREADS


@pytest.mark.usefixtures("_switching")
def test_machines_and_recommendations_of_threads_are_those_of_one() -> None:
    """
    Eight threads replay a machine, and ask for a recommendation on it of a model that was never estimated.
    """
    model = llmprobe.load_model("qwen3-8b")
    expected = [ask() for ask in looks(model)]
    assert at_once(looks(unseen(model))) == [expected] * THREADS
