"""
What constants predict for a published speed, and which of them that depends on.
"""

from statistics import median
from typing import Any

import msgspec

from benchmarks.least_errors import Path
from benchmarks.speed_rows import Row
from llmprobe.estimation.speed.parts import (
    CPU,
    Constants,
    Part,
    Share,
    device_part,
    device_row,
    host_part,
    total,
)
from llmprobe.estimation.speed.prompt import at_once, multiplies, offloads, prompt_parts, prompt_row
from llmprobe.facts.estimate import Range

HBM = ("6.0", "7.0", "8.0", "9.0", "10.0", "10.3")
"""Compute capabilities of NVIDIA's chips with HBM."""

WITHOUT_MATRICES = ("5.0", "5.2", "6.0", "6.1")
"""Compute capabilities of chips without matrix units, which computed with quantized weights from the first."""

UNPACKED = ("F16", "BF16", "F32")
BYTES_OF_FP16 = 2

LEAST_SHARE = 0.002
"""The rows of an embedding are a smaller part of what is read."""


def predicted(constants: Constants, row: Row) -> Range:
    """
    The tokens per second that constants say for a row, as an estimate of today says them.
    """
    if row.kind == "prompt":
        parts, faster = prompt(constants, row)
        return _rate(total(parts), faster)
    return _rate(total(generation(constants, row)))


def _rate(seconds: tuple[float, float, float], faster: Range | None = None) -> Range:
    likely, fastest, slowest = seconds
    times = faster or Range(low=1.0, likely=1.0, high=1.0)
    return Range(low=times.low / slowest, likely=times.likely / likely, high=times.high / fastest)


def as_of_its_time(constants: Constants, row: Row) -> Range:
    """
    The same by a build of the time of a row, which was slower.
    """
    if not row.old_build:
        return predicted(constants, row)
    old = constants["old_builds"]
    if row.kind == "prompt":
        if row.backend == CPU:
            return predicted(constants, row)
        parts, faster = prompt(constants, row)
        slower, more = old["prompts"][prompt_row(constants, row.gpu)["kernels"]], _unpacking(row)
        likely, fastest, slowest = (time * slower + more for time in total(parts))
        return _rate((likely, fastest, slowest), faster)
    reading, kernels = (old["hbm_reading"], old["hbm_kernels"]) if on_hbm(row) else (1.0, old["kernels"])
    shares = tuple(
        share
        if share.backend == CPU
        else msgspec.structs.replace(
            share,
            active_bytes=round(share.active_bytes * reading),
            kernels=None if share.kernels is None else round(share.kernels * kernels),
        )
        for share in row.shares
    )
    return _rate(total(_generation(constants, row, shares)))


def _unpacking(row: Row) -> float:
    """
    The seconds per token in which old builds wrote quantized weights out as FP16, for each micro-batch, and read those.

    Matrix units multiplied FP16 alone then (llama.cpp pull request 8062 gave them quantized weights, June 2024).
    """
    if (
        row.backend != "cuda"
        or row.compute_capability in WITHOUT_MATRICES
        or row.quant in UNPACKED
        or row.moe
    ):
        return 0.0
    return sum(
        ((share.resident_bytes or 0) + 2 * BYTES_OF_FP16 * (share.parameters or 0))
        / (share.bandwidth_bytes_per_s or 1)
        / min(row.ubatch, row.tokens)
        for share in row.shares
        if share.backend != CPU
    )


def generation(constants: Constants, row: Row) -> list[Part]:
    """
    The parts of a token's time.
    """
    return _generation(constants, row, row.shares)


def _generation(constants: Constants, row: Row, shares: tuple[Share, ...]) -> list[Part]:
    whole = sum(share.active_bytes for share in shares)
    return [
        host_part(constants, share, row.processor, quant=row.quant, filled=row.filled, crowded=row.paged)
        if share.backend == CPU
        else device_part(constants, share, moe=row.moe, quant=row.quant, filled=row.filled)
        for share in shares
        if share.switches or share.active_bytes > LEAST_SHARE * whole
    ]


def prompt(constants: Constants, row: Row) -> tuple[list[Part], Range]:
    """
    The parts of the time of a prompt's token, and how many times faster several devices are.
    """
    offloaded = offloads(row.shares, ubatch_size=row.ubatch, op_offload=True)
    parts = prompt_parts(
        constants,
        row.shares,
        moe=row.moe,
        quant=row.quant,
        cores=row.processor,
        ubatch_size=row.ubatch,
        offloaded=offloaded,
        filled=row.filled,
        tokens=row.tokens,
    )
    return parts, at_once(constants, row.shares, ubatch_size=row.ubatch, tokens=row.tokens)


def on_hbm(row: Row) -> bool:
    return row.compute_capability in HBM


def can_be_predicted(row: Row) -> bool:
    """
    Whether all that a prediction needs is known of the machine of a row.
    """
    if row.backend == CPU:
        needs_ram = row.kind == "generation"
        return row.threads is not None if not needs_ram else row.ram_bandwidth_bytes_per_s is not None
    if row.bandwidth_bytes_per_s is None:
        return False
    if not row.in_ram:
        return True
    if row.kind == "prompt":
        return row.link_bytes_per_s is not None
    return row.ram_bandwidth_bytes_per_s is not None


def paths_of(constants: Constants, row: Row) -> tuple[Path, ...]:
    """
    The fitted constants that a row on devices depends on.
    """
    if row.kind == "prompt":
        return _prompt_paths(constants, row)
    number = constants["devices"].index(device_row(constants, row.gpu))
    found: list[Path] = [("devices", number, "efficiency"), ("devices", number, "kernel_us")]
    if row.moe:
        found += [("moe", "reading"), ("moe", "kernels")]
    if row.gpu.recurrent:
        found.append(("recurrent", "kernels"))
    if row.deep:
        found += [("devices", number, "cache_reading"), ("devices", number, "attending")]
    if row.deep and row.gpu.single_operations:
        found.append(("devices", number, "single"))
    if row.old_build and on_hbm(row):
        found += [("old_builds", "hbm_reading"), ("old_builds", "hbm_kernels")]
    elif row.old_build:
        found.append(("old_builds", "kernels"))
    return tuple(found)


def _prompt_paths(constants: Constants, row: Row) -> tuple[Path, ...]:
    own = prompt_row(constants, row.gpu)
    number, kernels = constants["prompts"].index(own), own["kernels"]
    found: list[Path] = [("prompts", number, "efficiency"), ("prompt_kernels", kernels, "moves")]
    if row.moe:
        found += [("prompts", number, "experts"), ("prompt_kernels", kernels, "tokens_of_an_expert")]
    if row.quant == "BF16" and kernels == "other":
        found.append(("prompts", number, "bf16"))
    if row.quant == "BF16" and kernels == "other" and row.moe:
        found.append(("prompts", number, "bf16_experts"))
    if row.deep or row.tokens > row.ubatch:
        found += [
            ("prompts", number, "attention"),
            ("prompt_kernels", kernels, "tile"),
            ("prompt_kernels", "mask_ns"),
        ]
        if "wide_attention" in own and row.gpu.wide_operations:
            found.append(("prompts", number, "wide_attention"))
    if row.devices > 1 and row.tokens > row.ubatch:
        found.append(("prompt_kernels", "overlap"))
    if row.in_ram and multiplies(row.host):
        found.append(("prompt_kernels", "skew"))
        apart = row.backend in constants["transfer"]["by_backend"]
        found.append(("transfer", "by_backend", row.backend) if apart else ("transfer", "efficiency"))
    if row.old_build:
        found.append(("old_builds", "prompts", kernels))
    return tuple(found)


def in_a_sweep(constants: Constants, row: Row, others: list[Row]) -> Range | None:
    """
    What constants say for a row of which the RAM's rate is not known: as the others of its sweep have it.
    """
    rates = [rate for rate in (_ram_rate(constants, other) for other in others) if rate is not None]
    if not rates:
        return None
    rate = round(median(rates))
    own = msgspec.structs.replace(row, ram_bandwidth_bytes_per_s=rate)
    return predicted(constants, own)


def _ram_rate(constants: Constants, row: Row) -> float | None:
    """
    The RAM's rate with which a row comes out as it was measured.
    """
    host: dict[str, Any] = constants["processor"]
    parts = [
        device_part(constants, share, moe=row.moe, quant=row.quant, filled=row.filled).likely
        for share in row.shares
        if share.backend != CPU
    ]
    probe = msgspec.structs.replace(row.host, bandwidth_bytes_per_s=10**9)
    read = host_part(constants, probe, row.processor, quant=row.quant, filled=row.filled).likely
    started = (row.host.kernels or 0) * host["kernel_us"] * 1e-6 + row.host.switches * host[
        "switch_us"
    ] * 1e-6
    left = 1 / row.tokens_per_s - sum(parts) - started
    return 10**9 * (read - started) / left if left > 0 else None
