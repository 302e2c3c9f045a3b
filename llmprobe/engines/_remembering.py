"""
Looking again and again: what of an engine hardly changes is asked the first time only.
"""

from llmprobe.engines._record import Observe
from llmprobe.facts.answer import Answer, Source
from llmprobe.facts.asking import Relay, pass_on


class Remembering(Relay):
    """
    A source whose answers about disk, environment and commands are kept from one look to the next.
    """

    def __init__(self, source: Source, known: dict[tuple[str, ...], Answer]) -> None:
        super().__init__(source)
        self._known = known

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        if method == "get":
            return pass_on(self._source, method, args, timeout_s)
        question = (method, *args)
        if question not in self._known:
            self._known[question] = pass_on(self._source, method, args, timeout_s)
        return self._known[question]


def steady(observe: Observe) -> Observe:
    """
    An observer to look with again and again: a command is started for the first look only.
    """
    known: dict[tuple[str, ...], Answer] = {}
    return lambda source: observe(Remembering(source, known))
