"""
What to warn of beside an estimate.
"""

from llmprobe.facts.estimate import trained_context
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.model import archs


def warnings(model: ModelSpec, run: ResolvedSettings) -> tuple[str, ...]:
    """
    Return what the user should know before relying on the estimate.
    """
    result = []
    if archs.get(model.architecture) is None:
        result.append(f"the architecture {model.architecture!r} is not known: its cache is a guess")
    trained = trained_context(model)
    if trained is not None and run.ctx_per_seq > trained:
        result.append(
            f"a context of {run.ctx_per_seq} tokens is beyond the {trained} that the model was trained for"
        )
    return tuple(result)
