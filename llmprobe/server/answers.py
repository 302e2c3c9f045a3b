"""
What each path answers: the documents of the public functions, made in a thread, and kept while they stay right.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from llmprobe.errors import LlmprobeError, ModelError, RefusedError, UsageError
from llmprobe.output.documents import to_json
from llmprobe.server.bodies import EstimateBody, expect_known_settings
from llmprobe.server.machine import Seen, Watched
from llmprobe.server.questions import QUESTIONS
from llmprobe.tasks.models import models
from llmprobe.units import MIB
from llmprobe.words.render import Words, words

_MOST_KEPT_BYTES = 32 * MIB
_ERROR_BYTES = 4096
_LASTING = (UsageError, ModelError, RefusedError)
"""Errors that the same question has again."""


class Answers:
    """
    The documents that a server gives, as the bytes that it sends. All methods may be called from several threads.
    """

    def __init__(self, watched: Watched, *, this_machine: bool, said_in: Words | None = None) -> None:
        self.this_machine = this_machine
        self.words = said_in or words()
        self._watched = watched
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, bytes], tuple[int, bytes | LlmprobeError]] = OrderedDict()
        self._kept_bytes = 0

    def snapshot(self) -> bytes:
        """
        The machine as it is.
        """
        return self._once("snapshot", b"", lambda seen: self._document(seen.snapshot))

    def metrics(self) -> bytes:
        """
        The machine for Prometheus.
        """
        from llmprobe.output.metrics import to_metrics

        return self._once("metrics", b"", lambda seen: to_metrics(seen.snapshot))

    def models(self, text: str | None) -> bytes:
        """
        The catalog, or the models that a text may mean.
        """
        return self._once("models", (text or "").encode(), lambda _seen: self._document(models(text)))

    def answer(self, question: str, content: bytes) -> bytes:
        """
        The document that answers a question of ``QUESTIONS``, whose body is ``content``.

        Raises:
            msgspec.ValidationError: the body is not as it should be.
            msgspec.DecodeError: it is no JSON.
            LlmprobeError: it cannot be answered.
        """
        body, written = _read(question, content)
        return self._once(
            question, written, lambda seen: self._document(QUESTIONS[question].answer(body, seen))
        )

    def kept(self, kind: str, asked: bytes = b"") -> bytes | None:
        """
        What is kept of a path without a body, for which nobody has to wait; None where it has to be made.
        """
        seen = self._watched.at_once()
        return None if seen is None else self._found((kind, asked), seen)

    def kept_answer(self, question: str, content: bytes) -> bytes | None:
        """
        What is kept of ``answer``, for which nobody has to wait; None where it has to be made.

        Raises:
            msgspec.ValidationError: the body is not as it should be.
            msgspec.DecodeError: it is no JSON.
            LlmprobeError: it cannot be answered.
        """
        return self.kept(question, _read(question, content)[1])

    def _document(self, record: msgspec.Struct) -> str:
        return to_json(record, self.words)

    def _once(self, kind: str, asked: bytes, make: Callable[[Seen], str]) -> bytes:
        seen, key = self._watched.now(), (kind, asked)
        found = self._found(key, seen)
        if found is None:
            try:
                found = make(seen).encode()
            except _LASTING as error:
                self._keep(key, seen.number, error)
                raise
            self._keep(key, seen.number, found)
        return found

    def _found(self, key: tuple[str, bytes], seen: Seen) -> bytes | None:
        with self._lock:
            number, made = self._kept.get(key, (None, b""))
            if number != seen.number:
                return None
            self._kept.move_to_end(key)
        if isinstance(made, LlmprobeError):
            raise type(made)(made.message, hint=made.hint)
        return made

    def _keep(self, key: tuple[str, bytes], number: int, made: bytes | LlmprobeError) -> None:
        with self._lock:
            if key in self._kept:
                self._kept_bytes -= _size(self._kept.pop(key)[1])
            self._kept[key] = (number, made)
            self._kept_bytes += _size(made)
            while self._kept_bytes > _MOST_KEPT_BYTES:
                _, (_, oldest) = self._kept.popitem(last=False)
                self._kept_bytes -= _size(oldest)


def _read(question: str, content: bytes) -> tuple[Any, bytes]:
    """
    A question, and how it is written: the same is the same however its body is.
    """
    body = msgspec.json.decode(content, type=QUESTIONS[question].body)
    if isinstance(body, EstimateBody):
        expect_known_settings(msgspec.json.decode(content))
    return body, msgspec.json.encode(body)


def _size(made: bytes | LlmprobeError) -> int:
    return _ERROR_BYTES if isinstance(made, LlmprobeError) else len(made)
