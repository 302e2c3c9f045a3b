"""
The list of tensors that an architecture file fills, in the words that most architectures share.

A method appends the tensors of one part of a layer, in the order that the GGUF converter writes them.
"""

from collections.abc import Iterator

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.sizes import Sizes


class Inventory:
    """
    The tensors of one model so far. ``layer`` is the layer that is being filled, None outside the layers; ``part``
    stands before the names of layers, where a model has two kinds of them (``enc.``, ``dec.``).
    """

    def __init__(self, hparams: Hparams) -> None:
        self.sizes = Sizes(hparams)
        self.layer: int | None = None
        self.part = ""
        self._tensors: list[Tensor] = []

    def layers(self) -> Iterator[int]:
        """Go through the layers of the file; what is appended meanwhile belongs to them."""
        for layer in self.sizes.stored:
            self.layer = layer
            yield layer
        self.layer = None

    def done(self) -> tuple[Tensor, ...]:
        """The whole list."""
        return tuple(self._tensors)

    def add(self, name: str, *shape: int) -> None:
        """Append one tensor by its full name without the layer's prefix."""
        full = name if self.layer is None else f"{self.part}blk.{self.layer}.{name}"
        self._tensors.append(Tensor(full, shape, self.layer))

    def weight(self, name: str, *shape: int) -> None:
        """Append a matrix or a norm."""
        self.add(f"{name}.weight", *shape)

    def bias(self, name: str, *shape: int) -> None:
        """Append a bias."""
        self.add(f"{name}.bias", *shape)

    def norm(self, name: str, width: int = 0, *, bias: bool = False) -> None:
        """Append a norm over the embedding, or over ``width`` values."""
        self.weight(name, width or self.sizes.n_embd)
        if bias:
            self.bias(name, width or self.sizes.n_embd)

    def embedding(self) -> None:
        """Append the token embedding."""
        self.weight("token_embd", self.sizes.n_embd, self.sizes.n_vocab)

    def output(self, *, bias: bool = False, always_tied: bool = False) -> None:
        """Append the norm and the matrix after the last layer; a tied model has no such matrix."""
        self.norm("output_norm", bias=bias)
        if not (always_tied or self.sizes.tied):
            self.weight("output", self.sizes.n_embd, self.sizes.n_vocab)

    def rope_factors(self) -> None:
        """Append the frequency factors that some context extensions keep as tensors."""
        scaling = self.sizes.hparams.get("rope.scaling.type")
        half = self.sizes.n_rot // 2
        if scaling == "llama3":
            self.weight("rope_freqs", half)
        elif scaling == "longrope":
            self.weight("rope_factors_long", half)
            self.weight("rope_factors_short", half)

    def qkv(self, *, bias: bool = False, slides: bool = False) -> None:
        """Append the matrices of queries, keys and values, one each."""
        sizes, layer = self.sizes, self.layer or 0
        q = sizes.heads(layer) * sizes.head_k(slides=slides)
        k = sizes.kv_heads(layer) * sizes.head_k(slides=slides)
        v = sizes.kv_heads(layer) * sizes.head_v(slides=slides)
        self.weight("attn_q", sizes.n_embd, q)
        self.weight("attn_k", sizes.n_embd, k)
        self.weight("attn_v", sizes.n_embd, v)
        if bias:
            self.bias("attn_q", q)
            self.bias("attn_k", k)
            self.bias("attn_v", v)

    def fused_qkv(self, *, bias: bool = False) -> None:
        """Append one matrix that holds queries, keys and values."""
        sizes, layer = self.sizes, self.layer or 0
        kv = sizes.kv_heads(layer) * (sizes.head_k() + sizes.head_v())
        width = sizes.heads(layer) * sizes.head_k() + kv
        self.weight("attn_qkv", sizes.n_embd, width)
        if bias:
            self.bias("attn_qkv", width)

    def attn_output(self, *, bias: bool = False, slides: bool = False) -> None:
        """Append the matrix after the attention."""
        sizes = self.sizes
        self.weight("attn_output", sizes.heads(self.layer or 0) * sizes.head_v(slides=slides), sizes.n_embd)
        if bias:
            self.bias("attn_output", sizes.n_embd)

    def head_norms(self, *, slides: bool = False) -> None:
        """Append the norms over one head of keys and one of queries."""
        self.weight("attn_k_norm", self.sizes.head_k(slides=slides))
        self.weight("attn_q_norm", self.sizes.head_k(slides=slides))

    def ffn(
        self, parts: str = "gate down up", *, width: int = 0, suffix: str = "", bias: bool = False
    ) -> None:
        """Append feed-forward matrices in the given order, each followed by its bias where it has one."""
        n_embd = self.sizes.n_embd
        n_ff = width or self.sizes.ff(self.layer or 0)
        for part in parts.split():
            shape = (n_ff, n_embd) if part == "down" else (n_embd, n_ff)
            self.weight(f"ffn_{part}{suffix}", *shape)
            if bias:
                self.bias(f"ffn_{part}{suffix}", shape[1])

    def experts(self, parts: str = "gate down up", *, width: int = 0) -> None:
        """Append the router and the experts' matrices, all experts of a layer in one tensor."""
        n_embd, n_expert = self.sizes.n_embd, self.sizes.n_expert
        n_ff = width or self.sizes.number("expert_feed_forward_length", self.sizes.ff(self.layer or 0))
        self.weight("ffn_gate_inp", n_embd, n_expert)
        for part in parts.split():
            shape = (n_ff, n_embd) if part == "down" else (n_embd, n_ff)
            self.weight(f"ffn_{part}_exps", *shape, n_expert)
