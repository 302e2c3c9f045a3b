"""
Encoders of SigLIP's kind: Gemma 3, SmolVLM (Idefics 3), Command A Vision, LFM2-VL, Janus Pro, Phi-4.

Source: llama.cpp b11549, tools/mtmd/models/siglip.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.projectors._encoder import Encoder, Vit, pooled
from llmprobe.model.projectors._family import SCALE, Family
from llmprobe.model.projectors._sizes import Rule

_RESIZED = frozenset({"lfm2", "d1omni_v", "phi4"})
_LFM2 = Rule(merge_key=SCALE, tokens=(64, 256))


def _siglip(e: Encoder) -> Node:
    kind = e.sizes.kind
    x = e.patched()
    learned = e.resized_positions() if kind in _RESIZED else e.need("v.position_embd.weight")
    x = e.layers(x, e.patches, Vit(), learned)
    if kind == "gemma3":
        return _gemma3(e, x)
    if kind == "idefics3":
        return e.mm("mm.model.fc", e.merged(x, e.sizes.merge))
    if kind == "cohere2v":
        x = ops.glu("swiglu", e.biased("mm.1", e.merged(x, e.sizes.merge)))
        return e.biased("mm.2", x)
    if kind in ("lfm2", "d1omni_v"):
        return _lfm2(e, e.merged(x, e.sizes.merge))
    if kind == "janus_pro":
        return e.ffn(x, "mm.0", "mm.1", e.sizes.activation)
    return e.ffn(x, "mm.0", "mm.2", "gelu")


def _gemma3(e: Encoder, x: Node) -> Node:
    side = e.columns
    x = pooled(ops.cont(ops.transpose(x), side, side, e.sizes.embd, 1), e.sizes.merge)
    x = ops.reshape(x, x.ne[0] * x.ne[0], e.sizes.embd, 1)
    x = ops.like("rms_norm", ops.cont(ops.transpose(x)))
    x = ops.like("mul", x, e.need("mm.soft_emb_norm.weight"))
    return ops.mul_mat(ops.cont(ops.transpose(e.need("mm.input_projection.weight"))), x)


def _lfm2(e: Encoder, x: Node) -> Node:
    weight, bias = e.weight("mm.input_norm.weight"), e.weight("mm.input_norm.bias")
    if weight is not None:
        x = ops.like("mul", ops.like("norm", x), weight)
    if bias is not None:
        x = ops.like("add", x, bias)
    return e.ffn(x, "mm.1", "mm.2", "gelu")


FAMILIES = {
    "gemma3": Family(rule=Rule(merge=4, merge_key=SCALE), build=_siglip),
    "idefics3": Family(rule=Rule(merge_key=SCALE, custom=True), build=_siglip),
    "cohere2v": Family(rule=Rule(merge_key=SCALE), build=_siglip),
    "lfm2": Family(rule=_LFM2, build=_siglip),
    "d1omni_v": Family(rule=_LFM2, build=_siglip),
    "janus_pro": Family(rule=Rule(), build=_siglip),
    "phi4": Family(rule=Rule(pixels="always", warmup=256), build=_siglip),
}
