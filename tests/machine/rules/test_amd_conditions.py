"""
Each condition of the rules about AMD's cards, and about what was taken from tables, by itself.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import Partition
from llmprobe.facts.vendors import Amd, CarveOut, HidingVariable, KfdAccess, WithoutRocm
from llmprobe.machine.rules._devices import memory_of, physical, whole_name
from llmprobe.words.message import Message, message
from tests.machine.fake import GIB
from tests.machine.rules.records import (
    ADDRESS,
    ASKED,
    card,
    commands,
    found,
    machine,
    only,
    pool,
    remedy,
    severity,
)


def radeon(**fields: Any) -> Any:
    return card(**({"vendor": "amd", "backend": "vulkan", "driver": "amdgpu"} | fields))


def apu(**fields: Any) -> Any:
    return radeon(**({"pools": ("ram",), "integrated": True} | fields))


@pytest.mark.parametrize(
    ("accelerator", "state", "expected"),
    [
        (radeon(), "closed", "warning"),
        (radeon(), "absent", "note"),
        (radeon(), "open", None),
        (radeon(), None, None),
        (radeon(driver="radeon"), "closed", None),
        (radeon(vendor="nvidia"), "closed", None),
    ],
)
def test_rocms_device_is_missed_by_cards_of_amdgpu(
    accelerator: Any, state: Any, expected: str | None
) -> None:
    """Where it is closed or absent; that nobody asked is neither."""
    kfd = None if state is None else KfdAccess(state=state, evidence=ASKED)

    assert severity(machine(accelerator, amd=Amd(kfd=kfd)), "amd-no-kfd-access") == expected
    assert severity(machine(accelerator), "amd-no-kfd-access") is None


@pytest.mark.parametrize(
    ("state", "environment", "name", "level"),
    [
        ("closed", "bare", "groups", "warning"),
        ("closed", "container", "groups", "warning"),
        ("absent", "container", "container", "warning"),
        ("absent", "bare", "module", "note"),
    ],
)
def test_rocms_device_is_opened_where_it_is_shut(state: Any, environment: str, name: str, level: str) -> None:
    """By groups, by the options of a container, or by the kernel's module."""
    amd = Amd(kfd=KfdAccess(state=state, evidence=ASKED))
    finding = only(machine(radeon(), amd=amd, host={"environment": environment}), "amd-no-kfd-access")

    assert finding.severity == level
    assert getattr(remedy(finding), "id", None) == f"finding.amd-no-kfd-access.remedy-{name}"
    assert finding.detail.id == (
        f"finding.amd-no-kfd-access.detail-{'closed' if state == 'closed' else 'absent'}"
    )


@pytest.mark.parametrize(
    ("accelerator", "expected"),
    [
        (radeon(), True),
        (radeon(backend="rocm"), False),
        (radeon(usable=False), True),
        (radeon(integrated=True), True),
        (radeon(integrated=True, usable=False), False),
        (radeon(pci="0000:01:00.0"), False),
        (radeon(pci=None), False),
    ],
)
def test_what_rocm_has_no_code_for_is_said_of_what_could_run(accelerator: Any, *, expected: bool) -> None:
    """Not of what runs on ROCm all the same, and not of graphics that nothing uses."""
    amd = Amd(without_rocm=(WithoutRocm(pci=ADDRESS, gfx="gfx1031", evidence=ASKED),))

    assert bool(found(machine(accelerator, amd=amd), "amd-gfx-unsupported")) is expected
    assert found(machine(accelerator), "amd-gfx-unsupported") == []


@pytest.mark.parametrize(
    ("gfx", "version"),
    [
        ("gfx1031", "10.3.0"),
        ("gfx1103", "11.0.0"),
        ("gfx1152", "11.5.1"),
        ("gfx909", "9.0.6"),
        ("gfx803", None),
    ],
)
def test_a_relative_with_code_can_stand_in(gfx: str, version: str | None) -> None:
    """By a variable with its version; where there is none there is no command."""
    amd = Amd(without_rocm=(WithoutRocm(pci=ADDRESS, gfx=gfx, evidence=ASKED),))
    finding = only(machine(radeon(), amd=amd), "amd-gfx-unsupported")

    assert commands(finding) == (
        () if version is None else (f"HSA_OVERRIDE_GFX_VERSION={version} llama-server …",)
    )


def split(carve_out: float, mapped: float | None, *accelerators: Any, total: float | None = 128) -> Any:
    """
    A machine whose graphics have so much of their own and may map so much of the rest.
    """
    given = CarveOut(
        pci=ADDRESS,
        bytes=int(carve_out * GIB),
        gtt_bytes=None if mapped is None else int(mapped * GIB),
        evidence=ASKED,
    )
    memory = pool("ram", total, kind="unified")
    return machine(*(accelerators or (apu(),)), pools=(memory,), amd=Amd(carve_outs=(given,)))


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (split(1, 60), "note"),
        (split(1, None), None),
        (split(1, 60, total=None), None),
        (split(1, 60, apu(usable=False)), None),
        (split(1, 60, apu(pci="0000:01:00.0")), None),
        (split(1, 60, apu(pci=None)), None),
        (machine(apu(), pools=(), amd=Amd()), None),
        (machine(apu()), None),
        (split(100, 60), "warning"),
        (split(100, None), None),
    ],
)
def test_the_split_is_judged_where_it_is_known(snapshot: Any, expected: str | None) -> None:
    """Of graphics in use, of memory whose size and mapping are known."""
    assert severity(snapshot, "apu-carveout") == expected


@pytest.mark.parametrize(("carve_out", "pages"), [(8, 112 * GIB // 4096), (0.5, int(119.5 * GIB) // 4096)])
def test_more_of_the_ram_may_be_mapped_in_pages(carve_out: float, pages: int) -> None:
    """All but what is set aside and 8 GiB, in pages of 4 KiB; what is reached is both together."""
    finding = only(split(carve_out, 40), "apu-carveout")

    assert commands(finding) == (
        f"sudo grubby --update-kernel=ALL --args='ttm.pages_limit={pages} ttm.page_pool_size={pages}'",
    )
    assert finding.title.values["reach_bytes"] == int((carve_out + 40) * GIB)


def test_what_a_small_machine_may_map_is_not_less_than_nothing() -> None:
    """Of 8 GiB nothing is left beside those of the host."""
    (command,) = commands(only(split(1, 1, total=8), "apu-carveout"))

    assert "pages_limit=0 " in command


def test_what_the_host_has_left_is_said() -> None:
    """Of 128 GiB less 100 set aside 28."""
    finding = only(split(100, 20), "apu-carveout")

    assert finding.detail.values["host_bytes"] == 28 * GIB
    assert finding.title.values["total_bytes"] == 128 * GIB


@pytest.mark.parametrize(("mapped", "expected"), [(64, None), (64.1, "note"), (None, None)])
def test_a_limit_beyond_the_hosts_memory_is_said(mapped: float | None, expected: str | None) -> None:
    """64 of 128 GiB are set aside, so that 64 are left to be mapped."""
    snapshot = split(64, mapped)

    assert severity(snapshot, "gtt-exceeds-ram") == expected
    for finding in found(snapshot, "gtt-exceeds-ram"):
        assert finding.detail.values["host_bytes"] == 64 * GIB


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "warning"),
        ({"vendor": "intel"}, "warning"),
        ({"vendor": "nvidia"}, None),
        ({"vendor": "other"}, None),
        ({"usable": True}, None),
        ({"integrated": True}, None),
        ({"state": "asleep"}, None),
        ({"state": "lent"}, None),
        ({"state": "lost"}, "warning"),
        ({"hidden_by": "HIP_VISIBLE_DEVICES"}, None),
    ],
)
def test_a_card_that_nothing_runs_on(fields: dict[str, Any], expected: str | None) -> None:
    """Of AMD and Intel, unless another finding says why."""
    accelerator = radeon(**({"usable": False, "why_not": message("test")} | fields))

    assert severity(machine(accelerator), "gpu-not-usable") == expected


@pytest.mark.parametrize(("system", "expected", "count"), [("linux", "warning", 1), ("win32", "note", 0)])
def test_a_card_that_nothing_runs_on_has_a_remedy_on_linux(system: str, expected: str, count: int) -> None:
    """Elsewhere it is a note."""
    lacking = radeon(usable=False, why_not=message("unusable.no-driver"))
    finding = only(machine(lacking, host={"system": system}), "gpu-not-usable")

    assert (finding.severity, len(commands(finding))) == (expected, count)


@pytest.mark.parametrize("why", ["unusable.no-amd-device-file", "unusable.render-node-closed"])
def test_a_container_needs_the_file_and_not_a_group(why: str) -> None:
    """Outside of one the groups of the user decide."""
    lacking = radeon(usable=False, why_not=Message(id=why))
    outside, inside = (
        only(machine(lacking, host={"in_container": container}), "gpu-not-usable")
        for container in (None, True)
    )

    assert commands(outside) == ("sudo usermod -aG render,video $USER",)
    assert commands(inside) == ("docker run --device /dev/kfd --device /dev/dri IMAGE",)


@pytest.mark.parametrize(
    ("accelerator", "variable", "expected"),
    [
        (radeon(hidden_by="HIP_VISIBLE_DEVICES"), True, "warning"),
        (radeon(), True, None),
        (radeon(hidden_by="HIP_VISIBLE_DEVICES"), False, None),
        (card(hidden_by="CUDA_VISIBLE_DEVICES"), True, None),
    ],
)
def test_a_variable_that_hides_a_card_of_amd(accelerator: Any, variable: bool, expected: str | None) -> None:
    """Only where it does, and where it is known."""
    hiding = HidingVariable(variable="HIP_VISIBLE_DEVICES", value="1", evidence=ASKED)
    known = Amd(hiding=(hiding,) if variable else ())

    assert severity(machine(accelerator, amd=known), "rocm-visible-hides") == expected
    assert severity(machine(accelerator), "rocm-visible-hides") is None


@pytest.mark.parametrize(
    ("fields", "memory", "name"),
    [
        ({"bandwidth_basis": "declared"}, {"basis": "declared"}, "both"),
        ({"bandwidth_basis": "declared"}, {}, "bandwidth"),
        ({}, {"basis": "declared"}, "memory"),
        ({}, {}, None),
        ({"bandwidth_basis": "measured"}, {"basis": "assumed"}, None),
        ({}, {"basis": "declared", "kind": "unified"}, None),
        ({"bandwidth_basis": "declared", "vendor": "other"}, {}, None),
        ({"bandwidth_basis": "declared", "evidence": ()}, {}, None),
        ({"bandwidth_basis": "declared", "pools": ("gone",)}, {}, "bandwidth"),
    ],
)
def test_what_is_from_a_table_is_said(
    fields: dict[str, Any], memory: dict[str, Any], name: str | None
) -> None:
    """The bandwidth, the size of its own memory, or both; what its user said of a card is none."""
    snapshot = machine(card(**fields), pools=(pool(**memory),))
    figures = [one.detail.values["figures"] for one in found(snapshot, "table-estimate")]

    assert figures == ([] if name is None else [(message(f"finding.table-estimate.{name}", device="card"),)])


def test_what_is_from_a_table_is_cited_and_the_rest_is_not() -> None:
    """Of two cards the evidence of the one, and of two equal ones the figure once."""
    declared = card(bandwidth_basis="declared", evidence=("first",))
    other = card(id="gpu1", name="other", pools=("gone",), evidence=("second",))
    finding = only(machine(declared, declared, other), "table-estimate")

    assert finding.evidence == ("first",)
    assert len(finding.detail.values["figures"]) == 1  # type: ignore[arg-type]  # a tuple


@pytest.mark.parametrize(
    ("fields", "memory", "expected"),
    [
        ({}, {"basis": "assumed"}, "note"),
        ({}, {}, None),
        ({}, {"basis": "assumed", "kind": "unified"}, None),
        ({"pools": ()}, {"basis": "assumed"}, None),
        ({"pools": ("gone",)}, {"basis": "assumed"}, None),
    ],
)
def test_an_assumed_size_of_a_card_is_said(
    fields: dict[str, Any], memory: dict[str, Any], expected: str | None
) -> None:
    """Of memory of its own; an RTX 3060 was sold with 8 and 12 GB."""
    snapshot = machine(card(**({"name": "NVIDIA GeForce RTX 3060"} | fields)), pools=(pool(**memory),))

    assert severity(snapshot, "memory-assumed") == expected
    for finding in found(snapshot, "memory-assumed"):
        assert finding.title.values["sizes_gb"] == (8, 12)
        assert [command.split("'")[1] for command in commands(finding)] == [
            "NVIDIA GeForce RTX 3060 8GB",
            "NVIDIA GeForce RTX 3060 12GB",
        ]


@pytest.mark.parametrize(
    ("fields", "others", "expected"),
    [
        ({}, (), "warning"),
        ({}, (card(id="gpu1"),), "note"),
        ({}, (card(id="gpu1", usable=False),), "warning"),
        ({"usable": True}, (), None),
        ({"vendor": "amd"}, (), None),
    ],
)
def test_a_card_without_a_probe(fields: dict[str, Any], others: Any, expected: str | None) -> None:
    """It matters where nothing else can be used."""
    accelerator = card(**({"vendor": "other", "usable": False} | fields))

    assert severity(machine(accelerator, *others), "gpu-unsupported-vendor") == expected


def test_instances_of_one_card_are_one_device() -> None:
    """By the card's UUID, address or number; its name is that of the whole."""

    def instance(name: str, **fields: Any) -> Any:
        known = {"kind": "mig", "parent_name": "H100"} | fields.pop("of", {})
        return card(id=name, partition=Partition(**known), **fields)

    same = [instance(f"a{at}", of={"parent_uuid": "A"}, pci=f"{at}") for at in range(2)]
    other = [instance(f"b{at}", of={"parent_uuid": "B"}, pci="0") for at in range(2)]
    by_address = [instance(f"c{at}", pci="9", index=at) for at in range(2)]
    by_number = [instance(f"d{at}", pci=None, index=7) for at in range(2)]
    whole = [card(id="e0"), card(id="e1")]
    snapshot = machine(*same, *other, *by_address, *by_number, *whole)

    assert [one.id for one in physical(snapshot)] == ["a0", "b0", "c0", "d0", "e0", "e1"]
    assert (whole_name(same[0]), whole_name(whole[0])) == ("H100", "card")
    assert whole_name(instance("f", of={"parent_name": None})) == "card"
    assert memory_of(snapshot, card(pools=("ram", "vram0", "gone"))) == 80 * GIB
    assert memory_of(snapshot, card(pools=())) is None
    assert memory_of(machine(pools=(pool("ram", None), pool())), card(pools=("ram", "vram0"))) == 16 * GIB
