"""
How much of each device NVIDIA's Multi-Process Service lets one program have.

A program may set ``CUDA_MPS_PINNED_DEVICE_MEM_LIMIT`` (``0=5GB,1=512M``, by the numbers that CUDA gives the devices it
sees). It holds where the service serves the program: where the folder of its pipes is there.
https://docs.nvidia.com/deploy/mps/latest/appendix-environment-variables.html
"""

import re

from llmprobe.facts.machine import Limit
from llmprobe.machine.asking import Asker, as_text
from llmprobe.words.message import message

_VARIABLE = "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"
_PIPES, _USUAL_PIPES = "CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"  # noqa: S108 - where the service is
_ENTRY = re.compile(r"\s*([0-9]{1,4})\s*=\s*([0-9]{1,9})\s*([GM])B?\s*", re.IGNORECASE)
_UNITS = {"G": 1 << 30, "M": 1 << 20}


def ask_limits(ask: Asker) -> dict[int, Limit]:
    """
    The most that a program may take of each device that has a limit, by CUDA's number, as caps.

    Where nothing says that the service is not there, its limits count.
    """
    text = as_text(ask.env(_VARIABLE))
    if not text:
        return {}
    pipes = as_text(ask.env(_PIPES)) or _USUAL_PIPES
    if ask.list(pipes).status == "missing":
        return {}
    entries = (_ENTRY.fullmatch(entry) for entry in text.split(","))
    sizes = {
        int(entry[1]): int(entry[2]) * _UNITS[entry[3].upper()] for entry in entries if entry is not None
    }
    return {
        number: Limit(
            by="mps",
            bytes=size,
            detail=message("limit.nvidia-mps", variable=_VARIABLE, most_bytes=size),
            basis="declared",
        )
        for number, size in sizes.items()
    }
