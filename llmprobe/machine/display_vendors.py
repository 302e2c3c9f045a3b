"""
Makers of display adapters that compute nothing: those of servers and of virtual machines, by PCI vendor.
"""

DISPLAYS_ONLY = frozenset(
    {
        "0x102b",
        "0x1a03",
        "0x1234",
        "0x1af4",
        "0x15ad",
        "0x80ee",
        "0x1414",
        "0x1b36",
        "0x1013",
        "0x5333",
        "0x126f",
        "0x1ab8",
        "0x5853",
        "0x1d0f",
        "0x1ae0",
        "0x106b",
        "0x19e5",
    }
)
"""
Matrox, ASPEED, QEMU, virtio, VMware, VirtualBox, Hyper-V, QXL, Cirrus, S3, Silicon Motion, Parallels, Xen,
Amazon, Google, Apple's paravirtual one, Huawei's for servers.
"""
