"""
A source that keeps what it was asked and what it was answered.
"""

import threading

from llmprobe.facts.answer import Answer, Source
from llmprobe.facts.asking import Relay, pass_on
from llmprobe.source.recording import Question, Recording

_HOMES = (("metal", "darwin"), ("sysctl", "darwin"), ("registry", "win32"), ("winapi", "win32"))
_ABSENT_ROOTS = ("/sys/class/drm", "/sys/class/kfd", "/sys/bus/pci/devices", "/proc/driver/nvidia")


class Recorder(Relay):
    """
    Another source, unchanged, with a record of it.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._lock = threading.Lock()
        self._answers: dict[Question, Answer] = {}

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        answer = pass_on(self._source, method, args, timeout_s)
        with self._lock:
            self._answers[method, *args] = answer
        return answer

    def recording(self) -> Recording:
        """
        All that was asked until now.

        What it covers completely is only what is known to be absent: a facility of another system, a library
        that does not load, a directory that does not exist.
        """
        with self._lock:
            answers = dict(self._answers)
        system = self.platform.system
        covers = [area for area, home in _HOMES if system != home]
        covers += ["nvml"] if _is_missing(answers, ("nvml", "nvmlInit", "")) else []
        covers += [root for root in _ABSENT_ROOTS if _is_missing(answers, ("list", root))]
        return Recording(platform=self.platform, covers=tuple(sorted(covers)), answers=answers)


def _is_missing(answers: dict[Question, Answer], question: Question) -> bool:
    return question in answers and answers[question].status == "missing"
