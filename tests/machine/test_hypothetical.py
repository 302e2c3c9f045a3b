"""
Machines that nobody has yet, and the table that they are made of.
"""

import pytest

from llmprobe.data import content
from llmprobe.errors import UsageError
from llmprobe.machine.gpu_table import lookup, named, rows, simplified, usual_reserve
from llmprobe.machine.hypothetical import hypothetical
from llmprobe.words.message import message
from tests.machine.fake import GIB, MIB


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("RTX 4090", ["NVIDIA GeForce RTX 4090"]),
        ("2x RTX 4090", ["NVIDIA GeForce RTX 4090"] * 2),
        ("2xRTX 3090", ["NVIDIA GeForce RTX 3090"] * 2),
        ("2× RTX 3090", ["NVIDIA GeForce RTX 3090"] * 2),
        ("3090x2", ["NVIDIA GeForce RTX 3090"] * 2),
        ("RTX 3090 x2", ["NVIDIA GeForce RTX 3090"] * 2),
        ("7900xtx", ["AMD Radeon RX 7900 XTX"]),
        ("2x 7900xtx", ["AMD Radeon RX 7900 XTX"] * 2),
        ("4 x RTX 3060 12GB", ["NVIDIA GeForce RTX 3060"] * 4),
        ("2x 3090 + 3060 12GB", [*["NVIDIA GeForce RTX 3090"] * 2, "NVIDIA GeForce RTX 3060"]),
        ("RTX 4090, RTX 3090 and 3080 10GB", [f"NVIDIA GeForce RTX {n}" for n in (4090, 3090, 3080)]),
        ("R9700", ["AMD Radeon AI PRO R9700"]),
        ("W7900", ["AMD Radeon PRO W7900"]),
        ("V100-SXM2-16GB", ["Tesla V100-SXM2-16GB"]),
        ("Tesla V100 16GB", ["Tesla V100-SXM2-16GB"]),
        ("Tesla V100 32GB", ["Tesla V100-SXM2-32GB"]),
        ("NVIDIA GeForce RTX 4090", ["NVIDIA GeForce RTX 4090"]),
    ],
)
def test_gpus_as_people_write_them(text: str, names: list[str]) -> None:
    """
    A number of them before or behind, several kinds, without brand, in any case.
    """
    assert [each.name for each in hypothetical([text], 64 * GIB).accelerators] == names


@pytest.mark.parametrize("text", ["Ryzen AI Max+ 395 128GB", "Strix Halo 128 GB", "AMD Radeon 8060S 128GB"])
def test_a_chip_of_amd_shares_memory_and_may_map_half_of_it(text: str) -> None:
    """
    A ``+`` in its name is no second GPU; Linux lets it map half of memory as it comes.
    """
    snapshot = hypothetical([text])
    (pool,) = snapshot.pools

    assert (pool.kind, pool.total_bytes, pool.budget_bytes) == ("unified", 128 * GIB, 64 * GIB)
    assert (snapshot.host.machine, snapshot.host.ram_bandwidth_bytes_per_s) == ("x86_64", 256_000_000_000)


@pytest.mark.parametrize(
    ("text", "name", "vendor", "bandwidth"),
    [
        ("my card:24GB", "my card", "other", None),
        ("my card : 24 GB : 608 GB/s", "my card", "other", 608_000_000_000),
        ("my card:24GB:1.6TB/s", "my card", "other", 1_600_000_000_000),
        ("24GB", "GPU with 24 GB", "other", None),
        ("RTX 9999:24GB", "RTX 9999", "nvidia", None),
        ("RTX 4090:24GB", "NVIDIA GeForce RTX 4090", "nvidia", 1_008_000_000_000),
        ("RTX 4090:24GB:900GB/s", "NVIDIA GeForce RTX 4090", "nvidia", 900_000_000_000),
    ],
)
def test_an_unlisted_card_is_described(text: str, name: str, vendor: str, bandwidth: int | None) -> None:
    """
    By its memory, and its bandwidth where it is known; the table's figures hold for a name that it has.
    """
    snapshot = hypothetical([text], 64 * GIB)
    (card,) = snapshot.accelerators

    assert (card.name, card.vendor, card.bandwidth_bytes_per_s) == (name, vendor, bandwidth)
    assert (card.usable, card.backend is not None) == (True, True)
    assert snapshot.pools[1].total_bytes == 24 * GIB
    assert {"gpu-unsupported-vendor", "no-gpu"} & {each.id for each in snapshot.findings} == set()


def test_a_modified_card_keeps_its_other_figures() -> None:
    """
    An RTX 4090 with 48 GB is one in everything but its memory.
    """
    modified, sold = (hypothetical([text], 64 * GIB) for text in ("RTX 4090:48GB", "RTX 4090"))

    assert modified.pools[1].total_bytes == 48 * GIB
    assert modified.accelerators[0].compute_capability == sold.accelerators[0].compute_capability == "8.9"


def test_of_several_sizes_the_usual_one_is_taken_and_said() -> None:
    """
    An RTX 3060 has 12 GB, and a finding says that 8 exist; a size that is named is not spoken of.
    """
    usual, named_one = (hypothetical([text], 64 * GIB) for text in ("RTX 3060", "RTX 3060 8GB"))
    finding = next(each for each in usual.findings if each.id == "memory-assumed")

    assert [snapshot.pools[1].total_bytes for snapshot in (usual, named_one)] == [12 * GIB, 8 * GIB]
    assert (usual.pools[1].basis, finding.title.values["sizes_gb"]) == ("assumed", (8, 12))
    assert "memory-assumed" not in {each.id for each in named_one.findings}


def test_every_name_with_several_sizes_has_one_usual_size() -> None:
    """
    Otherwise the first row of the table would decide.
    """
    sizes: dict[str, list[bool]] = {}
    for row in rows():
        if row.memory_bytes is not None and not row.modified:
            sizes.setdefault(row.name, []).append(row.usual)

    assert [name for name, usual in sizes.items() if len(usual) > 1 and usual.count(True) != 1] == []


def test_a_mac_brings_its_memory() -> None:
    """
    ``--ram`` may be left out, or say the same, in either unit; another size is refused.
    """
    for ram in (None, 128 * GIB, 128 * 10**9):
        assert hypothetical(["M4 Max 128GB"], ram).pools[0].total_bytes == 128 * GIB
    with pytest.raises(UsageError) as refused:
        hypothetical(["M4 Max 128GB"], 64 * GIB)
    assert refused.value.message == message(
        "error.ram-contradicts",
        device="Apple M4 Max",
        device_bytes=128 * GIB,
        ram_bytes=64 * GIB,
    )
    assert hypothetical(["M4 Max"], 64 * GIB).pools[0].total_bytes == 64 * GIB


def test_two_cards() -> None:
    """
    Each has its own pool with what the driver usually keeps taken off, and everything is declared.
    """
    snapshot = hypothetical(["2x RTX 4090"], 64 * GIB)
    assert (snapshot.this_machine, snapshot.origin) == (False, "hypothetical")
    assert [device.pools for device in snapshot.accelerators] == [("vram0",), ("vram1",)]
    pool = snapshot.pool("vram1")
    assert pool is not None
    assert (pool.total_bytes, pool.basis) == (24564 * MIB, "declared")
    assert [limit.by for limit in pool.limits] == ["driver-reserve"]
    assert pool.budget_bytes is not None
    assert 23900 * MIB < pool.budget_bytes < 24200 * MIB


def test_budgets_add_up() -> None:
    """
    Total less all reductions is the budget, of every pool of every device in the table.
    """
    for row in rows():
        size = f" {round(row.memory_bytes / GIB)}GB" if row.memory_bytes and len(named(row.name)) > 1 else ""
        for pool in hypothetical([f"{row.name}{size}"], (row.usual_gb or 64) * GIB).pools:
            assert pool.total_bytes is not None
            assert pool.total_bytes - sum(limit.bytes for limit in pool.limits) == pool.budget_bytes, row.name


@pytest.mark.parametrize(("gpu", "budget_mib"), [("M3 Max 64GB", 49152), ("M1 16GB", 10922)])
def test_a_mac(gpu: str, budget_mib: int) -> None:
    """
    One unified pool of the size that the name says, within the working set.
    """
    snapshot = hypothetical([gpu])
    pool = snapshot.pools[0]
    assert (len(snapshot.pools), pool.kind, pool.budget_bytes) == (1, "unified", budget_mib * MIB)


@pytest.mark.parametrize(
    ("gpu", "error", "hint"),
    [
        ("RTX 4091", "error.gpu-unknown", "RTX 4090"),
        ("2x RTX 4091", "error.gpu-unknown", "'RTX 4091:24GB'"),
        ("RTX 4090 0GB", "error.gpu-memory-range", "more than 0"),
        ("RTX 4090 99999GB", "error.gpu-memory-range", "4096"),
        ("0GB", "error.gpu-memory-range", "more than 0"),
        ("RTX 4090 12GB", "error.gpu-memory", "24 GB; for a modified card write 'RTX 4090:12GB'"),
        ("0x RTX 4090", "error.no-gpu-in-text", "RTX 4090"),
        ("RTX 4090 x0", "error.no-gpu-in-text", "RTX 4090"),
        ("", "error.no-gpu-in-text", "RTX 4090"),
        ("+", "error.no-gpu-in-text", "RTX 4090"),
        ("RTX 6000", "error.gpu-several", "NVIDIA RTX 6000 Ada Generation 48GB"),
        ("V100 24GB", "error.gpu-memory", "16 or 32 GB"),
        ("M2 Max 16GB", "error.gpu-memory", "32, 64 or 96 GB"),
        ("M3 Max 20 cores", "error.gpu-cores", "40"),
        ("name:", "error.gpu-description", "name:24GB:608GB/s"),
        (":24GB", "error.gpu-description", "name:24GB:608GB/s"),
        ("name:24GB:0GB/s", "error.gpu-description", "name:24GB:608GB/s"),
        ("name:24GB:fast", "error.gpu-description", "name:24GB:608GB/s"),
        ("name:24GB:1GB/s:2", "error.gpu-description", "name:24GB:608GB/s"),
        ("zzzzzzzzzz", "error.gpu-unknown", "'zzzzzzzzzz:24GB'"),
    ],
)
def test_what_is_not_sold(gpu: str, error: str, hint: str) -> None:
    """
    An unknown name, a size that there is not, several products: refused with what there is.
    """
    with pytest.raises(UsageError) as refused:
        hypothetical([gpu], 64 * GIB)
    assert refused.value.message.id == error
    assert hint in str(refused.value.hint)


@pytest.mark.parametrize(
    ("gpus", "ram", "error"),
    [
        (["RTX 4090"], None, "error.ram-missing"),
        ([], None, "error.ram-missing"),
        (["RTX 4090"], 0, "error.ram-zero"),
        (["Radeon 780M"], None, "error.chip-without-size"),
        (["M3 Max 64GB", "RTX 4090"], None, "error.shared-memory-alone"),
    ],
)
def test_what_is_no_machine(gpus: list[str], ram: int | None, error: str) -> None:
    """
    RAM that nobody gave, or a chip with shared memory beside a card.
    """
    with pytest.raises(UsageError) as refused:
        hypothetical(gpus, ram)
    assert refused.value.message.id == error


@pytest.mark.parametrize("gpus", [["17x RTX 4090"], ["9x RTX 4090", "8x RTX 3090"], ["9999x RTX 4090"]])
def test_more_gpus_than_an_engine_can_use(gpus: list[str]) -> None:
    """
    llama.cpp uses 16 devices at most, so more are refused, however they are divided, with that number.
    """
    with pytest.raises(UsageError, match="cannot use") as error:
        hypothetical(gpus, 64 * GIB)
    assert error.value.hint == message("hint.too-many-gpus", most=16)
    assert len(hypothetical(["8x RTX 4090", "8x RTX 3090"], 64 * GIB).accelerators) == 16


def test_more_ram_than_any_machine_has() -> None:
    """
    A size that cannot be is a slip of the unit.
    """
    with pytest.raises(UsageError, match=r"no machine has 100000.0 TiB of RAM"):
        hypothetical([], 100_000 * 1024 * GIB)


def test_names_as_people_type_them() -> None:
    """
    Without spaces, without the brand, in any case.
    """
    names = {
        hypothetical([text], GIB).accelerators[0].name
        for text in ("rtx4090", "4090", "NVIDIA GeForce RTX 4090")
    }
    assert names == {"NVIDIA GeForce RTX 4090"}


def test_a_laptop_gpu_is_not_the_desktop_one() -> None:
    """
    They share the name, not the bandwidth.
    """
    desktop, laptop = lookup("NVIDIA GeForce RTX 4090"), lookup("NVIDIA GeForce RTX 4090 Laptop GPU")
    assert desktop is not None
    assert laptop is not None
    assert (desktop.bandwidth_bytes_per_s, laptop.bandwidth_bytes_per_s) == (
        1_008_000_000_000,
        576_000_000_000,
    )


def test_the_memory_tells_cards_of_one_name_apart() -> None:
    """
    The RTX 3060 with 8 GB has a narrower bus; a size that was never sold has no row.
    """
    wide, narrow = (
        lookup("NVIDIA GeForce RTX 3060", 12288 * MIB),
        lookup("NVIDIA GeForce RTX 3060", 8192 * MIB),
    )
    assert wide is not None
    assert narrow is not None
    assert (wide.bandwidth_bytes_per_s, narrow.bandwidth_bytes_per_s) == (360_000_000_000, 240_000_000_000)
    assert lookup("NVIDIA GeForce RTX 3060", 5000 * MIB) is None
    assert lookup("NVIDIA GeForce RTX 3060") is None


def test_a_similar_name_is_no_match() -> None:
    """
    Substrings have given a Quadro M4000 the figures of an Apple M4, and a T400 those of a T4.
    """
    assert lookup("Quadro M40") is None
    assert lookup("NVIDIA T40") is None
    for name, bandwidth in (("Quadro M4000", 192_300_000_000), ("NVIDIA T400 4GB", 80_000_000_000)):
        row = lookup(name)
        assert row is not None
        assert row.bandwidth_bytes_per_s == bandwidth


def test_every_row_is_found_by_its_name_and_aliases() -> None:
    """
    The table keeps them as they are looked up, and a row is on a line of its own.
    """
    for row in rows():
        assert row.keys == tuple(sorted({simplified(name) for name in (row.name, *row.aliases)})), row.name
        assert row in named(row.name)
    lines = [line for line in content("gpus").splitlines() if line.lstrip().startswith(b'{"name"')]
    assert len(lines) == len(rows())


@pytest.mark.parametrize(
    ("gpu", "link", "watts"),
    [
        ("RTX 5090", (5, 16), 575),
        ("RTX 4060 Ti 16GB", (4, 8), 165),
        ("RTX 3090", (4, 16), 350),
        ("Tesla P40", (3, 16), 250),
        ("RX 7900 XTX", (4, 16), 355),
        ("RX 6500 XT", (4, 4), 107),
        ("Arc B580", (4, 8), 190),
    ],
)
def test_a_card_has_the_link_and_the_power_of_its_data_sheet(
    gpu: str, link: tuple[int, int], watts: int
) -> None:
    """
    As the makers publish them, in a slot that gives the card all that it can use.
    """
    (card,) = hypothetical([gpu], 64 * GIB).accelerators

    assert card.link is not None
    assert card.power is not None
    assert (card.link.max_generation, card.link.width) == link
    assert card.power.default_watts == watts


def test_every_card_of_the_table_has_a_link() -> None:
    """
    Chips that share memory need none.
    """
    assert [row.name for row in rows() if not row.unified and not (row.pcie or row.link_bytes_per_s)] == []


@pytest.mark.parametrize(
    ("gpu", "backend"),
    [
        ("RX 7900 XTX", "rocm"),
        ("RX 6600", "vulkan"),
        ("RX 580", "vulkan"),
        ("RTX 3090", "cuda"),
        ("Arc B580", "sycl"),
        ("MTT S80", "vulkan"),
        ("Snapdragon X Elite 32GB", "vulkan"),
        ("Ascend 910B", None),
        ("Iris Xe 16GB", None),
        ("Radeon 610M 32GB", None),
    ],
)
def test_a_device_is_used_as_its_probe_would_use_it(gpu: str, backend: str | None) -> None:
    """
    ROCm only where its libraries have kernels; and not what llmprobe does not estimate or the processor outruns.
    """
    (device,) = hypothetical([gpu], None if "GB" in gpu else 64 * GIB).accelerators

    assert device.backend == backend
    assert device.usable is (backend is not None)
    assert (device.why_not is None) is device.usable


@pytest.mark.parametrize(
    ("gpu", "gigabytes_per_s", "sizes"),
    [
        ("M4 Max 36GB", 410, None),
        ("M4 Max 64GB", 546, None),
        ("M3 Max 96GB", 300, None),
        ("M3 Max 128GB", 400, None),
        ("M5", 153, (16, 24, 32)),
        ("Strix Halo", 256, (32, 64, 96, 128)),
    ],
)
def test_the_memory_of_a_chip_tells_its_variant(
    gpu: str, gigabytes_per_s: int, sizes: tuple[int, ...] | None
) -> None:
    """
    An M4 Max with 36 GB is the one with 32 GPU cores; without a size the usual one is taken and said.
    """
    snapshot = hypothetical([gpu])
    finding = next((each for each in snapshot.findings if each.id == "memory-assumed"), None)

    assert snapshot.accelerators[0].bandwidth_bytes_per_s == gigabytes_per_s * 10**9
    assert (None if finding is None else finding.title.values["sizes_gb"]) == sizes


def test_every_row_says_where_it_is_from() -> None:
    """
    A source, a confidence, and memory unless it shares the host's.
    """
    assert [row.name for row in rows() if not (row.source and row.confidence)] == []
    assert [row.name for row in rows() if not row.unified and row.memory_bytes is None] == []


@pytest.mark.parametrize(
    ("name", "reserved_mib"),
    [("RTX 2080 SUPER", 408), ("RTX 4080 SUPER", 434), ("A10G", 435), ("RTX 3090", 316)],
)
def test_the_usual_reserve_is_near_what_was_seen(name: str, reserved_mib: int) -> None:
    """
    At most 25 MiB less and 200 MiB more than what NVML names as reserved on idle cards.
    """
    row = lookup(name)
    assert row is not None
    assert -25 < usual_reserve(row) / MIB - reserved_mib < 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2x RTX 4090 nvlink", ["NVIDIA GeForce RTX 4090"]),
        ("2x RTX 5090 (NVLink)", ["NVIDIA GeForce RTX 5090"]),
        ("2x RTX 6000 Ada with NVLink", ["NVIDIA RTX 6000 Ada Generation"]),
        ("RTX 3090 + RTX 4090 nvlink", ["NVIDIA GeForce RTX 4090"]),
        ("2x RTX 4090", []),
        ("2x RTX 4090 without nvlink", []),
        ("2x RTX 4090 no nvlink", []),
        ("2x RTX 3090 nvlink", []),
        ("2x RTX A6000 nvlink", []),
        ("8x H100 nvlink", []),
    ],
)
def test_nvlink_that_a_card_has_no_connector_for_is_said_where_it_was_asked_for(
    text: str, said: list[str]
) -> None:
    """
    GeForce cards of the 40 and 50 series and workstation cards of Ada have none; 3090, A6000 and H100 do.
    """
    found = [each for each in hypothetical([text], 64 * GIB).findings if each.id == "no-nvlink"]

    assert [each.title.values["name"] for each in found] == said
    assert all(each.evidence == (f"--gpu {text}",) for each in found)


def test_a_chip_of_one_size_is_not_assumed_and_its_firmware_keeps_a_part() -> None:
    """
    A DGX Spark has 128 GB and no other size; Linux has 127,600,748 kB of it
    (https://github.com/XuehaiPan/nvitop/pull/208). A Strix Halo is sold with several.
    """
    snapshot = hypothetical(["DGX Spark"], None)
    (pool,) = snapshot.pools

    assert "memory-assumed" not in {each.id for each in snapshot.findings}
    assert pool.total_bytes == 128 * GIB
    assert {limit.by: limit.bytes for limit in pool.limits}["firmware"] == 128 * GIB - 127_600_748 * 1024
    assert pool.budget_bytes == 128 * GIB - sum(limit.bytes for limit in pool.limits) < 127_600_748 * 1024
    assert "memory-assumed" in {each.id for each in hypothetical(["Strix Halo"], None).findings}
