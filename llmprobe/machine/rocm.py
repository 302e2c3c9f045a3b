"""
Which GPUs of AMD the libraries of ROCm can compute on; the others run by Vulkan.
"""

ROCM_KERNELS = frozenset(
    {
        "gfx906",
        "gfx908",
        "gfx90a",
        "gfx942",
        "gfx950",
        "gfx1030",
        "gfx1100",
        "gfx1101",
        "gfx1102",
        "gfx1103",
        "gfx1150",
        "gfx1151",
        "gfx1200",
        "gfx1201",
    }
)
"""What the libraries of ROCm 6 and 7 have kernels for, rocBLAS above all."""
