"""
Which GPUs are a part of a processor, where no driver says so: by their PCI numbers, as sysfs writes them.
"""

AMD_INTEGRATED = frozenset(
    {
        "0x1586",
        "0x150e",
        "0x1114",
        "0x1902",
        "0x15bf",
        "0x15c8",
        "0x1900",
        "0x1901",
        "0x1681",
        "0x164e",
        "0x13c0",
        "0x1506",
        "0x163f",
        "0x1435",
        "0x1636",
        "0x1638",
        "0x164c",
        "0x15e7",
        "0x15dd",
        "0x15d8",
    }
)

AMD_TOO_SMALL = frozenset({"0x164e", "0x13c0", "0x1506"})
"""Raphael, Granite Ridge and Mendocino: two compute units, which the processor beside them beats."""

INTEL_RATED = {
    "0x7d55": "Intel Arc Graphics",
    "0x7dd5": "Intel Arc Graphics",
    "0x7d51": "Intel Arc 140T GPU",
    "0x64a0": "Intel Arc 130V GPU",
    "0xb080": "Intel Arc B390 GPU",
    "0xb081": "Intel Arc B370 GPU",
    "0xb082": "Intel Arc B390 GPU",
    "0xb083": "Intel Arc B370 GPU",
    "0xb084": "Intel Arc B390 GPU",
    "0xb085": "Intel Arc B370 GPU",
    "0xb086": "Intel Arc B390 GPU",
    "0xb087": "Intel Arc B370 GPU",
}
"""
Intel's graphics that may be faster than the processor beside them, by their names in the table of devices: of two that
share a number the slower. https://pci-ids.ucw.cz. Iris Xe (3.4 TFLOPS) and less are not.
"""
