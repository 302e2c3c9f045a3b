"""
What a model is used for, as the tokens of one answer, and the time that such an answer takes.

    seconds = prompt / prompt speed + (thinking + answer) / generation speed

Where the figures are from: people read 5 to 10 tokens/s and call chat comfortable from 10 to 20; a model that thinks
writes 1,000 to 4,000 tokens before 500 useful ones; a step of an agent reads 1,000 to 4,000 new tokens and is called
slow below 57 tokens/s, good at 80; unattended work is fine at 15 to 25.
"""

from typing import Protocol

import msgspec

from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.recommendation import AnswerTime, UseName, Wishes

LEAST_TOKENS_PER_S = 1e-3


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """
    New tokens of a prompt (what was read before is in the cache), tokens of thinking and of the answer, and the
    seconds beyond which a wait counts.
    """

    name: UseName
    prompt: int
    thinking: int = 0
    answer: int
    patience_s: float

    @property
    def written(self) -> int:
        """Tokens of thinking and of the answer."""
        return self.thinking + self.answer

    def seconds(self, tokens_per_s: float, prompt_tokens_per_s: float) -> float:
        """
        The time of one answer.
        """
        reading = self.prompt / max(prompt_tokens_per_s, LEAST_TOKENS_PER_S)
        return reading + self.written / max(tokens_per_s, LEAST_TOKENS_PER_S)

    def time(self, speed: Speed) -> AnswerTime | None:
        """
        The time of one answer at a speed with its range, None where a speed is unknown.
        """
        generation, prompts = speed.generation_tokens_per_s, speed.prompt_tokens_per_s
        if generation is None or prompts is None:
            return None
        at = {
            end: self.seconds(getattr(generation, of), getattr(prompts, of))
            for end, of in (("low", "high"), ("likely", "likely"), ("high", "low"))
        }
        return AnswerTime(
            use=self.name,
            prompt_tokens=self.prompt,
            thinking_tokens=self.thinking,
            answer_tokens=self.answer,
            seconds=Range(**{end: round(value, 1) for end, value in at.items()}),
        )


CHAT = Use(name="chat", prompt=400, answer=300, patience_s=60.0)
REASONING = Use(name="reasoning", prompt=600, thinking=3000, answer=500, patience_s=50.0)

USES = {
    use.name: use
    for use in (
        CHAT,
        REASONING,
        Use(name="agent", prompt=2500, thinking=150, answer=350, patience_s=8.0),
        Use(name="long", prompt=30_000, answer=600, patience_s=60.0),
        Use(name="batch", prompt=2000, answer=500, patience_s=20.0),
    )
}
"""
What can be asked for. Where nothing is, a model that thinks is used for ``reasoning``, any other for ``chat``.

Steps of an agent felt slow at 57 tokens/s and good at 80, which are 11 and 8 seconds; work that nobody waits for was
fine at 15 to 25 tokens/s, about 20 seconds (``fixtures/truth/expert_choices.json``).
"""


class Thinking(Protocol):
    """
    A model, or what is known of one, by its thinking.
    """

    @property
    def thinking(self) -> bool | None: ...

    @property
    def thinking_tokens(self) -> tuple[int, int] | None: ...


def use_of(model: Thinking, wishes: Wishes, *, generates: bool = True) -> Use:
    """
    The use that was asked for, or the usual one of the model, with as many tokens of thinking as it is known to write.

    One that only makes vectors reads, and writes nothing.
    """
    use = USES[wishes.use] if wishes.use is not None else REASONING if model.thinking else CHAT
    if not generates:
        return msgspec.structs.replace(use, thinking=0, answer=0)
    if use.name != "reasoning" or model.thinking_tokens is None:
        return use
    least, most = model.thinking_tokens
    return msgspec.structs.replace(use, thinking=(least + most) // 2)
