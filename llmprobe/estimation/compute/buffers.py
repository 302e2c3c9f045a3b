"""
Compute buffers: what llama.cpp's graph allocator reserves per device for the worst batch.

The graph of the model is built, its nodes are given to devices, and their lifetimes are simulated as by
its allocator (``replay``). The answer is one figure per device and one for the host.
"""

from collections.abc import Hashable
from threading import Lock

import msgspec

from llmprobe.estimation.compute import upper_bound as compute_bound
from llmprobe.estimation.compute.layers import KEPT
from llmprobe.estimation.compute.remembered import Family, Model, staying_of
from llmprobe.estimation.compute.replay import GraphCache, NoPlanError, Reservation
from llmprobe.estimation.compute.run import ComputeRequest, pipelined, run_of
from llmprobe.estimation.settings import WITHOUT_FLASH
from llmprobe.facts.backends import backend_of, sliced
from llmprobe.facts.machine import Basis
from llmprobe.model import archs
from llmprobe.model.archs import graph_of, variant_of
from llmprobe.model.archs._building.builder import Build
from llmprobe.model.archs._building.run import Parts, Told, told_apart
from llmprobe.model.quants.types import ggml_type
from llmprobe.words.message import Message, message

__all__ = ["ComputeBytes", "ComputeEngine", "ComputeRequest"]

_PIPELINE_COPIES = 4
_OLDER = (0.5, 1.3)
"""What buffers of older builds were, as parts of what a later one's rules give (``benchmarks/accuracy_logs.py``)."""
_DECIDING = (
    "ctx_size",
    "ctx_per_seq",
    "parallel",
    "batch_size",
    "ubatch_size",
    "outputs_max",
    "cache_type_k",
    "cache_type_v",
    "kv_unified",
    "swa_full",
    "kv_offload",
    "op_offload",
    "rs_snapshots",
    "read_layers",
    "embeddings",
    "pooling",
)
"""Which settings decide, too, whether attention stays with its layer."""


class ComputeBytes(msgspec.Struct, frozen=True, kw_only=True):
    """
    What every device reserves (``host`` and the ids of the request), and how well that is known.

    ``bytes`` are what llama.cpp asks for, and prints, when it only measures (``--fit``). With several devices a load
    that allocates takes less on some of them, and more on remote ones where its cache is not f16: ``allocated_bytes``
    then says how much.
    ``flash_attn`` is what ``auto`` resolved to. ``low_bytes`` and ``high_bytes`` are given where ``basis`` is
    ``assumed``. ``by_quant`` says that copied weights count, so that another quantization takes other bytes.
    ``nodes`` and ``splits`` are those of the prompt graph, None where it was not built in full.
    """

    bytes: dict[str, int]
    basis: Basis
    how: Message
    flash_attn: bool
    by_quant: bool = True
    allocated_bytes: dict[str, int] | None = None
    low_bytes: dict[str, int] | None = None
    high_bytes: dict[str, int] | None = None
    nodes: int | None = None
    splits: int | None = None

    def taken(self, device: str) -> int:
        """The bytes that a load takes on a device, which measuring may put higher."""
        sizes = self.bytes if self.allocated_bytes is None else self.allocated_bytes
        return sizes.get(device, 0)

    def most(self, device: str) -> int:
        """The larger of what measuring and a load take on a device: with experts in RAM either may be."""
        return max(self.bytes.get(device, 0), self.taken(device))


class ComputeEngine:
    """
    The compute buffers of one model in all its quantizations: graphs that were built serve later requests.

    The estimator of the model owns it. Threads share it: one request is computed at a time.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        # By identity, which is sure as long as the value holds the tensors.
        self._models: dict[tuple[int, tuple[str, ...], str], Model] = {}
        self._families: dict[tuple[Told, str], Family] = {}

    def buffers(self, request: ComputeRequest) -> ComputeBytes:
        """
        The compute buffers of a configuration: exact where the architecture's graph is known for the backend.
        """
        return self._answer(request, whole=False)

    def buffers_in_full(self, request: ComputeRequest) -> ComputeBytes:
        """
        The same with every layer built: slower, with the counts of nodes and splits that llama.cpp logs.
        """
        return self._answer(request, whole=True)

    def _answer(self, request: ComputeRequest, *, whole: bool) -> ComputeBytes:
        build = graph_of(request.architecture)
        if build is None:
            return _bound(request)
        if request.architecture in WITHOUT_FLASH:
            off = msgspec.structs.replace(request.settings, flash_attn="off")
            request = msgspec.structs.replace(request, settings=off)
        with self._lock:
            try:
                return _reserved(request, self._model(request, build), whole=whole)
            except NoPlanError:
                return _bound(request)

    def _model(self, request: ComputeRequest, build: Build) -> Model:
        of_layers = request.kinds_of_layers
        key = (id(request.tensors), of_layers, request.repacks(staying=True))
        model = self._models.get(key)
        if model is None:
            staying = staying_of(request.tensors, of_layers) if request.devices else frozenset()
            cpu = request.repacks(staying=bool(staying))
            model = self._models[key] = Model(request.tensors, self._family(request, build, cpu), staying)
        return model

    def _family(self, request: ComputeRequest, build: Build, cpu: str) -> Family:
        told = (told_apart(request.tensors, cpu), cpu)
        family = self._families.get(told)
        if family is None:
            module = archs.get(request.architecture)
            assert module is not None
            parts = Parts(
                request.architecture,
                request.hparams,
                request.tensors,
                module.caches(request.hparams),
                variant_of(request.architecture),
                cpu,
            )
            family = self._families[told] = Family(parts, GraphCache(parts, build))
        return family


def _bound(request: ComputeRequest) -> ComputeBytes:
    sizes = request.on_all(compute_bound.bound(request))
    return ComputeBytes(
        bytes=sizes,
        basis="assumed",
        how=message("term.compute-bound"),
        flash_attn=request.settings.flash_attn != "off",
        low_bytes={name: size // 2 for name, size in sizes.items()},
        high_bytes={name: 2 * size + (64 << 20) for name, size in sizes.items()},
    )


def _reserved(request: ComputeRequest, model: Model, *, whole: bool) -> ComputeBytes:
    flash = _flash(request, model)
    # A split of tensors is never only measured.
    held = request.sliced
    apart: frozenset[str] = frozenset()
    may_part = bool(request.devices) and "host" in request.layer_devices
    # Asked beforehand where an earlier graph had such operations: the graph with them is mostly not the one needed.
    early = may_part and flash is not None and model.family.together
    if early:
        apart = _apart(request, model, flash=flash is not False)
    several = len(request.devices) > 1 and "host" not in request.layer_devices
    reservation = _reserve(
        request, model, flash=flash is not False, whole=whole, held=held, apart=apart, loads=several
    )
    if flash is None and not reservation.kernels:
        flash = False
        reservation = _reserve(request, model, flash=False, whole=whole, held=held, loads=several)
    model.family.together |= reservation.together
    if reservation.together and may_part and not early:
        apart = _apart(request, model, flash=flash is not False)
        if apart:
            reservation = _reserve(
                request, model, flash=flash is not False, whole=whole, held=held, apart=apart
            )
    names = (*request.devices, "host")
    exact = not request.sliced or all(map(sliced, request.kinds))
    sizes = request.on_all(dict(zip(names, reservation.sizes, strict=True)))
    if not request.mixes:
        # The rules are those of a later build.
        return ComputeBytes(
            bytes=sizes,
            basis="assumed",
            how=message("term.compute-of-older-build"),
            flash_attn=flash is not False,
            by_quant=reservation.copied,
            low_bytes={name: round(_OLDER[0] * size) for name, size in sizes.items()},
            high_bytes={name: round(_OLDER[1] * size) for name, size in sizes.items()},
            nodes=reservation.nodes if whole else None,
            splits=reservation.splits if whole else None,
        )
    allocated = None
    anew = flash is not False and _told_before(request)
    if several or anew:
        really = reservation
        if anew or not reservation.alike:
            really = _reserve(
                request,
                model,
                flash=flash is not False,
                whole=whole,
                held=several or held,
                anew=anew,
                apart=apart,
            )
        allocated = request.on_all(dict(zip(names, really.sizes, strict=True)))
    return ComputeBytes(
        bytes=sizes,
        basis="derived" if exact else "assumed",
        how=message("term.compute-as-llama-cpp" if exact else "term.compute-by-cuda-rules"),
        flash_attn=flash is not False,
        by_quant=reservation.copied,
        allocated_bytes=allocated,
        nodes=reservation.nodes if whole else None,
        splits=reservation.splits if whole else None,
    )


def _reserve(
    request: ComputeRequest,
    model: Model,
    *,
    flash: bool,
    whole: bool,
    held: bool = False,
    anew: bool = False,
    apart: frozenset[str] = frozenset(),
    loads: bool = False,
) -> Reservation:
    """
    The reservation of the prompt's graph; ``loads`` says that a load with it will be asked for, too.
    """
    family = model.family
    run, kinds, left_out = run_of(
        request,
        family,
        flash=flash,
        whole=whole,
        held=held,
        anew=anew,
        apart=apart,
        least=family.least,
        staying=model.staying,
    )
    reservation = family.graphs.reserve(
        run,
        kinds,
        left_out,
        model.copied_bytes(request.kind),
        op_offload=request.settings.op_offload,
        copies=_PIPELINE_COPIES if pipelined(request) else 1,
        loads=loads and not held and not request.partly,
    )
    if reservation is None and family.least == KEPT:
        # The first group of layers may leave something else than the second, as those with an input do.
        family.least += 1
        return _reserve(
            request, model, flash=flash, whole=whole, held=held, anew=anew, apart=apart, loads=loads
        )
    return reservation or _reserve(request, model, flash=flash, whole=True, held=held, anew=anew, apart=apart)


def _told_before(request: ComputeRequest) -> bool:
    """
    Whether measuring leaves out copies that a remote device makes of a cache, as its process had asked before.
    """
    kinds = (request.settings.cache_type_k, request.settings.cache_type_v)
    return set(kinds) != {"f16"} and any(backend_of(kind).remote for kind in request.kinds)


def _apart(request: ComputeRequest, model: Model, *, flash: bool) -> frozenset[str]:
    """
    Which operations that stand for several llama.cpp does without: for one token, one of them would run on another
    device than its layer's.
    """
    known = model.family.apart
    key = _neighbours(request, model)
    if key is None or (key, flash) not in known:
        reservation = _of_one_token(request, model, flash=flash)
        if key is None:
            return reservation.apart
        known[key, flash] = reservation.apart
    return known[key, flash]


def _flash(request: ComputeRequest, model: Model) -> bool | None:
    """
    Whether flash attention is on; None where it is if each device has a kernel for it.

    ``auto`` is on if, for one token, every attention runs on the device of its layer. Writing to a cache on that
    device keeps it there; otherwise the nodes have to be placed to know, as without a cache, where one token has one
    key. A quantized V puts flash attention on.
    """
    if request.settings.flash_attn != "auto":
        return request.settings.flash_attn == "on"
    parts = model.family.parts
    if not request.devices or (parts.layout.kv and ggml_type(request.settings.cache_type_v).quantized):
        return True
    # With biases on positions only what does not read the cache is computed in one operation.
    biased = bool(request.hparams.get("attention.relative_buckets_count"))
    writing = not biased and all(layer in parts.cache_of for layer in parts.sizes.trunk)
    if (
        request.settings.kv_offload
        and (writing or (parts.layout.kv and not biased and "host" not in request.layer_devices))
        and not parts.state_of
    ):
        return None
    known = model.family.at_home
    key = _neighbours(request, model)
    if key is None or key not in known:
        reservation = _of_one_token(request, model, flash=True)
        if key is None:
            return reservation.at_home
        known[key] = reservation.at_home
    return known[key]


def _of_one_token(request: ComputeRequest, model: Model, *, flash: bool) -> Reservation:
    """
    Where the nodes of the graph for one token of each sequence lie; no buffer is computed.
    """
    run, kinds, _ = run_of(
        request,
        model.family,
        flash=flash,
        whole=False,
        held=True,
        tokens=request.settings.parallel,
        staying=model.staying,
        only_places=True,
    )
    reservation = model.family.graphs.reserve(
        run,
        kinds,
        (),
        model.copied_bytes(request.kind),
        op_offload=request.settings.op_offload,
        copies=1,
        places=True,
    )
    assert reservation is not None
    return reservation


def _neighbours(request: ComputeRequest, model: Model) -> Hashable | None:
    """
    What decides where nodes go: which layers follow which, as nodes follow their neighbours; None where layers
    read what others keep.
    """
    parts = model.family.parts
    if not parts.alone:
        return None
    numbers = {name: number for number, name in enumerate((*request.devices, "host"))}
    places = tuple(numbers[name] for name in request.layer_devices)
    moved = request.moved_to(numbers)
    inside = model.family.kinds(places, request.host_experts, moved, request.expert_slots)
    kinds = (None, None, *inside, None, None)
    return (
        frozenset(zip(kinds, kinds[1:], kinds[2:], kinds[3:], strict=False)),
        places[0],
        places[-1],
        len(request.devices),
        request.kind,
        model.staying,
        request.old_masks,
        request.mixes,
        request.partly,
        request.target_output,
        *(getattr(request.settings, name) for name in _DECIDING),
    )
