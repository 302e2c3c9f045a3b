"""
The loss of a quantization, from measured divergence.

The table was measured on one model of 8 B parameters. A larger model loses less, as far as that was measured,
and some families less too; nothing is assumed beyond it. See ``data/quality.json``.
"""

from typing import Any, Literal

from llmprobe.data import table
from llmprobe.facts.recommendation import Quality
from llmprobe.model.quants import followed
from llmprobe.words.message import Message, message

METRIC = "mean-kl-divergence-from-f16-nats-per-token"

NO_LOSS = 0.003
"""Divergence below which nobody notices a loss."""

HEAVY_LOSS = 0.25
"""Divergence from which a smaller model with less loss is the better answer."""

_LEVELS = (
    (NO_LOSS, message("quality.no-noticeable-loss")),
    (0.012, message("quality.practically-lossless")),
    (0.025, message("quality.very-close")),
    (0.045, message("quality.good")),
    (0.11, message("quality.loss-on-hard-tasks")),
    (HEAVY_LOSS, message("quality.clear-loss")),
    (0.6, message("quality.heavy-loss")),
)

WHOLE_CACHES = ("f32", "f16", "bf16")
"""Cache types that are not quantized."""

WORST_CACHE = "q4_0"
"""An unmeasured type counts as this one."""

_WEAKEST_FIRST: tuple[Literal["assumed", "derived", "measured"], ...] = ("assumed", "derived", "measured")

# Published in 4-bit and trained for it: the file is the original.
_NATIVE = 0.0


def quality(
    quant: str,
    parameters: int,
    *,
    cache_type_k: str = "f16",
    cache_type_v: str = "f16",
    native: bool = False,
    model: str = "",
    architecture: str = "",
) -> Quality:
    """
    The loss of a file type on a model of this size, with the loss of the cache types added.

    ``model`` is an id of the catalog, whose family may be known to lose less. ``value`` is None for a file type
    that nobody measured.
    """
    data = table("quality")
    row = data["rows"].get(followed(quant).upper())
    if row is None and not native:
        unmeasured = message("quality.basis.unmeasured", quant=quant)
        return Quality(value=None, metric=METRIC, basis=unmeasured, words=message("quality.unknown"))
    cache, known = cache_loss(cache_type_k, cache_type_v, architecture)
    of_cache = None
    if cache:
        of_cache = message(
            "quality.basis.cache",
            divergence=cache,
            cache_type_k=cache_type_k,
            cache_type_v=cache_type_v,
            basis=message(f"quality.cache.{known}"),
        )
    if native:
        weights = _NATIVE
        basis = message("quality.basis.published", cache=of_cache)
    else:
        size, family = size_factor(parameters), family_factor(model)
        weights = row["mean_kld"] * size * family
        basis = message(
            "quality.basis.measured",
            divergence=row["mean_kld"],
            model=data["model"],
            dataset=data["dataset"],
            perplexity_increase=row["ppl_ratio"] - 1,
            size_factor=size,
            family_factor=None if family == 1.0 else family,
            of=None if followed(quant) == quant else followed(quant),
            cache=of_cache,
        )
    value = weights + cache
    return Quality(value=round(value, 5), metric=METRIC, basis=basis, words=in_words(value))


def size_factor(parameters: int) -> float:
    """
    By how much less a model of this size loses than the measured one: 1 or below.
    """
    data = table("quality")
    measured_to = min(parameters, data["size_measured_to"])
    factor: float = (data["parameters"] / max(measured_to, data["parameters"])) ** data["size_exponent"]
    return factor


def family_factor(model: str) -> float:
    """
    The loss of a family relative to the measured one: 1 where that was not measured.
    """
    for row in table("quality")["families"]["rows"]:
        if model.startswith(tuple(row["prefixes"])):
            factor: float = row["factor"]
            return factor
    return 1.0


def cache_loss(
    cache_type_k: str, cache_type_v: str, architecture: str = ""
) -> tuple[float, Literal["measured", "derived", "assumed"]]:
    """
    The divergence that a quantized cache adds, and its basis: measured, derived from perplexity, or assumed.
    """
    data = table("quality")["caches"]
    bases = ["measured"]
    total = 0.0
    for side, kind in (("k", cache_type_k), ("v", cache_type_v)):
        if kind in WHOLE_CACHES:
            continue
        value, basis = data[side].get(kind) or (data[side][WORST_CACHE][0], "assumed")
        total += value
        bases.append(basis)
    special: dict[str, Any] | None = data["architectures"].get(architecture)
    if special is not None and cache_type_k not in WHOLE_CACHES:
        # Measured for q8_0; a smaller type adds at least what it adds elsewhere.
        total += special["k"]
        bases.append("measured" if cache_type_k == "q8_0" else "assumed")
    return total, next(basis for basis in _WEAKEST_FIRST if basis in bases)


def in_words(divergence: float) -> Message:
    """
    A divergence on the scale that a person can weigh.
    """
    unusable = message("quality.barely-usable")
    return next((level for limit, level in _LEVELS if divergence < limit), unusable)
