"""
A measurement with the machine that it was made on: as it is kept, and as ``llmprobe bench`` answers.
"""

# No strings as annotations: a kept measurement is read at every look, and each string would be compiled for it.

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.measured import Measurement
from llmprobe.words.message import Message


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a measurement depends on: the processor, the memory and the kernel's settings. Nothing in it names a person.
    """

    system: str
    machine: str
    environment: str | None = None
    cpu: str | None = None
    physical_cores: int | None = None
    logical_cores: int | None = None
    usable_threads: int | None = None
    ram_bytes: int | None = None
    modules: int | None = None
    memory_kind: str | None = None
    bus_bits: int | None = None
    modules_bytes_per_s: int | None = None
    nodes: int | None = None
    kernel_settings: dict[str, str] = {}


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """
    A measurement as it is kept on its machine.
    """

    schema: Literal["llmprobe.measured/1"] = "llmprobe.measured/1"
    fingerprint: Fingerprint
    measurement: Measurement


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """
    The answer of ``llmprobe bench``. ``kept`` is the file that it is kept in, None where it could not be kept.
    """

    schema: Literal["llmprobe.bench/1"] = "llmprobe.bench/1"
    llmprobe_version: str = __version__
    this_machine: bool = True
    measurement: Measurement
    fingerprint: Fingerprint
    seconds: float
    kept: str | None = None
    notes: tuple[Message, ...] = ()
