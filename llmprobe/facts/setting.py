"""
One configuration as a page shows it: the document of ``POST /v1/setting``.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.estimate import Estimate
from llmprobe.facts.recommendation import AnswerTime, Quality


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """
    An estimate with what a choice of ``recommend`` has beside it: the loss, the time of an answer, and the commands by
    engine. ``quality`` is None where the model makes no text, ``time`` where a speed is unknown.
    """

    schema: Literal["llmprobe.setting/1"] = "llmprobe.setting/1"
    llmprobe_version: str = __version__
    this_machine: bool
    estimate: Estimate
    quality: Quality | None
    time: AnswerTime | None
    commands: dict[str, str]
