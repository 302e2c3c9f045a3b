"""
NVML's return codes: their names, and what each means to a person when a device or the library answers with
it.

https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceEnumvs.html
"""

from llmprobe.facts.answer import Answer

NOT_SUPPORTED = 3
NO_PERMISSION = 4
DRIVER_NOT_LOADED = 9
LIBRARY_NOT_FOUND = 12
GPU_IS_LOST = 15
VERSION_MISMATCH = 18
UNKNOWN = 999

_WORDS = {
    4: "access to it is denied",
    8: "its power cable is not connected",
    9: "the NVIDIA kernel module is not loaded",
    10: "the driver timed out",
    11: "its interrupts do not arrive",
    12: "the NVIDIA driver library was not found",
    15: "it has fallen off the bus (GPU is lost)",
    16: "it must be reset first",
    17: "the operating system blocked the driver",
    18: "the NVIDIA library and kernel module have different versions",
    20: "the driver ran out of memory",
    29: "it is in an invalid state and must be reset",
    999: "the driver reports an unknown error",
}


def words(answer: Answer) -> str:
    """
    Return why an answer is not ok, as the end of a sentence about a device.
    """
    if answer.code is not None and answer.code in _WORDS:
        return _WORDS[answer.code]
    if answer.status == "timeout":
        return "the driver did not answer in time"
    if answer.status == "denied":
        return _WORDS[NO_PERMISSION]
    if answer.status == "not_recorded":
        return "its answer is not in the recording"
    return answer.detail or f"the driver's answer is {answer.status}"
