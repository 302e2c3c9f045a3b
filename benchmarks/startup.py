"""
What a start costs: CPU time and peak memory of the commands beside an empty Python.

``python -m benchmarks.startup`` prints the median of several runs. CPU time is user and system time of the
process and its children, so what other programs do at the same time matters little.
"""

import os
import statistics
import subprocess
import sys

RUNS = 7
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "llmprobe --help": ["-m", "llmprobe", "--help"],
    "llmprobe check --json": ["-m", "llmprobe", "check", "--json"],
    "llmprobe recommend --json": ["-m", "llmprobe", "recommend", "--model", "llama3-70b", "--json"],
}
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


def main() -> None:
    """
    Print one line for each command.
    """
    print(f"{'':<28}{'CPU':>9}{'peak RSS':>13}   (median of {RUNS}; Python {sys.version.split()[0]})")
    for name, arguments in COMMANDS.items():
        cost(arguments)
        runs = [cost(arguments) for _ in range(RUNS)]
        seconds = statistics.median(seconds for seconds, _ in runs)
        peak = statistics.median(peak for _, peak in runs)
        print(f"{name:<28}{seconds * 1000:>6.0f} ms{peak / 1024**2:>9.1f} MiB")


if __name__ == "__main__":
    main()
