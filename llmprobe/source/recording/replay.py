"""
A recorded machine, asked as if it were here. It never touches the machine that it runs on.
"""

from llmprobe.facts.answer import Answer, Platform
from llmprobe.facts.asking import Asking, question_name
from llmprobe.source.recording import Question, Recording


class NotRecorded(BaseException):
    """
    A test's replay was asked what its recording says nothing about.

    Derived from ``BaseException``, so that no ``except Exception`` on the way makes an answer of it.
    """


class Replay(Asking):
    """
    The answers of a recording. What is not in it is ``missing`` where the recording covers it.

    Elsewhere the answer is ``not_recorded``, or, for a strict replay as tests use it, the question raises
    ``NotRecorded``.
    """

    this_machine = False

    def __init__(self, recording: Recording, *, strict: bool = False) -> None:
        self._recording = recording
        self._strict = strict
        self._asked: set[Question] = set()

    @property
    def platform(self) -> Platform:
        return self._recording.platform

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:  # noqa: ARG002 - a recording waits for nothing
        question = (method, *args)
        self._asked.add(question)
        answer = self._recording.answers.get(question)
        if answer is not None:
            return answer
        if self._recording.covered(method, args):
            return Answer(status="missing")
        name = question_name(method, args)
        if self._strict:
            raise NotRecorded(f"{name} is not in the recording, and no area that it covers has it")
        return Answer(status="not_recorded", detail=f"{name} was not asked when this was recorded")

    def asked(self) -> tuple[Question, ...]:
        """
        The recorded questions that were asked, sorted.
        """
        return tuple(sorted(self._asked & self._recording.answers.keys()))

    def unread(self) -> tuple[str, ...]:
        """
        The names of the recorded answers that nobody asked for, sorted.
        """
        unread = self._recording.answers.keys() - self._asked
        return tuple(sorted(question_name(method, tuple(args)) for method, *args in unread))
