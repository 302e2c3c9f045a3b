"""
What a machine runs best: the models of the catalog for a use, each as ``recommend`` would run it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, get_args

import msgspec

from llmprobe import engines
from llmprobe.advise.choose.balance import of_loss
from llmprobe.advise.choose.shown import is_on_disk
from llmprobe.advise.explain.notes import findings
from llmprobe.advise.fit import explain
from llmprobe.advise.fit.bound import bounds
from llmprobe.advise.fit.contender import POINTS_PER_DOUBLING, Contender, current, ways
from llmprobe.advise.fit.search import Placing, Ranking, searched, shortfall, weighed
from llmprobe.advise.recommend import Advice, machine_in_short
from llmprobe.errors import UsageError
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts import given
from llmprobe.facts.fit import Fit, Fitting, FitWishes, Order, Use
from llmprobe.facts.recommendation import UseName, Wishes
from llmprobe.model import capability
from llmprobe.model.catalog import DATE, Entry
from llmprobe.model.from_catalog import of_catalog
from llmprobe.model.installed import on_this_disk
from llmprobe.model.known import known
from llmprobe.site.site import survey
from llmprobe.tasks.arguments import check_machine
from llmprobe.tasks.asked import Asked
from llmprobe.tasks.contenders import contender
from llmprobe.tasks.kept_here import kept_here
from llmprobe.tasks.machines import probe
from llmprobe.tasks.models import quant_name
from llmprobe.tasks.recommend import commands_for, completed
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.advise.choose.problem import Problem
    from llmprobe.advise.choose.weighing import Candidate
    from llmprobe.facts.machine import Snapshot

_LONGER = {"coding": 16384, "reasoning": 16384, "agent": 32768, "embedding": 2048}
CONTEXTS: dict[Use, int] = dict.fromkeys(get_args(Use), 8192) | _LONGER
"""
The context that a use needs: a conversation, a few files of code, an answer with its thinking, the tools and results of
an agent, an image with its question, a chapter of a text.
"""

WORTH_HAVING = 1.0
"""Points of the index by which a larger model must be better than the first to be named."""


def wishes_of(
    *,
    use: Use = "chat",
    ctx_size: int | None = None,
    engine: str = "llama.cpp",
    min_speed: float | None = None,
    min_quality: str | None = None,
    max_download_bytes: int | None = None,
    licenses: str | Sequence[str] = (),
    families: str | Sequence[str] = (),
    only_gpu: bool = False,
    sort: Order = "points",
    top: int = 8,
    reserve_bytes: int | None = None,
    assume_idle: bool = False,
) -> FitWishes:
    """
    What a program asks for, each wish checked.

    Raises:
        UsageError: one is of another kind or out of range.
    """
    given.one_of("use", use, get_args(Use))
    given.one_of("sort", sort, get_args(Order))
    if engines.engine(given.text("engine", engine)).memory is not None:
        raise UsageError(
            message("error.engine-not-planned", engine=engine),
            hint=message("hint.engine-not-planned", engine=engine),
        )
    return FitWishes(
        use=use,
        ctx_size=CONTEXTS[use]
        if ctx_size is None
        else given.count("ctx_size", ctx_size, least=1, most=2**31 - 1),
        ctx_size_given=ctx_size is not None,
        engine=engine,
        min_speed=given.least_speed(min_speed),
        min_quality=None if min_quality is None else quant_name(min_quality),
        max_download_bytes=None
        if max_download_bytes is None
        else given.count("max_download_bytes", max_download_bytes),
        licenses=given.texts("licenses", licenses),
        families=given.texts("families", families),
        only_gpu=given.switch("only_gpu", only_gpu),
        sort=sort,
        top=given.count("top", top, least=1, most=1000),
        reserve_bytes=None if reserve_bytes is None else given.count("reserve_bytes", reserve_bytes),
        assume_idle=given.switch("assume_idle", assume_idle),
    )


def fit(snapshot: "Snapshot | None", wishes: FitWishes) -> Fit:
    """
    The models that this machine runs best, described by ``api.fit``.

    Raises:
        UsageError: no model of the catalog is of such a family, or has such a license.
    """
    check_machine(snapshot)
    _check_beginnings(wishes)
    question = _Question(probe() if snapshot is None else snapshot, wishes)
    return question.answer()


def first(snapshot: "Snapshot", wishes: FitWishes, asked: Asked) -> Fitting | None:
    """
    The first row of ``fit`` alone, None where there is none.
    """
    return _Question(snapshot, msgspec.structs.replace(wishes, top=1), asked).first()


def _check_beginnings(wishes: FitWishes) -> None:
    everything = known()
    entries = everything.entries.values()
    families = {everything.families[entry.id] for entry in entries}
    licenses = {entry.license for entry in entries if entry.license is not None}
    for one in wishes.families:
        if not any(_begins(name, (one,)) for name in (*families, *everything.entries)):
            raise UsageError(
                message("error.family-unknown", given=one),
                hint=message("hint.one-of", names=tuple(sorted(families))),
            )
    for one in wishes.licenses:
        if not any(_begins(name, (one,)) for name in licenses):
            raise UsageError(
                message("error.license-unknown", given=one),
                hint=message("hint.one-of", names=tuple(sorted(licenses))),
            )


class _Question:
    """
    One question for the models of a use, on one machine.
    """

    def __init__(self, machine: "Snapshot", wishes: FitWishes, asked_before: Asked | None = None) -> None:
        self._machine = machine
        self._wishes = wishes
        self._site = msgspec.structs.replace(
            survey(machine, self._asked(None)), abilities=engines.abilities(wishes.engine)
        )
        self._left_out: Counter[str] = Counter()
        self._loaded: dict[str, Advice] = {}
        self._asked_before = asked_before

    def first(self) -> Fitting | None:
        """
        The first row of the answer.
        """
        ranked, _ = current(one for one in self._named() if one.capabilities)
        found, _ = self._searched(one for one in map(self._bounded, ranked) if one.bounds)
        return next(iter(found), None)

    def answer(self) -> Fit:
        wishes, machine = self._wishes, self._machine
        named = list(self._named())
        ranked, outdated = current(one for one in named if one.capabilities)
        self._left_out["outdated"] = outdated
        others = [self._bounded(one) for one in named if not one.capabilities]
        able: list[Contender] = []
        too_large: list[Contender] = []
        for one in map(self._bounded, ranked):
            (able if one.bounds else too_large).append(one)
        found, failed = self._searched(able)
        rows = tuple(found)
        run = {name for row in rows for name in (row.model.id, *row.variants)}
        without = [one for one in able if one.model.id in {way.model.id for way in failed} - run]
        self._left_out["too-large"] = len(too_large)
        self._left_out["as-wished"] = len(without)
        beyond = (*too_large, *without)
        return Fit(
            this_machine=machine.this_machine,
            machine=machine_in_short(machine),
            wishes=wishes,
            catalog_date=DATE,
            capability_date=capability.dated(),
            verdict=explain.verdict(rows, wishes),
            rows=rows,
            unranked=tuple(one.model for one in others if one.bounds),
            kept=tuple(kept_here(machine, wishes, self._asked(wishes.ctx_size))),
            left_out=tuple(explain.left_out(self._left_out)),
            next_model=self._next(rows, beyond),
            balance=explain.balance(rows),
            findings=findings(machine, self._asked(None)),
            notes=explain.notes(wishes, capability.dated()),
        )

    def _searched(self, able: Iterable[Contender]) -> tuple[list[Fitting], list[Contender]]:
        """
        The rows, and those of the ``able`` that cannot run as wished.
        """
        wishes = self._wishes
        each = [self._affordable(way) for one in able for way in ways(one, wishes.use, self._site)]
        ranking = _RANKINGS[wishes.sort]
        return searched(each, self._problem, wishes.top, self._is_wished, self._row, ranking)

    def _asked(self, ctx_size: int | None, use: UseName | None = None) -> Wishes:
        wishes = self._wishes
        return Wishes(
            use=use,
            ctx_size=ctx_size,
            engine=wishes.engine,
            min_speed=wishes.min_speed,
            min_quality=wishes.min_quality,
            reserve_bytes=wishes.reserve_bytes,
            assume_idle=wishes.assume_idle,
            top=1,
        )

    def _named(self) -> Iterator[Contender]:
        """
        The models of the catalog for this use that the wishes do not exclude by what is known without a search.
        """
        wishes = self._wishes
        everything = known()
        for entry in everything.entries.values():
            family = everything.families[entry.id]
            if (entry.modality == "embedding") is not (wishes.use == "embedding"):
                continue
            if wishes.use == "vision" and ("vision" not in entry.modality or entry.projector is False):
                continue
            if not _begins(family, wishes.families) and not _begins(entry.id, wishes.families):
                continue
            if not _begins(entry.license or "", wishes.licenses):
                self._left_out["license"] += 1
            elif self._context(entry) is None:
                self._left_out["context"] += 1
            elif engines.not_loaded(wishes.engine, entry.architecture) is not None:
                self._left_out["engine"] += 1
            else:
                yield contender(entry, family, wishes.use)

    def _context(self, entry: Entry) -> int | None:
        """
        The context in which a model is asked for, None where it was trained for less.

        A model of embeddings that was trained for less than the usual is asked for all of its own.
        """
        wishes, longest = self._wishes, entry.max_context
        if longest is None or longest >= wishes.ctx_size:
            return wishes.ctx_size
        return longest if wishes.use == "embedding" and not wishes.ctx_size_given else None

    def _bounded(self, contender: Contender) -> Contender:
        found = bounds(contender.weights, self._site)
        return self._affordable(msgspec.structs.replace(contender, bounds=found))

    def _affordable(self, contender: Contender) -> Contender:
        """
        A contender without the quantizations whose files are larger than wished, whatever they hold.
        """
        most = self._wishes.max_download_bytes
        if most is None:
            return contender
        kept = tuple(one for one in contender.bounds if one.least_bytes <= most)
        return msgspec.structs.replace(contender, bounds=kept)

    def _problem(self, contender: Contender) -> "Problem":
        """
        A contender as ``recommend`` would be asked for it, in the hope that graphs take no memory.
        """
        entry = known().entries[contender.model.id]
        asked = self._asked(self._context(entry), contender.answers)
        return self._advice(entry).problem(self._machine, asked).changed(hopeful=True)

    def _advice(self, entry: Entry) -> Advice:
        """
        What recommends a model; it is kept with what it works out, until the answer is complete.
        """
        found = self._loaded.get(entry.id)
        if found is None:
            engine, before = self._wishes.engine, self._asked_before
            model = on_this_disk(of_catalog(entry) if before is None else before.model(entry), self._machine)
            found = self._loaded[entry.id] = Advice(
                model,
                commands_for(self._machine, engine),
                abilities=self._site.abilities,
                estimator=None if before is None else before.estimator(model),
            )
        return found

    def _is_wished(self, problem: "Problem", candidate: "Candidate") -> bool:
        wishes = self._wishes
        if wishes.only_gpu and not candidate.is_whole(problem.estimator):
            return False
        if wishes.max_download_bytes is None or is_on_disk(problem.estimator.model, candidate.quant):
            return True
        return problem.estimator.tensor_bytes(candidate.quant) <= wishes.max_download_bytes

    def _row(self, hoped: Placing) -> Fitting | None:
        """
        What ``recommend`` says of a model that is hoped to run, None where by exact figures it does not.
        """
        engine, free = (
            self._wishes.engine,
            not self._wishes.only_gpu and self._wishes.max_download_bytes is None,
        )
        advice = self._advice(known().entries[hoped.contender.model.id])
        problem = hoped.problem.changed(hopeful=False)
        if free:
            found = advice.first(problem, self._machine, hoped.problem)
        else:
            found = advice.first(problem, self._machine, None, lambda one: self._is_wished(problem, one))
        if found is None or found[0].quality.usable is not True:
            return None
        candidate, choice = found
        exact = weighed(hoped.contender, problem, candidate)
        return Fitting(
            model=hoped.contender.model,
            capability=exact.capability,
            points=round(exact.points, 2),
            answers=hoped.contender.answers,
            reads_as=_here(exact, self._wishes.use),
            choice=completed(choice, advice.model, self._machine, engine),
            why=explain.why(exact),
        )

    def _next(self, rows: tuple[Fitting, ...], beyond: Iterable[Contender]) -> Message | None:
        """
        What the next model worth having would take: of those better than all listed that do not fit, the nearest.
        """
        best = max((row.capability.low for row in rows), default=0.0)
        better = [one for one in beyond if one.best is not None and one.best.low >= best + WORTH_HAVING]
        if not better:
            return None
        nearest = min(better, key=lambda one: one.weights.parameters)
        problem = self._problem(nearest).changed(hopeful=False)
        # How much is missing is said from the safe side, which costs no graph.
        rough = problem.changed(estimator=Estimator(problem.estimator.model, rough=True))
        quant, missing = shortfall(rough)
        return None if missing is None else explain.next_model(nearest, quant, missing)


def _here(placing: Placing, use: Use) -> float:
    """
    The score of the reference test that is left of a model in its quantization.
    """
    found = placing.capability
    lost = POINTS_PER_DOUBLING * of_loss(placing.candidate.quality.value, "balanced")
    left = capability.reads_as_of(use, found.index - lost)
    return round(left, 0 if found.unit == "Elo" else 1)


def _begins(name: str, beginnings: tuple[str, ...]) -> bool:
    return not beginnings or name.lower().startswith(tuple(one.lower() for one in beginnings))


def _months(released: str | None) -> int:
    """
    A month as a number, 0 where it is unknown.
    """
    return int((released or "0").replace("-", "")[:6])


def _likely(row: Fitting) -> float:
    speed = row.choice.speed.generation_tokens_per_s
    return 0.0 if speed is None else speed.likely


def _hoped_speed(placing: Placing) -> float:
    speed = placing.candidate.speed.generation_tokens_per_s
    return 0.0 if speed is None else speed.likely


_RANKINGS: dict[Order, Ranking] = {
    "points": Ranking(hoped=lambda one: one.points, exact=lambda row: row.points, bounded=True),
    "capability": Ranking(hoped=lambda one: one.capability.low, exact=lambda row: row.capability.low),
    "speed": Ranking(hoped=_hoped_speed, exact=_likely),
    "size": Ranking(
        hoped=lambda one: -one.contender.weights.parameters, exact=lambda row: -row.model.parameters
    ),
    "released": Ranking(
        hoped=lambda one: _months(one.contender.model.released), exact=lambda row: _months(row.model.released)
    ),
}
"""What rows are sorted by."""
