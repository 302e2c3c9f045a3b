"""
Weights: which tensor is stored where, and how many bytes it takes there.

The embedding stays on the host, the layers go where the placement puts them, the output matrix goes with the
output layer. A tied embedding is stored a second time once the output layer is in another kind of buffer.
Sizes are those of a load without mmap, which are the bytes that are needed whatever the load mode.
Source: llama.cpp b11549, src/llama-model.cpp, src/llama-model-loader.cpp, ggml/src/ggml-cuda/ggml-cuda.cu.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec

from llmprobe.estimation.memory.stored import kind_of, stored_bytes
from llmprobe.estimation.placement import HOST, Span
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs import Sizes
from llmprobe.model.archs._shared.heads import BORROWED
from llmprobe.model.archs._shared.loops import blocks_of, homes, routers
from llmprobe.model.archs._shared.recurrent import scanned_on_gpu
from llmprobe.model.quants import row_bytes

if TYPE_CHECKING:
    from llmprobe.estimation.memory.slices import Slices

READ_LATE = 4 << 30
"""
A table of n-grams over this is not read at once: it is mapped, and the rows in use become resident (``--lazy-mode``,
src/llama-model-loader.cpp).
"""

HOST_ONLY_TYPES = frozenset({"tq1_0", "tq2_0"})
"""Types that no GPU backend multiplies: such matrices stay on the host wherever their layer is."""

HOST_ONLY_NAMES = frozenset({"d2t"})
"""Tables of whole numbers that no GPU looks up: which word of a model a word of its draft head is."""

REPACKED_TYPES = {
    "x86": frozenset({"q4_0", "q4_K", "q2_K", "iq4_nl", "mxfp4"}),
    "arm": frozenset({"q1_0", "q4_0", "q8_0", "q4_K", "q5_K", "q6_K", "iq4_nl", "mxfp4"}),
}
"""
Types that a CPU keeps in another order, in a buffer of its own: with AVX2 (``q2_K`` with AVX-512 only), and with
the dot products that 64-bit ARM has since 2018. Source: ggml/src/ggml-cpu/repack.cpp.
"""

INPUT_NAMES = frozenset(
    {"token_embd.weight", "position_embd.weight", "token_types.weight", "per_layer_token_embd.weight"}
)
ROPE_NAMES = frozenset({"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"})
FIRST_LAYER_NAMES = frozenset(
    {
        "token_embd_norm.weight",
        "token_embd_norm.bias",
        "per_layer_model_proj.weight",
        "per_layer_proj_norm.weight",
        "hrm.z_l_init",
    }
)

EXPERTS = re.compile(r"ffn_(up|down|gate|gate_up)_(ch|)exps")


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
    What each layer takes in one kind of buffer: all but its experts, its experts, what must stay on the host.
    """

    dense: Sums
    experts: Sums
    stays: Sums
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

    ``tensors`` carry their types. Next-n layers are in the file but not loaded. Encoders have no output layer.
    With ``output_first`` llama.cpp makes the output matrix before the embedding, and then does not see that a
    tied one is there already; with ``no_output`` the embedding is used where it lies. ``rope_layers`` are the
    layers that use rotary factors, None for all. ``passes`` counts how often a token goes through the layers.
    Every tensor takes ``share`` of its bytes, all of them where its type is known (None), a bound where that follows a
    rule.
    ``next_token`` loads the next-n layers as well.
    """

    def __init__(
        self,
        tensors: tuple[Tensor, ...],
        hparams: Hparams,
        *,
        encoder: bool = False,
        output_first: bool = False,
        no_output: bool = False,
        rope_layers: tuple[int, ...] | None = None,
        share: Callable[[Tensor], float] | None = None,
        next_token: bool = False,
    ) -> None:
        self._hparams = hparams
        self._share = share
        blocks = blocks_of(hparams, int(hparams["block_count"]))
        self.n_layer = len(blocks) + routers(hparams)
        trunk = len(blocks) - (0 if next_token else int(hparams.get("nextn_predict_layers") or 0))
        # The layer where the weights of each block of the file lie: another where a model is looped.
        self._home_of = homes(blocks)
        self.passes = len(blocks) / len(self._home_of)
        self._tensors = [
            tensor
            for tensor in tensors
            if tensor.name not in BORROWED and (tensor.layer is None or tensor.layer < trunk)
        ]
        self._by_name = {tensor.name: tensor for tensor in self._tensors if tensor.layer is None}
        # Delta nets have a decay too, and multiply with it; what is scanned has a part that skips the state.
        self._scans = any(tensor.name.endswith(".ssm_d") for tensor in self._tensors)
        self._output_first = output_first
        self._rope_layers = range(self.n_layer) if rope_layers is None else rope_layers
        self.tied = not (encoder or no_output) and "output.weight" not in self._by_name
        # Where a language model has no other norm after its last layer, the one with the embedding's name is it.
        self._embedding_norm_last = not encoder and "output_norm.weight" not in self._by_name
        self.input_bytes = sum(
            self.stored(tensor, HOST) for name, tensor in self._by_name.items() if is_input(name)
        )
        table = self._by_name.get("per_layer_token_embd.weight") if "ple.ngram_size" in hparams else None
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

    def shares(self, backend: str) -> Shares:
        """The bytes by layer in the buffers of a backend (``host`` for host memory)."""
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

    def _measure(self, backend: str, tensors: Iterable[Tensor]) -> Shares:
        dense = [0] * self.n_layer
        experts = [0] * self.n_layer
        stays = [0] * (self.n_layer + 1)
        output = rope = 0
        for tensor in tensors:
            size = self.stored(tensor, backend)
            on_host = backend != HOST and self._stays(tensor)
            if tensor.layer is None:
                if is_input(tensor.name):
                    continue
                if tensor.name in ROPE_NAMES:
                    rope += size
                elif tensor.name in FIRST_LAYER_NAMES and not self._is_last_norm(tensor.name):
                    dense[0] += size
                elif on_host:
                    stays[self.n_layer] += self.stored(tensor, HOST)
                else:
                    output += size
            elif on_host:
                stays[self._home_of[tensor.layer]] += self.stored(tensor, HOST)
            elif EXPERTS.search(tensor.name):
                experts[self._home_of[tensor.layer]] += size
            else:
                dense[self._home_of[tensor.layer]] += size
        return Shares(
            dense=_sums(dense),
            experts=_sums(experts),
            stays=_sums(stays),
            output=output,
            output_stays=stays[self.n_layer],
            rope=rope,
            rope_layers=_sums([int(layer in self._rope_layers) for layer in range(self.n_layer)]),
        )

    def home(self, tensor: Tensor) -> int:
        """The layer where a tensor lies, that of the output for one of no layer."""
        return self.n_layer if tensor.layer is None else self._home_of[tensor.layer]

    def stored(self, tensor: Tensor, backend: str) -> int:
        """What a tensor takes in a buffer of a backend, with this table's share of its bytes."""
        size = stored_bytes(tensor, backend)
        return size if self._share is None else round(size * self._share(tensor))

    def _stays(self, tensor: Tensor) -> bool:
        if self._scans and tensor.name.endswith(".ssm_a"):
            return not scanned_on_gpu(Sizes(self._hparams), tensor.shape)
        return tensor.type in HOST_ONLY_TYPES or tensor.name in HOST_ONLY_NAMES

    def _is_last_norm(self, name: str) -> bool:
        return self._embedding_norm_last and name.startswith("token_embd_norm")

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
        the layers whose experts stay on the host. ``cpu`` is a key of ``REPACKED_TYPES``. With ``slices`` all devices
        have the same layers, and each its part of their tensors.

        Raises:
            RefusedError: the model cannot be split into these slices.
        """
        of_devices = (
            {device: self.shares(backend) for device, backend in backends.items()}
            if slices is None
            else dict(zip(backends, self.sliced(slices, backends.values()), strict=True))
        )
        host = self.shares(HOST)
        on_host = {
            "embedding": self.input_bytes,
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
                    on_host["output"] += host.output + self._tied_host_bytes(
                        REPACKED_TYPES[cpu] if repack and not backends else frozenset()
                    )
                continue
            own = of_devices[part.device]
            kept = [layer for layer in host_experts if part.start <= layer < stop]
            output = self._output(own, backends[part.device]) if has_output else 0
            if slices is None or part.device == next(iter(backends)):
                stays = self.shares(backends[part.device])
                on_host["experts"] += sum(host.experts.of(layer, layer + 1) for layer in kept)
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
        if embedding.type in HOST_ONLY_TYPES:
            return shares.output
        return shares.output + self.stored(embedding, backend)

    def _tied_host_bytes(self, repacked_types: frozenset[str]) -> int:
        """The second copy of a tied embedding on the host: it is reordered, or was made first."""
        embedding = self._by_name.get("token_embd.weight")
        if not self.tied or embedding is None:
            return 0
        repacked = embedding.type in repacked_types and embedding.shape[1] % 8 == 0
        return self.stored(embedding, HOST) if repacked or self._output_first else 0


def is_input(name: str) -> bool:
    """
    Whether a tensor outside the layers is looked up and stays on the host, its adapters with it.
    """
    return name in INPUT_NAMES or name.startswith("token_embd.weight.lora_")


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
