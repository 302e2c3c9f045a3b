"""
Whether every row of ``fit`` is what ``recommend`` says of the same model: every recorded machine, every use.

    python -m benchmarks.first_choices               all of them (about an hour)
    python -m benchmarks.first_choices --part 3/40   every fortieth, from the third on

``fit`` and ``recommend`` go different ways: the first places what may be the best alone, the second everything. Ends
with 1 where a row differs in anything, or where nothing was compared.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import get_args

import llmprobe
from benchmarks.budgets import machine, machines
from llmprobe.facts.fit import Fitting, Use
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Choice
from llmprobe.tasks.fit import fit, wishes_of

ROWS = 2


def compared(snapshot: Snapshot, use: Use) -> Iterator[tuple[Fitting, Choice]]:
    """
    Yield the first rows of a machine for a use, each with the first choice of its model.
    """
    for row in fit(snapshot, wishes_of(use=use, top=ROWS)).rows:
        model = llmprobe.load_model(row.model.id)
        answer = llmprobe.recommend(model, snapshot, ctx_size=row.choice.ctx_size, use=row.answers)
        yield row, answer.choices[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Compare, print what differs and in which fields, and return 1 where anything does.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_choices")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="every N-th question, from the K-th on")
    part, parts = (int(number) for number in parser.parse_args(arguments).part.split("/"))
    questions = [(name, use) for name in machines() for use in get_args(Use)][part - 1 :: parts]
    rows, differ = 0, 0
    for name, use in questions:
        for row, alone in compared(machine(name), use):
            rows += 1
            fields = [
                field
                for field in row.choice.__struct_fields__
                if getattr(row.choice, field) != getattr(alone, field)
            ]
            if fields:
                differ += 1
                print(f"{name}, {use}, {row.model.id}: {', '.join(fields)}", flush=True)
    print(f"questions  {len(questions):,}")
    print(f"rows       {rows:,}, of them {differ:,} differ from what recommend says")
    return 1 if differ or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
