"""
The terms of an estimate: each part of what a device holds, and how its figure came about.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from llmprobe.estimation.compute.buffers import ComputeBytes
from llmprobe.estimation.memory.expert_cache import ExpertCache
from llmprobe.estimation.memory.kv_cache import CachePart
from llmprobe.estimation.memory.weights import DeviceWeights
from llmprobe.estimation.placement import HOST, Span, consecutive
from llmprobe.estimation.setup import Setup
from llmprobe.facts.backends import label, sliced
from llmprobe.facts.devices import Device
from llmprobe.facts.estimate import DeviceEstimate, Kind, Term
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.words.message import Message, message

RULED = frozenset({"token-embedding", "layers", "experts", "output-layer", "draft-weights"})
"""The terms of weights, which a rule about published files bounds."""
_GROWING = frozenset({"projector-compute", "projector-inputs"})
"""The terms that grow with the largest image."""


def weight_terms(
    weights: DeviceWeights,
    device: str,
    setup: Setup,
    n_layer: int,
    bounds: tuple[DeviceWeights, DeviceWeights] | None = None,
) -> tuple[Term, ...]:
    """
    The weights of a device as terms, without empty ones; with ``bounds``, the least and the most, they are assumed.
    """
    own = next((part for part in setup.spans if part.device == device), Span(device, 0, 0))
    stop = min(own.stop, n_layer)
    held, kept = frozenset(range(own.start, stop)), setup.host_experts
    layers = _ranges(held)
    kept_here = held | kept if device == HOST else held - kept
    # With a split of tensors each of several devices has a slice of what the others have, too.
    devices = len(setup.devices) if setup.settings.split_mode == "tensor" and device != HOST else 1
    slices = devices if devices > 1 else None
    late = weights.late if setup.settings.mmap else 0
    rows = (
        ("token-embedding", "embedding", message("term.token-embedding", late_bytes=late or None)),
        (
            "layers",
            "layers",
            message("term.layers", count=len(held), ranges=layers, apart=weights.experts > 0, devices=slices),
        ),
        (
            "experts",
            "experts",
            message("term.experts", count=len(kept_here), ranges=_ranges(kept_here), devices=slices),
        ),
        ("output-layer", "output", message("term.output-layer")),
    )
    return tuple(
        Term(
            name=name,
            kind="weights",
            bytes=getattr(weights, part),
            how=how,
            basis="derived" if bounds is None else "assumed",
            low_bytes=None if bounds is None else getattr(bounds[0], part),
            high_bytes=None if bounds is None else getattr(bounds[1], part),
            mapped_bytes=late if name == "token-embedding" else 0,
        )
        for name, part, how in rows
        if getattr(weights, part)
    )


def _ranges(layers: Iterable[int]) -> tuple[Message, ...]:
    return tuple(
        message("term.range", first=run.start, last=run.stop - 1)
        if len(run) > 1
        else message("term.single-layer", layer=run.start)
        for run in consecutive(layers)
    )


def cache_terms(caches: Sequence[tuple[CachePart, int]], run: ResolvedSettings) -> tuple[Term, ...]:
    """
    The caches of a device as terms, without empty ones.
    """
    return tuple(
        Term(name=part.name, kind="cache", bytes=size, how=_of_cache(part, run), basis="derived")
        for part, size in caches
        if size
    )


def _of_cache(part: CachePart, run: ResolvedSettings) -> Message:
    if part.recurrent:
        return message("term.recurrent-state", sequences=run.parallel, layers=part.layers)
    return message(
        "term.cache",
        cells=part.cells,
        streams=None if part.streams == 1 else part.streams,
        layers=part.layers,
        type_k=run.cache_type_k,
        type_v=run.cache_type_v,
    )


def expert_cache_terms(experts: ExpertCache, setup: Setup, device: str) -> tuple[Term, ...]:
    """
    The cache of experts on a device, or the host's tables of what is where, as a term.
    """
    size = experts.bytes.get(device, 0)
    if not size:
        return ()
    layers = experts.layers(setup.spans, device)
    how = message(
        "term.expert-cache",
        layers=len(layers),
        slots=None if device == HOST else sum({experts.slots[layer] for layer in layers}),
    )
    return (Term(name="expert-cache", kind="cache", bytes=size, how=how, basis="derived"),)


def compute_terms(compute: ComputeBytes, device: str, setup: Setup) -> tuple[Term, ...]:
    """
    The compute buffer of a device as a term.
    """
    size, measured = compute.taken(device), compute.bytes.get(device, 0)
    if not size:
        return ()
    how = compute.how
    if setup.settings.split_mode == "tensor" and len(setup.devices) > 1 and device != HOST:
        how = message("term.compute-on-each", how=how)
    if size != measured:
        how = message("term.compute-of-a-load", how=how, measured=measured)
    return (
        Term(
            name="compute-buffer",
            kind="compute",
            bytes=size,
            how=how,
            basis=compute.basis,
            low_bytes=compute.low_bytes.get(device) if compute.low_bytes is not None else None,
            high_bytes=compute.high_bytes.get(device) if compute.high_bytes is not None else None,
        ),
    )


def output_term(size: int, n_vocab: int, run: ResolvedSettings) -> Term:
    """
    The buffer of the logits, which is the host's.
    """
    how = message("term.output-buffer", logits=n_vocab, sequences=run.parallel, vectors=run.embeddings)
    return Term(name="output-buffer", kind="output", bytes=size, how=how, basis="derived")


def device_estimate(device: str, name: str | None, items: tuple[Term, ...]) -> DeviceEstimate:
    """
    A device with the sums of its terms.
    """
    sums: dict[Kind, int] = {
        "weights": 0,
        "cache": 0,
        "compute": 0,
        "output": 0,
        "overhead": 0,
        "draft": 0,
        "projector": 0,
        "adapter": 0,
    }
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
        draft_bytes=sums["draft"],
        projector_bytes=sums["projector"],
        adapter_bytes=sums["adapter"],
        total_bytes=sum(sums.values()),
        terms=tuple(item for item in items if item.bytes),
    )


def compare(
    devices: tuple[DeviceEstimate, ...], used: Sequence[Device], budgets: Mapping[str, int | None]
) -> tuple[bool | None, int | None, tuple[DeviceEstimate, ...]]:
    """
    Whether the devices fit their budgets, what is missing in all, and the devices with their budgets.

    Devices that share a pool must fit it together; one may have a budget of its own within it. Weights that follow a
    rule are counted as the most that they may be, tables that are read as they are used not at all.
    """
    pools = {HOST: "ram"} | {device.id: pool_of(device.id, device.pool) for device in used}
    needs: dict[str, int] = {}
    limited = []
    short_devices = 0
    for device in devices:
        pool, own = pools[device.id], budgets.get(device.id)
        most = device.held_bytes + _margin(device)
        needs[pool] = needs.get(pool, 0) + most
        if own is not None:
            short_devices += max(0, most - own)
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


def read_again(
    devices: Sequence[DeviceEstimate], missing: int, settings: ResolvedSettings
) -> tuple[Message, ...]:
    """
    That llama.cpp starts though the host's weights exceed RAM: they are mapped, so the system reads them again.

    ``devices`` are those of ``compare`` with what is ``missing`` in all. Only where RAM alone is short, and the rest
    of what the host holds fits it. Memory that GPU and processor share is left out: there the GPU pins it.
    """
    host, *others = devices
    if not settings.mmap or host.budget_bytes is None or any(one.budget_bytes is None for one in others):
        return ()
    short = host.held_bytes + _margin(host) - host.budget_bytes
    kept = host.total_bytes - host.weights_bytes
    if not missing or short != missing or kept > host.budget_bytes:
        return ()
    return (message("warning.read-again", missing_bytes=missing, weights_bytes=host.weights_bytes),)


def _margin(device: DeviceEstimate) -> int:
    """
    By how much weights may be more than the rule says that they follow, and what the largest image adds.
    """
    return sum(
        term.high_bytes - term.bytes
        for term in device.terms
        if term.name in RULED | _GROWING and term.high_bytes is not None
    )


def pool_of(device: str, pool: str | None) -> str:
    """
    The memory pool of a device: the one it names, or its own (``vram0`` of ``gpu0``).
    """
    return pool or device.replace("gpu", "vram")


def notes(setup: Setup) -> tuple[Message, ...]:
    """
    What a reader of the engine's own log must know to find these figures there.
    """
    settings = setup.settings
    result = []
    if settings.parallel > 1 and not settings.kv_unified:
        result.append(message("note.own-cache-per-slot", slots=settings.parallel))
    if settings.embeddings:
        result.append(message("note.longest-text", tokens=settings.ubatch_size))
    if settings.mmap:
        result.append(message("note.mmap-in-the-log"))
    for place in sorted({target for _, target in setup.moved}):
        count = sum(target == place for _, target in setup.moved)
        result.append(message("note.override-moves", tensors=count, device=place))
    if settings.moe_cache_mib:
        result.append(message("note.expert-cache-not-in-speed"))
        if len(setup.devices) > 1 and not any(settings.tensor_split):
            result.append(message("note.expert-cache-by-free-memory"))
    if settings.split_mode == "tensor":
        result.append(message("note.tensor-split-not-fitted"))
        if len(setup.devices) == 1:
            result.append(message("note.tensor-split-of-one-device"))
    assumed = set()
    if settings.split_mode == "tensor":
        assumed = {device.backend for device in setup.devices if not sliced(device.kind)}
    if assumed:
        result.append(message("note.backend-not-measured", backends=tuple(sorted(map(label, assumed)))))
    return tuple(result)
