"""
The loss of a quantization for people: a divergence with its basis, in words, and in first choices that remain.

The arithmetic is in ``loss``, the figures in ``data/quality.json``.
"""

from collections.abc import Mapping
from math import sqrt

from llmprobe.advise.choose import loss
from llmprobe.advise.choose.loss import Data, Model
from llmprobe.data import table
from llmprobe.facts.recommendation import Quality
from llmprobe.words.message import Message, message

METRIC = "mean-kl-divergence-from-f16-nats-per-token"

NO_LOSS = 0.003
"""Divergence below which nobody notices a loss."""

HEAVY_LOSS = 0.25
"""Divergence from which a smaller model with less loss is the better answer."""

_STRUCTURES = {
    "latent": message("quality.structure.latent"),
    "small-vocabulary": message("quality.structure.small-vocabulary"),
}

_LEVELS = (
    (NO_LOSS, message("quality.no-noticeable-loss")),
    (0.012, message("quality.practically-lossless")),
    (0.025, message("quality.very-close")),
    (0.045, message("quality.good")),
    (0.11, message("quality.loss-on-hard-tasks")),
    (HEAVY_LOSS, message("quality.clear-loss")),
    (0.6, message("quality.heavy-loss")),
)


def quality(
    quant: str,
    model: Model,
    *,
    imatrix: bool = True,
    shares: Mapping[str, float] | None = None,
    native: bool = False,
    cache_type_k: str = "f16",
    cache_type_v: str = "f16",
) -> Quality:
    """
    The loss of a file type on a model, with that of the cache types added.

    A family that diverges more than others of its size is called so, and at worst a heavy loss where others are fine
    with such a file: people use it all the same.

    ``imatrix`` says that it was made with an importance matrix. ``shares`` are those of the tensors' types, for a
    mixture that no file type is. ``native`` is a file that keeps the weights as they were published. ``value`` is
    None where a type was never measured.
    """
    data = table("quality")
    kept = _kept(data, model) if shares is not None or native else frozenset()
    if native and kept:
        ordinary, weights, basis = 0.0, 0.0, message("quality.basis.published")
    else:
        figure = (
            loss.of_file_type(data, quant, imatrix=imatrix)
            if shares is None
            else loss.of_types(data, shares, kept=kept)
        )
        if figure is None:
            return Quality(
                value=None,
                metric=METRIC,
                basis=message("quality.basis.unmeasured", quant=quant),
                words=message("quality.unknown"),
            )
        ordinary, weights = loss.scaled(data, figure, model), loss.of_model(data, figure, model)
        basis = _of_weights(data, quant, figure, model, imatrix=imatrix, mixed=shares is not None)
    cache_loss, known = loss.of_cache(data, cache_type_k, cache_type_v, model)
    if cache_loss:
        basis = message(
            "quality.basis.with-cache",
            weights=basis,
            divergence=cache_loss,
            cache_type_k=cache_type_k,
            cache_type_v=cache_type_v,
            basis=message(f"quality.cache.{known}"),
        )
    value, spread = weights + cache_loss, loss.spread_of(data, model.id)
    return Quality(
        value=round(value, 5),
        low=round(value * spread["low"], 5),
        high=round(value * spread["high"], 5),
        same_first_choice_percent=round(agreement(value), 1),
        usable=ordinary + cache_loss < HEAVY_LOSS,
        metric=METRIC,
        basis=basis,
        words=in_words(value if value < HEAVY_LOSS else max(HEAVY_LOSS, ordinary + cache_loss)),
    )


def usable_loss(quant: str, model: Model, *, native: bool = False) -> float | None:
    """
    The ``value`` of ``quality`` alone for a file with an importance matrix, None where that is not usable.
    """
    data = table("quality")
    if native and _kept(data, model):
        return 0.0
    figure = loss.of_file_type(data, quant, imatrix=True)
    if figure is None or loss.scaled(data, figure, model) >= HEAVY_LOSS:
        return None
    return round(loss.of_model(data, figure, model), 5)


def agreement(divergence: float) -> float:
    """
    How many of a hundred tokens remain the first choice at a divergence from the original.
    """
    curve = table("quality")["agreement"]
    root = sqrt(divergence)
    return float(100 * (1 - curve["share"] * root / (1 + curve["bend"] * root)))


def in_words(divergence: float) -> Message:
    """
    A divergence on the scale that a person can weigh.
    """
    unusable = message("quality.barely-usable")
    return next((level for limit, level in _LEVELS if divergence < limit), unusable)


def _of_weights(
    data: Data, quant: str, figure: float, model: Model, *, imatrix: bool, mixed: bool
) -> Message:
    """
    How a figure of the table becomes that of the model.
    """
    if not figure:
        return message("quality.basis.whole", quant=quant)
    ordinary, found = loss.scaled(data, figure, model), loss.of_model(data, figure, model)
    parameters = data["size"]["parameters"]
    without = 1.0 if mixed or imatrix else data["rows"][quant].get("without_matrix", 1.0)
    spread = loss.spread_of(data, model.id)
    known = spread is not data["spread"]["unmeasured"]
    family = loss.family_of(data, model.id)
    structure = None if family is not None else loss.structure_of(data, model)
    return message(
        "quality.basis.measured",
        divergence=figure / without,
        how=message("quality.measured-mixture", parameters=parameters)
        if mixed
        else message("quality.measured-type", parameters=parameters, rows=data["rows"][quant]["rows"]),
        without_matrix=None if without == 1.0 else without,
        size_factor=loss.size_factor(data, figure, model),
        size=model.size,
        experts=data["experts"]["adds"] if model.experts else None,
        family_factor=None if family is None else found / ordinary,
        structure_factor=None if structure is None else structure[1],
        structure=None if structure is None else _STRUCTURES[structure[0]],
        measured=message("quality.measurements" if known else "quality.measurements-of-others"),
        low=spread["low"],
        high=spread["high"],
    )


def _kept(data: Data, model: Model) -> frozenset[str]:
    """
    The types that weights of the architecture are published in, and that a file keeps.
    """
    kind = data["kept"]["architectures"].get(model.architecture)
    return frozenset() if kind is None else frozenset((kind,))
