"""
The errors that llmprobe raises on purpose: what was seen, what to do about it, and the exit code.

Foreign exceptions are translated into these once, at the seam or in the parser that met them.
A bug is none of these: it keeps its own type and its traceback.
"""

from llmprobe.words.message import Message


class LlmprobeError(Exception):
    """
    Base of every error that a user is meant to read: one sentence, and a hint what to do.

    ``str()`` is the sentence in English. ``exit_code`` is 1: the question could not be answered.
    """

    exit_code = 1

    def __init__(self, message: Message, *, hint: Message | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return str(self.message)


class UsageError(LlmprobeError):
    """
    The question itself cannot be: a negative context, a quantization that does not exist, a size without a unit.
    """

    exit_code = 2


class ModelError(LlmprobeError):
    """
    The model could not be read or named: an unknown name, a file that is no GGUF or is cut short.
    """


class RecordingError(LlmprobeError):
    """
    A recording could not be read: not JSON, cut short, of another schema, or with values of the wrong kind.
    """


class RefusedError(LlmprobeError):
    """
    llama.cpp refuses this combination of settings for this model, so there is nothing to estimate.
    """
