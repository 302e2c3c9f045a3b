"""
Whether threads that ask at once get the answers of one that asks alone, for a minute.

    python -m benchmarks.threads [SECONDS]

Eight threads share models that were never estimated, and take turns every few instructions.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count, cycle, product
from pathlib import Path
from time import monotonic

import msgspec

import llmprobe
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec

THREADS = 8
SECONDS = 60.0
SWITCH_S = 1e-6
MODELS = ("llama-3.1-8b-instruct", "qwen3-30b-a3b", "gemma-3-27b-it", "gpt-oss-20b")
MACHINE = Path(__file__).parents[1] / "fixtures" / "machines" / "linux-2x3090-64g" / "recording.json"

Question = Callable[[], object]


def at_once(questions: list[Question]) -> list[list[object]]:
    """
    The answers of eight threads to the same questions.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        waiting = [[pool.submit(ask) for ask in questions] for _ in range(THREADS)]
        return [[one.result() for one in row] for row in waiting]


def estimates(model: ModelSpec) -> list[Question]:
    """
    Estimates of placements for which weights are copied to the device.
    """

    def ask(quant: str, layers: int, experts: int) -> Question:
        return lambda: llmprobe.estimate(
            model, quant=quant, ctx_size=8192, gpu_layers=layers, n_cpu_moe=experts, devices=1
        )

    return [ask(*settings) for settings in product(("Q4_K_M", "Q3_K_M"), (11, 27), (0, 20))]


def looks(model: ModelSpec) -> list[Question]:
    """
    A machine, and a recommendation for it.
    """

    def look() -> Snapshot:
        found = llmprobe.probe(replay=MACHINE)
        sources = tuple(msgspec.structs.replace(one, duration_ms=None) for one in found.sources)
        return msgspec.structs.replace(found, sources=sources)

    return [look, lambda: llmprobe.recommend(model, look(), ctx_size=8192, quants=("Q4_K_M", "Q8_0"))]


def unseen(model: ModelSpec) -> ModelSpec:
    """
    The same model as a new record, of which nothing is remembered.
    """
    return msgspec.structs.replace(model, hparams=dict(model.hparams))


def main() -> int:
    """
    Ask until the time is over; 1 where an answer differed.
    """
    end = monotonic() + float(sys.argv[1] if len(sys.argv) > 1 else SECONDS)
    models = {name: llmprobe.load_model(name) for name in MODELS}
    expected = {name: [ask() for ask in (*estimates(one), *looks(one))] for name, one in models.items()}
    sys.setswitchinterval(SWITCH_S)
    for number, name in zip(count(1), cycle(MODELS), strict=False):
        shared = unseen(models[name])
        wrong = sum(
            one != right
            for answers in at_once([*estimates(shared), *looks(shared)])
            for one, right in zip(answers, expected[name], strict=True)
        )
        if wrong:
            print(f"round {number}: {wrong} answers about {name} differ from those of one thread")
            return 1
        if monotonic() > end:
            break
    print(f"{number} rounds of {THREADS} threads: every answer is that of one thread")
    return 0


if __name__ == "__main__":
    sys.exit(main())
