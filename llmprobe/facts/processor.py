"""
What an estimate needs to know of a processor: its kind, its threads at full speed, its vector instructions.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmprobe.facts.machine import Cpu
from llmprobe.words.message import Message

VECTOR_SETS = ("avx2", "avx512f", "asimd", "neon", "sve", "rvv")

REPACKED_ROWS = {
    "x86": {"q4_0": 8, "q4_K": 8, "q2_K": 8, "iq4_nl": 8, "mxfp4": 8},
    "arm": {"q1_0": 4, "q4_0": 4, "q8_0": 4, "iq4_nl": 4, "mxfp4": 4, "q4_K": 8, "q5_K": 8, "q6_K": 8},
}
"""
Types of matrices that a processor keeps in another order, in a buffer of its own, and what their rows are multiples
of then: with AVX2 (``q2_K`` with AVX-512 only), and with the dot products that 64-bit ARM has since 2018.
Source: llama.cpp b11549, ggml/src/ggml-cpu/repack.cpp (``ggml_repack_get_optimal_repack_type``).
"""


class Processor(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the processor can do: threads that run at full speed, and whether it multiplies vectors (None: unknown).
    ``core_rate`` is how fast one of them multiplies while all do, beside a desktop's with AVX2.

    ``ram_low`` and ``ram_high`` are what the rate of its RAM may be as parts of the likely one, where nobody measured
    or listed it; ``ram_about`` then says what the rate rests on. ``ram_measured`` is true for a rate at which threads
    did read, of which an engine reaches all: other rates are those of the bus. ``dies`` is how many core dies share the
    reading, and ``dies_bytes_per_s`` what all of them read at most, where that may be less than the bus. ``ram_bytes``
    is all of the RAM.
    """

    threads: int | None = None
    vectors: bool | None = None
    core_rate: float = 1.0
    ram_low: float = 1.0
    ram_high: float = 1.0
    ram_about: Message | None = None
    ram_measured: bool = False
    dies: int | None = None
    dies_bytes_per_s: int | None = None
    ram_bytes: int | None = None


def processor(cpu: Cpu) -> Processor:
    """
    What a processor can do for one token: one thread for each core that this process may use.
    """
    counts = [
        count for count in (cpu.usable_cores, cpu.physical_cores, cpu.usable_threads) if count is not None
    ]
    vectors = any(name in cpu.instruction_sets for name in VECTOR_SETS) if cpu.instruction_sets else None
    return Processor(threads=min(counts) if counts else None, vectors=vectors)


def repacks(cpu: str, kind: str, rows: int) -> bool:
    """
    Whether a kind of processor (none: ``""``) keeps a matrix of a type with so many rows in another order.
    """
    multiple = REPACKED_ROWS.get(cpu, {}).get(kind)
    return multiple is not None and rows % multiple == 0


def cpu_kind(machine: str) -> Literal["x86", "arm"]:
    """
    The kind of processor of a machine, as the system names it (``x86_64``, ``arm64``, ``aarch64``).
    """
    return "arm" if machine.lower() in ("arm64", "aarch64") else "x86"
