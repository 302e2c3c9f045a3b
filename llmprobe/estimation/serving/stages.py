"""
Which layers lie on which rank of a pipeline.
"""

from collections.abc import Sequence


def even(layers: int, count: int) -> tuple[int, ...]:
    """
    How many layers each of ``count`` ranks has by itself: even parts, what is over one each from the last but one
    backwards.

    Source: vLLM 0.33, distributed/utils.py: get_pp_indices.

    >>> even(61, 2), even(7, 3)
    ((31, 30), (2, 3, 2))
    """
    sizes = [layers // count] * count
    for place in range(2, layers % count + 2):
        sizes[-place] += 1
    return tuple(sizes)


def divided(layers: int, parts: Sequence[float]) -> tuple[int, ...]:
    """
    Layers in these parts, at least one each; what is over goes to those that are short of most.

    >>> divided(48, (1, 2)), divided(10, (1, 100)), divided(7, (1, 1, 1))
    ((16, 32), (1, 9), (3, 2, 2))
    """
    whole = sum(parts)
    sizes = [max(1, int(layers * part / whole)) for part in parts]
    while sum(sizes) != layers:
        step = 1 if sum(sizes) < layers else -1
        short = [step * (layers * part / whole - size) for part, size in zip(parts, sizes, strict=True)]
        able = [place for place, size in enumerate(sizes) if size + step > 0]
        sizes[max(able, key=lambda place: short[place])] += step
    return tuple(sizes)


def stages(layers: int, count: int, sizes: tuple[int, ...] | None = None) -> tuple[range, ...]:
    """
    The layers of each of ``count`` ranks, in parts of these sizes, by themselves even ones.
    """
    found, start = [], 0
    for size in sizes or even(layers, count):
        found.append(range(start, start + size))
        start += size
    return tuple(found)
