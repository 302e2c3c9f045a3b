"""
The bus that memory modules use, on real machines and on single places.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from llmprobe.machine.memory_bus import bus

MACHINES = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "truth" / "memory_buses.json").read_text(encoding="utf-8")
)["machines"]
FIELDS = ("LOCATOR", "BANK_LOCATOR", "TYPE", "DATA_WIDTH", "SPEED_MTS", "CONFIGURED_SPEED_MTS")


def module(*values: Any) -> dict[str, str]:
    """
    A module as udev lists it; what the firmware does not tell is left out.
    """
    return {name: str(value) for name, value in zip(FIELDS, values, strict=False) if value not in (None, "")}


@pytest.mark.parametrize("real", MACHINES, ids=[one["processor"][:30] for one in MACHINES])
def test_real_machines_have_their_bus(real: dict[str, Any]) -> None:
    """
    The bits in use, the most that the processors have, and the rate of all.
    """
    modules = [module(*one) for one in real["modules"]]
    found = bus(modules, processor=real["processor"], sockets=real["sockets"], system=real["system"])

    assert (found.bits, found.bytes_per_s) == (real["bits"], real["bytes_per_s"])
    assert found.most_bits == real["most_bits"]


@pytest.mark.parametrize(
    ("places", "system", "bits"),
    [
        ((("DIMM 0", "P0 CHANNEL A"), ("DIMM 1", "P0 CHANNEL A")), "", 64),
        ((("DIMM 0", "P0 CHANNEL A"), ("DIMM 0", "P1 CHANNEL A")), "", 128),
        ((("x", "P0_Node0_Channel0_Dimm0"), ("y", "P0_Node0_Channel0_Dimm1")), "", 64),
        ((("x", "Controller0-ChannelA"), ("y", "Controller1-ChannelA")), "", 128),
        ((("SODIMM1", "Memory Channel A"), ("SODIMM2", "Memory Channel A")), "", 64),
        ((("SODIMM1", "Channel 0 Slot 0"), ("SODIMM2", "Channel 0 Slot 0")), "", 128),
        ((("DIMM_A1", "BANK 0"), ("DIMM_A2", "BANK 1")), "ASUS", 64),
        ((("DIMM_A1", ""), ("DIMM_A2", "")), "Dell Inc. PowerEdge R720", 128),
        ((("DIMMA1", ""), ("DIMMB1", "")), "", 128),
        ((("DIMM CHA1", ""), ("DIMM CHA2", "")), "", 64),
        ((("Controller0-DIMMA1", "BANK 0"), ("Controller0-DIMMA2", "BANK 0")), "", 64),
        ((("CPU1_DIMM_A1", ""), ("CPU2_DIMM_A1", "")), "", 128),
        ((("DDR4-A1", ""), ("DDR4-A2", "")), "", 64),
        ((("JDIMM1", ""), ("JDIMM2", "")), "", 128),
        ((("PROC 1 DIMM 1", ""), ("PROC 1 DIMM 2", "")), "", 128),
        ((("A1", ""), ("A2", "")), "", 128),
        ((("ChannelA-DIMM0", "BANK 0"), ("ChannelA-DIMM1", "BANK 1")), "", 64),
    ],
)
def test_a_place_names_its_channel(places: tuple[tuple[str, str], ...], system: str, bits: int) -> None:
    """
    Two modules of one channel share its 64 bits; without a name each has its own.
    """
    modules = [module(locator, bank, "DDR4", 64, 3200, 3200) for locator, bank in places]

    assert bus(modules, system=system).bits == bits


@pytest.mark.parametrize(
    ("processor", "sockets", "most"),
    [
        ("AMD Ryzen 9 7950X 16-Core Processor", 1, 128),
        ("AMD Ryzen 5 7520U with Radeon Graphics", 1, 64),
        ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", 1, 256),
        ("AMD Ryzen Threadripper 3970X 32-Core Processor", 1, 256),
        ("AMD Ryzen Threadripper PRO 5995WX 64-Cores", 1, 512),
        ("AMD EPYC 7763 64-Core Processor", 2, 1024),
        ("AMD EPYC 9654 96-Core Processor", 1, 768),
        ("AMD EPYC 8534P 64-Core Processor", 1, 384),
        ("AMD EPYC 4564P 16-Core Processor", 1, 128),
        ("Intel(R) Core(TM) i9-14900K", 1, 128),
        ("Intel(R) Core(TM) i9-10980XE CPU @ 3.00GHz", 1, 256),
        ("Intel(R) Core(TM) i7-5820K CPU @ 3.30GHz", 1, 256),
        ("Intel(R) N97", 1, 64),
        ("Intel(R) Core(TM) i3-N305", 1, 64),
        ("Intel(R) Xeon(R) Platinum 8480+", 2, 1024),
        ("Intel(R) Xeon(R) Gold 6230R CPU @ 2.10GHz", 2, 768),
        ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 2, 512),
        ("Intel(R) Xeon(R) CPU E3-1240 v6 @ 3.70GHz", 1, 128),
        ("Ampere Altra", 1, None),
        (None, 1, None),
    ],
)
def test_a_processor_bounds_the_bus(processor: str | None, sockets: int, most: int | None) -> None:
    """
    Sixty unnamed modules fill whatever there is; of an unknown processor nothing is bounded.
    """
    found = bus([module("x", "", "DDR4", 64, 3200, 3200)] * 60, processor=processor, sockets=sockets)

    assert found.most_bits == most
    assert found.bits == (60 * 64 if most is None else most)


@pytest.mark.parametrize(
    ("kind", "rated", "configured", "mts"),
    [
        ("DDR4", 2133, 1067, 2134),
        ("DDR4", 2400, 1200, 2400),
        ("DDR4", 3200, 1600, 1600),
        ("DDR4", 2666, 1200, 1200),
        ("DDR3", 1866, 933, 933),
        ("DDR5", 5600, None, 5600),
        ("DDR5", None, 4800, 4800),
    ],
)
def test_a_clock_is_half_of_the_transfers(
    kind: str, rated: int | None, configured: int | None, mts: int
) -> None:
    """
    Some firmware gives DDR4's clock, which is half of its rated transfers and slower than any of them.
    """
    found = bus([module("x", "", kind, 64, rated, configured)])

    assert (found.transfers_mts, found.bytes_per_s) == ((mts,), mts * 8_000_000)


def test_sockets_that_nobody_counted() -> None:
    """
    A client has one processor, and a server may have several.
    """
    many = [module("x", "", "DDR4", 64, 3200, 3200)] * 16

    assert bus(many, processor="AMD Ryzen 9 5950X").most_bits == 128
    assert bus(many, processor="AMD EPYC 7302 16-Core Processor").most_bits is None
    assert bus(many, processor="AMD EPYC 7302 16-Core Processor", sockets=1).bits == 512


def test_all_run_at_the_slowest() -> None:
    """
    Modules of unlike speed are driven at one; a speed that one does not tell leaves the rate unknown.
    """
    fast, slow = module("x", "", "DDR4", 64, 3200, 3200), module("y", "", "DDR4", 64, 2400, 2400)

    assert bus([fast, slow]).bytes_per_s == 2400 * 16_000_000
    assert bus([fast, slow]).transfers_mts == (2400, 3200)
    assert bus([fast, module("y", "", "DDR4", 64)]).bytes_per_s is None


def test_soldered_chips_have_their_own_lines() -> None:
    """
    Four chips of 16 bits that share a name are one channel of 64, and check bits are no data.
    """
    chips = [module("Motherboard", "", "LPDDR5", 16, 6400, 6400)] * 4
    server = [module("DIMM_A1", "", "DDR5", 80, 4800, 4800)]

    assert (bus(chips).bits, bus(chips).channels) == (64, 1)
    assert bus(server).bits == 64
