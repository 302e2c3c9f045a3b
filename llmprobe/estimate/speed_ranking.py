"""
How fast prompts are read, to order choices by: never unknown, and never shown.

A choice must be made also where a figure can't be stated. What is unknown takes an assumption on the slow side,
the same for every choice, so that the order stands on what is known: bytes in RAM, micro-batch, cores.
"""

from collections.abc import Sequence

from llmprobe.data import table
from llmprobe.estimate.speed_prompt import LEAST_OFFLOADED_BATCH, LINK_EFFICIENCY, prompt_row
from llmprobe.estimate.speed_time import CPU, Processor, Share

OPERATIONS_PER_BYTE = 60
"""FP16 operations per byte of bandwidth: of a Pascal card 0.5 to 35 where not emulated, of an RTX 3060 140."""

DEVICE_BANDWIDTH = 200_000_000_000
"""Of a graphics card of which nothing is known: a GeForce GTX 1060 has 192 GB/s."""

LINK = 15_750_000_000
"""PCIe 3.0 x16, in bytes per second: the oldest that still is common, and a narrow slot of later ones."""

CORES = 4
CORE_OPERATIONS = 25_000_000_000
"""Per second and core: an i7-8550U, the slowest processor of which a prompt was published."""

BITS_PER_WEIGHT = 5
"""Where only bytes are known: Q4_K_M has 4.9."""


def ranking_prompt_speed(
    shares: Sequence[Share],
    *,
    moe: bool,
    ubatch_size: int,
    op_offload: bool,
    processor: Processor | None,
    filled: float = 0.5,
) -> float:
    """
    Return prompt tokens per second with a part of the context in use: above 0, and infinite where nothing is done.
    """
    devices = [share for share in shares if share.backend != CPU]
    seconds = sum((_on_device(share, moe=moe, filled=filled) for share in devices), 0.0)
    cores = (processor.threads if processor is not None else None) or CORES
    for host in (share for share in shares if share.backend == CPU):
        seconds += host.attention_operations * filled / (cores * CORE_OPERATIONS)
        if not host.layers and not host.switches:
            continue
        if devices and op_offload and ubatch_size >= LEAST_OFFLOADED_BATCH:
            link = (devices[0].link_bytes_per_s or LINK) * LINK_EFFICIENCY
            seconds += _stored(host) / (link * ubatch_size)
            seconds += 2 * _parameters(host) / _operations_per_s(devices[0], moe=moe)
        else:
            seconds += 2 * _parameters(host) / (cores * CORE_OPERATIONS)
    return 1 / seconds if seconds else float("inf")


def _on_device(share: Share, *, moe: bool, filled: float) -> float:
    operations = 2 * _parameters(share) + share.attention_operations * filled
    return operations / _operations_per_s(share, moe=moe)


def _operations_per_s(share: Share, *, moe: bool) -> float:
    flops = share.flops or (share.bandwidth_bytes_per_s or DEVICE_BANDWIDTH) * OPERATIONS_PER_BYTE
    efficiency: float = prompt_row(table("speed"), share, moe=moe)["efficiency"]
    return flops * efficiency


def _parameters(share: Share) -> float:
    return share.active_bytes * 8 / BITS_PER_WEIGHT if share.parameters is None else share.parameters


def _stored(share: Share) -> int:
    return share.active_bytes if share.resident_bytes is None else share.resident_bytes
