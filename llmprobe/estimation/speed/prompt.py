"""
How fast a prompt is read: arithmetic, values that are moved, and weights that are read once for every micro-batch.

    seconds per token = 2 x parameters / (FP16 operations per second x efficiency)
                      + values between matrices x 4 bytes x moves / bandwidth
                      + attention over what came before / (FP16 operations per second x its efficiency)
                      + cells before it x the time in which the host writes a value of the mask
                      + bytes of the weights / (bandwidth x efficiency x micro-batch)

A matrix of an expert costs at least some tokens, however few meet it: of many small experts the arithmetic reaches
less. Where the FP16 rate of a device is not known its bandwidth stands for it, as a maker scales both alike. Weights
in RAM are sent to the device for every micro-batch (operation offload), of experts those that its tokens use, so that
a larger one is faster almost in proportion. Without a device, without offload or in batches too small for it the
processor computes them, and attention over a cache in RAM always: that goes by its cores.

Of a long prompt several devices compute at once, each its own micro-batch (llama.cpp b11549, src/llama-context.cpp and
ggml/src/ggml-backend.cpp: pipeline parallelism of up to four).
"""

from collections.abc import Sequence
from typing import Any

from llmprobe.estimation.speed.arithmetic import touched
from llmprobe.estimation.speed.cores import processor_part, too_few
from llmprobe.estimation.speed.network import network_parts
from llmprobe.estimation.speed.parts import (
    Constants,
    Part,
    Share,
    belongs,
    device_row,
    efficiency,
    fills_ram,
    standing,
    total,
)
from llmprobe.estimation.speed.together import together
from llmprobe.facts.estimate import Range
from llmprobe.facts.processor import Processor
from llmprobe.words.message import Message, message

LEAST_OFFLOADED_BATCH = 32
"""Tokens from which on an operation is offloaded (llama.cpp b11549, ggml/src/ggml-cuda/ggml-cuda.cu)."""

BYTES_OF_A_VALUE = 4
"""What passes between matrices is kept as f32."""

MOST_AT_ONCE = 4
"""Micro-batches that are computed at once on several devices (GGML_SCHED_MAX_COPIES)."""

_ALONE = Range(low=1.0, likely=1.0, high=1.0)


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
    tokens: int | None = None,
) -> tuple[Range | None, tuple[Message, ...]]:
    """
    Prompt tokens per second and what they are based on, or None and why they are unknown.

    ``filled`` is how much of the context the prompt has behind it, 0 to 1: attention is over that. ``tokens`` is the
    length of the prompt, one micro-batch where it is None.
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
        tokens=tokens,
    )
    likely, fastest, slowest = total(parts)
    if not likely:
        return None, (message("speed.nothing-multiplied"),)
    faster = at_once(constants, shares, ubatch_size=ubatch_size, tokens=tokens)
    speed = Range(
        low=round(faster.low / slowest, 1),
        likely=round(faster.likely / likely, 1),
        high=round(faster.high / fastest, 1),
    )
    return speed, tuple(part.words for part in parts)


def offloads(shares: Sequence[Share], *, ubatch_size: int, op_offload: bool) -> bool:
    """
    Whether a device multiplies the weights that lie in RAM, which those that compute together never do.
    """
    if any(share.together for share in shares):
        return False
    return op_offload and ubatch_size >= LEAST_OFFLOADED_BATCH and any(map(_takes, shares))


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
    tokens: int | None = None,
) -> list[Part]:
    """
    The time of each part for one token of a prompt; everything that they need is known.
    """
    size = ubatch_size if tokens is None else max(1, min(ubatch_size, tokens))
    devices = [share for share in shares if not share.is_host]
    host = next((share for share in shares if share.is_host), None)
    in_ram = host is not None and multiplies(host)
    parts = list(network_parts(devices, tokens=size, filled=filled))
    first = next((share for share in devices if _takes(share)), None)
    for number, share in enumerate(devices):
        if share.processor is not None:
            operations = share.attention_operations * filled
            parts.append(
                processor_part(
                    constants, share.processor, share.parameters or 0, operations, quant=quant, moe=moe
                )
            )
            continue
        also = host if in_ram and offloaded and share is first else None
        part = _device_part(
            constants, share, also, moe=moe, quant=quant, size=size, filled=filled, first=number == 0
        )
        parts.append(together(part, share.together, "prompt"))
    if host is None:
        return parts
    if in_ram and offloaded:
        assert first is not None
        parts.append(_transfer(constants, host, first, size, crowded=fills_ram(shares, cores)))
    computed = (host.parameters or 0) if in_ram and not offloaded else 0
    attention = host.attention_operations * filled if host.attends or not offloaded else 0.0
    if computed or attention:
        parts.append(processor_part(constants, cores, computed, attention, quant=quant, moe=moe))
    return parts


def _takes(share: Share) -> bool:
    """
    Whether a device may be sent weights of the host to multiply, which one of another machine never is.
    """
    return not share.is_host and share.network is None


def multiplies(host: Share) -> bool:
    """
    Whether weights of layers lie on the host, more than the rows of an embedding.
    """
    return bool(host.layers or (host.switches and host.resident_bytes != 0))


def at_once(constants: Constants, shares: Sequence[Share], *, ubatch_size: int, tokens: int | None) -> Range:
    """
    How many times faster several devices with layers of their own read a prompt of several micro-batches.

    As many as there are copies are on their way, and the next waits until one of them is done. At the least that is
    no faster, at the most as fast as a pipeline that nothing holds up.
    """
    devices = [share for share in shares if not share.is_host]
    host = next((share for share in shares if share.is_host), None)
    alone = len(devices) < 2 or any(share.together for share in devices)
    if alone or tokens is None or (host is not None and (multiplies(host) or host.attention_operations)):
        return _ALONE
    batches = -(-tokens // ubatch_size)
    steps, copies = batches * len(devices), min(MOST_AT_ONCE, len(devices), batches)
    most = steps / (steps / copies + copies - 1)
    return Range(low=1.0, likely=float(most ** constants["prompt_kernels"]["overlap"]), high=most)


def _device_part(
    constants: Constants,
    share: Share,
    also: Share | None,
    *,
    moe: bool,
    quant: str,
    size: int,
    filled: float,
    first: bool,
) -> Part:
    """
    The time of a device's part, and of what it multiplies for the host, in micro-batches of ``size`` tokens.

    The ``first`` waits for the mask, which the host writes for each micro-batch (llama.cpp b11549,
    src/llama-kv-cache.cpp, ``set_input_kq_mask``).
    """
    row = prompt_row(constants, share)
    kernels = constants["prompt_kernels"][row["kernels"]]
    flops, words = _flops(row, share)
    parameters, experts, widths = (
        sum(getattr(one, name) or 0 for one in (share, also) if one is not None)
        for name in ("parameters", "expert_parameters", "widths")
    )
    least = 1.0
    if experts and share.expert_count:
        met = size * share.expert_used_count / share.expert_count
        least = (1 + kernels["tokens_of_an_expert"] / met) / row["experts"]
    dense, of_experts = (row["bf16"], row["bf16_experts"]) if quant.upper() == "BF16" else (1.0, 1.0)
    weighed = (parameters - experts) * dense + experts * least * of_experts
    seconds = 2 * weighed / (flops * row["efficiency"])
    read = None
    if share.bandwidth_bytes_per_s:
        moved = widths * BYTES_OF_A_VALUE * kernels["moves"]
        seconds += moved / share.bandwidth_bytes_per_s
        if share.resident_bytes:
            read = _used_bytes(constants, share, size)
            rate = share.bandwidth_bytes_per_s * efficiency(device_row(constants, share), share)
            seconds += read / (rate * size)
    attends, wide = share.attention_operations, share.wide_operations
    if also is not None and not also.attends:
        attends += also.attention_operations
        wide += also.wide_operations
    slow = row.get("wide_attention")
    if slow is not None:
        # Heads without a matrix kernel are computed in vector units.
        attends += wide * (row["attention"] / slow - 1)
    attended = attends * filled / (flops * row["attention"])
    if share.bandwidth_bytes_per_s:
        # The cache is read once for the queries of a tile, of which heads that share one K and V are several.
        attended += share.cache_bytes * filled / (share.bandwidth_bytes_per_s * kernels["tile"])
    attended += share.cells * filled * constants["prompt_kernels"]["mask_ns"] * 1e-9 if first else 0.0
    spread = row["experts_range"] if moe else row
    unsure = 1.0 if share.flops is not None else row["unrated"]
    of_depth = constants["depth"]["prompt_experts" if moe else "prompt"]
    return Part(
        likely=seconds + attended,
        fastest=(seconds / spread["high"] + attended / of_depth["high"]) / unsure,
        slowest=(seconds / spread["low"] + attended / of_depth["low"]) * unsure,
        words=message(
            "speed.device-multiplies",
            arithmetic=words,
            bytes=read,
            tokens=None if read is None else size,
            measured=standing(spread),
        ),
    )


def _flops(row: dict[str, Any], share: Share) -> tuple[float, Message]:
    """
    The FP16 operations per second of a device: known, or those that devices of its class have for their bandwidth.
    """
    flops = share.flops
    if flops is None:
        assert share.bandwidth_bytes_per_s is not None
        per_byte = row["flops_per_byte"]
        words = message(
            "speed.operations-by-bandwidth",
            bytes_per_s=share.bandwidth_bytes_per_s,
            device=share.device,
            operations_per_byte=per_byte * row["efficiency"],
        )
        return share.bandwidth_bytes_per_s * per_byte, words
    return flops, message(
        "speed.flops", tflops=flops / 1e12, device=share.device, efficiency=row["efficiency"]
    )


def _used_bytes(constants: Constants, share: Share, size: int) -> int:
    """
    The stored weights of which a micro-batch makes use: of experts those that any of its tokens uses.
    """
    part = touched(share.expert_count, share.expert_used_count, size, constants["prompt_kernels"]["skew"])
    return round((share.resident_bytes or 0) - share.expert_bytes * (1 - part))


def _transfer(constants: Constants, host: Share, device: Share, size: int, *, crowded: bool) -> Part:
    """
    The time in which weights are sent from RAM, where a file may fill it, to the device that multiplies them.
    """
    assert device.link_bytes_per_s is not None
    row = constants["transfer"]
    rate = device.link_bytes_per_s * row["by_backend"].get(device.backend, row["efficiency"])
    if host.mapped:
        rate = min(rate, row["most_bytes_per_s"])
    stored = _used_bytes(constants, host, size)
    sent = stored / (rate * size)
    spread = row["crowded"] if crowded else row if host.expert_bytes else row["layers"]
    return Part(
        likely=sent,
        fastest=sent / spread["high"],
        slowest=sent / spread["low"],
        words=message("speed.transfer", bytes=stored, bytes_per_s=device.link_bytes_per_s, tokens=size),
        kind="link",
    )


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
    devices = [share for share in shares if not share.is_host]
    host = next((share for share in shares if share.is_host), None)
    for share in devices:
        if share.flops is None and share.bandwidth_bytes_per_s is None:
            return message("speed.device-unknown", device=share.name or share.device)
        if share.processor is not None and share.processor.threads is None:
            return message("speed.cores-unknown")
    in_ram = host is not None and multiplies(host)
    counted = [*devices, host] if in_ram else devices
    if any(share is not None and share.parameters is None for share in counted):
        return message("speed.active-parameters-unknown")
    if host is None:
        return None
    first = next((share for share in devices if _takes(share)), None)
    if in_ram and offloaded and host.resident_bytes and (first is None or first.link_bytes_per_s is None):
        return message("speed.link-unknown", bytes=host.resident_bytes)
    if (in_ram and not offloaded) or (host.attends and host.attention_operations * filled):
        if cores.threads is None:
            return message("speed.cores-unknown")
        return too_few(constants["processor_prompts"], moe and in_ram and not offloaded)
    return None


def prompt_row(constants: Constants, share: Share) -> dict[str, Any]:
    """
    The row of constants for prompts on a device; a backend that was never measured takes that of other cards.
    """
    rows: list[dict[str, Any]] = constants["prompts"]
    named = any(share.backend in row["backends"] for row in rows)
    for row in rows:
        if (share.backend if named else None) in row["backends"] and belongs(row, share):
            return row
    raise AssertionError(f"data/speed.json has no row for prompts on {share.backend}")
