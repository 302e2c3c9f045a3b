"""
What to warn of beside an estimate.
"""

from llmprobe.facts.estimate import trained_context
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.model import archs
from llmprobe.words.message import Message, message


def warnings(model: ModelSpec, run: ResolvedSettings) -> tuple[Message, ...]:
    """
    What the user should know before relying on the estimate.
    """
    result = []
    if archs.get(model.architecture) is None:
        result.append(message("warning.architecture-unknown", architecture=model.architecture))
    trained = trained_context(model)
    if trained is not None and run.ctx_per_seq > trained:
        result.append(message("warning.beyond-trained-context", ctx_size=run.ctx_per_seq, trained=trained))
    return tuple(result)
