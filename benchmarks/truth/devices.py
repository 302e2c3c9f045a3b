"""
The measured loads on several devices of ``fixtures/truth``, read back into settings and hardware.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from benchmarks.truth.loads import MemoryCase, RefusedCase, case_of, refused_of
from benchmarks.truth.models import TRUTH


class DevicesCase(msgspec.Struct, frozen=True):
    """
    One load on several devices: what measuring gave, and the compute buffers by device of a load that allocates.

    ``mapped`` says that the host's weights are ranges of the file, which are no sum of tensors.
    """

    measured: MemoryCase
    allocated: dict[str, int]
    mapped: bool


def devices_cases() -> Iterator[DevicesCase]:
    """
    Yield every load, those of one model after each other.
    """
    content = _content()
    for model, rows in content["models"].items():
        for *numbers, less in rows:
            case = case_of(content, model, [*numbers, 0])
            steps = less or [0] * len(case.bytes)
            allocated = {
                name: sizes[2] + step for (name, sizes), step in zip(case.bytes.items(), steps, strict=True)
            }
            yield DevicesCase(case, allocated, less is None)


def refused_on_devices() -> Iterator[RefusedCase]:
    """
    Yield every load that llama.cpp refused.
    """
    yield from refused_of(_content())


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = msgspec.json.decode((TRUTH / "devices.json").read_bytes())
    return content
