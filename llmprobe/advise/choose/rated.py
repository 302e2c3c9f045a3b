"""
The loss of a quantization of one model: which figure counts, from what is known of its file.
"""

from collections.abc import Mapping

from llmprobe.advise.choose.loss import Model, is_latent, of_format, of_model
from llmprobe.advise.choose.quality import in_words, quality
from llmprobe.data import table
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.engine import Abilities
from llmprobe.facts.recommendation import Quality
from llmprobe.model.published import has_matrix
from llmprobe.model.quants import file_type, is_file_type
from llmprobe.words.message import Message


def rated(
    estimator: Estimator,
    quant: str,
    abilities: Abilities,
    *,
    cache_type_k: str = "f16",
    cache_type_v: str = "f16",
) -> Quality:
    """
    What a quantization of a model loses, with what the types of its cache add.
    """
    model = estimator.model
    return quality(
        quant,
        model_of(estimator),
        imatrix=_has_matrix(estimator, quant, abilities),
        shares=_mixture(estimator, quant),
        native=quant == model.published_quant,
        cache_type_k=cache_type_k,
        cache_type_v=cache_type_v,
    )


def of_folder(estimator: Estimator) -> tuple[float, Message] | None:
    """
    What the weights beside a configuration lose in the format that they are published in, and that in words; None where
    they are in 16 bits, or in a format that nobody measured.
    """
    folder, data = estimator.model.folder, table("quality")
    figure = None if folder is None else of_format(data, folder.format)
    if figure is None:
        return None
    divergence = of_model(data, figure.mean_kld, model_of(estimator))
    return divergence, in_words(divergence)


def model_of(estimator: Estimator) -> Model:
    """
    The model as far as its loss depends on it.
    """
    spec = estimator.model
    return Model(
        parameters=spec.parameters,
        active_parameters=spec.active_parameters,
        experts=estimator.is_moe,
        id=spec.id,
        architecture=spec.architecture,
        words=estimator.n_vocab,
        latent=is_latent(spec.hparams),
    )


def _has_matrix(estimator: Estimator, quant: str, abilities: Abilities) -> bool:
    model = estimator.model
    of_library = abilities.own_library and model.published is not None and model.published.ollama is not None
    if of_library and quant != model.quant and is_file_type(quant) and not file_type(quant).needs_imatrix:
        return False
    return has_matrix(model, quant)


def _mixture(estimator: Estimator, quant: str) -> Mapping[str, float] | None:
    """
    The shares of types, where no file type has been measured that has them: a publisher's mixture, or a file's own.
    """
    own = quant == estimator.model.quant and estimator.model.imatrix is not None
    measured = quant in table("quality")["rows"]
    return None if measured and not own else estimator.type_shares(quant, usual=not measured)
