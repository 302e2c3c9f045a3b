"""
NVML's return codes, and what each means to a person when a device or the library answers with it.

https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceEnumvs.html
"""

from llmprobe.facts.answer import Answer
from llmprobe.words.message import Message, message

NOT_SUPPORTED = 3
NO_PERMISSION = 4
DRIVER_NOT_LOADED = 9
LIBRARY_NOT_FOUND = 12
GPU_IS_LOST = 15
VERSION_MISMATCH = 18

_BY_CODE: dict[int | None, str] = {
    4: "denied",
    8: "no-power",
    9: "module-not-loaded",
    10: "timed-out",
    11: "no-interrupts",
    12: "no-library",
    15: "lost",
    16: "reset-required",
    17: "blocked",
    18: "version-mismatch",
    20: "out-of-memory",
    29: "invalid-state",
    999: "unknown",
}
_BY_STATUS = {"timeout": "timed-out", "denied": "denied", "not_recorded": "not-recorded"}


def reason(answer: Answer) -> Message:
    """
    The reason why an answer is not ok, by its code where that is known, else by its status.
    """
    word = _BY_CODE.get(answer.code) or _BY_STATUS.get(answer.status)
    if word is not None:
        return message(f"unusable.nvml-{word}")
    if answer.detail:
        return message("unusable.nvidia-error", detail=answer.detail)
    return message("unusable.nvidia-status", status=answer.status)
