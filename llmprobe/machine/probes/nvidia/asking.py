"""
Asking NVML so that a device that got lost is left in peace: further calls into it have hung and crashed drivers.

See https://github.com/XuehaiPan/nvitop/issues/139.
"""

from llmprobe.facts.answer import Answer, Source
from llmprobe.machine.asking import Asker
from llmprobe.machine.probes.nvidia.errors import GPU_IS_LOST


class Careful(Asker):
    """
    An asker that asks a lost device nothing more. ``gone`` holds what each of them answered, by index as text.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.gone: dict[str, Answer] = {}

    def nvml(self, function: str, handle: str | None = None, *args: int) -> Answer:
        index = (handle or "").split("/")[0]
        if index in self.gone:
            return self.gone[index]
        answer = super().nvml(function, handle, *args)
        if answer.code == GPU_IS_LOST and index:
            self.gone[index] = answer
        return answer

    def lost(self, handle: str) -> Answer | None:
        """
        Return the answer "GPU is lost" of the device that a handle is of, None where it is there.
        """
        return self.gone.get(handle.split("/")[0])
