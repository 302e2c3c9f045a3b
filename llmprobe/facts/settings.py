"""
How a model is run: what the engine is told, in llama.cpp's names, and on which devices.
"""

from typing import Literal

import msgspec


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is asked of the engine. The defaults are llama-server's with one slot.

    ``ctx_size`` is the total over all slots (``-c``); 0 means what the model was trained for.
    ``outputs_max`` is how many rows of logits are reserved: None is one per slot (llama-server since mid-2026),
    0 the whole micro-batch (llama-bench and others).
    """

    ctx_size: int = 0
    parallel: int = 1
    batch_size: int = 2048
    ubatch_size: int = 512
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    flash_attn: Literal["auto", "on", "off"] = "auto"
    kv_unified: bool = False
    swa_full: bool = False
    outputs_max: int | None = None


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device that layers can be put on. ``id`` is ``gpu0``, ``gpu1``, … ; the host is not among them.

    ``free_bytes`` is only used to split layers where no ``tensor_split`` is given. ``link_bytes_per_s`` is how fast
    weights can be sent to it from RAM (PCIe, one way).
    """

    id: str
    backend: Literal["cuda", "rocm", "vulkan", "metal", "sycl"] = "cuda"
    name: str | None = None
    pool: str | None = None
    free_bytes: int | None = None
    compute_capability: str | None = None
    bandwidth_bytes_per_s: int | None = None
    link_bytes_per_s: int | None = None
    cores: int | None = None


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where the parts go. ``gpu_layers`` None is all of them (layers + output); 0 with devices still offloads operations.

    ``n_cpu_moe`` keeps the experts of the first N layers on the host, ``cpu_moe_layers`` those of further layers
    (``--override-tensor``). ``cpu`` is the kind of its processor, which decides what is repacked.
    """

    devices: tuple[Device, ...] = ()
    gpu_layers: int | None = None
    n_cpu_moe: int = 0
    cpu_moe_layers: tuple[int, ...] = ()
    split_mode: Literal["none", "layer"] = "layer"
    tensor_split: tuple[float, ...] = ()
    kv_offload: bool = True
    op_offload: bool = True
    repack: bool = True
    cpu: Literal["x86", "arm"] = "x86"
    mmap: bool = True
