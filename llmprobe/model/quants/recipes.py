"""
Recipes: how files are mixed whose names llama-quantize does not know (``UD-Q4_K_XL``, ``Q4_K_L``, ``i1-IQ4_XS``).

A recipe follows a file type and gives other types to tensors of some roles. It is a rule found from published files,
so it has a spread; only the file itself is exact. The rules and their sources are in ``data/recipes.json``.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import msgspec

from llmprobe.data import table
from llmprobe.errors import RefusedError
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.words.message import message

Models = Literal["published", "older experts", "experts", "hybrid", "plain"]
"""
The kinds of models that a name is mixed differently for: experts that were published in 4 bits, mixtures of experts of
before 2026, others of today, models with linear attention, all others.
"""

_KNOWN_BY_MAKERS = ("UD-", "I1-", "APEX-", "QAT-", "NVFP4")
_ALSO_CALLED = {name: f"UD-{name}" for name in ("Q2_K_XL", "Q4_K_XL", "Q5_K_XL", "Q6_K_XL", "Q8_K_XL")}
_UNSEEN = 3.0
"""By how many percent more a rule that holds for every kind may be off where no file of this kind was seen."""

_FALLBACK: dict[Models, Models] = {"published": "experts", "older experts": "experts"}


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """
    The rule of one name for one kind of models.

    ``follows`` is the file type whose mixture all tensors have that ``raised`` does not name: a part of a tensor's
    name, a type, and of how many of the first and of the last layers (None: of all). ``low`` and ``high`` are by how
    many percent a published file may be smaller (below 0) and larger than the rule, as far as ``files`` of them told;
    ``ranges`` has the same for the tensors whose names hold a part, the first that fits, where roles differ.
    ``plain`` says that it is no mixture of its own, but a type that publishers mix differently.
    """

    name: str
    follows: str
    imatrix: bool
    raised: tuple[tuple[str, str, int | None], ...]
    low: float
    high: float
    files: int
    ranges: tuple[tuple[str, float, float], ...] = ()
    plain: bool = False

    def range_of(self, tensor: Tensor) -> tuple[float, float]:
        """
        By how many percent a tensor may be smaller and larger than the rule says.
        """
        for part, low, high in self.ranges:
            if part in tensor.name:
                return low, high
        return self.low, self.high

    def resident_high(self) -> float | None:
        """
        By how many percent all but the experts may be larger, None where that is the range of the whole.
        """
        if not any(part == "_exps" for part, _, _ in self.ranges):
            return None
        return next((high for part, _, high in self.ranges if not part), None)

    def type_of(self, tensor: Tensor, layers: int) -> str | None:
        """
        The type that the rule gives to a tensor of a model of so many layers, None for that of the file type.
        """
        for part, kind, edge in self.raised:
            if part and not tensor.name.startswith(part) and f".{part}" not in tensor.name:
                continue
            if edge is None or (tensor.layer is not None and not edge <= tensor.layer < layers - edge):
                return kind
        return None


def recipe_names() -> tuple[str, ...]:
    """
    The names that have recipes, as their publishers write them.
    """
    return tuple(dict.fromkeys(name for row in table("recipes")["rows"] for name in row["names"])) + tuple(
        _ALSO_CALLED
    )


def published_name(name: str) -> str:
    """
    The name of a recipe as it is published: ``UD-Q4_K_XL`` for ``Q4_K_XL``.
    """
    return _ALSO_CALLED.get(name, name)


@cache
def followed(name: str) -> str:
    """
    The file type that a name follows; a file type follows itself.

    >>> followed("UD-Q4_K_XL"), followed("i1-IQ4_XS"), followed("Q6_K")
    ('Q4_K_M', 'IQ4_XS', 'Q6_K')
    """
    if not _may_be_recipe(name):
        return name
    rows = [row for row in table("recipes")["rows"] if name in row["names"]]
    # The last row of a name is that for ordinary models.
    return _follows(rows[-1], name) if rows else name


def recipe(name: str, models: Models) -> Recipe | None:
    """
    The rule of a name for a kind of models, None of a file type that llama-quantize makes.

    Raises:
        RefusedError: the name has rules for other kinds of models only.
    """
    if not _may_be_recipe(name):
        return None
    rows = [row for row in table("recipes")["rows"] if name in row["names"]]
    for wanted in (models, _FALLBACK.get(models), None):
        for row in rows:
            if row["models"] == wanted and (wanted is not None or models not in _FALLBACK):
                return _recipe(row, name)
    general = next((row for row in rows if row.get("general")), None)
    if general is not None:
        return _recipe(general | {"low": general["low"] - _UNSEEN, "high": general["high"] + _UNSEEN}, name)
    if not rows:
        return None
    raise RefusedError(
        message("error.quant-without-rule", quant=name), hint=message("hint.quant-file-is-exact", quant=name)
    )


def recipe_of(model: ModelSpec, name: str) -> Recipe | None:
    """
    The rule by which a model's file of this name is mixed, None of a file type that llama-quantize makes.
    """
    if not _may_be_recipe(name):
        return None
    return recipe(name, models_of(model.tensors, model.architecture, published=model.published_quant))


def spread_of(model: ModelSpec, name: str) -> Recipe | None:
    """
    By how much files of a plain type differ among publishers, None where all make what llama-quantize makes.

    Publishers put the linear attention of Qwen's models with a gated delta net into other types than llama-quantize
    does; of other models with linear attention nobody has compared files.
    """
    if model.architecture not in table("recipes")["spread_architectures"]:
        return None
    experts = any("_exps" in tensor.name for tensor in model.tensors)
    kind = "linear attention and experts" if experts else "linear attention"
    for row in table("recipes")["spreads"]:
        if row["models"] == kind and name in row["names"]:
            return _recipe({**row, "base": name, "imatrix": False, "raised": (), "plain": True}, name)
    return None


def models_of(tensors: Sequence[Tensor], architecture: str, *, published: str | None = None) -> Models:
    """
    The kind of a model, by its tensors.
    """
    data = table("recipes")
    if any("_exps" in tensor.name for tensor in tensors):
        if published is not None or architecture in data["four_bit_experts"]:
            return "published"
        return "older experts" if architecture in data["older_experts"] else "experts"
    return "hybrid" if any(".ssm_out" in tensor.name for tensor in tensors) else "plain"


def _may_be_recipe(name: str) -> bool:
    return name.upper().startswith(_KNOWN_BY_MAKERS) or name.endswith(("_L", "_XL"))


def _follows(row: dict[str, Any], name: str) -> str:
    return str(row["base"] or name.partition("-")[2])


def _recipe(row: dict[str, Any], name: str) -> Recipe:
    return Recipe(
        name=name,
        follows=_follows(row, name),
        imatrix=row["imatrix"],
        raised=tuple((part, kind, edge[0] if edge else None) for part, kind, *edge in row["raised"]),
        low=row["low"],
        high=row["high"],
        files=row["files"],
        ranges=tuple((part, low, high) for part, low, high in row.get("ranges", ())),
        plain=row.get("plain", False),
    )
