"""
How fast a prompt is read: arithmetic, and weights that are read once for every micro-batch.

    seconds per token = 2 x parameters / (FP16 operations per second x efficiency)
                      + bytes of the weights / (bandwidth x efficiency x micro-batch)

Where the FP16 rate is not known, or says less of a class, the bandwidth stands for it: vendors scale both alike, so
that the operations reached per byte of bandwidth differ little. Weights in RAM are sent to the device for every
micro-batch (operation offload), so that a larger one is faster almost in proportion. Without a device, without
offload or in batches too small for it the processor computes them, and attention over a cache in RAM always: that
goes by its cores.
"""

from collections.abc import Sequence
from typing import Any

from llmprobe.estimation.speed.parts import CPU, FEWEST_ROWS, Constants, Part, Share, device_row, standing
from llmprobe.estimation.speed.together import together
from llmprobe.facts.estimate import Range
from llmprobe.facts.processor import Processor
from llmprobe.model.quants import followed
from llmprobe.words.message import Message, message

LEAST_OFFLOADED_BATCH = 32
"""Tokens from which on an operation is offloaded (llama.cpp b11549, ggml/src/ggml-cuda/ggml-cuda.cu)."""

LINK_EFFICIENCY = 0.8
"""Of a link's nominal speed, for large copies from pinned memory. Assumed."""


def prompt_speed(
    constants: Constants,
    shares: Sequence[Share],
    *,
    moe: bool,
    quant: str = "Q4_K_M",
    processor: Processor | None = None,
    ubatch_size: int = 512,
    op_offload: bool = True,
    filled: float = 0.0,
) -> tuple[Range | None, tuple[Message, ...]]:
    """
    Prompt tokens per second and what they are based on, or None and why they are unknown.

    ``filled`` is how much of the context the prompt has behind it, 0 to 1: attention is over that.
    """
    cores = processor or Processor()
    offloaded = offloads(shares, ubatch_size=ubatch_size, op_offload=op_offload)
    unknown = _unknown(constants, shares, moe=moe, cores=cores, offloaded=offloaded, filled=filled)
    if unknown is not None:
        return None, (unknown,)
    parts = prompt_parts(
        constants,
        shares,
        moe=moe,
        quant=quant,
        cores=cores,
        ubatch_size=ubatch_size,
        offloaded=offloaded,
        filled=filled,
    )
    if not sum(part.likely for part in parts):
        return None, (message("speed.nothing-multiplied"),)
    speed = Range(
        low=round(1 / sum(part.slowest for part in parts), 1),
        likely=round(1 / sum(part.likely for part in parts), 1),
        high=round(1 / sum(part.fastest for part in parts), 1),
    )
    return speed, tuple(part.words for part in parts)


def offloads(shares: Sequence[Share], *, ubatch_size: int, op_offload: bool) -> bool:
    """
    Whether a device multiplies the weights that lie in RAM, which those that compute together never do.
    """
    if any(share.together for share in shares):
        return False
    return (
        op_offload and ubatch_size >= LEAST_OFFLOADED_BATCH and any(share.backend != CPU for share in shares)
    )


def prompt_parts(
    constants: Constants,
    shares: Sequence[Share],
    *,
    moe: bool,
    quant: str,
    cores: Processor,
    ubatch_size: int,
    offloaded: bool,
    filled: float,
) -> list[Part]:
    """
    The time of each part for one token of a prompt; everything that they need is known.
    """
    devices = [share for share in shares if share.backend != CPU]
    host = next((share for share in shares if share.backend == CPU), None)
    in_ram = host is not None and multiplies(host)
    parts = []
    for number, share in enumerate(devices):
        also = host if in_ram and offloaded and number == 0 else None
        part = _device_part(constants, share, also, moe=moe, ubatch_size=ubatch_size, filled=filled)
        parts.append(together(part, share.together, "prompt"))
    if host is None:
        return parts
    if in_ram and offloaded:
        link = devices[0].link_bytes_per_s
        assert link is not None
        stored = host.resident_bytes or 0
        sent = stored / (link * LINK_EFFICIENCY * ubatch_size)
        parts.append(
            Part(
                likely=sent,
                fastest=sent,
                slowest=sent,
                words=message("speed.transfer", bytes=stored, bytes_per_s=link, tokens=ubatch_size),
            )
        )
    computed = (host.parameters or 0) if in_ram and not offloaded else 0
    if computed or host.attention_operations * filled:
        attention = host.attention_operations * filled
        parts.append(_processor_part(constants, cores, computed, attention, quant=quant, moe=moe))
    return parts


def multiplies(host: Share) -> bool:
    """
    Whether weights of layers lie on the host, more than the rows of an embedding.
    """
    return bool(host.layers or (host.switches and host.resident_bytes != 0))


def _device_part(
    constants: Constants, share: Share, also: Share | None, *, moe: bool, ubatch_size: int, filled: float
) -> Part:
    """
    The time of a device's part, and of what it multiplies for the host.
    """
    row = prompt_row(constants, share, moe=moe)
    parameters = (share.parameters or 0) + ((also.parameters or 0) if also is not None else 0)
    operations = 2 * parameters + share.attention_operations * filled
    spread = row
    if share.flops is not None and not goes_by_bandwidth(row, share):
        seconds = operations / (share.flops * row["efficiency"])
        words = message(
            "speed.flops", tflops=share.flops / 1e12, device=share.device, efficiency=row["efficiency"]
        )
    else:
        assert share.bandwidth_bytes_per_s is not None
        spread = row["by_bandwidth"]
        seconds = operations / (share.bandwidth_bytes_per_s * spread["operations_per_byte"])
        words = message(
            "speed.operations-by-bandwidth",
            bytes_per_s=share.bandwidth_bytes_per_s,
            device=share.device,
            operations_per_byte=spread["operations_per_byte"],
        )
    read = None
    if share.bandwidth_bytes_per_s and share.resident_bytes:
        rate = share.bandwidth_bytes_per_s * device_row(constants, share)["efficiency"]
        seconds += share.resident_bytes / (rate * ubatch_size)
        read = share.resident_bytes
    return Part(
        likely=seconds,
        fastest=seconds / spread["high"],
        slowest=seconds / spread["low"],
        words=message(
            "speed.device-multiplies",
            arithmetic=words,
            bytes=read,
            tokens=None if read is None else ubatch_size,
            measured=standing(spread),
        ),
    )


def goes_by_bandwidth(row: dict[str, Any], share: Share) -> bool:
    """
    Whether a device's arithmetic is told by its bandwidth instead of its FP16 rate.
    """
    preferred: bool = row["by_bandwidth"]["preferred"] and share.bandwidth_bytes_per_s is not None
    return preferred or share.flops is None


def _processor_part(
    constants: Constants, cores: Processor, parameters: int, attention: float, *, quant: str, moe: bool
) -> Part:
    """
    The time of the processor's arithmetic.
    """
    row = constants["processor_prompts"]
    rate = processor_operations_per_s(constants, cores, quant, moe=moe)
    attending = processor_operations_per_s(constants, cores, "F16")
    assert rate is not None
    assert attending is not None
    seconds = 2 * parameters / rate + attention / attending
    per_core = (rate if parameters else attending) / (cores.threads or 1)
    doubt = constants["processor"]["unknown_processor"] if cores.vectors is None else 1.0
    experts = moe and parameters > 0
    return Part(
        likely=seconds,
        fastest=seconds / (row["moe_high"] if experts else row["high"]),
        slowest=seconds / ((row["moe_low"] if experts else row["low"]) * doubt),
        words=message(
            "speed.cores-multiply" if parameters else "speed.cores-attend",
            threads=cores.threads,
            gflops=per_core / 1e9,
            measured=standing({"rows": row["moe_rows"]} if experts else row),
        ),
    )


def processor_operations_per_s(
    constants: Constants, cores: Processor, quant: str, *, moe: bool = False
) -> float | None:
    """
    The operations per second of a processor's cores on weights of a file type, or None.

    Of a mixture of experts each matrix meets few tokens of a batch, and the cores reach less.
    """
    if cores.threads is None:
        return None
    row = constants["processor_prompts"]
    rate = cores.threads * float(row["core_operations"]) * _type_factor(row["quants"], quant)
    rate *= float(row["moe"]) if moe else 1.0
    return rate * (float(constants["processor"]["without_vectors"]) if cores.vectors is False else 1.0)


def _type_factor(measured: dict[str, float], quant: str) -> float:
    """
    How fast a processor multiplies a file type beside Q4_K_S; one that was not measured is like its kin.
    """
    name = followed(quant).upper()
    if name in measured:
        return measured[name]
    for kin in (name.rpartition("_")[0] or name, "IQ" if name.startswith("IQ") else name):
        rates = [rate for other, rate in measured.items() if other.startswith(kin)]
        if rates:
            return min(rates)
    return 1.0


def _unknown(
    constants: Constants,
    shares: Sequence[Share],
    *,
    moe: bool,
    cores: Processor,
    offloaded: bool,
    filled: float,
) -> Message | None:
    """
    Why the prompt speed of these shares is unknown, or None.
    """
    devices = [share for share in shares if share.backend != CPU]
    host = next((share for share in shares if share.backend == CPU), None)
    for share in devices:
        if share.flops is None and share.bandwidth_bytes_per_s is None:
            return message("speed.device-unknown", device=share.name or share.device)
        row = prompt_row(constants, share, moe=moe)
        few = _too_few(row["by_bandwidth"] if goes_by_bandwidth(row, share) else row, moe, processor=False)
        if few is not None:
            return few
    in_ram = host is not None and multiplies(host)
    counted = [*devices, host] if in_ram else devices
    if any(share is not None and share.parameters is None for share in counted):
        return message("speed.active-parameters-unknown")
    if host is None:
        return None
    if in_ram and offloaded and host.resident_bytes and devices[0].link_bytes_per_s is None:
        return message("speed.link-unknown", bytes=host.resident_bytes)
    if (in_ram and not offloaded) or host.attention_operations * filled:
        if cores.threads is None:
            return message("speed.cores-unknown")
        return _too_few(constants["processor_prompts"], moe and in_ram and not offloaded, processor=True)
    return None


def _too_few(row: dict[str, Any], moe: bool, *, processor: bool) -> Message | None:
    """
    That too few prompts were measured, where they were; of experts a processor's row counts none.
    """
    rows = row["moe_rows"] if moe and "moe_rows" in row else row["rows"]
    if rows >= FEWEST_ROWS:
        return None
    return message(
        "speed.too-few-prompts-on-processor" if processor else "speed.too-few-prompts-on-device",
        rows=rows,
        experts=int(moe),
    )


def prompt_row(constants: Constants, share: Share, *, moe: bool) -> dict[str, Any]:
    """
    The row of constants for prompts on a device.
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
