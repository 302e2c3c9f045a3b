"""
What NVML reports of a device beside identity and memory, field by field, and each figure with the answers behind it.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer, Platform
from llmprobe.facts.machine import Accelerator, Link, Power, Throttle, Window
from llmprobe.facts.nvidia import NvidiaDevice
from llmprobe.machine.probes import nvidia
from llmprobe.machine.probes.nvidia.device import architecture_of, pci_address, version_of
from llmprobe.machine.probes.nvidia.errors import reason
from llmprobe.machine.probes.nvidia.presence import parse_gpu_information
from llmprobe.words.message import message
from tests.machine.fake import (
    GIB,
    LINUX,
    LINUX_ARM,
    MIB,
    NOT_SUPPORTED,
    WINDOWS,
    FakeSource,
    card,
    nvidia_machine,
)

BAR1 = "nvml:nvmlDeviceGetBAR1MemoryInfo 0"
LINK = {
    "nvml:nvmlDeviceGetCurrPcieLinkGeneration 0": 1,
    "nvml:nvmlDeviceGetMaxPcieLinkGeneration 0": 4,
    "nvml:nvmlDeviceGetGpuMaxPcieLinkGeneration 0": 5,
    "nvml:nvmlDeviceGetCurrPcieLinkWidth 0": 8,
    "nvml:nvmlDeviceGetMaxPcieLinkWidth 0": 16,
}
POWER = {
    "nvml:nvmlDeviceGetEnforcedPowerLimit 0": 300_500,
    "nvml:nvmlDeviceGetPowerManagementDefaultLimit 0": 450_000,
    "nvml:nvmlDeviceGetPowerManagementLimitConstraints 0": [150_000, 600_000],
    "nvml:nvmlDeviceGetPowerUsage 0": 21_250,
}


def of_all(answers: dict[str, Any], **options: Any) -> tuple[Accelerator, NvidiaDevice]:
    found = nvidia.probe(FakeSource(answers, **options))
    assert found.nvidia is not None
    return found.accelerators[0], found.nvidia.devices[0]


def accelerator(**changes: Any) -> Accelerator:
    return of_all(nvidia_machine(card(), **changes))[0]


def own(**changes: Any) -> NvidiaDevice:
    return of_all(nvidia_machine(card(), **changes))[1]


def test_the_link_has_both_ends() -> None:
    """Generation and lanes now and at most, and the rate of the lanes at the slot's generation."""
    device = accelerator(**LINK)

    assert device.link == Link(
        generation=1,
        max_generation=4,
        device_max_generation=5,
        width=8,
        max_width=16,
        bytes_per_s=8 * 1_969_200_000,
    )
    assert device.evidence_of("link") == tuple(LINK)


def test_power_is_in_watts() -> None:
    """NVML has milliwatts, and the highest limit as the second of two."""
    device = accelerator(**POWER)

    assert device.power == Power(limit_watts=300.5, default_watts=450, max_watts=600, draw_watts=21.25)
    assert device.evidence_of("power") == tuple(POWER)


@pytest.mark.parametrize("question", POWER)
def test_one_figure_of_power_is_enough(question: str) -> None:
    """The others are unknown."""
    power = accelerator(**{question: POWER[question]}).power

    assert power is not None
    known = (power.limit_watts, power.default_watts, power.max_watts, power.draw_watts)
    assert [value for value in known if value is not None] == [
        dict(zip(POWER, (300.5, 450, 600, 21.25), strict=True))[question]
    ]


@pytest.mark.parametrize("limits", [[150_000], [], "text", [1, 2, 3], None])
def test_limits_that_are_no_pair_are_unknown(limits: Any) -> None:
    """Only the second of two is the highest."""
    power = accelerator(**{"nvml:nvmlDeviceGetPowerManagementLimitConstraints 0": limits}).power

    assert power is None


def test_nothing_that_is_unknown_is_a_record() -> None:
    """A card that reports none of it has no link, power or temperature, and cites nothing for them."""
    device = accelerator(**{BAR1: NOT_SUPPORTED})

    assert (device.link, device.power, device.throttle, device.window) == (None, None, None, None)
    assert (device.ecc, device.driver_model) == (None, None)
    assert {"link", "power", "throttle", "window", "ecc", "driver_model"} & set(device.cited) == set()


@pytest.mark.parametrize(
    ("mask", "reasons"),
    [
        (0, ()),
        (0x1, ()),
        (0x4, ("power-limit",)),
        (0x8, ("hardware",)),
        (0x20, ("temperature",)),
        (0x40, ("temperature-hardware",)),
        (0x80, ("power-brake",)),
        (0x64, ("power-limit", "temperature", "temperature-hardware")),
    ],
)
def test_reasons_of_slower_clocks(mask: int, reasons: Any) -> None:
    """One bit each (nvmlClocksEventReasons); idle clocks are no reason."""
    device = accelerator(**{"nvml:nvmlDeviceGetCurrentClocksEventReasons 0": mask})

    assert device.throttle == Throttle(reasons=reasons, celsius=None)


def test_a_temperature_without_reasons() -> None:
    """Unknown reasons are not none."""
    assert accelerator(**{"nvml:nvmlDeviceGetTemperature 0 0": 61}).throttle == Throttle(celsius=61)


@pytest.mark.parametrize(
    ("capability", "resizable"), [([7, 5], False), ([8, 0], True), ([12, 0], True), (None, False)]
)
def test_windows_grow_from_ampere_on(capability: Any, resizable: bool) -> None:
    """An older card, or one of unknown age, is not asked to do what it cannot."""
    known = Answer(status="missing") if capability is None else capability
    device = of_all(
        nvidia_machine(
            card(name="NVIDIA Unknown"),
            **{BAR1: {"bar1Total": 256 * MIB}, "nvml:nvmlDeviceGetCudaComputeCapability 0": known},
        )
    )[0]

    assert device.window == Window(visible_bytes=256 * MIB, resizable=resizable, slows="sharing")
    assert device.evidence_of("window") == (BAR1,)


@pytest.mark.parametrize(
    ("question", "value", "field", "expected"),
    [
        *(
            ("nvmlDeviceGetBrand 0", number, "brand", name)
            for number, name in (
                (1, "Quadro"),
                (2, "Tesla"),
                (3, "NVS"),
                (4, "GRID"),
                (5, "GeForce"),
                (6, "Titan"),
                (12, "Quadro RTX"),
                (13, "NVIDIA RTX"),
                (14, "NVIDIA"),
                (15, "GeForce RTX"),
                (16, "Titan RTX"),
            )
        ),
        ("nvmlDeviceGetBrand 0", 99, "brand", None),
        ("nvmlDeviceGetMinorNumber 0", 0, "minor", 0),
        ("nvmlDeviceGetMinorNumber 0", 3, "minor", 3),
        ("nvmlDeviceGetPerformanceState 0", 8, "performance_state", 8),
        ("nvmlDeviceGetPersistenceMode 0", 1, "persistence", True),
        ("nvmlDeviceGetPersistenceMode 0", 0, "persistence", False),
        ("nvmlDeviceGetVirtualizationMode 0", 1, "virtualization", "passthrough"),
        ("nvmlDeviceGetVirtualizationMode 0", 3, "virtualization", "vgpu-host"),
        ("nvmlDeviceGetVirtualizationMode 0", 4, "virtualization", "vsga-host"),
        ("nvmlDeviceGetVirtualizationMode 0", 0, "virtualization", None),
        ("nvmlDeviceGetAddressingMode 0", 0, "addressing", "none"),
        ("nvmlDeviceGetAddressingMode 0", 1, "addressing", "hmm"),
        ("nvmlDeviceGetAddressingMode 0", 9, "addressing", None),
        ("nvmlDeviceGetNumaNodeId 0", 0, "memory_node", 0),
        (
            "nvmlDeviceGetConfComputeMemSizeInfo 0",
            {"protectedMemSizeKib": 2048},
            "protected_bytes",
            2048 * 1024,
        ),
        ("nvmlDeviceGetConfComputeMemSizeInfo 0", {"protectedMemSizeKib": 0}, "protected_bytes", None),
        ("nvmlDeviceGetConfComputeMemSizeInfo 0", {}, "protected_bytes", None),
    ],
)
def test_properties_that_only_nvidia_has(question: str, value: Any, field: str, expected: Any) -> None:
    """Numbers become words; what NVML has no word for is unknown. The question is cited."""
    device = own(**{f"nvml:{question}": value})

    assert getattr(device, field) == expected
    assert f"nvml:{question}" in device.evidence


def test_persistence_is_asked_on_linux_and_the_driver_model_on_windows() -> None:
    """Neither has the other's mode."""
    linux, windows = FakeSource(nvidia_machine(card())), FakeSource(nvidia_machine(card()), WINDOWS)
    nvidia.probe(linux)
    nvidia.probe(windows)

    assert [name for name in linux.asked if "DriverModel" in name] == []
    assert [name for name in windows.asked if "Persistence" in name] == []


@pytest.mark.parametrize(
    ("model", "word"), [([0, 0], "wddm"), ([1, 0], "tcc"), ([2, 0], "mcdm"), ([7, 0], None), ([], None)]
)
def test_the_driver_model_is_the_one_of_now(model: Any, word: str | None) -> None:
    """The first of a pair; the second is the one after a reboot."""
    answers = nvidia_machine(card(), **{"nvml:nvmlDeviceGetDriverModel_v2 0": model})
    device = of_all(answers, platform=WINDOWS)[0]

    assert device.driver_model == word


@pytest.mark.parametrize(
    ("features", "licensed"),
    [
        ({"licensableFeaturesCount": 2, "gridLicensableFeatures": [{"featureState": 0}, {"featureState": 1}]}, True),
        ({"licensableFeaturesCount": 1, "gridLicensableFeatures": [{"featureState": 0}, {"featureState": 1}]}, False),
        ({"licensableFeaturesCount": 0, "gridLicensableFeatures": [{"featureState": 1}]}, None),
        ({"gridLicensableFeatures": [{"featureState": 1}]}, None),
        ({"licensableFeaturesCount": 1, "gridLicensableFeatures": ["text"]}, None),
        ({"licensableFeaturesCount": 1, "gridLicensableFeatures": 7}, None),
        ({"licensableFeaturesCount": 1}, None),
        ("text", None),
    ],
)  # fmt: skip
def test_a_licence_is_one_for_any_feature_that_counts(features: Any, licensed: bool | None) -> None:
    """The list is longer than what is in use of it."""
    answers = {
        "nvml:nvmlDeviceGetVirtualizationMode 0": 2,
        "nvml:nvmlDeviceGetGridLicensableFeatures_v4 0": features,
    }

    assert own(**answers).licensed is licensed


def test_the_instances_of_a_card_share_its_properties() -> None:
    """Link and power are the whole card's, and every instance has them."""
    answers = nvidia_machine(card(name="NVIDIA A100-SXM4-40GB", capability=(8, 0), bits=5120), **LINK)
    answers |= {"nvml:nvmlDeviceGetMigMode 0": [1, 1], "nvml:nvmlDeviceGetMaxMigDeviceCount 0": 7}
    for place in (0, 1):
        answers[f"nvml:nvmlDeviceGetMigDeviceHandleByIndex 0/{place}"] = True
        answers[f"nvml:nvmlDeviceGetMemoryInfo_v2 0/{place}"] = {"total": GIB, "reserved": 0, "free": GIB}
    found = nvidia.probe(FakeSource(answers))

    assert [each.link and each.link.width for each in found.accelerators] == [8, 8]
    assert [each.memory_bus_bits for each in found.accelerators] == [5120, 5120]
    assert found.nvidia is not None
    assert [each.index for each in found.nvidia.devices] == [0]


def test_each_card_has_its_own_properties() -> None:
    """The second card's link is not the first's."""
    second = {name.replace(" 0", " 1"): value for name, value in LINK.items()} | {
        "nvml:nvmlDeviceGetCurrPcieLinkWidth 1": 2
    }
    found = nvidia.probe(FakeSource(nvidia_machine(card(0), card(1, bus=2), **LINK, **second)))

    assert [each.link and each.link.width for each in found.accelerators] == [8, 2]
    assert found.nvidia is not None
    assert [each.index for each in found.nvidia.devices] == [0, 1]


# memory


@pytest.mark.parametrize(
    ("said", "limits"),
    [
        ({"total": 1000, "reserved": 400, "free": 900}, [("driver-reserve", 100)]),
        ({"total": 1000, "reserved": 100, "free": 900}, [("driver-reserve", 100)]),
        ({"total": 1000, "reserved": 60, "free": 900}, [("driver-reserve", 60), ("in-use", 40)]),
        ({"total": 1000, "reserved": 0, "free": 1000}, []),
    ],
)
def test_a_reserve_is_never_more_than_what_is_not_free(said: Any, limits: Any) -> None:
    """The reductions add up to the difference of total and free, whatever the driver reports as reserved."""
    found = nvidia.probe(FakeSource(nvidia_machine(card(), **{"nvml:nvmlDeviceGetMemoryInfo_v2 0": said})))

    assert [(limit.by, limit.bytes) for limit in found.pools[0].limits] == limits
    assert found.pools[0].budget_bytes == said["free"]


@pytest.mark.parametrize(
    ("held", "by"), [(500, [("processes", 100)]), (40, [("processes", 40), ("in-use", 60)])]
)
def test_processes_never_hold_more_than_is_in_use(held: int, by: Any) -> None:
    """Memory that several processes share is counted by each of them."""
    answers = nvidia_machine(
        card(),
        **{
            "nvml:nvmlDeviceGetMemoryInfo_v2 0": {"total": 1000, "reserved": 0, "free": 900},
            "nvml:nvmlDeviceGetComputeRunningProcesses_v3 0": [{"pid": 5, "usedGpuMemory": held}],
        },
    )

    assert [(limit.by, limit.bytes) for limit in nvidia.probe(FakeSource(answers)).pools[0].limits] == by


@pytest.mark.parametrize(
    ("reserved", "used", "word"),
    [
        (None, 10, "limit.nvidia-in-use-and-reserve"),
        (0, None, "limit.nvidia-in-use-by-programs"),
        (0, 10, "limit.nvidia-in-use-unlisted"),
    ],
)
def test_what_is_in_use_is_explained(reserved: int | None, used: int | None, word: str) -> None:
    """By what the driver does not report."""
    answers = nvidia_machine(
        card(),
        **{
            "nvml:nvmlDeviceGetMemoryInfo_v2 0": {"total": 1000, "reserved": reserved, "free": 900},
            "nvml:nvmlDeviceGetComputeRunningProcesses_v3 0": [{"pid": 5, "usedGpuMemory": used}],
        },
    )

    assert nvidia.probe(FakeSource(answers)).pools[0].limits[-1].detail == message(word)


@pytest.mark.parametrize(
    ("platform", "memory", "mode", "unified"),
    [
        (LINUX_ARM, NOT_SUPPORTED, 2, True),
        (LINUX_ARM, {"total": 0, "free": 0}, 2, True),
        (LINUX_ARM, NOT_SUPPORTED, 1, False),
        (LINUX_ARM, Answer(status="failed", code=20), 2, False),
        (LINUX_ARM, Answer(status="missing", code=13), 2, False),
        (LINUX, NOT_SUPPORTED, 2, False),
    ],
)
def test_an_unknown_device_shares_memory_on_positive_evidence_only(
    platform: Platform, memory: Any, mode: int, unified: bool
) -> None:
    """On ARM, coherent, and with the driver's word that there is no memory of its own."""
    answers = nvidia_machine(
        card(name="NVIDIA N9X"),
        **{
            "nvml:nvmlDeviceGetMemoryInfo_v2 0": memory,
            "nvml:nvmlDeviceGetMemoryInfo 0": memory,
            "nvml:nvmlDeviceGetAddressingMode 0": mode,
        },
    )
    device = of_all(answers, platform=platform)[0]

    assert (device.integrated, device.usable) == (unified, unified)


def test_memory_without_a_free_figure_is_unknown() -> None:
    """It is not taken for free."""
    said = {"total": 1000, "reserved": 0}
    found = nvidia.probe(FakeSource(nvidia_machine(card(), **{"nvml:nvmlDeviceGetMemoryInfo_v2 0": said})))

    assert found.pools == ()
    assert found.accelerators[0].why_not == message("unusable.nvidia-memory-unknown", why=None)
    assert found.accelerators[0].state == "unreachable"


def test_the_reason_of_unknown_memory_is_the_last_that_has_one() -> None:
    """Version 1 answers for version 2, and a version 1 that nobody recorded does not."""
    second, first = "nvml:nvmlDeviceGetMemoryInfo_v2 0", "nvml:nvmlDeviceGetMemoryInfo 0"
    busy, unknown = Answer(status="failed", code=20), Answer(status="failed", code=999)

    for answers, word in (
        ({second: busy, first: unknown}, "unknown"),
        ({second: busy, first: Answer(status="missing")}, "out-of-memory"),
    ):
        device = accelerator(**answers)
        why = message(f"unusable.nvml-{word}")
        assert device.why_not == message("unusable.nvidia-memory-unknown", why=why)
        assert device.evidence[-2:] == (second, first)


@pytest.mark.parametrize(("pid", "listed"), [(4194304, True), (4194305, False)])
def test_the_highest_number_of_a_process(pid: int, listed: bool) -> None:
    """Linux has no higher one; Windows has."""
    answers = nvidia_machine(
        card(used_mib=10),
        **{"nvml:nvmlDeviceGetComputeRunningProcesses_v3 0": [{"pid": pid, "usedGpuMemory": 1}]},
    )

    assert bool(nvidia.probe(FakeSource(answers)).pools[0].held_by) is listed
    assert nvidia.probe(FakeSource(answers, WINDOWS)).pools[0].held_by != ()


def test_a_process_may_hold_all_and_no_more() -> None:
    """Exactly the whole memory is a size; the larger of two figures of one process counts."""
    compute = [
        {"pid": 5, "usedGpuMemory": 1000},
        {"pid": 6, "usedGpuMemory": 1001},
        {"pid": 7, "usedGpuMemory": None},
    ]
    graphics = [
        {"pid": 5, "usedGpuMemory": 10},
        {"pid": 6, "usedGpuMemory": 20},
        {"pid": 7, "usedGpuMemory": 30},
    ]
    answers = nvidia_machine(
        card(),
        **{
            "nvml:nvmlDeviceGetMemoryInfo_v2 0": {"total": 1000, "reserved": 0, "free": 0},
            "nvml:nvmlDeviceGetComputeRunningProcesses_v3 0": compute,
            "nvml:nvmlDeviceGetGraphicsRunningProcesses_v3 0": graphics,
        },
    )
    held = nvidia.probe(FakeSource(answers)).pools[0].held_by

    assert [(each.pid, each.used_bytes) for each in held] == [(5, 1000), (7, 30), (6, 20)]


# names and numbers


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (4, "denied"),
        (8, "no-power"),
        (9, "module-not-loaded"),
        (10, "timed-out"),
        (11, "no-interrupts"),
        (12, "no-library"),
        (15, "lost"),
        (16, "reset-required"),
        (17, "blocked"),
        (18, "version-mismatch"),
        (20, "out-of-memory"),
        (29, "invalid-state"),
        (999, "unknown"),
    ],
)
def test_every_code_has_its_reason(code: int, word: str) -> None:
    """By NVML's numbers (nvmlReturn_t), whatever the detail says."""
    assert reason(Answer(status="failed", code=code, detail="text")) == message(f"unusable.nvml-{word}")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(status="timeout"), message("unusable.nvml-timed-out")),
        (Answer(status="denied"), message("unusable.nvml-denied")),
        (Answer(status="not_recorded"), message("unusable.nvml-not-recorded")),
        (Answer(status="failed", code=77, detail="odd"), message("unusable.nvidia-error", detail="odd")),
        (Answer(status="failed", detail="odd"), message("unusable.nvidia-error", detail="odd")),
        (Answer(status="missing"), message("unusable.nvidia-status", status="missing")),
    ],
)
def test_an_answer_without_a_known_code_has_a_reason(answer: Answer, expected: Any) -> None:
    """Its status, its detail, or both unknown."""
    assert reason(answer) == expected


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("00000000:01:00.0", "0000:01:00.0"),
        ("0000000F:01:00.0", "000f:01:00.0"),
        ("00010000:C1:00.0 ", "10000:c1:00.0"),
        ("01:00.0", None),
        ("0000:01:02:00.0", None),
        ("x:01:00.0", None),
        ("", None),
    ],
)
def test_addresses_are_written_as_sysfs_does(text: str, address: str | None) -> None:
    """NVML has eight digits of the domain, sysfs four, or five where it is larger."""
    assert pci_address(text) == address


@pytest.mark.parametrize(
    ("capability", "name"),
    [
        ("12.1", "Blackwell"),
        ("10.0", "Blackwell"),
        ("9.0", "Hopper"),
        ("8.9", "Ada Lovelace"),
        ("8.7", "Ampere"),
        ("8.0", "Ampere"),
        ("7.5", "Turing"),
        ("7.2", "Volta"),
        ("7.0", "Volta"),
        ("6.1", "Pascal"),
        ("5.2", "Maxwell"),
        ("3.0", "Kepler"),
        ("2.1", None),
        ("8", None),
        ("8.x", None),
        (None, None),
    ],
)
def test_architectures_by_capability(capability: str | None, name: str | None) -> None:
    """https://developer.nvidia.com/cuda-gpus and its page of legacy GPUs."""
    assert architecture_of(capability) == name


@pytest.mark.parametrize(
    ("text", "pair"), [("8.9", (8, 9)), ("12.0", (12, 0)), ("8", (0, 0)), (None, (0, 0))]
)
def test_a_capability_is_compared_as_two_numbers(text: str | None, pair: Any) -> None:
    """12.0 is above 8.9; what is none is below all."""
    assert version_of(text) == pair


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (2, "Kepler"),
        (3, "Maxwell"),
        (4, "Pascal"),
        (5, "Volta"),
        (6, "Turing"),
        (7, "Ampere"),
        (8, "Ada Lovelace"),
        (9, "Hopper"),
        (10, "Blackwell"),
        (99, None),
    ],
)
def test_architectures_by_nvmls_number(number: int, name: str | None) -> None:
    """nvmlDeviceArchitecture_t."""
    answers = {
        "nvml:nvmlDeviceGetCudaComputeCapability 0": NOT_SUPPORTED,
        "nvml:nvmlDeviceGetArchitecture 0": number,
        "nvml:nvmlDeviceGetName 0": "NVIDIA Unknown",
    }

    assert accelerator(**answers).architecture == name


@pytest.mark.parametrize(
    ("mode", "word"),
    [(0, "default"), (1, "exclusive-thread"), (2, "prohibited"), (3, "exclusive-process"), (9, None)],
)
def test_compute_modes(mode: int, word: str | None) -> None:
    """nvmlComputeMode_t."""
    assert accelerator(**{"nvml:nvmlDeviceGetComputeMode 0": mode}).compute_mode == word


def test_fields_of_the_kernels_description() -> None:
    """What it does not know is written with question marks, and is left out."""
    text = "Model: \t NVIDIA RTX A2000\nIRQ: 16\nGPU UUID: GPU-????????\nVideo BIOS:\nno colon\n"

    assert parse_gpu_information(text) == {"Model": "NVIDIA RTX A2000", "IRQ": "16"}


@pytest.mark.parametrize(
    ("bits", "megahertz", "expected", "basis"),
    [
        (384, 10501, 1_008_096_000_000, "derived"),
        (0, 10501, 1_008_000_000_000, "declared"),
        (384, 0, 1_008_000_000_000, "declared"),
    ],
)
def test_bandwidth_is_derived_where_both_parts_are_known(
    bits: int, megahertz: int, expected: int, basis: str
) -> None:
    """Bus width by clock by two transfers, else the table's figure with its source."""
    device = of_all(nvidia_machine(card(bits=bits, megahertz=megahertz)))[0]

    assert (device.bandwidth_bytes_per_s, device.bandwidth_basis) == (expected, basis)
    assert device.bandwidth_how is not None
    if basis == "derived":
        assert device.bandwidth_how == message("bandwidth.nvidia-bus", bits=384, megahertz=10501)
    else:
        assert device.bandwidth_how.values["name"] == "NVIDIA GeForce RTX 4090"
