"""
The measured loads of ``fixtures/truth/backends.json``, on other backends than CUDA, read back into settings and
hardware.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

import msgspec

from benchmarks.truth.loads import MemoryCase, RefusedCase, case_of, refused_of
from benchmarks.truth.models import TRUTH
from llmprobe.facts.backends import BackendName
from llmprobe.facts.devices import Hardware


class Kind(msgspec.Struct, frozen=True):
    """
    A kind of device that was measured, and the processor beside it.
    """

    backend: BackendName
    driver: str = ""
    cpu: Literal["x86", "arm"] = "x86"


KINDS: dict[str, Kind] = {
    "metal": Kind("metal", cpu="arm"),
    "vulkan": Kind("vulkan"),
    "vulkan-radv": Kind("vulkan", "radv"),
    "rocm": Kind("rocm"),
    "sycl": Kind("sycl"),
    "metal-noblas": Kind("metal", "noblas", cpu="arm"),
    "metal-nomm": Kind("metal", "old", cpu="arm"),
    "vulkan-amdwin": Kind("vulkan", "amd"),
    "vulkan-intel": Kind("vulkan", "intel"),
    "vulkan-64bit": Kind("vulkan", "wide"),
    "vulkan-nosubgroup": Kind("vulkan", "old"),
    "vulkan-igpu": Kind("vulkan"),
    "vulkan-large": Kind("vulkan"),
}
"""Every kind by its name in the table."""


def backend_cases(kind: str) -> Iterator[MemoryCase]:
    """
    Yield every load on a kind of device, those of one model after each other.
    """
    content = _content()
    for model, rows in content["backends"][kind].items():
        for row in rows:
            yield on_kind(case_of(content, model, [*row, 0]), KINDS[kind])


def backend_refusals(kind: str) -> Iterator[RefusedCase]:
    """
    Yield every load that llama.cpp refused on a kind of device, or that ended it.
    """
    content = _content()
    rows = [row for backend, *row in content["refused"] if backend == kind]
    for case in refused_of(content | {"refused": rows}):
        hardware = _of_kind(case.hardware, KINDS[kind])
        yield msgspec.structs.replace(case, hardware=hardware)


def on_kind(case: MemoryCase, kind: Kind) -> MemoryCase:
    """
    Return a load on devices of a kind.
    """
    return msgspec.structs.replace(case, hardware=_of_kind(case.hardware, kind))


def _of_kind(hardware: Hardware, kind: Kind) -> Hardware:
    devices = [
        msgspec.structs.replace(device, backend=kind.backend, driver=kind.driver)
        for device in hardware.devices
    ]
    return Hardware(devices=tuple(devices), cpu=kind.cpu)


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = msgspec.json.decode((TRUTH / "backends.json").read_bytes())
    return content
