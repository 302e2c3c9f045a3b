"""
What kind of machine an executable file is for, as ``uname -sm`` names it there.
"""

from pathlib import Path

from llmprobe.source.opening import readable

_ELF_LITTLE = (b"\x7fELF\x01\x01", b"\x7fELF\x02\x01")
_ELF_HEAD = 20
"""32 or 64 bits, the least significant byte first, up to the end of ``e_machine``."""

_ELF_MACHINES = {
    0x03: "i686",
    0x3E: "x86_64",
    0xB7: "aarch64",
    0xF3: "riscv64",
    0x15: "ppc64le",
    0x102: "loongarch64",
}
"""``e_machine`` of elf.h, for the systems whose kernels name it so."""

_ELF_SYSTEMS = {0: "Linux", 3: "Linux", 9: "FreeBSD"}
"""``EI_OSABI`` of elf.h; programs for Linux mostly have that of System V."""

_MACH_O = b"\xcf\xfa\xed\xfe"
_MACH_O_MACHINES = {0x01000007: "x86_64", 0x0100000C: "arm64"}
"""``cputype`` of mach/machine.h."""

_SCRIPT = b"#!"


def made_for(path: Path) -> str | None:
    """
    Return the system and machine that a program is for (``Linux x86_64``), or an empty string for a script, which
    runs wherever its interpreter is. None is no program that can be started by its name.

    Raises OSError: the file cannot be read.
    """
    with readable(path) as content:
        head = content.read(_ELF_HEAD)
    if head.startswith(_SCRIPT):
        return ""
    if head.startswith(_ELF_LITTLE) and len(head) == _ELF_HEAD:
        system, machine = _ELF_SYSTEMS.get(head[7]), _ELF_MACHINES.get(int.from_bytes(head[18:20], "little"))
        return f"{system} {machine}" if system and machine else None
    if head.startswith(_MACH_O):
        machine = _MACH_O_MACHINES.get(int.from_bytes(head[4:8], "little"))
        return f"Darwin {machine}" if machine else None
    return None
