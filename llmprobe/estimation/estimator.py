"""
The estimator of one model: any quantization and settings, on any devices, to bytes per device, and why.

What a part depends on is what it is remembered by, so that a search over thousands of configurations is sums.
"""

from collections.abc import Mapping

import msgspec

from llmprobe.estimation import document, terms
from llmprobe.estimation.adapted import Adapters, adapters_in_estimate
from llmprobe.estimation.cache_kernels import as_attended
from llmprobe.estimation.compute.buffers import ComputeBytes, ComputeEngine, ComputeRequest
from llmprobe.estimation.compute.request import request
from llmprobe.estimation.compute.search_bounds import ComputeBounds, RoughBounds
from llmprobe.estimation.compute.upper_bound import at_most
from llmprobe.estimation.devices import devices_of
from llmprobe.estimation.draft_terms import draft_in_estimate
from llmprobe.estimation.memory import kv_cache, overhead
from llmprobe.estimation.memory.cache_table import CacheTable
from llmprobe.estimation.memory.largest import refuse_large_caches
from llmprobe.estimation.memory.quantized import Bound, Quantized
from llmprobe.estimation.memory.weights import DeviceWeights, WeightTable, scored_words
from llmprobe.estimation.parts import Caches, Parts
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.projector.placed import Projectors, projector_in_estimate
from llmprobe.estimation.rule_of_thumb import rule_of_thumb
from llmprobe.estimation.second import Draft, beside
from llmprobe.estimation.settings import NO_DEVICES, TEXT_ENCODERS, refuse
from llmprobe.estimation.setup import Setup, set_up
from llmprobe.estimation.speed.arithmetic import arithmetic, kernels
from llmprobe.estimation.speed.parts import Share
from llmprobe.estimation.speed.shares import active_shares
from llmprobe.estimation.speed.together import kind_of
from llmprobe.facts.devices import Hardware
from llmprobe.facts.engine import Profile
from llmprobe.facts.estimate import DeviceEstimate, Estimate, Layers, Speed, Term, model_in_estimate
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.facts.settings import Settings
from llmprobe.model import archs
from llmprobe.model.archs import Sizes
from llmprobe.model.quants import Recipe
from llmprobe.words.message import message

NO_SPEED = Speed(
    generation_tokens_per_s=None, prompt_tokens_per_s=None, reason=message("speed.not-requested")
)


class Estimator:
    """
    Everything about the memory of one model. Threads may share it: what it remembers is complete once it is seen.

    ``profile`` is the engine's program; None is llama-server with the settings as given. A ``rough`` one takes the
    most that compute buffers can be for their bounds, which costs no graph.
    """

    def __init__(self, model: ModelSpec, profile: Profile | None = None, *, rough: bool = False) -> None:
        self.model = model
        self.profile = profile
        self.sizes = Sizes(model.hparams)
        self.n_layer = self.sizes.n_layer
        self.total_layers = self.n_layer + 1
        # The layers that every token goes through; those behind them predict one more.
        self.trunk = len(self.sizes.trunk)
        # The number for --n-cpu-moe that keeps the experts of every layer on the host.
        self.moe_layers = 1 + max(
            (t.layer for t in model.tensors if t.layer is not None and "_exps" in t.name), default=-1
        )
        self.is_moe = self.moe_layers > 0
        self.generates = model.architecture not in TEXT_ENCODERS and not (
            model.hparams.get("attention.causal") is False and "pooling_type" in model.hparams
        )
        self.expert_count = int(model.hparams.get("expert_count") or 0)
        self.expert_used_count = int(model.hparams.get("expert_used_count") or 0)
        self.used_experts = self.expert_used_count / self.expert_count if self.expert_count else 1.0
        self.layout = archs.caches(model.architecture, model.hparams)
        self.n_vocab = scored_words(model.tensors, model.hparams)
        self.kernels = kernels(model.tensors, self.sizes.blocks, self.n_layer)
        self._arithmetic = arithmetic(model, self.sizes.blocks[: self.trunk])
        self._quantized = Quantized(model)
        self._setups: dict[tuple[Settings, Hardware], Setup] = {}
        self._allowed: set[tuple[str, str, str, int]] = set()
        self._caches = CacheTable(self.layout, self.n_layer)
        self._compute: dict[tuple[object, ...], ComputeBytes] = {}
        self.compute_engine = ComputeEngine()
        self.projectors = Projectors(model.projector, profile)
        self.next_token: dict[str, Estimator] = {}
        self.beside: dict[tuple[object, ...], dict[str, int]] = {}
        self._of_kinds = ComputeBounds(self.n_layer, self._buffers)
        self._bounds = RoughBounds(self._rough_bytes) if rough else self._of_kinds

    def typed_tensors(self, quant: str) -> tuple[Tensor, ...]:
        """
        The model's tensors with the types that they have in a quantization.

        A file keeps its own types under its own quantization's name; another name is what requantizing gives.
        """
        return self._quantized.tensors(quant)

    def tensor_bytes(self, quant: str) -> int:
        """The bytes of all tensors of the file."""
        return self._quantized.file_bytes(quant)

    def loaded_bytes(self, quant: str) -> int:
        """The most that the loaded tensors may take, less a table that is read as it is used."""
        return self.table(quant).loaded_bytes - self.table(quant).late_bytes

    def setup(self, settings: Settings, hardware: Hardware = NO_DEVICES) -> Setup:
        """
        A configuration in force.

        Raises:
            UsageError: a size is out of range, or a cache type does not exist.
            RefusedError: the settings do not go together for this model.
        """
        found = self._setups.get((settings, hardware))
        if found is None:
            found = set_up(settings, hardware, self.model, self.n_layer, self.profile)
            run = found.settings
            kinds = (run.cache_type_k, run.cache_type_v, run.flash_attn, run.streams)
            if kinds not in self._allowed:
                refuse(run, self.layout, self.model.architecture)
                self._allowed.add(kinds)
            refuse_large_caches(self.layout, run, found.spans, dict(found.backends))
            self._setups[settings, hardware] = found
        return found

    def totals(
        self, quant: str, settings: Settings, hardware: Hardware, *, exact: bool = False
    ) -> dict[str, int]:
        """
        The most bytes per device, overhead included: the host first, then each device in use.

        Unless ``exact``, the compute buffers are the largest of a few placements of the same kind (everything on
        the devices, some layers, some experts), found once for a whole search; see ``search_bounds``.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        result = self.without_compute(quant, settings, hardware)
        if exact:
            buffers = self._buffers(quant, settings, hardware)
            return {device: size + buffers.most(device) for device, size in result.items()}
        bounds = self._bounds.of(quant, settings, hardware)
        return {device: size + bounds.get(device, 0) for device, size in result.items()}

    def without_compute(self, quant: str, settings: Settings, hardware: Hardware) -> dict[str, int]:
        """
        The most bytes per device but for the compute buffers.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        setup = self.setup(settings, hardware)
        weights, caches = self._quantized.weights(quant, setup, "high"), self._caches_of(quant, setup)
        experts = self._quantized.experts(quant, setup).bytes
        result = {
            device: part.total + sum([size for _, size in caches[device]]) + experts.get(device, 0)
            for device, part in weights.items()
        }
        result[HOST] -= weights[HOST].late if setup.settings.mmap else 0
        result[HOST] += self._output_bytes(setup) + overhead.host_overhead(setup.devices).bytes
        sums = self.sums_over_devices(setup)
        for device in setup.devices:
            result[device.id] += overhead.device_overhead(device).bytes + (sums.bytes if sums else 0)
        for name, size in (
            *self.projectors.most(setup).items(),
            *beside(self, quant, settings, hardware).items(),
        ):
            result[name] += size
        return result

    def compute_bounds(self, quant: str, settings: Settings, hardware: Hardware) -> dict[str, int]:
        """
        The bounds of the compute buffers of all placements of a kind, by device (see ``search_bounds``).

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        return self._bounds.of(quant, settings, hardware)

    def attends(self, quant: str, settings: Settings, hardware: Hardware) -> bool:
        """Whether flash attention is on in placements of this kind, which its bounds say, or a graph."""
        return self._of_kinds.attends(quant, settings, hardware)

    def table(self, quant: str, settings: Settings | None = None) -> WeightTable:
        """The weights by layer and kind of buffer, at the most where their types follow a rule."""
        drafts = settings is not None and "draft-mtp" in settings.spec_type
        return self._quantized.table(quant, "high", next_token=drafts)

    def recipe(self, quant: str) -> Recipe | None:
        """The rule that the types of a quantization follow, None where they are known."""
        return self._quantized.recipe(quant)

    def type_shares(self, quant: str, *, usual: bool = True) -> Mapping[str, float] | None:
        """The part of each type in what a token meets; but for ``usual`` None of what llama-quantize makes so."""
        return self._quantized.type_shares(quant, self.used_experts, usual=usual)

    def layer_caches(self, settings: Settings, backend: str) -> tuple[kv_cache.CachePart, ...]:
        """
        The caches by layer in the buffers of a backend (``host`` for host memory).

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        return self._caches.parts(self.setup(settings), backend)

    def devices(
        self,
        quant: str,
        settings: Settings,
        hardware: Hardware,
        draft: Draft | None = None,
        adapters: Adapters = (),
    ) -> tuple[DeviceEstimate, ...]:
        """
        What each device holds, term by term: the host first, then each device in use, a draft and adapters with them.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        return devices_of(self, quant, settings, hardware, draft, adapters)

    def shares(
        self,
        quant: str,
        settings: Settings,
        hardware: Hardware,
        *,
        ram_bandwidth: int | None = None,
        tokens: int = 1,
    ) -> tuple[Share, ...]:
        """
        The bytes that each device reads for one token, or for several at once, and the layers that it runs.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        together = None
        if settings.split_mode == "tensor":
            # What is gained was measured against the same devices with layers of their own.
            settings = msgspec.structs.replace(settings, split_mode="layer")
            together = kind_of(self.model.parameters, len(hardware.devices), moe=self.is_moe)
        setup = self.setup(as_attended(settings, hardware, self.layout), hardware)
        return active_shares(
            self._quantized.table(quant),
            setup,
            self._caches_of(quant, setup),
            kernels=self.kernels,
            attention=kv_cache.attention_operations(self.layout, setup.settings, self.sizes),
            # Tokens that choose independently leave out what none of them chose.
            used_experts=1 - (1 - self.used_experts) ** tokens,
            arithmetic=self._arithmetic,
            ram_bandwidth=ram_bandwidth,
            together=together,
        )

    def parts(self, quant: str, settings: Settings, hardware: Hardware) -> Parts:
        """
        What a configuration takes, by part and device, without overhead.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        return self.parts_of(quant, self.setup(settings, hardware))

    def parts_of(self, quant: str, setup: Setup) -> Parts:
        """The same of a configuration in force."""
        return Parts(
            setup=setup,
            weights=self.parts_weights(quant, setup),
            caches=self._caches_of(quant, setup),
            compute=self._compute_of(quant, setup),
            output=self._output_bytes(setup),
            experts=self._quantized.experts(quant, setup),
        )

    def parts_weights(self, quant: str, setup: Setup, bound: Bound = "likely") -> dict[str, DeviceWeights]:
        """The weights by device of a configuration in force: likely, at the least or at the most."""
        return self._quantized.weights(quant, setup, bound)

    def sums_over_devices(self, setup: Setup) -> Term | None:
        """What devices that compute together keep for their sums."""
        return overhead.all_reduce(setup.settings, self.sizes.n_embd, self.expert_used_count)

    def weights(self, quant: str, settings: Settings, hardware: Hardware) -> dict[str, DeviceWeights]:
        """The weights by device, at the most."""
        return self._quantized.weights(quant, self.setup(settings, hardware), "high")

    def caches(self, settings: Settings, hardware: Hardware, quant: str | None = None) -> Caches:
        """
        The caches by device; ``quant`` counts for a split of tensors, which keeps whole blocks of the weights.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        return self._caches_of(quant or self.model.quant or "F16", self.setup(settings, hardware))

    def output_bytes(self, settings: Settings) -> int:
        """The bytes of the buffer that the host keeps for logits, one row per sequence."""
        return self._output_bytes(self.setup(settings))

    def _output_bytes(self, setup: Setup) -> int:
        width = self.n_vocab
        if setup.settings.embeddings:
            width += self.sizes.number("embedding_length_out", self.sizes.n_embd)
        return 4 * width * setup.settings.parallel

    def _caches_of(self, quant: str, setup: Setup) -> Caches:
        return self._caches.placed(setup, self._quantized.slices(quant, setup))

    def _buffers(self, quant: str, settings: Settings, hardware: Hardware) -> ComputeBytes:
        return self._compute_of(quant, self.setup(settings, hardware))

    def _compute_of(self, quant: str, setup: Setup) -> ComputeBytes:
        key = (
            quant,
            setup.memory,
            setup.batch,
            setup.spans,
            setup.backends,
            setup.host_experts,
            setup.moved,
            setup.settings.moe_cache_mib,
            setup.partly,
            setup.target_output,
        )
        found = self._compute.get(key)
        if found is None:
            asked = self._request(quant, setup)
            found = self._compute[key] = self.compute_engine.buffers(asked)
        return found

    def _request(self, quant: str, setup: Setup) -> ComputeRequest:
        return request(
            self.model,
            self.typed_tensors(quant),
            setup,
            experts=self._quantized.experts(quant, setup),
            old_masks=self.profile is not None and self.profile.old_masks,
            mixes=self.profile is None or self.profile.mixes,
        )

    def _rough_bytes(self, quant: str, settings: Settings, hardware: Hardware) -> dict[str, int]:
        asked = self._request(quant, self.setup(settings, hardware))
        return asked.on_all(at_most(asked))

    def estimate(
        self,
        quant: str,
        settings: Settings,
        hardware: Hardware,
        budgets: Mapping[str, int | None] | None = None,
        *,
        this_machine: bool = True,
        speed: Speed | None = None,
        explain: bool = False,
        draft: Draft | None = None,
        adapters: Adapters = (),
    ) -> Estimate:
        """
        The whole document for one configuration.

        ``budgets`` are bytes by pool id (``ram``, ``vram0``, …), and by device id where one device of a pool
        may take less than the pool holds. A pool that is not named is unknown, and then so is ``fits``.

        Raises:
            RefusedError: the settings do not go together for this model.
        """
        devices = self.devices(quant, settings, hardware, draft, adapters)
        parts = self.parts(quant, settings, hardware)
        setup, placed = parts.setup, self.projectors.of(parts.setup)
        fits, missing, devices = terms.compare(devices, setup.devices, budgets or {})
        tensor_total = self.tensor_bytes(quant)
        context, flash = setup.settings.ctx_size, "on" if parts.compute.flash_attn else "off"
        thumb = rule_of_thumb(self.model, quant, tensor_total, devices, context) if explain else None
        return Estimate(
            this_machine=this_machine,
            model=model_in_estimate(self.model, quant, tensor_total),
            fits=fits,
            settings=msgspec.structs.replace(setup.settings, flash_attn=flash),
            layers=Layers(offloaded=setup.settings.gpu_layers, total=self.total_layers),
            devices=devices,
            speed=speed or NO_SPEED,
            missing_bytes=missing,
            draft=draft_in_estimate(setup.settings, draft),
            projector=projector_in_estimate(placed),
            adapters=adapters_in_estimate(adapters),
            rule_of_thumb=thumb,
            notes=(*document.recipe_notes(self.recipe(quant)), *terms.notes(setup)),
            warnings=(
                *document.warnings(self.model, setup, placed, devices, missing or 0),
                *document.kept_back(self.typed_tensors(quant), setup),
                *document.mapped_span(self.table(quant), self.typed_tensors(quant), setup, devices),
            ),
        )
