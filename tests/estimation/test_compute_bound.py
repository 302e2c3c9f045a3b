"""
What is said of compute buffers without a graph, held against measured families as if theirs were not known.
"""

import msgspec

from benchmarks.accuracy_compute import request_of
from benchmarks.accuracy_loads import NEAR, SLACK, sample
from benchmarks.truth.loads import memory_cases, spec
from llmprobe.estimation import Estimator
from llmprobe.estimation.compute.upper_bound import WIDER, at_most, bound

STEP = 40


def test_the_bound_errs_on_the_safe_side() -> None:
    """
    In every fortieth measured load at most one device in fifteen takes more, and one in fifty more than twice as much.
    """
    devices = low = far = 0
    estimators: dict[str, Estimator] = {}
    for case in sample(STEP):
        estimator = estimators.setdefault(case.model, Estimator(spec(case.model)))
        found = bound(request_of(case, estimator))
        for name, (_, _, compute) in case.bytes.items():
            devices += 1
            low += found.get(name, 0) < compute - max(NEAR * compute, SLACK)
            far += 2 * found.get(name, 0) + 16 * SLACK < compute

    assert devices > 500
    assert low <= devices / 15
    assert far <= devices / 50


def test_the_bound_is_not_out_of_all_proportion() -> None:
    """
    For half of the devices it adds less than three percent to what they take in all.
    """
    shares = []
    estimators: dict[str, Estimator] = {}
    for case in sample(STEP):
        estimator = estimators.setdefault(case.model, Estimator(spec(case.model)))
        found = bound(request_of(case, estimator))
        shares += [(found.get(name, 0) - sizes[2]) / max(sum(sizes), 1) for name, sizes in case.bytes.items()]

    assert abs(sorted(shares)[len(shares) // 2]) < 0.03


def test_a_cache_on_the_host_needs_work_there_and_weights_that_are_copied() -> None:
    """
    With everything on the device but the cache, the host attends, so that its bound grows by the work.
    """
    case = next(
        case
        for case in memory_cases("llama3.1-8b")
        if len(case.hardware.devices) == 1 and case.told.gpu_layers is None
    )
    near = request_of(case, Estimator(spec(case.model)))
    away = msgspec.structs.replace(near, settings=msgspec.structs.replace(near.settings, kv_offload=False))

    assert "host" not in near.layer_devices
    assert bound(away)["host"] > bound(near)["host"]
    assert bound(away)["gpu0"] > bound(near)["gpu0"]


def test_what_is_at_most_needed_is_never_exceeded() -> None:
    """
    In every fortieth measured load no device takes more than the most, but for the architectures known to.
    """
    checked = 0
    estimators: dict[str, Estimator] = {}
    for case in sample(STEP):
        estimator = estimators.setdefault(case.model, Estimator(spec(case.model)))
        if estimator.model.architecture in WIDER:
            continue
        most = at_most(request_of(case, estimator))
        over = [name for name, (_, _, compute) in case.bytes.items() if compute > most.get(name, 0)]
        checked += len(case.bytes)

        assert over == [], case.model

    assert checked > 400
