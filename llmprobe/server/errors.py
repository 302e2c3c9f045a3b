"""
Errors as answers: ``llmprobe.error/1``, with the status that HTTP has for the case.
"""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from llmprobe.errors import LlmprobeError, ModelError, RefusedError, UsageError
from llmprobe.facts.error import ErrorDocument
from llmprobe.output.documents import to_json
from llmprobe.words.message import Message, message
from llmprobe.words.render import Words

JSON = "application/json"
_LONGEST_REASON = 200
_STATUS: tuple[tuple[type[LlmprobeError], int], ...] = (
    (UsageError, 400),
    (ModelError, 404),
    (RefusedError, 422),
)
"""A question that cannot be, a model that nobody knows, settings that llama.cpp refuses."""


class Refusals:
    """
    Errors as answers of a server, whose machine is this one or another.
    """

    def __init__(self, *, this_machine: bool, said_in: Words | None = None) -> None:
        self._this_machine = this_machine
        self._words = said_in

    def refuse(
        self,
        status: int,
        why: Message,
        *,
        hint: Message | None = None,
        headers: Mapping[str, str] | None = None,
        code: int = 2,
    ) -> Response:
        """
        An answer that says why there is none. ``code`` is the exit code that the command line would have.
        """
        document = ErrorDocument(this_machine=self._this_machine, code=code, message=why, hint=hint)
        return Response(to_json(document, self._words), status_code=status, media_type=JSON, headers=headers)

    def of_error(self, error: LlmprobeError) -> Response:
        """
        The answer that an error of ours is.
        """
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        return self.refuse(status, error.message, hint=error.hint, code=error.exit_code)

    def of_body(self, error: msgspec.DecodeError | UnicodeDecodeError) -> Response:
        """
        The answer to a body that is no question.
        """
        why = str(error)[:_LONGEST_REASON]
        return self.refuse(400, message("error.body-wrong", why=why), hint=message("hint.see-openapi"))
