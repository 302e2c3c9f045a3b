"""
Tensor types in GGUF files that llama.cpp does not load: those of its fork ik_llama.cpp, and those that it removed.

Source: ik_llama.cpp 8337e4cd3, ggml/include/ggml.h (``ggml_type``), ggml/src/ggml-common.h and ggml.c (``type_traits``,
``ggml_row_size``); llama.cpp b11549, ggml/include/ggml.h ("support has been removed from gguf files").
"""

import msgspec

FORK = "ik_llama.cpp"


class ForkType(msgspec.Struct, frozen=True, gc=False):
    """
    A type: ``block`` values take ``block_bytes`` bytes, and each row begins with ``row_bytes`` more (its scale).

    ``engine`` loads it; None is a type that llama.cpp had and removed.
    """

    name: str
    block: int
    block_bytes: int
    row_bytes: int = 0
    engine: str | None = FORK

    def bytes_of(self, shape: tuple[int, ...]) -> int:
        """The bytes of a tensor's data."""
        rows = 1
        for extent in shape[1:]:
            rows *= extent
        return rows * (self.row_bytes + self.block_bytes * shape[0] // self.block)


FORK_TYPES: dict[int, ForkType] = {
    31: ForkType("q4_0_4_4", 32, 18, engine=None),
    32: ForkType("q4_0_4_8", 32, 18, engine=None),
    33: ForkType("q4_0_8_8", 32, 18, engine=None),
    36: ForkType("i2_s", 4, 1),
    37: ForkType("iq4_nl_4_4", 32, 18, engine=None),
    38: ForkType("iq4_nl_4_8", 32, 18, engine=None),
    133: ForkType("q6_0", 32, 26),
    134: ForkType("iq1_bn", 64, 13, 2),
    135: ForkType("iq2_bn", 64, 16, 4),
    137: ForkType("iq2_k", 256, 76),
    138: ForkType("iq3_k", 256, 110),
    139: ForkType("iq4_k", 256, 144),
    140: ForkType("iq5_k", 256, 176),
    141: ForkType("iq6_k", 256, 212),
    144: ForkType("iq4_ks", 256, 136, 4),
    145: ForkType("iq2_ks", 256, 70, 2),
    146: ForkType("iq4_kss", 256, 128, 4),
    151: ForkType("q8_KV", 32, 32, 8),
    152: ForkType("iq5_ks", 256, 168, 4),
    153: ForkType("iq2_kt", 256, 68, 4),
    154: ForkType("iq3_kt", 256, 100, 4),
    155: ForkType("iq4_kt", 256, 128, 4),
    156: ForkType("iq3_ks", 256, 102, 2),
    157: ForkType("iq2_kl", 256, 86, 2),
    158: ForkType("iq1_kt", 256, 56, 4),
    202: ForkType("q4_0_r8", 32, 18),
    206: ForkType("q5_0_r4", 32, 22),
    208: ForkType("q8_0_r8", 32, 34),
    210: ForkType("q2_K_r4", 256, 84),
    211: ForkType("q3_K_r4", 256, 110),
    212: ForkType("q4_K_r4", 256, 144),
    213: ForkType("q5_K_r4", 256, 176),
    214: ForkType("q6_K_r4", 256, 210),
    216: ForkType("iq2_xxs_r4", 256, 66),
    217: ForkType("iq2_xs_r4", 256, 74),
    218: ForkType("iq3_xxs_r4", 256, 98),
    219: ForkType("iq1_s_r4", 32, 6, 2),
    220: ForkType("iq4_nl_r4", 32, 18),
    221: ForkType("iq3_s_r4", 256, 110),
    222: ForkType("iq2_s_r4", 256, 82),
    223: ForkType("iq4_xs_r8", 256, 136),
    229: ForkType("iq1_m_r4", 32, 7, 2),
    230: ForkType("bf16_r16", 1, 2),
    233: ForkType("q6_0_r4", 32, 26),
    335: ForkType("iq2_bn_r4", 64, 16, 4),
    337: ForkType("iq2_k_r4", 256, 76),
    338: ForkType("iq3_k_r4", 256, 110),
    339: ForkType("iq4_k_r4", 256, 144),
    340: ForkType("iq5_k_r4", 256, 176),
    344: ForkType("iq4_ks_r4", 256, 136, 4),
    352: ForkType("iq5_ks_r4", 256, 168, 4),
    353: ForkType("mxfp4_r8", 32, 17),
    397: ForkType("q8_K_r16", 256, 258),
    398: ForkType("q8_KV_r8", 32, 32, 4),
    399: ForkType("q8_K_r8", 256, 258),
}
"""Each type by its number in GGUF files; no number is one that llama.cpp b11549 gives to another type."""

BY_NAME: dict[str, ForkType] = {kind.name: kind for kind in FORK_TYPES.values()}
