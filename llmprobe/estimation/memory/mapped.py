"""
What of a file is mapped: for a GPU that reads the host's memory, and for the processor beside it.

llama.cpp gives each a buffer from the first of its tensors in the file to the last, whatever lies between. A tied
output matrix stands where the embedding does, often at one end of the file, so that a GPU with one layer may span
all of it. What the processor keeps in another order is copied, and is no part of its span. A table that is read as
it is used has a range of its own.

Source: llama.cpp b11549, src/llama-model.cpp (``load_tensors``, ``select_weight_buft``), src/llama-model-loader.cpp
(``get_mapping_range``), ggml/src/ggml-cpu/repack.cpp (``supports_op``).
"""

from collections.abc import Iterable

import msgspec

from llmprobe.estimation.memory.roster import EXPERTS, ROPE_NAMES, is_input
from llmprobe.estimation.memory.stored import kind_of
from llmprobe.estimation.memory.weights import BY_LAYER, WeightTable
from llmprobe.estimation.placement import HOST, Span
from llmprobe.estimation.settings import pad
from llmprobe.facts.model import Tensor
from llmprobe.facts.processor import repacks
from llmprobe.model.quants import tensor_bytes

FILE_ALIGNMENT = 32
"""Where tensors begin in a file: ``general.alignment``, which nobody sets otherwise."""


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """
    The bytes of a file's range on the device and on the host, and what the host keeps in another order beside it.
    """

    device: int
    host: int
    repacked: int


def mapped(
    table: WeightTable,
    tensors: Iterable[Tensor],
    spans: tuple[Span, ...],
    *,
    host_experts: frozenset[int] = frozenset(),
    cpu: str,
    repack: bool = True,
) -> Mapped:
    """
    The ranges of a model's file, ``tensors`` in its order, with layers in ``spans`` on the host and on one device.
    """
    owners = {layer: span.device for span in spans for layer in range(span.start, span.stop)}
    loaded = {tensor.name for tensor in table.loaded}
    ranges: dict[bool, list[int]] = {True: [], False: []}
    repacked = place = late = 0
    for tensor in tensors:
        size = tensor_bytes(tensor.shape, kind_of(tensor))
        start, place = place, pad(place + size, FILE_ALIGNMENT)
        if tensor.name not in loaded:
            continue
        if tensor.name == BY_LAYER and table.late_bytes:
            late = size
            continue
        for home in _homes(table, tensor, owners, host_experts):
            if home == HOST and repack and _is_repacked(table, tensor, owners, cpu):
                repacked += size
                if not is_input(tensor.name):
                    continue
            ranges[home == HOST] += (start, start + size)
    host, device = (max(found) - min(found) if found else 0 for found in (ranges[True], ranges[False]))
    return Mapped(device=device, host=host + late, repacked=repacked)


def _homes(
    table: WeightTable,
    tensor: Tensor,
    owners: dict[int, str],
    host_experts: frozenset[int],
) -> set[str]:
    """
    Where a tensor is used: a tied embedding on the host and where the output is, rotary factors with every layer.
    """
    if is_input(tensor.name):
        tied = table.tied and tensor.name == "token_embd.weight"
        return {HOST, owners[table.n_layer]} if tied else {HOST}
    if tensor.name in ROPE_NAMES:
        return {owners[layer] for layer in range(table.n_layer)}
    if table.for_first(tensor):
        return {owners[0]}
    layer = table.home(tensor)
    return {HOST} if layer in host_experts and EXPERTS.search(tensor.name) else {owners[layer]}


def _is_repacked(table: WeightTable, tensor: Tensor, owners: dict[int, str], cpu: str) -> bool:
    """
    Whether the processor keeps a tensor of the host in another order: a matrix, or a layer's experts.
    """
    if is_input(tensor.name) and not (
        table.tied and tensor.name == "token_embd.weight" and owners[table.n_layer] == HOST
    ):
        return False
    if len(tensor.shape) < 2 or (len(tensor.shape) > 2) is not ("exps." in tensor.name):
        return False
    return repacks(cpu, kind_of(tensor), tensor.shape[1])
