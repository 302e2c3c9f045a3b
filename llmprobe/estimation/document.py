"""
What to warn of beside an estimate.
"""

from collections.abc import Collection, Sequence

from llmprobe.estimation.cache_kernels import of_backend
from llmprobe.estimation.memory.roster import EXPERTS, is_input
from llmprobe.estimation.memory.stored import stored_bytes, too_large
from llmprobe.estimation.memory.weights import WeightTable
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.projector.placed import Placed
from llmprobe.estimation.setup import Setup
from llmprobe.estimation.terms import read_again
from llmprobe.facts.backends import DRIVERS, label
from llmprobe.facts.estimate import DeviceEstimate, trained_context
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.model import archs
from llmprobe.model.quants import Recipe
from llmprobe.words.message import Message, message


def cache_warnings(
    type_k: str, type_v: str, flash_attn: str, backends: Collection[str]
) -> tuple[Message, ...]:
    """
    That attention falls to the processor, or may, for the types of a cache that lies on these backends.
    """
    if flash_attn == "off":
        return ()
    found = []
    for name in dict.fromkeys(backends):
        kernels = of_backend(name, type_k, type_v)
        if kernels == "none":
            found.append(message("warning.unlike-caches", backend=label(name), type_k=type_k, type_v=type_v))
        elif kernels == "converted":
            found.append(
                message("warning.caches-of-a-build", backend=label(name), type_k=type_k, type_v=type_v)
            )
    return tuple(found)


def warnings(
    model: ModelSpec,
    setup: Setup,
    placed: Placed | None,
    devices: Sequence[DeviceEstimate],
    missing: int,
) -> tuple[Message, ...]:
    """
    What the user should know before relying on the estimate; ``missing`` bytes are what the devices lack in all.
    """
    result, run = [], setup.settings
    if archs.get(model.architecture) is None:
        result.append(message("warning.architecture-unknown", architecture=model.architecture))
    if placed is not None and placed.size.unknown:
        result.append(message("warning.projector-unknown", kinds=placed.size.unknown))
    trained = trained_context(model)
    if trained is not None and run.ctx_per_seq > trained:
        result.append(message("warning.beyond-trained-context", ctx_size=run.ctx_per_seq, trained=trained))
    used = tuple(device.backend for device in setup.devices)
    return (
        *result,
        *cache_warnings(run.cache_type_k, run.cache_type_v, run.flash_attn, used),
        *read_again(devices, missing, run),
    )


def kept_back(tensors: Sequence[Tensor], setup: Setup) -> tuple[Message, ...]:
    """
    That weights of layers on a device stay in RAM, as its driver binds no tensor of their size.
    """
    kinds = dict(setup.backends)
    if all(DRIVERS[kind].largest is None for kind in kinds.values()):
        return ()
    owners = {layer: span.device for span in setup.spans for layer in range(span.start, span.stop)}
    found: dict[str, list[int]] = {}
    for tensor in tensors:
        name = tensor.name
        layer = max(owners) if tensor.layer is None else tensor.layer
        kept = layer in setup.host_experts and EXPERTS.search(name) is not None
        device = owners.get(layer)
        if device in kinds and not kept and not is_input(name) and too_large(tensor, kinds[device]):
            found.setdefault(device, []).append(stored_bytes(tensor, HOST))
    return tuple(
        message(
            "warning.weights-too-large",
            device=device,
            tensors=len(sizes),
            bytes=sum(sizes),
            largest=DRIVERS[kinds[device]].largest,
        )
        for device, sizes in found.items()
    )


def mapped_span(
    table: WeightTable, tensors: Sequence[Tensor], setup: Setup, devices: Sequence[DeviceEstimate]
) -> tuple[Message, ...]:
    """
    That a GPU which reads the mapped file spans more of it than its weights, and whether that is beyond its budget.
    """
    run = setup.settings
    if not run.mmap or len(setup.devices) != 1 or not DRIVERS[setup.devices[0].kind].maps:
        return ()
    # Imported only here: with all layers on the GPU the span is its weights.
    from llmprobe.estimation.memory.mapped import mapped

    found = mapped(
        table, tensors, setup.spans, host_experts=setup.host_experts, cpu=setup.cpu, repack=run.repack
    )
    device = next(one for one in devices if one.id == setup.devices[0].id)
    more = found.device - device.weights_bytes
    if more <= 0 or device.budget_bytes is None or device.total_bytes + more <= device.budget_bytes:
        return ()
    return (
        message(
            "warning.mapped-span",
            device=device.id,
            span_bytes=found.device,
            weights_bytes=device.weights_bytes,
            missing_bytes=device.total_bytes + more - device.budget_bytes,
        ),
    )


def recipe_notes(*rules: Recipe | None) -> tuple[Message, ...]:
    """
    That the weights follow rules about published files, and how far these were from them.

    Plain types that publishers mix differently are one note together.
    """
    notes = []
    plain = [rule for rule in rules if rule is not None and rule.plain]
    if plain:
        residents = [high for high in (rule.resident_high() for rule in plain) if high is not None]
        notes.append(
            message(
                "note.quant-by-publisher",
                quants=tuple(rule.name for rule in plain),
                smaller=max(abs(rule.low) for rule in plain) / 100,
                larger=max(rule.high for rule in plain) / 100,
                resident=_share(max(residents, default=None)),
            )
        )
    notes += [
        message(
            "note.quant-by-rule",
            quant=rule.name,
            smaller=abs(rule.low) / 100,
            larger=rule.high / 100,
            files=rule.files,
            resident=_share(rule.resident_high()),
        )
        for rule in rules
        if rule is not None and not rule.plain
    ]
    return tuple(notes)


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100
