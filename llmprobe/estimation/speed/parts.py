"""
How long one device, or the processor, takes for its part of one token: bytes read, and kernels started.

    seconds = bytes / (bandwidth x efficiency) + kernels x time per kernel + arithmetic of attention

A kernel takes some microseconds in which the memory stands still, however little it reads: it is why small
models and mixtures of experts reach less of a fast memory. Of a long context each head computes with all of the cache:
where many share one K and V, and where these are one latent, that takes longer than to read it. The constants are those
of ``data/speed.json``.
"""

import math
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from llmprobe.facts.devices import Network
from llmprobe.facts.processor import Processor
from llmprobe.model.quants import followed
from llmprobe.words.message import Message, message

Constants = dict[str, Any]
"""The content of ``data/speed.json``, or of a fit that has not seen some of the measurements."""

CPU = "cpu"
FEWEST_ROWS = 5
"""A figure that stands on fewer measured rows is called assumed."""

KERNELS_OF_A_LAYER = 9
"""Tensors of a layer of llama, where a share does not say how many there are."""

MEASURED_LOW, MEASURED_HIGH = 0.6, 1.15
"""
What generation reaches beside the rate at which threads were seen to read the RAM, in parts. Assumed: no engine reads
faster than a loop that does nothing else, but for a busy moment of the measurement, and waits between its kernels.
"""

FULL_RAM = 0.9
"""Of the RAM a file of more than this part leaves no room."""

TILE = 16
"""The heads that CUDA's matrix kernels multiply with a latent cache at once: fewer take as long."""

VECTOR_UNITS = {"7.0": 0.38}
"""
What is left of the rate of matrix kernels where vector units compute one token's attention: on Volta, whose matrix
units are worth it for more tokens only (llama.cpp b11549, ggml/src/ggml-cuda/fattn.cu,
``ggml_cuda_get_best_fattn_kernel``). By DeepSeek V2 Lite on a V100, 89.23 tokens/s behind 32,768
(ggml-org/llama.cpp#17505).
"""

FLOPS_PER_BYTE = 100
"""FP16 operations of a device for each byte of its bandwidth, where no table says them. Assumed."""

_KIN = 3
"""The letters of a file type that it has in common with its kin: IQ4 of IQ4_XS."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one device does for one token: the bytes it reads and the layers it runs.

    ``backend`` is ``cpu`` for the host, whose bandwidth is that of the RAM; None is a graphics card of which no
    more is known. ``kernels`` are the tensors of its layers. ``cache_bytes`` is what is read of a sequence that
    fills its context, ``state_bytes`` of a recurrent state at any length. ``switches`` are the layers in the
    middle of which the work goes over to the host and back.

    For prompts: ``parameters`` are the weights that a token is multiplied by here, ``expert_parameters`` those of
    them in experts, ``widths`` the values that it moves between matrices, ``resident_bytes`` all weights that are
    stored here and ``expert_bytes`` those of all experts, of which a token uses ``expert_used_count`` of
    ``expert_count``, ``flops`` the FP16 operations per second, and ``link_bytes_per_s`` how fast weights come to the
    device from RAM. ``attention_operations`` are those of one token over a cache that is kept here and full:
    4 x heads x their width x ``cells``, over the layers, which generation costs as well; ``latent_heads`` is the
    greatest number that divides the heads of all layers where the cache is latent, else 0.
    ``wide_operations`` are those of them for heads that the matrix units of RDNA do not multiply,
    ``single_operations`` those that every head does for itself for one token. The processor's own they are where it
    ``attends`` also for layers whose weights are sent to a device.

    ``bandwidth_low`` and ``bandwidth_high`` are what an assumed bandwidth may be, as parts of it.

    ``together`` says that all devices compute each layer at once, and the kind of model it is (``together``). A device
    of another machine is behind a ``network``, over which the ``width`` values of a token go both ways, as often as it
    is asked for an answer (``round_trips``); ``sent_cache_bytes`` of a full cache that the host keeps for it go there
    for every step. Its ``processor`` is set where that computes.
    ``cache_low`` is what the speed may be as a part of the likely, where a build may have no kernel for the types of a
    cache.
    ``windows`` says that the driver is that of Windows, which for Vulkan is the maker's own. The weights in RAM are
    ``mapped`` from their file, or lie in pinned memory, which a device fetches as fast as its link carries. A host is
    ``beside`` devices that run the other layers.
    """

    device: str
    backend: str | None
    bandwidth_bytes_per_s: int | None
    active_bytes: int
    layers: int
    compute_capability: str | None = None
    name: str | None = None
    kernels: int | None = None
    cache_bytes: int = 0
    state_bytes: int = 0
    recurrent: bool = False
    switches: int = 0
    parameters: int | None = None
    expert_parameters: int = 0
    widths: int = 0
    resident_bytes: int | None = None
    expert_bytes: int = 0
    expert_count: int = 0
    expert_used_count: int = 0
    latent_heads: int = 0
    attends: bool = False
    flops: int | None = None
    link_bytes_per_s: int | None = None
    bandwidth_low: float = 1.0
    bandwidth_high: float = 1.0
    attention_operations: int = 0
    wide_operations: int = 0
    single_operations: int = 0
    cells: int = 0
    together: Literal["dense", "small", "experts"] | None = None
    network: Network | None = None
    round_trips: int = 1
    sent_cache_bytes: int = 0
    processor: Processor | None = None
    width: int = 0
    windows: bool = False
    cache_low: float = 1.0
    mapped: bool = True
    beside: bool = False

    @property
    def is_host(self) -> bool:
        """Whether it is that of the machine's own processor."""
        return self.backend == CPU and self.processor is None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """
    The time of one part of a token in seconds, the fastest and slowest that it may be, and on what that stands.
    """

    likely: float
    fastest: float
    slowest: float
    words: Message
    kind: Literal["device", "processor", "link"] = "device"


def total(parts: Iterable[Part]) -> tuple[float, float, float]:
    """
    The likely, the least and the most seconds of parts one after the other.

    What is wrong of one device is wrong of all of its kind; of devices, processor and link it is so by chance, and
    their errors add as squares.
    """
    likely = 0.0
    ends: dict[str, tuple[float, float]] = {}
    for part in parts:
        likely += part.likely
        less, more = ends.get(part.kind, (0.0, 0.0))
        ends[part.kind] = (less + part.likely - part.fastest, more + part.slowest - part.likely)
    less, more = (math.hypot(*found) for found in zip(*ends.values(), strict=True)) if ends else (0.0, 0.0)
    return likely, likely - less, likely + more


def device_row(constants: Constants, share: Share) -> dict[str, Any]:
    """
    The row of constants for a device; a backend that was never measured takes that of other cards.
    """
    bandwidth = share.bandwidth_bytes_per_s or 0
    rows: list[dict[str, Any]] = constants["devices"]
    named = any(share.backend in row["backends"] for row in rows)
    for row in rows:
        if (
            (share.backend if named else None) in row["backends"]
            and bandwidth <= (row["bandwidth_up_to"] or bandwidth)
            and belongs(row, share)
        ):
            return row
    raise AssertionError(f"data/speed.json has no row for {share.backend}")


def belongs(row: dict[str, Any], share: Share) -> bool:
    """
    Whether a device is one of a class of constants, by what it is and by whose driver it has.
    """
    return (
        (row["capabilities"] is None or share.compute_capability in row["capabilities"])
        and (row["names"] is None or any(part in (share.name or "") for part in row["names"]))
        and row.get("windows", share.windows) == share.windows
    )


def efficiency(row: dict[str, Any], share: Share) -> float:
    """
    How much of its bandwidth a device of a class reads: less where its arithmetic can't follow.

    ``operations_per_byte`` of a class are those that its kernels need beside a byte of weights.
    """
    found, needed = float(row["efficiency"]), row.get("operations_per_byte")
    if needed is None or share.flops is None or not share.bandwidth_bytes_per_s:
        return found
    return found * min(1.0, share.flops / float(needed) / share.bandwidth_bytes_per_s)


def quant_efficiency(constants: Constants, quant: str, backend: str | None) -> float:
    """
    How much of the bandwidth of Q4_K_M a file type reaches: 1 or below.
    """
    rows, name = constants["quants"], followed(quant).upper()
    efficiency: float = rows["gpu"].get(name, 1.0)
    if backend == CPU:
        efficiency *= rows["cpu_code_book"].get(name[:_KIN], 1.0)
    return efficiency


def work(constants: Constants, share: Share, *, moe: bool, quant: str) -> tuple[float, float]:
    """
    The seconds that a device would read weights and states at its full bandwidth, and the kernels that it starts.
    """
    assert share.bandwidth_bytes_per_s is not None
    weights = share.active_bytes / quant_efficiency(constants, quant, share.backend)
    kernels = float(share.layers * KERNELS_OF_A_LAYER if share.kernels is None else share.kernels)
    if moe:
        weights *= constants["moe"]["reading"]
        kernels *= constants["moe"]["kernels"]
    if share.recurrent:
        kernels *= constants["recurrent"]["kernels"]
    return (weights + share.state_bytes) / share.bandwidth_bytes_per_s, kernels


def attending(row: dict[str, Any], share: Share, filled: float) -> float:
    """
    The seconds that a device reads its cache for one token, and in which all heads compute with it.
    """
    assert share.bandwidth_bytes_per_s is not None
    seconds = share.cache_bytes * filled * row["cache_reading"] / efficiency(row, share)
    flops = float(share.flops or share.bandwidth_bytes_per_s * FLOPS_PER_BYTE)
    flops *= VECTOR_UNITS.get(share.compute_capability or "", 1.0)
    together: float = share.attention_operations - share.single_operations
    if share.latent_heads and share.compute_capability is not None:
        together *= -(-share.latent_heads // TILE) * TILE / share.latent_heads
    computed = together / row["attending"] + share.single_operations / row["single"]
    return float(seconds / share.bandwidth_bytes_per_s + computed * filled / flops)


def device_part(constants: Constants, share: Share, *, moe: bool, quant: str, filled: float = 0.0) -> Part:
    """
    The time of a device's part of one token.
    """
    assert share.bandwidth_bytes_per_s is not None
    row = device_row(constants, share)
    reading, kernels = work(constants, share, moe=moe, quant=quant)
    reached = efficiency(row, share)
    short = reading / reached + kernels * row["kernel_us"] * 1e-6
    deep = attending(row, share, filled)
    spread, of_depth = row["experts_range"] if moe else row, constants["depth"]["generation"]
    whole = read_bytes(share, filled) / share.bandwidth_bytes_per_s
    seconds = short + deep
    fastest = short / spread["high"] + deep / of_depth["high"]
    return Part(
        likely=seconds,
        fastest=max(fastest, min(whole, seconds)),
        slowest=short / spread["low"] + deep / of_depth["low"],
        words=message(
            "speed.device-reads",
            bytes=read_bytes(share, filled),
            device=share.device,
            bytes_per_s=share.bandwidth_bytes_per_s,
            efficiency=reached,
            kernels=round(kernels),
            kernel_us=row["kernel_us"],
            measured=standing(spread),
        ),
    )


def fills_ram(shares: Iterable[Share], cores: Processor) -> bool:
    """
    Whether the weights of all shares leave the RAM no room: a file is read into it whole, wherever its parts go.
    """
    return (
        cores.ram_bytes is not None
        and sum(share.resident_bytes or 0 for share in shares) > FULL_RAM * cores.ram_bytes
    )


def host_part(
    constants: Constants,
    share: Share,
    cores: Processor,
    *,
    quant: str,
    filled: float = 0.0,
    crowded: bool = False,
) -> Part:
    """
    The time of the processor's part: the RAM's bandwidth, but no more than its cores can read.

    ``crowded`` says that the file fills the RAM, so that parts of it may have to be read again from the disk.
    """
    assert share.bandwidth_bytes_per_s is not None
    row = constants["processor"]
    rate, high, low = float(share.bandwidth_bytes_per_s), MEASURED_HIGH, MEASURED_LOW
    how = message("speed.ram-measured", bytes_per_s=share.bandwidth_bytes_per_s)
    spread = _host_spread(row, share, crowded=crowded)
    if not cores.ram_measured:
        rate, high, low = rate * row["efficiency"], spread["high"], spread["low"]
        how = message(
            "speed.ram-rate",
            bytes_per_s=share.bandwidth_bytes_per_s,
            efficiency=row["efficiency"],
            about=cores.ram_about,
        )
    elif crowded:
        low = min(low, spread["low"])
    if crowded:
        how = message("speed.ram-crowded", rate=how)
    most = math.inf
    if cores.threads is not None:
        per_core = row["core_bytes_per_s"] * (row["without_vectors"] if cores.vectors is False else 1.0)
        most = cores.threads * per_core
        if most < rate:
            how = message("speed.cores-rate", threads=cores.threads, bytes_per_s=round(per_core))
    if (
        cores.dies is not None
        and cores.dies_bytes_per_s is not None
        and cores.dies_bytes_per_s < min(most, rate)
    ):
        most = cores.dies_bytes_per_s
        how = message("speed.dies-rate", dies=cores.dies, bytes_per_s=cores.dies_bytes_per_s)
    weights = share.active_bytes / quant_efficiency(constants, quant, CPU)
    read = weights + share.cache_bytes * filled + share.state_bytes
    started = ((share.kernels or 0) * row["kernel_us"] + share.switches * row["switch_us"]) * 1e-6
    likely, fast, slow = (
        read / min(rate * part, most) + started for part in (1.0, cores.ram_high, cores.ram_low)
    )
    doubt = row["unknown_processor"] if cores.threads is None or cores.vectors is None else 1.0
    return Part(
        likely=likely,
        fastest=fast / high,
        slowest=slow / (low * doubt),
        words=message("speed.host-reads", bytes=read_bytes(share, filled), rate=how, measured=standing(row)),
        kind="processor",
    )


def _host_spread(row: dict[str, Any], share: Share, *, crowded: bool) -> dict[str, Any]:
    """
    The range for what a host reads: of experts, of layers beside those of devices, or of a whole model.
    """
    if crowded:
        found = row["crowded"]
    elif share.switches:
        found = row["experts"]
    else:
        found = row["layers"] if share.beside else row
    spread: dict[str, Any] = found
    return spread


def read_bytes(share: Share, filled: float) -> int:
    """
    What a share reads for one token with a part of the context in use.
    """
    return round(share.active_bytes + share.cache_bytes * filled + share.state_bytes)


def standing(row: dict[str, Any]) -> Message:
    """
    How many measurements a constant is based on.
    """
    rows: int = row["rows"]
    current: int = row.get("current", rows)
    if rows < FEWEST_ROWS:
        return message("speed.assumed", rows=rows)
    return message("speed.measured", rows=rows, current=current if current < FEWEST_ROWS else None)
