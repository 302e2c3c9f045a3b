"""
This machine recorded and replayed: the same machine, without its name.
"""

import msgspec
import pytest

from llmprobe.facts.machine import Snapshot
from llmprobe.machine.snapshot import collect
from llmprobe.source.live import LiveSource
from llmprobe.source.recording import decode, encode
from llmprobe.source.recording.recorder import Recorder
from llmprobe.source.recording.replay import Replay
from llmprobe.source.redaction import redact
from llmprobe.source.redaction.identity import identity
from llmprobe.source.redaction.placeholders import is_told


def without_clock(snapshot: Snapshot) -> Snapshot:
    """
    Return a snapshot without what is said of the live machine only.
    """
    sources = tuple(msgspec.structs.replace(report, duration_ms=None) for report in snapshot.sources)
    return msgspec.structs.replace(snapshot, this_machine=False, origin="recording", sources=sources)


@pytest.mark.live
def test_live_and_replay_are_the_same_machine() -> None:
    """What was recorded while the machine was looked at gives the same snapshot again, through the file format."""
    with LiveSource() as source:
        recorder = Recorder(source)
        live = collect(recorder)
    recording = decode(encode(recorder.recording()).encode())
    replayed = collect(Replay(recording, strict=True))

    assert replayed == without_clock(live)


@pytest.mark.live
def test_the_recording_of_this_machine_names_neither_it_nor_its_user() -> None:
    """Redaction leaves no host, no user, no serial and no UUID of the machine that the tests run on."""
    with LiveSource() as source:
        recorder = Recorder(source)
        live = collect(recorder)
        ids = [source.read(path) for path in ("/etc/machine-id", "/sys/class/dmi/id/product_uuid")]
    redacted = redact(recorder.recording(), identity())
    text = encode(redacted).lower()
    names = [name for kind in identity().values() for name in kind if is_told(name)]
    secrets = [*names, *(answer.value.strip() for answer in ids if answer.ok and answer.value.strip())]

    assert [secret for secret in secrets if secret.lower() in text] == []
    assert collect(Replay(redacted, strict=True)).pools[0].total_bytes == live.pools[0].total_bytes
