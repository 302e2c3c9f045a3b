"""
What a quantization loses, from measured divergence.

The table was measured on one model of 8 B parameters; a larger model loses less, as far as that was
measured, and nothing is assumed beyond it. See ``data/quality.json``.
"""

from llmprobe.data import table
from llmprobe.facts.plan import Quality

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

# What a quantized cache adds. No measurement is in the table, so these are assumptions, on the cautious side.
CACHE_LOSS = {
    "f32": 0.0,
    "f16": 0.0,
    "bf16": 0.0,
    "q8_0": 0.003,
    "q5_1": 0.015,
    "q5_0": 0.02,
    "q4_1": 0.04,
    "q4_0": 0.05,
}
_OTHER_CACHE_LOSS = 0.05

# Published in 4-bit and trained for it: the file is the original.
_NATIVE = 0.0


def quality(
    quant: str, parameters: int, *, cache_type_k: str = "f16", cache_type_v: str = "f16", native: bool = False
) -> Quality:
    """
    Return the loss of a file type on a model of this size, with the loss of the cache types added.

    ``value`` is None for a file type that nobody measured.
    """
    data = table("quality")
    row = data["rows"].get(quant.upper())
    cache = CACHE_LOSS.get(cache_type_k, _OTHER_CACHE_LOSS) + CACHE_LOSS.get(cache_type_v, _OTHER_CACHE_LOSS)
    if native:
        weights = _NATIVE
        basis = "the weights as they were published"
    elif row is None:
        return Quality(value=None, metric=METRIC, basis=f"{quant} was not measured", words="unknown loss")
    else:
        weights = row["mean_kld"] * size_factor(parameters)
        basis = (
            f"{row['mean_kld']:.4f} measured on {data['model']} ({data['dataset']})"
            f" x {size_factor(parameters):.2f} for the size of the model"
        )
    if cache:
        basis += f", + {cache:.3f} assumed for a {cache_type_k}/{cache_type_v} cache"
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


def in_words(divergence: float) -> str:
    """
    Return a divergence in words that a person can weigh.
    """
    return next((words for limit, words in _WORDS if divergence < limit), "barely usable")
