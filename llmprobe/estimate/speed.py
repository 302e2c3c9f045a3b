"""
A first figure of generation speed from memory bandwidth.

A token needs every active weight read once. Each device contributes the time of its own part, because
the parts run one after the other; a device also costs a fixed time per layer (launches, synchronisation).
Efficiencies and times are fitted (``data/speed.json``); each class says on how many rows it stands.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from llmprobe.data import table
from llmprobe.facts.plan import Range, Speed

_FEW_ROWS = 5


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one device does for one token: the bytes it reads and the layers it runs.

    ``backend`` is ``cpu`` for the host, whose bandwidth is that of the RAM.
    """

    device: str
    backend: str
    bandwidth_bytes_per_s: int | None
    active_bytes: int
    layers: int


def generation_speed(shares: Sequence[Share], *, moe: bool, quant: str = "Q4_K_M") -> Speed:
    """
    Return tokens per second at a short context, or why they are unknown.

    A device that reads less than a thousandth of all bytes (the rows of an embedding) may have an unknown
    bandwidth: it cannot change the figure.
    """
    total = sum(share.active_bytes for share in shares)
    likely = slow = fast = 0.0
    parts: list[str] = []
    for share in shares:
        if share.active_bytes * 1000 <= total:
            continue
        if share.bandwidth_bytes_per_s is None:
            what = "of the RAM" if share.backend == "cpu" else f"of {share.device}"
            read = f"{share.active_bytes / 1e9:.1f} GB per token are read there"
            return _unknown(f"the memory bandwidth {what} is unknown, and {read}")
        row = speed_class(share.backend, share.bandwidth_bytes_per_s, moe=moe)
        efficiency = row["efficiency"] * quant_efficiency(quant, share.backend)
        seconds = share.active_bytes / (share.bandwidth_bytes_per_s * efficiency)
        seconds += share.layers * row["per_layer_us"] * 1e-6
        likely += seconds
        slow += seconds / row["low"]
        fast += seconds / row["high"]
        rows = f"{row['rows']} measured rows" if row["rows"] >= _FEW_ROWS else "assumed, too few rows"
        parts.append(
            f"{share.active_bytes / 1e9:.2f} GB per token from {share.device}"
            f" at {share.bandwidth_bytes_per_s / 1e9:.0f} GB/s x {efficiency:.2f}"
            f" + {share.layers} layers x {row['per_layer_us']} µs ({rows})"
        )
    if not parts:
        return _unknown("nothing is read per token")
    return Speed(
        generation_tokens_per_s=Range(
            low=round(1 / slow, 2), likely=round(1 / likely, 2), high=round(1 / fast, 2)
        ),
        prompt_tokens_per_s=None,
        reason="at a short context: " + "; ".join(parts) + "; prompt speed is not estimated yet",
    )


def _unknown(reason: str) -> Speed:
    return Speed(generation_tokens_per_s=None, prompt_tokens_per_s=None, reason=reason)


def quant_efficiency(quant: str, backend: str) -> float:
    """
    Return how much of the bandwidth of Q4_K_M a file type reaches: 1 or below.
    """
    rows = table("speed")["quants"]
    efficiency: float = rows["gpu"].get(quant.upper(), 1.0)
    if backend == "cpu" and quant.upper().startswith("IQ"):
        efficiency *= rows["cpu_code_book"]
    return efficiency


def speed_class(backend: str, bandwidth_bytes_per_s: int, *, moe: bool) -> dict[str, Any]:
    """
    Return the row of ``data/speed.json`` for a device; unmeasured backends take the row of Vulkan.
    """
    rows = table("speed")["classes"]
    known = {row["backend"] for row in rows}
    wanted = backend if backend in known else "vulkan"
    for row in rows:
        upper = row["bandwidth_up_to"]
        if (
            row["backend"] == wanted
            and row["moe"] == moe
            and bandwidth_bytes_per_s > row["bandwidth_over"]
            and (upper is None or bandwidth_bytes_per_s <= upper)
        ):
            found: dict[str, Any] = row
            return found
    raise AssertionError(f"data/speed.json has no row for {wanted}, moe={moe}")
