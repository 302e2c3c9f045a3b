"""
InternVL and Nemotron VL: tiles of one size, shuffled into fewer tokens.

Source: llama.cpp b11549, tools/mtmd/models/internvl.cpp, nemotron-v2-vl.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.projectors._encoder import Encoder, Vit
from llmprobe.model.projectors._family import SCALE, Family
from llmprobe.model.projectors._sizes import Rule

_WIDE, _DEEP = 3200, 45
"""The shape of the large encoder, which norms otherwise."""


def _internvl(e: Encoder) -> Node:
    sizes, batch = e.sizes, e.batch
    classes = e.need("v.class_embd")
    many = ops.make("repeat", classes.kind, (classes.ne[0], 1, batch, 1), classes)
    x = ops.concat(e.patched(), many, 1)
    norm = "rms_norm" if (sizes.embd, sizes.layers) == (_WIDE, _DEEP) else "norm"
    x = e.layers(x, e.patches + 1, Vit(norm=norm), e.need("v.position_embd.weight"))
    x = ops.cont(ops.view(x, (sizes.embd, e.patches, batch), x.nb[1:3]))
    factor, width = sizes.merge, sizes.embd * sizes.merge
    x = ops.permute(ops.reshape(x, width, e.rows // factor, e.columns, batch), 0, 2, 1, 3)
    x = ops.permute(ops.cont(x, width * factor, e.rows // factor, e.columns // factor, batch), 0, 2, 1, 3)
    x = ops.cont(x, width * factor, x.ne[1] * x.ne[2], x.ne[3])
    return e.ffn(e.norm(x, "mm.model.mlp.0"), "mm.model.mlp.1", "mm.model.mlp.3", "gelu")


def _nemotron(e: Encoder) -> Node:
    width = e.sizes.embd
    registers = e.need("v.class_embd")
    x = ops.like("add", e.patched(), e.need("v.position_embd.weight"))
    x = ops.concat(registers, x, 1)
    x = e.layers(x, e.patches + registers.ne[1], Vit())
    x = e.merged(ops.view(x, (width, e.patches), (x.kind.block_bytes * width,)), e.sizes.merge)
    x = e.norm(x, "mm.model.mlp.0", "rms_norm", bias=False)
    return e.ffn(x, "mm.model.mlp.1", "mm.model.mlp.3", "relu_sqr")


FAMILIES = {
    "internvl": Family(rule=Rule(merge_key=SCALE), build=_internvl, batched=True),
    "nemotron_v2_vl": Family(rule=Rule(merge_key=SCALE), build=_nemotron),
}
