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


def recipe_notes(*rules: Recipe | None) -> tuple[Message, ...]:
    """
    That the weights follow rules about published files, and how far these were from them.

    Plain types that publishers mix differently are one note together.
    """
    notes = []
    plain = [rule for rule in rules if rule is not None and rule.plain]
    if plain:
        residents = [high for high in (rule.resident_high() for rule in plain) if high is not None]
        notes.append(
            message(
                "note.quant-by-publisher",
                quants=tuple(rule.name for rule in plain),
                smaller=max(abs(rule.low) for rule in plain) / 100,
                larger=max(rule.high for rule in plain) / 100,
                resident=_share(max(residents, default=None)),
            )
        )
    notes += [
        message(
            "note.quant-by-rule",
            quant=rule.name,
            smaller=abs(rule.low) / 100,
            larger=rule.high / 100,
            files=rule.files,
            resident=_share(rule.resident_high()),
        )
        for rule in rules
        if rule is not None and not rule.plain
    ]
    return tuple(notes)


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100
