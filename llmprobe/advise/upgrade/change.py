"""
One change of a machine before it is known what it brings.
"""

import msgspec

from llmprobe.facts.machine import Snapshot
from llmprobe.facts.upgrade import StepKind
from llmprobe.words.message import Message


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """
    A change by name, and the machine after it; None where nobody can tell what that would be. The other fields are
    those of ``Step``, and ``product`` is what is bought as it has a price.
    """

    kind: StepKind
    name: Message
    machine: Snapshot | None
    gpu: str | None = None
    product: str | None = None
    ram_bytes: int | None = None
    watts: int | None = None
    commands: tuple[str, ...] = ()
