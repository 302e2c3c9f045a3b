"""
What is remembered of one model: graphs by what tells quantizations apart, and the bytes of weights that are copied.
"""

from collections.abc import Hashable, Sequence

from llmprobe.estimation.compute.layers import KEPT, Repeat, layer_kinds, neighbouring, shortened
from llmprobe.estimation.compute.repeat import CopiedBytes
from llmprobe.estimation.compute.replay import GraphCache
from llmprobe.estimation.memory.stored import host_of, stays_on_host, stored_bytes
from llmprobe.facts.backends import backend_of, kinds_apart
from llmprobe.facts.model import Tensor
from llmprobe.model.archs._building.ops import Origin
from llmprobe.model.archs._building.run import Moved, Parts


class Family:
    """
    What is remembered of a model in all quantizations that differ in the bytes of its weights only.
    """

    __slots__ = ("_built", "_kinds", "apart", "at_home", "graphs", "least", "parts", "together")

    def __init__(self, parts: Parts, graphs: GraphCache) -> None:
        self.parts = parts
        self.graphs = graphs
        self.at_home: dict[Hashable, bool] = {}
        self.apart: dict[Hashable, frozenset[str]] = {}
        # Whether a graph of it had operations that stand for several.
        self.together = False
        # The groups of layers that are built of those that repeat.
        self.least = KEPT
        self._kinds: dict[Hashable, tuple[Hashable, ...]] = {}
        self._built: dict[Hashable, tuple[tuple[int, ...], tuple[Repeat, ...]]] = {}

    def kinds(
        self,
        places: tuple[int, ...],
        host_experts: frozenset[int],
        moved: Moved,
        expert_slots: tuple[tuple[int, int], ...],
        read: tuple[int, ...] = (),
    ) -> tuple[Hashable, ...]:
        """
        What tells the layers apart (``layer_kinds``), found once for all contexts and quantizations.
        """
        key = (places, host_experts, moved, expert_slots, read)
        found = self._kinds.get(key)
        if found is None:
            found = self._kinds[key] = tuple(
                layer_kinds(
                    self.parts,
                    places,
                    host_experts=host_experts,
                    moved=moved,
                    expert_slots=expert_slots,
                    read=read,
                )
            )
        return found

    def built(self, kinds: tuple[Hashable, ...], least: int) -> tuple[tuple[int, ...], tuple[Repeat, ...]]:
        """
        Which layers of these kinds are built, and what is left out (``shortened``).
        """
        found = self._built.get((kinds, least))
        if found is None:
            found = self._built[kinds, least] = shortened(kinds, least)
        return found

    def placed(self, kinds: tuple[Hashable, ...]) -> tuple[tuple[int, ...], tuple[Repeat, ...]]:
        """
        Which are built where only the places of nodes count (``neighbouring``).
        """
        found = self._built.get(kinds)
        if found is None:
            found = self._built[kinds] = neighbouring(kinds), ()
        return found


class Model:
    """
    What is remembered of a model in one quantization.
    """

    __slots__ = ("_copied", "family", "staying", "tensors")

    def __init__(self, tensors: tuple[Tensor, ...], family: Family, staying: frozenset[Origin]) -> None:
        self.tensors = tensors
        self.family = family
        self.staying = staying
        self._copied: dict[tuple[str, str], tuple[int, ...]] = {}

    def copied_bytes(self, kind: str) -> CopiedBytes:
        """
        The bytes that a copy of a weight takes on a kind of device, or on the host beside it.

        Of devices of several kinds (``kinds_together``) it is one that is not remote, as those get no copies.
        """
        kinds = kinds_apart(kind, 1)
        own = next((each for each in kinds if not backend_of(each).remote), kinds[0])
        beside = host_of(kinds[:1])

        def bytes_of(name: str, host: bool) -> tuple[int, ...]:
            memory = beside if host else own
            found = self._copied.get((name, memory))
            if found is None:
                layers = (*self.family.parts.sizes.layers, -1)
                copies = [self._copy(layer, name, memory) for layer in layers]
                found = self._copied[name, memory] = tuple(copies)
            return found

        return bytes_of

    def _copy(self, layer: int, name: str, memory: str) -> int:
        position = self.family.parts.positions.get((layer, name))
        return 0 if position is None else stored_bytes(self.tensors[position], memory)


def staying_of(tensors: tuple[Tensor, ...], kinds: Sequence[str]) -> frozenset[Origin]:
    """
    The weights that their device cannot use, by layer (-1: of none) and name in the layer.

    ``kinds`` are those of the devices of every layer and of the output, or one for all.
    """
    return frozenset(
        (-1, tensor.name) if tensor.layer is None else (tensor.layer, tensor.name.split(".", 2)[2])
        for tensor in tensors
        if stays_on_host(
            tensor, kinds[min(len(kinds) - 1, len(kinds) if tensor.layer is None else tensor.layer)]
        )
    )
