"""
What is to be placed and where, and what came of it.
"""

from collections.abc import Hashable

import msgspec

from llmprobe.advise.search.layouts import Layout, Measured, Rooms
from llmprobe.advise.search.ledger import Ledger
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.memory.kv_cache import cells
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings
from llmprobe.site.site import Shortfall, Site
from llmprobe.words.message import Message


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """
    A placement that fits, what each device then holds, and the time for a token that it was chosen by.
    """

    settings: Settings
    hardware: Hardware
    totals: dict[str, int]
    seconds: float = 0.0


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """
    That nothing fits, and what the placement that misses least still lacks. ``why`` is another reason than memory.
    """

    shortfalls: tuple[Shortfall, ...]
    why: Message | None = None

    @property
    def known(self) -> bool:
        """
        Whether it is known how much is free wherever something lacks.
        """
        return all(short.known for short in self.shortfalls)

    @property
    def missing_bytes(self) -> int:
        """
        How much more memory would have to be free.
        """
        return sum(short.missing_bytes for short in self.largest)

    @property
    def largest(self) -> tuple[Shortfall, ...]:
        """
        Where most is missing: what host and device share, or they themselves. One contains the other.
        """
        shared = tuple(short for short in self.shortfalls if short.where == "shared")
        apart = tuple(short for short in self.shortfalls if short.where != "shared")
        return max((shared, apart), key=lambda some: sum(short.missing_bytes for short in some))


class Summed(msgspec.Struct, frozen=True):
    """
    The sums of a ledger, and the layouts measured by them: by rooms, and whether experts may stay on the host.
    """

    ledger: Ledger
    layouts: dict[tuple[Rooms, bool], Measured]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is to be placed, and where. ``kept`` are the sums of other cases of the same estimator and site.
    """

    estimator: Estimator
    quant: str
    settings: Settings
    devices: tuple[Device, ...]
    site: Site
    kept: dict[Hashable, Summed] = msgspec.field(default_factory=dict)

    @property
    def hardware(self) -> Hardware:
        return Hardware(devices=self.devices, cpu=self.site.cpu)

    def summed(self) -> Summed:
        """
        The sums of the layers, made once for all micro-batches: those change nothing but the cells of a window.
        """
        run = self.estimator.setup(self.settings).settings
        windows = tuple(cells(cache, run, run.ubatch_size) for cache in self.estimator.layout.kv)
        settings = msgspec.structs.replace(
            self.settings, batch_size=Settings().batch_size, ubatch_size=Settings().ubatch_size
        )
        key = (self.quant, settings, windows, self.devices)
        found = self.kept.get(key)
        if found is None:
            ledger = Ledger(self.estimator, self.quant, self.settings, self.devices, self.site)
            found = self.kept[key] = Summed(ledger, {})
        return found

    def placed(
        self,
        gpu_layers: int | None,
        *,
        n_cpu_moe: int = 0,
        cpu_moe_layers: tuple[int, ...] = (),
        tensor_split: tuple[float, ...] = (),
    ) -> Settings:
        """
        The settings of the case with a placement.
        """
        return msgspec.structs.replace(
            self.settings,
            gpu_layers=gpu_layers,
            n_cpu_moe=n_cpu_moe,
            cpu_moe_layers=cpu_moe_layers,
            tensor_split=tensor_split,
            kv_offload=self.settings.kv_offload or not self.devices,
        )

    def totals(self, settings: Settings, *, exact: bool = False) -> dict[str, int]:
        """
        What each device holds.
        """
        return self.estimator.totals(self.quant, settings, self.hardware, exact=exact)

    def judged(self, settings: Settings, totals: dict[str, int], seconds: float = 0.0) -> Placed | Misfit:
        """
        A placement as one that fits, or what it lacks.
        """
        shortfalls = self.site.shortfalls(totals)
        if shortfalls:
            return Misfit(shortfalls=shortfalls)
        return Placed(settings=settings, hardware=self.hardware, totals=totals, seconds=seconds)

    def without_compute(self, settings: Settings) -> dict[str, int]:
        """
        What each device holds but for compute buffers.
        """
        return self.estimator.without_compute(self.quant, settings, self.hardware)

    def laid_out(self, layout: Layout) -> Settings:
        """
        A layout as the engine is told it: experts of the first layers by number, those of others by layer.
        """
        n_cpu_moe, others = 0, tuple(layer for run in layout.kept for layer in run)
        if layout.plain and layout.kept:
            n_cpu_moe, others = layout.kept[0].stop, ()
        shares = tuple(float(count) for count in layout.counts)
        return self.placed(
            layout.gpu_layers,
            n_cpu_moe=n_cpu_moe,
            cpu_moe_layers=others,
            tensor_split=shares if len(shares) > 1 and self.site.abilities.tensor_split else (),
        )
