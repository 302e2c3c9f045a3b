"""
What is asked about compute buffers, and the run of a model's graph that answers it.
"""

from collections.abc import Hashable, Mapping

import msgspec

from llmprobe.estimation.compute.layers import KEPT, Repeat
from llmprobe.estimation.compute.remembered import Family
from llmprobe.estimation.memory.expert_cache import MOST_TOKENS
from llmprobe.estimation.memory.kv_cache import cells
from llmprobe.estimation.memory.stored import offers_host
from llmprobe.facts.backends import kinds_apart
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.model.archs import NEXT_TOKEN
from llmprobe.model.archs._building.ops import Origin
from llmprobe.model.archs._building.run import Moved, Run
from llmprobe.model.quants.types import ggml_type

_SMALL_BATCH = 32


class ComputeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the reserved graph depends on, after every default and rounding.

    ``tensors`` carry their types. Pass the same tuple for the same model and quantization: what is derived from it is
    remembered by its identity. ``layer_devices`` names, for every layer and then for the output layer, the device that
    holds its weights (``host``, ``gpu0``, …), without regard to ``host_experts``, the layers whose experts stay on the
    host, and ``moved``, the tensors that lie elsewhere (layer, name, device). ``expert_slots`` are the layers with a
    cache of experts, and the slots of each. ``old_masks`` holds for builds of before June 2026, which kept the
    attention mask in f32 beside an f16 copy, ``mixes`` for those whose batches may have tokens and vectors. ``partly``
    says that layers of the model that are not in this graph lie on the host. ``target_output`` is the device of the
    output matrix that a draft head borrows. ``kind`` is what the devices are (``kinds_together``), ``cpu`` what the
    processor is.
    """

    architecture: str
    hparams: Hparams
    tensors: tuple[Tensor, ...]
    settings: ResolvedSettings
    layer_devices: tuple[str, ...]
    kind: str = "cuda"
    cpu: str = "x86"
    host_experts: frozenset[int] = frozenset()
    old_masks: bool = False
    mixes: bool = True
    partly: bool = False
    target_output: str | None = None
    moved: tuple[tuple[int, str, str], ...] = ()
    expert_slots: tuple[tuple[int, int], ...] = ()

    def moved_to(self, numbers: Mapping[str, int]) -> Moved:
        """The weights that lie elsewhere, with the backends' numbers."""
        return tuple((layer, name, numbers[device]) for layer, name, device in self.moved)

    @property
    def plain(self) -> bool:
        """Whether the devices offer no host memory for weights, which is the processor's then."""
        return not offers_host(self.kinds)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What each device is."""
        return kinds_apart(self.kind, len(self.devices))

    @property
    def kinds_of_layers(self) -> tuple[str, ...]:
        """What the device of each layer and of the output is (on the host the first); one where all are alike."""
        if "+" not in self.kind:
            return (self.kind,) if self.devices else ()
        kinds = dict(zip(self.devices, self.kinds, strict=True))
        return tuple(kinds.get(name, self.kinds[0]) for name in self.layer_devices)

    def repacks(self, *, staying: bool) -> str:
        """
        The kind of processor if it keeps weights on the host in another order, else none.

        Beside devices that offer host memory that is only what is ``staying`` there for no device can use it.
        """
        used = self.devices and self.settings.repack and (self.plain or staying)
        return self.cpu if used else ""

    @property
    def sliced(self) -> bool:
        """Whether the devices compute together as one, each with a slice of every tensor."""
        return self.settings.split_mode == "tensor"

    @property
    def devices(self) -> tuple[str, ...]:
        """The GPUs in use, in order; none is a run on the CPU alone. Of those that are one, the first."""
        return self.settings.devices[:1] if self.sliced else self.settings.devices

    def on_all(self, sizes: dict[str, int]) -> dict[str, int]:
        """Bytes by device, where one stands for all that compute together: each has the whole buffer."""
        if not self.sliced:
            return sizes
        return dict.fromkeys(self.settings.devices, sizes[self.settings.devices[0]]) | {"host": sizes["host"]}


def run_of(
    request: ComputeRequest,
    family: Family,
    *,
    flash: bool,
    whole: bool,
    held: bool = False,
    anew: bool = False,
    tokens: int = 0,
    apart: frozenset[str] = frozenset(),
    least: int = KEPT,
    staying: frozenset[Origin] = frozenset(),
    only_places: bool = False,
) -> tuple[Run, Hashable, tuple[Repeat, ...]]:
    """
    What the graph is built for: a prompt's batch, or one of ``tokens``; what tells its layers; and which of
    them are left out.

    ``held`` keeps nodes where the model's code puts them, which llama.cpp forgets where it only measures. ``anew`` asks
    remote devices for the first time. ``apart`` names operations that are built as the several they stand for.
    ``least`` are the groups of layers that are built of those that repeat. ``staying`` are the weights that no device
    uses. ``only_places`` says that no buffer is asked for.
    """
    parts, sequences = family.parts, request.settings.parallel
    causal = request.hparams.get("attention.causal") is not False
    batch = (
        min(request.settings.ctx_size, request.settings.batch_size) if causal else request.settings.batch_size
    )
    rows = min(request.settings.ctx_size, batch, request.settings.ubatch_size)
    outputs = tokens or min(rows, request.settings.outputs_max or batch)
    asked = tokens or rows
    tokens = -(-asked // sequences) * sequences
    host = len(request.devices)
    numbers = {name: number for number, name in enumerate((*request.devices, "host"))}
    places = tuple(numbers[name] for name in request.layer_devices)
    moved = request.moved_to(numbers) + tuple(
        (layer, name, host) for layer, name in sorted(staying) if layer < 0 or places[layer] != host
    )
    # Only small micro-batches read experts that are cached.
    cached = request.expert_slots if asked <= MOST_TOKENS else ()
    kinds = family.kinds(places, request.host_experts, moved, cached, request.settings.read_layers)
    # A layer that takes another's weights does not repeat: where those lie is not told by where it lies.
    if only_places and parts.alone and not parts.looped:
        built, repeats = family.placed(kinds)
    elif whole or parts.looped:
        built, repeats = tuple(parts.sizes.trunk), ()
    else:
        built, repeats = family.built(kinds, least)
    told: Hashable = (places[0], places[len(kinds) : -1], *(kinds[layer] for layer in built))
    if request.architecture.endswith(NEXT_TOKEN):
        built, repeats = (0,), ()
    if not parts.alone:
        told = (built, places, told)
    run = Run(
        tokens=tokens,
        sequences=sequences,
        outputs=outputs,
        streams=1 if request.settings.kv_unified else sequences,
        cells=tuple(cells(cache, request.settings, rows) for cache in parts.layout.kv),
        kind_k=ggml_type(request.settings.cache_type_k),
        kind_v=ggml_type(request.settings.cache_type_v),
        flash=flash,
        transposed=request.settings.flash_attn == "off",
        places=places,
        host=host,
        built=built,
        ctx_per_seq=request.settings.ctx_per_seq,
        host_experts=request.host_experts,
        cache_on_device=request.settings.kv_offload,
        held=held,
        pinned=held and (not (host in places or request.partly) or asked < _SMALL_BATCH),
        embeddings=request.settings.embeddings,
        pooling=request.settings.pooling or "none",
        old_masks=request.old_masks,
        mixes=request.mixes,
        apart=apart,
        snapshots=request.settings.rs_snapshots,
        sliced=request.sliced,
        read_layers=frozenset(request.settings.read_layers),
        target_output=-1 if request.target_output is None else numbers[request.target_output],
        moved=moved,
        expert_slots=cached,
        ubatch=min(request.settings.ubatch_size, batch),
        kind=request.kind,
        staying=staying,
        repacks=request.repacks(staying=bool(staying)),
        plain=request.plain,
        anew=anew,
    )
    return run, told, repeats


def pipelined(request: ComputeRequest) -> bool:
    """
    Whether several devices work on different batches at once, each with copies of its inputs.
    """
    return (
        len(request.devices) > 1
        and "host" not in request.layer_devices
        and not request.partly
        and request.settings.split_mode == "layer"
        and request.settings.kv_offload
        and not request.host_experts
        and not (request.settings.override_tensor or request.settings.n_cpu_ffn)
        and not request.settings.moe_cache_mib
    )
