"""
What would help a machine most: each change is searched for on the changed machine, by ``recommend`` or by ``fit``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, get_args

from llmprobe import engines
from llmprobe.advise.explain.notes import findings
from llmprobe.advise.fit.contender import POINTS_PER_DOUBLING
from llmprobe.advise.recommend import Advice, machine_in_short
from llmprobe.advise.upgrade.bought import more_ram, other_cards
from llmprobe.advise.upgrade.change import Change
from llmprobe.advise.upgrade.free import free_changes
from llmprobe.advise.upgrade.judge import for_less, in_order, judged, second_card, unknown_repairs, verdict
from llmprobe.estimation.kept import estimator_of
from llmprobe.facts import given
from llmprobe.facts.estimate import ModelInEstimate, model_in_estimate
from llmprobe.facts.fit import Use
from llmprobe.facts.recommendation import Wishes
from llmprobe.facts.upgrade import Reached, Step, Upgrade, UpgradeWishes
from llmprobe.machine.form import no_card, no_ram
from llmprobe.model.installed import on_this_disk
from llmprobe.tasks import fit, plan
from llmprobe.tasks.arguments import check_machine, check_model, context_of
from llmprobe.tasks.asked import Asked
from llmprobe.tasks.machines import probe
from llmprobe.tasks.models import quant_name
from llmprobe.tasks.recommend import commands_for, completed
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.facts.machine import Snapshot
    from llmprobe.facts.model import ModelSpec

ENGINE = engines.DEFAULT_ENGINE

MOST_RAM_TRIED = 4
"""Sizes of RAM that are tried for a model that does not run."""


def wishes_of(
    model: "ModelSpec | None" = None,
    *,
    use: Use = "chat",
    ctx_size: int | None = None,
    quants: str | Sequence[str] = (),
    min_speed: float | None = None,
    reserve_bytes: int | None = None,
) -> UpgradeWishes:
    """
    What a program asks for, each wish checked.

    Raises:
        UsageError: one is of another kind or out of range.
    """
    given.one_of("use", use, get_args(Use))
    size = None if ctx_size is None else given.count("ctx_size", ctx_size, least=1, most=2**31 - 1)
    if model is not None and size is not None:
        check_model(model)
        size = context_of(model, size)
    return UpgradeWishes(
        use=use,
        ctx_size=size,
        quants=tuple(quant_name(quant, model) for quant in given.texts("quants", quants)),
        min_speed=given.least_speed(min_speed),
        reserve_bytes=None if reserve_bytes is None else given.count("reserve_bytes", reserve_bytes),
    )


def upgrade(snapshot: "Snapshot | None", model: "ModelSpec | None", wishes: UpgradeWishes) -> Upgrade:
    """
    What would help this machine most, described by ``api.upgrade``.

    Raises:
        UsageError: the model is none, or llama.cpp does not load it.
    """
    check_machine(snapshot)
    machine = probe() if snapshot is None else snapshot
    question: _Question = _OfCatalog(wishes) if model is None else _OfModel(model, machine, wishes)
    return _answer(machine, wishes, question)


class _Question(Protocol):
    """
    What is asked of each machine. ``scale`` are the points of a doubling, ``needs`` what is needed on cards.
    """

    scale: float
    needs: int | None

    def reached(self, machine: "Snapshot") -> Reached | None: ...

    def model(self, now: Reached | None) -> ModelInEstimate | None: ...


def _answer(machine: "Snapshot", wishes: UpgradeWishes, question: _Question) -> Upgrade:
    now = question.reached(machine)
    steps: list[Step] = []
    # What is bought is compared with the machine after everything that helps and costs nothing.
    tidy, before = machine, now
    for kind in ("repair", "free", "limit", "slot", "power"):
        for change in [one for one in free_changes(tidy) if one.kind == kind]:
            after = None if change.machine is None else question.reached(change.machine)
            step = judged(change, before, after, scale=question.scale)
            steps.append(step)
            if step.helps and change.machine is not None:
                tidy, before = change.machine, after
    done = any(step.helps for step in steps)
    # Whoever has a card that does not work needs no other before that works.
    cards = not unknown_repairs(steps)
    for change in _bought(tidy, before, question, cards=cards):
        after = None if change.machine is None else question.reached(change.machine)
        steps.append(judged(change, before, after, scale=question.scale))
    found = in_order(steps)
    return Upgrade(
        this_machine=machine.this_machine,
        machine=machine_in_short(machine),
        model=question.model(now),
        wishes=wishes,
        now=now,
        verdict=verdict(found, now),
        second_card=second_card(found, no_card(tidy), done=done),
        steps=found,
        findings=findings(machine, Wishes()),
        notes=tuple(_notes(machine, found)),
    )


def _bought(machine: "Snapshot", before: Reached | None, question: _Question, *, cards: bool) -> list[Change]:
    """
    What is tried: of RAM the next size, or for a model that does not run the least with which it does.
    """
    others = list(other_cards(machine, question.needs)) if cards else []
    sizes = list(more_ram(machine, 1 if before is not None else MOST_RAM_TRIED))
    if before is not None:
        return [*sizes, *others]
    enough = next(
        (one for one in sizes if one.machine is not None and question.reached(one.machine) is not None), None
    )
    return [*([enough] if enough is not None else sizes[-1:]), *others]


def _notes(machine: "Snapshot", steps: tuple[Step, ...]) -> list[Message]:
    """
    What must be known to read the answer.
    """
    found = []
    kinds = {step.kind for step in steps}
    why = no_ram(machine)
    if why is not None:
        found.append(message("upgrade.no-ram", why=why))
    if unknown_repairs(steps):
        found.append(message("upgrade.repair-first"))
    if kinds & {"first-card", "equal-card", "other-card", "card-instead"}:
        found.append(message("upgrade.not-seen"))
    if kinds & {"equal-card", "other-card"}:
        found.append(message("plan.nvlink"))
    less = for_less(steps)
    if less is not None:
        found.append(message("upgrade.for-less", name=less.name, outcome=less.outcome))
    if any(step.price is not None for step in steps):
        found.append(message("upgrade.prices"))
    if machine.host.environment in ("vm", "wsl", "container"):
        found.append(message("upgrade.of-the-host"))
    found.append(message("upgrade.compared"))
    return found


class _OfModel:
    """
    One model, as ``recommend`` would run it.
    """

    scale: float = 1.0
    needs: int | None

    def __init__(self, model: "ModelSpec", machine: "Snapshot", wishes: UpgradeWishes) -> None:
        check_model(model)
        self._model = on_this_disk(model, machine)
        self._wishes = Wishes(
            ctx_size=wishes.ctx_size,
            quants=wishes.quants,
            min_speed=wishes.min_speed,
            reserve_bytes=wishes.reserve_bytes,
            top=1,
        )
        self._estimator = estimator_of(self._model)
        self._loaded = engines.not_loaded(ENGINE, model.architecture) is None
        self.needs = self._needs(wishes) if self._loaded else None

    def reached(self, machine: "Snapshot") -> Reached | None:
        if not self._loaded:
            return None
        advice = Advice(self._model, commands_for(machine, ENGINE), abilities=engines.abilities(ENGINE))
        found = advice.first(advice.problem(machine, self._wishes), machine)
        if found is None:
            return None
        candidate, choice = found
        return Reached(
            model=self._model.id,
            model_name=self._model.name,
            choice=completed(choice, self._model, machine, ENGINE),
            points=round(candidate.utility, 3),
        )

    def model(self, now: Reached | None) -> ModelInEstimate:
        quant = now.choice.quant if now is not None else (self._wishes.quants or (self._usual(),))[0]
        return model_in_estimate(self._model, quant, self._estimator.tensor_bytes(quant))

    def _usual(self) -> str:
        return self._model.quant or self._model.published_quant or plan.USUAL_QUANT

    def _needs(self, wishes: UpgradeWishes) -> int:
        """
        What the usual file needs on one card that holds all of it, in bytes.
        """
        quant = wishes.quants[0] if wishes.quants else self._usual()
        asked = plan.wishes_of(self._model, ctx_size=wishes.ctx_size or 8192, quant=quant)
        return plan.needs(self._estimator, asked).gpu_bytes


class _OfCatalog:
    """
    The catalog as a whole, as ``fit`` ranks it for a use.
    """

    scale: float = POINTS_PER_DOUBLING
    needs: int | None = None

    def __init__(self, wishes: UpgradeWishes) -> None:
        self._wishes = fit.wishes_of(
            use=wishes.use,
            ctx_size=wishes.ctx_size,
            min_speed=wishes.min_speed,
            reserve_bytes=wishes.reserve_bytes,
            top=1,
        )
        self._asked = Asked()

    def reached(self, machine: "Snapshot") -> Reached | None:
        best = fit.first(machine, self._wishes, self._asked)
        if best is None:
            return None
        return Reached(
            model=best.model.id,
            model_name=best.model.name,
            choice=best.choice,
            points=best.points,
            reads_as=best.reads_as,
            unit=best.capability.unit,
            test=best.capability.test,
        )

    def model(self, now: Reached | None) -> ModelInEstimate | None:  # noqa: ARG002 - as of one model
        return None
