"""
Which layers lie on which rank of a pipeline.
"""


def stages(layers: int, count: int) -> tuple[range, ...]:
    """
    The layers of each of ``count`` ranks: even parts, what is over one each from the last but one backwards.

    Source: vLLM 0.33, distributed/utils.py: get_pp_indices.
    """
    sizes = [layers // count] * count
    for place in range(2, layers % count + 2):
        sizes[-place] += 1
    found, start = [], 0
    for size in sizes:
        found.append(range(start, start + size))
        start += size
    return tuple(found)
