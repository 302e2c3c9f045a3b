"""
What an engine reached on this machine beside what was predicted, applied to further predictions for the same devices.
"""

from collections.abc import Iterable, Sequence

import msgspec

from llmprobe.estimation.speed.generation import that_count
from llmprobe.estimation.speed.parts import CPU, Share
from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.measured import Correction
from llmprobe.words.message import Message, message

PROCESSOR = "cpu"
_RATES = ("generation_tokens_per_s", "generation_at_full_context_tokens_per_s")


def places_of(shares: Sequence[Share]) -> tuple[str, ...]:
    """
    Where a model is computed: the names of the devices, and the processor, as far as they count for the speed.
    """
    return tuple(
        sorted({PROCESSOR if one.backend == CPU else one.name or one.device for one in that_count(shares)})
    )


def correction_of(
    corrections: Iterable[Correction], shares: Sequence[Share], *, moe: bool
) -> Correction | None:
    """
    The correction for a model that is computed in these places, None where none was measured.
    """
    known = tuple(corrections)
    if not known:
        return None
    places = places_of(shares)
    return next((one for one in known if one.places == places and one.experts == moe), None)


def corrected(speed: Speed, correction: Correction | None) -> Speed:
    """
    A speed with its correction, which its reason names.
    """
    if correction is None:
        return speed
    generation, prompt = correction.generation or 1.0, correction.prompt or 1.0
    rates = {name: _times(getattr(speed, name), generation) for name in _RATES}
    return msgspec.structs.replace(
        speed,
        **rates,
        prompt_tokens_per_s=_times(speed.prompt_tokens_per_s, prompt),
        reason=message("speed.corrected", correction=about(correction), why=speed.reason),
    )


def about(correction: Correction) -> Message:
    """
    What a correction is and where it is from.
    """
    generation, prompt = correction.generation, correction.prompt
    parts = (
        None if generation is None else message("speed.correction-generation", factor=generation),
        None if prompt is None else message("speed.correction-prompt", factor=prompt),
    )
    return message(
        "speed.correction",
        parts=tuple(part for part in parts if part is not None),
        model=correction.model,
        date=correction.date,
    )


def _times(rate: Range | None, factor: float) -> Range | None:
    if rate is None:
        return None
    return Range(
        low=round(rate.low * factor, 2),
        likely=round(rate.likely * factor, 2),
        high=round(rate.high * factor, 2),
    )
