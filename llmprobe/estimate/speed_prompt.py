"""
How fast a prompt is read: arithmetic on the device, and weights in RAM sent to it for every micro-batch.

    seconds per token = 2 x parameters / (FP16 operations per second x efficiency)
                      + bytes of the host's weights / (speed of the link x micro-batch)

The second term is there where weights stay in RAM: llama.cpp then still multiplies large batches on the device
(operation offload), so that a larger micro-batch is faster almost in proportion.
"""

from collections.abc import Sequence
from typing import Any

from llmprobe.estimate.speed_time import CPU, FEWEST_ROWS, Constants, Share, standing
from llmprobe.facts.plan import Range

LEAST_OFFLOADED_BATCH = 32
"""Tokens from which on an operation is offloaded (llama.cpp b11549, ggml/src/ggml-cuda/ggml-cuda.cu)."""

LINK_EFFICIENCY = 0.8
"""Of a link's nominal speed, for large copies from pinned memory. Assumed."""


def prompt_speed(
    constants: Constants,
    shares: Sequence[Share],
    *,
    moe: bool,
    ubatch_size: int = 512,
    op_offload: bool = True,
) -> tuple[Range | None, str]:
    """
    Return prompt tokens per second at a short context and on what they stand, or None and why they are unknown.
    """
    devices = [share for share in shares if share.backend != CPU]
    host = next((share for share in shares if share.backend == CPU), None)
    in_ram = host.resident_bytes if host is not None and host.layers + host.switches else 0
    if not devices:
        return None, "the processor's speed in arithmetic is not known"
    if in_ram is None or (in_ram and not (op_offload and ubatch_size >= LEAST_OFFLOADED_BATCH)):
        return None, "the processor computes a part of it, and its speed in arithmetic is not known"
    on_host = host.parameters if host is not None and in_ram else 0
    likely = fastest = slowest = 0.0
    words = []
    for number, share in enumerate(devices):
        if share.flops is None:
            return None, f"the FP16 rate of {share.name or share.device} is not known"
        if share.parameters is None or on_host is None:
            return None, "the number of active parameters is not known"
        row = prompt_row(constants, share, moe=moe)
        if row["rows"] < FEWEST_ROWS:
            what = "mixtures of experts" if moe else "models"
            return None, f"too few prompts of {what} were measured on such a device ({row['rows']})"
        parameters = share.parameters + (on_host if number == 0 else 0)
        seconds = 2 * parameters / (share.flops * row["efficiency"])
        likely += seconds
        fastest += seconds / row["high"]
        slowest += seconds / row["low"]
        words.append(f"{share.flops / 1e12:.0f} TFLOPS x {row['efficiency']:.2f} ({standing(row)})")
    if in_ram:
        link = devices[0].link_bytes_per_s
        if link is None:
            size = f"{in_ram / 1e9:.1f} GB"
            return (
                None,
                f"{size} of weights cross to the device for each batch, and the link's speed is not known",
            )
        sent = in_ram / (link * LINK_EFFICIENCY * ubatch_size)
        likely, fastest, slowest = likely + sent, fastest + sent, slowest + sent
        words.append(f"{in_ram / 1e9:.1f} GB from RAM for every {ubatch_size} tokens")
    if not likely:
        return None, "nothing is multiplied"
    speed = Range(low=round(1 / slowest, 1), likely=round(1 / likely, 1), high=round(1 / fastest, 1))
    return speed, " + ".join(words)


def prompt_row(constants: Constants, share: Share, *, moe: bool) -> dict[str, Any]:
    """
    Return the row of constants for prompts on a device.
    """
    rows: list[dict[str, Any]] = constants["prompts"]
    known = {backend for row in rows for backend in row["backends"]}
    backend = share.backend if share.backend in known else None
    bandwidth = share.bandwidth_bytes_per_s or 0
    for row in rows:
        if (
            backend in row["backends"]
            and row["moe"] == moe
            and bandwidth <= (row["bandwidth_up_to"] or bandwidth)
            and (row["capabilities"] is None or share.compute_capability in row["capabilities"])
        ):
            return row
    raise AssertionError(f"data/speed.json has no row for prompts on {share.backend}")
