"""
The public function about engines that serve from a pool of cache. What it needs is imported when it is called.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Unpack

    from llmprobe.facts.machine import Snapshot
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.serving import ServingEstimate, ServingOptions


def serving(
    model: "ModelSpec",
    *,
    engine: str = "vllm",
    quant: str | None = None,
    snapshot: "Snapshot | None" = None,
    **settings: "Unpack[ServingOptions]",
) -> "ServingEstimate":
    """
    The memory of one configuration of an engine that serves from a pool of cache (``vllm``; a version of it as
    ``vllm@0.19``): weights of each rank, what a step takes, the pool that is left, and what of it a request takes.

    ``quant`` is a format of published weights (``BF16``, ``FP8``, ``AWQ``, ``GPTQ-Int4``, ``NVFP4``); None is that of
    the model's own repository, or of the folder. ``settings`` are the engine's own, by its names; where none is given,
    all devices are used. A start that fails is an answer too: ``failure`` is its reason.

    The devices are those of ``snapshot``, or of this machine.

    Raises:
        UsageError: a setting is out of range, or the machine has no device that the engine uses.
        RefusedError: tokens are to be drafted, and the model has no layers for it.
    """
    from llmprobe.tasks import serving

    return serving.serving(model, engine=engine, quant=quant, snapshot=snapshot, **settings)
