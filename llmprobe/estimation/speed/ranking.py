"""
How fast prompts are read, to order choices by: never unknown, and never shown.

A choice must be made also where a figure can't be stated. What is unknown takes an assumption on the slow side,
the same for every choice, so that the order stands on what is known: bytes in RAM, micro-batch, cores.
"""

from collections.abc import Sequence

import msgspec

from llmprobe.data import table
from llmprobe.estimation.speed.parts import CPU, Share
from llmprobe.estimation.speed.prompt import offloads, prompt_parts
from llmprobe.facts.processor import Processor

DEVICE_BANDWIDTH = 300_000_000_000
"""Of a graphics card of which nothing is known: that of a small one (RTX 4060: 272 GB/s, RX 7600: 288 GB/s)."""

DEVICE_FLOPS = 40_000_000_000_000
"""Of a graphics card of which nothing is known: that of a small one (RTX 3050: 36, RX 7600: 43 TFLOPS)."""

LINK = 15_750_000_000
"""PCIe 3.0 x16, in bytes per second: the oldest that still is common, and a narrow slot of later ones."""

CORES = 4
"""Of a processor of which nothing is known: what a laptop had for ten years."""

BITS_PER_WEIGHT = 5
"""Where only bytes are known: Q4_K_M has 4.9."""


def ranking_prompt_speed(
    shares: Sequence[Share],
    *,
    moe: bool,
    ubatch_size: int,
    op_offload: bool,
    processor: Processor | None,
    quant: str = "Q4_K_M",
    filled: float = 0.5,
) -> float:
    """
    Prompt tokens per second with a part of the context in use: above 0, infinite where nothing is done.
    """
    cores = processor or Processor()
    parts = prompt_parts(
        table("speed"),
        [_assumed(share) for share in shares],
        moe=moe,
        quant=quant,
        cores=Processor(threads=cores.threads or CORES, vectors=cores.vectors, core_rate=cores.core_rate),
        ubatch_size=ubatch_size,
        offloaded=offloads(shares, ubatch_size=ubatch_size, op_offload=op_offload),
        filled=filled,
    )
    seconds = sum(part.likely for part in parts)
    return 1 / seconds if seconds else float("inf")


def _assumed(share: Share) -> Share:
    """
    A share in which all that a prompt's time needs is known or assumed.
    """
    parameters = round(share.active_bytes * 8 / BITS_PER_WEIGHT)
    known = msgspec.structs.replace(
        share,
        parameters=parameters if share.parameters is None else share.parameters,
        resident_bytes=share.active_bytes if share.resident_bytes is None else share.resident_bytes,
    )
    if share.processor is not None and share.processor.threads is None:
        return msgspec.structs.replace(
            known, processor=msgspec.structs.replace(share.processor, threads=CORES)
        )
    if share.backend == CPU:
        return known
    return msgspec.structs.replace(
        known,
        bandwidth_bytes_per_s=share.bandwidth_bytes_per_s or DEVICE_BANDWIDTH,
        flops=share.flops or (None if share.bandwidth_bytes_per_s else DEVICE_FLOPS),
        link_bytes_per_s=share.link_bytes_per_s or LINK,
    )
