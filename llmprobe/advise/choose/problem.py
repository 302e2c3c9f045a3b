"""
One problem of advice: a model, a machine and wishes, and every placement that was found for them.

Search, choice and explanation hand the same problem down, so that what explains a choice reads what the search found.
"""

from collections.abc import Hashable
from typing import Any

import msgspec

from llmprobe.advise.choose.use import use_of
from llmprobe.advise.search.by_tensors import by_tensors
from llmprobe.advise.search.case import Case, Misfit, Placed, Summed
from llmprobe.advise.search.place import hoped, place
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.devices import Device
from llmprobe.facts.recommendation import Wishes
from llmprobe.facts.settings import Settings
from llmprobe.site.site import Site


class Problem:
    """
    A model to be run on a machine as wished, for a ``use``, with ``ctx_size`` tokens over all slots.

    A ``hopeful`` one places as if no graph took memory: what fits is no less, and no placement that fits is faster.
    """

    __slots__ = ("_placed", "_summed", "ctx_size", "estimator", "hopeful", "site", "use", "wishes")

    def __init__(
        self, estimator: Estimator, site: Site, wishes: Wishes, ctx_size: int, *, hopeful: bool = False
    ) -> None:
        self.estimator = estimator
        self.site = site
        self.wishes = wishes
        self.ctx_size = ctx_size
        self.hopeful = hopeful
        self.use = use_of(estimator.model, wishes, generates=estimator.generates)
        self._summed: dict[Hashable, Summed] = {}
        self._placed: dict[tuple[str, Settings, tuple[Device, ...]], Placed | Misfit] = {}

    def changed(
        self,
        *,
        estimator: Estimator | None = None,
        site: Site | None = None,
        ctx_size: int | None = None,
        hopeful: bool | None = None,
        **wishes: Any,
    ) -> "Problem":
        """
        The problem of another model, on another site, for another context or for other wishes.
        """
        return Problem(
            estimator or self.estimator,
            site or self.site,
            msgspec.structs.replace(self.wishes, **wishes) if wishes else self.wishes,
            self.ctx_size if ctx_size is None else ctx_size,
            hopeful=self.hopeful if hopeful is None else hopeful,
        )

    @property
    def loads_projector(self) -> bool:
        """
        Whether the model is loaded with a projector.
        """
        return self.wishes.mmproj != "none" and self.estimator.projectors.loaded

    def moved_projector(self, settings: Settings, devices: tuple[Device, ...]) -> bool:
        """
        Whether a search left the projector to the processor, where there are devices and nobody asked for that.
        """
        there = settings.mmproj_offload and bool(devices)
        return (
            self.loads_projector
            and not there
            and self.wishes.mmproj_offload is None
            and any(self.site.device_sets)
        )

    def case(self, quant: str, settings: Settings, devices: tuple[Device, ...]) -> Case:
        """
        One quantization to be placed on these devices; an earlier placement in the settings does not count.
        """
        return Case(
            estimator=self.estimator,
            quant=quant,
            settings=msgspec.structs.replace(
                settings, gpu_layers=None, n_cpu_moe=0, cpu_moe_layers=(), tensor_split=()
            ),
            devices=devices,
            site=self.site,
            kept=self._summed,
        )

    def place(self, quant: str, settings: Settings, devices: tuple[Device, ...]) -> Placed | Misfit:
        """
        The best placement on these devices, searched for once.
        """
        case = self.case(quant, settings, devices)
        key = (quant, case.settings, devices)
        found = self._placed.get(key)
        if found is None:
            if settings.split_mode == "tensor":
                found = by_tensors(case, hopeful=self.hopeful)
            else:
                found = hoped(case) if self.hopeful else place(case)
            self._placed[key] = found
        return found
