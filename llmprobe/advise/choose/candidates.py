"""
Every way to run a model here that is worth comparing: quantization x cache type x devices x projector, each placed.

Flash attention is not varied, as it is on wherever the devices have a kernel for the heads: in 1,052 of 1,085
measured pairs of loads switching it off takes more memory, and in the others at most 64 MiB less on a device.
"""

from collections.abc import Iterator
from itertools import product

import msgspec

from llmprobe.advise.choose.freeing import gains_by_projector, gains_by_small_cache, may_move_projector
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.weighing import Candidate, weigh
from llmprobe.advise.search.by_tensors import why_not
from llmprobe.advise.search.case import Misfit, Placed
from llmprobe.errors import RefusedError, UsageError
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.settings import usual_flash
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.engine import Abilities
from llmprobe.facts.recommendation import Rejected, Wishes
from llmprobe.facts.settings import Settings
from llmprobe.site.site import Site
from llmprobe.words.message import Message, message

USUAL_QUANTS = (
    "BF16",
    "Q8_0",
    "Q6_K",
    "Q5_K_M",
    "Q4_K_M",
    "IQ4_XS",
    "Q3_K_M",
    "IQ3_M",
    "IQ3_XXS",
    "Q2_K",
    "IQ2_M",
    "IQ2_XXS",
)
"""File types that are published for most models, from the largest to the smallest."""

UBATCH_SIZES = (512, 128)
"""llama.cpp's own, and a smaller one that leaves more room and reads prompts more slowly."""

CONTEXT_STEP = 256
_SMALLEST_CONTEXT = 512


def quants_for(estimator: Estimator, wishes: Wishes) -> tuple[str, ...]:
    """
    The file types to try: the file's own, those that were asked for, the published one, or the usual.
    """
    model = estimator.model
    if model.quant is not None and model.source == "installed":
        others = wishes.quants or ((model.published_quant,) if model.published_quant else USUAL_QUANTS)
        own = () if wishes.quants and model.quant not in wishes.quants else (model.quant,)
        return (*own, *(quant for quant in others if quant != model.quant))
    if model.quant is not None:
        return (model.quant,)
    if wishes.quants:
        return wishes.quants
    if model.published_quant is not None:
        return (model.published_quant,)
    return USUAL_QUANTS


def find(
    problem: Problem, quants: tuple[str, ...] | None = None
) -> tuple[list[Candidate], list[Rejected], dict[str, Misfit]]:
    """
    The candidates that fit, what does not fit and why, and the least misfit of each quantization: of those that are
    to be tried, or of some of them.
    """
    candidates: list[Candidate] = []
    rejected: list[Rejected] = []
    misfits: dict[str, Misfit] = {}
    for quant in quants_for(problem.estimator, problem.wishes) if quants is None else quants:
        found = list(_fitting(problem, quant, misfits))
        candidates.extend(found)
        if found:
            misfits.pop(quant, None)
        elif quant not in misfits:
            why = message("rejected.no-device", engine=problem.wishes.engine)
            rejected.append(Rejected(what=quant, why=why))
        else:
            misfit = misfits[quant]
            missing = misfit.missing_bytes if misfit.known and misfit.why is None else None
            rejected.append(Rejected(what=quant, why=_why(misfit), missing_bytes=missing))
    return candidates, rejected, misfits


def _fitting(problem: Problem, quant: str, misfits: dict[str, Misfit]) -> Iterator[Candidate]:
    estimator, site, wishes, ctx_size = problem.estimator, problem.site, problem.wishes, problem.ctx_size
    usable = [devices for devices in site.device_sets if _can_use(devices, site.abilities)]
    # The largest set comes first: what its memory cannot hold by weights alone, nothing here can.
    hopeless = all(estimator.loaded_bytes(quant) > site.room(devices) for devices in usable)
    pairs = cache_types(estimator, wishes, site.abilities)
    ubatch_sizes = _ubatch_sizes(site.abilities)
    batch_size = Settings().batch_size
    if not estimator.generates:
        # A model of embeddings sees a whole text at once, so its micro-batch must hold what a slot may.
        ubatch_sizes = (max(1, ctx_size // wishes.parallel),)
        batch_size = max(batch_size, *ubatch_sizes)
    variants = list(product(pairs, ubatch_sizes))
    every_cache = wishes.max_ctx or wishes.priority in ("speed", "context")
    # Of what cannot fit the smallest cache and micro-batch miss least.
    for (cache_k, cache_v), ubatch_size in variants[-1:] if hopeless else variants:
        settings = Settings(
            ctx_size=ctx_size,
            parallel=wishes.parallel,
            cache_type_k=cache_k,
            cache_type_v=cache_v,
            batch_size=batch_size,
            ubatch_size=ubatch_size,
            flash_attn=usual_flash(estimator.model.architecture),
            mmproj=wishes.mmproj,
            mmproj_offload=wishes.mmproj_offload is not False,
            image_min_tokens=wishes.image_min_tokens,
            image_max_tokens=wishes.image_max_tokens,
            spec_type=wishes.spec_type,
            spec_draft_n_max=wishes.spec_draft_n_max,
        )
        placed: list[Placed] = []
        for devices in usable[:1] if hopeless else usable:
            if _gives_less(estimator, quant, devices, placed, site):
                continue
            result = _placed(problem, quant, settings, devices)
            if isinstance(result, Misfit) and not hopeless and _may_free(problem, devices, result):
                in_ram = msgspec.structs.replace(settings, mmproj_offload=False)
                freed = _placed(problem, quant, in_ram, devices)
                result = freed if isinstance(freed, Placed) else result
            if isinstance(result, Placed):
                placed.append(result)
                candidate = weigh(problem, quant, result)
                yield candidate
                yield from _without_projector(problem, settings, candidate)
                if not every_cache:
                    yield from _with_small_cache(problem, pairs[-1], candidate)
                yield from _by_tensors(problem, quant, devices, result)
            elif quant not in misfits or result.missing_bytes < misfits[quant].missing_bytes:
                misfits[quant] = result
        if placed and not every_cache:
            # Cache and micro-batch are made smaller only where that is what it takes to fit, or what was asked for.
            return


def _placed(problem: Problem, quant: str, settings: Settings, devices: tuple[Device, ...]) -> Placed | Misfit:
    if problem.wishes.max_ctx:
        settings = _longest(problem, quant, settings, devices)
    return problem.place(quant, settings, devices)


def _may_free(problem: Problem, devices: tuple[Device, ...], misfit: Misfit) -> bool:
    """
    Whether a device lacks what its projector takes; RAM gains nothing by holding that too.
    """
    short = any(short.where != HOST for short in misfit.largest)
    return short and may_move_projector(problem, devices)


def _without_projector(problem: Problem, settings: Settings, candidate: Candidate) -> Iterator[Candidate]:
    """
    The same with the projector in RAM, where that may gain.

    A hopeful problem tries it of every candidate: graphs may leave no room for the projector.
    """
    if problem.hopeful:
        tried = settings.mmproj_offload and may_move_projector(problem, candidate.devices)
    else:
        tried = gains_by_projector(problem, candidate)
    if not tried:
        return
    in_ram = msgspec.structs.replace(settings, mmproj_offload=False)
    result = _placed(problem, candidate.quant, in_ram, candidate.devices)
    if isinstance(result, Placed):
        yield weigh(problem, candidate.quant, result)


def _with_small_cache(problem: Problem, pair: tuple[str, str], candidate: Candidate) -> Iterator[Candidate]:
    """
    The same with the smallest pair of cache types, where the layers for which it makes room may gain.
    """
    if pair == (candidate.settings.cache_type_k, candidate.settings.cache_type_v):
        return
    small = msgspec.structs.replace(candidate.settings, cache_type_k=pair[0], cache_type_v=pair[1])
    if not gains_by_small_cache(problem, candidate, small):
        return
    result = problem.place(candidate.quant, small, candidate.devices)
    if isinstance(result, Placed):
        yield weigh(problem, candidate.quant, result)


def _by_tensors(
    problem: Problem, quant: str, devices: tuple[Device, ...], by_layers: Placed
) -> Iterator[Candidate]:
    """
    The same with tensors split over the devices, where all layers are on them and that is known to gain.
    """
    estimator = problem.estimator
    if len(devices) < 2 or _leaves_host(estimator, by_layers):
        return
    if why_not(estimator, devices, problem.site.abilities) is not None:
        return
    # It needs flash attention, and a kernel for it on the devices.
    if not problem.hopeful and not estimator.attends(quant, by_layers.settings, by_layers.hardware):
        return
    sliced = msgspec.structs.replace(by_layers.settings, split_mode="tensor")
    try:
        result = problem.place(quant, sliced, devices)
    except RefusedError:
        return
    if isinstance(result, Placed):
        yield weigh(problem, quant, result)


def _leaves_host(estimator: Estimator, placed: Placed) -> bool:
    """
    Whether layers or experts stay on the host.
    """
    settings = placed.settings
    return bool(
        settings.gpu_layers != estimator.total_layers or settings.n_cpu_moe or settings.cpu_moe_layers
    )


def _ubatch_sizes(abilities: Abilities) -> tuple[int, ...]:
    known = abilities.ubatch_sizes
    return tuple(size for size in UBATCH_SIZES if not known or size in known)


def _gives_less(
    estimator: Estimator, quant: str, devices: tuple[Device, ...], placed: list[Placed], site: Site
) -> bool:
    """
    Whether a smaller set of devices can only be slower than what was placed on a larger one.

    It can be faster where it holds the whole model: one card alone spares the way through a slower one.
    """
    if not placed:
        return False
    if not devices:
        return any(one.settings.gpu_layers == estimator.total_layers for one in placed)
    used = placed[0].hardware.devices
    alone = sum(max(0, site.capacities[one.id] or 0) for one in devices)
    # The embedding stays on the host, and of some models it is a third of all.
    whole = estimator.weights(quant, Settings(ctx_size=1), Hardware(devices=devices))
    wanted = sum(part.total for device, part in whole.items() if device != HOST)
    same = any(one.hardware.devices == devices for one in placed)
    return same or (set(devices) < set(used) and wanted > alone)


def _can_use(devices: tuple[Device, ...], abilities: Abilities) -> bool:
    """
    Whether an engine runs on these devices; on none, the processor alone, only one that needs no GPU.
    """
    if not devices:
        return abilities.partial
    return not abilities.backends or devices[0].backend in abilities.backends


def cache_types(estimator: Estimator, wishes: Wishes, abilities: Abilities) -> tuple[tuple[str, str], ...]:
    """
    The pairs to try. Unasked only f16, and q8_0 where the model's heads allow it: what smaller types lose is
    not known well enough.

    Raises:
        UsageError: the engine does not offer the requested type.
    """
    known = abilities.cache_types
    requested = wishes.cache_type_k or wishes.cache_type_v
    if requested:
        other = requested if abilities.same_cache_types else "f16"
        pair = (wishes.cache_type_k or other, wishes.cache_type_v or other)
        if abilities.same_cache_types and pair[0] != pair[1]:
            raise UsageError(
                message(
                    "error.cache-types-differ",
                    engine=wishes.engine,
                    cache_type_k=pair[0],
                    cache_type_v=pair[1],
                ),
                hint=message("hint.cache-types-differ", cache_type_k=pair[0]),
            )
        if known and not set(pair) <= set(known):
            raise UsageError(
                message(
                    "error.cache-type-not-offered",
                    engine=wishes.engine,
                    cache_type_k=pair[0],
                    cache_type_v=pair[1],
                ),
                hint=message("hint.cache-type-not-offered", offered=known),
            )
        return (pair,)
    return tuple(
        (kind, kind)
        for kind in ("f16", "q8_0")
        if (not known or kind in known) and _takes_cache(estimator, kind)
    )


def _takes_cache(estimator: Estimator, kind: str) -> bool:
    """
    Whether the model's heads are whole blocks of a cache type.
    """
    try:
        flash_attn = usual_flash(estimator.model.architecture)
        estimator.setup(Settings(ctx_size=1, cache_type_k=kind, cache_type_v=kind, flash_attn=flash_attn))
    except RefusedError:
        return False
    return True


def _longest(problem: Problem, quant: str, settings: Settings, devices: tuple[Device, ...]) -> Settings:
    """
    The settings with the longest context that fits, up to what the model was trained for.
    """

    def sized(steps: int) -> Settings:
        return msgspec.structs.replace(settings, ctx_size=steps * CONTEXT_STEP)

    def fits(steps: int) -> bool:
        return isinstance(problem.place(quant, sized(steps), devices), Placed)

    low, high = _SMALLEST_CONTEXT // CONTEXT_STEP, settings.ctx_size // CONTEXT_STEP
    # Mostly all of it fits, or nothing.
    if low < high and fits(high):
        return sized(high)
    if low < high and not fits(low):
        return sized(low)
    high -= 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return sized(low)


def _why(misfit: Misfit) -> Message:
    if misfit.why is not None:
        return misfit.why
    shortfalls = misfit.largest
    unknown = tuple(_pool(short.where) for short in shortfalls if not short.known)
    if unknown:
        return message("rejected.free-unknown", where=unknown)
    where = tuple(
        message("pool.short", missing_bytes=short.missing_bytes, pool=_pool(short.where))
        for short in shortfalls
    )
    return message("rejected.too-little-free", where=where)


def _pool(where: str) -> Message:
    if where == HOST:
        return message("pool.ram")
    return message("pool.shared") if where == "shared" else message("pool.gpu", device=where)
