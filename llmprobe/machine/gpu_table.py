"""
What the shipped table says of a GPU: memory, bandwidth, compute capability. Only ever a fallback for the
device itself.

The table is ``data/gpus.json``, one row a line, of which only those of a name are decoded. A name alone is not enough
where one name was sold with different memory, so that a row is chosen by the name and, where there are several, by the
memory that the device reports.
"""

import re
from functools import cache
from typing import Literal

import msgspec

from llmprobe.data import content, rows_with
from llmprobe.units import GIB, MIB

_CORES = r"\(\d+-core [^()]*\)"
"""``NVIDIA RTX Spark N1X (6144-core Blackwell RTX GPU)``: one name with the cores of the variant."""

_NOISE = r"\b(nvidia|geforce|amd|radeon|apple|intel|graphics|generation)\b|[()]"
_VGPU = r"^(?:nvidia |grid )*(?P<board>[a-z]+\d+\w*(?:-ada)?)(?:-\d+)?-\d+[qcab]$"
_BOARDS = {
    "m6": "Tesla M6",
    "m10": "Tesla M10",
    "m60": "Tesla M60",
    "p4": "Tesla P4",
    "p6": "Tesla P6",
    "p100": "Tesla P100-PCIE-16GB",
    "p100x": "Tesla P100-SXM2-16GB",
    "p100c": "Tesla P100-PCIE-12GB",
    "v100": "Tesla V100-PCIE-16GB",
    "v100x": "Tesla V100-SXM2-16GB",
    "v100d": "Tesla V100-PCIE-32GB",
    "v100dx": "Tesla V100-SXM2-32GB",
    "v100l": "Tesla V100-FHHL-16GB",
    "rtx6000": "Quadro RTX 6000",
    "rtx6000p": "Quadro RTX 6000",
    "rtx8000": "Quadro RTX 8000",
    "rtx8000p": "Quadro RTX 8000",
    "rtx5000-ada": "NVIDIA RTX 5000 Ada Generation",
    "rtx5880-ada": "NVIDIA RTX 5880 Ada Generation",
    "rtx6000-ada": "NVIDIA RTX 6000 Ada Generation",
    "a100": "NVIDIA A100-PCIE-40GB",
    "a100x": "NVIDIA A100-SXM4-40GB",
    "a100d": "NVIDIA A100 80GB PCIe",
    "a100dx": "NVIDIA A100-SXM4-80GB",
    "h100": "NVIDIA H100 PCIe",
    "h100l": "NVIDIA H100 NVL",
    "h100xm": "NVIDIA H100 80GB HBM3",
    "h200x": "NVIDIA H200",
    "a800d": "NVIDIA A800 80GB PCIe",
    "a800dx": "NVIDIA A800-SXM4-80GB",
}
"""
Boards that profiles call otherwise than the driver calls the card:
https://docs.nvidia.com/vgpu/latest/grid-vgpu-user-guide/ (virtual GPU types).
"""

_CLOSE = 0.08
"""Error correction takes up to 7 % of GDDR memory, so that the same card reports two sizes."""


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """
    One row: a device as it is sold. ``memory_bytes`` is the size that the driver reports where that is known, else
    the nominal one.

    ``unified`` devices have no memory of their own; where that of their host is soldered, ``sizes_gb`` are the sizes
    that are sold and ``usual_gb`` the usual one; ``kept_bytes`` is what the firmware keeps of it. ``cores`` is
    Apple's GPU core count. ``usual`` is true for one row of several sizes: the one that most people have; ``modified``
    is a card with more memory than it was sold with.
    ``fp16_flops`` is the dense FP16 rate of the matrix units; of chips without any that of the units with which
    engines multiply weights, in 8 bits at half of that rate. ``pcie`` is the generation and the lanes of the device,
    ``link_bytes_per_s`` the rate of another link, one way, and ``keys`` what ``named``
    finds it by.
    """

    name: str
    vendor: Literal["nvidia", "amd", "intel", "apple", "other"]
    source: str
    confidence: str
    memory_bytes: int | None = None
    bandwidth_bytes_per_s: int | None = None
    compute_capability: str | None = None
    architecture: str | None = None
    unified: bool = False
    usual: bool = False
    modified: bool = False
    cores: int | None = None
    sizes_gb: tuple[int, ...] = ()
    usual_gb: int | None = None
    kept_bytes: int = 0
    aliases: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    fp16_flops: int | None = None
    fp16_source: str | None = None
    fp16_vector_flops: int | None = None
    pcie: tuple[int, int] | None = None
    link_bytes_per_s: int | None = None
    watts: int | None = None


class _Table(msgspec.Struct, frozen=True):
    rows: tuple[Gpu, ...]


def usual_reserve(row: Gpu) -> int:
    """
    The usual reserve of the driver in an idle device's memory, in bytes.

    AMD's drivers report less than the nominal size and little use: 80 MiB less of 16 GiB (RX 9070 XT), 16 MiB less
    and 10 MiB in use (MI50), 16 MiB less of 24 GiB (RX 7900 XTX): a constant and a share on the safe side.

    NVIDIA's reserve as NVML 2 names it on idle cards: 408 MiB of 8 GiB (RTX 2080 SUPER), 434 of 16 GiB (RTX
    4080 SUPER), 435 of 22.5 GiB (A10G), 869 of 80 GiB (A100): a constant and a share.
    """
    if row.memory_bytes is None:
        return 0
    if row.vendor == "amd":
        return 112 * MIB + row.memory_bytes // 640
    return 330 * MIB + row.memory_bytes // 150


@cache
def rows() -> tuple[Gpu, ...]:
    """
    Every row of the table.
    """
    return msgspec.json.decode(content("gpus"), type=_Table).rows


def simplified(name: str) -> str:
    """
    A name as it is compared: lower case, without maker, brand, brackets and spaces.
    """
    text = (
        re.sub(_CORES, "", name.lower()).replace("-", " ").replace("laptop gpu", "laptop").replace("_", " ")
    )
    return "".join(re.sub(_NOISE, " ", text).split())


def lookup(name: str, total_bytes: int | None = None) -> Gpu | None:
    """
    The row of a device by the name that its driver reports, or None: never a row of a similar name.

    A vGPU profile (``GRID P40-24Q``, or ``H100L-1-12C`` for one instance of a divided GPU) is looked up by its board.
    """
    board = re.match(_VGPU, name.lower())
    wanted = simplified(_BOARDS.get(board["board"], board["board"]) if board else name)
    found = _of_key(wanted)
    if not found:
        return None
    if total_bytes is None or board is not None:
        sold = [row for row in found if not row.modified]
        return sold[0] if len(sold) == 1 else None
    near = [row for row in found if row.memory_bytes is None or _distance(row, total_bytes) < _CLOSE]
    return min(near, key=lambda row: _distance(row, total_bytes)) if near else None


def named(name: str) -> tuple[Gpu, ...]:
    """
    All rows of one name, however they differ in memory.
    """
    return _of_key(simplified(name))


def with_size(name: str, memory_bytes: int | None) -> str:
    """
    A name with the memory behind it, where devices of that name are sold with several sizes: ``RTX 5060 Ti 16GB``.
    """
    sizes = {row.memory_bytes for row in named(name) if not row.modified}
    return f"{name} {round(memory_bytes / GIB)}GB" if memory_bytes and len(sizes) > 1 else name


@cache
def _of_key(key: str) -> tuple[Gpu, ...]:
    lines = rows_with("gpus", key) if key else ()
    return tuple(row for line in lines if key in (row := msgspec.json.decode(line, type=Gpu)).keys)


def _distance(row: Gpu, total_bytes: int) -> float:
    return 0.0 if row.memory_bytes is None else abs(row.memory_bytes - total_bytes) / total_bytes
