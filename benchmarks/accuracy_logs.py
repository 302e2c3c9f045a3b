"""
How close our figures come to the buffers in logs that people pasted.

Weights of a stock type must be near, those of a type with a rule or a spread within its range.
"""

import re
from typing import Any

import msgspec

from benchmarks.truth.models import TRUTH
from llmprobe.engines.llamacpp import of_build
from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.engine import Profile
from llmprobe.facts.settings import Settings
from llmprobe.model.loading import load
from llmprobe.units import MIB

NEAR = 0.01
HALF_STEP = 0.5 * MIB
"""Half of the last digit of the tables that count in whole MiB."""

_OLD = Profile(engine="llama.cpp", program="llama-server", outputs="ubatch", old_masks=True, mixes=False)


class Buffers(msgspec.Struct, frozen=True):
    """
    What a log shows of one device, in MiB; None is not shown.
    """

    weights: float | None = None
    cache: float | None = None
    compute: float | None = None


class Row(msgspec.Struct, frozen=True):
    """
    One load of a log, with the settings that it names.
    """

    model: str
    quant: str | None
    file_mib: float | None
    backend: str
    settings: dict[str, Any]
    devices: dict[str, Buffers]
    source: str
    build: str | None = None


class Counts(msgspec.Struct):
    """
    Rows used and those whose weights and caches agree; compute buffers are compared for information, and of older
    builds with the range that is stated.
    """

    rows: int = 0
    rows_near: int = 0
    weights: int = 0
    weights_near: int = 0
    caches: int = 0
    caches_near: int = 0
    compute: int = 0
    compute_near: int = 0
    compute_ranged: int = 0
    compute_in_range: int = 0
    left_out: dict[str, int] = {}
    differing: list[str] = []
    outside: list[str] = []


def measure() -> Counts:
    """
    Compare every row of the table.
    """
    content = msgspec.json.decode((TRUTH / "logs.json").read_bytes())
    counts = Counts(left_out={reason: _rows_of(names) for reason, names in content["left_out"].items()})
    for row in msgspec.convert(content["rows"], list[Row]):
        _compare(row, counts)
    return counts


def _compare(row: Row, counts: Counts) -> None:
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.settings.items()
    }
    profile = _profile(row, old=settings.pop("old", False))
    estimator = Estimator(load(row.model), profile)
    devices = tuple(Device(id=name, backend=row.backend) for name in row.devices if name != "host")  # type: ignore[arg-type]
    quant = row.quant or "Q4_K_M"
    setup = estimator.setup(Settings(**settings), Hardware(devices=devices))
    parts = estimator.parts_of(quant, setup)
    ruled = row.quant is not None and estimator.recipe(quant) is not None
    low, high = (
        (estimator.parts_weights(quant, setup, "low"), estimator.parts_weights(quant, setup, "high"))
        if ruled
        else (parts.weights, parts.weights)
    )
    fits = True
    shown = sum(device.weights or 0 for device in row.devices.values())
    if row.file_mib is not None:
        counts.weights += 1
        fits = _near(row.file_mib * MIB, shown)
        counts.weights_near += fits
        _note(counts, row, "weights of the file", row.file_mib * MIB, shown, near=fits)
    for name, device in row.devices.items():
        if row.quant is not None and device.weights is not None:
            near = _between(low[name].total, high[name].total, device.weights)
            counts.weights += 1
            counts.weights_near += near
            fits = fits and near
            _note(counts, row, f"weights of {name}", parts.weights[name].total, device.weights, near=near)
        if device.cache is not None:
            cache = sum(size for _, size in parts.caches[name])
            near = _near(cache, device.cache)
            counts.caches += 1
            counts.caches_near += near
            fits = fits and near
            _note(counts, row, f"cache of {name}", cache, device.cache, near=near)
        if device.compute is not None:
            counts.compute += 1
            near = _near(parts.compute.bytes.get(name, 0), device.compute)
            counts.compute_near += near
            if parts.compute.low_bytes is not None and parts.compute.high_bytes is not None:
                low_bytes, high_bytes = parts.compute.low_bytes[name], parts.compute.high_bytes[name]
                ranged = near or low_bytes <= device.compute * MIB <= high_bytes
                counts.compute_ranged += 1
                counts.compute_in_range += ranged
                if not ranged:
                    found = parts.compute.bytes[name] / MIB
                    counts.outside.append(
                        f"{row.backend} {row.model} {row.build} {name}: {found:.1f}, shown {device.compute}"
                    )
    counts.rows += 1
    counts.rows_near += fits


def _profile(row: Row, *, old: bool) -> Profile | None:
    """
    What the build of a log does, as far as it is named; None where the newest is assumed.
    """
    number = re.match(r"b?([1-9][0-9]{2,4})(?![0-9])", row.build or "")
    if number is None:
        return _OLD if old else None
    known = Profile(engine="llama.cpp", program="llama-server")
    return of_build(known, int(number[1]))


def _near(found: float, shown_mib: float) -> bool:
    return abs(found - shown_mib * MIB) <= max(NEAR * shown_mib * MIB, HALF_STEP)


def _between(low: float, high: float, shown_mib: float) -> bool:
    """
    Tell whether weights are within the range that is stated of their type: of a stock type a single size.
    """
    return _near(low, shown_mib) or _near(high, shown_mib) or low <= shown_mib * MIB <= high


def _note(counts: Counts, row: Row, what: str, found: float, shown: float, *, near: bool) -> None:
    if not near:
        counts.differing.append(f"{row.model} ({row.source}), {what}: {found / MIB:.2f} MiB, shown {shown}")


def _rows_of(names: list[str]) -> int:
    """Return how many rows a list of names stands for; one may say so itself (``12 rows``)."""
    return sum(int(name.split()[0]) if name.endswith(" rows") else 1 for name in names)
