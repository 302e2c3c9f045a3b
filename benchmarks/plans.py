"""
Whether any machine that ``plan`` names is over a budget: every catalogued model, every machine of its plan.

    python -m benchmarks.plans                     every model (some minutes)
    python -m benchmarks.plans --part 3/40         every fortieth, from the third on
    python -m benchmarks.plans --model llama3-70b  one

Each machine is described anew by its ``--gpu`` and ``--ram``, and the printed command of its choice is read back and
estimated there. Models that are alike count once. Ends with 1 where anything is over, differs, or raises.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

import llmprobe
from benchmarks.budgets import models
from benchmarks.budgets_check import check
from llmprobe.estimation import Estimator
from llmprobe.units import format_bytes

CONTEXT = 8192


def faults_of(name: str) -> Iterator[tuple[int | None, str | None, str]]:
    """
    Yield of each machine that a model's plan names the bytes that are left where least is, what is wrong if anything
    is, and which machine it is.
    """
    model = llmprobe.load_model(name)
    answer = llmprobe.plan(model, ctx_size=min(CONTEXT, model.max_context or CONTEXT))
    other = Estimator(model)
    for row in answer.machines:
        machine = llmprobe.probe(gpus=row.gpus, ram=row.ram)
        found = check(row.choice, answer, model, machine, other)
        where = f"{name} as {row.choice.quant} on {' + '.join(row.gpus) or 'no GPU'}, {row.ram}"
        yield found.least_left_bytes, "; ".join(found.faults) or None, where


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Plan, print the figures, and return 1 where anything is wrong.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plans")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="every N-th model, from the K-th on")
    parser.add_argument("--model", metavar="MODEL", help="this model alone")
    options = parser.parse_args(arguments)
    part, parts = (int(number) for number in options.part.split("/"))
    names = [options.model] if options.model else list(models())[part - 1 :: parts]
    rows, wrong, without, least = 0, 0, 0, None
    for name in names:
        before = rows
        for left, fault, where in faults_of(name):
            rows += 1
            if fault is not None:
                wrong += 1
                print(f"{where}: {fault}", flush=True)
            if left is not None:
                least = min(least or (left, where), (left, where))
        without += rows == before
    print(f"models            {len(names):,}, of them {without:,} run on none of the machines that are tried")
    print(f"machines checked  {rows:,}, of them {wrong:,} are over a budget or differ")
    if least is not None:
        print(f"least is left     {format_bytes(least[0])} of {least[1]}")
    return 1 if wrong or not names else 0


if __name__ == "__main__":
    sys.exit(main())
