"""
What a start costs: CPU time and peak memory of the commands beside an empty Python.

``python -m benchmarks.startup`` prints the median of several runs. CPU time is user and system time of the
process and its children, so what other programs do at the same time matters little.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

RUNS = 7
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "llmprobe --help": ["-m", "llmprobe", "--help"],
    "llmprobe check --json": ["-m", "llmprobe", "check", "--json"],
    "llmprobe recommend --json": ["-m", "llmprobe", "recommend", "--model", "llama3-70b", "--json"],
}
MACHINES = Path("fixtures/machines")
SEARCHES = {
    "linux-2x3090-64g": ("qwen3-235b-a22b", "glm-4.5-air", "gpt-oss-120b"),
    "linux-rx7900xtx-64g": ("qwen3.6-35b-a3b",),
}
"""Recorded machines, and mixtures of experts for which most placements are looked at."""
SEARCH_MS = 500
ANSWERS = (0, 3)


def cost(arguments: list[str]) -> tuple[float, int]:
    """
    Return the CPU seconds and the peak resident bytes of one run of Python.

    Raises:
        RuntimeError: the program did not answer.
    """
    # An installed package has its bytecode: the first run, which is not counted, writes it where it is missing.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in ANSWERS:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    # macOS counts in bytes, the others in KiB.
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit


def searches() -> Iterator[tuple[str, list[str]]]:
    """
    Yield the largest searches by model and machine.
    """
    for machine, models in SEARCHES.items():
        replay = ["-m", "llmprobe", "--replay", str(MACHINES / machine / "recording.json")]
        for model in models:
            yield f"{model} on {machine}", [*replay, "recommend", "--model", model, "--json"]


def show(name: str, arguments: list[str], aim: str = "") -> None:
    """
    Print the line of one command.
    """
    cost(arguments)
    runs = [cost(arguments) for _ in range(RUNS)]
    seconds = statistics.median(seconds for seconds, _ in runs)
    peak = statistics.median(peak for _, peak in runs)
    print(f"{name:<40}{seconds * 1000:>6.0f} ms{peak / 1024**2:>9.1f} MiB{aim}")


def main() -> None:
    """
    Print one line for each command.
    """
    print(f"{'':<40}{'CPU':>9}{'peak RSS':>13}   (median of {RUNS}; Python {sys.version.split()[0]})")
    for name, arguments in COMMANDS.items():
        show(name, arguments)
    print("llmprobe --replay ... recommend --json, the largest searches")
    for name, arguments in searches():
        show(f"    {name}", arguments, f"   (should be under {SEARCH_MS} ms)")


if __name__ == "__main__":
    main()
