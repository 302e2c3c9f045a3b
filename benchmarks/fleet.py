"""
What ``fleet fit`` costs: processor seconds of a thousand machines of few kinds, and for a million answers.

    python -m benchmarks.fleet [--machines 1000] [--kinds 20] [--workers 1]

An answer is one machine and one model: whether it runs there, as what, how fast. Machines are recorded ones, whose free
memory is moved so that there are as many unlike kinds as wished; equal machines are searched once, as in any fleet. CPU
time counts this process and those that it starts, other programs nothing: more processes divide the time, not the cost.
The cost is that time on the cheapest machine that our dated table rents out (``llmprobe/data/prices.json``), taken
whole for one core: more than anybody pays, who uses all of its cores.
"""

import argparse
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

import llmprobe
from llmprobe.data import table
from llmprobe.facts.fit import Use
from llmprobe.facts.fleet import FleetFit
from llmprobe.facts.machine import Snapshot
from llmprobe.model.known import known
from llmprobe.tasks.fit import wishes_of
from llmprobe.tasks.fleet.fit import fit_each
from llmprobe.tasks.fleet.seen import Seen
from llmprobe.units import MIB

MACHINES = Path(__file__).parent.parent / "fixtures" / "machines"
RECORDED = (
    "linux-4090-64g",
    "linux-2x3090-64g",
    "linux-4060laptop-8g-32g",
    "linux-dgx-spark-gb10",
    "linux-strix-halo-128g",
    "linux-rx7900xtx-64g",
    "linux-arc-b580-12g",
    "linux-laptop-nogpu-16g",
    "macos-m3max-128g",
    "macos-m4-16g-mini",
)
USE: Use = "chat"
MOVED = 128 * MIB
CURRENCY = "USD"
A_MILLION = 1_000_000


def kinds(count: int) -> list[Snapshot]:
    """
    So many machines that are unlike: the recorded ones, then with ever less memory free.
    """
    whole = [llmprobe.probe(replay=MACHINES / name / "recording.json") for name in RECORDED]
    return [_less(whole[number % len(whole)], number // len(whole) * MOVED) for number in range(count)]


def _less(machine: Snapshot, size: int) -> Snapshot:
    pools = tuple(
        msgspec.structs.replace(
            pool,
            free_bytes=None if pool.free_bytes is None else max(0, pool.free_bytes - size),
            budget_bytes=None if pool.budget_bytes is None else max(0, pool.budget_bytes - size),
        )
        for pool in machine.pools
    )
    return msgspec.structs.replace(machine, pools=pools)


def asked_about() -> int:
    """
    The models of the catalog that an answer decides about for the use.
    """
    return sum(entry.modality != "embedding" for entry in known().entries.values())


def cheapest_rent() -> tuple[str, str, float]:
    """
    The product, the month and the highest price an hour of the machine that our table rents out for least.
    """
    rows: list[dict[str, object]] = [row for row in table("prices")["rent"] if row["currency"] == CURRENCY]
    row = min(rows, key=lambda one: float(str(one["high"])))
    return str(row["product"]), str(row["month"]), float(str(row["high"]))


def timed(machines: list[Seen], workers: int) -> tuple[float, FleetFit]:
    """
    CPU seconds of one run with all of its processes, and its answer.
    """
    started = sum(os.times()[:4])
    answer = fit_each(machines, wishes_of(use=USE, top=3), workers=workers)
    for child in multiprocessing.active_children():
        # The time of a process counts once it has ended.
        child.join()
    return sum(os.times()[:4]) - started, answer


def lines(machines: int, count: int, workers: int) -> Iterator[str]:
    """
    The measurement, line by line.
    """
    models = asked_about()
    unlike = kinds(count)
    fleet = [
        Seen(name=f"node{number}", origin="recording", machine=unlike[number % count])
        for number in range(machines)
    ]
    cold, answer = timed(fleet, workers)
    answers = len(answer.hosts) * models
    yield (
        f"{machines:,} machines of {answer.computed} kinds x {models} models: {answers:,} answers in "
        f"{cold:.1f} s of processor time, {cold / answers * A_MILLION:.0f} s for a million"
    )
    others = [
        Seen(name=f"other{number}", origin="recording", machine=_less(machine, MOVED // 2))
        for number, machine in enumerate(unlike)
    ]
    warm, answer = timed(others, workers)
    each = warm / (len(others) * models)
    yield (
        f"{len(others)} more that are all unlike: {1000 * each:.1f} ms for an answer, "
        f"{each * A_MILLION / 3600:.1f} h for a million"
    )
    product, month, price = cheapest_rent()
    for name, seconds in (("of few kinds", cold / answers), ("all unlike", each)):
        hours = seconds * A_MILLION / 3600
        yield (
            f"a million answers, machines {name}: {hours:.3f} core-hours, at most {hours * price:.3f} {CURRENCY} "
            f"({product} at {price:g} an hour, {month}, one core of it used)"
        )


def main() -> None:
    """
    Print the measurement.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--kinds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    for line in lines(given.machines, given.kinds, given.workers):
        print(line, flush=True)
    if hasattr(os, "getloadavg"):
        print(f"load of this machine meanwhile: {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
