"""
The measured loads of ``fixtures/truth`` on several devices, and of those with a cache of experts or dense feed-forward
weights on the host, read back into settings and hardware.
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

    ``allocated`` is None where nothing was allocated. ``mapped`` says that the host's weights are ranges of the file,
    which are no sum of tensors.
    """

    measured: MemoryCase
    allocated: dict[str, int] | None
    mapped: bool


def devices_cases() -> Iterator[DevicesCase]:
    """
    Yield every load, those of one model after each other.
    """
    content = _content("devices")
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
    for name in ("devices", "experts"):
        yield from refused_of(_content(name))


def experts_cases() -> Iterator[DevicesCase]:
    """
    Yield every load with a cache of experts, or with dense feed-forward weights on the host.
    """
    return _measured("experts")


def hybrid_cases() -> Iterator[DevicesCase]:
    """
    Yield every load of a recurrent or hybrid model whose cache or experts lie on the host.
    """
    return _measured("hybrid")


def _measured(name: str) -> Iterator[DevicesCase]:
    content = _content(name)
    for model, rows in content["models"].items():
        for row in rows:
            yield DevicesCase(case_of(content, model, [*row, 0]), None, mapped=False)


@cache
def _content(name: str) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.json.decode((TRUTH / f"{name}.json").read_bytes())
    return content
