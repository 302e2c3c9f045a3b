"""
The rest of a machine that nobody has yet: its processor, its RAM, its slots, the limit of a Mac.
"""

from typing import Any

import pytest

from llmprobe import api
from llmprobe.errors import UsageError
from llmprobe.machine.cpu_table import processors
from llmprobe.machine.gpu_table import lookup
from llmprobe.machine.hypothetical import Options, hypothetical
from llmprobe.machine.pcie import Slot, parse_slots
from llmprobe.machine.ram_spelling import parse_ram
from llmprobe.site.devices import device_of
from llmprobe.site.ram import of_host
from llmprobe.tasks import machines
from tests.machine.fake import GIB, MIB


@pytest.mark.parametrize(
    ("ram", "cpu", "gigabytes_per_s", "basis"),
    [
        # 8 bytes a channel and transfer.
        ("64GB DDR5-6000", None, 96, "declared"),
        ("64GB DDR4-3200", None, 51.2, "declared"),
        ("64GB DDR4-3200 x4", None, 102.4, "declared"),
        ("1x32GB DDR5-5600", None, 44.8, "declared"),
        ("4x16GB DDR4-3200", None, 51.2, "declared"),
        ("256GB DDR4-3200", "EPYC 7302", 204.8, "declared"),
        ("384GB DDR5-4800", "EPYC 9554", 460.8, "declared"),
        ("768GB DDR5-4800", "2x EPYC 9554", 921.6, "declared"),
        ("4x64GB DDR4-3200", "EPYC 7302", 102.4, "declared"),
        ("128GB DDR4-3200", "Threadripper 3970X", 102.4, "declared"),
        ("128GB DDR4-3200", "Threadripper PRO 3995WX", 204.8, "declared"),
        ("512GB DDR4-3200", None, 204.8, "assumed"),
        ("64GB DDR5", None, 89.6, "assumed"),
        ("64GB", None, None, None),
    ],
)
def test_the_rate_of_ram_is_that_of_its_channels(
    ram: str, cpu: str | None, gigabytes_per_s: float | None, basis: str | None
) -> None:
    """
    As many as are named, as modules can fill, as the processor has; else two, eight in a server.
    """
    host = machines.probe(gpus="RTX 3060", ram=ram, cpu=cpu).host

    rate = host.ram_bandwidth_bytes_per_s
    assert (None if rate is None else rate / 1e9) == gigabytes_per_s
    assert host.ram_bandwidth_basis == basis


@pytest.mark.parametrize(
    ("gpus", "ram", "cpu", "gigabytes_per_s"),
    [
        # 2 channels x 8 bytes x 5,600 million transfers; one module fills one channel.
        ("RTX 4090", "64GB", None, 89.6),
        ("RTX 3060 + RTX 4060", "64GB", None, 89.6),
        ("RTX 5070 Ti Laptop", "32GB", None, 89.6),
        ("RX 9070 XT", "32GB", None, 89.6),
        ("Arc B580", "32GB", None, 89.6),
        ("RTX 4090", "1x32GB", None, 44.8),
        ("RTX 4090", "64GB DDR4-3200", None, 51.2),
        # Older cards, a server's size, more cards than a desktop has, a named processor, a chip of servers.
        ("RTX 3090", "64GB", None, None),
        ("RX 6800 XT", "64GB", None, None),
        ("RTX 4090", "512GB", None, None),
        ("4x RTX 4090", "128GB", None, None),
        ("RTX 4090", "64GB", "Ryzen 7 5800X3D", None),
        ("L40S", "128GB", None, None),
    ],
)
def test_recent_cards_stand_beside_ddr5(
    gpus: str, ram: str, cpu: str | None, gigabytes_per_s: float | None
) -> None:
    """
    Where nothing is said of the RAM but its size, cards sold since October 2022 tell its kind; it stays assumed.
    """
    host = machines.probe(gpus=gpus, ram=ram, cpu=cpu).host

    rate = host.ram_bandwidth_bytes_per_s
    assert (None if rate is None else rate / 1e9) == gigabytes_per_s
    if rate is not None and "DDR" not in ram:
        assert host.ram_bandwidth_basis == "assumed"
        assert "usual beside" in str(host.ram_bandwidth_how)


def test_a_rate_that_is_not_all_named_has_a_range() -> None:
    """
    Half of the channels, or a later kind; what is named in full has none but the processor's.
    """
    named, assumed = (
        of_host(machines.probe(gpus=(), ram=ram).host) for ram in ("64GB DDR5-5600", "64GB DDR5")
    )

    assert named[0] == assumed[0] == 89_600_000_000
    assert (named[1].ram_low, named[1].ram_high, named[1].ram_about) == (1.0, 1.0, None)
    assert (assumed[1].ram_low, assumed[1].ram_high) == (0.5, 1.5)
    assert assumed[1].ram_about is not None


def test_more_ram_than_a_desktop_takes_is_a_servers() -> None:
    """
    Where nothing else is said of it.
    """
    rates = [
        of_host(machines.probe(gpus=(), ram_bytes=size * GIB).host, size * GIB)[0] / 1e9
        for size in (256, 512)
    ]

    assert rates == [50, 150]


@pytest.mark.parametrize(
    ("text", "name", "cores"),
    [
        ("Ryzen 9 7950X", "Ryzen 9 7950X", 16),
        ("ryzen7 5800x", "Ryzen 7 5800x", 8),
        ("Ryzen 5 3600", "Ryzen 5 3600", 6),
        ("Ryzen 7 7840HS", "Ryzen 7 7840HS", 8),
        ("Ryzen AI Max+ 395", "Ryzen AI Max+ 395", 16),
        ("i9 13900K", "Core i9-13900K", 24),
        ("Core i7-12700K", "Core i7-12700K", 12),
        ("i5-8250U", "Core i5-8250U", 4),
        ("i7-5820K", "Core i7-5820K", 6),
        ("Core Ultra 7 265K", "Core Ultra 7 265K", 20),
        ("N100", "Intel N100", 4),
        ("Threadripper PRO 7995WX", "Threadripper PRO 7995WX", 96),
        ("EPYC 9654", "EPYC 9654", 96),
        ("2x Xeon E5-2680 v4", "Xeon E5-2680 v4", 28),
        ("dual EPYC 7763", "EPYC 7763", 128),
        ("Xeon Gold 6248", "Xeon Gold 6248", 20),
        ("Some processor", "Some processor", None),
    ],
)
def test_the_cores_of_a_processor_are_those_of_its_page(text: str, name: str, cores: int | None) -> None:
    """
    Both of two sockets; those of an unlisted one are unknown.
    """
    known = processors(text)

    assert (known.name, known.cores) == (name, cores)


def test_cores_can_be_given() -> None:
    """
    They win over the table's, and are all that is known of a processor without a name.
    """
    alone = machines.probe(gpus="RTX 3060", ram="64GB", cores=10).host.cpu
    beside = machines.probe(gpus="RTX 3060", ram="64GB", cpu="Ryzen 9 7950X", cores=10).host.cpu

    assert (alone.name, alone.physical_cores, alone.instruction_sets) == (None, 10, ())
    assert (beside.name, beside.physical_cores, beside.instruction_sets) == ("Ryzen 9 7950X", 10, ("avx2",))


def test_an_unlisted_processor_is_said_to_be_unlisted() -> None:
    """
    Its cores are unknown then, and the finding has what to write.
    """
    unlisted, listed, counted = (
        {each.id for each in machines.probe(gpus=(), ram="64GB", cpu=cpu, cores=cores).findings}
        for cpu, cores in (("Some processor", None), ("Ryzen 9 7950X", None), ("Some processor", 8))
    )

    assert "cpu-not-listed" in unlisted
    assert "cpu-not-listed" not in listed | counted


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("4x8", [(4, 8)]),
        ("PCIe 4.0 x16", [(4, 16)]),
        ("gen3 x4", [(3, 4)]),
        ("x8", [(None, 8)]),
        ("5", [(5, None)]),
        ("5x16,4x4", [(5, 16), (4, 4)]),
        ("4x8 + 4x4", [(4, 8), (4, 4)]),
        ("４x１６", [(4, 16)]),
    ],
)
def test_slots_as_people_write_them(text: str, slots: list[tuple[int | None, int | None]]) -> None:
    """
    Generation and lanes, or one of them.
    """
    assert parse_slots(text) == tuple(Slot(generation=generation, lanes=lanes) for generation, lanes in slots)


@pytest.mark.parametrize(
    ("gpu", "pcie", "links"),
    [
        ("RTX 4090", "4x8", [(4, 8)]),
        ("RTX 3090", "5x16", [(4, 16)]),
        ("RTX 4060", "4x16", [(4, 8)]),
        ("RTX 5090", "3x16", [(3, 16)]),
        ("RTX 3090", "x4", [(4, 4)]),
        ("2x RTX 3090", "4x8", [(4, 8), (4, 8)]),
        ("2x RTX 3090", "4x16,3x4", [(4, 16), (3, 4)]),
        ("my card:24GB", "4x8", [(4, 8)]),
    ],
)
def test_a_link_is_the_least_of_card_and_slot(gpu: str, pcie: str, links: list[tuple[int, int]]) -> None:
    """
    With the rate of its lanes: 1.97 GB/s for one of generation 4.
    """
    found = [each.link for each in machines.probe(gpus=gpu, ram="64GB", pcie=pcie).accelerators]

    assert [(link.max_generation, link.width) for link in found if link is not None] == links
    if links[0] == (4, 8):
        assert found[0] is not None
        assert found[0].bytes_per_s == 8 * 1_969_200_000


def test_what_linux_lets_an_amd_chip_map_can_be_raised() -> None:
    """
    Half of 128 GiB by default, which a finding says with the option for more; 120 GiB as given; at most all but 2.

    120 GiB are 31,457,280 pages of 4 KiB.
    """
    usual = hypothetical(["Strix Halo"])
    raised = [hypothetical(["Strix Halo"], None, Options(wired_limit_bytes=gib * GIB)) for gib in (120, 128)]
    (found,) = [one for one in usual.findings if one.id == "apu-carveout"]

    assert usual.pools[0].budget_bytes == 64 * GIB
    assert found.remedy is not None
    assert found.remedy.text.values == {"pages": 31457280, "left_bytes": 8 * GIB, "gib": 120}
    assert [one.pools[0].budget_bytes for one in raised] == [120 * GIB, 126 * GIB]
    assert not [one for each in raised for one in each.findings if one.id == "apu-carveout"]


def test_the_wired_limit_of_a_mac_is_its_budget() -> None:
    """
    Of 64 GiB 56 instead of three quarters.
    """
    raised, plain = (
        hypothetical(["M4 Max 64GB"], None, Options(wired_limit_bytes=limit)).pools[0].budget_bytes
        for limit in (56 * GIB, None)
    )

    assert (raised, plain) == (56 * GIB, 48 * GIB)


def test_graphics_of_a_socketed_processor_are_as_fast_as_the_modules() -> None:
    """
    A Radeon 780M with two DDR5-5600 reads 89.6 GB/s; a chip with soldered memory has its own rate.
    """
    socketed = machines.probe(gpus="Radeon 780M", ram="32GB DDR5-5600").accelerators[0]
    row = lookup("AMD Radeon 780M Graphics")

    assert row is not None
    assert socketed.bandwidth_bytes_per_s == 89_600_000_000 != row.bandwidth_bytes_per_s


@pytest.mark.parametrize(
    ("gpu", "ram", "basis", "parts"),
    [
        ("Radeon 780M", "32GB DDR5-5600", "declared", (1.0, 1.0)),
        ("Radeon 780M", "32GB", "assumed", (0.5, 1.5)),
        ("Strix Halo", None, "declared", (1.0, 1.0)),
        # Of cards with 18 to 28 GB the slowest and the fastest twentieth have 280 and 1,008 GB/s.
        ("my card:24GB", "32GB", None, (280 / 672, 1008 / 672)),
        ("my card:24GB:608GB/s", "32GB", "declared", (1.0, 1.0)),
    ],
)
def test_a_bandwidth_that_nobody_named_is_a_range(
    gpu: str, ram: str | None, basis: str | None, parts: tuple[float, float]
) -> None:
    """
    Of modules that are not named, and of cards that no table has.
    """
    (accelerator,) = machines.probe(gpus=gpu, ram=ram).accelerators
    device = device_of(accelerator, 23 * GIB)

    assert accelerator.bandwidth_basis == basis
    assert (device.bandwidth_low, device.bandwidth_high) == parts
    assert device.bandwidth_bytes_per_s


@pytest.mark.parametrize("gpu", ["UHD 770", "Radeon 610M", "Ascend 910B 64GB"])
def test_a_named_gpu_that_is_not_used_is_said(gpu: str) -> None:
    """
    With the reason; the memory of its host is not shared then.
    """
    snapshot = machines.probe(gpus=gpu, ram="32GB DDR4-3200")
    finding = next(each for each in snapshot.findings if each.id == "gpu-not-usable")

    assert finding.detail.values["reason"] == snapshot.accelerators[0].why_not
    assert [pool.kind for pool in snapshot.pools if pool.id == "ram"] == ["system"]
    assert "gpu-unsupported-vendor" not in {each.id for each in snapshot.findings}


@pytest.mark.parametrize(
    ("gpu", "said"), [("Strix Halo", True), ("Strix Halo 128GB", False), ("RTX 3060", True)]
)
def test_an_assumed_size_is_said_beside_every_answer(gpu: str, *, said: bool) -> None:
    """
    Of a recommendation as a finding, of an estimate as a note, with the sizes that are sold.
    """
    snapshot = machines.probe(gpus=gpu, ram=None if "Strix" in gpu else "64GB")
    model = api.load_model("qwen3-0.6b")
    recommended = api.recommend(model, snapshot, ctx_size=2048)
    estimated = api.estimate(model, snapshot=snapshot, ctx_size=2048)

    assert ("memory-assumed" in {each.id for each in recommended.findings}) is said
    assert ("finding.memory-assumed.title" in {each.id for each in estimated.notes}) is said


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"gpus": "RTX 3060", "ram": "64GB", "pcie": "7x16"}, "error.pcie-spelling"),
        ({"gpus": "RTX 3060", "ram": "64GB", "pcie": "4x3"}, "error.pcie-spelling"),
        ({"gpus": "RTX 3060", "ram": "64GB", "pcie": ""}, "error.pcie-spelling"),
        ({"gpus": "3x RTX 3060", "ram": "64GB", "pcie": "4x8,4x8"}, "error.pcie-count"),
        ({"gpus": "M4 Max 64GB", "pcie": "4x8"}, "error.pcie-without-card"),
        ({"gpus": (), "ram": "64GB", "pcie": "4x8"}, "error.pcie-without-card"),
        ({"gpus": "RTX 3060", "ram": "64GB", "wired_limit_bytes": GIB}, "error.wired-limit-of-mac"),
        ({"gpus": "M4 Max 64GB", "wired_limit_bytes": 65 * GIB}, "error.wired-limit-range"),
        ({"gpus": "M4 Max 64GB", "wired_limit_bytes": MIB - 1}, "error.wired-limit-range"),
        ({"gpus": "M4 Max 64GB", "cpu": "Ryzen 9 7950X"}, "error.cpu-of-chip"),
        ({"gpus": "M4 Max", "ram": "64GB DDR5-6000"}, "error.ram-of-chip"),
        ({"gpus": "RTX 3060", "ram": "64GB", "cores": 0}, "error.cores-range"),
        ({"gpus": "RTX 3060", "ram": "64GB", "cores": 100_000}, "error.cores-range"),
        ({"gpus": "RTX 3060", "ram": "64GB", "cpu": " - "}, "error.cpu-empty"),
        ({"gpus": "RTX 3060", "ram": "64GB", "ram_bytes": GIB}, "error.ram-twice"),
        ({"gpus": "RTX 3060", "cpu": "Ryzen 9 7950X"}, "error.ram-missing"),
        ({"cpu": "Ryzen 9 7950X"}, "error.ram-missing"),
        ({"replay": "x", "pcie": "4x8"}, "error.two-machines"),
        ({"gpus": "RTX 3060", "ram": "64GB", "cores": True}, "error.setting-not-a-count"),
        ({"gpus": "RTX 3060", "ram": 64}, "error.setting-not-a-text"),
    ],
)
def test_what_does_not_suit_the_machine_is_refused(options: dict[str, Any], error: str) -> None:
    """
    In one sentence that names it.
    """
    with pytest.raises(UsageError) as refused:
        machines.probe(**options)

    assert refused.value.message.id == error
    assert refused.value.hint is None or str(refused.value.hint)


def test_what_is_given_as_text_is_read_once() -> None:
    """
    The text of RAM and its parts say the same.
    """
    options = Options(ram=parse_ram("64GB DDR5-6000"))

    assert (
        hypothetical(["RTX 3060"], 64 * GIB, options).host
        == machines.probe(gpus="RTX 3060", ram="64GB DDR5-6000").host
    )
