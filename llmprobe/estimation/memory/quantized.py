"""
A model's tensors in each quantization: the types that a file of it has, its bytes, and where they are by layer.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from llmprobe.errors import RefusedError
from llmprobe.estimation.memory.expert_cache import NO_CACHE, ExpertCache, expert_cache
from llmprobe.estimation.memory.moving import after_moves
from llmprobe.estimation.memory.roster import Roster
from llmprobe.estimation.memory.weights import DeviceWeights, WeightTable
from llmprobe.estimation.setup import Setup
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.model import archs
from llmprobe.model.quants import Inventory, Recipe, is_file_type, recipe_of, spread_of, tensor_bytes, typed

if TYPE_CHECKING:
    from llmprobe.estimation.memory.slices import Slices

Bound = Literal["low", "likely", "high"]
"""The least and the most that the weights may take where their types follow a rule, and what the rule says."""

BOUNDS: tuple[Bound, Bound] = ("low", "high")


class Quantized:
    """
    The tensors of one model with their types, remembered by quantization. Threads may share it.
    """

    def __init__(self, model: ModelSpec) -> None:
        self._model = model
        self._inventory: Inventory | None = None
        self._typed: dict[str, tuple[Tensor, ...]] = {}
        self._file_bytes: dict[str, int] = {}
        self._rosters: dict[bool, Roster] = {}
        self._tables: dict[tuple[str, Bound, bool], WeightTable] = {}
        self._weights: dict[tuple[object, ...], dict[str, DeviceWeights]] = {}
        self._recipes: dict[str, Recipe | None] = {}
        self._type_shares: dict[str, Mapping[str, float]] = {}
        self._slices: dict[tuple[str, int, tuple[float, ...]], Slices] = {}

    def tensors(self, quant: str) -> tuple[Tensor, ...]:
        """
        The tensors with the types that they have in a quantization.

        A file keeps its own types under its own quantization's name; another name is what requantizing gives.
        """
        found = self._typed.get(quant)
        if found is None:
            found = self._typed[quant] = self._with_types(quant)
        return found

    def _with_types(self, quant: str) -> tuple[Tensor, ...]:
        model = self._model
        if quant == model.quant and all(tensor.type is not None for tensor in model.tensors):
            return model.tensors
        return typed(model.tensors, self._made(quant))

    def _made(self, quant: str, *, imatrix: bool = False) -> tuple[str, ...]:
        model = self._model
        if self._inventory is None:
            self._inventory = Inventory(model.tensors, model.architecture, model.hparams)
        return self._inventory.types(quant, imatrix=imatrix, published=model.published_quant)

    def type_shares(
        self, quant: str, used_experts: float, *, usual: bool = True
    ) -> Mapping[str, float] | None:
        """
        Which part of the weights that a token is multiplied with each type is, together 1.

        But for ``usual`` None of a file whose tensors have the types that llama-quantize gives them under this name.
        """
        if not usual and self._is_usual(quant):
            return None
        found = self._type_shares.get(quant)
        if found is None:
            from llmprobe.estimation.memory.type_shares import type_shares

            found = self._type_shares[quant] = type_shares(self.table(quant), used_experts)
        return found

    def _is_usual(self, quant: str) -> bool:
        if not is_file_type(quant) or recipe_of(self._model, quant) is not None:
            return False
        types = tuple(tensor.type for tensor in self.tensors(quant))
        try:
            return any(types == self._made(quant, imatrix=matrix) for matrix in (False, True))
        except RefusedError:
            return False

    def file_bytes(self, quant: str) -> int:
        """
        The bytes of all tensors of the file.
        """
        found = self._file_bytes.get(quant)
        if found is None:
            tensors = self.tensors(quant)
            found = sum(tensor_bytes(tensor.shape, str(tensor.type)) for tensor in tensors)
            self._file_bytes[quant] = found
        return found

    def recipe(self, quant: str) -> Recipe | None:
        """
        The rule that a quantization follows, None where its types are known: of a file that was read, of a name that
        all publishers mean alike.
        """
        if quant not in self._recipes:
            model = self._model
            read = quant == model.quant and model.source in ("gguf", "installed") and model.path is not None
            rule = None if read else recipe_of(model, quant)
            if rule is None and model.source == "catalog":
                rule = spread_of(model, quant)
            self._recipes[quant] = rule
        return self._recipes[quant]

    def table(self, quant: str, bound: Bound = "likely", *, next_token: bool = False) -> WeightTable:
        """
        The weights by layer and kind of buffer, those of layers for a token more among them where ``next_token``.
        """
        rule = self.recipe(quant)
        key: tuple[str, Bound, bool] = (quant, "likely" if rule is None else bound, next_token)
        found = self._tables.get(key)
        if found is None:
            found = self._tables[key] = WeightTable(
                self._roster(next_token),
                self.tensors(quant),
                share=None if rule is None or bound == "likely" else _share(rule, bound),
            )
        return found

    def _roster(self, next_token: bool) -> Roster:
        found = self._rosters.get(next_token)
        if found is None:
            model = self._model
            family = archs.get(model.architecture)
            rope_layers = None if family is None else family.rope_layers
            found = self._rosters[next_token] = Roster(
                model.tensors,
                model.hparams,
                encoder=family is not None and family.encoder,
                output_first=family is not None and family.output_first,
                no_output=family is not None and family.no_output,
                reads_late=family is not None and family.reads_late,
                rope_layers=None if rope_layers is None else rope_layers(model.hparams),
                next_token=next_token,
            )
        return found

    def slices(self, quant: str, setup: Setup) -> "Slices | None":
        """
        What a split of tensors puts on each device, None for any other split.
        """
        if setup.settings.split_mode != "tensor":
            return None
        key = (quant, len(setup.devices), setup.settings.tensor_split)
        found = self._slices.get(key)
        if found is None:
            model = self._model
            from llmprobe.estimation.memory.slices import Slices

            found = self._slices[key] = Slices(
                model.architecture,
                model.hparams,
                archs.caches(model.architecture, model.hparams),
                self.tensors(quant),
                len(setup.devices),
                setup.settings.tensor_split,
            )
        return found

    def experts(self, quant: str, setup: Setup) -> ExpertCache:
        """
        The cache of experts.

        Raises:
            RefusedError: llama.cpp refuses it here.
        """
        if not setup.settings.moe_cache_mib:
            return NO_CACHE
        return expert_cache(
            self.table(quant, next_token=setup.settings.loads_next_token).loaded,
            setup.settings,
            setup.spans,
            setup.devices,
            setup.host_experts,
            dict(setup.moved),
            int(self._model.hparams.get("expert_used_count") or 0),
        )

    def weights(self, quant: str, setup: Setup, bound: Bound = "likely") -> dict[str, DeviceWeights]:
        """
        The weights of every device, the host among them.
        """
        if self.recipe(quant) is None:
            bound = "likely"
        repack, next_token = setup.settings.repack, setup.settings.loads_next_token
        slices = self.slices(quant, setup)
        key = (
            quant,
            bound,
            next_token,
            setup.spans,
            setup.backends,
            setup.host_experts,
            setup.moved,
            repack,
            setup.cpu,
            slices,
        )
        found = self._weights.get(key)
        if found is None:
            table, backends = self.table(quant, bound, next_token=next_token), dict(setup.backends)
            placed = table.place(
                setup.spans,
                backends,
                host_experts=setup.host_experts,
                repack=repack,
                cpu=setup.cpu,
                slices=slices,
            )
            found = self._weights[key] = after_moves(
                placed, table, setup.moved, setup.spans, backends, setup.host_experts, slices
            )
        return found


def _share(rule: Recipe, bound: Bound) -> Callable[[Tensor], float]:
    """
    What each tensor takes of its bytes by a rule, at the least or at the most.
    """
    end = BOUNDS.index(bound)
    return lambda tensor: 1 + rule.range_of(tensor)[end] / 100
