"""
What was measured on a machine: how fast its RAM is read, what its threads are worth, how fast disks with models are.

A measurement is kept with the fingerprint of the machine that it was made on, and counts as long as that is the same.
"""

# No strings as annotations: a kept measurement is read at every look, and each string would be compiled for it.

from typing import Annotated, Any

import msgspec

Rate = Annotated[int, msgspec.Meta(ge=1, le=10**15)]
"""Bytes per second; no memory of one machine reaches the most."""

Count = Annotated[int, msgspec.Meta(ge=1, le=1 << 20)]
Size = Annotated[int, msgspec.Meta(ge=0, le=1 << 60)]


class NodeRate(msgspec.Struct, frozen=True, kw_only=True):
    """
    The rate at which the threads of one NUMA node read that node's own memory.
    """

    number: Annotated[int, msgspec.Meta(ge=0, le=1 << 16)]
    bytes_per_s: Rate
    threads: Count


class RamRate(msgspec.Struct, frozen=True, kw_only=True):
    """
    The rate at which ``threads`` threads together read the RAM, each the memory that it wrote first.

    It is the best of ``passes`` over ``span_bytes``, far more than the caches keep. ``low`` is the part of it that is
    certain: caches may have kept a part of the span, and a program whose memory is all on one NUMA node reads at the
    rate of that node. ``by`` is the function of the C library that read.
    """

    bytes_per_s: Rate
    low: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    threads: Count
    span_bytes: Size
    passes: Count
    by: str
    nodes: tuple[NodeRate, ...] = ()


class CoreRate(msgspec.Struct, frozen=True, kw_only=True):
    """
    Arithmetic of the cores: bytes per second that one thread alone hashes (SHA-512), and all threads together.

    What all do beside one is how many cores the threads are worth: fewer where two of them share a core, where a
    virtual machine has parts of cores, and where a container has a quota.
    """

    threads: Count
    one_bytes_per_s: Rate
    all_bytes_per_s: Rate

    @property
    def worth(self) -> float:
        """
        The threads as a number of cores that are as fast as one alone; never more than the threads.
        """
        return min(self.all_bytes_per_s / self.one_bytes_per_s, float(self.threads))


class DiskRate(msgspec.Struct, frozen=True, kw_only=True):
    """
    The rate at which a model file on a disk was read past the cache: ``read_bytes`` of it.
    """

    directory: str
    bytes_per_s: Rate
    read_bytes: Size


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an engine reached on this machine, as parts of what was predicted (``llmprobe verify``).

    It holds for models that are computed by the same ``places``: ``cpu`` and the names of devices, sorted; mixtures of
    ``experts`` apart. None was not measured. ``model`` and ``date`` are those of the run.
    """

    places: tuple[str, ...]
    experts: bool
    generation: Annotated[float, msgspec.Meta(gt=0, le=100)] | None = None
    prompt: Annotated[float, msgspec.Meta(gt=0, le=100)] | None = None
    model: str
    date: str


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """
    The figures of one measurement. None was not measured.

    ``quick`` is the short one that ``recommend`` makes the first time, ``busy`` one that was made while other programs
    kept the processors busy: its ``cores`` say nothing then. ``changed`` names the fields of the fingerprint
    that are no longer as they were when it was made: it does not count then. ``corrections`` are of speeds that were
    predicted with it. ``date`` is that of the day, in UTC.
    """

    ram: RamRate | None = None
    cores: CoreRate | None = None
    disks: tuple[DiskRate, ...] = ()
    quick: bool = False
    busy: bool = False
    date: str | None = None
    corrections: tuple[Correction, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def counting_corrections(self) -> tuple[Correction, ...]:
        return self.corrections if self.counts else ()

    @property
    def counts(self) -> bool:
        return not self.changed


class KeptHere(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of a measurement as its file has it, unchecked, and the kernel's settings now.
    """

    document: dict[str, Any]
    kernel_settings: dict[str, str] = {}
