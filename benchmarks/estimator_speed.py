"""
How long estimates and headers take, in CPU time: other programs on the machine do not count.

    python -m benchmarks.estimator_speed

One estimate of a model that is loaded: the first of its estimator, those with settings that were not asked for
before, and those that were; two thousand configurations for which only the numbers are asked; and the header of a
file with a vocabulary of 250,000 tokens and as many merges, none of which is decoded or kept.
"""

import statistics
import struct
from collections.abc import Callable, Iterator
from itertools import islice
from time import process_time

from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import Settings
from llmprobe.model.formats.gguf import read_header
from llmprobe.model.loading import load

MODELS = (
    "qwen3-8b",
    "llama-3.3-70b-instruct",
    "qwen3-30b-a3b",
    "gemma-3-27b-it",
    "gpt-oss-20b",
    "deepseek-r1-671b",
    "qwen3-next-80b-a3b-instruct",
)
QUANTS = ("Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")
CONTEXTS = (4096, 8192, 16384, 32768, 65536)
UBATCHES = (512, 1024)
HARDWARE = Hardware(devices=(Device(id="gpu0", free_bytes=24 << 30),))
ENTRIES = 250_000
CONFIGURATIONS = 2000
ESTIMATE_MS, SEARCH_S, HEADER_MS = 2.0, 0.5, 80.0


def timed(action: Callable[[], object]) -> float:
    """
    Return the CPU seconds of one action.
    """
    start = process_time()
    action()
    return process_time() - start


def estimates(model: ModelSpec) -> tuple[float, float, float]:
    """
    Return the seconds of the first estimate with the estimator's own making, the median of those whose settings are
    new to the estimator, and the median of those asked for again.
    """
    start = process_time()
    estimator = Estimator(model)
    estimator.estimate("Q4_K_M", Settings(ctx_size=2048), HARDWARE)
    first = process_time() - start
    new: list[float] = []
    again: list[float] = []
    for ubatch_size in UBATCHES:
        for ctx_size in CONTEXTS:
            for layers in (None, 0, estimator.total_layers // 2):
                settings = Settings(ctx_size=ctx_size, ubatch_size=ubatch_size, gpu_layers=layers)
                for times in (new, again):
                    start = process_time()
                    estimator.estimate("Q4_K_M", settings, HARDWARE)
                    times.append(process_time() - start)
    return first, statistics.median(new), statistics.median(again)


def search(model: ModelSpec) -> float:
    """
    Return the seconds of two thousand configurations, with the estimator's own making.
    """
    start = process_time()
    estimator = Estimator(model)
    for quant, ctx_size, layers in islice(_configurations(estimator.total_layers), CONFIGURATIONS):
        estimator.totals(quant, Settings(ctx_size=ctx_size, gpu_layers=layers), HARDWARE)
    return process_time() - start


def _configurations(total_layers: int) -> Iterator[tuple[str, int, int]]:
    contexts = -(-CONFIGURATIONS // (len(QUANTS) * total_layers))
    for quant in QUANTS:
        for step in range(1, contexts + 1):
            for layers in range(total_layers):
                yield quant, 4096 * step, layers


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
    took = {name: estimates(load(name)) for name in MODELS}
    print(f"{'one estimate, ms':44}{'first':>9}{'new settings':>14}{'asked again':>13}")
    for name, times in took.items():
        first, new, again = (1e3 * seconds for seconds in times)
        print(f"    {name:40}{first:9.2f}{new:14.2f}{again:13.2f}")
    middle = statistics.median(1e3 * new for _, new, _ in took.values())
    shown = (
        ("the median of those with new settings", middle, ESTIMATE_MS),
        ("a header with 2 x 250,000 strings", 1e3 * header(), HEADER_MS),
    )
    for title, figure, bound in shown:
        print(f"{title:44}{figure:9.2f} ms   (should be under {bound:g} ms)")
    for name in MODELS:
        seconds = search(load(name))
        print(f"2,000 configurations of {name:29}{seconds:8.2f} s    (should be under {SEARCH_S:g} s)")


if __name__ == "__main__":
    main()
