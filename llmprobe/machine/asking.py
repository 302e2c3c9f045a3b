"""
Asking a source and remembering what was asked.

Every probe asks through an ``Asker``, so that its facts can cite their answers as evidence, and so that a
source that was denied, failed or timed out is named in the probe's report without any further code.
"""

import math
import re
from typing import Any, Literal

import msgspec

from llmprobe.facts.answer import Answer, Source
from llmprobe.facts.asking import Relay, pass_on, question_name
from llmprobe.facts.machine import Probed
from llmprobe.words.message import Message, message

TROUBLE = ("denied", "failed", "timeout", "not_recorded")
_NAMED = 4
_DIGITS = 20
"""A longer number is no size and no count of anything."""

_ORDERS = "[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
"""What a terminal obeys instead of showing it: control characters, and turns of the direction of writing."""

_ORDERS_IN_ASCII = "[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"
"""The same in what most answers are; the other expression takes half a millisecond to compile."""

_DEEPEST = 50
"""No answer has a meaning so deep in it."""

ProbedStatus = Literal["ok", "absent", "partial", "denied", "failed", "timeout", "not_recorded"]


class Asker(Relay):
    """
    A source with a memory: every question put to it, by name, with its answer.

    What is shown to people comes through here, so that a name (a process may call itself anything) that would
    command their terminal is made harmless here.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._asked: dict[str, Answer] = {}

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        answer = harmless(pass_on(self._source, method, args, timeout_s))
        self._asked[question_name(method, args)] = answer
        return answer

    def text(self, path: str) -> str | None:
        """
        The text of a file, or None where it could not be read.
        """
        return as_text(self.read(path))

    def answered(self, *names: str) -> tuple[str, ...]:
        """
        Those of the named questions that were asked, in the order given: evidence for a fact.
        """
        return tuple(name for name in names if name in self._asked)

    def trouble(self, overlooked: tuple[str, ...] = ()) -> dict[str, Answer]:
        """
        The questions that were denied, failed, timed out or were never recorded.

        Of those by an ``overlooked`` method only the ones that timed out or were never recorded.
        """
        passed = ("timeout", "not_recorded")
        return {
            name: answer
            for name, answer in self._asked.items()
            if answer.status in (passed if name.partition(":")[0] in overlooked else TROUBLE)
        }

    def probed(
        self,
        *,
        found: bool,
        status: ProbedStatus | None = None,
        overlooked: tuple[str, ...] = (),
        **parts: Any,
    ) -> Probed:
        """
        The result of a probe, with the status that its answers give it unless one is named.

        Trouble beside something found is ``partial``; with nothing found it is the first trouble itself,
        and without any trouble it is ``absent``. Where all trouble is what nobody recorded, it is that.
        """
        trouble = self.trouble(overlooked)
        if status is None:
            if not trouble:
                status = "ok" if found else "absent"
            elif all(answer.status == "not_recorded" for answer in trouble.values()):
                status = "not_recorded"
            elif found:
                status = "partial"
            else:
                status = _of_trouble(next(iter(trouble.values())))
        detail = parts.pop("detail", None) or _describe(trouble)
        return Probed(status=status, detail=detail, **parts)


def harmless(answer: Answer) -> Answer:
    """
    An answer without anything that a terminal obeys; line breaks, tabs and zeros stay.
    """
    value, detail = _harmless(answer.value, 0), _harmless(answer.detail, 0)
    if value is answer.value and detail is answer.detail:
        return answer
    return msgspec.structs.replace(answer, value=value, detail=detail)


def _harmless(value: Any, depth: int) -> Any:
    """
    The value without what a terminal obeys; itself where there is nothing to change in it.
    """
    if isinstance(value, str):
        if value.isprintable():
            return value
        orders = _ORDERS_IN_ASCII if value.isascii() else _ORDERS
        return re.sub(orders, "\N{REPLACEMENT CHARACTER}", value) if re.search(orders, value) else value
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        items = [_harmless(item, depth + 1) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if isinstance(value, dict):
        pairs = {_harmless(key, depth + 1): _harmless(item, depth + 1) for key, item in value.items()}
        same = len(pairs) == len(value) and all(key in value and pairs[key] is value[key] for key in pairs)
        return value if same else pairs
    return value


def as_text(answer: Answer) -> str | None:
    """
    The text of an answer, or None where it is not ok or no text.
    """
    return answer.value if answer.ok and isinstance(answer.value, str) else None


def as_int(value: Any) -> int | None:
    """
    A whole number, also from decimal text; None for anything else, negative numbers included.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        return int(value) if value.isdecimal() and len(value) <= _DIGITS else None
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) else None
    return value if isinstance(value, int) and value >= 0 else None


def fields_of(answer: Answer) -> dict[str, Any]:
    """
    The object in an answer, empty where it is not ok or no object.
    """
    return answer.value if answer.ok and isinstance(answer.value, dict) else {}


def items_of(answer: Answer) -> list[Any]:
    """
    The list in an answer, empty where it is not ok or no list.
    """
    return listed(answer.value) if answer.ok else []


def listed(value: Any) -> list[Any]:
    """
    A list within an answer, empty where it is anything else.
    """
    return value if isinstance(value, list) else []


def _of_trouble(answer: Answer) -> ProbedStatus:
    match answer.status:
        case "denied":
            return "denied"
        case "timeout":
            return "timeout"
        case "not_recorded":
            return "not_recorded"
        case _:
            return "failed"


def _describe(trouble: dict[str, Answer]) -> Message | None:
    if not trouble:
        return None
    named = tuple(
        message("source.question", question=name, status=answer.status, reason=answer.detail or None)
        for name, answer in list(trouble.items())[:_NAMED]
    )
    return message("source.trouble", questions=named, more=len(trouble) - len(named) or None)
