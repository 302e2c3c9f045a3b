"""
Encoders of sound, beside what llama-server b11549 logged on the processor for files of zeros of the same shapes.
"""

import msgspec

from llmprobe.estimation.projector.measure import measure
from llmprobe.facts.model import Tensor
from llmprobe.facts.projector import Projector
from llmprobe.model import projectors
from llmprobe.model.projectors import ImageTokens, encoders


def tensor(name: str, kind: str, *shape: int) -> Tensor:
    return Tensor(name=name, type=kind, shape=shape)


def sound(kind: str, layers: int, heads: int, width: int, tensors: list[Tensor]) -> Projector:
    """
    An encoder of sound with 128 frequencies.
    """
    metadata = {
        "projector_type": kind,
        "has_audio_encoder": True,
        "audio.embedding_length": width,
        "audio.attention.head_count": heads,
        "audio.block_count": layers,
        "audio.num_mel_bins": 128,
        "use_gelu": True,
    }
    return Projector(name="mmproj", metadata=metadata, tensors=tuple(tensors))


def linear(name: str, entering: int, leaving: int) -> list[Tensor]:
    return [tensor(f"{name}.weight", "f16", entering, leaving), tensor(f"{name}.bias", "f32", leaving)]


def layer_norm(name: str, width: int) -> list[Tensor]:
    return [tensor(f"{name}.weight", "f32", width), tensor(f"{name}.bias", "f32", width)]


def of_conformer(width: int, wide: int, layers: int) -> list[Tensor]:
    """
    The tensors of LFM2-Audio's encoder, of a width and with so many layers.
    """
    found = [tensor(f"a.conv1d.{at}.weight", "f32", 3, 3, 1, 256) for at in (0, 2, 5)]
    found += [tensor(f"a.conv1d.{at}.weight", "f32", 1, 1, 256, 256) for at in (3, 6)]
    found += [tensor(f"a.conv1d.{at}.bias", "f32", 1, 1, 256) for at in (0, 2, 3, 5, 6)]
    found += linear("a.pre_encode.out", 16 * 256, width)
    for il in range(layers):
        name = f"a.blk.{il}"
        for part in ("ffn_norm", "ffn_norm_1", "ln1", "ln2", "norm_conv", "conv_norm"):
            found += layer_norm(f"{name}.{part}", width)
        for part in ("", "_1"):
            found += linear(f"{name}.ffn_up{part}", width, wide)
            found += linear(f"{name}.ffn_down{part}", wide, width)
        for part in ("attn_q", "attn_k", "attn_v", "attn_out", "conv_pw2"):
            found += linear(f"{name}.{part}", width, width)
        found += linear(f"{name}.conv_pw1", width, 2 * width)
        found.append(tensor(f"{name}.linear_pos.weight", "f16", width, width))
        found += [
            tensor(f"{name}.conv_dw.weight", "f32", 9, width),
            tensor(f"{name}.conv_dw.bias", "f32", width),
        ]
        found += [tensor(f"{name}.pos_bias_{part}", "f32", 64, width // 64) for part in "uv"]
    return [
        *found,
        *layer_norm("mm.a.mlp.0", width),
        *linear("mm.a.mlp.1", width, 2048),
        *linear("mm.a.mlp.3", 2048, 2048),
    ]


def on_processor(projector: Projector) -> tuple[int, float]:
    """
    The nodes of the graph, and the MiB of its buffer in RAM.
    """
    (sizes,) = encoders(projector, ImageTokens())
    graph = projectors.graph(projector, sizes, sizes.warmup, flash=True)
    found = measure(projector, ImageTokens(), backend="host")

    assert found.unknown == ()
    return len(graph.nodes), round(found.warmup.device / (1 << 20), 2)


def test_a_conformer_is_as_llama_server_logs_it() -> None:
    """
    The shape of LFM2-Audio-1.5B: b11549 on the processor logged 1547 nodes and 193.54 MiB for a file of zeros, and nine
    nodes more of the type that has a further block after it.
    """
    tensors = of_conformer(512, 2048, 17)
    more = [
        *layer_norm("mm.a.mlp.4", 2048),
        *linear("mm.a.mlp.5", 2048, 512),
        *linear("mm.a.mlp.6", 512, 2048),
    ]

    assert on_processor(sound("lfm2a", 17, 8, 512, tensors)) == (1547, 193.54)
    assert on_processor(sound("d1omni_a", 17, 8, 512, [*tensors, *more])) == (1556, 193.54)


def test_the_hearing_of_dots_is_as_llama_server_logs_it() -> None:
    """
    Four layers of 1280 with 20 heads behind three convolutions of 480: 170 nodes, 552.43 MiB.
    """
    tensors = [
        one
        for at, entering in ((1, 1), (2, 480), (3, 480))
        for one in (
            tensor(f"a.conv2d.{at}.weight", "f16", 3, 3, entering, 480),
            tensor(f"a.conv2d.{at}.bias", "f32", 480),
        )
    ]
    tensors += [tensor("a.conv_out.weight", "f16", 16 * 480, 1280), tensor("a.post_ln.weight", "f32", 1280)]
    for il in range(4):
        name = f"a.blk.{il}"
        tensors += [tensor(f"{name}.{part}.weight", "f32", 1280) for part in ("ln1", "ln2")]
        for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors += linear(f"{name}.{part}", 1280, 1280)
        tensors += [*linear(f"{name}.ffn_up", 1280, 5120), *linear(f"{name}.ffn_down", 5120, 1280)]
    tensors += layer_norm("mm.a.norm_pre", 1280)
    tensors += [*linear("mm.a.mlp.1", 1280, 2048), *linear("mm.a.mlp.3", 2048, 2048)]

    assert on_processor(sound("dots3note_a", 4, 20, 1280, tensors)) == (170, 552.43)


def of_granite(joined: tuple[int, ...], block: int) -> Projector:
    """
    Granite Speech's encoder with four of its sixteen layers.
    """
    width, wide = 1024, 4096
    found = [
        *linear("a.input_projection", 160, width),
        *linear("a.enc_ctc_out", width, 348),
        *linear("a.enc_ctc_out_mid", 348, width),
    ]
    for il in range(4):
        name = f"a.blk.{il}"
        for part in ("ffn_norm", "ffn_norm_1", "ln1", "ln2", "norm_conv"):
            found += layer_norm(f"{name}.{part}", width)
        found += layer_norm(f"{name}.conv_norm", 2 * width)
        for part in ("", "_1"):
            found += linear(f"{name}.ffn_up{part}", width, wide)
            found += linear(f"{name}.ffn_down{part}", wide, width)
        found += [tensor(f"{name}.attn_{part}.weight", "f16", width, width) for part in "qkv"]
        found += [*linear(f"{name}.attn_out", width, width), *linear(f"{name}.conv_pw1", width, 4 * width)]
        found += linear(f"{name}.conv_pw2", 2 * width, width)
        found += [
            tensor(f"{name}.attn_rel_pos_emb", "f32", 128, 1025),
            tensor(f"{name}.conv_dw.weight", "f32", 15, 2 * width),
        ]
    found += [tensor("a.proj_query", "f32", width, 3), *layer_norm("a.proj_norm", width)]
    for il in range(2):
        for part, seen in (("self_attn", width), ("cross_attn", width * (len(joined) + 1))):
            name = f"a.proj_blk.{il}.{part}"
            found += [*linear(f"{name}_q", width, width), *linear(f"{name}_out", width, width)]
            found += [*linear(f"{name}_k", seen, width), *linear(f"{name}_v", seen, width)]
            found += layer_norm(f"{name}_norm", width)
        name = f"a.proj_blk.{il}"
        found += [*linear(f"{name}.ffn_up", width, wide), *linear(f"{name}.ffn_down", wide, width)]
        found += layer_norm(f"{name}.ffn_norm", width)
    found += linear("a.proj_linear", width, 2048)
    projector = sound("granite_speech", 4, 8, width, found)
    more = {
        "audio.num_mel_bins": 160,
        "audio.chunk_size": block,
        "audio.conv_kernel_size": 15,
        "audio.projector.window_size": 15,
        "audio.projector.downsample_rate": 5,
        "audio.projector.head_count": 16,
        "audio.feature_layer": list(joined),
    }
    return msgspec.structs.replace(projector, metadata={**projector.metadata, **more})


def test_the_hearing_of_granite_is_as_llama_server_logs_it() -> None:
    """
    In blocks that divide the frames, with the sound after one and two layers beside the last, and in blocks that do
    not divide them.
    """
    assert on_processor(of_granite((), 200)) == (417, 123.26)
    assert on_processor(of_granite((1,), 200)) == (418, 134.98)
    assert on_processor(of_granite((0, 2), 200)) == (419, 146.70)
    assert on_processor(of_granite((), 192)) == (425, 134.36)


def of_mimo(books: tuple[int, ...], group: int, local: int) -> Projector:
    """
    MiMo's encoder with four of its layers, fewer books of codes and fewer layers over groups.
    """
    width, wide = 1280, 5120
    found = [
        tensor("a.conv1d.1.weight", "f16", 3, 128, width),
        tensor("a.conv1d.1.bias", "f32", 1, width),
        tensor("a.conv1d.2.weight", "f16", 3, width, width),
        tensor("a.conv1d.2.bias", "f32", 1, width),
    ]
    for il in range(4):
        name = f"a.blk.{il}"
        found += [*layer_norm(f"{name}.ln1", width), *layer_norm(f"{name}.ln2", width)]
        found += linear(f"{name}.attn_q", width, width)
        found.append(tensor(f"{name}.attn_k.weight", "f16", width, width))
        found += [*linear(f"{name}.attn_v", width, width), *linear(f"{name}.attn_out", width, width)]
        found += [*linear(f"{name}.ffn_up", width, wide), *linear(f"{name}.ffn_down", wide, width)]
    found += [*layer_norm("a.post_ln", width), *layer_norm("a.downsample.norm", width)]
    found += [
        tensor("a.downsample.conv.weight", "f16", 2, width, width),
        tensor("a.rvq.codebook.weight", "f32", width, max(books), len(books)),
        tensor("mm.a.code_embd.weight", "f16", width, 1280, len(books)),
    ]
    for il in range(local):
        name = f"mm.a.local_blk.{il}"
        for part in ("attn_q", "attn_k", "attn_v"):
            found += linear(f"{name}.{part}", width, width)
        found += [tensor(f"{name}.{part}.weight", "f32", width) for part in ("ln1", "ln2")]
        found += [
            tensor(f"{name}.attn_out.weight", "f16", width, width),
            tensor(f"{name}.ffn_gate.weight", "f16", width, wide),
            tensor(f"{name}.ffn_up.weight", "f16", width, wide),
            tensor(f"{name}.ffn_down.weight", "f16", wide, width),
        ]
    found += [
        tensor("mm.a.local_norm.weight", "f32", width),
        tensor("mm.a.mlp.1.weight", "f16", width * group, 4096),
        tensor("mm.a.mlp.2.weight", "f16", 4096, 4096),
    ]
    projector = sound("mimo_audio", 4, 20, width, found)
    more = {
        "audio.rvq.codebook_size": list(books),
        "audio.wa_pattern_mode": [0, -1, 0, -1],
        "audio.local_block_count": local,
        "audio.local_group_size": group,
    }
    return msgspec.structs.replace(projector, metadata={**projector.metadata, **more})


def test_the_hearing_of_mimo_is_as_llama_server_logs_it() -> None:
    """
    In groups that divide the frames and in ones that do not.
    """
    assert on_processor(of_mimo((1024, 1024, 128, 128), 4, 2)) == (290, 74.73)
    assert on_processor(of_mimo((512, 256), 7, 3)) == (287, 62.42)


def test_sound_that_is_taken_in_one_piece_is_said_to_take_more() -> None:
    """
    Granite hears a whole recording at once, so its figure says for how many seconds it holds; Whisper hears pieces.
    """
    granite = measure(of_granite((), 200), ImageTokens(), backend="cuda")
    whisper = measure(projectors.described("ultravox", 4096, "ultravox"), ImageTokens(), backend="cuda")

    assert granite.seconds == 30
    assert whisper.seconds == 0
