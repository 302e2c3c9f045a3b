"""
A whole model in a file type: the type of every tensor, and the sums that a search asks for.

What does not depend on the file type (roles, counts, order) is worked out once per ``Inventory``, since a search asks
for some twenty file types of one model. The rules then see one tensor of each group that they cannot tell apart.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.quants.file_types import FileType, file_type
from llmprobe.model.quants.recipes import Models, Recipe, models_of, recipe
from llmprobe.model.quants.roles import VALUE_ROLES, Role, is_quantized, role_of, stored_type
from llmprobe.model.quants.rules import Mixture, Position, choose, fitting, position_of
from llmprobe.model.quants.types import tensor_bytes

_PUBLISHED_EXPERTS = {"MXFP4": "mxfp4", "MXFP4_MOE": "mxfp4"}


class _Kind(msgspec.Struct, frozen=True, gc=False):
    """
    What tensors of all layers have in common by name and shape. ``role`` is None where the quantizer leaves it alone.
    """

    stored: str
    role: Role | None


class _Group(msgspec.Struct, frozen=True, gc=False):
    """
    Tensors that have one type in every file type, by one of them. ``position`` is None where the quantizer leaves them.
    """

    tensor: Tensor
    kind: _Kind
    position: Position | None


class Inventory:
    """
    One list of tensors as the quantizer sees it, and the types found for it so far. Threads may share it.
    """

    def __init__(self, tensors: Sequence[Tensor], architecture: str, hparams: Hparams) -> None:
        self.tensors = tensors
        self.hparams = hparams
        self.architecture = architecture
        self.layers = int(hparams["block_count"]) * max(int(hparams.get("num_loops") or 1), 1)
        self.experts = int(hparams.get("expert_count") or 0)
        # All layers have tensors of the same few kinds.
        kinds: dict[tuple[str, tuple[int, ...]], tuple[Role, _Kind]] = {}
        seen = []
        for tensor in tensors:
            key = (_without_layer(tensor), tensor.shape)
            kind = kinds.get(key)
            if kind is None:
                role = role_of(tensor.name)
                quantized = is_quantized(tensor.name, tensor.shape, architecture)
                stored = stored_type(tensor.name, tensor.shape, architecture)
                kind = kinds[key] = (role, _Kind(stored, role if quantized else None))
            seen.append(kind)
        self.tied = all(role != "output" for role, _ in seen)
        self._groups, self._group_of = self._grouped(
            [kind for _, kind in seen], values=sum(role in VALUE_ROLES for role, _ in seen)
        )
        self._models: dict[str | None, Models] = {}
        self._found: dict[tuple[FileType, bool, str | None], tuple[str, ...]] = {}

    def _grouped(self, kinds: Sequence[_Kind], *, values: int) -> tuple[list[_Group], list[int]]:
        """
        The groups, and the number of each tensor's group.

        The quantizer goes through layers in order, and through the tensors of a layer by name.
        """
        indices = [0] * len(kinds)
        counts: dict[str, int] = {}
        for number in sorted(range(len(kinds)), key=self._order):
            role = kinds[number].role
            if role is not None:
                counted = "value" if role in VALUE_ROLES else role
                indices[number] = counts.get(counted, 0)
                counts[counted] = indices[number] + 1
        groups: list[_Group] = []
        numbers: dict[tuple[int, Position | None], int] = {}
        positions: dict[tuple[int, int | None], Position] = {}
        group_of = []
        for tensor, kind, index in zip(self.tensors, kinds, indices, strict=True):
            position = None
            if kind.role is not None:
                position = positions.get((index, tensor.layer))
                if position is None:
                    position = positions[index, tensor.layer] = position_of(
                        index, tensor.layer, experts=self.experts, values=values, layers=self.layers
                    )
            # A kind is one object for all its tensors.
            number = numbers.setdefault((id(kind), position), len(groups))
            if number == len(groups):
                groups.append(_Group(tensor, kind, position))
            group_of.append(number)
        return groups, group_of

    def _order(self, number: int) -> tuple[int, str]:
        tensor = self.tensors[number]
        in_layer = tensor.layer is not None and tensor.name.startswith("blk.")
        return (tensor.layer if in_layer and tensor.layer is not None else -1, tensor.name)

    def mixture(self, kind: FileType, imatrix: bool) -> Mixture:
        return Mixture(
            file_type=kind.name,
            base=kind.base,
            architecture=self.architecture,
            gqa=_gqa(self.hparams),
            experts=self.experts,
            seventy=_seventy(self.architecture, self.hparams),
            tied=self.tied,
            imatrix=imatrix,
        )

    def types(
        self, file_type_name: str, *, imatrix: bool = False, published: str | None = None
    ) -> tuple[str, ...]:
        """
        The type of each tensor when llama-quantize makes this file type of a 16-bit file; see ``assign``.
        """
        kind = file_type(file_type_name)
        key = (kind, imatrix, published)
        known = self._found.get(key)
        if known is None:
            models = self._models.get(published)
            if models is None:
                models = models_of(self.tensors, self.architecture, published=published)
                self._models[published] = models
            rule = recipe(kind.name, models)
            experts = _PUBLISHED_EXPERTS.get(published or "")
            known = self._types(kind, imatrix, experts) if rule is None else self._mixed(rule, experts)
            self._found[key] = known
        return known

    def _mixed(self, rule: Recipe, experts: str | None) -> tuple[str, ...]:
        """
        The types by a recipe; rows that are not whole blocks of its type get what the quantizer falls back to.
        """
        types = list(self._types(file_type(rule.follows), rule.imatrix, experts))
        for number, (tensor, group) in enumerate(zip(self.tensors, self._group_of, strict=True)):
            left_alone = self._groups[group].position is None
            wanted = None if left_alone else rule.type_of(tensor, self.layers)
            if wanted is not None and not (experts is not None and _is_stacked(tensor)):
                types[number] = fitting(wanted, tensor.shape[0], tensor.name)
        return tuple(types)

    def _types(self, kind: FileType, imatrix: bool, experts: str | None) -> tuple[str, ...]:
        mixture = self.mixture(kind, imatrix)
        types = [self._type(group, kind, mixture, experts) for group in self._groups]
        return tuple([types[number] for number in self._group_of])

    def _type(self, group: _Group, kind: FileType, mixture: Mixture, experts: str | None) -> str:
        role, position = group.kind.role, group.position
        if role is None or position is None:
            return group.kind.stored
        tensor = group.tensor
        if experts is not None and _is_stacked(tensor):
            return experts
        if kind.name in ("F32", "F16", "BF16"):
            return kind.base
        wanted = choose(mixture, role, tensor.name, tensor.shape, position)
        return fitting(wanted, tensor.shape[0], tensor.name)


def _without_layer(tensor: Tensor) -> str:
    return tensor.name if tensor.layer is None else tensor.name.replace(f".{tensor.layer}.", ".", 1)


def _is_stacked(tensor: Tensor) -> bool:
    return len(tensor.shape) > 2 and tensor.shape[2] > 1


def assign(
    tensors: Sequence[Tensor],
    architecture: str,
    hparams: Hparams,
    file_type_name: str,
    *,
    imatrix: bool = False,
    published: str | None = None,
) -> tuple[str, ...]:
    """
    The type of each tensor when llama-quantize makes this file type of a 16-bit file.

    ``imatrix`` says that an importance matrix is there: it changes IQ3_XXS, IQ4_NL, IQ4_XS, Q4_0 and Q5_0.
    ``published`` is the type that the experts are published in (``MXFP4`` for gpt-oss): they keep it in
    every file type.

    Raises:
        UsageError: there is no such file type.
        RefusedError: llama-quantize stops, since the rows of a tensor fit neither the type nor a fallback.
    """
    inventory = Inventory(tensors, architecture, hparams)
    return inventory.types(file_type_name, imatrix=imatrix, published=published)


def total_bytes(tensors: Sequence[Tensor], types: Sequence[str]) -> int:
    """
    The bytes of all tensors' data, without header and without padding between tensors.
    """
    return sum(tensor_bytes(tensor.shape, kind) for tensor, kind in zip(tensors, types, strict=True))


def typed(tensors: Sequence[Tensor], types: Sequence[str]) -> tuple[Tensor, ...]:
    """
    The tensors with these types.
    """
    return tuple(
        Tensor(tensor.name, tensor.shape, tensor.layer, kind)
        for tensor, kind in zip(tensors, types, strict=True)
    )


def _first(value: Any) -> int:
    return int((value[0] if value else 0) if isinstance(value, list | tuple) else value)


def _gqa(hparams: Hparams) -> int:
    heads = _first(hparams.get("attention.head_count", 0))
    kv_heads = _first(hparams.get("attention.head_count_kv", heads))
    return heads // kv_heads if kv_heads else 0


def _seventy(architecture: str, hparams: Hparams) -> bool:
    """
    Whether llama.cpp classes the model as its type 70B: by architecture and layers alone.
    """
    layers = int(hparams["block_count"]) - int(hparams.get("nextn_predict_layers") or 0)
    if architecture in ("llama", "llama-embed"):
        experts = int(hparams.get("expert_count") or 0)
        return layers == 80 and experts != 8 and _gqa(hparams) != 1
    return layers == {"qwen2": 80, "deci": 80, "olmo": 80, "jais2": 68}.get(architecture)
