"""
Processors that have numbers or letters for a name.
"""

import pytest

from llmprobe.data import table
from llmprobe.facts.answer import Platform
from llmprobe.machine.boards import chip, cores_by_part, riscv_sets
from llmprobe.machine.probes import cpu
from tests.machine.fake import LINUX, LINUX_ARM, FakeSource

A55, A76 = ("0x41", "0xd05"), ("0x41", "0xd0b")


def listed(*cores: tuple[str, str]) -> list[dict[str, str]]:
    """
    The fields of /proc/cpuinfo of some ARM cores.
    """
    return [{"CPU implementer": implementer, "CPU part": part} for implementer, part in cores]


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        ((A76,) * 4, "Cortex-A76"),
        ((*(A55,) * 4, *(A76,) * 4), "4x Cortex-A76 + 4x Cortex-A55"),
        ((("0X41", "0xD0C"),), "Neoverse-N1"),
        ((A76, ("0x41", "0xfff")), None),
        ((("0x42", "0xd0b"),), None),
        ((), None),
    ],
)
def test_arm_cores_are_named_by_their_numbers(
    cores: tuple[tuple[str, str], ...], expected: str | None
) -> None:
    """
    Arm's 0xd0b is a Cortex-A76 and 0xd05 a Cortex-A55; a part is one of its implementer, and one unknown tells nothing.
    """
    assert cores_by_part(listed(*cores)) == expected


def test_a_number_has_one_name() -> None:
    """
    Each core is once in the table.
    """
    rows = [(row["implementer"], row["part"]) for row in table("cpu_parts")["rows"]]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize(
    ("compatible", "expected"),
    [
        ("raspberrypi,5-model-b\0brcm,bcm2712\0", "BCM2712"),
        ("xunlong,orangepi-5-plus\0rockchip,rk3588\0", "RK3588"),
        ("apple,j314c\0apple,t6001\0apple,arm-platform\0", None),
        ("linux,dummy-virt", "DUMMY-VIRT"),
        ("no maker", None),
        ("", None),
    ],
)
def test_a_device_tree_names_its_chip_last(compatible: str, expected: str | None) -> None:
    """
    From the board to the chip that it is made with.
    """
    assert chip(compatible) == expected


@pytest.mark.parametrize(
    ("isa", "expected"),
    [
        ("rv64imafdcv_zicbom_zfh_zvfh_zvkt", ("rvv", "zfh", "zvfh")),
        ("rv64imafdc_zicntr_zba_zbb", ()),
        ("rv64imafdc", ()),
        ("", ()),
    ],
)
def test_the_letters_of_riscv(isa: str, expected: tuple[str, ...]) -> None:
    """
    V is vectors; the v of ``rv64`` is not.
    """
    assert riscv_sets(isa) == expected


def named(cpuinfo: str, platform: Platform = LINUX_ARM, **answers: object) -> str | None:
    """
    The name of the processor of a machine with this /proc/cpuinfo.
    """
    told = {"read:/proc/cpuinfo": cpuinfo} | {key.replace("__", ":"): value for key, value in answers.items()}
    probed = cpu.probe(FakeSource(told, platform))
    assert probed.cpu is not None
    return probed.cpu.name


NUMBERS = "processor : 0\nmodel name : {}\nFeatures : asimd\nCPU implementer : 0x41\nCPU part : 0xd0b\n\n"


def test_a_model_name_that_names_a_processor_stands() -> None:
    """
    ``ARMv8 Processor`` does not, and nothing is read into the numbers of x86.
    """
    assert named(NUMBERS.format("ARMv8 Processor rev 1 (v8l)")) == "Cortex-A76"
    assert named(NUMBERS.format("Kunpeng-920")) == "Kunpeng-920"
    assert named(NUMBERS.format("Some x86"), LINUX) == "Some x86"


def test_the_chip_stands_before_its_cores() -> None:
    """
    On x86 there is none.
    """
    tree = {"read__/proc/device-tree/compatible": "brcm,bcm2712\0"}
    assert named(NUMBERS.format("ARMv8 Processor"), LINUX_ARM, **tree) == "BCM2712 (Cortex-A76)"
    assert named(NUMBERS.format("Some x86"), LINUX, **tree) == "Some x86"
    assert named("", LINUX_ARM, **tree) == "BCM2712"
