"""
Whether a file of a model is made with an importance matrix.
"""

from llmprobe.data.offers import offered_by
from llmprobe.facts.model import ModelSpec
from llmprobe.model.quants import file_type, is_file_type, recipe_of


def has_matrix(model: ModelSpec, quant: str) -> bool:
    """
    Whether a file of this type is made with an importance matrix, which lowers what it loses at few bits.

    Of a file that is here its header tells. Of a name it is the habit of who publishes it: the recipe's, else that of
    the repository that should have the type. What nobody is known to publish is taken to have none, except types that
    llama-quantize refuses to make without.
    """
    if quant == model.quant and model.imatrix is not None:
        return model.imatrix
    rule = recipe_of(model, quant)
    if rule is not None:
        return rule.imatrix
    if is_file_type(quant) and file_type(quant).needs_imatrix:
        return True
    offered = (
        None
        if model.published is None
        else offered_by(model.published.repositories, quant, published_quant=model.published_quant)
    )
    return offered is not None and bool(offered[1].get("imatrix"))
