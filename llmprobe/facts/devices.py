"""
What a model can be put on: devices, and the processor beside them. Facts of a machine, not settings.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmprobe.facts.backends import BACKENDS, SERVED, BackendName
from llmprobe.facts.processor import Processor


class Network(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """
    What lies between a device and the process: bytes per second each way, and whether somebody said so. The seconds
    of a round trip are those of ``ping``, None where nobody said them.
    """

    bytes_per_s: int
    given: bool = True
    round_trip_s: float | None = None


USUAL_NETWORK = Network(bytes_per_s=125_000_000, given=False)
"""A gigabit: what a network is taken to be where nobody says it."""


class Device(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """
    A device that layers can be put on. ``id`` is ``gpu0``, ``gpu1``, … ; the host is not among them. ``driver`` is one
    of those of its backend, ``kind`` both together.

    ``windows`` is whether Windows runs it: its drivers are the makers' own, Linux has Mesa's for Vulkan.

    ``free_bytes`` is only used to split layers where no ``tensor_split`` is given. ``link_bytes_per_s`` is how fast
    weights can be sent to it from RAM (PCIe, one way). Where nothing tells the bandwidth, ``bandwidth_low`` and
    ``bandwidth_high`` are what it may be as parts of the likely. A device of another machine is behind a ``network``,
    where something is known of that, and may be the ``processor`` there.
    """

    id: str
    backend: BackendName = "cuda"
    driver: str = ""
    name: str | None = None
    pool: str | None = None
    free_bytes: int | None = None
    compute_capability: str | None = None
    bandwidth_bytes_per_s: int | None = None
    bandwidth_low: float = 1.0
    bandwidth_high: float = 1.0
    link_bytes_per_s: int | None = None
    cores: int | None = None
    network: Network | None = None
    processor: Processor | None = None
    windows: bool = False

    @property
    def computed_by(self) -> str:
        """
        The backend whose kernels compute: of a device of another machine the one that serves it there.
        """
        if not BACKENDS[self.backend].remote:
            return self.backend
        return next(name for name, driver in SERVED.items() if driver == self.driver)

    @property
    def kind(self) -> str:
        """
        The backend, with the driver behind it where that is not the usual one.
        """
        return f"{self.backend}-{self.driver}" if self.driver else self.backend

    @property
    def known_bandwidth_bytes_per_s(self) -> int | None:
        """
        The bandwidth, None where it is not known or only assumed.
        """
        return self.bandwidth_bytes_per_s if self.bandwidth_low == self.bandwidth_high else None


class Hardware(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """
    The devices that one process may use, in the engine's order, and the kind of processor, which decides what is
    repacked. Without devices the processor runs alone.
    """

    devices: tuple[Device, ...] = ()
    cpu: Literal["x86", "arm"] = "x86"
