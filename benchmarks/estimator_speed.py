"""
How long estimates and headers take, in CPU time: other programs on the machine do not count.

    python -m benchmarks.estimator_speed

One estimate of a model that is loaded; two thousand configurations for which only the numbers are asked; and the
header of a file with a vocabulary of 250,000 tokens and as many merges, none of which is decoded or kept.
"""

import statistics
import struct
from collections.abc import Callable
from time import process_time

from llmprobe.estimate import Estimator
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.plan import Device, Placement, Workload
from llmprobe.model.formats.gguf import read_header
from llmprobe.model.loading import load

MODELS = (
    "llama-3.3-70b-instruct",
    "qwen3-30b-a3b",
    "gemma-3-27b-it",
    "gpt-oss-20b",
    "deepseek-r1-671b",
    "qwen3-next-80b-a3b-instruct",
)
QUANTS = ("Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")
CONTEXTS = (4096, 8192, 16384, 32768, 65536)
DEVICES = (Device(id="gpu0", free_bytes=24 << 30),)
ENTRIES = 250_000
ESTIMATE_MS, SEARCH_S, HEADER_MS = 2.0, 0.5, 80.0


def timed(action: Callable[[], object]) -> float:
    """
    Return the CPU seconds of one action.
    """
    start = process_time()
    action()
    return process_time() - start


def one_estimate(model: ModelSpec) -> tuple[float, float]:
    """
    Return the median seconds of an estimate whose settings are new to the estimator, and of one asked for again.
    """
    estimator = Estimator(model)
    estimator.estimate("Q4_K_M", Workload(ctx_size=2048), Placement(devices=DEVICES))
    new: list[float] = []
    again: list[float] = []
    for ctx_size in CONTEXTS:
        for layers in (None, 0, estimator.total_layers // 2):
            workload, placement = Workload(ctx_size=ctx_size), Placement(devices=DEVICES, gpu_layers=layers)
            for times in (new, again):
                start = process_time()
                estimator.estimate("Q4_K_M", workload, placement)
                times.append(process_time() - start)
    return statistics.median(new), statistics.median(again)


def search(model: ModelSpec) -> tuple[int, float]:
    """
    Return how many configurations were computed, and the seconds with the estimator's own making.
    """
    start = process_time()
    estimator = Estimator(model)
    count = 0
    for quant in QUANTS:
        for ctx_size in CONTEXTS:
            for layers in range(estimator.total_layers):
                placement = Placement(devices=DEVICES, gpu_layers=layers)
                estimator.totals(quant, Workload(ctx_size=ctx_size), placement)
                count += 1
    return count, process_time() - start


def large_header() -> bytes:
    """
    Return a header with a vocabulary of a quarter of a million entries and as many merges, and no tensors.
    """
    out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, 0, 3))
    _text(out, "general.architecture")
    out += struct.pack("<I", 8)
    _text(out, "llama")
    for key, entry in (
        ("tokenizer.ggml.tokens", "token{:07}"),
        ("tokenizer.ggml.merges", "left{0:06} right{0:06}"),
    ):
        _text(out, key)
        out += struct.pack("<IIQ", 9, 8, ENTRIES)
        for number in range(ENTRIES):
            _text(out, entry.format(number))
    out += bytes(-len(out) % 32)
    return bytes(out)


def header() -> float:
    """
    Return the median seconds of reading such a header.
    """
    data = large_header()
    return statistics.median(
        timed(lambda: read_header(lambda at, length: data[at : at + length], len(data))) for _ in range(7)
    )


def _text(out: bytearray, text: str) -> None:
    raw = text.encode()
    out += struct.pack("<Q", len(raw)) + raw


def main() -> None:
    """
    Print every figure beside what it should be.
    """
    new, again = zip(*(one_estimate(load(name)) for name in MODELS), strict=True)
    shown = (
        ("one estimate, settings that are new", 1e3 * statistics.median(new), "ms", ESTIMATE_MS),
        ("one estimate, asked for again", 1e3 * statistics.median(again), "ms", ESTIMATE_MS),
        ("a header with 2 x 250,000 strings", 1e3 * header(), "ms", HEADER_MS),
    )
    for name, figure, unit, bound in shown:
        print(f"{name:44}{figure:9.2f} {unit}   (should be under {bound:g} {unit})")
    for name in MODELS:
        count, seconds = search(load(name))
        per_2000 = seconds * 2000 / count
        print(f"2,000 configurations of {name:29}{per_2000:8.2f} s    (should be under {SEARCH_S:g} s)")


if __name__ == "__main__":
    main()
