"""
A split of tensors (``-sm tensor``): which rows or heads of each tensor and of each cache lie on which device.

Matrices that read the hidden state are cut by rows, those that write it by the length of their rows, each at whole
heads and whole blocks of the quantization; what is left lies whole on every device. The remainders go round: each
layer begins with another device.
Source: llama.cpp b11549, src/llama-model.cpp (``llama_meta_device_get_split_state``).
"""

import re
import struct
from collections.abc import Sequence
from itertools import accumulate
from math import lcm

import msgspec

from llmprobe.errors import RefusedError
from llmprobe.estimation.memory.cuts import (
    ATTENTION_OUT,
    LATENT,
    STATE_OUT,
    WHOLE_MODELS,
    cut_of,
    in_layer,
)
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs import CacheLayout, Sizes
from llmprobe.model.quants import TYPES
from llmprobe.words.message import message

_GATED_QUERIES = frozenset({"qwen3next", "qwen35", "qwen35moe", "clef", "qwen4exp"})
_WHOLE_STATE = frozenset({"lfm2", "lfm2moe"})
_FAST = 128
"""Cuts are multiples of this where that leaves no device empty: the kernels are then faster."""

_Segment = tuple[int, int]
"""A width that is cut by itself, and how many of it follow each other."""


class Slices:
    """
    The slices of one model in one quantization over ``count`` devices.

    ``shares`` are those of ``-ts``; none, or zeros, are equal parts, whatever memory is free.
    """

    def __init__(
        self,
        architecture: str,
        hparams: Hparams,
        layout: CacheLayout,
        tensors: Sequence[Tensor],
        count: int,
        shares: Sequence[float] = (),
    ) -> None:
        self._architecture = architecture
        self._sizes = Sizes(hparams)
        self._count = count
        given = [_f32(share) for share in shares[:count]]
        self._shares = given + [0.0] * (count - len(given))
        self._tensors = {tensor.name: tensor for tensor in tensors}
        self._recurrent = frozenset(
            layer.layer for layer in (layout.state.layers if layout.state is not None else ())
        )
        cached = {layer.layer: (layer, cache) for cache in layout.kv for layer in cache.layers}
        self._heads = {number: (layer.head_k, layer.head_v) for number, (layer, _) in cached.items()}
        sliding = self._sizes.flags("attention.sliding_window_pattern") or ()
        self._sliding = frozenset(
            layer
            for layer in self._sizes.trunk
            if (
                cached[layer][1].window is not None
                if layer in cached
                else layer < len(sliding) and sliding[layer]
            )
        )
        self._begins = self._rotations()
        # Layers of one kind are cut alike, and a model has few kinds.
        self._kinds = [
            (
                layer in self._recurrent,
                self._sizes.heads(layer),
                self._sizes.kv_heads(layer),
                self._sizes.ff(layer),
                self._head_sizes(layer),
            )
            for layer in self._sizes.layers
        ]
        self._known: dict[tuple[object, ...], tuple[int, ...]] = {}

    def of(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """
        A tensor's part on each device, the whole one where it is not cut.

        Raises:
            RefusedError: llama.cpp aborts, as the tensor that decides about the cut does not exist.
        """
        cut = cut_of(tensor, self._architecture)
        if cut is None:
            return (tensor,) * self._count
        axis, blocks_of = cut.axis, cut.blocks_of
        name = in_layer(tensor)
        widths = self._widths(
            name,
            tensor.layer or 0,
            tensor.shape[axis] if axis < len(tensor.shape) else 1,
            self._block(tensor, blocks_of),
            len(tensor.shape) > 1 and tensor.shape[1] == self._sizes.heads(tensor.layer or 0),
            self._begins[tensor.layer] if tensor.layer is not None else len(self._sizes.trunk) % self._count,
        )
        return tuple(
            msgspec.structs.replace(tensor, shape=(*tensor.shape[:axis], width, *tensor.shape[axis + 1 :]))
            for width in widths
        )

    def cache(self, layer: int, width: int, which: str, cache: str = "") -> tuple[int, ...]:
        """
        The values per cell of K or V (``which``) on each device; an indexer's ``cache`` lies whole on all.

        Raises:
            RefusedError: llama.cpp aborts, as the layer has no output matrix by that name.
        """
        if self._architecture in WHOLE_MODELS | LATENT or "indexer" in cache:
            return (width,) * self._count
        block = self._block_of(f"blk.{layer}.", ATTENTION_OUT)
        return self._widths(f"cache_{which}", layer, width, block, False, self._begins[layer])

    def state(self, layer: int, parts: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """
        The values of each part of a layer's recurrent state (rolling, state, further ones) on each device.

        Raises:
            RefusedError: llama.cpp aborts, as the layer has no output matrix by that name.
        """
        if self._architecture in WHOLE_MODELS | LATENT | _WHOLE_STATE:
            return tuple((width,) * self._count for width in parts)
        block = self._block_of(f"blk.{layer}.", STATE_OUT)
        names = ("cache_r", "cache_s")
        return tuple(
            self._widths(names[at], layer, width, block, False, self._begins[layer])
            if at < len(names)
            else (width,) * self._count
            for at, width in enumerate(parts)
        )

    def _rotations(self) -> list[int]:
        """The device that each layer begins with: by how many layers of its kind come before it."""
        seen: dict[tuple[bool, bool], int] = {}
        begins = []
        for layer in self._sizes.layers:
            kind = (layer in self._recurrent, layer in self._sliding)
            begins.append(seen.get(kind, 0) % self._count)
            seen[kind] = seen.get(kind, 0) + 1
        return begins

    def _block(self, tensor: Tensor, blocks_of: tuple[str, ...]) -> int:
        if not blocks_of:
            return TYPES[tensor.type or "f16"].block
        return self._block_of(f"blk.{tensor.layer}.", blocks_of)

    def _block_of(self, prefix: str, names: tuple[str, ...]) -> int:
        for name in names:
            found = self._tensors.get(prefix + name)
            if found is not None:
                return TYPES[found.type or "f16"].block
        raise RefusedError(
            message("error.tensor-split-aborts", architecture=self._architecture, tensor=prefix + names[0]),
            hint=message("hint.split-by-layers"),
        )

    def _widths(
        self, name: str, layer: int, width: int, block: int, by_head: bool, first: int
    ) -> tuple[int, ...]:
        """
        A width in parts, one for each device; ``first`` is the device that takes the first of them.
        """
        key = (name, self._kinds[layer], width, block, by_head, first)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._cut_up(name, layer, width, block, by_head, first)
        return found

    def _cut_up(
        self, name: str, layer: int, width: int, block: int, by_head: bool, first: int
    ) -> tuple[int, ...]:
        segments = self._segments(name, layer, width)
        steps = self._steps(name, layer, block, by_head, len(segments))
        if not all(steps):
            raise RefusedError(
                message("error.tensor-split-unknown", architecture=self._architecture),
                hint=message("hint.split-by-layers"),
            )
        result = [0] * self._count
        turned = [self._shares[(at + first) % self._count] for at in range(self._count)]
        sums = list(accumulate(turned, lambda total, share: _f32(total + share)))
        for (size, times), step in zip(segments, steps, strict=True):
            low = 0
            for at in range(self._count):
                high = size
                if at < self._count - 1:
                    high = _share(size, at, self._count, sums)
                    high -= high % step
                result[(at + first) % self._count] += (high - low) * times
                low = high
        return tuple(result)

    def _segments(self, name: str, layer: int, width: int) -> tuple[_Segment, ...]:
        """
        What of a width is cut by itself: queries, keys and values in one matrix, gate and up in one.
        """
        sizes = self._sizes
        if self._architecture in _GATED_QUERIES:
            return self._segments_of_deltas(name, layer, width)
        if name in ("attn_qkv.weight", "attn_qkv.bias"):
            head_k, head_v = self._head_sizes(layer)
            q = sizes.heads(layer) * head_k
            k, v = sizes.kv_heads(layer) * head_k, sizes.kv_heads(layer) * head_v
            return ((q, 1), (k, 2)) if k == v else ((q, 1), (k, 1), (v, 1))
        if name in ("ffn_up.weight", "ffn_up.bias", "ffn_up_exps.weight", "ffn_up_exps.bias"):
            inner = sizes.ff(layer)
            return ((inner, 2),) if width == 2 * inner else ((width, 1),)
        if name in ("ffn_gate_up.weight", "ffn_gate_up_exps.weight"):
            return ((width // 2, 2),)
        return ((width, 1),)

    def _segments_of_deltas(self, name: str, layer: int, width: int) -> tuple[_Segment, ...]:
        """
        Of models with delta nets: a gate beside each query, and V in groups of as many heads as K has.
        """
        sizes = self._sizes
        fused = name in ("attn_qkv.weight", "attn_qkv.bias")
        if fused and layer not in self._recurrent:
            head_k, head_v = self._head_sizes(layer)
            return ((2 * sizes.heads(layer) * head_k, 1), (sizes.kv_heads(layer) * head_v, 2))
        head, keys, values = (
            sizes.number(f"ssm.{key}", 0) for key in ("state_size", "group_count", "time_step_rank")
        )
        kernel, ratio = sizes.number("ssm.conv_kernel", 1) - 1, values // (keys or 1)
        convolved = name in ("attn_qkv.weight", "ssm_conv1d.weight")
        found: tuple[_Segment, ...] = ((width, 1),)
        if self._architecture == "qwen3next":
            if convolved:
                found = ((head * keys, 2), (head * values, 1))
            elif name == "cache_r":
                found = ((head * keys * kernel, 2), (head * values * kernel, 1))
        elif convolved:
            found = ((head * keys, 2 + ratio),)
        elif name in ("attn_gate.weight", "ssm_out.weight"):
            found = ((head * keys, ratio),)
        elif name in ("ssm_dt.bias", "ssm_a", "ssm_alpha.weight", "ssm_beta.weight"):
            found = ((keys, ratio),)
        elif name == "cache_r":
            found = ((head * keys * kernel, 2 + ratio),)
        elif name == "cache_s":
            found = ((keys * head * head, ratio),)
        if name in ("ffn_gate_up.weight", "ffn_gate_up_exps.weight"):
            found = ((width // 2, 2),)
        return found

    def _steps(self, name: str, layer: int, block: int, by_head: bool, segments: int) -> tuple[int, ...]:
        """
        What each segment is cut at multiples of.
        """
        found = (
            self._steps_of_deltas(name, block)
            if layer in self._recurrent
            else self._steps_of_attention(name, layer, block, by_head)
        )
        if not found and re.match(r"ffn_(up|gate|gate_up|down)(_exps|_shexp)?\.(weight|bias)", name):
            found = (lcm(block, _FAST),)
        steps = found or (1,)
        return steps if len(steps) == segments else (steps[0],) * segments

    def _steps_of_deltas(self, name: str, block: int) -> tuple[int, ...]:
        head = self._sizes.number("ssm.state_size", 0)
        if not head:
            return ()
        step = lcm(lcm(block, _FAST), head)
        kernel = self._sizes.number("ssm.conv_kernel", 1) - 1
        steps = {
            "attn_qkv.weight": step,
            "attn_gate.weight": step,
            "ssm_conv1d.weight": step,
            "ssm_out.weight": step,
            "ssm_dt.bias": step // head,
            "ssm_a": step // head,
            "ssm_alpha.weight": step // head,
            "ssm_beta.weight": step // head,
            "ssm_ba.weight": 2 * (step // head),
            "cache_r": step * kernel,
            "cache_s": step * head,
        }
        return (steps[name],) if name in steps else ()

    def _steps_of_attention(self, name: str, layer: int, block: int, by_head: bool) -> tuple[int, ...]:
        sizes = self._sizes
        kv_heads = sizes.kv_heads(layer)
        if not kv_heads:
            return ()
        head_k, head_v = self._head_sizes(layer)
        group = sizes.heads(layer) // kv_heads
        fast = block
        while fast < _FAST and fast * self._count < group * head_k:
            fast *= 2
        q = lcm(group * head_k, fast)
        heads = q // head_k
        if self._architecture in LATENT:
            latent = self._steps_of_latent(name, layer, head_k)
            if latent:
                return latent
        gated = lcm(2 * group * head_k, fast) if self._architecture in _GATED_QUERIES else q
        k = q // group
        v = k // head_k * head_v
        steps: dict[str, tuple[int, ...]] = {
            "attn_sinks.weight": (heads,),
            "attn_q.weight": (gated,),
            "attn_q.bias": (gated,),
            "attn_output.weight": (heads * head_v,),
            "attn_gate.weight": (heads if by_head else q,),
            "attn_k.weight": (k,),
            "attn_k.bias": (k,),
            "cache_k": (k,),
            "attn_v.weight": (v,),
            "attn_v.bias": (v,),
            "attn_v_exps.weight": (v,),
            "cache_v": (v,),
            "attn_qkv.weight": (gated, k, v),
            "attn_qkv.bias": (gated, k, v),
        }
        found = steps.get(name, ())
        if name.startswith("attn_qkv") and (head_k == head_v or self._architecture in _GATED_QUERIES):
            return found[:2]
        return found

    def _steps_of_latent(self, name: str, layer: int, head: int) -> tuple[int, ...]:
        groups = self._sizes.number("attention.output_group_count", 1)
        together = self._sizes.heads(layer) // groups
        steps = {
            "attn_sinks.weight": together,
            "attn_q_b.weight": together * head,
            "attn_output_a.weight": 1,
            "attn_output_b.weight": self._sizes.number("attention.output_lora_rank", 1),
        }
        return (steps[name],) if name in steps else ()

    def _head_sizes(self, layer: int) -> tuple[int, int]:
        found = self._heads.get(layer)
        if found is not None:
            return found
        slides = layer in self._sliding
        return self._sizes.head_k(slides=slides), self._sizes.head_v(slides=slides)


def _share(size: int, at: int, count: int, sums: list[float]) -> int:
    """
    Where the slice ends that is the ``at``-th: in single precision, as llama.cpp computes it.
    """
    if not sums[-1]:
        return int(_f32(size * (at + 1) // count))
    return int(_f32(_f32(_f32(size) * sums[at]) / sums[-1]))


def _f32(value: float) -> float:
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded
