"""
From a model, a machine and wishes to a recommendation: the best choice, what else is possible, and what is not.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from llmprobe.advise.choose.candidates import find, quants_for
from llmprobe.advise.choose.context import in_force
from llmprobe.advise.choose.leading import Leading
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.ranking import ranked
from llmprobe.advise.choose.settle import settled
from llmprobe.advise.choose.shown import Shown, disk_first, is_on_disk, shown
from llmprobe.advise.choose.waited import waited
from llmprobe.advise.choose.weighing import Candidate, weigh
from llmprobe.advise.explain import notes, verdict
from llmprobe.advise.explain.changes import changes
from llmprobe.advise.explain.drafting import of_drafting
from llmprobe.advise.explain.hurdles import behind, hurdle
from llmprobe.advise.explain.nearest import Relatives, faster, nearest
from llmprobe.advise.explain.reasons import details, experts_resident, reasons, weighed
from llmprobe.advise.search.case import Misfit, Placed
from llmprobe.errors import UsageError
from llmprobe.estimation.document import cache_warnings, recipe_notes
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.kept import estimator_of
from llmprobe.estimation.speed.loading import loading_of
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.engine import Abilities
from llmprobe.facts.estimate import Estimate, ModelInEstimate, model_in_estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import (
    Choice,
    Label,
    MachineInShort,
    Recommendation,
    Rejected,
    Wishes,
)
from llmprobe.facts.settings import Settings, told
from llmprobe.model import archs
from llmprobe.site.site import survey
from llmprobe.words.message import Message, message

Command = Callable[[Choice, ModelSpec, str | None], str | None]
"""Prints a choice for an engine, None where it cannot; the last argument is the backend of the devices in use."""

EVERYTHING = Abilities()
"""Everything that llama.cpp can be given."""


class Advice:
    """
    Recommendations of one model, whose estimator every question about it shares.
    """

    def __init__(
        self,
        model: ModelSpec,
        commands: Mapping[str, Command],
        relatives: Relatives = tuple,
        abilities: Abilities = EVERYTHING,
        estimator: Estimator | None = None,
    ) -> None:
        self._model = model
        self._commands = commands
        self._relatives = relatives
        self._abilities = abilities
        self._estimator = estimator or estimator_of(model)

    @property
    def model(self) -> ModelSpec:
        """The model that is asked about."""
        return self._model

    def problem(self, snapshot: Snapshot, wishes: Wishes) -> Problem:
        """
        The question for this machine and these wishes.

        Raises:
            UsageError: the context is negative, or there is less than one slot.
        """
        if wishes.parallel < 1:
            raise UsageError(message("error.slots", given=wishes.parallel), hint=message("hint.slots"))
        if self._estimator.is_moe and (least := self._abilities.own_fit_bytes) is not None:
            wishes = msgspec.structs.replace(wishes, reserve_bytes=max(wishes.reserve_bytes or 0, least))
        site = msgspec.structs.replace(survey(snapshot, wishes), abilities=self._abilities)
        return Problem(self._estimator, site, wishes, in_force(self._model, wishes))

    def answer(
        self, snapshot: Snapshot, wishes: Wishes, *, explain: bool = False, compare: bool = False
    ) -> Recommendation:
        """
        The ways to run the model on this machine, best first; to ``explain`` what would change it takes more searches.
        To ``compare`` adds every candidate as a point.

        Raises:
            UsageError: the context is negative, or there is less than one slot.
        """
        problem = self.problem(snapshot, wishes)
        if self._is_unknown:
            return self._not_loaded(problem, snapshot)
        candidates, rejected, misfits = find(problem)
        wanted, excluded, chosen = self._chosen(problem, candidates)
        rejected += excluded
        best = chosen[0][1] if chosen else None
        choices = tuple(
            self._choice(problem, label, candidate, best or candidate, snapshot)
            for label, candidate in chosen
        )
        freed = tuple(notes.freed(problem, best, snapshot))
        answer = Recommendation(
            this_machine=snapshot.this_machine,
            model=self._in_short(choices[0].quant if choices else next(iter(misfits), "")),
            machine=machine_in_short(snapshot),
            wishes=msgspec.structs.replace(wishes, ctx_size=problem.ctx_size),
            choices=choices,
            verdict=choices[0].verdict if choices else verdict.of_no(problem, rejected, misfits),
            rejected=tuple(rejected),
            nearest=self._nearest(problem, wanted, misfits),
            balance=weighed(problem, [one for _, one in chosen]),
            findings=notes.findings(snapshot, wishes),
            notes=(*freed, *self._notes(problem, chosen, candidates, snapshot)),
            warnings=(*self._warnings, *self._of_caches(chosen)),
        )
        if compare:
            # Imported only here: a page alone shows all of them.
            from llmprobe.advise.points import points

            every = tuple(points(problem, (*wanted, *candidates), chosen, rejected))
            answer = msgspec.structs.replace(answer, points=every)
        if not explain or not choices:
            return answer
        again = Advice(self._model, {}, abilities=self._abilities).answer
        found = changes(problem, snapshot, answer, again, freed_is_noted=bool(freed))
        return msgspec.structs.replace(answer, changes=found)

    def first(
        self,
        problem: Problem,
        snapshot: Snapshot,
        hopeful: Problem | None = None,
        allowed: Callable[[Candidate], bool] | None = None,
    ) -> tuple[Candidate, Choice] | None:
        """
        The first choice of ``answer``, and how it was weighed, without what is said beside it; None where none fits.

        What a ``hopeful`` problem of the same found is not looked for again. Of candidates that must be ``allowed`` all
        are placed.
        """
        if self._is_unknown:
            return None
        if allowed is None:
            candidates = Leading(problem, hopeful).candidates
        else:
            candidates = [one for one in find(problem)[0] if allowed(one)]
        _, _, chosen = self._chosen(problem, candidates)
        if not chosen:
            return None
        (label, best), *_ = chosen
        return best, self._choice(problem, label, best, best, snapshot, hopeful)

    def _chosen(
        self, problem: Problem, candidates: list[Candidate]
    ) -> tuple[list[Candidate], list[Rejected], Shown]:
        """
        The candidates that meet the wishes, best first, what is excluded, and those that are shown.
        """
        wanted, excluded = ranked(problem, candidates)
        return (
            wanted,
            excluded,
            settled(problem, disk_first(self._model, wanted, shown(wanted, problem.wishes, problem.use))),
        )

    def _not_loaded(self, problem: Problem, snapshot: Snapshot) -> Recommendation:
        """
        The answer "no" for an architecture that the engine does not load.
        """
        wishes, architecture = problem.wishes, self._model.architecture
        why = message("rejected.not-loaded", engine=wishes.engine, architecture=architecture)
        return Recommendation(
            this_machine=snapshot.this_machine,
            model=self._in_short(self._model.quant or ""),
            machine=machine_in_short(snapshot),
            wishes=msgspec.structs.replace(wishes, ctx_size=problem.ctx_size),
            choices=(),
            verdict=message("verdict.not-loaded", engine=wishes.engine, architecture=architecture),
            rejected=(Rejected(what=self._model.name, why=why),),
            nearest=(message("nearest.estimate", engine=wishes.engine),),
            findings=notes.findings(snapshot, wishes),
            notes=tuple(self._model.notes),
            warnings=self._warnings,
        )

    def _nearest(
        self, problem: Problem, wanted: list[Candidate], misfits: Mapping[str, Misfit]
    ) -> tuple[Message, ...]:
        if not wanted or not wanted[0].quality.usable:
            found = nearest(problem, misfits, self._relatives)
            # Other models fit no better where it is not known what is free.
            known = all(misfit.known for misfit in misfits.values())
            return (*found, message("nearest.fit")) if known else found
        if wanted[0].ranking_speed < verdict.COMFORTABLE_TOKENS_PER_S:
            return faster(problem, wanted[0], self._relatives)
        return ()

    def _notes(
        self, problem: Problem, chosen: Shown, candidates: list[Candidate], snapshot: Snapshot
    ) -> Iterable[Message]:
        is_moe, abilities = problem.estimator.is_moe, self._abilities
        yield from self._model.notes
        yield from notes.of_folder(problem)
        yield from notes.of_context(self._model, problem.wishes)
        rules = [problem.estimator.recipe(quant) for quant in quants_for(problem.estimator, problem.wishes)]
        shown_quants = {candidate.quant for _, candidate in chosen}
        yield from recipe_notes(
            *(rule for rule in rules if rule is not None and (not rule.plain or rule.name in shown_quants))
        )
        yield from problem.site.notes
        yield from abilities.notes
        if is_moe:
            yield from abilities.notes_on_experts
        if is_moe and not candidates:
            yield experts_resident(problem)
        if problem.wishes.engine == "llama.cpp" and self._commands:
            yield from of_drafting(problem, [one for _, one in chosen])
        if any(candidate.settings.split_mode == "tensor" for _, candidate in chosen):
            yield message("note.tensor-split-not-fitted")
        yield from notes.of_speed(problem, snapshot, [one for _, one in chosen])
        yield from notes.of_min_speed(problem.wishes, [one for _, one in chosen])

    @property
    def _is_unknown(self) -> bool:
        return archs.get(self._model.architecture) is None

    @property
    def _warnings(self) -> tuple[Message, ...]:
        if not self._is_unknown:
            return ()
        return (message("warning.architecture-unknown", architecture=self._model.architecture),)

    @staticmethod
    def _of_caches(chosen: Shown) -> tuple[Message, ...]:
        """
        What is slow about the cache types of the first choice on its devices.
        """
        if not chosen:
            return ()
        _, best = chosen[0]
        settings = best.settings
        used = tuple(device.backend for device in best.devices)
        return cache_warnings(settings.cache_type_k, settings.cache_type_v, settings.flash_attn, used)

    def given(
        self,
        problem: Problem,
        snapshot: Snapshot,
        quant: str,
        settings: Settings,
        devices: tuple[Device, ...],
        *,
        beside: Candidate | None = None,
    ) -> tuple[Candidate, Choice, Estimate]:
        """
        One configuration that need not fit, with its estimate. Its reason is what it changes ``beside`` another.

        Raises:
            RefusedError: llama.cpp refuses these settings for this model.
        """
        placed = Placed(
            settings=settings, hardware=Hardware(devices=devices, cpu=problem.site.cpu), totals={}
        )
        candidate = weigh(problem, quant, placed)
        choice, estimate = self._described(problem, "alternative", candidate, snapshot)
        why = () if beside is None else reasons(problem, candidate, beside)
        return candidate, msgspec.structs.replace(choice, reasons=why), estimate

    def _choice(
        self,
        problem: Problem,
        label: Label,
        candidate: Candidate,
        best: Candidate,
        snapshot: Snapshot,
        hopeful: Problem | None = None,
    ) -> Choice:
        choice, estimate = self._described(problem, label, candidate, snapshot)
        return msgspec.structs.replace(
            choice,
            verdict=behind(
                hurdle(snapshot, estimate.devices, mmap=estimate.settings.mmap),
                verdict.of_choice(problem, candidate),
            ),
            reasons=reasons(problem, candidate, best, hopeful),
            details=details(problem, candidate, best),
            fits=True,
        )

    def _described(
        self, problem: Problem, label: Label, candidate: Candidate, snapshot: Snapshot
    ) -> tuple[Choice, Estimate]:
        """
        A configuration without what is said for it: what it takes, how fast it is, what it loses, its commands.
        """
        site = problem.site
        backend = candidate.devices[0].backend if candidate.devices else None
        estimate = problem.estimator.estimate(
            candidate.quant,
            candidate.settings,
            candidate.placed.hardware,
            budgets=site.pool_budgets(),
            this_machine=False,
            speed=candidate.speed,
        )
        model, quant = self._model, candidate.quant
        choice = Choice(
            label=label,
            quant=quant,
            **told(estimate.settings),
            total_layers=problem.estimator.total_layers,
            devices=estimate.devices,
            fits=estimate.fits is True,
            speed=waited(problem, candidate),
            quality=candidate.quality,
            reasons=(),
            commands={},
            use_devices=site.named(candidate.devices),
            device_numbers=site.numbers(candidate.devices),
            environment=site.environment(candidate.devices),
            leaves_devices=site.unsure and not candidate.devices,
            download_bytes=None
            if model.path and quant == model.quant
            else problem.estimator.tensor_bytes(quant),
            on_disk=model.path if is_on_disk(model, quant) else None,
            projector=estimate.projector,
            draft=estimate.draft,
            time=problem.use.time(candidate.speed),
            loading=loading_of(
                snapshot.host.measurement,
                problem.estimator.tensor_bytes(quant),
                model.path if is_on_disk(model, quant) else None,
                estimate.devices,
                candidate.devices,
            ),
        )
        lines = {engine: command(choice, model, backend) for engine, command in self._commands.items()}
        printed = {engine: line for engine, line in lines.items() if line is not None}
        return msgspec.structs.replace(choice, commands=printed), estimate

    def _in_short(self, quant: str) -> ModelInEstimate:
        return model_in_estimate(self._model, quant, self._estimator.tensor_bytes(quant) if quant else 0)


def machine_in_short(snapshot: Snapshot) -> MachineInShort:
    """
    A machine as far as an answer shows it.
    """
    return MachineInShort(
        origin=snapshot.origin,
        cpu=snapshot.host.cpu.name,
        ram_bandwidth_bytes_per_s=snapshot.host.ram_bandwidth_bytes_per_s,
        ram_bandwidth_basis=snapshot.host.ram_bandwidth_basis,
        pools=snapshot.pools,
        accelerators=snapshot.accelerators,
    )


def recommend(
    model: ModelSpec,
    snapshot: Snapshot,
    wishes: Wishes,
    commands: Mapping[str, Command],
    relatives: Relatives = tuple,
    abilities: Abilities = EVERYTHING,
    *,
    explain: bool = False,
    compare: bool = False,
) -> Recommendation:
    """
    The ways to run the model on this machine, best first; none is the answer "no".

    ``commands`` prints a choice for each engine, and ``abilities`` is what the engine can be given. ``relatives``
    gives smaller models of the family, asked only when nothing fits. ``explain`` adds what would change the answer,
    ``compare`` every candidate.

    Raises:
        UsageError: the context is negative, or there is less than one slot.
    """
    return Advice(model, commands, relatives, abilities).answer(
        snapshot, wishes, explain=explain, compare=compare
    )
