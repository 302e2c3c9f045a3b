"""
Whether any choice goes over a budget: every recorded machine, every catalogued model, three contexts.

    python -m benchmarks.budgets                       3,000 recommendations, spread over all machines and models
    python -m benchmarks.budgets --sample 500 --seed 7 so many, the same for the same seed
    python -m benchmarks.budgets --all --part 1/3      all of them, or a third
    python -m benchmarks.budgets --engine ollama       by the settings that are printed for Ollama
    python -m benchmarks.budgets --parallel 4          with four slots that share the context

Every choice is read back from its printed command and estimated anew; ``--full`` builds every layer of every graph.
Machines and models that are alike count once, and with ``--all`` one estimator serves all questions about a model.
Ends with 1 where anything is over, differs, or raises.
"""

import argparse
import importlib
import random
import sys
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache, partial
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Literal, TypeVar, get_args
from unittest import mock

import msgspec

import llmprobe
from benchmarks.budgets_check import check
from llmprobe import api
from llmprobe.estimation import Estimator
from llmprobe.estimation.compute.buffers import ComputeEngine
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.units import format_bytes

FOLDER = Path(__file__).parents[1] / "fixtures" / "machines"
SHORT, LONG = 4096, 32768
SAMPLE = 3000
Priority = Literal["balanced", "quality", "speed", "context"]
Card = TypeVar("Card")


class Question(msgspec.Struct, frozen=True):
    """
    One recommendation to ask for.
    """

    machine: str
    model: str
    ctx_size: int
    engine: str = "llama.cpp"
    parallel: int = 1
    priority: Priority = "balanced"

    @property
    def command(self) -> str:
        wishes = f" -np {self.parallel}" if self.parallel > 1 else ""
        wishes += f" --priority {self.priority}" if self.priority != "balanced" else ""
        wishes += f" --engine {self.engine}" if self.engine != "llama.cpp" else ""
        return (
            f"llmprobe --replay fixtures/machines/{self.machine}/recording.json"
            f" recommend --model {self.model} -c {self.ctx_size}{wishes}"
        )


class Tally(msgspec.Struct, kw_only=True):
    """
    What came of some questions. ``faults`` are sentences with the command that shows them.
    """

    asked: int = 0
    choices: int = 0
    refused: int = 0
    over: int = 0
    raised: int = 0
    faults: list[str] = []
    least_left: tuple[int, str] | None = None

    def add(self, other: "Tally") -> None:
        self.asked += other.asked
        self.choices += other.choices
        self.refused += other.refused
        self.over += other.over
        self.raised += other.raised
        self.faults = [*self.faults, *other.faults]
        self.least_left = min(filter(None, (self.least_left, other.least_left)), default=None)


@cache
def machine(name: str) -> Snapshot:
    """
    Return a recorded machine, read once.
    """
    return llmprobe.probe(FOLDER / name / "recording.json")


@cache
def machines() -> dict[str, Snapshot]:
    """
    Return the recorded machines by name, of those on which every question has the same answer only the first.
    """
    alike: dict[bytes, tuple[str, Snapshot]] = {}
    for path in sorted(FOLDER.glob("*/recording.json")):
        snapshot = machine(path.parent.name)
        same = (snapshot.host, snapshot.pools, snapshot.accelerators)
        alike.setdefault(msgspec.json.encode(same, enc_hook=repr), (path.parent.name, snapshot))
    return dict(alike.values())


@cache
def models() -> dict[str, int]:
    """
    Return the longest trained context of the catalogued models, of those with the same tensors only of the first.
    """
    alike: dict[bytes, tuple[str, int]] = {}
    for entry in api.models():
        model = llmprobe.load_model(entry.id)
        same = (model.architecture, model.hparams, model.tensors, model.published_quant, model.parameters)
        longest = model.max_context or LONG
        alike.setdefault(msgspec.json.encode(same), (entry.id, longest))
    return dict(alike.values())


def contexts(longest: int) -> tuple[int, ...]:
    """
    Return the three contexts that a model is asked for: a short one, a long one, and the longest it was trained for.
    """
    return tuple(dict.fromkeys((SHORT, LONG, longest)))


def every_question() -> Iterator[Question]:
    """
    Yield all questions, model by model.
    """
    for (model, longest), machine in product(models().items(), machines()):
        for ctx_size in contexts(longest):
            yield Question(machine, model, ctx_size)


def sample(count: int, seed: object) -> list[Question]:
    """
    Return so many questions, the same for the same seed, with machines, models and contexts in equal parts.
    """
    chance = random.Random(str(seed))
    rows = zip(
        _dealt(chance, list(machines()), count),
        _dealt(chance, list(models()), count),
        _dealt(chance, [0, 1, 2], count),
        strict=True,
    )
    return [Question(machine, model, _nth(contexts(models()[model]), at)) for machine, model, at in rows]


def _nth(sizes: Sequence[int], at: int) -> int:
    return sizes[at % len(sizes)]


def _dealt(chance: random.Random, cards: list[Card], count: int) -> list[Card]:
    """Return so many cards, dealt out from the shuffled pack again and again."""
    dealt: list[Card] = []
    while len(dealt) < count:
        dealt += chance.sample(cards, len(cards))
    return dealt[:count]


def in_full() -> AbstractContextManager[object]:
    """
    Return a context in which compute buffers are found with every layer built, slower and without any short cut.
    """
    return mock.patch.object(ComputeEngine, "buffers", ComputeEngine.buffers_in_full)


@contextmanager
def kept_estimators() -> Iterator[None]:
    """
    Let one estimator serve all questions about a model, so that what it worked out for one machine serves the next.
    """
    kept: dict[tuple[int, bool], Estimator] = {}

    def keep(model: ModelSpec, *, rough: bool = False) -> Estimator:
        found = kept.get((id(model), rough))
        if found is None:
            found = kept[id(model), rough] = Estimator(model, rough=rough)
        return found

    importlib.import_module("llmprobe.advise.recommend")
    with ExitStack() as patches:
        for name, module in list(sys.modules.items()):
            if name.startswith("llmprobe.advise.") and getattr(module, "Estimator", None) is Estimator:
                patches.enter_context(mock.patch.object(module, "Estimator", keep))
        yield


def by_model(questions: Iterable[Question]) -> list[list[Question]]:
    """
    Return questions in groups about one model each.
    """
    groups: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        groups[question.model].append(question)
    return list(groups.values())


def answered(
    questions: Sequence[Question], *, full: bool = False, kept: bool = False, other: Estimator | None = None
) -> Tally:
    """
    The tally of questions about one model; a question that raises is counted as a fault, and the next one asked.

    ``other`` is the estimator that checks, where an earlier question was checked by it.
    """
    if kept:
        with kept_estimators():
            return answered(questions, full=full, other=other)
    tally = Tally()
    if other is None:
        other = Estimator(llmprobe.load_model(questions[0].model))
    model = other.model
    for question in questions:
        tally.asked += 1
        try:
            _answer(question, model, other, tally, full=full)
        except Exception as error:  # noqa: BLE001 - told as a fault, with the command that raises it
            tally.raised += 1
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}:{last.lineno}"
            tally.faults.append(f"{where} raised {type(error).__name__}: {error}; {question.command}")
    return tally


def _answer(question: Question, model: ModelSpec, other: Estimator, tally: Tally, *, full: bool) -> None:
    snapshot = machine(question.machine)
    answer = llmprobe.recommend(
        model,
        snapshot,
        ctx_size=question.ctx_size,
        engine=question.engine,
        parallel=question.parallel,
        priority=question.priority,
    )
    tally.refused += not answer.choices
    for choice in answer.choices:
        with in_full() if full else nullcontext():
            found = check(choice, answer, model, snapshot, other)
        what = f"{choice.label} {choice.quant} of {question.command}"
        tally.choices += 1
        tally.over += found.over
        tally.faults += [f"{fault}; {what}" for fault in found.faults]
        if found.least_left_bytes is not None:
            least = (found.least_left_bytes, f"{found.least_left_at}; {what}")
            tally.least_left = min(tally.least_left or least, least)


def asked(groups: Sequence[list[Question]], jobs: int, *, full: bool = False, kept: bool = False) -> Tally:
    """
    The tally of all groups of questions; faults are printed as they are found.
    """
    tally = Tally()
    start = perf_counter()
    ask = partial(answered, full=full, kept=kept)
    with ProcessPoolExecutor(jobs) if jobs > 1 else nullcontext() as pool:
        for number, one in enumerate(map(ask, groups) if pool is None else pool.map(ask, groups), 1):
            tally.add(one)
            for fault in one.faults:
                print(fault, flush=True)
            if number % 20 == 0 or number == len(groups):
                said = f"{number} of {len(groups)} models, {tally.asked} asked, {len(tally.faults)} faults"
                print(f"{said}, {perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Ask, print the figures, and return 1 where anything is wrong.
    """
    options = _parser().parse_args(arguments)
    part, parts = (int(number) for number in options.part.split("/"))
    seed = random.randrange(10**6) if options.seed is None else options.seed
    questions = list(every_question()) if options.all else sample(options.sample, seed)
    wishes = {name: getattr(options, name) for name in ("engine", "parallel", "priority")}
    groups = by_model(msgspec.structs.replace(one, **wishes) for one in questions)[part - 1 :: parts]
    print(
        f"{len(machines())} machines and {len(models())} models that differ,"
        f" {'all questions' if options.all else f'a sample by --seed {seed}'}, part {options.part}"
    )
    tally = asked(groups, options.jobs, full=options.full, kept=options.all)
    print(
        f"recommendations   {tally.asked:,}, of them {tally.refused:,} are the answer no, and {tally.raised:,} raised"
    )
    print(f"choices checked   {tally.choices:,}, of them {tally.over:,} over a budget")
    print(f"faults            {len(tally.faults):,}")
    if tally.least_left is not None:
        left, where = tally.least_left
        print(f"least is left     {format_bytes(left) if left >= 0 else f'{left} bytes'} at {where}")
    return 1 if tally.faults or not tally.asked else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.budgets")
    parser.add_argument("--all", action="store_true", help="ask everything instead of a sample")
    parser.add_argument("--sample", type=int, default=SAMPLE, metavar="N", help="how many questions to ask")
    parser.add_argument("--seed", help="ask the same sample again")
    parser.add_argument(
        "--part", default="1/1", metavar="K/N", help="ask about every N-th model, from the K-th on"
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="how many processes to use")
    parser.add_argument("--engine", choices=("llama.cpp", "ollama"), default="llama.cpp")
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help="how many slots to ask for")
    parser.add_argument("--priority", choices=get_args(Priority), default="balanced")
    parser.add_argument("--full", action="store_true", help="build every layer of every graph to check")
    return parser


if __name__ == "__main__":
    sys.exit(main())
