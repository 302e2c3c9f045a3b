"""
What a quantization loses, as arithmetic over what was measured (``data/quality.json``).

    divergence = table[type] x (8.03 / size)^(0.40 + 0.05 log10(table[type] / 0.03)) + 0.003 of a mixture of experts

``size`` is in billions of parameters, of a mixture the geometric mean of all and of those that a token uses. A small
model loses more than a large one, and the more so the fewer the bits. Experts add a part that no type avoids: a token
is routed to others. The table is that of a model of 8.03 billion parameters, fitted to all that was measured
(``benchmarks/fit_quality.py``). Families that were measured to lose more or less have their own factor.

Divergences of types add, by the share of the weights of each type that a token is multiplied with: so any mixture
has a figure whose types have one.
"""

import re
from collections.abc import Mapping, Sequence
from math import exp, log, log10, sqrt
from typing import Any

import msgspec

BILLION = 1e9

Data = Mapping[str, Any]
"""The content of ``data/quality.json``, or one that was fitted to other rows."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """
    A model as far as its loss depends on it. ``id`` is that of the catalog, ``experts`` says that it is a mixture,
    ``words`` are those of its vocabulary, ``latent`` says that keys and values come of one narrow vector (MLA).
    """

    parameters: int
    active_parameters: int | None = None
    experts: bool = False
    id: str = ""
    architecture: str = ""
    words: int | None = None
    latent: bool = False

    @property
    def size(self) -> float:
        """Billions of parameters: of a mixture the geometric mean of all and of those that a token uses."""
        active = self.active_parameters if self.experts and self.active_parameters else self.parameters
        return sqrt(self.parameters * active) / BILLION


def is_latent(hparams: Mapping[str, Any]) -> bool:
    """
    Whether the metadata of a model say that keys and values come of one narrow vector.
    """
    return bool(hparams.get("attention.kv_lora_rank"))


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """
    By how much more or less a family loses: ``factor`` times where others lose ``at``, and by another power of it
    where the ratio shrinks with fewer bits. ``low`` and ``high`` are between which parts of it measurements lie,
    where they differ by more than others do.
    """

    prefixes: tuple[str, ...]
    factor: float
    source: str
    rows: int = 0
    exponent: float = 1.0
    low: float | None = None
    high: float | None = None

    def of(self, divergence: float, at: float) -> float:
        """The divergence of the family where an ordinary model has this one."""
        return float(at * self.factor * (divergence / at) ** self.exponent)


def of_file_type(data: Data, name: str, *, imatrix: bool) -> float | None:
    """
    The divergence of a file type at the size of the table, None where nobody measured it.

    Files that are made without an importance matrix lose more at four bits and below.
    """
    row = data["rows"].get(name)
    if row is None:
        return None
    without: float = 1.0 if imatrix else row.get("without_matrix", 1.0)
    return float(row["mean_kld"]) * without


def of_types(data: Data, shares: Mapping[str, float], *, kept: frozenset[str] = frozenset()) -> float | None:
    """
    The divergence of a mixture of types at the size of the table: the mean of theirs, by share.

    Types that are ``kept`` as they were published lose nothing. None where a type was not measured.
    """
    total = 0.0
    for kind, share in shares.items():
        if kind in kept:
            continue
        row = data["types"].get(kind)
        if row is None:
            return None
        total += share * data["rows"][row]["mean_kld"]
    return total


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a format of other engines loses at the size of the table: measured in how many files of how many models, and
    between which parts of it those lie.
    """

    mean_kld: float
    files: int
    models: int
    low: float
    high: float


def of_format(data: Data, name: str) -> Format | None:
    """
    What was measured of a format of other engines, None where nobody measured it.
    """
    formats = data["formats"]
    found = next((row for row in formats["rows"] if row["word"].lower() in name.lower()), None)
    if found is not None:
        return msgspec.convert(formats["eight_bits"] if "8-bit" in name else found, Format)
    for row in formats["by_bits"]:
        bits = re.search(rf"{row['word']}\D*(\d+(?:\.\d+)?)", name, re.IGNORECASE)
        if bits is not None:
            return msgspec.convert(row | {"mean_kld": _between(row["points"], float(bits[1]))}, Format)
    return None


def _between(points: Sequence[Sequence[float]], bits: float) -> float:
    """
    The figure at a width: between two points, or beyond the last two, by the steps of their logarithms.
    """
    upper = next((number for number, (width, _) in enumerate(points) if width >= bits), len(points) - 1)
    (low, more), (high, less) = points[max(1, upper) - 1], points[max(1, upper)]
    return exp(log(more) + (bits - low) / (high - low) * log(less / more))


def scaled(data: Data, divergence: float, model: Model) -> float:
    """
    A divergence of the table for a model of this size and kind, before its family counts.
    """
    if not divergence:
        return 0.0
    return divergence * size_factor(data, divergence, model) + (
        data["experts"]["adds"] if model.experts else 0.0
    )


def size_factor(data: Data, divergence: float, model: Model) -> float:
    """
    By how much less or more a model of this size loses than that of the table.
    """
    size = data["size"]
    exponent = size["exponent"] + size["steeper"] * log10(divergence / size["at"])
    return float((size["parameters"] / BILLION / model.size) ** exponent)


def _plain(model: str) -> str:
    return model.lower().replace(" ", "-").replace("_", "-")


def family_of(data: Data, model: str) -> Family | None:
    """
    The family of a model by its id, None where none was measured to differ.
    """
    name = _plain(model)
    for row in data["families"]["rows"]:
        if name.startswith(tuple(row["prefixes"])):
            return msgspec.convert(row, Family)
    return None


def spread_of(data: Data, model: str) -> Data:
    """
    Between which parts of a divergence measurements of a model lie, ``low`` and ``high``: wide where no file of its
    family was measured, as some families lose many times what others of their size do.
    """
    known = (
        _plain(model).startswith(tuple(data["families"]["ordinary"])) or family_of(data, model) is not None
    )
    spread: Data = data["spread"]
    family = family_of(data, model)
    if family is not None and family.low is not None:
        return {"low": family.low, "high": family.high}
    return spread if known else spread["unmeasured"]


def structure_of(data: Data, model: Model) -> tuple[str, float] | None:
    """
    What a header shows that made other families lose more or less, and how many times as much: the geometric mean of
    theirs and of one more that would be ordinary, as they are few.
    """
    for row in data["structure"]["rows"]:
        if model.latent if row["name"] == "latent" else (model.words or row["most"] + 1) <= row["most"]:
            logarithms = [log(factor) for _, factor in row["families"]]
            return row["name"], exp(sum(logarithms) / (len(logarithms) + 1))
    return None


def of_model(data: Data, divergence: float, model: Model) -> float:
    """
    What a model loses where the table has this divergence.
    """
    ordinary = scaled(data, divergence, model)
    family = family_of(data, model.id)
    if not ordinary:
        return ordinary
    if family is not None:
        return family.of(ordinary, data["families"]["at"])
    structure = structure_of(data, model)
    return ordinary if structure is None else ordinary * structure[1]


def of_cache(data: Data, kind_k: str, kind_v: str, model: Model) -> tuple[float, str]:
    """
    The divergence that a quantized cache adds, and its basis: measured, derived from perplexity, or assumed.

    Keys and values add. A family of which both in q8_0 and in q4_0 were measured has those figures; others of its
    lie between them as they do for all.
    """
    caches = data["caches"]
    total, bases = 0.0, ["measured"]
    for side, kind in (("k", kind_k), ("v", kind_v)):
        if kind in WHOLE_CACHES:
            continue
        value, basis = caches[side].get(kind) or (caches[side][WORST_CACHE][0], "assumed")
        total += value
        bases.append(basis)
    if not total:
        return 0.0, "measured"
    for row in caches["families"]:
        if model.architecture in row.get("architectures", ()) or model.id.lower().startswith(
            tuple(row.get("prefixes", ("\0",)))
        ):
            return _of_family(row, caches, total, (kind_k, kind_v))
    special = caches["architectures"].get(model.architecture)
    if special is not None and kind_k not in WHOLE_CACHES:
        # Measured for q8_0; a smaller type adds at least what it adds elsewhere.
        total += special["k"]
        bases.append("measured" if kind_k == "q8_0" else "assumed")
    return total, next(basis for basis in _WEAKEST_FIRST if basis in bases)


def _of_family(row: Data, caches: Data, total: float, kinds: tuple[str, str]) -> tuple[float, str]:
    least, most = (sum(caches[side][kind][0] for side in "kv") for kind in ("q8_0", WORST_CACHE))
    low, high = row["q8_0"], row["q4_0"]
    basis = "measured" if kinds in (("q8_0", "q8_0"), (WORST_CACHE, WORST_CACHE)) else "assumed"
    if total <= least:
        return low * total / least, basis
    place = log(total / least) / log(most / least)
    return exp(log(low) + place * log(high / low)), basis


WHOLE_CACHES = ("f32", "f16", "bf16")
"""Cache types that are not quantized."""

WORST_CACHE = "q4_0"
"""An unmeasured type counts as this one."""

_WEAKEST_FIRST = ("assumed", "derived", "measured")
