"""
A machine with engines, recorded, redacted and replayed, is the same machine but for names.
"""

import msgspec

from llmprobe import engines
from llmprobe.facts.answer import Source
from llmprobe.facts.machine import EngineOnMachine
from llmprobe.source.recording import decode, encode
from llmprobe.source.recording.recorder import Recorder
from llmprobe.source.recording.replay import Replay
from llmprobe.source.redaction import redact
from tests.engines.answers import HOME
from tests.engines.test_engines import EVERYTHING
from tests.machine.fake import FakeSource

OWNER = "adalovelace"
MINE = {
    question.replace(HOME, f"/home/{OWNER}"): msgspec.json.decode(
        msgspec.json.encode(value).decode().replace(HOME, f"/home/{OWNER}")
    )
    for question, value in EVERYTHING.items()
    if not hasattr(value, "status")
}


def look(source: Source) -> list[EngineOnMachine]:
    return [one for _, observe in engines.observers() for one in observe(source)]


def replayed(text: str) -> list[EngineOnMachine]:
    return look(Replay(decode(text.encode()), strict=True))


def test_a_replay_sees_the_same_engines() -> None:
    """
    Every question that an engine asks is in the recording, with its answer.
    """
    recorder = Recorder(FakeSource(MINE))
    live = look(recorder)

    assert replayed(encode(recorder.recording())) == live


def test_a_redacted_recording_names_nobody_and_keeps_the_figures() -> None:
    """
    Home folders, publishers and digests have placeholders, the same in questions and answers: models are still found.
    """
    recorder = Recorder(FakeSource(MINE))
    live = look(recorder)
    text = encode(redact(recorder.recording(), {"user": (OWNER,)}))
    redacted = replayed(text)

    assert [word for word in (OWNER, "acme") if word in text] == []
    assert [(one.name, one.version, one.running, one.loaded, one.settings) for one in redacted] == [
        (one.name, one.version, one.running, one.loaded, one.settings) for one in live
    ]
    assert [[(m.quant, m.problem, m.bytes) for m in one.models] for one in redacted] == [
        [(m.quant, m.problem, m.bytes) for m in one.models] for one in live
    ]
    assert "name1/Tiny-GGUF/tiny-Q4_K_M.gguf" in {m.name for one in redacted for m in one.models}
