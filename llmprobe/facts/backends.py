"""
The backends of llama.cpp that layers can be put on: one record each, and nothing about a backend anywhere else.

Sources: llama.cpp b11549, ggml/src/ggml-cuda/ggml-cuda.cu (padding, device names), ggml-vulkan.cpp (device order),
ggml-metal.m, ggml-sycl.cpp; https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/environment-variables.html
(left alone CUDA numbers the fastest device first, and with PCI_BUS_ID as NVML does).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

BackendName = Literal["cuda", "rocm", "vulkan", "metal", "sycl", "rpc"]


class FlashTypes(msgspec.Struct, frozen=True, kw_only=True):
    """
    The types of K and V that flash attention has kernels for: of ``pairs`` where there are such, else of all.

    Other pairs are converted to f16 for every token where it ``converts``. There is no kernel for types of ``never``,
    for two types where they must be ``equal``, and for one of ``alone`` beside another. ``by_heads`` says that one
    token's attention over quantized types, and without flash attention, is computed by every head for itself, which
    reads and unpacks the cache anew.

    Sources: llama.cpp b11549, ggml/CMakeLists.txt (``GGML_CUDA_FA_QUANTS``, the pairs that a build has unless told
    otherwise), ggml/src/ggml-cuda/fattn.cu, ggml-metal/ggml-metal-device.m, ggml-sycl/fattn.cpp, ggml-vulkan.cpp.
    """

    pairs: frozenset[tuple[str, str]] | None = None
    converts: bool = False
    never: frozenset[str] = frozenset()
    equal: bool = False
    alone: frozenset[str] = frozenset()
    by_heads: bool = False


_CUDA_FLASH = FlashTypes(
    pairs=frozenset({("f16", "f16"), ("bf16", "bf16"), ("q8_0", "q8_0"), ("q4_0", "q4_0")}),
    converts=True,
    never=frozenset({"iq4_nl"}),
    by_heads=True,
)


class Scans(msgspec.Struct, frozen=True, kw_only=True):
    """
    The states that a backend scans: sizes of those of Mamba 2 and what their heads are multiples of, and what the
    channels of the first Mamba are multiples of (None: it has no kernel for that one).
    """

    states: frozenset[int]
    heads: int = 16
    channels: int | None = None


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """
    How buffers lie on one kind of device.

    Tensors begin at multiples of ``align`` on the device, and of ``host_align`` in the host memory that it offers for
    weights; None is a device that offers none. ``padded`` lengthens quantized rows to 512 values. A tensor of more than
    ``largest`` bytes is not computed with. A buffer is in ``pieces`` of so many bytes. ``attends`` False is a device
    without kernels for flash attention. ``maps`` says that it reads weights from the mapped file, ``blas`` that the
    engine is built with a library for the processor's products, as it is on every Mac unless told otherwise.
    ``sliced`` says that buffers of a split by tensors were measured with it, if not with all of its backend.
    """

    align: int
    host_align: int | None = 32
    padded: bool = False
    largest: int | None = None
    pieces: int | None = None
    attends: bool = True
    maps: bool = False
    blas: bool = False
    sliced: bool = False


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is particular about one backend.

    ``label`` is its name for people, ``device_prefix`` that of llama.cpp's devices (``CUDA0``). ``visible`` is the
    variable that narrows its devices: by number, or, where ``visible_by_uuid``, by UUID. ``order`` are variables that
    make its numbers those of the PCI bus. ``lists`` are the vendors whose devices a build lists although their own
    backend is another ("*" is all), ``cards_first`` lists integrated graphics last, ``by_loader`` numbers devices as
    Vulkan's loader lists them, where that was asked. ``partial`` False is a backend for which a part of the layers on
    the processor gains nothing. ``flash`` are the types of K and V that its flash attention reads. ``rows`` says that
    it can share single tensors out by rows (``-sm row``), ``sliced`` that buffers and speed of a split by tensors were
    measured with it, ``encoders`` that buffers of projectors were compared with measured ones, ``remote`` that its
    devices are those of other machines. ``scans`` None scans any state. ``refuses`` are types of weights that it does
    not multiply. Engines on PyTorch have ``torch_bytes`` of libraries beyond CUDA's there, know what graphs take where
    ``torch_counts_graphs``, and take what the device holds for their weights where ``torch_counts_by_device``.
    ``drivers`` are the kinds of devices by name, the usual one without a name first.
    """

    name: BackendName
    label: str
    device_prefix: str
    visible: str | None = None
    visible_by_uuid: bool = False
    order: tuple[tuple[str, str], ...] = ()
    lists: tuple[str, ...] = ()
    cards_first: bool = False
    by_loader: bool = False
    partial: bool = True
    flash: FlashTypes = FlashTypes()
    rows: bool = False
    sliced: bool = False
    encoders: bool = False
    remote: bool = False
    scans: Scans | None = None
    refuses: frozenset[str] = frozenset()
    torch_bytes: int = 0
    torch_counts_graphs: bool = True
    torch_counts_by_device: bool = False
    torch_share: float = 1.0
    drivers: dict[str, Driver]


_TERNARY = frozenset({"tq1_0", "tq2_0"})
_CUDA_SCANS = Scans(states=frozenset({96, 128, 256}), channels=128)
_LATER_SCANS = Scans(states=frozenset({128, 256}))
_GIB = 1 << 30
_VULKAN = Driver(align=16, host_align=64, largest=4 * _GIB - 1, pieces=_GIB)
_METAL = Driver(align=32, host_align=None, maps=True, blas=True)
_CUDA = Driver(align=128, padded=True)


def _remote(driver: Driver) -> Driver:
    """
    A device behind an rpc-server: tensors lie as they do there, no host memory is offered, and no limit is known here.
    """
    return msgspec.structs.replace(
        driver, host_align=None, largest=None, attends=True, maps=False, blas=False
    )


_ALL = (
    Backend(
        name="cuda",
        label="CUDA",
        device_prefix="CUDA",
        visible="CUDA_VISIBLE_DEVICES",
        visible_by_uuid=True,
        order=(("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),),
        flash=_CUDA_FLASH,
        sliced=True,
        encoders=True,
        scans=_CUDA_SCANS,
        refuses=_TERNARY,
        drivers={"": _CUDA},
    ),
    Backend(
        name="rocm",
        label="ROCm",
        device_prefix="ROCm",
        visible="HIP_VISIBLE_DEVICES",
        # Also what its libraries have no kernels for.
        lists=("amd",),
        flash=_CUDA_FLASH,
        sliced=True,
        encoders=True,
        scans=_CUDA_SCANS,
        refuses=_TERNARY,
        torch_bytes=_GIB,  # by logs of MI300X
        torch_counts_graphs=False,
        torch_counts_by_device=True,
        torch_share=0.75,  # by published speeds of MI300X
        drivers={"": _CUDA},
    ),
    Backend(
        name="vulkan",
        label="Vulkan",
        device_prefix="Vulkan",
        visible="GGML_VK_VISIBLE_DEVICES",
        lists=("*",),
        cards_first=True,
        by_loader=True,
        flash=FlashTypes(alone=frozenset({"bf16"})),
        encoders=True,
        scans=_LATER_SCANS,
        # The first is NVIDIA's. AMD's own (Windows, AMDVLK) has no buffer of 2 GiB or more, and what it offers of the
        # host is not aligned to pages as RADV's is.
        drivers={
            "": _VULKAN,
            "radv": Driver(align=4, host_align=4096, largest=4 * _GIB - 4, pieces=_GIB),
            "amd": Driver(align=4, host_align=64, largest=2 * _GIB, pieces=_GIB),
            "intel": Driver(align=4, host_align=4096, largest=_GIB, pieces=_GIB),
            "wide": msgspec.structs.replace(_VULKAN, largest=None),
            "old": msgspec.structs.replace(_VULKAN, attends=False),
        },
    ),
    # On a Mac processor and GPU read the same memory, so a part on the processor gains none; and with a part of the
    # layers llama.cpp maps the file's whole span for the GPU, which fails beyond the working set.
    Backend(
        name="metal",
        label="Metal",
        device_prefix="MTL",
        partial=False,
        flash=FlashTypes(equal=True, never=frozenset({"iq4_nl"})),
        encoders=True,
        refuses=frozenset({"tq1_0", "nvfp4"}),
        drivers={
            "": _METAL,
            "old": msgspec.structs.replace(_METAL, attends=False),
            "noblas": msgspec.structs.replace(_METAL, blas=False),
        },
    ),
    Backend(
        name="sycl",
        label="SYCL",
        device_prefix="SYCL",
        cards_first=True,
        flash=FlashTypes(pairs=frozenset((kind, kind) for kind in ("f16", "q8_0", "q4_0"))),
        rows=True,
        scans=_LATER_SCANS,
        refuses=_TERNARY,
        drivers={"": _CUDA},
    ),
    # A device of another machine (llama.cpp's rpc-server). It is believed to compute everything, takes no operations of
    # weights that lie here, and tells where tensors begin and what they take; the driver is what serves it.
    Backend(
        name="rpc",
        label="RPC",
        device_prefix="RPC",
        remote=True,
        drivers={
            "": _remote(_CUDA),
            "rocm": _remote(_CUDA),
            "sycl": _remote(_CUDA),
            "vulkan": _remote(_VULKAN),
            "metal": _remote(_METAL),
            "cpu": Driver(align=32, host_align=None, sliced=True),
        },
    ),
)

BACKENDS: dict[str, Backend] = {backend.name: backend for backend in _ALL}
"""Every backend by its name, the most common first."""

REMOTE = next(backend for backend in _ALL if backend.remote)
"""The backend of devices on other machines."""

SERVED: dict[str, str] = {name or _ALL[0].name: name for name in REMOTE.drivers}
"""What may serve such a device, and its driver."""

PROCESSOR = "cpu"
"""What serves a remote device that is a processor."""

DRIVERS: dict[str, Driver] = {
    f"{backend.name}-{name}" if name else backend.name: driver
    for backend in _ALL
    for name, driver in backend.drivers.items()
}
"""Every kind of device: a backend, and where its drivers differ the name of one behind it."""


def backend_of(kind: str) -> Backend:
    """
    The backend of a kind of device.
    """
    return BACKENDS[kind.partition("-")[0]]


def served_by(align: int, *, limited: bool) -> str:
    """
    What serves a remote device whose tensors begin at multiples of so many bytes; its server does not say it.

    CUDA, ROCm and SYCL are alike. Metal begins where a processor does, which alone has no largest buffer. Drivers of
    Vulkan have several.
    """
    if align == _METAL.align:
        return "metal" if limited else PROCESSOR
    return "cuda" if align == _CUDA.align else "vulkan"


def served_card(told: str, vendor: str) -> str | None:
    """
    What serves a remote card of a maker where ``served_by`` says ``told``, None where that is no card of this maker's.
    """
    if told == PROCESSOR:
        return None
    if told == "metal":
        return told if vendor in ("apple", "other") else None
    if told == "cuda":
        return {"nvidia": "cuda", "amd": "rocm", "intel": "sycl", "other": "cuda"}.get(vendor)
    return told


def sliced(kind: str) -> bool:
    """
    Whether buffers of a split by tensors were measured with a kind of device.
    """
    return backend_of(kind).sliced or DRIVERS[kind].sliced


def kinds_together(kinds: Sequence[str]) -> str:
    """
    One name for the kinds of several devices in order: the kind of all where they are alike.
    """
    return kinds[0] if len(set(kinds)) == 1 else "+".join(kinds)


def kinds_apart(kind: str, count: int) -> tuple[str, ...]:
    """
    The kind of each of so many devices, from the name for all of them.
    """
    return tuple(kind.split("+")) if "+" in kind else (kind,) * count


def label(name: str) -> str:
    """
    The name of a backend for people; the processor is ``CPU``.
    """
    return BACKENDS[name].label if name in BACKENDS else name.upper()
