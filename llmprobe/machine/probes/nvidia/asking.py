"""
Asking NVML so that a device that got lost is left in peace: further calls into it have hung and crashed drivers.

See https://github.com/XuehaiPan/nvitop/issues/139.
"""

import msgspec

from llmprobe.facts.answer import Answer, Source
from llmprobe.facts.asking import question_name
from llmprobe.machine.asking import Asker
from llmprobe.machine.probes.nvidia.errors import GPU_IS_LOST


class Loss(msgspec.Struct, frozen=True):
    """
    The answer that a device is lost, and the name of the question that got it.
    """

    question: str
    answer: Answer


class Careful(Asker):
    """
    An asker that asks a lost device nothing more.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._gone: dict[str, Loss] = {}

    def nvml(self, function: str, handle: str | None = None, *args: int) -> Answer:
        index = _index(handle)
        if index in self._gone:
            return self._gone[index].answer
        answer = super().nvml(function, handle, *args)
        if answer.code == GPU_IS_LOST and index:
            given = (function, handle or "", *map(str, args))
            self._gone[index] = Loss(question_name("nvml", given), answer)
        return answer

    def lost(self, handle: str) -> Loss | None:
        """
        The loss of the device that a handle is of, None while it is there.
        """
        return self._gone.get(_index(handle))


def _index(handle: str | None) -> str:
    return (handle or "").split("/")[0]
