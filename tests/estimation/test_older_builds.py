"""
Compute buffers of builds from before batches could have tokens and vectors at once.
"""

from benchmarks.truth.loads import spec
from llmprobe import engines
from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings

MODEL = spec("llama3.1-8b")
CARD = Hardware(devices=(Device(id="gpu0"),))
SETTINGS = Settings(ctx_size=4096)


def estimator(program: str) -> Estimator:
    return Estimator(MODEL, engines.profile(program)[0])


def test_the_host_has_two_buffers_of_a_batch_less() -> None:
    """
    The rows of mixed tokens and the copy that they are written into, 512 tokens x 4,096 values x 4 bytes each, and
    their numbers.
    """
    old = estimator("llama-server@b9849").parts("Q4_K_M", SETTINGS, CARD).compute
    new = estimator("llama-server@b11549").parts("Q4_K_M", SETTINGS, CARD).compute

    assert 0 <= new.bytes["host"] - old.bytes["host"] - 2 * 512 * 4096 * 4 < 16384


def test_a_figure_of_an_older_build_is_a_range() -> None:
    """
    From half to 1.3 times, as pasted logs have it, and it says so; that of the measured build is exact.
    """
    old, new = (
        [term for device in estimator(program).devices("Q4_K_M", SETTINGS, CARD) for term in device.terms]
        for program in ("llama-server@b9849", "llama-server@b11549")
    )
    ranged = [term for term in old if term.kind == "compute"]

    assert len(ranged) == 2
    for term in ranged:
        assert (term.basis, term.how.id) == ("assumed", "term.compute-of-older-build")
        assert (term.low_bytes, term.high_bytes) == (round(term.bytes / 2), round(1.3 * term.bytes))
    assert all(term.basis == "derived" for term in new if term.kind == "compute")
