"""
From a model, its settings and a placement to what is asked about compute buffers.
"""

from llmprobe.estimation.compute.run import ComputeRequest
from llmprobe.estimation.placement import Span, host_experts, layer_devices, used_devices
from llmprobe.estimation.settings import Run
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.facts.settings import Placement


def request(
    model: ModelSpec,
    tensors: tuple[Tensor, ...],
    run: Run,
    placement: Placement,
    spans: tuple[Span, ...],
    *,
    n_layer: int,
    allocated: bool,
    old_masks: bool,
) -> ComputeRequest:
    """
    Return what the buffers of one placement depend on; ``tensors`` carry their types.
    """
    devices = used_devices(placement)
    return ComputeRequest(
        architecture=model.architecture,
        hparams=model.hparams,
        tensors=tensors,
        layer_devices=layer_devices(spans),
        devices=tuple(device.id for device in devices),
        backend=devices[0].backend if devices else "cuda",
        ctx_size=run.ctx_size,
        ctx_per_seq=run.ctx_per_seq,
        parallel=run.parallel,
        batch_size=run.batch_size,
        ubatch_size=run.ubatch_size,
        outputs_max=run.outputs_max,
        cache_type_k=run.cache_type_k,
        cache_type_v=run.cache_type_v,
        flash_attn=run.flash_attn,
        kv_unified=run.kv_unified,
        swa_full=run.swa_full,
        host_experts=host_experts(placement, n_layer),
        kv_offload=placement.kv_offload,
        op_offload=placement.op_offload,
        repack=placement.repack,
        split_mode=placement.split_mode,
        allocated=allocated,
        old_masks=old_masks,
    )
