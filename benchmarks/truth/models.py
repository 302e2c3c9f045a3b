"""
The measured models and quantized sizes of ``fixtures/truth``, read back into tensors and types.

``fixtures/truth/rare`` has the same of architectures that are seldom met or new. Those whose graph is not known are in
the tables, and left out of every comparison until it is.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs import graph_of

TRUTH = Path(__file__).parents[2] / "fixtures" / "truth"


class TruthModel(msgspec.Struct, frozen=True):
    """
    A model as llama.cpp was given it: tensors in the order of the file, without types.
    """

    name: str
    architecture: str
    hparams: Hparams
    tensors: tuple[Tensor, ...]
    catalog_id: str | None
    verified: bool


class QuantCase(msgspec.Struct, frozen=True):
    """
    What llama-quantize gives one model in one file type. ``types`` None: it refuses.
    """

    model: str
    file_type: str
    imatrix: bool
    total_bytes: int
    types: dict[str, str] | None


def tables(name: str) -> Iterator[dict[str, Any]]:
    """
    Yield the tables of this name.
    """
    for folder in (TRUTH, TRUTH / "rare"):
        yield msgspec.json.decode((folder / name).read_bytes())


@cache
def models() -> dict[str, TruthModel]:
    """
    Return every measured model by the name that the tables use.
    """
    return {
        name: _model(name, entry)
        for content in tables("models.json")
        for name, entry in content["models"].items()
    }


def has_graph(name: str) -> bool:
    """
    Say whether a measured model's graph is known.
    """
    return graph_of(models()[name].architecture) is not None


def quant_cases() -> Iterator[QuantCase]:
    """
    Yield every measured case. With an importance matrix only those exist that differ from the same without.
    """
    entries = (entry for content in tables("quant_sizes.json") for entry in content["models"].items())
    for name, entry in entries:
        if not has_graph(name):
            continue
        quantized = entry.pop("quantized")
        for label, case in entry.items():
            file_type, _, imatrix = label.partition(" ")
            if case is None:
                yield QuantCase(name, file_type, bool(imatrix), 0, None)
                continue
            total_bytes, base, *odd = case
            runs = dict.fromkeys(quantized, base)
            for run, names in (odd[0] if odd else {}).items():
                runs |= dict.fromkeys(names, run)
            yield QuantCase(name, file_type, bool(imatrix), total_bytes, runs)


def types_of(tensors: tuple[Tensor, ...], runs: dict[str, str]) -> dict[str, str]:
    """
    Return the type of each tensor by name, from run-length lists over the layers that have it.
    """
    lists = {name: _expand(run) for name, run in runs.items() if " " in run or "*" in run}
    seen: dict[str, int] = {}
    types = {}
    for tensor in tensors:
        key = tensor.name.split(".", 2)[2] if tensor.name.startswith("blk.") else f"@{tensor.name}"
        if key in lists:
            types[tensor.name] = lists[key][seen.get(key, 0)]
            seen[key] = seen.get(key, 0) + 1
        else:
            types[tensor.name] = runs.get(key, "f32")
    return types


def _expand(run: str) -> list[str]:
    expanded: list[str] = []
    for part in run.split():
        kind, _, count = part.partition("*")
        expanded += [kind] * int(count or 1)
    return expanded


def _model(name: str, entry: dict[str, Any]) -> TruthModel:
    parts = entry["tensors"]
    tensors = [_tensor(line) for line in parts["before"]]
    for layer, template in enumerate(_expand(parts["layers"])):
        tensors += [_tensor(f"blk.{layer}.{line}") for line in parts["templates"][template]]
    tensors += [_tensor(line) for line in parts["after"]]
    return TruthModel(
        name, entry["architecture"], entry["hparams"], tuple(tensors), entry["catalog_id"], entry["verified"]
    )


def _tensor(line: str) -> Tensor:
    name, *shape = line.split()
    layer = re.match(r"(?:enc\.|dec\.)?blk\.(\d+)\.", name)
    return Tensor(name, tuple(map(int, shape)), int(layer[1]) if layer else None)
