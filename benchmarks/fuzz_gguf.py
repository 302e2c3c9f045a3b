"""
Broken GGUF headers: each is estimated or refused with a sentence, in bounded time and memory.

    python -m benchmarks.fuzz_gguf                      20,000 mutations of headers of every measured architecture
    python -m benchmarks.fuzz_gguf --count 500 --seed 7

Projectors (mmproj files) are among them, cut to two layers. A mutation drops, renames, reshapes or repeats a tensor,
drops a key or gives it a value that no model has, changes bytes, or cuts the file. A failure is a traceback, more than
2 s of CPU, more than 300 MiB beside what the program has already, and a figure that is negative or larger than any
memory. The exit code is 1 where there is one.
"""

import argparse
import random
import resource
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from types import FrameType
from typing import Any

import msgspec

import llmprobe
from benchmarks.gguf_writer import header
from benchmarks.truth.models import TruthModel, models
from llmprobe.errors import LlmprobeError
from llmprobe.estimation.projector.measure import measure
from llmprobe.facts.model import Tensor
from llmprobe.model.formats.gguf import Header, read_header
from llmprobe.model.formats.gguf_model import spec
from llmprobe.model.formats.projector import projector
from llmprobe.model.projectors import ImageTokens, described, descriptions
from llmprobe.model.quants import FILE_TYPES, assign, typed

COUNT = 20_000
MOST_S = 2.0
MOST_BYTES = 300 << 20
LARGEST_BYTES = 1 << 60
"""More than all memory that was ever made."""

NUMBERS: tuple[Any, ...] = (
    *(0, 1, 2, 3, 7, 255, 256, 257, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**63),
    *(-1, -2, -256, -(2**31), -(2**40), 0.0, 1.5, -1.0, 1e30, float("nan"), float("inf"), True, False),
)
OTHERS: tuple[Any, ...] = (
    "",
    "many",
    "llama",
    [],
    [0],
    [1, 2, 3],
    [-1] * 200,
    [2**31] * 64,
    ["a"],
    [1.5] * 8,
)


PROJECTOR = "mmproj of "
PROJECTOR_LAYERS = 2
WIDTH = 4096
"""The width of the language model that projectors are described for."""


class TookTooLong(BaseException):
    """
    A mutation ran over its time. No ``except Exception`` on the way turns this into an answer.
    """


class Failure(msgspec.Struct, frozen=True):
    """
    A mutation that broke a bound: which it was, and what happened.
    """

    number: int
    model: str
    what: str
    detail: str


def metadata_of(model: TruthModel, file_type: str = "Q4_K_M") -> dict[str, Any]:
    """
    The metadata of a measured model's file.
    """
    found: dict[str, Any] = {
        "general.architecture": model.architecture,
        "general.name": model.name,
        "general.file_type": FILE_TYPES[file_type].id,
    }
    for key, value in model.hparams.items():
        found[key if key.startswith("tokenizer.") else f"{model.architecture}.{key}"] = value
    return found


@cache
def _typed(name: str) -> tuple[Tensor, ...]:
    model = models()[name]
    return typed(model.tensors, assign(model.tensors, model.architecture, model.hparams, "Q4_K_M"))


def content(name: str) -> tuple[dict[str, Any], list[Tensor]]:
    """
    The metadata and tensors of a measured model's file, or of a projector by the name of its description.
    """
    if not name.startswith(PROJECTOR):
        return metadata_of(models()[name]), list(_typed(name))
    found = described(name.removeprefix(PROJECTOR), WIDTH, "x.gguf")
    metadata = {f"clip.{key}": value for key, value in found.metadata.items()}
    for key in metadata:
        if key.endswith(".block_count"):
            metadata[key] = PROJECTOR_LAYERS
    tensors = [one for one in found.tensors if one.layer is None or one.layer < PROJECTOR_LAYERS]
    return {"general.architecture": "clip", **metadata}, tensors


def mutated(chance: random.Random, name: str) -> tuple[str, bytes]:
    """
    A header of a model with one to three things changed, and what was changed.
    """
    metadata, tensors = content(name)
    changes = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        kind = chance.choice(("key", "key", "key", "drop-key", "drop", "rename", "shape", "type", "repeat"))
        changes.append(_change(chance, kind, metadata, tensors))
    data = bytearray(header(metadata, tensors))
    if chance.random() < 0.15:
        at = chance.randrange(len(data))
        data[at : at + 4] = chance.randbytes(chance.randrange(1, 9))
        changes.append(f"bytes at {at}")
    if chance.random() < 0.05:
        del data[chance.randrange(len(data)) :]
        changes.append("cut")
    return ", ".join(changes), bytes(data)


def without(name: str, tensor: str) -> bytes:
    """
    The header of a model without one of its tensors.
    """
    return header(metadata_of(models()[name]), [one for one in _typed(name) if one.name != tensor])


def _change(chance: random.Random, kind: str, metadata: dict[str, Any], tensors: list[Tensor]) -> str:
    key = chance.choice(list(metadata))
    at = chance.randrange(len(tensors))
    tensor = tensors[at]
    if kind == "key":
        metadata[key] = chance.choice(NUMBERS) if chance.random() < 0.8 else chance.choice(OTHERS)
        return f"{key} = {metadata[key]!r}"[:80]
    if kind == "drop-key" and len(metadata) > 1:
        del metadata[key]
        return f"without {key}"
    if kind == "drop" and len(tensors) > 1:
        # One tensor, or that of every layer.
        end = tensor.name.rpartition(".")[0].rpartition(".")[2]
        every = chance.random() < 0.3 and tensor.layer is not None
        tensors[:] = [
            one for one in tensors if not (f".{end}." in one.name if every else one.name == tensor.name)
        ] or tensors[:1]
        return f"without {'all ' if every else ''}{tensor.name}"
    if kind == "rename":
        name = chance.choice(
            (f"{tensor.name}x", tensor.name.replace("attn", "attm"), chance.choice(tensors).name)
        )
        tensors[at] = msgspec.structs.replace(tensor, name=name[:63])
        return f"{tensor.name} as {name}"
    if kind == "shape":
        extent = chance.choice((1, 32, 256, 1024, 2**20, 2**31, 2**40, tensor.shape[0]))
        shape = list(tensor.shape)
        shape[chance.randrange(len(shape))] = extent
        if chance.random() < 0.2:
            shape = [*shape, 2][:4]
        tensors[at] = msgspec.structs.replace(tensor, shape=tuple(shape))
        return f"{tensor.name} of {tuple(shape)}"
    if kind == "type":
        tensors[at] = msgspec.structs.replace(tensor, type=chance.choice(("f32", "q8_0", "iq1_s", "i32")))
        return f"{tensor.name} as {tensors[at].type}"
    tensors.append(tensor)
    return f"{tensor.name} twice"


def outcome(data: bytes, settings: dict[str, Any]) -> str | None:
    """
    What is wrong with the answer to a header: None where it is an estimate with possible figures, or refused.

    Any other exception than our own is the caller's to catch.
    """
    try:
        read = read_header(lambda at, length: data[at : at + length], len(data), "x.gguf")
        if read.metadata.get("general.architecture") == "clip":
            return _possible(_projector_bytes(read, "cuda" if settings["devices"] else "host"))
        estimate = llmprobe.estimate(spec([read], "x.gguf"), backend="cuda", **settings)
    except LlmprobeError as error:
        return None if str(error) and "\n" not in str(error) else f"a sentence of {error!s:.80}"
    sizes = [
        size for device in estimate.devices for size in (device.total_bytes, *(t.bytes for t in device.terms))
    ]
    return _possible(sizes)


def _projector_bytes(read: Header, backend: str) -> list[int]:
    found = measure(projector(read, "x.gguf"), ImageTokens(), backend=backend)
    buffers = (found.warmup, found.largest, *(part for part in (found.low, found.high) if part is not None))
    return [
        found.tensor_bytes,
        found.weights_bytes,
        *(size for each in buffers for size in (each.device, each.host)),
    ]


def _possible(sizes: Sequence[int]) -> str | None:
    wrong = [size for size in sizes if not 0 <= size < LARGEST_BYTES]
    return f"a figure of {wrong[0]} bytes" if wrong else None


SETTINGS: tuple[dict[str, Any], ...] = (
    {"devices": 1, "ctx_size": 4096},
    {"devices": 0, "ctx_size": 4096},
    {"devices": 2, "ctx_size": 8192, "parallel": 4},
    {"devices": 1, "ctx_size": 4096, "gpu_layers": 3},
    {"devices": 1},
)


def run(count: int, seed: int, names: Sequence[str] | None = None) -> Iterator[Failure]:
    """
    Go through ``count`` mutations of a seed and yield those that break a bound.
    """
    chosen = list(names or (*_one_of_each(), *(PROJECTOR + name for name in descriptions())))
    signal.signal(signal.SIGVTALRM, _stop)
    for number in range(count):
        chance = random.Random(f"{seed}:{number}")
        name = chosen[number % len(chosen)]
        what, data = mutated(chance, name)
        signal.setitimer(signal.ITIMER_VIRTUAL, MOST_S)
        try:
            wrong = outcome(data, chance.choice(SETTINGS))
        except (Exception, TookTooLong) as error:  # noqa: BLE001 - what is looked for
            frames = traceback.extract_tb(error.__traceback__)
            frame = frames[-2 if isinstance(error, TookTooLong) else -1]
            place = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
            wrong = f"{type(error).__name__}: {error!s:.80} ({place})"
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if wrong is not None:
            yield Failure(number, name, what, wrong)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise TookTooLong(f"more than {MOST_S:g} s")


def _one_of_each() -> list[str]:
    """
    The smallest measured model of every architecture: what breaks does not depend on the size.
    """
    best: dict[str, TruthModel] = {}
    for model in models().values():
        known = best.get(model.architecture)
        if known is None or len(model.tensors) < len(known.tensors):
            best[model.architecture] = model
    return [model.name for model in best.values()]


def main() -> int:
    """
    Run, print the failures by what they are, and return the exit code.
    """
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--count", type=int, default=COUNT)
    given.add_argument("--seed", type=int, default=1)
    given.add_argument("--model", action="append")
    arguments = given.parse_args()
    failures = []
    for failure in run(arguments.count, arguments.seed, arguments.model):
        failures.append(failure)
        print(f"{failure.number} {failure.model}: {failure.what}: {failure.detail}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        f"{arguments.count} mutations with the seed {arguments.seed}: {len(failures)} failed, {peak >> 20} MiB at most"
    )
    for place, times in Counter(failure.detail.rpartition("(")[2] for failure in failures).most_common(20):
        print(f"{times:6} {place}")
    return 1 if failures or peak > MOST_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
