"""
The caches of one model, remembered by what they depend on, so that a search is sums.
"""

from typing import TYPE_CHECKING

from llmprobe.estimation.memory import kv_cache
from llmprobe.estimation.memory.kv_cache import CachePart
from llmprobe.estimation.parts import Caches
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.setup import Setup
from llmprobe.model.archs import CacheLayout

if TYPE_CHECKING:
    from llmprobe.estimation.memory.slices import Slices


class CacheTable:
    """
    The caches of one model by layer and by device. Threads may share it.
    """

    def __init__(self, layout: CacheLayout, n_layer: int) -> None:
        self._layout = layout
        self._n_layer = n_layer
        self._parts: dict[tuple[object, ...], tuple[CachePart, ...]] = {}
        self._placed: dict[tuple[object, ...], Caches] = {}

    def parts(self, setup: Setup, backend: str) -> tuple[CachePart, ...]:
        """
        The caches by layer in the buffers of a backend (``host`` for host memory).
        """
        key = (setup.memory, backend)
        found = self._parts.get(key)
        if found is None:
            found = kv_cache.cache_parts(self._layout, setup.settings, self._n_layer, backend)
            self._parts[key] = found
        return found

    def placed(self, setup: Setup, slices: "Slices | None") -> Caches:
        """
        The caches by device: those of its layers, or with ``slices`` its part of all.

        Raises:
            RefusedError: the caches cannot be split into these slices.
        """
        key = (setup.memory, setup.spans, setup.backends, slices)
        found = self._placed.get(key)
        if found is None:
            own = {HOST: self.parts(setup, HOST)}
            for number, (device, backend) in enumerate(setup.backends):
                own[device] = (
                    self.parts(setup, backend)
                    if slices is None
                    else kv_cache.cache_parts(
                        self._layout, setup.settings, self._n_layer, backend, slices=slices, number=number
                    )
                )
            found = self._placed[key] = kv_cache.place(
                own, self._n_layer, setup.spans, offload=setup.settings.kv_offload
            )
        return found
