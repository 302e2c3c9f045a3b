"""
What came of asking one machine of a fleet, wherever it is.
"""

import msgspec

from llmprobe.facts.fleet import HostOrigin
from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import Message


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """
    One machine, or why there is none of that name.
    """

    name: str
    origin: HostOrigin
    machine: Snapshot | None = None
    problem: Message | None = None
    remedy: Message | None = None
