"""
What each layer takes and how long it takes for a token, on every device and on the host: sums for a search.

Bytes and seconds of layers add up, and what else a device holds depends on the kind of a placement alone. So the
thousands of placements that a search looks at are differences of running sums. What it finds is estimated again
by the estimator.
"""

from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import TypeVar

import msgspec

from llmprobe.data import table
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.memory.kv_cache import attention_operations
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.speed.parts import CPU, Share, device_part, host_part
from llmprobe.estimation.speed.ranking import DEVICE_BANDWIDTH
from llmprobe.estimation.speed.shares import AttentionKernels, attention_kernels, flops_of
from llmprobe.facts.backends import backend_of
from llmprobe.facts.devices import Device
from llmprobe.facts.settings import Settings
from llmprobe.site.site import Site

FILLED = 0.5
"""How full the context is taken to be on the average: a conversation begins with none and ends with all of it."""

RANKING_DEVICE_BANDWIDTH = DEVICE_BANDWIDTH
"""Only the order of choices is based on it where a device's bandwidth is unknown; it is never printed as a speed."""

Number = TypeVar("Number", int, float)

_MANY = 1_000_000_000


class Rates(msgspec.Struct, frozen=True):
    """
    Seconds for a byte of weights, a byte of cache, a byte of recurrent state, a kernel, an operation of attention and
    one that every head does for itself, and a layer whose work goes over to the processor and back.
    """

    weights: float
    cache: float
    state: float
    kernel: float
    attention: float
    single: float
    switch: float


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """
    One device, or the host: running sums over the layers, of bytes and of seconds per token; entry ``l`` is that of
    the layers before layer ``l``. ``held`` is all but experts, with the caches where they lie here; ``whole`` is all.
    """

    held: tuple[int, ...]
    experts: tuple[int, ...]
    whole: tuple[int, ...]
    held_s: tuple[float, ...]
    experts_s: tuple[float, ...]
    output: int
    output_s: float

    def seconds(self, start: int, stop: int) -> float:
        """
        The time of whole layers.
        """
        return self.held_s[stop] - self.held_s[start] + self.experts_s[stop] - self.experts_s[start]


class Ledger:
    """
    The sums of one quantization and its settings on these devices.

    ``switch_s`` is what a layer on a device costs more when its experts are the host's, beside their reading there,
    and ``away_s`` what one costs more when its cache is.
    """

    def __init__(
        self,
        estimator: Estimator,
        quant: str,
        settings: Settings,
        devices: tuple[Device, ...],
        site: Site,
    ) -> None:
        self._estimator, self._quant, self._settings = estimator, quant, settings
        self.n_layer = estimator.n_layer
        self._run = estimator.setup(settings).settings
        self._attention = attention_operations(estimator.layout, self._run, estimator.sizes)
        on_host = self._host_rates(site)
        self.host = self._side(HOST, on_host, caches=True)
        self.devices = tuple(
            self._side(device.kind, self._device_rates(device), caches=settings.kv_offload)
            for device in devices
        )
        self.switch_s = on_host.switch
        self.away_s: tuple[float, ...] = (0.0,) * (self.n_layer + 1)
        if not settings.kv_offload:
            read = [seconds + on_host.switch for _, seconds in self._cached(HOST, on_host)]
            self.away_s = _running(read, 0.0)

    def least(self, *, keep: bool) -> int:
        """
        What all layers take on devices at the least; with ``keep`` without any experts.
        """
        return min((side.held if keep else side.whole)[-1] + side.output for side in self.devices)

    def _side(self, kind: str, rates: Rates, *, caches: bool) -> Side:
        weights = self._estimator.table(self._quant, self._settings)
        shares = weights.shares(kind)
        layers = range(self.n_layer)
        held = [shares.dense.of(at, at + 1) for at in layers]
        experts = [shares.experts.of(at, at + 1) for at in layers]
        kernels = self._estimator.kernels
        held_s = [
            size * rates.weights + kernels.of(at, at + 1) * rates.kernel for at, size in enumerate(held)
        ]
        if caches:
            for at, (size, seconds) in enumerate(self._cached(kind, rates)):
                held[at] += size
                held_s[at] += seconds
        output = weights.output_bytes(kind) if kind != HOST else shares.output
        used = self._estimator.used_experts * rates.weights
        return Side(
            held=_running(held, 0),
            experts=_running(experts, 0),
            whole=_running(map(sum, zip(held, experts, strict=True)), 0),
            held_s=_running(held_s, 0.0),
            experts_s=_running([size * used for size in experts], 0.0),
            output=output,
            output_s=output * rates.weights,
        )

    def _cached(self, kind: str, rates: Rates) -> list[tuple[int, float]]:
        """
        The bytes of every layer's caches, and the seconds that one sequence takes to read its part of them and to
        compute with it.
        """
        sizes, seconds = [0] * self.n_layer, [0.0] * self.n_layer
        kernels = AttentionKernels() if kind == HOST else attention_kernels(self._run, backend_of(kind).name)
        caches = self._estimator.layer_caches(self._settings, kind)
        for at in range(self.n_layer):
            every, vector = self._attention.every.of(at, at + 1), self._attention.vector.of(at, at + 1)
            single = kernels.one_by_one(every, vector)
            seconds[at] = FILLED * ((every - single) * rates.attention + single * rates.single)
            of_cache = FILLED * rates.cache * kernels.moved(every, vector)
            for part in caches:
                size = part.sums.of(at, at + 1)
                sizes[at] += size
                seconds[at] += size * (2 * rates.state if part.recurrent else of_cache) / part.streams
        return list(zip(sizes, seconds, strict=True))

    def _device_rates(self, device: Device) -> Rates:
        template = Share(
            device=device.id,
            backend=device.computed_by,
            name=device.name,
            compute_capability=device.compute_capability,
            bandwidth_bytes_per_s=device.bandwidth_bytes_per_s or RANKING_DEVICE_BANDWIDTH,
            active_bytes=0,
            layers=0,
            kernels=0,
            recurrent=self._estimator.layout.state is not None,
            flops=flops_of(device),
            latent_heads=self._attention.latent_heads,
        )
        constants, moe = table("speed"), self._estimator.is_moe
        cores = device.processor
        if cores is not None:
            return _rates(
                lambda share: host_part(constants, share, cores, quant=self._quant, filled=1.0).likely,
                template,
            )
        return _rates(
            lambda share: device_part(constants, share, moe=moe, quant=self._quant, filled=1.0).likely,
            template,
        )

    def _host_rates(self, site: Site) -> Rates:
        template = Share(
            device=HOST,
            backend=CPU,
            bandwidth_bytes_per_s=site.ram_bandwidth_bytes_per_s,
            active_bytes=0,
            layers=0,
            kernels=0,
        )
        constants = table("speed")
        return _rates(
            lambda share: host_part(constants, share, site.processor, quant=self._quant, filled=1.0).likely,
            template,
        )


def _rates(seconds: Callable[[Share], float], template: Share) -> Rates:
    """
    What each thing costs alone, as the time of a part is a sum over what it does.
    """
    nothing = seconds(template)

    def of(*names: str) -> float:
        return (seconds(msgspec.structs.replace(template, **dict.fromkeys(names, _MANY))) - nothing) / _MANY

    return Rates(
        weights=of("active_bytes"),
        cache=of("cache_bytes"),
        state=of("state_bytes"),
        kernel=of("kernels"),
        attention=of("attention_operations"),
        single=of("attention_operations", "single_operations"),
        switch=of("switches") if template.backend == CPU else 0.0,
    )


def _running(values: Iterable[Number], nothing: Number) -> tuple[Number, ...]:
    return tuple(accumulate(values, initial=nothing))
