"""
The cost of a start: CPU time and peak memory of the commands, as multiples of an empty Python.

``python -m benchmarks.startup`` installs the package into a new environment without development tools, as a user
has it, with bytecode compiled, and prints the median of many runs. CPU time is user and system time of the process
and its children. The runs of all commands alternate, so a machine that is busy for a while slows all of them alike.
"""

import os
import shutil
import statistics
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / "build" / "bench"
RUNS = 31
SEARCH_RUNS = 7
CATALOG_RUNS = 3
DENSE = "llama3-70b"
MACHINES = ROOT / "fixtures" / "machines"
SEARCHES = {
    "linux-2x3090-64g": ("qwen3-235b-a22b", "glm-4.5-air", "gpt-oss-120b"),
    "linux-rx7900xtx-64g": ("qwen3.6-35b-a3b",),
}
"""Recorded machines, and mixtures of experts for which most placements are tried."""
SEARCH_MS = 500
CATALOGS = {"linux-4090-64g": 3000, "linux-2x3090-64g": 5000}
"""Recorded machines for which the whole catalog is weighed, and the milliseconds that it may take."""
ANSWERS = (0, 3)


class Command(NamedTuple):
    """
    A command of the installed package, and the bar for its CPU as a multiple of ``python -c pass``.
    """

    name: str
    arguments: list[str]
    bar: float | None = None


def installed() -> tuple[str, str]:
    """
    Return the paths of the Python and of the program ``llmprobe`` in a new environment that has nothing else.

    Raises:
        subprocess.CalledProcessError: the package could not be installed.
    """
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    venv.create(ENVIRONMENT, with_pip=True)
    scripts = ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin")
    python = str(scripts / "python")
    # Of an earlier build setuptools keeps all files here, those that are gone since among them.
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(ROOT)], check=True)
    subprocess.run(
        [python, "-m", "compileall", "-q", str(ENVIRONMENT)], check=False, stdout=subprocess.DEVNULL
    )
    return python, str(scripts / "llmprobe")


def commands(python: str, program: str) -> Iterator[Command]:
    """
    Yield the empty Python first, then the commands that are compared with it.
    """
    yield Command("python -c pass", [python, "-c", "pass"])
    yield Command("llmprobe --help", [python, program, "--help"])
    yield Command("llmprobe check --json", [python, program, "check", "--json"], 9.5)
    recommend = [python, program, "recommend", "--model", DENSE, "--json"]
    yield Command(f"llmprobe recommend --model {DENSE} --json", recommend, 18)


def searches(python: str, program: str) -> Iterator[Command]:
    """
    Yield the largest searches by model and machine.
    """
    for machine, models in SEARCHES.items():
        replay = [python, program, "--replay", str(MACHINES / machine / "recording.json")]
        for model in models:
            yield Command(f"    {model} on {machine}", [*replay, "recommend", "--model", model, "--json"])


def catalogs(python: str, program: str) -> Iterator[Command]:
    """
    Yield ``fit`` on each machine; its bar is in milliseconds.
    """
    for machine, most in CATALOGS.items():
        replay = [python, program, "--replay", str(MACHINES / machine / "recording.json")]
        yield Command(f"    {machine}", [*replay, "fit", "--use", "coding", "--json"], most)


def cost(arguments: list[str]) -> tuple[float, int]:
    """
    Return the CPU seconds and the peak resident bytes of one run of a program.

    Raises:
        RuntimeError: the program did not answer.
    """
    # What is measured of this machine is kept here: by the first run, which does not count.
    environment = {**os.environ, "LLMPROBE_KEPT": str(ENVIRONMENT / "kept")}
    with subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ENVIRONMENT, env=environment
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in ANSWERS:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    # macOS counts in bytes, the others in KiB.
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit


def medians(measured: list[Command], runs: int) -> list[tuple[float, float]]:
    """
    Return for each command the median of the CPU seconds and of the peak bytes; a first run is not counted.
    """
    rounds = [[cost(command.arguments) for command in measured] for _ in range(runs + 1)][1:]
    return [
        (
            statistics.median(one[position][0] for one in rounds),
            statistics.median(one[position][1] for one in rounds),
        )
        for position in range(len(measured))
    ]


def line(name: str, seconds: float, peak: float) -> str:
    """
    Return the part of a line that every command has.
    """
    return f"{name:<48}{seconds * 1000:>6.0f} ms{peak / 1024**2:>8.1f} MiB"


def main() -> None:
    """
    Print one line for each command.
    """
    python, program = installed()
    print(f"{'':<48}{'CPU':>9}{'peak RSS':>12}   (median of {RUNS}; Python {sys.version.split()[0]})")
    measured = list(commands(python, program))
    results = medians(measured, RUNS)
    empty = results[0][0]
    for command, (seconds, peak) in zip(measured, results, strict=True):
        multiple = f"{seconds / empty:>7.1f}x" if command is not measured[0] else ""
        bar = f"   (should be under {command.bar:g}x)" if command.bar is not None else ""
        print(line(command.name, seconds, peak) + multiple + bar)
    print("llmprobe --replay ... recommend --json, the largest searches")
    measured = list(searches(python, program))
    for command, (seconds, peak) in zip(measured, medians(measured, SEARCH_RUNS), strict=True):
        print(line(command.name, seconds, peak) + f"   (should be under {SEARCH_MS} ms)")
    print("llmprobe --replay ... fit --use coding --json, the whole catalog")
    measured = list(catalogs(python, program))
    for command, (seconds, peak) in zip(measured, medians(measured, CATALOG_RUNS), strict=True):
        print(line(command.name, seconds, peak) + f"   (should be under {command.bar:g} ms)")
    shutil.rmtree(ENVIRONMENT)


if __name__ == "__main__":
    main()
