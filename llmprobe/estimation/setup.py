"""
What follows from settings and hardware for one model: the settings in force, and what lies where.
"""

import msgspec

from llmprobe.estimation.overrides import MovedTensors, moved_tensors
from llmprobe.estimation.placement import Span, host_experts, spans, used_devices
from llmprobe.estimation.settings import resolve
from llmprobe.estimation.splits import refuse_rotation, refuse_split
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.engine import Profile
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import ResolvedSettings, Settings


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """
    One configuration of one model. ``devices`` are those that the engine opens, ``backends`` their kinds by id.

    ``memory`` is what caches depend on, ``batch`` what graphs depend on besides. ``partly`` says of a context on some
    layers of a model that others of them lie on the host, ``target_output`` of a draft head where the output matrix
    lies that it borrows.
    """

    settings: ResolvedSettings
    devices: tuple[Device, ...]
    cpu: str
    spans: tuple[Span, ...]
    backends: tuple[tuple[str, str], ...]
    host_experts: frozenset[int]
    moved: MovedTensors = ()
    partly: bool = False
    target_output: str | None = None
    memory: tuple[object, ...]
    batch: tuple[object, ...]


def set_up(
    settings: Settings, hardware: Hardware, model: ModelSpec, n_layer: int, profile: Profile | None
) -> Setup:
    """
    A configuration in force.

    Raises:
        UsageError: a size is out of range, or a cache type does not exist.
        RefusedError: neither the settings nor the model name a context, or the devices cannot be split so.
    """
    refuse_split(settings, hardware, model.architecture)
    run = resolve(settings, model, profile, hardware)
    refuse_rotation(run, model)
    devices = used_devices(settings, hardware)
    parts = spans(settings, hardware, n_layer)
    return Setup(
        settings=run,
        devices=devices,
        cpu=hardware.cpu,
        spans=parts,
        backends=tuple([(device.id, device.kind) for device in devices]),
        host_experts=host_experts(settings, hardware, n_layer),
        moved=moved_tensors(model, settings, hardware, parts, n_layer),
        memory=(
            run.ctx_per_seq,
            run.parallel,
            run.ubatch_size,
            run.cache_type_k,
            run.cache_type_v,
            run.flash_attn,
            run.kv_unified,
            run.swa_full,
            run.kv_offload,
            run.rs_snapshots,
        ),
        batch=(
            run.ctx_size,
            run.batch_size,
            run.outputs_max,
            run.op_offload,
            run.repack,
            run.split_mode,
            run.read_layers,
            run.embeddings,
            run.pooling,
            bool(run.override_tensor or run.n_cpu_ffn or run.moe_cache_mib),
        ),
    )
