"""
``llmprobe check --json`` of a recorded machine whose NVML is asked live: ``python -m tests.stub_nvml.check RECORDING``.

Everything but NVML is answered by the recording, so that the machine has the NVIDIA devices that it was recorded with
and the program loads the library that the linker finds. It runs in a process of its own, which keeps the library apart.
"""

import sys
from typing import Any

from llmprobe.cli import main
from llmprobe.facts.answer import Answer
from llmprobe.source import live
from llmprobe.source.live import LiveSource
from llmprobe.source.recording.files import read_recording
from llmprobe.source.recording.replay import Replay


class NvmlIsLive(LiveSource):
    """
    The live source with the eyes of a recording for everything but NVML; what that does not hold is not there.
    """

    recorded = ""

    def __init__(self, **wishes: Any) -> None:
        super().__init__(**wishes)
        self._replay = Replay(read_recording(self.recorded))

    @property
    def platform(self) -> Any:
        return self._replay.platform

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        if method == "nvml":
            return super().ask(method, args, timeout_s)
        answer = self._replay.ask(method, args)
        return Answer(status="missing") if answer.status == "not_recorded" else answer


if __name__ == "__main__":
    NvmlIsLive.recorded = sys.argv[1]
    live.LiveSource = NvmlIsLive  # type: ignore[misc]
    raise SystemExit(main(["check", "--json"]))
