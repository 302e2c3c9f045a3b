"""
How close second contexts come to what llama.cpp allocated: draft models, layers for a further token, draft heads; and
the models that they draft for.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from benchmarks.accuracy_loads import NEAR, SLACK
from benchmarks.truth.loads import memory_cases, spec
from benchmarks.truth.models import TRUTH
from llmprobe.estimation import Estimator
from llmprobe.estimation.parts import Parts
from llmprobe.estimation.second import Draft, second_parts
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.facts.settings import Settings, SpecType

WAYS: dict[str, SpecType] = {
    "draft": "draft-simple",
    "mtp": "draft-mtp",
    "snapshots": "draft-eagle3",
    "eagle3": "draft-eagle3",
    "dflash": "draft-dflash",
    "dspark": "draft-dspark",
}
"""How the cases of each kind draft. Of targets that keep states it does not matter which head it is for."""

NAMES = {
    "draft": "draft models",
    "mtp": "layers for a further token (MTP)",
    "snapshots": "earlier recurrent states",
    "eagle3": "EAGLE-3 heads",
    "dflash": "DFlash heads",
    "dspark": "DSpark heads",
}


class Case(msgspec.Struct, frozen=True):
    """
    One measured pair: weights, cache and compute by device, of the target and of the second context as far as measured.
    """

    kind: str
    model: str
    draft: str | None
    quant: str
    settings: Settings
    hardware: Hardware
    target: dict[str, tuple[int, ...]] | None
    second: dict[str, tuple[int, ...]] | None


class Counts(msgspec.Struct):
    """
    Contexts compared by device: how many of them are equal or near, and how many compute buffers are too low.
    """

    contexts: int = 0
    devices: int = 0
    weights_equal: int = 0
    caches_equal: int = 0
    compute_equal: int = 0
    compute_near: int = 0
    compute_low: int = 0
    differing: list[str] = []


def cases() -> Iterator[Case]:
    """
    Yield every measured case.
    """
    content = _content()
    for row in content["cases"]:
        settings = content["defaults"] | row["settings"]
        devices = tuple(Device(id=f"gpu{number}") for number in range(settings["devices"]))
        told = {name: value for name, value in settings.items() if name not in ("quant", "devices")}
        yield Case(
            row["kind"],
            row["model"],
            row.get("draft"),
            settings["quant"],
            Settings(**told, spec_type=(WAYS[row["kind"]],)),
            Hardware(devices=devices),
            by_device(row["target"]) if "target" in row else None,
            by_device(row["second"]) if "second" in row else None,
        )
    yield from _beside_loads()


def _beside_loads() -> Iterator[Case]:
    """
    Yield the contexts of models' own layers among the loads, with one output for each slot, as a server asks for.
    """
    for load in memory_cases(other_loads=True):
        told = load.told
        if not load.settings.get("mtp_ctx") or told.outputs_max != told.parallel:
            continue
        drafting = msgspec.structs.replace(
            told,
            spec_type=("draft-mtp",),
            spec_draft_n_max=0,
            spec_draft_type_k=told.cache_type_k,
            spec_draft_type_v=told.cache_type_v,
        )
        measured: dict[str, tuple[int, ...]] = {
            device: (0, *numbers[1:]) for device, numbers in load.bytes.items()
        }
        yield Case("mtp", load.model, None, load.quant, drafting, load.hardware, None, measured)


def measure(step: int = 1) -> dict[str, Counts]:
    """
    Compare every ``step``-th case, by kind.
    """
    found: dict[str, Counts] = defaultdict(Counts)
    for case in list(cases())[::step]:
        counts, estimator = found[case.kind], _estimator(case.model)
        draft = None if case.draft is None else _draft(case.draft, case.quant)
        settings = case.settings
        if draft is not None:
            settings = msgspec.structs.replace(settings, read_layers=draft.read_layers(estimator.trunk))
        if case.target is not None:
            parts = estimator.parts(case.quant, settings, case.hardware)
            compare(parts, case.target, counts, f"{case.kind} {case.model}: target")
        if case.second is not None:
            second = second_parts(estimator, case.quant, settings, case.hardware, draft)
            assert second is not None
            compare(second, case.second, counts, f"{case.kind} {case.model}: second")
    return found


def compare(parts: Parts, measured: dict[str, tuple[int, ...]], counts: Counts, name: str) -> None:
    """
    Take one context into the counts.
    """
    counts.contexts += 1
    for device, (weights, cached, compute) in measured.items():
        found_weights = parts.weights[device].total if device in parts.weights else 0
        found_cache = sum(size for _, size in parts.caches.get(device, ()))
        found_compute = parts.compute.bytes.get(device, 0)
        slack = max(NEAR * compute, SLACK)
        counts.devices += 1
        counts.weights_equal += found_weights == weights
        counts.caches_equal += found_cache == cached
        counts.compute_equal += found_compute == compute
        counts.compute_near += abs(found_compute - compute) <= slack
        counts.compute_low += found_compute < compute - slack
        for part, ours, theirs in (
            ("weights", found_weights, weights),
            ("cache", found_cache, cached),
            ("compute", found_compute, compute),
        ):
            if ours != theirs:
                counts.differing.append(f"{name}: {part} of {device} {ours - theirs:+}")


def by_device(numbers: list[int]) -> dict[str, tuple[int, ...]]:
    """
    Return weights, cache and compute by device, which a table lists in a row.
    """
    parts = [tuple(numbers[at : at + 3]) for at in range(0, len(numbers), 3)]
    return {"host": parts[0], **{f"gpu{number}": part for number, part in enumerate(parts[1:])}}


@cache
def _estimator(name: str) -> Estimator:
    return Estimator(spec(name))


@cache
def _draft(name: str, quant: str) -> Draft:
    return (
        Draft(Estimator(head(name)), "F16") if name in _content()["heads"] else Draft(_estimator(name), quant)
    )


def head(name: str) -> ModelSpec:
    """
    Return a measured draft head, whose tensors carry their types.
    """
    entry = _content()["heads"][name]
    tensors = tuple(_tensor(*row) for row in entry["tensors"])
    parameters = sum(tensor.elements for tensor in tensors)
    return ModelSpec(
        id=name,
        name=name,
        architecture=entry["architecture"],
        hparams=entry["hparams"],
        tensors=tensors,
        parameters=parameters,
        file_parameters=parameters,
        source="gguf",
        quant="F16",
    )


def _tensor(name: str, kind: str, *shape: int) -> Tensor:
    layer = re.match(r"blk\.(\d+)\.", name)
    return Tensor(name, shape, None if layer is None else int(layer[1]), kind)


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = msgspec.json.decode((TRUTH / "second.json").read_bytes())
    return content
