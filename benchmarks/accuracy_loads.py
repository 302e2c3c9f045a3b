"""
How close weights, caches, compute buffers and totals come to what llama.cpp allocated, on every device.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise

import msgspec

from benchmarks.truth.loads import MemoryCase, memory_cases, refused_cases, spec
from llmprobe.errors import RefusedError
from llmprobe.estimation import Estimator
from llmprobe.estimation.placement import HOST

NEAR = 0.01
SLACK = 4 << 20
"""What is this close in bytes counts as within a percent, so that small buffers are not judged by their share."""
WIDER = 0.05
ROUND = 7


class Counts(msgspec.Struct):
    """
    Loads compared, and devices: how many of them are equal or near, part by part.

    ``low`` are totals that are under what was allocated by more than the tolerance. ``errors`` counts the devices
    by the share that their total is off, rounded.
    """

    loads: int = 0
    devices: int = 0
    weights_equal: int = 0
    caches_equal: int = 0
    output_equal: int = 0
    compute_equal: int = 0
    compute_near: int = 0
    compute_wider: int = 0
    total_near: int = 0
    total_low: int = 0
    errors: Counter[float] = msgspec.field(default_factory=Counter)
    differing: list[str] = []

    def add(self, other: "Counts") -> None:
        """Take in what another part of the loads gave."""
        for name in self.__struct_fields__:
            if name == "errors":
                self.errors.update(other.errors)
            else:
                setattr(self, name, getattr(self, name) + getattr(other, name))

    def median_error(self) -> float:
        """Return the share that the total of half of the devices is off at most."""
        left = self.devices / 2
        for error, count in sorted(self.errors.items()):
            left -= count
            if left <= 0:
                return error
        return 0.0

    def worst_error(self) -> float:
        """Return the largest share that a total is off."""
        return max(self.errors, default=0.0)


def measure(cases: Iterable[MemoryCase]) -> Counts:
    """
    Compare measured loads; those of one model should follow each other.
    """
    counts = Counts()
    model, estimator = "", None
    for case in cases:
        if estimator is None or case.model != model:
            model, estimator = case.model, Estimator(spec(case.model))
        _compare(case, estimator, counts)
    return counts


def sample(step: int, start: int = 0) -> Iterator[MemoryCase]:
    """
    Yield every ``step``-th measured load.
    """
    return islice(memory_cases(), start, None, step)


def _compare(case: MemoryCase, estimator: Estimator, counts: Counts) -> None:
    parts = estimator.parts(case.quant, case.told, case.hardware)
    counts.loads += 1
    counts.output_equal += parts.output == case.output
    for device, (weights, cache, compute) in case.bytes.items():
        # A second device without layers of its own holds nothing, and is not in use.
        used = device in parts.weights
        found_weights = parts.weights[device].total if used else 0
        found_cache = sum(size for _, size in parts.caches[device]) if used else 0
        found_compute = parts.compute.bytes.get(device, 0)
        output = (parts.output, case.output) if device == HOST else (0, 0)
        found = found_weights + found_cache + found_compute + output[0]
        total = weights + cache + compute + output[1]
        slack = max(NEAR * total, SLACK)
        counts.devices += 1
        counts.weights_equal += found_weights == weights
        counts.caches_equal += found_cache == cache
        counts.compute_equal += found_compute == compute
        counts.compute_near += abs(found_compute - compute) <= max(NEAR * compute, SLACK)
        counts.compute_wider += abs(found_compute - compute) <= max(WIDER * compute, SLACK)
        counts.total_near += abs(found - total) <= slack
        counts.total_low += found < total - slack
        counts.errors[round(abs(found - total) / total, ROUND) if total else 0.0] += 1
        for part, ours, theirs in (
            ("weights", found_weights, weights),
            ("cache", found_cache, cache),
            ("compute", found_compute, compute),
        ):
            if ours != theirs:
                counts.differing.append(f"{title(case)}: {part} of {device} {ours - theirs:+}")


def falls() -> list[str]:
    """
    Return the measured loads that take less in all when one setting grows and the others stay.
    """
    found = []
    for setting in ("ctx_size", "ubatch_size", "parallel"):
        groups: dict[str, list[MemoryCase]] = defaultdict(list)
        for case in memory_cases():
            # A context of 0 is the trained one, and slots that are not unified share the context among them.
            if case.settings["ctx_size"] and (setting != "parallel" or case.settings["kv_unified"]):
                same = {
                    name: value
                    for name, value in case.settings.items()
                    if name not in (setting, "outputs_max")
                }
                groups[f"{case.model} {sorted(same.items())}"].append(case)
        for group in groups.values():
            group.sort(key=lambda case: (case.settings["outputs_max"], case.settings[setting]))
            for fewer, more in pairwise(group):
                same_rows = fewer.settings["outputs_max"] == more.settings["outputs_max"]
                change = _total(more) - _total(fewer)
                if change < 0 and (same_rows or setting == "parallel"):
                    found.append(f"{title(fewer)}: {change} with {setting}={more.settings[setting]}")
    return found


def _total(case: MemoryCase) -> int:
    return sum(map(sum, case.bytes.values())) + case.output


def title(case: MemoryCase) -> str:
    """
    Return a load in one line: the model, and the settings in which it differs from a load of everything.
    """
    shown = {name: value for name, value in case.settings.items() if value != _PLAIN.get(name)}
    return " ".join([case.model, *(f"{name}={value}".replace(" ", "") for name, value in shown.items())])


_PLAIN = {
    "quant": "Q4_K_M",
    "ctx_size": 8192,
    "parallel": 1,
    "batch_size": 2048,
    "ubatch_size": 512,
    "cache_type_k": "f16",
    "cache_type_v": "f16",
    "flash_attn": "auto",
    "kv_unified": False,
    "swa_full": False,
    "gpu_layers": None,
    "n_cpu_moe": 0,
    "split_mode": "layer",
    "tensor_split": [],
    "kv_offload": True,
    "op_offload": True,
    "repack": True,
}


def measure_refusals() -> tuple[int, list[str]]:
    """
    Return how many loads llama.cpp refused, and those of them that we do not refuse.
    """
    count, taken = 0, []
    for case in refused_cases():
        count += 1
        try:
            Estimator(spec(case.model)).caches(case.told, case.hardware)
        except RefusedError:
            continue
        taken.append(f"{case.model}: {case.words}")
    return count, taken
