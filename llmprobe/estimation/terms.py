"""
An estimate in words: each part of what a device holds as a term that says how it came about.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from llmprobe.estimation.compute.buffers import ComputeBytes
from llmprobe.estimation.memory.kv_cache import CachePart
from llmprobe.estimation.memory.weights import DeviceWeights
from llmprobe.estimation.placement import HOST, Span, consecutive
from llmprobe.estimation.setup import Setup
from llmprobe.facts.devices import Device
from llmprobe.facts.estimate import DeviceEstimate, Kind, Term
from llmprobe.facts.settings import ResolvedSettings


def weight_terms(weights: DeviceWeights, device: str, setup: Setup, n_layer: int) -> tuple[Term, ...]:
    """
    Return the weights of a device as terms, those that are there.
    """
    own = next((part for part in setup.spans if part.device == device), Span(device, 0, 0))
    stop = min(own.stop, n_layer)
    held, kept = frozenset(range(own.start, stop)), setup.host_experts
    layers = _range(held)
    experts = _range(held | kept if device == HOST else held - kept)
    rows = (
        ("token embedding", weights.embedding, "always kept on the host"),
        (
            "layers",
            weights.layers,
            f"tensors{layers}, experts apart" if weights.experts else f"tensors{layers}",
        ),
        ("experts", weights.experts, f"experts{experts}"),
        ("output layer", weights.output, "output norm and output matrix"),
    )
    return tuple(
        Term(name=name, kind="weights", bytes=size, how=how, basis="derived")
        for name, size, how in rows
        if size
    )


def _range(layers: Iterable[int]) -> str:
    runs = consecutive(layers)
    said = [f"{run.start} to {run.stop - 1}" if len(run) > 1 else str(run.start) for run in runs]
    return f" of layer{'s' * (sum(map(len, runs)) > 1)} {' and '.join(said)}" if said else ""


def cache_terms(caches: Sequence[tuple[CachePart, int]], run: ResolvedSettings) -> tuple[Term, ...]:
    """
    Return the caches of a device as terms, those that are there.
    """
    return tuple(
        Term(name=part.name, kind="cache", bytes=size, how=_cache_words(part, run), basis="derived")
        for part, size in caches
        if size
    )


def _cache_words(part: CachePart, run: ResolvedSettings) -> str:
    if part.name == "recurrent state":
        return f"{run.parallel} sequence(s), {part.layers} layers in all, f32, whatever the context"
    streams = "" if run.streams == 1 else f" x {run.streams} sequences"
    types = f"K {run.cache_type_k}, V {run.cache_type_v}"
    return f"{part.cells} cells{streams}, {part.layers} layers in all, {types}"


def compute_terms(compute: ComputeBytes, device: str) -> tuple[Term, ...]:
    """
    Return the compute buffer of a device as a term.
    """
    size = compute.bytes.get(device, 0)
    if not size:
        return ()
    return (
        Term(
            name="compute buffer",
            kind="compute",
            bytes=size,
            how=compute.how,
            basis=compute.basis,
            low_bytes=compute.low_bytes.get(device) if compute.low_bytes is not None else None,
            high_bytes=compute.high_bytes.get(device) if compute.high_bytes is not None else None,
        ),
    )


def output_term(size: int, n_vocab: int, run: ResolvedSettings) -> Term:
    """
    Return the buffer of the logits, which is the host's.
    """
    how = f"{n_vocab} logits x {run.parallel} sequence(s), f32"
    return Term(name="output buffer", kind="output", bytes=size, how=how, basis="derived")


def device_estimate(device: str, name: str | None, items: tuple[Term, ...]) -> DeviceEstimate:
    """
    Return a device with the sums of its terms.
    """
    sums: dict[Kind, int] = {"weights": 0, "cache": 0, "compute": 0, "output": 0, "overhead": 0}
    for item in items:
        sums[item.kind] += item.bytes
    return DeviceEstimate(
        id=device,
        name=name,
        weights_bytes=sums["weights"],
        cache_bytes=sums["cache"],
        compute_bytes=sums["compute"],
        output_bytes=sums["output"],
        overhead_bytes=sums["overhead"],
        total_bytes=sum(sums.values()),
        terms=tuple(item for item in items if item.bytes),
    )


def compare(
    devices: tuple[DeviceEstimate, ...], used: Sequence[Device], budgets: Mapping[str, int | None]
) -> tuple[bool | None, int | None, tuple[DeviceEstimate, ...]]:
    """
    Return whether the devices fit their budgets, what is missing in all, and the devices with their budgets.

    Devices that share a pool must fit it together; one may have a budget of its own within it.
    """
    pools = {HOST: "ram"} | {device.id: pool_of(device.id, device.pool) for device in used}
    needs: dict[str, int] = {}
    limited = []
    short_devices = 0
    for device in devices:
        pool, own = pools[device.id], budgets.get(device.id)
        needs[pool] = needs.get(pool, 0) + device.total_bytes
        if own is not None:
            short_devices += max(0, device.total_bytes - own)
        budget = budgets.get(pool) if own is None else own
        limited.append(msgspec.structs.replace(device, budget_bytes=budget))
    short_pools = 0
    for pool, need in needs.items():
        budget = budgets.get(pool)
        if budget is not None:
            short_pools += max(0, need - budget)
    missing = max(short_devices, short_pools)
    if missing:
        return False, missing, tuple(limited)
    if any(device.budget_bytes is None for device in limited):
        return None, None, tuple(limited)
    return True, 0, tuple(limited)


def pool_of(device: str, pool: str | None) -> str:
    """
    Return the memory pool of a device: the one it names, or its own (``vram0`` of ``gpu0``).
    """
    return pool or device.replace("gpu", "vram")


def notes(setup: Setup) -> tuple[str, ...]:
    """
    Return what a reader of the engine's own log must know to find these figures there.
    """
    settings = setup.settings
    result = []
    if settings.parallel > 1 and not settings.kv_unified:
        result.append(
            f"Each of the {settings.parallel} slots has a cache of its own, as llama-server does when -np is given. "
            "The 4 slots that it takes by itself share one (--kv-unified), which is smaller where layers have a "
            "sliding window."
        )
    if settings.mmap:
        result.append(
            "With mmap the engine's log shows the host's weights as the span of the file between the first "
            "and the last tensor on the host; what is needed are the bytes given here."
        )
    backends = {device.backend for device in setup.devices} - {"cuda"}
    if backends:
        result.append(
            "The buffers were checked against llama.cpp on CUDA; "
            f"for {', '.join(sorted(backends))} the same rules are used."
        )
    return tuple(result)
