"""
The page: how long its document takes, how large the file is, and how soon the live page has an answer.

    python -m benchmarks.report

Of recorded machines and models: a dense model beside RAM, a mixture that sees and drafts, two cards.
Ends with 1 where a file is larger than 1.5 MB, or the median answer to a moved slider takes more than 50 ms.
"""

import statistics
import sys
import time
from pathlib import Path

import msgspec

from llmprobe import api
from llmprobe.facts.report import Report
from llmprobe.output import html
from llmprobe.server.answers import Answers
from llmprobe.server.machine import Watched
from llmprobe.words.render import words

MACHINES = Path(__file__).parent.parent / "fixtures" / "machines"
CASES = (
    ("linux-4090-64g", "llama3-70b"),
    ("linux-4060laptop-8g-32g", "qwen3.5-35b-a3b"),
    ("linux-2x3090-64g", "qwen3-30b-a3b"),
)
MOST_BYTES = 1_500_000
MOST_MS = 50.0
MOVES = 24


def main() -> int:
    """
    Print a line for each case; 1 where a bar is missed.
    """
    print(f"{'machine':<26}{'model':<18}{'cells':>6}{'s':>7}{'kB':>7}{'ms live':>9}{'most':>7}")
    missed = False
    for machine, name in CASES:
        snapshot = api.probe(replay=MACHINES / machine / "recording.json")
        started = time.process_time()
        report = api.report(snapshot, api.load_model(name, snapshot=snapshot), uses=("chat", "coding"))
        took = time.process_time() - started
        size = len(html.page(report, words()).html.encode())
        moves = _moved(report, name)
        median = statistics.median(moves)
        assert report.model is not None
        assert report.model.grid is not None
        print(
            f"{machine:<26}{name:<18}{report.model.grid.cells:>6}{took:>7.1f}{size / 1000:>7.0f}"
            f"{median:>9.1f}{max(moves):>7.1f}"
        )
        missed |= size > MOST_BYTES or median > MOST_MS
    return int(missed)


def _moved(report: Report, name: str) -> list[float]:
    """
    Milliseconds of processor time for each of some positions that nobody asked for yet.
    """
    assert report.model is not None
    snapshot, start = report.check, report.model.start
    assert snapshot is not None
    answers = Answers(Watched(lambda: snapshot), this_machine=False)
    times = []
    for move in range(MOVES + 1):
        settings = {"ctx_size": 8192 + 256 * move, "gpu_layers": move, "parallel": 1}
        body = msgspec.json.encode({"model": name, "quant": start["quant"], "settings": settings})
        started = time.process_time()
        answers.answer("setting", body)
        times.append(1000 * (time.process_time() - started))
    # The first one loads the model.
    return times[1:]


if __name__ == "__main__":
    sys.exit(main())
