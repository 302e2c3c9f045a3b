"""
Estimators are kept for the models that are asked about.
"""

from benchmarks.truth.loads import spec
from llmprobe.engines.llamacpp import PROFILES
from llmprobe.estimation.kept import estimator_of


def test_the_same_model_keeps_its_estimator() -> None:
    """
    Asking again gives the same estimator, another program's defaults another one.
    """
    model, server, bench = spec("llama3.2-1b"), PROFILES["llama-server"], PROFILES["llama-bench"]

    assert estimator_of(model, server) is estimator_of(model, server)
    assert estimator_of(model, server) is not estimator_of(model, bench)


def test_the_model_that_was_not_asked_about_longest_is_let_go() -> None:
    """
    Few are kept: an estimator of a large model holds much.
    """
    server = PROFILES["llama-server"]
    first = estimator_of(spec("llama3.2-1b"), server)
    for name in ("gemma3-4b", "phi-4-14b", "qwen3-30b-a3b", "llama3.1-8b"):
        estimator_of(spec(name), server)

    assert estimator_of(spec("llama3.2-1b"), server) is not first
