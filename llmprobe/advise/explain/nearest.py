"""
When nothing fits, or only what hardly serves: what is missing, and the smaller model that would do.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

import msgspec

from llmprobe.advise.choose.balance import COMFORTABLE_TOKENS_PER_S
from llmprobe.advise.choose.candidates import CONTEXT_STEP, find, quants_for
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.advise.search.case import Misfit
from llmprobe.errors import RefusedError
from llmprobe.estimation.compute.upper_bound import WIDER
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Wishes
from llmprobe.site.site import Site
from llmprobe.units import format_bytes

_RELATIVES = 12
"""How many smaller models are tried before giving up."""

_RELATIVE_QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M")
_USUAL_QUANT = ("Q4_K_M",)
SMALLER_SHOWN = 3
FASTER_SHOWN = 2
LITTLE_LOSS = 0.11
"""Divergence up to which a smaller model is worth naming."""


def nearest(
    estimator: Estimator,
    site: Site,
    wishes: Wishes,
    ctx_size: int,
    misfits: Mapping[str, Misfit],
    relatives: Callable[[], Iterable[ModelSpec]],
) -> tuple[str, ...]:
    """
    Return sentences: the quantization that misses least, a context or a smaller model that would fit.
    """
    said: list[str] = []
    if len(misfits) == len(quants_for(estimator, wishes)):
        quant = min(misfits, key=lambda name: misfits[name].missing_bytes)
        if misfits[quant].known:
            missing = format_bytes(misfits[quant].missing_bytes)
            said.append(f"{quant} misses least: {missing} more would have to be free")
        shorter = _shorter(estimator, site, wishes, ctx_size)
        if shorter is not None:
            said.append(f"with a context of {shorter[1]} tokens (-c {shorter[1]}) {shorter[0]} would fit")
    said.extend(
        f"{model.name} ({model.id}) would fit as {best.quant}"
        for model, best in islice(
            _smaller(site, wishes, ctx_size, relatives, _RELATIVE_QUANTS), SMALLER_SHOWN
        )
    )
    return tuple(said)


def faster(
    site: Site, wishes: Wishes, ctx_size: int, slow: Candidate, relatives: Callable[[], Iterable[ModelSpec]]
) -> tuple[str, ...]:
    """
    Return sentences: the smaller models that run at a comfortable speed where this one does not.
    """
    said = []
    for model, best in _smaller(site, wishes, ctx_size, relatives, _USUAL_QUANT):
        speed = best.speed.generation_tokens_per_s
        if speed is not None and speed.likely >= min(COMFORTABLE_TOKENS_PER_S, 2 * slow.ranking_speed):
            said.append(f"{model.name} ({model.id}) gives about {speed.likely:.0f} tokens/s as {best.quant}")
        if len(said) == FASTER_SHOWN:
            break
    return tuple(said)


def _shorter(estimator: Estimator, site: Site, wishes: Wishes, ctx_size: int) -> tuple[str, int] | None:
    """
    Return the longest context, in steps of a quarter, at which some quantization fits.
    """
    smallest = 4 * CONTEXT_STEP
    if ctx_size <= smallest:
        return None
    # What does not fit at the smallest context fits at none, and mostly nothing does.
    asked = msgspec.structs.replace(wishes, max_ctx=False)
    fitting, _, _ = find(estimator, site, asked, smallest)
    if not fitting:
        return None
    asked = msgspec.structs.replace(asked, quants=tuple(dict.fromkeys(one.quant for one in fitting)))
    size = ctx_size
    while True:
        size = max(smallest, (size * 3 // 4) // CONTEXT_STEP * CONTEXT_STEP)
        fitting, _, _ = find(estimator, site, asked, size)
        if fitting or size == smallest:
            return max(fitting, key=lambda one: one.utility).quant, size


def _fitting(relative: ModelSpec, site: Site, wishes: Wishes, ctx_size: int) -> list[Candidate]:
    """
    Return the ways to run a smaller model. Of most all layers fit even with the most that compute buffers can be, which
    costs no graph; the speed is then the least.
    """
    exact = relative.architecture in WIDER
    rough = Estimator(relative, rough=not exact)
    found, _, _ = find(rough, site, wishes, ctx_size)
    on_devices = [one for one in found if one.on_gpu == rough.total_layers]
    if on_devices or exact or not site.device_sets[0]:
        return on_devices or found
    return find(Estimator(relative), site, wishes, ctx_size)[0]


def _smaller(
    site: Site,
    wishes: Wishes,
    ctx_size: int,
    relatives: Callable[[], Iterable[ModelSpec]],
    quants: tuple[str, ...],
) -> Iterator[tuple[ModelSpec, Candidate]]:
    """
    Yield the relatives that fit with little loss, each size once, with what is best for it.
    """
    seen: set[int] = set()
    for relative in islice(relatives(), _RELATIVES):
        size = round(relative.parameters / 1e9)
        if size in seen:
            continue
        context = min(ctx_size, relative.max_context or ctx_size)
        tried = () if relative.published_quant else quants
        asked = msgspec.structs.replace(wishes, max_ctx=False, quants=tried)
        try:
            fitting = _fitting(relative, site, asked, context)
        except RefusedError:
            # What was asked for (a type of cache) suits this model and not that one.
            continue
        usable = [one for one in fitting if one.quality.value is not None and one.quality.value < LITTLE_LOSS]
        if usable:
            seen.add(size)
            yield relative, max(usable, key=lambda one: one.utility)
