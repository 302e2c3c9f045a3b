"""
How close the figures of projectors come to what llama.cpp reported: weights, and the buffers of the image or sound
that it tries at the start.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from benchmarks.truth.models import TRUTH
from llmprobe.errors import RefusedError
from llmprobe.estimation.projector.measure import ProjectorBytes, measure
from llmprobe.estimation.projector.rules import known
from llmprobe.facts.projector import Projector
from llmprobe.model.projectors import ImageTokens, described

NEAR, NEAR_BYTES = 0.01, 4 << 20


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """
    One load of a projector, as llama.cpp reported it. ``host`` is what lies beside the device; ``backend`` ``host`` is
    a projector in RAM. ``without`` says that flash attention was off in the end, ``refused`` that it did not load.
    """

    model: str
    backend: str
    type: str = "f16"
    flash_attn: str = "auto"
    image_max_tokens: int = 0
    image_min_tokens: int = 0
    refused: bool = False
    weights: int = 0
    buffer: int | None = None
    device: int = 0
    host: int = 0
    without: bool = False
    warmup: int = 0
    nodes: int = 0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """
    What llama-server's log shows of a described projector in RAM: MiB of its compute buffer, to 0.01, and nodes.
    """

    described: str
    width: int
    compute_mib: float
    nodes: int


class Counts(msgspec.Struct):
    """
    Loads compared, and how many of their figures are equal, near, or too low.
    """

    loads: int = 0
    weights_equal: int = 0
    compute_equal: int = 0
    compute_near: int = 0
    compute_low: int = 0
    flash_equal: int = 0
    differing: list[str] = []


def content() -> dict[str, Any]:
    """
    The table: projectors by the descriptions that they have, and the loads.
    """
    result: dict[str, Any] = msgspec.json.decode((TRUTH / "projectors.json").read_bytes())
    return result


def on_processor() -> tuple[Load, ...]:
    """
    The loads of described projectors in RAM.
    """
    return msgspec.convert(content()["processor"], tuple[Load, ...])


def cases() -> Iterator[tuple[Row, Projector]]:
    """
    Every load with the projector that was loaded.
    """
    table = content()
    for row in msgspec.convert(table["rows"], tuple[Row, ...]):
        yield row, projector(table["models"][row.model], row)


def projector(model: dict[str, Any], row: Row) -> Projector:
    """
    A projector of the table: its large matrices have the type of the row.
    """
    found = described(model["described"], model["width"], row.model)
    if row.type == "f16":
        return found
    tensors = tuple(
        msgspec.structs.replace(tensor, type=row.type)
        if tensor.type == "f16"
        and len(tensor.shape) == 2
        and tensor.shape[0] % 32 == 0
        and "embd" not in tensor.name
        and "merger" not in tensor.name
        else tensor
        for tensor in found.tensors
    )
    return msgspec.structs.replace(found, tensors=tensors)


def answer(row: Row, loaded: Projector) -> ProjectorBytes | None:
    """
    What we say of a load, None where we refuse it.
    """
    asked = ImageTokens(row.image_min_tokens, row.image_max_tokens)
    try:
        return measure(
            loaded, asked, backend=row.backend, flash_attn="off" if row.flash_attn == "off" else "auto"
        )
    except RefusedError:
        return None


def measure_all() -> Counts:
    """
    Compare every load.
    """
    counts = Counts()
    for row, loaded in cases():
        if not known(row.backend):
            continue
        counts.loads += 1
        found = answer(row, loaded)
        if found is None or row.refused:
            same = found is None and row.refused
            counts.weights_equal += same
            counts.compute_equal += same
            counts.compute_near += same
            counts.flash_equal += same
            continue
        equal_buffer = row.buffer is None or found.weights_bytes == row.buffer
        counts.weights_equal += found.tensor_bytes == row.weights and equal_buffer
        pairs = ((found.warmup.device, row.device), (found.warmup.host, row.host))
        counts.compute_equal += all(ours == theirs for ours, theirs in pairs)
        near = [abs(ours - theirs) <= max(NEAR * theirs, NEAR_BYTES) for ours, theirs in pairs]
        counts.compute_near += all(near)
        counts.compute_low += any(theirs - ours > max(NEAR * theirs, NEAR_BYTES) for ours, theirs in pairs)
        counts.flash_equal += found.flash_attn is not row.without
        if not all(near):
            counts.differing.append(f"projector of {row.model} on {row.backend}: {pairs}")
    return counts
