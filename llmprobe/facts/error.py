"""
A question that got no answer: the document of an error.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.words.message import Message


class ErrorDocument(msgspec.Struct, frozen=True, kw_only=True):
    """
    What every command prints in place of its document when it could not answer.

    ``code`` is the exit code: 1 could not answer, 2 usage. ``this_machine`` says whether the question was about it.
    """

    schema: Literal["llmprobe.error/1"] = "llmprobe.error/1"
    llmprobe_version: str = __version__
    this_machine: bool
    code: int
    message: Message
    hint: Message | None = None
