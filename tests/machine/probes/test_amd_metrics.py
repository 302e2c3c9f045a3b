"""
Why AMD GPUs lower their clocks, from tables of every format.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import Throttle
from llmprobe.machine.probes.amd.metrics import reasons_of
from llmprobe.machine.snapshot import collect
from tests.machine.fake import FakeSource, plain_host
from tests.machine.probes.test_amd import machine, radeon

# Places of fields by adding up kgd_pp_interface.h with the alignment of C: behind the header of four bytes a table 1_3
# has 9 x 2 + 2 bytes, 2 x 8, 14 x 2, 4, 4 x 2, 2 x 4, 4 x 2, 8 and 4 x 2, then the 64 bits; a 2_2 has 14 x 2,
# 8 + 12 x 2, 22 x 2 + 8, 4 and 4 x 2.
OF_CARD, OF_GRAPHICS = 112, 120


def table(size: int, kind: int, content: int, at: int = 0, bits: int = 0, width: int = 8) -> str:
    data = bytearray(size.to_bytes(2, "little") + bytes((kind, content)) + bytes(size - 4))
    if at:
        data[at : at + width] = bits.to_bytes(width, "little")
    return "\n".join(" " + " ".join(f"{one:02x}" for one in data[at : at + 16]) for at in range(0, size, 16))


@pytest.mark.parametrize(
    ("bit", "reason"),
    [
        (0, "power-limit"),
        (5, "power-limit"),
        (7, "power-limit"),
        (16, "hardware"),
        (23, "hardware"),
        (32, "temperature"),
        (36, "temperature"),
        (38, "temperature-hardware"),
        (41, "temperature-hardware"),
        (42, "temperature"),
        (47, "temperature-hardware"),
        (56, "power-limit"),
        (57, "hardware"),
    ],
)
def test_each_bit_has_its_reason(bit: int, reason: str) -> None:
    """
    SMU_THROTTLER_PPT0 is bit 0, SPPT_APU 7, TDC_GFX 16, APCC 23, TEMP_GPU 32, TEMP_HOTSPOT 36, TEMP_VR_GFX 38,
    VR_MEM1 41, LIQUID0 42, PROCHOT_GFX 47, PPM 56, FIT 57 (amdgpu_smu.h), of cards and of processors.
    """
    assert reasons_of(table(120, 1, 3, OF_CARD, 1 << bit)) == (reason,)
    for content in (2, 3, 4):
        assert reasons_of(table(152, 2, content, OF_GRAPHICS, 1 << bit)) == (reason,)


def test_several_bits_of_a_kind_are_one_reason() -> None:
    """
    Two limits of power and a hot memory.
    """
    assert reasons_of(table(120, 1, 3, OF_CARD, 0b11 | 1 << 34)) == ("power-limit", "temperature")
    assert reasons_of(table(120, 1, 3)) == ()


@pytest.mark.parametrize(
    ("dump", "reasons"),
    [
        (table(96, 1, 1), ()),
        (table(104, 1, 2, 68, 4, 4), None),
        (table(120, 2, 1), ()),
        (table(120, 2, 1, 108, 1, 4), None),
        (table(120, 1, 3, OF_CARD, 2**64 - 1), None),
        (table(104, 1, 2, 68, 2**32 - 1, 4), None),
        (table(80, 1, 0), None),
        (table(272, 1, 6), None),
        (table(264, 3, 0), None),
        (table(120, 9, 9), None),
        (table(120, 1, 3)[:-6], None),
        ("", None),
        ("od: no such file", None),
    ],
)
def test_a_table_without_common_reasons_is_known_where_it_has_none(
    dump: str, reasons: tuple[str, ...] | None
) -> None:
    """
    Bits of one chip say that there is a reason, not which; what is not filled, counted since the start, cut off or not
    known says nothing.
    """
    assert reasons_of(dump) == reasons


def seen(stdout: str, status: int = 0) -> tuple[Throttle | None, tuple[str, ...], set[str]]:
    words = "run:od -An -v -tx1 /sys/bus/pci/devices/0000:03:00.0/gpu_metrics"
    asked: dict[str, Any] = {words: {"exit": status, "stdout": stdout, "stderr": ""}}
    snapshot = collect(FakeSource(plain_host() | machine(radeon()) | asked))
    (card,) = snapshot.accelerators
    return card.throttle, card.evidence_of("throttle"), {one.id for one in snapshot.findings}


def test_a_hot_card_is_warned_of() -> None:
    """
    As one of NVIDIA is, with the answer that says so.
    """
    throttle, evidence, findings = seen(table(120, 1, 3, OF_CARD, 1 << 36))

    assert throttle is not None
    assert throttle.reasons == ("temperature",)
    assert "run:od -An -v -tx1 /sys/bus/pci/devices/0000:03:00.0/gpu_metrics" in evidence
    assert "thermal-throttle" in findings


def test_a_card_at_its_limit_of_power_is_in_order() -> None:
    """
    That is what a limit is for.
    """
    throttle, _, findings = seen(table(120, 1, 3, OF_CARD, 1))

    assert throttle is not None
    assert throttle.reasons == ("power-limit",)
    assert not findings & {"thermal-throttle", "power-cap"}


def test_a_table_that_is_not_there_says_nothing() -> None:
    """
    Old kernels have none.
    """
    throttle, _, _ = seen("", 1)

    assert throttle is None or throttle.reasons is None
