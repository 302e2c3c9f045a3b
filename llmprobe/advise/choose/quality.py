"""
What a quantization loses, from measured divergence.

The table was measured on one model of 8 B parameters. A larger model loses less, as far as that was measured,
and some families less too; nothing is assumed beyond it. See ``data/quality.json``.
"""

from typing import Any

from llmprobe.data import table
from llmprobe.facts.recommendation import Quality

METRIC = "mean KL divergence from f16, nats per token"

_WORDS = (
    (0.003, "no loss that can be measured in use"),
    (0.012, "practically lossless"),
    (0.025, "very close to the original"),
    (0.045, "good; the usual choice"),
    (0.11, "a loss that shows in hard tasks"),
    (0.25, "a clear loss"),
    (0.6, "a heavy loss"),
)

WHOLE_CACHES = ("f32", "f16", "bf16")
"""Cache types that are not quantized."""

WORST_CACHE = "q4_0"
"""Types of which nothing is known count as this one."""

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
    Return the loss of a file type on a model of this size, with the loss of the cache types added.

    ``model`` is an id of the catalog, whose family may be known to lose less. ``value`` is None for a file type
    that nobody measured.
    """
    data = table("quality")
    row = data["rows"].get(quant.upper())
    if native:
        weights = _NATIVE
        basis = "the weights as they were published"
    elif row is None:
        return Quality(value=None, metric=METRIC, basis=f"{quant} was not measured", words="unknown loss")
    else:
        size, family = size_factor(parameters), family_factor(model)
        weights = row["mean_kld"] * size * family
        basis = (
            f"{row['mean_kld']:.4f} measured on {data['model']} ({data['dataset']},"
            f" perplexity +{row['ppl_ratio'] - 1:.1%}) x {size:.2f} for the size of the model"
        )
        if family != 1.0:
            basis += f" x {family:.2f} as its family was measured"
    cache, known = cache_loss(cache_type_k, cache_type_v, architecture)
    if cache:
        basis += f", + {cache:.4f} for a {cache_type_k}/{cache_type_v} cache ({known})"
    value = weights + cache
    return Quality(value=round(value, 5), metric=METRIC, basis=basis, words=in_words(value))


def size_factor(parameters: int) -> float:
    """
    Return by how much less a model of this size loses than the measured one: 1 or below.
    """
    data = table("quality")
    measured_to = min(parameters, data["size_measured_to"])
    factor: float = (data["parameters"] / max(measured_to, data["parameters"])) ** data["size_exponent"]
    return factor


def family_factor(model: str) -> float:
    """
    Return what a family loses beside the measured one: 1 where that was not measured.
    """
    for row in table("quality")["families"]["rows"]:
        if model.startswith(tuple(row["prefixes"])):
            factor: float = row["factor"]
            return factor
    return 1.0


def cache_loss(cache_type_k: str, cache_type_v: str, architecture: str = "") -> tuple[float, str]:
    """
    Return what a quantized cache adds, and how that is known: measured, derived from perplexity, or assumed.
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
    weakest = next(basis for basis in ("assumed", "derived", "measured") if basis in bases)
    return total, {"derived": "derived from perplexity"}.get(weakest, weakest)


def in_words(divergence: float) -> str:
    """
    Return a divergence in words that a person can weigh.
    """
    return next((words for limit, words in _WORDS if divergence < limit), "barely usable")
