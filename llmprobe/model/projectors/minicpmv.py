"""
MiniCPM-V: SigLIP with a resampler, and 4.6, which merges in two steps.

Source: llama.cpp b11549, tools/mtmd/models/minicpmv.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._encoder import Encoder, Vit
from llmprobe.model.projectors._family import SCALE, Family
from llmprobe.model.projectors._sizes import Rule, number, numbers

_HEAD = 128
_QUERIES = {3: 64, 4: 64, 5: 64, 6: 64, 100045: 64}
_MOST_QUERIES = 96


def _resampler(e: Encoder) -> Node:
    out = e.need("resampler.proj.weight").ne[0]
    queries = number(e.projector, "minicpmv_query_num") or _QUERIES.get(
        number(e.projector, "minicpmv_version"), _MOST_QUERIES
    )
    omega = e.input(out // 4)
    high, wide = e.input(1, e.patches), e.input(1, e.patches)
    learned = ops.get_rows(e.need("v.position_embd.weight"), e.numbers(e.patches))
    x = e.layers(e.patched(), e.patches, Vit(), learned)
    v = e.mm("resampler.kv", x)
    q = e.norm(e.need("resampler.query"), "resampler.ln_q")
    v = e.norm(v, "resampler.ln_kv")
    waves = ops.make("repeat", F32, (out // 4, e.patches, 1, 1), omega)
    across, down = ops.like("mul", waves, wide), ops.like("mul", waves, high)
    places = [ops.concat(ops.like("sin", part), ops.like("cos", part), 0) for part in (across, down)]
    k = ops.like("add", v, ops.concat(places[0], places[1], 0))
    parts = []
    for part, source, count in (("q", q, queries), ("k", k, e.patches), ("v", v, e.patches)):
        x = ops.like(
            "add",
            ops.mul_mat(e.need(f"resampler.attn.{part}.weight"), source),
            e.need(f"resampler.attn.{part}.bias"),
        )
        parts.append(ops.reshape(x, _HEAD, out // _HEAD, count))
    x = e.attention("resampler.attn.out", *parts)
    return e.mm("resampler.proj", e.norm(x, "resampler.ln_post"))


def _in_two_steps(e: Encoder) -> Node:
    once = e.sizes.merge == 2
    at = numbers(e.projector, "vision.wa_layer_indexes") or (0,)
    learned = ops.get_rows(e.need("v.position_embd.weight"), e.numbers(e.patches))
    x = ops.like("add", e.patched(), learned)
    if e.weight("v.pre_ln.weight") is not None:
        x = e.norm(x, "v.pre_ln")
    count, middle = e.patches, 0
    if not once:
        middle = at[0] + 1
        x = _layers(e, x, 0, middle, count)
        x = _halved(e, _in_windows(e, x))
        count //= 4
    x = _layers(e, x, middle, e.sizes.layers, count)
    if e.weight("v.post_ln.weight") is not None:
        x = e.norm(x, "v.post_ln")
    x = _joined(_gathered(e, x, count // 4))
    return e.ffn(e.norm(x, "mm.input_norm"), "mm.up", "mm.down", "gelu_erf")


def _layers(e: Encoder, x: Node, first: int, last: int, count: int) -> Node:
    shape = (e.sizes.head, e.sizes.heads, count)
    for il in range(first, last):
        residual = x
        x = e.norm(x, e.layer(il, "ln1"))
        q, k, v = (ops.reshape(e.biased(e.layer(il, f"attn_{part}"), x), *shape) for part in "qkv")
        residual = x = ops.like("add", e.attention(e.layer(il, "attn_out"), q, k, v), residual)
        x = e.layer_ffn(il, e.norm(x, e.layer(il, "ln2")), e.sizes.activation)
        x = ops.like("add", residual, x)
    return x


def _in_windows(e: Encoder, x: Node) -> Node:
    """Attention among the four patches of a square."""
    mask = e.mask()
    residual = x
    x = ops.get_rows(e.norm(x, "v.vit_merger.ln1"), e.numbers(e.patches))
    shape = (e.sizes.head, e.sizes.heads, e.patches)
    q, k, v = (ops.reshape(e.biased(f"v.vit_merger.attn_{part}", x), *shape) for part in "qkv")
    x = e.attention("v.vit_merger.attn_out", q, k, v, mask)
    return ops.like("add", ops.get_rows(x, e.numbers(e.patches)), residual)


def _gathered(e: Encoder, x: Node, count: int) -> list[Node]:
    return [ops.get_rows(x, e.numbers(count)) for _ in range(4)]


def _joined(parts: list[Node]) -> Node:
    x = parts[0]
    for part in parts[1:]:
        x = ops.concat(x, part, 0)
    return x


def _halved(e: Encoder, x: Node) -> Node:
    parts = _gathered(e, x, e.patches // 4)
    mean = parts[0]
    for part in parts[1:]:
        mean = ops.like("add", mean, part)
    mean = ops.like("scale", mean)
    x = e.norm(_joined(parts), "v.vit_merger.ds_ln")
    x = e.ffn(x, "v.vit_merger.ds_ffn_up", "v.vit_merger.ds_ffn_down", "gelu")
    return ops.like("add", x, mean)


FAMILIES = {
    "resampler": Family(rule=Rule(), build=_resampler),
    "minicpmv4_6": Family(rule=Rule(merge=4, merge_key=SCALE), build=_in_two_steps),
}
