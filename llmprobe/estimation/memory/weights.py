"""
Weights: which tensor is stored where, and how many bytes it takes there.

The embedding stays on the host, the layers go where the placement puts them, the output matrix goes with the
output layer. A tied embedding is stored a second time once the output layer is in another kind of buffer.
Sizes are those of a load without mmap, which are the bytes that are needed whatever the load mode.
Source: llama.cpp b11549, src/llama-model.cpp, src/llama-model-loader.cpp, ggml/src/ggml-cuda/ggml-cuda.cu.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec

from llmprobe.estimation.memory.roster import INPUT_NAMES, Roster, is_input
from llmprobe.estimation.memory.stored import (
    host_of,
    is_host,
    kind_of,
    may_refuse,
    offering,
    offers_host,
    stays_on_host,
    stored_bytes,
    too_large,
)
from llmprobe.estimation.placement import HOST, Span
from llmprobe.facts.backends import backend_of
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.facts.processor import repacks
from llmprobe.model.quants import row_bytes

if TYPE_CHECKING:
    from llmprobe.estimation.memory.slices import Slices

BY_LAYER = "per_layer_token_embd.weight"
"""A table of tokens or n-grams with a row for each layer."""

READ_LATE = 4 << 30
"""
Such a table over this is not read at once: it is mapped, and the rows in use become resident (``--lazy-mode``,
src/llama-model-loader.cpp).
"""


class Sums(msgspec.Struct, frozen=True):
    """
    Bytes of the layers before each layer: of a span, the difference of two entries.
    """

    before: tuple[int, ...]

    def of(self, start: int, stop: int) -> int:
        """The bytes of the layers ``start`` to ``stop`` - 1."""
        return self.before[stop] - self.before[start]


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """
    What each layer takes in one kind of buffer: all but its experts, its experts, and of both what must stay on the
    host.
    """

    dense: Sums
    experts: Sums
    stays: Sums
    experts_stay: Sums
    output: int
    output_stays: int
    rope: int
    rope_layers: Sums

    def of(self, start: int, stop: int) -> int:
        """What these layers take without experts; rotary factors are there once for all that use them."""
        return self.dense.of(start, stop) + (self.rope if self.rope_layers.of(start, stop) else 0)


class DeviceWeights(msgspec.Struct, frozen=True, kw_only=True):
    """
    The weights on one device, in parts. ``late`` is what is read row by row of the embedding, from the mapped file.
    """

    embedding: int = 0
    late: int = 0
    layers: int = 0
    experts: int = 0
    output: int = 0

    @property
    def total(self) -> int:
        return self.embedding + self.layers + self.experts + self.output

    @property
    def multiplied(self) -> int:
        """The weights that take part in multiplications, which the rows of an embedding do not."""
        return self.layers + self.experts + self.output


class WeightTable:
    """
    The bytes of one model in one quantization by layer and kind of buffer, so that a placement is few sums.

    ``tensors`` are all those of the roster's model, with their types. Each takes ``share`` of its bytes, all of them
    where its type is known (None), a bound where that follows a rule.
    """

    def __init__(
        self, roster: Roster, tensors: Sequence[Tensor], *, share: Callable[[Tensor], float] | None = None
    ) -> None:
        self._roster = roster
        self._share = share
        self.n_layer = roster.n_layer
        self.passes = roster.passes
        self.tied = roster.tied
        self._tensors = roster.loaded(tensors)
        self._by_name = {tensor.name: tensor for tensor in self._tensors if tensor.layer is None}
        self.input_bytes = self._inputs(HOST)
        table = self._by_name.get(BY_LAYER) if roster.reads_late else None
        late = 0 if table is None else self.stored(table, HOST)
        self.late_bytes = late if late > READ_LATE else 0
        self.row_bytes = sum(
            row_bytes(kind_of(tensor), tensor.shape[0])
            for name, tensor in self._by_name.items()
            if name in INPUT_NAMES
        )
        self._shares: dict[str, Shares] = {}
        self._sliced: dict[tuple[object, ...], tuple[Shares, ...]] = {}

    @property
    def loaded(self) -> Sequence[Tensor]:
        """The tensors that are loaded, next-n layers only where they are."""
        return self._tensors

    def _inputs(self, host: str, device: str | None = None) -> int:
        """What the tensors take that are looked up on the host, beside a kind of device."""
        return sum(
            self.stored(tensor, HOST if device is not None and too_large(tensor, device) else host)
            for name, tensor in self._by_name.items()
            if is_input(name)
        )

    def shares(self, backend: str) -> Shares:
        """The bytes by layer on a kind of device, or in a kind of host memory."""
        found = self._shares.get(backend)
        if found is None:
            found = self._shares[backend] = self._measure(backend, self._tensors)
        return found

    def sliced(self, slices: "Slices", backends: Collection[str]) -> tuple[Shares, ...]:
        """
        What each device of a split of tensors has, in the buffers of its backend, in the order of the devices.

        Raises:
            RefusedError: the model cannot be split so.
        """
        key = (slices, *backends)
        found = self._sliced.get(key)
        if found is None:
            parts = [slices.of(tensor) for tensor in self._tensors]
            found = self._sliced[key] = tuple(
                [
                    self._measure(backend, [part[number] for part in parts])
                    for number, backend in enumerate(backends)
                ]
            )
        return found

    def _measure(self, backend: str, tensors: Sequence[Tensor]) -> Shares:
        roster, n_layer, share = self._roster, self.n_layer, self._share
        sizes = [0] * (2 * n_layer + 2)
        stays, experts = [0] * (n_layer + 1), [0] * n_layer
        # Layers have tensors of the same few shapes and types.
        known: dict[tuple[tuple[int, ...], str | None], tuple[int, bool]] = {}
        on_host, device = is_host(backend), offering(backend)
        host_only = roster.host_only(backend_of(device).scans) if device is not None else None
        refuses = device is not None and may_refuse(device)
        for number, (tensor, slot, home) in enumerate(
            zip(tensors, roster.slot_of, roster.home_of, strict=True)
        ):
            if slot is None:
                continue
            key = tensor.shape, tensor.type
            found = known.get(key)
            if found is None:
                refused = device is not None and refuses and stays_on_host(tensor, device)
                found = known[key] = stored_bytes(tensor, backend), refused
            size, refused = found
            # What no device uses lies in plain memory, also where a device offers memory of the host.
            if host_only is not None and home is not None and (refused or host_only[number]):
                apart = self.stored(tensor, HOST)
                if on_host:
                    sizes[slot] += apart
                elif n_layer <= slot < 2 * n_layer:
                    experts[home] += apart
                else:
                    stays[home] += apart
                continue
            sizes[slot] += size if share is None else round(size * share(tensor))
        return Shares(
            dense=_sums(sizes[:n_layer]),
            experts=_sums(sizes[n_layer : 2 * n_layer]),
            stays=_sums(stays),
            experts_stay=_sums(experts),
            output=sizes[roster.output],
            output_stays=stays[n_layer],
            rope=sizes[roster.rope],
            rope_layers=_sums(roster.uses_rope),
        )

    def home(self, tensor: Tensor) -> int:
        """The layer where a tensor lies, that of the output for one of no layer."""
        return self._roster.home(tensor)

    def for_first(self, tensor: Tensor) -> bool:
        """Whether a tensor of no layer lies with the first one."""
        return self._roster.for_first(tensor)

    def stored(self, tensor: Tensor, backend: str) -> int:
        """What a tensor takes in a buffer of a backend, with this table's share of its bytes."""
        size = stored_bytes(tensor, backend)
        return size if self._share is None else round(size * self._share(tensor))

    def place(
        self,
        parts: tuple[Span, ...],
        backends: dict[str, str],
        *,
        host_experts: frozenset[int] = frozenset(),
        repack: bool = True,
        cpu: str = "x86",
        slices: "Slices | None" = None,
    ) -> dict[str, DeviceWeights]:
        """
        The weights of every device, the host among them, for layers in ``parts``.

        ``backends`` gives the backend of each device in use; without any, the CPU runs alone. ``host_experts`` are
        the layers whose experts stay on the host. ``cpu`` is the kind of processor. With ``slices`` all devices
        have the same layers, and each its part of their tensors.

        Raises:
            RefusedError: the model cannot be split into these slices.
        """
        of_devices = (
            {device: self.shares(backend) for device, backend in backends.items()}
            if slices is None
            else dict(zip(backends, self.sliced(slices, backends.values()), strict=True))
        )
        hosted = host_of(backends.values())
        host = self.shares(hosted)
        first = next(iter(backends.values()), None)
        on_host = {
            "embedding": self.input_bytes if first is None else self._inputs(hosted, first),
            "late": self.late_bytes,
            "layers": 0,
            "experts": 0,
            "output": 0,
        }
        result: dict[str, DeviceWeights] = {}
        for part in parts:
            stop = min(part.stop, self.n_layer)
            has_output = part.stop > self.n_layer
            if part.device == HOST:
                on_host["layers"] += host.of(part.start, stop)
                on_host["experts"] += host.experts.of(part.start, stop)
                if has_output:
                    repacking = cpu if repack and not offers_host(backends.values()) else ""
                    on_host["output"] += host.output + self._tied_host_bytes(repacking)
                continue
            own = of_devices[part.device]
            kept = [layer for layer in host_experts if part.start <= layer < stop]
            output = self._output(own, backends[part.device]) if has_output else 0
            if slices is None or part.device == next(iter(backends)):
                stays = self.shares(backends[part.device])
                on_host["experts"] += sum(
                    host.experts.of(layer, layer + 1) - stays.experts_stay.of(layer, layer + 1)
                    for layer in kept
                ) + stays.experts_stay.of(part.start, stop)
                on_host["layers"] += stays.stays.of(part.start, stop)
                on_host["output"] += stays.output_stays if has_output else 0
            result[part.device] = DeviceWeights(
                layers=own.of(part.start, stop),
                experts=own.experts.of(part.start, stop)
                - sum(own.experts.of(layer, layer + 1) for layer in kept),
                output=output,
            )
        for device in backends:
            result.setdefault(device, DeviceWeights())
        return {HOST: DeviceWeights(**on_host), **result}

    @property
    def loaded_bytes(self) -> int:
        """What is loaded of the file in host memory, next-n layers not among it."""
        host = self.shares(HOST)
        layers = host.of(0, self.n_layer) + host.experts.of(0, self.n_layer)
        return self.input_bytes + layers + host.output

    def output_bytes(self, backend: str) -> int:
        """What an output layer on a device takes there."""
        return self._output(self.shares(backend), backend)

    def _output(self, shares: Shares, backend: str) -> int:
        """What an output layer on a device takes there: a tied embedding is copied whole."""
        if not self.tied:
            return shares.output
        embedding = self._by_name["token_embd.weight"]
        if stays_on_host(embedding, backend):
            return shares.output
        return shares.output + self.stored(embedding, backend)

    def _tied_host_bytes(self, cpu: str) -> int:
        """The second copy of a tied embedding on the host: the processor reorders it, or it was made first."""
        embedding = self._by_name.get("token_embd.weight")
        if not self.tied or embedding is None:
            return 0
        repacked = repacks(cpu, kind_of(embedding), embedding.shape[1])
        return self.stored(embedding, HOST) if repacked or self._roster.output_first else 0


def scored_words(tensors: tuple[Tensor, ...], hparams: Hparams) -> int:
    """
    The words that a model scores: the rows of its output matrix, of which an embedding may have more.

    The last matrix of a model that makes vectors may be as wide as these; then the embedding tells.
    """
    rows = {tensor.name: tensor.shape[-1] for tensor in tensors if tensor.layer is None}
    if "target_layers" in hparams:
        # A draft head scores the words of its model.
        return int(hparams.get("vocab_size") or 0)
    scored = rows.get("output.weight")
    if scored is None or scored == hparams.get("embedding_length_out"):
        return rows.get("token_embd.weight", 0)
    return scored


def _sums(sizes: list[int]) -> Sums:
    return Sums(tuple(accumulate(sizes, initial=0)))
