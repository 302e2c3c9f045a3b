"""
A whole model in a file type: the type of every tensor, and the sums that a search asks for.

What does not depend on the file type (roles, counts, order) is worked out once per ``Inventory``, since a search asks
for some twenty file types of one model.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.quants.file_types import FileType, file_type
from llmprobe.model.quants.recipes import Recipe, models_of, recipe
from llmprobe.model.quants.roles import VALUE_ROLES, Role, is_quantized, role_of, stored_type
from llmprobe.model.quants.rules import Mixture, choose, fitting
from llmprobe.model.quants.types import tensor_bytes

_PUBLISHED_EXPERTS = {"MXFP4": "mxfp4", "MXFP4_MOE": "mxfp4"}


class _Place(msgspec.Struct, frozen=True, gc=False):
    role: Role
    index: int


class Inventory:
    """
    One list of tensors as the quantizer sees it, and the types found for it so far. Threads may share it.
    """

    def __init__(self, tensors: Sequence[Tensor], architecture: str, hparams: Hparams) -> None:
        self.tensors = tensors
        self.hparams = hparams
        self.architecture = architecture
        kinds: dict[tuple[str, tuple[int, ...]], tuple[str, Role, bool]] = {}
        seen = []
        for tensor in tensors:
            # All layers have tensors of the same few kinds.
            key = (_without_layer(tensor), tensor.shape)
            kind = kinds.get(key)
            if kind is None:
                kind = kinds[key] = (
                    stored_type(tensor.name, tensor.shape, architecture),
                    role_of(tensor.name),
                    is_quantized(tensor.name, tensor.shape, architecture),
                )
            seen.append(kind)
        self.stored = [stored for stored, _, _ in seen]
        self.layers = int(hparams["block_count"]) * max(int(hparams.get("num_loops") or 1), 1)
        self.experts = int(hparams.get("expert_count") or 0)
        self.tied = all(role != "output" for _, role, _ in seen)
        self.values = sum(role in VALUE_ROLES for _, role, _ in seen)
        self.places = self._places([role if quantized else None for _, role, quantized in seen])
        self._found: dict[tuple[FileType, bool, str | None], tuple[str, ...]] = {}

    def _places(self, roles: Sequence[Role | None]) -> list[_Place | None]:
        """
        Each tensor's role and its count within that role, None where the quantizer leaves it alone.

        The quantizer goes through layers in order, and through the tensors of a layer by name.
        """
        places: list[_Place | None] = [None] * len(self.tensors)
        counts: dict[str, int] = {}
        for number in sorted(range(len(self.tensors)), key=self._order):
            role = roles[number]
            if role is not None:
                counted = "value" if role in VALUE_ROLES else role
                index = counts.get(counted, 0)
                counts[counted] = index + 1
                places[number] = _Place(role, index)
        return places

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
            rule = recipe(kind.name, models_of(self.tensors, self.architecture, published=published))
            experts = _PUBLISHED_EXPERTS.get(published or "")
            known = self._types(kind, imatrix, experts) if rule is None else self._mixed(rule, experts)
            self._found[key] = known
        return known

    def _mixed(self, rule: Recipe, experts: str | None) -> tuple[str, ...]:
        """
        The types by a recipe; rows that are not whole blocks of its type get what the quantizer falls back to.
        """
        types = list(self._types(file_type(rule.follows), rule.imatrix, experts))
        for number, (tensor, place) in enumerate(zip(self.tensors, self.places, strict=True)):
            wanted = None if place is None else rule.type_of(tensor, self.layers)
            if wanted is not None and not (experts is not None and _is_stacked(tensor)):
                types[number] = fitting(wanted, tensor.shape[0], tensor.name)
        return tuple(types)

    def _types(self, kind: FileType, imatrix: bool, experts: str | None) -> tuple[str, ...]:
        mixture = self.mixture(kind, imatrix)
        whole = kind.name in ("F32", "F16", "BF16")
        types = list(self.stored)
        for number, (tensor, place) in enumerate(zip(self.tensors, self.places, strict=True)):
            if place is None:
                continue
            shape = tensor.shape
            if experts is not None and _is_stacked(tensor):
                types[number] = experts
            elif whole:
                types[number] = kind.base
            else:
                wanted = choose(
                    mixture, place.role, tensor.name, shape, index=place.index, layer=tensor.layer,
                    values=self.values, layers=self.layers,
                )  # fmt: skip
                types[number] = fitting(wanted, shape[0], tensor.name)
        return tuple(types)


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
