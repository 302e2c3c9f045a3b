"""
Second contexts: what a draft model, or the layers of a model that predict a token more, take beside the model.

They are estimated as any other context is. Source: llama.cpp b11549, common/speculative.cpp
(common_base_params_to_speculative, common_speculative_init_result).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llmprobe.errors import RefusedError
from llmprobe.estimation.placement import HOST, Span
from llmprobe.estimation.settings import BLOCK_TYPES, DRAFTING_TYPES
from llmprobe.facts.settings import Settings, told
from llmprobe.model.archs._shared.heads import borrowed
from llmprobe.model.archs._shared.next_token import next_token_model
from llmprobe.words.message import message

if TYPE_CHECKING:
    from llmprobe.estimation.estimator import Estimator
    from llmprobe.estimation.parts import Parts
    from llmprobe.estimation.setup import Setup
    from llmprobe.facts.devices import Hardware
    from llmprobe.facts.settings import ResolvedSettings


class Draft:
    """
    A draft model: its estimator, and the quantization of its file. Threads may share it.
    """

    def __init__(self, estimator: Estimator, quant: str) -> None:
        self.estimator = estimator
        self.quant = quant
        self._beside: dict[tuple[int, str], Estimator] = {}

    @property
    def is_head(self) -> bool:
        """Whether it is a head, which reads what layers of the model saw."""
        return "target_layers" in self.estimator.model.hparams

    def read_layers(self, trunk: int) -> tuple[int, ...]:
        """The layers of a model whose input a head reads; what comes out of the last is kept in any case."""
        told = self.estimator.model.hparams.get("target_layers", ())
        return tuple(sorted({int(layer) for layer in told if int(layer) < trunk}))

    def beside(self, target: Estimator, quant: str) -> Estimator:
        """The estimator of a head with the matrices that it borrows from its model."""
        key = (id(target), quant)
        found = self._beside.get(key)
        if found is None:
            own = self.estimator.typed_tensors(self.quant)
            tensors = (*own, *borrowed(target.typed_tensors(quant)))
            model = msgspec.structs.replace(
                self.estimator.model, tensors=tensors, quant=self.quant, source="gguf"
            )
            found = self._beside[key] = type(self.estimator)(model, self.estimator.profile)
        return found


def needs_draft(settings: Settings) -> bool:
    """
    Whether tokens are drafted by a model or by layers of one, and not from the text alone.
    """
    return not DRAFTING_TYPES.isdisjoint(settings.spec_type)


def second_parts(
    target: Estimator, quant: str, settings: Settings, hardware: Hardware, draft: Draft | None
) -> Parts | None:
    """
    What the second context takes by part and device, None where nothing needs one.

    Layers of the model itself have no weights here: they are among the model's.

    Raises:
        RefusedError: there is no draft model, and the model has no layers that predict a token more.
    """
    if not needs_draft(settings):
        return None
    setup = target.setup(settings, hardware)
    own = draft_settings(settings, setup.settings)
    if draft is None:
        if settings.spec_type != ("draft-mtp",):
            raise RefusedError(
                message("error.draft-missing", spec_type=settings.spec_type),
                hint=message("hint.draft-missing"),
            )
        return msgspec.structs.replace(_next_token(target, quant, own, setup, hardware), weights={})
    hardware = draft_hardware(hardware, setup.settings)
    if draft.is_head:
        head = draft.beside(target, quant)
        output = target_output(setup, target.n_layer)
        placed = head.setup(own, hardware)
        if output != HOST and output not in placed.settings.devices:
            raise RefusedError(
                message("error.head-without-output", device=output), hint=message("hint.head-devices")
            )
        return head.parts_of(draft.quant, msgspec.structs.replace(placed, target_output=output))
    if "draft-mtp" not in settings.spec_type:
        return draft.estimator.parts(draft.quant, own, hardware)
    # The file holds these layers alone, and counts those of the model all the same.
    loaded = draft.estimator.setup(own, hardware)
    parts = _next_token(draft.estimator, draft.quant, own, loaded, hardware)
    return msgspec.structs.replace(parts, weights=draft.estimator.parts_weights(draft.quant, loaded))


def target_output(setup: Setup, n_layer: int) -> str:
    """
    The device of a model's output matrix.
    """
    return next((span.device for span in setup.spans if span.stop > n_layer), HOST)


def _next_token(owner: Estimator, quant: str, settings: Settings, setup: Setup, hardware: Hardware) -> Parts:
    layers = owner.next_token.get(quant)
    if layers is None:
        if not owner.model.hparams.get("nextn_predict_layers"):
            raise RefusedError(
                message("error.no-next-token", model=owner.model.name), hint=message("hint.no-next-token")
            )
        model = next_token_model(owner.model, owner.typed_tensors(quant), quant)
        layers = owner.next_token[quant] = type(owner)(model, owner.profile)
    return layers.parts_of(quant, _moved(layers.setup(settings, hardware), setup, owner.trunk))


def beside(owner: Estimator, quant: str, settings: Settings, hardware: Hardware) -> dict[str, int]:
    """
    What a second context on the model's own layers takes by device, for a search: found once where they lie alike.

    Raises:
        RefusedError: the way of drafting needs a draft model, or the model has no such layers.
    """
    if not needs_draft(settings):
        return {}
    setup = owner.setup(settings, hardware)
    tail = tuple(span.device for span in setup.spans if span.stop > owner.trunk)
    partly = setup.spans[0].device == HOST or bool(setup.host_experts)
    key = (quant, setup.memory, setup.batch, tail, setup.backends, partly)
    found = owner.beside.get(key)
    if found is None:
        parts = second_parts(owner, quant, settings, hardware, None)
        assert parts is not None
        found = {
            device: sum(size for _, size in caches) + parts.compute.bytes.get(device, 0)
            for device, caches in parts.caches.items()
        }
        found[HOST] += parts.output
        owner.beside[key] = found
    return found


def draft_settings(settings: Settings, run: ResolvedSettings) -> Settings:
    """
    What the draft's context is told, where the target's is in force: as many cells, slots and rows, its own types of
    cache and layers, and one output for each slot, or a whole block.
    """
    rows = 1 + settings.spec_draft_n_max if BLOCK_TYPES & set(run.spec_type) else 1
    own = {
        "ctx_size": run.ctx_size,
        "cache_type_k": settings.spec_draft_type_k,
        "cache_type_v": settings.spec_draft_type_v,
        "outputs_max": run.parallel * rows,
        "gpu_layers": settings.spec_draft_ngl,
        "n_cpu_moe": 0,
        "cpu_moe_layers": (),
        "n_cpu_ffn": 0,
        "override_tensor": (),
        "moe_cache_mib": 0,
        # Nothing is taken back in this context.
        "spec_draft_n_max": 0,
        "read_layers": (),
    }
    return Settings(**(told(settings) | own))


def draft_hardware(hardware: Hardware, run: ResolvedSettings) -> Hardware:
    """
    The devices that the draft may use: those that it is given, or all of the target's.
    """
    if not run.spec_draft_device:
        return hardware
    named = {device.id: device for device in hardware.devices}
    kept = tuple(named[name] for name in run.spec_draft_device if name in named)
    return msgspec.structs.replace(hardware, devices=kept)


def _moved(setup: Setup, target: Setup, trunk: int) -> Setup:
    """
    The configuration of the layers behind the ``trunk``, which lie where the target's placement puts them.
    """
    spans = tuple(
        Span(span.device, max(span.start - trunk, 0), span.stop - trunk)
        for span in target.spans
        if span.stop > trunk
    )
    return msgspec.structs.replace(
        setup,
        settings=msgspec.structs.replace(setup.settings, devices=target.settings.devices),
        spans=spans,
        devices=target.devices,
        backends=target.backends,
        partly=any(span.device == HOST for span in target.spans),
    )
