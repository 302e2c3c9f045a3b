"""
A diagnosis as data: the prose is rendered from it, last.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmprobe.words.message import Message

Severity = Literal["error", "warning", "note"]


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """
    What mends it: a sentence, and the commands to run on that system.
    """

    text: Message
    commands: tuple[str, ...] = ()
    link: str | None = None


GPU_UNKNOWN = frozenset({"gpu-not-looked-for", "nvidia-slow", "wsl-other-gpu"})
"""The findings with which there may be a GPU that no record describes."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """
    One thing that is wrong with a machine, or worth knowing, and what it costs its user.

    ``evidence`` names the answers that it stands on (see ``Source``); it is never empty.
    """

    id: str
    severity: Severity
    title: Message
    detail: Message
    evidence: tuple[str, ...]
    remedy: Remedy | None = None
