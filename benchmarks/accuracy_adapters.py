"""
How close loads with adapters, and loads that make vectors of texts, come to what llama.cpp allocated.
"""

import re
from collections import defaultdict
from functools import cache
from typing import Any

import msgspec

from benchmarks.accuracy_second import Counts, by_device, compare
from benchmarks.truth.loads import spec
from benchmarks.truth.models import TRUTH
from llmprobe.estimation import Estimator
from llmprobe.estimation.adapted import adapted
from llmprobe.facts.adapter import Adapter
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.facts.settings import Settings

_LAYER_MATRIX = re.compile(r"blk\.\d+\.(\w+)\.weight")


def measure(step: int = 1) -> dict[str, Counts]:
    """
    Compare every ``step``-th load with adapters, and every ``step``-th that makes vectors.
    """
    found: dict[str, Counts] = defaultdict(Counts)
    content = _content()
    for row in content["adapters"][::step]:
        estimator, (quant, settings, hardware) = _estimator(row["model"]), _told(row)
        whole = adapted(estimator, quant, adapters_of(row))
        setup = estimator.setup(settings, hardware)
        parts, beside = estimator.parts_of(quant, setup), whole.parts_of(quant, setup)
        sizes = {
            device: beside.weights[device].total - parts.weights[device].total for device in beside.weights
        }
        measured = by_device(row["bytes"])
        wanted = row.get("adapters") or [sizes[device] for device in measured]
        counts = found["adapters"]
        equal = [sizes.get(device, 0) for device in measured] == wanted
        if not equal:
            counts.differing.append(f"{row['model']}: adapters {sizes} instead of {wanted}")
        compare(msgspec.structs.replace(parts, compute=beside.compute), measured, counts, row["model"])
    for row in content["embeddings"][::step]:
        quant, settings, hardware = _told(row)
        vectors = msgspec.structs.replace(settings, embeddings=True)
        parts = _estimator(row["model"]).parts(quant, vectors, hardware)
        compare(parts, by_device(row["bytes"]), found["embeddings"], row["model"])
    return found


def adapters_of(row: dict[str, Any]) -> tuple[Adapter, ...]:
    """
    Return the adapters of a measured load, made for its model.
    """
    model = spec(row["model"])
    found = [
        Adapter(name=f"rank {rank}", kind="lora", architecture=None, tensors=_lora(model, rank, kind, names))
        for rank, kind, names in row["lora"]
    ]
    if row["control_vector"]:
        width = (int(model.hparams["embedding_length"]),)
        tensors = (Tensor("direction.1", width, 1, "f32"),)
        found.append(Adapter(name="vector", kind="control-vector", architecture=None, tensors=tensors))
    return tuple(found)


def _lora(model: ModelSpec, rank: int, kind: str, names: str) -> tuple[Tensor, ...]:
    found = []
    for tensor in model.tensors:
        matrix = _LAYER_MATRIX.fullmatch(tensor.name)
        if matrix is not None and matrix[1] in names.split():
            wide, rows = tensor.shape
            found.append(Tensor(f"{tensor.name}.lora_a", (wide, rank), tensor.layer, kind))
            found.append(Tensor(f"{tensor.name}.lora_b", (rank, rows), tensor.layer, kind))
    return tuple(found)


def _told(row: dict[str, Any]) -> tuple[str, Settings, Hardware]:
    settings = _content()["defaults"] | row["settings"]
    devices = tuple(Device(id=f"gpu{number}") for number in range(settings.pop("devices")))
    return settings.pop("quant"), Settings(**settings), Hardware(devices=devices)


@cache
def _estimator(name: str) -> Estimator:
    return Estimator(spec(name))


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = msgspec.json.decode((TRUTH / "adapters.json").read_bytes())
    return content
