"""
The published speeds in ``fixtures/truth/speed.json`` as records, with what each device and the processor do for them.

What that is the estimator says of the settings of a row, so that a row checks all that an estimate's speed rests on;
where the size of the file was published, the bytes are those of that file.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache, cached_property
from math import sqrt
from pathlib import Path

import msgspec

import llmprobe
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.speed.parts import CPU, Share, fills_ram
from llmprobe.facts.backends import BackendName
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.processor import Processor
from llmprobe.facts.settings import Settings
from llmprobe.site.ram import core_rate

TRUTH = Path(__file__).parents[1] / "fixtures" / "truth" / "speed.json"

SHORT = 2000
"""A context of more tokens than this is a deep one."""

LEAST_CONTEXT = 256
"""llama.cpp rounds a context up to this."""


class Row(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """
    One published speed: ``kind`` generation or prompt, of ``tokens`` tokens behind ``depth`` others.

    ``source`` is where it was published, ``gpu_layers`` None all of them; several ``devices`` are equal ones.
    ``windows`` says that the source measured on Windows, as far as it matters; ``mapped`` that weights in RAM were
    mapped from their file.
    """

    source: str
    kind: str
    backend: str
    device: str | None
    compute_capability: str | None
    devices: int
    bandwidth_bytes_per_s: int | None
    fp16_flops: int | None
    link_bytes_per_s: int | None
    ram_bytes: int | None
    ram_bandwidth_bytes_per_s: int | None
    threads: int | None
    model: str
    quant: str
    file_bytes: int | None
    gpu_layers: int | None
    n_cpu_moe: int
    ubatch: int
    tokens: int
    depth: int
    cache_types: tuple[str, str] | None
    old_build: bool
    tokens_per_s: float
    windows: bool
    mapped: bool

    @cached_property
    def shares(self) -> tuple[Share, ...]:
        """What the host and each device do for one token."""
        own = estimator(self.model)
        whole = self.gpu_layers is None or self.gpu_layers >= own.total_layers
        type_k, type_v = self.cache_types or ("f16", "f16")
        settings = Settings(
            ctx_size=self._ctx_size,
            ubatch_size=self.ubatch,
            batch_size=max(2048, self.ubatch),
            gpu_layers=None if whole else self.gpu_layers,
            n_cpu_moe=min(self.n_cpu_moe, own.n_layer),
            cache_type_k=type_k,
            cache_type_v=type_v,
            flash_attn="on",
            mmap=self.mapped,
        )
        part = 1.0 if self.file_bytes is None else self.file_bytes / own.tensor_bytes(self.quant)
        return tuple(
            msgspec.structs.replace(
                share,
                active_bytes=round(share.active_bytes * part),
                resident_bytes=round((share.resident_bytes or 0) * part),
                expert_bytes=round(share.expert_bytes * part),
                flops=None if share.backend == CPU else self.fp16_flops,
            )
            for share in own.shares(
                self.quant, settings, self._hardware, ram_bandwidth=self.ram_bandwidth_bytes_per_s
            )
        )

    @cached_property
    def gpu(self) -> Share:
        """The first device's part; on several equal ones each does as much."""
        return next(share for share in self.shares if share.backend != CPU)

    @property
    def host(self) -> Share:
        return self.shares[0]

    @property
    def moe(self) -> bool:
        return estimator(self.model).is_moe

    @property
    def filled(self) -> float:
        """How much of the context is in use in the middle of the run."""
        return (self.depth + self.tokens / 2) / self._ctx_size

    @property
    def paged(self) -> bool:
        """Whether the file leaves the RAM no room, and parts of it may be read again from the disk."""
        return fills_ram(self.shares, self.processor)

    @property
    def deep(self) -> bool:
        return self.depth > SHORT

    @property
    def processor(self) -> Processor:
        own = core_rate(self.device) if self.backend == CPU else 1.0
        return Processor(threads=self.threads, vectors=True, core_rate=own, ram_bytes=self.ram_bytes)

    @property
    def in_ram(self) -> bool:
        """Whether weights of layers lie in RAM beside a device."""
        return self.backend != CPU and (self.host.layers > 0 or self.host.switches > 0)

    @property
    def _ctx_size(self) -> int:
        return max(self.depth + self.tokens, LEAST_CONTEXT)

    @property
    def _hardware(self) -> Hardware:
        if self.backend == CPU:
            return Hardware()
        return Hardware(
            devices=tuple(
                Device(
                    id=f"gpu{number}",
                    backend=msgspec.convert(self.backend, BackendName),
                    name=self.device,
                    compute_capability=self.compute_capability,
                    bandwidth_bytes_per_s=self.bandwidth_bytes_per_s,
                    link_bytes_per_s=self.link_bytes_per_s,
                    windows=self.windows,
                )
                for number in range(self.devices)
            )
        )


class LayerRow(msgspec.Struct, frozen=True, kw_only=True):
    """
    The speed of a prompt through a few layers alone, on one core.
    """

    quant: str
    moe: bool
    active_parameters: int
    tokens_per_s: float


@cache
def estimator(model: str) -> Estimator:
    """The estimator of a model by its name."""
    return Estimator(llmprobe.load_model(model))


@cache
def rows() -> tuple[Row, ...]:
    """
    Return the published speeds. They are the same records each time, as what they work out is kept in them.
    """
    document = msgspec.json.decode(TRUTH.read_bytes())
    sources, windows, unmapped = document["sources"], set(document["windows"]), set(document["unmapped"])
    columns = (*document["columns"], "windows", "mapped")
    return tuple(
        msgspec.convert(
            dict(zip(columns, (sources[first], *rest, first in windows, first not in unmapped), strict=True)),
            Row,
        )
        for first, *rest in document["rows"]
    )


def layer_rows() -> tuple[LayerRow, ...]:
    """
    The measurements of single layers on one core.
    """
    found = msgspec.json.decode(TRUTH.read_bytes())["layers"]
    return tuple(
        msgspec.convert(dict(zip(found["columns"], row, strict=True)), LayerRow) for row in found["rows"]
    )


def source_weights(measured: Sequence[Row]) -> list[float]:
    """
    The weight of each row: all rows of a source together weigh the root of their number.
    """
    counts = Counter(row.source for row in measured)
    return [1 / sqrt(counts[row.source]) for row in measured]
