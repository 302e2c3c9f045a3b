"""
A model on a machine with settings that a person turns: what can be set, and each configuration as ``recommend`` would
describe it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llmprobe import engines
from llmprobe.advise.choose.candidates import quants_for
from llmprobe.advise.recommend import Advice
from llmprobe.estimation.kept import estimator_of
from llmprobe.estimation.options import MOST_SLOTS
from llmprobe.estimation.settings import usual_flash
from llmprobe.facts.estimate import Estimate, trained_context
from llmprobe.facts.recommendation import Choice, UseName, Wishes
from llmprobe.facts.settings import Settings, told
from llmprobe.model.installed import on_this_disk
from llmprobe.site.site import survey
from llmprobe.tasks import recommend
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.advise.choose.problem import Problem
    from llmprobe.advise.choose.weighing import Candidate
    from llmprobe.facts.devices import Device
    from llmprobe.facts.machine import Snapshot
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import Recommendation

CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""What llama.cpp takes as ``-ctk`` and ``-ctv`` (common/arg.cpp)."""

LEAST_CONTEXT, UNKNOWN_CONTEXT = 1024, 131_072
"""The shortest context that is offered, and the longest where it is not known what the model was trained for."""


class Turned(msgspec.Struct, frozen=True, kw_only=True):
    """
    The settings that are turned. ``gpu_layers`` and ``n_cpu_moe`` None leave the placement to the search;
    ``devices`` None leaves it the devices, none of them is the processor alone.
    """

    quant: str
    ctx_size: int
    parallel: int = 1
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    gpu_layers: int | None = None
    n_cpu_moe: int | None = None
    devices: tuple[str, ...] | None = None


class Dials(msgspec.Struct, frozen=True, kw_only=True):
    """
    What each setting can be for a model on a machine. ``experts`` counts the layers with experts, 0 without any.
    """

    quants: tuple[str, ...]
    contexts: tuple[int, ...]
    layers: int
    experts: int
    cache_types: tuple[str, ...]
    most_slots: int
    devices: tuple[tuple[str, ...], ...]


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """
    One configuration as a choice and as an estimate. ``searched`` says that the search placed it.

    ``shortfalls`` are where one that fits takes of the memory that is to stay free.
    """

    turned: Turned
    choice: Choice
    estimate: Estimate
    shortfalls: tuple[Message, ...] = ()
    searched: bool = False


class Adjusting:
    """
    One model on one machine. Every method may be called from several threads.
    """

    def __init__(
        self,
        model: ModelSpec,
        machine: Snapshot,
        *,
        ctx_size: int | None = None,
        use: UseName | None = None,
        engine: str = engines.DEFAULT_ENGINE,
    ) -> None:
        self.engine = engine
        self._wishes = Wishes(ctx_size=ctx_size, use=use, engine=engine)
        self._machine = machine
        self.model = on_this_disk(model, machine)
        self._estimator = estimator_of(self.model)
        self._advice = Advice(
            self.model,
            recommend.commands_for(machine, engine),
            abilities=engines.abilities(engine),
        )
        self._best: Candidate | None = None

    def recommended(self) -> Recommendation:
        """
        What ``recommend`` answers for the model.
        """
        return recommend.recommend(self.model, self._machine, self._wishes, measure=False)

    def dials(self) -> Dials:
        """
        What each setting can be, the least first. Devices are the sets that can be used together.
        """
        site = survey(self._machine, Wishes())
        longest = trained_context(self.model) or UNKNOWN_CONTEXT
        contexts = [size for size in (LEAST_CONTEXT << step for step in range(21)) if size < longest]
        sets = (tuple(each.id for each in devices) for devices in site.device_sets)
        return Dials(
            quants=tuple(reversed(quants_for(self._estimator, Wishes()))),
            contexts=(*contexts, longest),
            layers=self._estimator.total_layers,
            experts=self._estimator.n_layer if self._estimator.is_moe else 0,
            cache_types=CACHE_TYPES,
            most_slots=MOST_SLOTS,
            devices=tuple(dict.fromkeys(sets)),
        )

    def first(self, recommendation: Recommendation) -> Configuration:
        """
        The configuration to begin with: the first choice as it was recommended, or one of the smallest file where
        nothing fits.
        """
        if not recommendation.choices:
            wanted = recommendation.wishes.ctx_size or LEAST_CONTEXT
            return self.configuration(Turned(quant=self.dials().quants[0], ctx_size=wanted))
        best = recommendation.choices[0]
        turned = Turned(
            quant=best.quant,
            ctx_size=best.ctx_size,
            parallel=best.parallel,
            cache_type_k=best.cache_type_k,
            cache_type_v=best.cache_type_v,
        )
        found = self.configuration(turned)
        # The same, with the reasons why it is the first of all.
        return msgspec.structs.replace(found, choice=best) if found.searched else found

    def configuration(self, turned: Turned, base: Settings | None = None) -> Configuration:
        """
        What comes of these settings. Where the placement is turned, ``base`` has the others that the search decides.

        Raises:
            UsageError: a setting is out of range.
            RefusedError: llama.cpp refuses them for this model.
        """
        problem = self._problem(turned)
        if turned.gpu_layers is None and turned.n_cpu_moe is None:
            found = self._searched(problem, turned)
            if found is not None:
                return found
        return self._turned(problem, turned, base)

    def _problem(self, turned: Turned) -> Problem:
        wishes = msgspec.structs.replace(
            self._wishes,
            ctx_size=turned.ctx_size,
            parallel=turned.parallel,
            quants=(turned.quant,),
            cache_type_k=turned.cache_type_k,
            cache_type_v=turned.cache_type_v,
            top=1,
        )
        problem = self._advice.problem(self._machine, wishes)
        if turned.devices is None:
            return problem
        sets = tuple(
            one for one in problem.site.device_sets if tuple(each.id for each in one) == turned.devices
        )
        return problem.changed(site=msgspec.structs.replace(problem.site, device_sets=sets or ((),)))

    def _searched(self, problem: Problem, turned: Turned) -> Configuration | None:
        """
        The settings with the best placement, None where none fits.
        """
        found = self._advice.first(problem, self._machine)
        if found is None:
            return None
        candidate, choice = found
        if self._best is None:
            self._best = candidate
        _, _, estimate = self._advice.given(
            problem, self._machine, candidate.quant, candidate.settings, candidate.devices
        )
        return Configuration(
            turned=turned,
            choice=self._completed(choice),
            estimate=estimate,
            searched=True,
        )

    def _turned(self, problem: Problem, turned: Turned, base: Settings | None) -> Configuration:
        """
        The settings with the placement that was turned; of none that fits, all on devices or nothing there, of which
        less lacks.
        """
        devices = problem.site.device_sets[0]
        if turned.gpu_layers is not None or turned.n_cpu_moe is not None:
            return self._at(problem, turned, devices, self._settings(turned, devices, base))
        settings = self._settings(turned, devices, base)
        tried = [
            self._at(problem, turned, devices, msgspec.structs.replace(settings, gpu_layers=layers))
            for layers in (self._estimator.total_layers, 0)
        ]
        return min(tried, key=lambda one: one.estimate.missing_bytes or 0)

    def _settings(self, turned: Turned, devices: tuple[Device, ...], base: Settings | None) -> Settings:
        usual = Settings(flash_attn=usual_flash(self.model.architecture))
        settings = usual if base is None else Settings(**told(base))
        if turned.n_cpu_moe is not None:
            settings = msgspec.structs.replace(settings, n_cpu_moe=turned.n_cpu_moe, cpu_moe_layers=())
        if len(settings.tensor_split) != len(devices):
            settings = msgspec.structs.replace(settings, tensor_split=())
        layers = settings.gpu_layers if turned.gpu_layers is None else turned.gpu_layers
        if layers is not None and layers < self._estimator.total_layers and settings.split_mode == "tensor":
            # What splits every layer leaves none on the host.
            settings = msgspec.structs.replace(settings, split_mode="layer")
        return msgspec.structs.replace(
            settings,
            ctx_size=turned.ctx_size,
            parallel=turned.parallel,
            cache_type_k=turned.cache_type_k,
            cache_type_v=turned.cache_type_v,
            gpu_layers=layers if devices else 0,
            kv_offload=settings.kv_offload or not devices,
        )

    def _at(
        self, problem: Problem, turned: Turned, devices: tuple[Device, ...], settings: Settings
    ) -> Configuration:
        _, choice, estimate = self._advice.given(
            problem, self._machine, turned.quant, settings, devices, beside=self._best
        )
        totals = {each.id: each.total_bytes for each in choice.devices}
        site = problem.site
        return Configuration(
            turned=turned,
            choice=self._completed(choice),
            estimate=estimate,
            shortfalls=tuple(
                message(
                    "explore.short",
                    where=short.where,
                    missing_bytes=short.missing_bytes,
                    reserve_bytes=site.reserve_bytes,
                )
                for short in (site.shortfalls(totals) if estimate.fits else ())
            ),
        )

    def _completed(self, choice: Choice) -> Choice:
        return recommend.completed(choice, self.model, self._machine, self.engine)
