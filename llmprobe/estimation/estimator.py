"""
The estimator of one model: any quantization, workload and placement to bytes per device, and why.

What a part depends on is what it is remembered by, so that a search over thousands of configurations is sums.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import accumulate

import msgspec

from llmprobe.estimation import document, terms
from llmprobe.estimation.compute.buffers import ComputeBytes, ComputeEngine, ComputeRequest
from llmprobe.estimation.compute.request import request
from llmprobe.estimation.compute.search_bounds import ComputeBounds, RoughBounds
from llmprobe.estimation.compute.upper_bound import at_most
from llmprobe.estimation.memory import kv_cache, overhead
from llmprobe.estimation.memory.quantized import Quantized
from llmprobe.estimation.memory.weights import DeviceWeights, Sums, WeightTable
from llmprobe.estimation.placement import (
    HOST,
    Span,
    host_experts,
    offloaded_layers,
    spans,
    used_devices,
)
from llmprobe.estimation.rule_of_thumb import rule_of_thumb
from llmprobe.estimation.settings import Run, refuse, resolve
from llmprobe.estimation.speed.parts import Share
from llmprobe.estimation.speed.shares import active_shares
from llmprobe.facts.engine import Profile
from llmprobe.facts.estimate import DeviceEstimate, Estimate, Layers, Speed, Term
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.facts.settings import Placement, Workload
from llmprobe.model import archs
from llmprobe.model.archs import Sizes

NO_SPEED = Speed(generation_tokens_per_s=None, prompt_tokens_per_s=None, reason="no speed was asked for")


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """
    All that one configuration takes, by device, before it is put into words.
    """

    run: Run
    spans: tuple[Span, ...]
    weights: dict[str, DeviceWeights]
    caches: dict[str, tuple[tuple[kv_cache.CachePart, int], ...]]
    compute: ComputeBytes
    output: int


class Estimator:
    """
    Everything about the memory of one model. Threads may share it: what it remembers is complete once it is seen.

    ``profile`` is the engine's program; None is llama-server with the settings as given. A ``rough`` one takes the
    most that compute buffers can be for their bounds, which costs no graph.
    """

    def __init__(self, model: ModelSpec, profile: Profile | None = None, *, rough: bool = False) -> None:
        self.model = model
        self.profile = profile
        self._sizes = Sizes(model.hparams)
        self.n_layer = self._sizes.n_layer
        self.total_layers = self.n_layer + 1
        # The number for --n-cpu-moe that keeps the experts of every layer on the host.
        self.moe_layers = 1 + max(
            (t.layer for t in model.tensors if t.layer is not None and "_exps" in t.name), default=-1
        )
        self.is_moe = self.moe_layers > 0
        self.generates = not (
            model.hparams.get("attention.causal") is False and "pooling_type" in model.hparams
        )
        self.expert_count = int(model.hparams.get("expert_count") or 0)
        self.expert_used_count = int(model.hparams.get("expert_used_count") or 0)
        self.used_experts = self.expert_used_count / self.expert_count if self.expert_count else 1.0
        self.layout = archs.caches(model.architecture, model.hparams)
        rows = {tensor.name: tensor.shape[-1] for tensor in model.tensors if tensor.layer is None}
        # An embedding may have rows for images that are never written, so the output matrix is asked first.
        self.n_vocab = rows.get("output.weight", rows.get("token_embd.weight", 0))
        counts = Counter(tensor.layer for tensor in model.tensors)
        self.kernels = Sums(tuple(accumulate((counts[i] for i in range(self.n_layer)), initial=0)))
        self._quantized = Quantized(model)
        self._spans: dict[Placement, tuple[Span, ...]] = {}
        self._runs: dict[Workload, Run] = {}
        self._weights: dict[tuple[object, ...], dict[str, DeviceWeights]] = {}
        self._caches: dict[tuple[object, ...], dict[str, tuple[tuple[kv_cache.CachePart, int], ...]]] = {}
        self._compute: dict[tuple[object, ...], ComputeBytes] = {}
        self.compute_engine = ComputeEngine()
        self._bounds: ComputeBounds | RoughBounds = ComputeBounds(self.n_layer, self._measured_bytes)
        if rough:
            self._bounds = RoughBounds(self._rough_bytes)

    def typed_tensors(self, quant: str) -> tuple[Tensor, ...]:
        """
        Return the model's tensors with the types that they have in a quantization.

        A file keeps its own types under its own quantization's name; another name is what requantizing gives.
        """
        return self._quantized.tensors(quant)

    def tensor_bytes(self, quant: str) -> int:
        """
        Return the bytes of all tensors of the file.
        """
        return self._quantized.file_bytes(quant)

    def loaded_bytes(self, quant: str) -> int:
        """Return the bytes of the tensors that are loaded, of which the file may have more (next-n layers)."""
        return self.table(quant).loaded_bytes

    def totals(
        self, quant: str, workload: Workload, placement: Placement, *, exact: bool = False
    ) -> dict[str, int]:
        """
        Return the bytes per device, overhead included: the host first, then each device in use.

        Unless ``exact``, the compute buffers are the largest of a few placements of the same kind (everything on
        the devices, some layers, some experts), found once for a whole search; see ``compute_bounds``.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        result = self.without_compute(quant, workload, placement)
        run = self.run(workload)
        bounds = self._bounds.of
        compute = (
            self._measured_bytes(quant, run, placement).bytes if exact else bounds(quant, run, placement)
        )
        return {device: size + compute.get(device, 0) for device, size in result.items()}

    def without_compute(self, quant: str, workload: Workload, placement: Placement) -> dict[str, int]:
        """
        Return the bytes per device but for the compute buffers.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        weights, caches = self.weights(quant, placement), self.caches(workload, placement)
        used = used_devices(placement)
        result = {
            device: part.total + sum(size for _, size in caches[device]) for device, part in weights.items()
        }
        result[HOST] += self.output_bytes(workload) + overhead.host_overhead(len(used)).bytes
        for device in used:
            result[device.id] += overhead.device_overhead(device).bytes
        return result

    def compute_bounds(self, quant: str, workload: Workload, placement: Placement) -> dict[str, int]:
        """
        Return the bounds of the compute buffers of all placements of a kind, by device (see ``compute_bounds``).

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        return self._bounds.of(quant, self.run(workload), placement)

    def table(self, quant: str) -> WeightTable:
        """
        Return the weights by layer and kind of buffer.
        """
        return self._quantized.table(quant)

    def layer_caches(self, workload: Workload, backend: str) -> tuple[kv_cache.CachePart, ...]:
        """
        Return the caches by layer in the buffers of a backend (``host`` for host memory).

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        return kv_cache.cache_parts(self.layout, self.run(workload), self.n_layer, backend)

    def devices(self, quant: str, workload: Workload, placement: Placement) -> tuple[DeviceEstimate, ...]:
        """
        Return what each device holds, term by term: the host first, then each device in use.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        parts = self.parts(quant, workload, placement)
        used = used_devices(placement)
        result = [
            terms.device_estimate(
                HOST,
                None,
                (
                    *self._buffers(parts, placement, HOST),
                    terms.output_term(parts.output, self.n_vocab, parts.run),
                    overhead.host_overhead(len(used)),
                ),
            )
        ]
        for device in used:
            items = (
                *self._buffers(parts, placement, device.id),
                overhead.device_overhead(device, weights_on_host=parts.weights[HOST].multiplied > 0),
            )
            result.append(terms.device_estimate(device.id, device.name, items))
        return tuple(result)

    def _buffers(self, parts: Parts, placement: Placement, device: str) -> tuple[Term, ...]:
        return (
            *terms.weight_terms(parts.weights[device], device, parts.spans, placement, self.n_layer),
            *terms.cache_terms(parts.caches[device], parts.run),
            *terms.compute_terms(parts.compute, device),
        )

    def shares(
        self, quant: str, workload: Workload, placement: Placement, *, ram_bandwidth: int | None = None
    ) -> tuple[Share, ...]:
        """
        Return the bytes that each device reads for one token, and the layers that it runs.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        return active_shares(
            self.table(quant),
            self._split(placement),
            used_devices(placement),
            placement,
            self.caches(workload, placement),
            self.run(workload),
            kernels=self.kernels,
            attention=kv_cache.attention_operations(self.layout, self.run(workload), self._sizes),
            used_experts=self.used_experts,
            active_parameters=self.model.active_parameters or self.model.parameters,
            ram_bandwidth=ram_bandwidth,
        )

    def parts(self, quant: str, workload: Workload, placement: Placement) -> Parts:
        """
        Return what a configuration takes, by part and device, without overhead.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        run = self.run(workload)
        return Parts(
            run=run,
            spans=self._split(placement),
            weights=self.weights(quant, placement),
            caches=self.caches(workload, placement),
            compute=self._compute_bytes(quant, run, placement),
            output=self.output_bytes(workload),
        )

    def weights(self, quant: str, placement: Placement) -> dict[str, DeviceWeights]:
        """
        Return the weights by device.
        """
        split, backends = self._split(placement), _backends(placement)
        kept = host_experts(placement, self.n_layer)
        key = (quant, split, backends, kept, placement.repack, placement.cpu)
        found = self._weights.get(key)
        if found is None:
            found = self._weights[key] = self.table(quant).place(
                split,
                dict(backends),
                host_experts=kept,
                repack=placement.repack,
                cpu=placement.cpu,
            )
        return found

    def caches(
        self, workload: Workload, placement: Placement
    ) -> dict[str, tuple[tuple[kv_cache.CachePart, int], ...]]:
        """
        Return the caches by device.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        run, split, backends = self.run(workload), self._split(placement), _backends(placement)
        key = (run, split, backends, placement.kv_offload)
        found = self._caches.get(key)
        if found is None:
            found = self._caches[key] = kv_cache.place(
                self.layout, run, self.n_layer, split, dict(backends), offload=placement.kv_offload
            )
        return found

    def output_bytes(self, workload: Workload) -> int:
        """
        Return the bytes of the buffer that the host keeps for logits, one row per sequence.
        """
        return 4 * self.n_vocab * self.run(workload).parallel

    def run(self, workload: Workload) -> Run:
        """Return the settings in force, or refuse those that do not go together for this model."""
        found = self._runs.get(workload)
        if found is None:
            found = resolve(workload, self.model, self.profile)
            refuse(found, self.layout)
            self._runs[workload] = found
        return found

    def _split(self, placement: Placement) -> tuple[Span, ...]:
        found = self._spans.get(placement)
        if found is None:
            found = self._spans[placement] = spans(placement, self.n_layer)
        return found

    def _measured_bytes(self, quant: str, run: Run, placement: Placement) -> ComputeBytes:
        return self._compute_bytes(quant, run, placement, allocated=False)

    def _compute_bytes(
        self, quant: str, run: Run, placement: Placement, *, allocated: bool = True
    ) -> ComputeBytes:
        split, backends = self._split(placement), _backends(placement)
        kept = host_experts(placement, self.n_layer)
        key = (
            quant,
            run,
            split,
            backends,
            kept,
            placement.kv_offload,
            placement.op_offload,
            placement.repack,
            allocated,
        )
        found = self._compute.get(key)
        if found is None:
            asked = self._request(quant, run, placement, allocated=allocated)
            found = self._compute[key] = self.compute_engine.buffers(asked)
        return found

    def _request(self, quant: str, run: Run, placement: Placement, *, allocated: bool) -> ComputeRequest:
        return request(
            self.model,
            self.typed_tensors(quant),
            run,
            placement,
            self._split(placement),
            n_layer=self.n_layer,
            allocated=allocated,
            old_masks=self.profile is not None and self.profile.old_masks,
        )

    def _rough_bytes(self, quant: str, run: Run, placement: Placement) -> dict[str, int]:
        return at_most(self._request(quant, run, placement, allocated=False))

    def estimate(
        self,
        quant: str,
        workload: Workload,
        placement: Placement,
        budgets: Mapping[str, int | None] | None = None,
        *,
        this_machine: bool = True,
        speed: Speed | None = None,
        explain: bool = False,
    ) -> Estimate:
        """
        Return the whole document for one configuration.

        ``budgets`` are bytes by pool id (``ram``, ``vram0``, …), and by device id where one device of a pool
        may take less than the pool holds. A pool that is not named is unknown, and then so is ``fits``.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        devices = self.devices(quant, workload, placement)
        fits, missing, devices = terms.compare(devices, placement, budgets or {})
        parts = self.parts(quant, workload, placement)
        tensor_total = self.tensor_bytes(quant)
        thumb = None
        if explain:
            thumb = rule_of_thumb(self.model, quant, tensor_total, devices, parts.run.ctx_size)
        return Estimate(
            this_machine=this_machine,
            model=document.model_in_estimate(self.model, quant, tensor_total),
            fits=fits,
            settings=document.settings(
                parts.run, placement, self.n_layer, self.profile, flash_attn=parts.compute.flash_attn
            ),
            layers=Layers(offloaded=offloaded_layers(placement, self.n_layer), total=self.total_layers),
            devices=devices,
            speed=speed or NO_SPEED,
            missing_bytes=missing,
            rule_of_thumb=thumb,
            notes=terms.notes(placement, parallel=parts.run.parallel, kv_unified=parts.run.kv_unified),
            warnings=document.warnings(self.model, parts.run),
        )


def _backends(placement: Placement) -> tuple[tuple[str, str], ...]:
    return tuple((device.id, device.backend) for device in used_devices(placement))
