"""
What is known of a family: the record that the rest of the program reads, made from a module or from a row of a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from llmprobe.model.archs._shared.caches import attention_cache

if TYPE_CHECKING:
    from llmprobe.facts.model import Hparams, Tensor
    from llmprobe.model.archs._building.builder import Build
    from llmprobe.model.archs._building.run import Variant
    from llmprobe.model.archs._shared.caches import CacheLayout
    from llmprobe.model.archs._shared.config import Words
    from llmprobe.model.archs._shared.rules import Rule


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """
    Architectures that share their rules.

    ``hf_classes`` are the classes that a ``config.json`` names, each with its architecture; where the class alone does
    not decide, ``settled`` does; ``common_words`` replaces names that only this family's configurations have.
    ``graph`` is None where no engine's graph is known, ``from_config`` where the configuration says nothing but what is
    common. ``layer_variant`` tells layers apart that have the same tensors and caches, ``rope_layers`` are the layers
    that use rotary factors where not all do. An ``encoder`` has no output layer; with ``output_first`` llama.cpp makes
    the output matrix before the embedding. With ``no_output`` there is no output matrix, not even a copy of the
    embedding: that is multiplied where it lies. With ``reads_late`` rows of the table of tokens by layer are read from
    the mapped file as they are used, where that is large.

    ``draft_graph`` is the graph of the layer that predicts a token more (MTP), as a context of its own, None where
    llama.cpp has none; ``draft_caches`` what that context keeps. ``snapshots`` says that earlier recurrent states are
    kept where a draft may have to be taken back (llama.cpp b11549, llm_arch_supports_rs_rollback), and
    ``published_next_token`` how many such layers the family's models are published with, beside files without them.
    """

    name: str
    architectures: tuple[str, ...]
    hf_classes: Mapping[str, str]
    tensors: Callable[[Hparams], tuple[Tensor, ...]]
    caches: Callable[[Hparams], CacheLayout]
    graph: Build | None
    from_config: Rule | None
    settled: Callable[[str, dict[str, Any]], str] | None = None
    common_words: Words | None = None
    layer_variant: Variant | None = None
    rope_layers: Callable[[Hparams], tuple[int, ...]] | None = None
    encoder: bool = False
    output_first: bool = False
    no_output: bool = False
    reads_late: bool = False
    draft_graph: Build | None = None
    draft_caches: Callable[[Hparams], CacheLayout] | None = None
    snapshots: frozenset[str] = frozenset()
    published_next_token: int = 0

    @property
    def next_token(self) -> Family:
        """The same for a context of the layers that predict a token more, whose caches are attention's by default."""
        return Family(
            name=self.name,
            architectures=self.architectures,
            hf_classes={},
            tensors=self.tensors,
            caches=self.draft_caches or attention_cache,
            graph=self.draft_graph,
            from_config=None,
            rope_layers=self.rope_layers,
        )


def families_of(module: ModuleType) -> tuple[Family, ...]:
    """
    The families of a module: one for each of its rows where it is a table, else the one that it describes.
    """
    rows = getattr(module, "ROWS", None)
    if rows is not None:
        return tuple(row.family() for row in rows)
    return (
        Family(
            name=module.__name__.rpartition(".")[2],
            architectures=module.ARCHITECTURES,
            hf_classes=module.HF_CLASSES,
            tensors=module.tensors,
            caches=module.caches,
            graph=module.graph,
            from_config=module.from_config,
            settled=getattr(module, "settled", None),
            common_words=getattr(module, "common_words", None),
            layer_variant=getattr(module, "layer_variant", None),
            rope_layers=getattr(module, "rope_layers", None),
            encoder=getattr(module, "ENCODER", False),
            output_first=getattr(module, "OUTPUT_FIRST", False),
            no_output=getattr(module, "NO_OUTPUT", False),
            reads_late=getattr(module, "READS_LATE", False),
            draft_graph=getattr(module, "draft_graph", None),
            draft_caches=getattr(module, "draft_caches", None),
            snapshots=frozenset(getattr(module, "SNAPSHOTS", ())),
            published_next_token=getattr(module, "PUBLISHED_NEXT_TOKEN", 0),
        ),
    )
