"""
The models we know, one data file per family, each entry in GGUF's own words.

An entry says what a model is, not how it is run. ``hparams`` are the metadata that its GGUF file has, without the
architecture's prefix, and a few of Hugging Face's keys where GGUF says a thing by which tensors there are
(``tie_word_embeddings``, ``attention_bias``, ``mlp_bias``, ``use_qk_norm``, ``attention_k_eq_v``,
``num_ln_in_parallel_attn``, ``use_qkv_bias``, ``qk_layernorm``). Every entry names where it was read and what its
count of parameters was checked against. A new model is an entry, a new family a file; nothing else is to be edited.
"""

from functools import cache
from pathlib import Path

import msgspec

from llmprobe.facts.model import CatalogEntry, Hparams
from llmprobe.words.message import Message


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """
    One model of a family file.

    ``finetunes`` are names of models that have this model's tensors under other weights. ``parameters`` leaves out
    next-n layers. ``checked`` is the published count that ``parameters`` was compared with.
    """

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    finetunes: tuple[str, ...] = ()
    architecture: str
    parameters: int
    active_parameters: int | None = None
    max_context: int | None = None
    repo: str | None = None
    released: str | None = None
    license: str | None = None
    modality: str = "text"
    published_quant: str | None = None
    source: str
    checked: str | None = None
    confidence: str
    note: str | None = None
    # Decoded when this one model is asked for: the metadata are most of a file.
    hparams: msgspec.Raw

    def metadata(self) -> Hparams:
        """The hyper-parameters in GGUF's keys."""
        return msgspec.json.decode(self.hparams, type=Hparams)


class Family(msgspec.Struct, frozen=True):
    """
    One data file.
    """

    family: str
    models: tuple[Entry, ...]


@cache
def families() -> tuple[Family, ...]:
    """
    Every family of the catalog.
    """
    decoder = msgspec.json.Decoder(Family)
    return tuple(decoder.decode(path.read_bytes()) for path in sorted(Path(__file__).parent.glob("*.json")))


@cache
def by_id() -> dict[str, Entry]:
    """
    Every entry by its id, in the order of the files.
    """
    return {entry.id: entry for family in families() for entry in family.models}


@cache
def family_of() -> dict[str, str]:
    """
    The family of each id.
    """
    return {entry.id: family.family for family in families() for entry in family.models}


def listing(entry: Entry, note: Message | None) -> CatalogEntry:
    """
    An entry as ``llmprobe models`` lists it, with a note.
    """
    return CatalogEntry(
        id=entry.id,
        name=entry.name,
        family=family_of()[entry.id],
        architecture=entry.architecture,
        parameters=entry.parameters,
        active_parameters=entry.active_parameters,
        aliases=entry.aliases,
        max_context=entry.max_context,
        repo=entry.repo,
        released=entry.released,
        license=entry.license,
        modality=entry.modality,
        source=entry.source,
        note=note,
    )
