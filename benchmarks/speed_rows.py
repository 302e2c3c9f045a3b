"""
The published speeds in ``fixtures/truth/speed.json`` as records, with what a device and the processor read.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from math import sqrt
from pathlib import Path

import msgspec

from llmprobe.estimation.speed.parts import CPU, Share
from llmprobe.facts.processor import Processor

TRUTH = Path(__file__).parents[1] / "fixtures" / "truth" / "speed.json"

# Mixes of quantizers other than llama.cpp's own, which name the type that most of their tensors have.
_MIXES = {"Q4_K_XL": "Q4_K_M", "Q6_K_XL": "Q6_K", "Q3_K_XL": "Q3_K_L"}


class Row(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """
    One published speed. ``source`` is where it was published; ``tokens_per_s`` what was measured there.

    Of prompts ``stored_bytes`` are all weights that are read for a micro-batch of ``ubatch`` tokens.
    """

    source: str
    engine: str
    kind: str
    backend: str | None
    device: str | None
    compute_capability: str | None
    devices: int
    bandwidth_bytes_per_s: int | None
    ram_bandwidth_bytes_per_s: int | None
    fp16_flops: int | None
    model: str
    quant: str
    moe: bool
    recurrent: bool
    active_parameters: int
    gpu_bytes: int
    host_bytes: int
    kv_bytes: int
    layers: int
    host_layers: int
    n_cpu_moe: int
    tensors: int
    threads: int | None
    flash_attn: bool | str | None
    depth: int
    old_build: bool
    tokens_per_s: float
    ubatch: int | None = None
    stored_bytes: int | None = None

    @property
    def file_type(self) -> str:
        """The type by llama.cpp's name."""
        return _MIXES.get(self.quant, self.quant)

    @cached_property
    def gpu(self) -> Share:
        """The part of the devices: several equal ones take as long as one, since they run one after another."""
        return Share(
            device=self.device or "a GPU",
            backend=self.backend,
            bandwidth_bytes_per_s=self.bandwidth_bytes_per_s,
            active_bytes=self.gpu_bytes,
            layers=self.layers - self.host_layers,
            compute_capability=self.compute_capability,
            name=self.device,
            kernels=round(self.tensors * (self.layers - self.host_layers) / self.layers),
            cache_bytes=self.kv_bytes,
            recurrent=self.recurrent,
            parameters=self.active_parameters,
            resident_bytes=self.stored_bytes,
            flops=self.fp16_flops,
        )

    @property
    def processor(self) -> Processor:
        return Processor(threads=self.threads, vectors=True)

    @cached_property
    def host(self) -> Share:
        return Share(
            device="RAM",
            backend=CPU,
            bandwidth_bytes_per_s=self.ram_bandwidth_bytes_per_s,
            active_bytes=self.host_bytes,
            layers=self.host_layers,
            kernels=round(self.tensors * self.host_layers / self.layers),
            switches=self.n_cpu_moe,
            parameters=self.active_parameters,
            resident_bytes=self.stored_bytes,
        )


def rows(kind: str | None = None) -> tuple[Row, ...]:
    """
    Return the published speeds, of ``generation`` or ``prompt`` only where that is asked.
    """
    document = msgspec.json.decode(TRUTH.read_bytes())
    sources = document["sources"]
    found = (
        msgspec.convert(dict(zip(document["columns"], (sources[first], *rest), strict=True)), Row)
        for first, *rest in document["rows"]
    )
    return tuple(row for row in found if kind is None or row.kind == kind)


def source_weights(measured: Sequence[Row]) -> list[float]:
    """
    Return what each row counts: a source with many rows as the root of their number.
    """
    counts = Counter(row.source for row in measured)
    return [1 / sqrt(counts[row.source]) for row in measured]
