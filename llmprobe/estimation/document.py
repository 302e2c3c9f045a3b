"""
What to warn of beside an estimate.
"""

from llmprobe.estimation.projector.placed import Placed
from llmprobe.facts.estimate import trained_context
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.model import archs
from llmprobe.model.quants import Recipe
from llmprobe.words.message import Message, message


def warnings(model: ModelSpec, run: ResolvedSettings, placed: Placed | None) -> tuple[Message, ...]:
    """
    What the user should know before relying on the estimate.
    """
    result = []
    if archs.get(model.architecture) is None:
        result.append(message("warning.architecture-unknown", architecture=model.architecture))
    if placed is not None and placed.size.unknown:
        result.append(message("warning.projector-unknown", kinds=placed.size.unknown))
    trained = trained_context(model)
    if trained is not None and run.ctx_per_seq > trained:
        result.append(message("warning.beyond-trained-context", ctx_size=run.ctx_per_seq, trained=trained))
    return tuple(result)


def recipe_notes(rule: Recipe | None) -> tuple[Message, ...]:
    """
    That the weights follow a rule about published files, and how far these were from it.
    """
    if rule is None:
        return ()
    return (
        message(
            "note.quant-by-rule",
            quant=rule.name,
            smaller=abs(rule.low) / 100,
            larger=rule.high / 100,
            files=rule.files,
        ),
    )
