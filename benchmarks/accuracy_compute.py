"""
How close the computed compute buffers come to the measured ones, per architecture.

    python -m benchmarks.accuracy_compute [TABLES] [--arch NAME] [--tag TAG] [--full] [--misses N]

``TABLES`` is a folder with ``memory.json``, ``models.json`` and ``quant_sizes.json`` (default: fixtures/truth).
"""

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec

from llmprobe.estimate.compute import (
    ComputeBytes,
    ComputeRequest,
    compute_buffers,
    compute_buffers_in_full,
)
from llmprobe.facts.model import Tensor
from llmprobe.model.archs._graphs import graph_of

HOST = ("CPU", "CUDA_Host", "CPU_REPACK")
NEAR_BYTES = 4 << 20


class Tables:
    """
    The measured records, with what a request for each of them needs.
    """

    def __init__(self, folder: Path) -> None:
        memory = msgspec.json.decode((folder / "memory.json").read_bytes())
        self.defaults: dict[str, Any] = memory["defaults"]
        self.records: list[dict[str, Any]] = memory["records"]
        self.models: dict[str, Any] = msgspec.json.decode((folder / "models.json").read_bytes())
        quants = msgspec.json.decode((folder / "quant_sizes.json").read_bytes())
        self.types = {
            (row["model"], row["ftype"]): row["types"]
            for row in sorted(quants["records"], key=lambda row: not row["imatrix"])
            if "types" in row
        }
        self._tensors: dict[tuple[str, str], tuple[Tensor, ...]] = {}

    def field(self, record: dict[str, Any], name: str) -> Any:
        return record.get(name, self.defaults.get(name))

    def tensors(self, model: str, quant: str) -> tuple[Tensor, ...]:
        known = self._tensors.get((model, quant))
        if known is None:
            known = self._tensors[model, quant] = typed(self.models[model], self.types[model, quant])
        return known

    def request(self, record: dict[str, Any]) -> ComputeRequest:
        model = self.models[record["model"]]
        get = self.field
        layers = int(model["metadata"]["block_count"])
        used = record["devices"]
        if get(record, "split_mode") == 0:
            used = used[:1]
        devices = tuple(f"gpu{number}" for number in range(len(used)))
        overrides = record.get("ot")
        return ComputeRequest(
            architecture=model["architecture"],
            hparams=model["metadata"],
            tensors=self.tensors(record["model"], record["quant"]),
            layer_devices=placed(layers, devices, record["ngl"], record.get("ts") or []),
            devices=devices,
            ctx_size=record["n_ctx_eff"],
            ctx_per_seq=record["n_ctx_seq"],
            parallel=get(record, "n_seq_max"),
            batch_size=get(record, "n_batch"),
            ubatch_size=get(record, "n_ubatch"),
            outputs_max=get(record, "n_outputs_max"),
            cache_type_k=get(record, "ctk"),
            cache_type_v=get(record, "ctv"),
            flash_attn={-1: "auto", 0: "off", 1: "on"}[get(record, "fa")],  # type: ignore[arg-type]
            kv_unified=get(record, "kv_unified"),
            swa_full=get(record, "swa_full"),
            n_cpu_moe=layers if overrides else record.get("ncmoe", 0),
            kv_offload=get(record, "offload_kqv"),
            op_offload=get(record, "op_offload"),
            repack=get(record, "use_extra_bufts"),
            embeddings=bool(record.get("embeddings")),
            split_mode="layer" if get(record, "split_mode") else "none",
        )


def typed(model: dict[str, Any], types: dict[str, str]) -> tuple[Tensor, ...]:
    """
    Return a model's tensors with the types of the table.
    """
    runs = {name: [] for name in types}  # type: dict[str, list[str]]
    for name, text in types.items():
        for part in text.split(","):
            kind, _, count = part.partition("*")
            runs[name] += [kind] * int(count or 1)
    position: dict[str, int] = defaultdict(int)
    tensors = []
    for name, *shape in model["tensors"]:
        layer = int(name.split(".")[1]) if name.startswith("blk.") else None
        short = f"@{name}" if layer is None else name.split(".", 2)[2]
        kind = "f32"
        if short in runs:
            kind = runs[short][position[short]]
            position[short] += 1
        tensors.append(Tensor(name, tuple(shape), layer, kind))
    return tuple(tensors)


def placed(layers: int, devices: tuple[str, ...], ngl: int, split: list[float]) -> tuple[str, ...]:
    """
    Return the device of each layer and of the output, as ``-ngl`` and ``-ts`` ask for.
    """
    if not devices:
        return ("host",) * (layers + 1)
    start = max(layers + 1 - ngl, 0)
    count = min(ngl, layers + 1)
    shares = split or [1.0] * len(devices)
    total = sum(shares)
    ends = [sum(shares[: i + 1]) / total for i in range(len(devices))]
    names = []
    for layer in range(layers + 1):
        if layer < start:
            names.append("host")
            continue
        at = (layer - start) / count
        names.append(devices[next(i for i, end in enumerate(ends) if end > at)])
    return tuple(names)


def measured(record: dict[str, Any]) -> dict[str, int]:
    """
    Return the measured bytes by the names that the answer uses.
    """
    sizes = {"host": 0}
    for name, (_, _, size) in record["buffers"].items():
        if name in HOST:
            sizes["host"] += size
        else:
            sizes[f"gpu{name.removeprefix('CUDA')}"] = size
    return sizes


def near(actual: ComputeBytes, expected: dict[str, int], share: float, slack: int) -> bool:
    return all(
        abs(actual.bytes.get(name, 0) - size) <= max(share * size, slack) for name, size in expected.items()
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", nargs="?", default="fixtures/truth", type=Path)
    parser.add_argument("--arch", action="append")
    parser.add_argument("--tag", action="append")
    parser.add_argument("--model", action="append")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--near", action="store_true")
    parser.add_argument("--misses", type=int, default=0)
    parser.add_argument("--step", type=int, default=1)
    args = parser.parse_args()
    run(args)


def run(args: argparse.Namespace) -> None:
    tables = Tables(args.tables)
    rows: dict[str, list[tuple[bool, bool, bool, float]]] = defaultdict(list)
    missed = 0
    times = []
    for record in tables.records[:: args.step]:
        architecture = tables.models[record["model"]]["architecture"]
        if (args.arch and architecture not in args.arch) or (args.tag and record["tag"] not in args.tag):
            continue
        if args.model and record["model"] not in args.model:
            continue
        if record.get("mtp_ctx"):
            continue
        if graph_of(architecture) is None:
            continue
        request = tables.request(record)
        expected = measured(record)
        start = time.perf_counter()
        answer = (compute_buffers_in_full if args.full else compute_buffers)(request)
        times.append(time.perf_counter() - start)
        equal = near(answer, expected, 0, 0)
        worst = max((abs(answer.bytes.get(n, 0) - s) / (s or 1) for n, s in expected.items()), default=0)
        counts = not args.full or (
            record["graph"][0].split(" ")[0] == str(answer.nodes)
            and record["graph"][1].split(" ")[0] == str(answer.splits)
        )
        rows[architecture].append((equal, near(answer, expected, 0.01, NEAR_BYTES), counts, worst))
        if (
            not (near(answer, expected, 0.01, NEAR_BYTES) if args.near else equal and counts)
            and missed < args.misses
        ):
            missed += 1
            settings = {k: v for k, v in record.items() if k not in ("buffers", "kv", "output")}
            print(settings)
            print("   measured", expected, "answer", answer.bytes, answer.nodes, answer.splits)
            print("   off by", {n: answer.bytes.get(n, 0) - s for n, s in expected.items()})
    print(f"{'architecture':16} {'n':>5} {'equal':>7} {'near':>7} {'counts':>7} {'worst':>7}")
    for name, cells in sorted(rows.items()):
        n = len(cells)
        print(
            f"{name:16} {n:5} {100 * sum(c[0] for c in cells) / n:6.1f}% {100 * sum(c[1] for c in cells) / n:6.1f}%"
            f" {100 * sum(c[2] for c in cells) / n:6.1f}% {100 * max(c[3] for c in cells):6.1f}%"
        )
    times.sort()
    print(f"{len(times)} requests, median {1e3 * times[len(times) // 2]:.2f} ms, total {sum(times):.1f} s")


if __name__ == "__main__":
    sys.exit(main())
