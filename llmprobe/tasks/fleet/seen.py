"""
What came of asking one machine of a fleet, wherever it is.
"""

import msgspec

from llmprobe.advise.together import Serving
from llmprobe.facts.fleet import HostOrigin
from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import Message


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """
    One machine, or why there is none of that name. Of one that is only known by its rpc-server ``protocol`` is the
    version that this speaks, ``serving`` its devices, and ``machine`` these alone.
    """

    name: str
    origin: HostOrigin
    machine: Snapshot | None = None
    problem: Message | None = None
    remedy: Message | None = None
    protocol: str | None = None
    serving: tuple[Serving, ...] = ()
