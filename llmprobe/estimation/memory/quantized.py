"""
A model's tensors in each quantization: the types that a file of it has, its bytes, and where they are by layer.
"""

from llmprobe.estimation.memory.weights import WeightTable
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.model import archs
from llmprobe.model.quants import Inventory, tensor_bytes, typed


class Quantized:
    """
    The tensors of one model with their types, remembered by quantization. Threads may share it.
    """

    def __init__(self, model: ModelSpec) -> None:
        self._model = model
        self._inventory: Inventory | None = None
        self._typed: dict[str, tuple[Tensor, ...]] = {}
        self._file_bytes: dict[str, int] = {}
        self._tables: dict[str, WeightTable] = {}

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
        if self._inventory is None:
            self._inventory = Inventory(model.tensors, model.architecture, model.hparams)
        return typed(model.tensors, self._inventory.types(quant, published=model.published_quant))

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

    def table(self, quant: str) -> WeightTable:
        """
        The weights by layer and kind of buffer.
        """
        found = self._tables.get(quant)
        if found is None:
            family = archs.get(self._model.architecture)
            rope_layers = None if family is None else family.rope_layers
            found = self._tables[quant] = WeightTable(
                self.tensors(quant),
                self._model.hparams,
                encoder=family is not None and family.encoder,
                output_first=family is not None and family.output_first,
                no_output=family is not None and family.no_output,
                rope_layers=None if rope_layers is None else rope_layers(self._model.hparams),
            )
        return found
