"""
This machine, measured before the first answer that rests on how fast its RAM is.
"""

from llmprobe.cli import say
from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import message


def measured(snapshot: Snapshot, *, quietly: bool) -> Snapshot:
    """
    This machine, measured if it never was. A person is told.
    """
    from llmprobe.tasks.machines import measured_first

    known = snapshot.host.measurement
    snapshot = measured_first(snapshot)
    new = snapshot.host.measurement
    if new is not known and new is not None and new.ram is not None and not quietly:
        say.warn([message("note.measured-quickly", bytes_per_s=new.ram.bytes_per_s)], "note")
    return snapshot
