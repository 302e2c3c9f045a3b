"""
From a model and a configuration to what is asked about compute buffers.
"""

from llmprobe.estimation.compute.run import ComputeRequest
from llmprobe.estimation.memory.expert_cache import NO_CACHE, ExpertCache
from llmprobe.estimation.overrides import in_layers
from llmprobe.estimation.placement import layer_devices
from llmprobe.estimation.setup import Setup
from llmprobe.facts.backends import kinds_together
from llmprobe.facts.model import ModelSpec, Tensor


def request(
    model: ModelSpec,
    tensors: tuple[Tensor, ...],
    setup: Setup,
    *,
    old_masks: bool,
    mixes: bool = True,
    experts: ExpertCache = NO_CACHE,
) -> ComputeRequest:
    """
    What the buffers of one configuration depend on; ``tensors`` carry their types.
    """
    return ComputeRequest(
        architecture=model.architecture,
        hparams=model.hparams,
        tensors=tensors,
        settings=setup.settings,
        layer_devices=layer_devices(setup.spans),
        kind=kinds_together([device.kind for device in setup.devices]) if setup.devices else "cuda",
        cpu=setup.cpu,
        host_experts=setup.host_experts,
        moved=in_layers(model, setup.moved),
        expert_slots=tuple(sorted(experts.slots.items())),
        old_masks=old_masks,
        mixes=mixes,
        partly=setup.partly,
        target_output=setup.target_output,
    )
