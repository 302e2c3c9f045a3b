"""
The hyper-parameters of a model by short names, with GGUF's defaults for keys that are left out.
"""

from math import gcd
from typing import Any

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams
from llmprobe.model.archs._shared.loops import blocks_of, routers
from llmprobe.model.archs._shared.whole import MAX_LAYERS, layer_count, whole
from llmprobe.words.message import message


class Sizes:
    """
    The sizes that most architectures share, read once from the metadata.

    ``layers`` are those that run, the router's of a model with adapters at their end; ``stored`` are the blocks of the
    file, which are fewer where a model goes through them several times; ``blocks`` says which of them each layer is.

    Raises:
        ModelError: a size without which no tensor can be named is missing, or is no size.
    """

    def __init__(self, hparams: Hparams) -> None:
        self.hparams = hparams
        count = self.need("block_count")
        self.n_embd = self.need("embedding_length")
        if not 0 < count <= MAX_LAYERS:
            raise ModelError(message("hparam.layers", layers=count, most=MAX_LAYERS))
        self.blocks = blocks_of(hparams, count)
        self.n_layer = layer_count(len(self.blocks) + routers(hparams))
        self.stored = range(max(self.blocks) + 1)
        self.layers = range(self.n_layer)
        self.trunk = range(len(self.blocks) - self.number("nextn_predict_layers", 0))
        self.n_expert = self.number("expert_count", 0)
        self._head_count = self._looped(hparams.get("attention.head_count", 0))
        self._head_count_kv = self._looped(hparams.get("attention.head_count_kv", self._head_count))
        self._feed_forward = self._looped(hparams.get("feed_forward_length", 0))
        default_head = self.n_embd // (_largest(self._head_count) or 1)
        self._key = self.number("attention.key_length", default_head)
        self._value = self.number("attention.value_length", default_head)
        self.n_rot = self.number("rope.dimension_count", self._key)
        self.tied = bool(hparams.get("tie_word_embeddings", False))

    @property
    def n_vocab(self) -> int:
        """The rows of the embedding, which no cache depends on and few files hold."""
        return self.need("vocab_size")

    def need(self, key: str) -> int:
        """A whole number that must be there."""
        if self.hparams.get(key) is None:
            raise ModelError(message("hparam.missing", key=key))
        return whole(self.hparams[key])

    def positive(self, key: str) -> int:
        """A whole number that must be there and that others are divided by."""
        value = self.need(key)
        if value <= 0:
            raise ModelError(message("hparam.not-positive", key=key, value=value))
        return value

    def number(self, key: str, default: int) -> int:
        """A whole number, the default where the key is absent."""
        value = self.hparams.get(key)
        return default if value is None else whole(value)

    def _looped(self, value: Any) -> Any:
        """A list with a value for each layer, where the metadata have one for each block of the file."""
        if isinstance(value, list | tuple) and len(value) < self.n_layer and len(value) == len(self.stored):
            return [value[block] for block in self.blocks]
        return value

    def heads(self, layer: int = 0) -> int:
        """The query heads of a layer."""
        return _of_layer(self._head_count, layer)

    @property
    def heads_together(self) -> int:
        """The greatest number that divides the query heads of every layer."""
        return gcd(*map(self.heads, self.trunk))

    def kv_heads(self, layer: int = 0) -> int:
        """The heads of K and V of a layer; 0 where it has no attention."""
        return _of_layer(self._head_count_kv, layer)

    def ff(self, layer: int = 0) -> int:
        """The inner width of a layer's feed-forward part."""
        return _of_layer(self._feed_forward, layer)

    def of_layer(self, key: str, layer: int, default: int = 0) -> int:
        """A number that may be given once for all layers or as a list with one per layer."""
        value = self.hparams.get(key)
        return default if value is None else _of_layer(value, layer)

    def flags(self, key: str) -> tuple[bool, ...] | None:
        """A list with one yes or no per layer, None where the metadata has none."""
        value = self.hparams.get(key)
        if not isinstance(value, list | tuple):
            return None
        return tuple(bool(_of_layer(value, layer)) for layer in self.layers)

    def head_k(self, *, slides: bool = False) -> int:
        """The values of one K head; sliding layers may have their own size."""
        return self.number("attention.key_length_swa", self._key) if slides else self._key

    def head_v(self, *, slides: bool = False) -> int:
        """The values of one V head; sliding layers may have their own size."""
        return self.number("attention.value_length_swa", self._value) if slides else self._value


def _of_layer(value: Any, layer: int) -> int:
    if not isinstance(value, list | tuple):
        return whole(value)
    if layer >= len(value):
        raise ModelError(message("hparam.list-too-short", entries=len(value), layer=layer))
    return whole(value[layer])


def _largest(value: Any) -> int:
    return max(map(whole, value), default=0) if isinstance(value, list | tuple) else whole(value)
