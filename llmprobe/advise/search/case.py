"""
What is to be placed and where, and what came of it.
"""

import msgspec

from llmprobe.advise.search.layouts import Layout
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.settings import Device, Placement, Workload
from llmprobe.site.site import Shortfall, Site


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """
    A placement that fits, what each device then holds, and the time for a token that it was chosen by.
    """

    placement: Placement
    totals: dict[str, int]
    seconds: float = 0.0


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """
    That nothing fits, and what the placement that misses least still lacks.
    """

    shortfalls: tuple[Shortfall, ...]

    @property
    def known(self) -> bool:
        """
        Tell whether it is known how much is free wherever something lacks.
        """
        return all(short.known for short in self.shortfalls)

    @property
    def missing_bytes(self) -> int:
        """
        How much more memory would have to be free. A shared shortfall contains that of its device.
        """
        shared = [short.missing_bytes for short in self.shortfalls if short.where == "shared"]
        return max(
            [sum(short.missing_bytes for short in self.shortfalls if short.where != "shared"), *shared]
        )


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is to be placed, and where.
    """

    estimator: Estimator
    quant: str
    workload: Workload
    devices: tuple[Device, ...]
    site: Site
    kv_offload: bool = True

    def placement(self, gpu_layers: int | None, **more: object) -> Placement:
        """
        Return a placement on the devices of the case.
        """
        placement = Placement(
            devices=self.devices,
            gpu_layers=gpu_layers,
            kv_offload=self.kv_offload or not self.devices,
            cpu=self.site.cpu,
        )
        return msgspec.structs.replace(placement, **more)

    def totals(self, placement: Placement, *, exact: bool = False) -> dict[str, int]:
        """
        Return what each device holds.
        """
        return self.estimator.totals(self.quant, self.workload, placement, exact=exact)

    def judged(self, placement: Placement, totals: dict[str, int], seconds: float = 0.0) -> Placed | Misfit:
        """
        Return a placement as one that fits, or what it lacks.
        """
        shortfalls = self.site.shortfalls(totals)
        if shortfalls:
            return Misfit(shortfalls=shortfalls)
        return Placed(placement=placement, totals=totals, seconds=seconds)

    def without_compute(self, placement: Placement) -> dict[str, int]:
        """
        Return what each device holds but for compute buffers.
        """
        return self.estimator.without_compute(self.quant, self.workload, placement)

    def laid_out(self, layout: Layout) -> Placement:
        """
        Return a layout as the engine is told it: experts of the first layers by number, those of others by layer.
        """
        n_cpu_moe, others = 0, tuple(layer for run in layout.kept for layer in run)
        if layout.plain and layout.kept:
            n_cpu_moe, others = layout.kept[0].stop, ()
        shares = tuple(float(count) for count in layout.counts)
        return self.placement(
            layout.gpu_layers,
            n_cpu_moe=n_cpu_moe,
            cpu_moe_layers=others,
            tensor_split=shares if len(shares) > 1 and self.site.abilities.tensor_split else (),
        )
