"""
Which layers must be built so that the reserved buffers are those of the whole model.

Equal layers in a row leave the allocator in the same state after each of them, so a few stand for all. The same
holds for a group of layers that repeats. Tests compare this with whole models.
"""

from collections.abc import Hashable, Sequence

from llmprobe.model.archs._graph_run import Parts

_SETTLED = 6
_PERIOD = 4
_LONGEST_GROUP = 8


def layer_kinds(
    parts: Parts, places: tuple[int, ...], *, host: int, host_experts: frozenset[int], copies_weights: bool
) -> list[Hashable]:
    """
    Return for each layer what tells its part of the graph from another's.

    ``copies_weights`` says that weights on the host are copied to a device, so that their bytes matter.
    """
    kinds: list[Hashable] = []
    for layer, place in enumerate(places[: len(parts.sizes.trunk)]):
        typed = copies_weights and (place == host or layer in host_experts)
        kind = parts.typed_kind[layer] if typed else parts.kind[layer]
        kinds.append((place, layer in host_experts, kind))
    return kinds


def needed_layers(
    parts: Parts,
    kinds: Sequence[Hashable],
    places: tuple[int, ...],
    *,
    host: int,
    host_experts: frozenset[int],
    cache_on_device: bool,
) -> tuple[int, ...]:
    """
    Return the layers to build.

    Recurrent layers that cross between devices leave empty blocks behind, and no layer is like the one before it.
    """
    crossing = len(set(places)) > 1 or host in places or bool(host_experts) or not cache_on_device
    if parts.state_of and host and crossing:
        return tuple(range(len(kinds)))
    return thinned(kinds)


def thinned(kinds: Sequence[Hashable], few: int = _SETTLED) -> tuple[int, ...]:
    """
    Return positions such that of a group repeated in a row only ``few`` are left; the last position stays.

    The number of repetitions keeps its remainder by ``_PERIOD``: places may alternate over so many layers, and with
    them the peak.
    """
    numbers: dict[Hashable, int] = {}
    line = [numbers.setdefault(kind, len(numbers)) for kind in kinds]
    kept: list[int] = []
    position, count = 0, len(line)
    while position < count:
        for length in range(1, _LONGEST_GROUP + 1):
            group = line[position : position + length]
            times = 1
            while line[position + times * length : position + (times + 1) * length] == group:
                times += 1
            left = few + (times - few) % _PERIOD
            if times > left and len(group) == length:
                end = position + times * length
                kept += range(end - left * length, end)
                position = end
                break
        else:
            kept.append(position)
            position += 1
    return tuple(kept)
