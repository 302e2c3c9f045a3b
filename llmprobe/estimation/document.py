"""
The parts of an estimate that are not memory: the model, the settings in force, and what to warn of.
"""

from llmprobe.estimation.placement import offloaded_layers, used_devices
from llmprobe.estimation.settings import Run, trained_context
from llmprobe.facts.engine import Profile
from llmprobe.facts.estimate import ModelInEstimate, Settings
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import Placement
from llmprobe.model import archs


def model_in_estimate(model: ModelSpec, quant: str, tensor_bytes: int) -> ModelInEstimate:
    """
    Return the model as an estimate names it.
    """
    return ModelInEstimate(
        id=model.id,
        name=model.name,
        architecture=model.architecture,
        quant=quant,
        parameters=model.parameters,
        file_parameters=model.file_parameters,
        tensor_bytes=tensor_bytes,
        max_context=trained_context(model),
    )


def settings(
    run: Run, placement: Placement, n_layer: int, profile: Profile | None, *, flash_attn: bool
) -> Settings:
    """
    Return every setting in force; ``flash_attn`` is what ``auto`` came to.
    """
    return Settings(
        engine=profile.engine if profile is not None else "llama.cpp",
        ctx_size=run.ctx_size,
        ctx_per_seq=run.ctx_per_seq,
        parallel=run.parallel,
        batch_size=run.batch_size,
        ubatch_size=run.ubatch_size,
        cache_type_k=run.cache_type_k,
        cache_type_v=run.cache_type_v,
        flash_attn="on" if flash_attn else "off",
        kv_unified=run.kv_unified,
        swa_full=run.swa_full,
        outputs_max=run.outputs_max,
        gpu_layers=offloaded_layers(placement, n_layer),
        n_cpu_moe=placement.n_cpu_moe,
        cpu_moe_layers=placement.cpu_moe_layers,
        split_mode=placement.split_mode,
        tensor_split=placement.tensor_split,
        kv_offload=placement.kv_offload,
        op_offload=placement.op_offload,
        repack=placement.repack,
        mmap=placement.mmap,
        devices=tuple(device.id for device in used_devices(placement)),
    )


def warnings(model: ModelSpec, run: Run) -> tuple[str, ...]:
    """
    Return what the user should know before relying on the estimate.
    """
    result = []
    if archs.get(model.architecture) is None:
        result.append(f"the architecture {model.architecture!r} is not known: its cache is a guess")
    trained = trained_context(model)
    if trained is not None and run.ctx_per_seq > trained:
        result.append(
            f"a context of {run.ctx_per_seq} tokens is beyond the {trained} that the model was trained for"
        )
    return tuple(result)
