"""
The models we know, one data file per family, each entry in GGUF's own words.

An entry says what a model is, not how it is run. ``hparams`` are the metadata that its GGUF file has, without the
architecture's prefix, and a few of Hugging Face's keys where GGUF says a thing by which tensors there are
(``tie_word_embeddings``, ``attention_bias``, ``mlp_bias``, ``use_qk_norm``, ``attention_k_eq_v``,
``num_ln_in_parallel_attn``, ``use_qkv_bias``, ``qk_layernorm``). Every entry names where it was read and what its
count of parameters was checked against. A new model is an entry, a new family a file; nothing else is to be edited.

Where the repositories of GGUF files are from: llmfit 1.1.17 (PyPI, MIT), the galleries of LocalAI and Lemonade, August
2026. ``thinking`` is from published results that name the mode they were measured in.
"""

from functools import cache
from pathlib import Path

import msgspec

from llmprobe.facts.model import Hparams

DATE = "2026-11"
"""The month of the newest facts; entries say themselves when a model was released."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """
    One model of a family file.

    ``finetunes`` are names of models that have this model's tensors under other weights. ``parameters`` leaves out
    next-n layers. ``checked`` is the published count that ``parameters`` was compared with.

    ``modality`` is what it reads beside text (``text+vision``), or ``embedding`` of one that makes vectors.
    ``projector`` says that a projector of it is published, or that llama.cpp makes none (False), ``mmproj`` which
    description of ``model/projectors`` it has (several are joined by ``+``), ``next_token_layers`` how many layers for
    multi-token prediction its published weights have, ``gguf`` are repositories with GGUF files of it, the usual one
    first, ``gguf_mtp`` those whose files have these layers, where that is known.
    ``thinking`` says whether it writes its reasoning before an answer, ``thinking_switch`` that this can be switched
    off, ``thinking_tokens`` how many tokens that usually takes, from and to. None is not stated anywhere.
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
    thinking: bool | None = None
    thinking_switch: bool | None = None
    thinking_tokens: tuple[int, int] | None = None
    next_token_layers: int | None = None
    projector: bool | None = None
    mmproj: str | None = None
    gguf: tuple[str, ...] = ()
    gguf_mtp: tuple[str, ...] = ()
    published_quant: str | None = None
    source: str
    checked: str | None = None
    confidence: str
    note: str | None = None
    # Decoded when this one model is asked for: the metadata are most of a file.
    hparams: msgspec.Raw

    @property
    def ollama(self) -> str | None:
        """The name under which Ollama's library has it, None where that is not known."""
        return next((name for name in self.aliases if ":" in name and not name.endswith(":latest")), None)

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
