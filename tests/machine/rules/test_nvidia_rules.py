"""
Findings about NVIDIA's devices and driver: their causes, their severity and what they tell the user to do.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.finding import Finding
from llmprobe.facts.host import HostMemory, Swap
from llmprobe.facts.machine import Host, Snapshot, SourceReport
from llmprobe.machine import rules
from llmprobe.machine.rules.memory_in_use import swap_in_use
from llmprobe.machine.snapshot import collect
from llmprobe.words.message import message
from tests.machine.fake import (
    GIB,
    LOST,
    MIB,
    NOT_SUPPORTED,
    UNKNOWN,
    WINDOWS,
    FakeSource,
    card,
    nvidia_machine,
    plain_host,
    smi_xml,
)

INIT = "nvml:nvmlInit"
DRIVER = "nvml:nvmlSystemGetDriverVersion"
COMPUTE = "nvml:nvmlDeviceGetComputeRunningProcesses_v3 0"
GRAPHICS = "nvml:nvmlDeviceGetGraphicsRunningProcesses_v3 0"
H100 = "NVIDIA H100 80GB HBM3"
PCI = "/sys/bus/pci/devices/0000:01:00.0"


def linux(*cards: dict[str, Any], **changes: Any) -> Snapshot:
    return looked_at(FakeSource(plain_host() | nvidia_machine(*(cards or (card(),)), **changes)))


def looked_at(source: FakeSource) -> Snapshot:
    """
    The machine of a source, where no probe and no rule has crashed.
    """
    snapshot = collect(source)
    assert [each for each in snapshot.sources if each.status == "crashed"] == []
    return snapshot


def failing(code: int, **changes: Any) -> Snapshot:
    """
    A machine with a card whose library does not start.
    """
    status: Any = "missing" if code == 12 else "failed"
    return linux(**{INIT: Answer(status=status, code=code)}, **changes)


def contained(**changes: Any) -> dict[str, Any]:
    return {"list:/": [".dockerenv"], "list:/dev": ["null"]} | changes


def finding(snapshot: Snapshot, finding_id: str) -> Finding | None:
    return next((each for each in snapshot.findings if each.id == finding_id), None)


def only(snapshot: Snapshot, finding_id: str) -> Finding:
    (found,) = (each for each in snapshot.findings if each.id == finding_id)
    return found


def commands(found: Finding) -> tuple[str, ...]:
    assert found.remedy is not None
    return found.remedy.commands


# state of devices


def test_each_lost_card_is_named_with_its_place() -> None:
    """By name, address and number; the question that showed the loss is cited."""
    found = only(linux(card(0), card(1, bus=2), **{"nvml:nvmlDeviceGetMemoryInfo_v2 1": LOST}), "gpu-lost")

    assert found.title == message("finding.gpu-lost.title", name="gpu1 NVIDIA GeForce RTX 4090")
    assert found.detail == message("finding.gpu-lost.detail", pci="0000:02:00.0", index=1)
    assert found.evidence == ("nvml:nvmlDeviceGetMemoryInfo_v2 1",)
    assert commands(found) == ("sudo dmesg | grep -i xid", "sudo reboot")


def test_a_lost_card_is_not_unreachable_too() -> None:
    """One cause, one finding."""
    snapshot = linux(card(0), card(1, bus=2), **{"nvml:nvmlDeviceGetHandleByIndex_v2 1": LOST})

    assert finding(snapshot, "gpu-unreachable") is None


def test_an_unreachable_card_has_the_drivers_reason() -> None:
    """What the driver answered is in the sentence."""
    found = only(linux(**{"nvml:nvmlDeviceGetHandleByIndex_v2 0": UNKNOWN}), "gpu-unreachable")

    assert found.detail == message("finding.gpu-unreachable.detail", why=message("unusable.nvml-unknown"))
    assert "unknown driver error" in str(found.detail)


def test_a_sleeping_card_beside_one_that_is_awake_is_the_only_one_asleep() -> None:
    """Neither is asked, but only one is powered down; its power state is cited."""
    answers = nvidia_machine(card(0), card(1, bus=2), **{f"read:{PCI}/power/runtime_status": "suspended"})
    for place in (1, 2):
        name = f"read:/proc/driver/nvidia/gpus/0000:0{place}:00.0/information"
        answers[name] = "Model: NVIDIA GeForce RTX 4090\n"
    snapshot = looked_at(FakeSource(plain_host() | answers))

    assert [each.state for each in snapshot.accelerators] == ["asleep", "present"]
    assert only(snapshot, "gpu-asleep").detail == message(
        "finding.gpu-asleep.detail-table", pci="0000:01:00.0"
    )
    assert only(snapshot, "gpu-asleep").evidence == (
        f"read:{PCI}/power/runtime_status",
        f"read:{PCI}/power_state",
    )


def test_a_prohibited_card_is_released_by_its_number() -> None:
    """The command names the device."""
    found = only(
        linux(card(0), card(1, bus=2), **{"nvml:nvmlDeviceGetComputeMode 1": 2}), "compute-prohibited"
    )

    assert (found.severity, commands(found)) == ("error", ("sudo nvidia-smi -i 1 -c DEFAULT",))
    assert found.evidence == ("nvml:nvmlDeviceGetComputeMode 1",)


@pytest.mark.parametrize(
    ("held", "severity", "word"),
    [([], "note", "free"), ([{"pid": 5, "usedGpuMemory": 1}], "error", "occupied")],
)
def test_an_exclusive_card_is_an_error_while_it_is_occupied(held: Any, severity: str, word: str) -> None:
    """An idle one is usable."""
    snapshot = linux(**{"nvml:nvmlDeviceGetComputeMode 0": 3, COMPUTE: held})
    found = only(snapshot, "exclusive-process")

    assert snapshot.accelerators[0].usable is (word == "free")
    assert (found.severity, found.detail.id) == (severity, f"finding.exclusive-process.detail-{word}")
    assert found.evidence == ("nvml:nvmlDeviceGetComputeMode 0",)


def test_a_hidden_card_that_serves_one_program_is_not_called_occupied() -> None:
    """It is not usable for another reason."""
    snapshot = linux(**{"nvml:nvmlDeviceGetComputeMode 0": 3, "env:CUDA_VISIBLE_DEVICES": ""})

    assert not snapshot.accelerators[0].usable
    assert only(snapshot, "exclusive-process").severity == "note"


def test_instances_are_listed_with_their_memory() -> None:
    """Each by name, size and UUID; an instance whose memory is unknown says so."""
    parent = {"nvml:nvmlDeviceGetMigMode 0": [1, 1]}
    for place in (0, 1):
        parent[f"nvml:nvmlDeviceGetMigDeviceHandleByIndex 0/{place}"] = True  # type: ignore[assignment]
        parent[f"nvml:nvmlDeviceGetName 0/{place}"] = f"{H100} MIG 3g.40gb"  # type: ignore[assignment]
    parent["nvml:nvmlDeviceGetUUID 0/0"] = "MIG-0"  # type: ignore[assignment]
    parent["nvml:nvmlDeviceGetMemoryInfo_v2 0/0"] = {"total": 40 * GIB, "reserved": 0, "free": 40 * GIB}  # type: ignore[assignment]
    found = only(linux(card(name=H100), **parent), "mig-partitioned")

    assert found.detail.values["instances"] == tuple(
        message("finding.mig-partitioned.instance", name=f"{H100} MIG 3g.40gb", memory_bytes=size, uuid=uuid)
        for size, uuid in ((40 * GIB, "MIG-0"), (None, None))
    )
    assert "40.00 GiB, MIG-0; " in str(found.detail)
    assert "memory size unknown, UUID unknown." in str(found.detail)
    assert commands(found)[0] == "export CUDA_VISIBLE_DEVICES=MIG-0"


def test_a_whole_card_is_not_divided() -> None:
    """A vGPU is a share and no MIG instance."""
    snapshot = linux(card(name="NVIDIA A40-24Q"), **{"nvml:nvmlDeviceGetVirtualizationMode 0": 2})

    assert finding(snapshot, "mig-partitioned") is None


def test_mig_mode_without_instances_is_told_by_the_devices_state() -> None:
    """It cites the mode, and both ways out name the device."""
    found = only(linux(card(name=H100), **{"nvml:nvmlDeviceGetMigMode 0": [1, 1]}), "mig-no-instance")

    assert found.evidence == ("nvml:nvmlDeviceGetMigMode 0",)
    assert commands(found) == ("sudo nvidia-smi mig -i 0 -cgi 0 -C", "sudo nvidia-smi -i 0 -mig 0")


@pytest.mark.parametrize(
    ("value", "title", "hidden", "invalid"),
    [
        ("0", "title", 1, None),
        ("0,7", "title", 1, "7"),
        ("0,1,7", "title-invalid", 0, "7"),
    ],
)
def test_the_variable_that_hides_cards_is_quoted(
    value: str, title: str, hidden: int, invalid: str | None
) -> None:
    """With the cards it hides, and the entry at which CUDA stops."""
    snapshot = linux(card(0), card(1, bus=2), **{"env:CUDA_VISIBLE_DEVICES": value})
    found = only(snapshot, "cuda-visible-hides")
    device = message(
        "finding.cuda-visible-hides.device", name="gpu1 NVIDIA GeForce RTX 4090", memory_bytes=24564 * MIB
    )

    assert found.title.id == f"finding.cuda-visible-hides.{title}"
    assert found.detail.values == {"value": value, "devices": (device,) * hidden, "invalid": invalid}
    assert found.evidence == ("env:CUDA_VISIBLE_DEVICES",)


def test_a_variable_that_hides_nothing_is_no_finding() -> None:
    """All cards are listed, or the variable is not set."""
    assert finding(linux(**{"env:CUDA_VISIBLE_DEVICES": "0"}), "cuda-visible-hides") is None
    assert finding(linux(), "cuda-visible-hides") is None


@pytest.mark.parametrize(
    ("value", "uncertain"), [("0,1", True), ("GPU-00000000,GPU-00000001", False), (" GPU-00000001", False)]
)
def test_cards_chosen_by_uuid_have_a_certain_order(value: str, uncertain: bool) -> None:
    """Numbers are CUDA's own, UUIDs are not."""
    unlike = (card(0), card(1, name="NVIDIA GeForce RTX 3090", bus=2))
    found = finding(linux(*unlike, **{"env:CUDA_VISIBLE_DEVICES": value}), "cuda-order-uncertain")

    assert (found is not None) is uncertain


def test_unlike_cards_are_named_where_their_order_is_uncertain() -> None:
    """Sorted, each model once."""
    unlike = (card(0), card(1, name="NVIDIA GeForce RTX 3090", bus=2))
    found = only(linux(*unlike), "cuda-order-uncertain")

    assert found.detail.values["names"] == ("NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 4090")
    assert finding(linux(*unlike, **{"env:CUDA_DEVICE_ORDER": "PCI_BUS_ID"}), "cuda-order-uncertain") is None


# what a device or its driver is


@pytest.mark.parametrize(
    ("version", "capability", "wanted", "severity", "cost"),
    [
        ("524.99", (8, 9), 550, "warning", "no-cuda-12"),
        ("525.00", (8, 9), 550, "note", "no-translation"),
        ("549.00", (7, 0), 550, "note", "no-translation"),
        ("550.00", (7, 0), None, None, None),
        ("569.00", (6, 1), 570, "warning", "old-device"),
        ("524.00", (6, 1), 570, "warning", "no-cuda-12"),
        ("570.00", (6, 1), None, None, None),
    ],
)
def test_a_driver_is_old_by_what_engines_need(
    version: str, capability: Any, wanted: int | None, severity: str | None, cost: str | None
) -> None:
    """525 for CUDA 12, 550 for 12.4, and 570 for cards before Volta."""
    found = finding(linux(card(capability=capability), **{DRIVER: version}), "driver-too-old")

    assert (found and found.severity) == severity
    if found is not None:
        assert found.title.values == {"version": version}
        assert found.detail.values["wanted"] == wanted
        assert getattr(found.detail.values["cost"], "id", None) == f"finding.driver-too-old.{cost}"
        assert found.evidence == (DRIVER,)


def test_an_old_driver_is_reported_once_for_several_cards() -> None:
    """Once for each version that is needed."""
    same = linux(card(0), card(1, bus=2), **{DRIVER: "535.1"})
    mixed = linux(card(0), card(1, bus=2, capability=(6, 1), name="Tesla P40"), **{DRIVER: "535.1"})

    assert [each.id for each in same.findings].count("driver-too-old") == 1
    assert [each.id for each in mixed.findings].count("driver-too-old") == 2


@pytest.mark.parametrize("version", ["", "unknown", "5350000.1", None])
def test_a_version_that_is_none_is_not_old(version: Any) -> None:
    """Nothing is concluded from it."""
    answer = Answer(status="missing") if version is None else version

    assert finding(linux(**{DRIVER: answer}), "driver-too-old") is None


def test_the_longest_version_that_is_read() -> None:
    """Five digits are a version still."""
    assert finding(linux(**{DRIVER: "00535.1"}), "driver-too-old") is not None


def test_a_chip_with_the_hosts_memory_needs_no_newer_driver() -> None:
    """Its driver comes with its system."""
    parts = {"nvml:nvmlDeviceGetMemoryInfo_v2 0": NOT_SUPPORTED, DRIVER: "535.1"}

    assert finding(linux(card(name="NVIDIA GB10"), **parts), "driver-too-old") is None


@pytest.mark.parametrize(
    ("capability", "severity", "word"),
    [
        ((3, 5), "warning", "no-cuda-12"),
        ((5, 0), "note", "no-cuda-13"),
        ((7, 0), "note", "no-cuda-13"),
        ((7, 5), None, None),
    ],
)
def test_a_card_is_old_by_the_builds_that_have_code_for_it(
    capability: Any, severity: str | None, word: str | None
) -> None:
    """CUDA 13 begins with Turing, CUDA 12 with Maxwell."""
    found = finding(linux(card(capability=capability)), "gpu-too-old")

    assert (found and found.severity) == severity
    if found is not None and found.remedy is not None:
        assert found.detail == message(
            f"finding.gpu-too-old.detail-{word}", compute_capability=f"{capability[0]}.{capability[1]}"
        )
        assert found.remedy.text == message(f"finding.gpu-too-old.remedy-{word}")


@pytest.mark.parametrize(("state", "severity"), [(1, "note"), (0, "warning"), (None, "note")])
def test_a_vgpu_without_a_licence_is_warned_of(state: int | None, severity: str) -> None:
    """One whose licence is unknown is not."""
    features = {"licensableFeaturesCount": 1, "gridLicensableFeatures": [{"featureState": state}]}
    answers = {
        "nvml:nvmlDeviceGetVirtualizationMode 0": 2,
        "nvml:nvmlDeviceGetGridLicensableFeatures_v4 0": NOT_SUPPORTED if state is None else features,
    }
    found = only(linux(card(name="NVIDIA A40-24Q"), **answers), "vgpu")

    assert (found.severity, found.remedy is not None) == (severity, severity == "warning")
    assert found.title.id.endswith("unlicensed") is (severity == "warning")
    assert found.detail.values == {"profile": "A40-24Q"}
    assert "nvml:nvmlDeviceGetGridLicensableFeatures_v4 0" in found.evidence


@pytest.mark.parametrize(("model", "moves"), [(0, True), (1, False), (2, False)])
def test_only_the_desktop_driver_moves_memory(model: int, moves: bool) -> None:
    """TCC and MCDM refuse what does not fit."""
    answers = nvidia_machine(card(), **{"nvml:nvmlDeviceGetDriverModel_v2 0": [model, model]})
    found = finding(looked_at(FakeSource(plain_host() | answers, WINDOWS)), "nvidia-sysmem-fallback")

    assert (found is not None) is moves
    if found is not None:
        assert found.evidence[0] == "nvml:nvmlDeviceGetDriverModel_v2 0"


def test_an_older_library_has_the_older_question_for_the_driver_model() -> None:
    """Without the second version the first is asked."""
    answers = nvidia_machine(card(), **{"nvml:nvmlDeviceGetDriverModel 0": [0, 0]})
    snapshot = looked_at(FakeSource(plain_host() | answers, WINDOWS))

    assert snapshot.accelerators[0].driver_model == "wddm"


def test_figures_of_the_command_have_the_librarys_reason() -> None:
    """Both answers are cited."""
    printed = {"exit": 0, "stdout": smi_xml(), "stderr": ""}
    found = only(failing(12, **{"run:nvidia-smi -q -x": printed}), "nvidia-smi-only")

    assert found.detail == message("finding.nvidia-smi-only.detail", why=message("unusable.nvml-no-library"))
    assert found.evidence == (INIT, "run:nvidia-smi -q -x")


# why the library does not start


DRIVER_FINDINGS = (
    "nvidia-slow",
    "nvidia-no-library",
    "nvidia-module-not-loaded",
    "nvidia-version-mismatch",
    "nvidia-container-no-devices",
    "nvidia-container-lost",
    "wsl-driver-shadow",
)


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (lambda: linux(), set()),
        (lambda: failing(12), {"nvidia-no-library"}),
        (
            lambda: failing(12, **{"run:nvidia-smi -q -x": {"exit": 0, "stdout": smi_xml(), "stderr": ""}}),
            set(),
        ),
        (lambda: failing(9), {"nvidia-module-not-loaded"}),
        (lambda: failing(18), {"nvidia-version-mismatch"}),
        (lambda: failing(999), set()),
        (lambda: failing(12, **contained()), {"nvidia-container-no-devices"}),
        (lambda: failing(18, **contained()), {"nvidia-version-mismatch"}),
        (
            lambda: failing(9, **contained()),
            {"nvidia-module-not-loaded", "nvidia-container-no-devices"},
        ),
        (lambda: failing(999, **contained()), {"nvidia-container-lost", "nvidia-container-no-devices"}),
        (lambda: failing(999, **contained(**{"list:/dev": ["nvidiactl"]})), {"nvidia-container-lost"}),
        (lambda: failing(12, **contained(**{"list:/dev": ["nvidiactl"]})), set()),
        (
            lambda: failing(12, **contained(**{"list:/dev": ["nvidia0"]})),
            {"nvidia-container-no-devices"},
        ),
        (lambda: linux(**{INIT: Answer(status="timeout")}), {"nvidia-slow"}),
        (
            lambda: linux(**contained(**{"nvml:nvmlDeviceGetCount_v2": 0})),
            {"nvidia-container-no-devices"},
        ),
        (lambda: linux(**{"nvml:nvmlDeviceGetCount_v2": 0}), set()),
        (lambda: linux(**contained()), set()),
        (
            lambda: linux(**contained(**{"nvml:nvmlDeviceGetCount_v2": 0, "list:/sys/bus/pci/devices": []})),
            set(),
        ),
        (
            lambda: failing(
                12,
                **contained(**{"run:nvidia-smi -q -x": {"exit": 0, "stdout": smi_xml(), "stderr": ""}}),
            ),
            set(),
        ),
    ],
)
def test_each_cause_has_its_finding(snapshot: Any, expected: set[str]) -> None:
    """And no other."""
    assert {each.id for each in snapshot().findings} & set(DRIVER_FINDINGS) == expected


def test_without_a_card_on_the_bus_nothing_is_to_be_installed() -> None:
    """A device file without a device is no reason."""
    nothing = {"list:/sys/bus/pci/devices": [], "list:/dev": ["nvidiactl"]}

    assert finding(failing(12, **nothing), "nvidia-no-library") is None


def test_a_missing_library_cites_the_start_and_the_bus() -> None:
    """And the driver is installed by the system's own command."""
    found = only(failing(12), "nvidia-no-library")

    assert (found.severity, found.evidence) == ("error", (INIT, f"read:{PCI}/vendor"))


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("Debian GNU/Linux 13", ("sudo apt install nvidia-driver",)),
        ("Fedora Linux 43", ("sudo dnf install akmod-nvidia xorg-x11-drv-nvidia-cuda",)),
        (
            "Gentoo",
            (
                "sudo ubuntu-drivers install",
                "sudo apt install nvidia-driver",
                "sudo dnf install akmod-nvidia xorg-x11-drv-nvidia-cuda",
            ),
        ),
    ],
)
def test_the_driver_comes_from_the_systems_packages(system: str, expected: tuple[str, ...]) -> None:
    """A system that is not known gets the three most common commands."""
    missing = failing(12, **{"read:/etc/os-release": f'PRETTY_NAME="{system}"\n'})

    assert commands(only(missing, "nvidia-no-library")) == expected


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("Debian GNU/Linux 12 (bookworm)", ()),
        ("Ubuntu 24.04.3 LTS", ("sudo ubuntu-drivers install",)),
    ],
)
def test_a_newer_driver_comes_from_packages_that_have_it(system: str, expected: tuple[str, ...]) -> None:
    """Debian's own packages end at 550, and 570 is wanted: the maker's page is left."""
    named = {"read:/etc/os-release": f'PRETTY_NAME="{system}"\n'}
    old = only(linux(card(capability=(6, 1)), **{DRIVER: "535.1"}, **named), "driver-too-old")

    assert old.detail.values["wanted"] == 570
    assert commands(old) == expected
    assert old.remedy is not None
    assert old.remedy.link == "https://www.nvidia.com/en-us/drivers/"


def test_the_driver_of_windows_is_not_installed_from_wsl() -> None:
    """Nor on Windows by a Linux command, nor from a container."""
    old = nvidia_machine(card(), **{DRIVER: "500.1"})
    wsl = old | {"read:/proc/sys/kernel/osrelease": "5.15-microsoft-standard-WSL2", "list:/dev": ["dxg"]}

    for source in (
        FakeSource(plain_host() | wsl),
        FakeSource(plain_host() | old, WINDOWS),
        FakeSource(plain_host() | old | {"list:/": [".dockerenv"]}),
    ):
        assert commands(only(looked_at(source), "driver-too-old")) == ()


@pytest.mark.parametrize(("driver", "others"), [("nouveau", ("nouveau",)), ("nvidia", ())])
def test_another_driver_of_the_card_is_named(driver: str, others: tuple[str, ...]) -> None:
    """NVIDIA's own is none."""
    snapshot = failing(9, **{f"link:{PCI}/driver": f"../../bus/pci/drivers/{driver}"})
    found = only(snapshot, "nvidia-module-not-loaded")

    assert found.detail == message("finding.nvidia-module-not-loaded.detail", drivers=others)
    assert found.evidence == (INIT, f"link:{PCI}/driver")


@pytest.mark.parametrize(
    ("proc", "module", "version", "evidence"),
    [
        ("NVRM version: Kernel Module  580.95.05", "1.2", "580.95.05", "read:/proc/driver/nvidia/version"),
        (Answer(status="missing"), "570.1\n", "570.1", "read:/sys/module/nvidia/version"),
        (Answer(status="missing"), Answer(status="missing"), None, None),
    ],
)
def test_the_loaded_module_is_named(
    proc: Any, module: Any, version: str | None, evidence: str | None
) -> None:
    """By what runs, or else by what is installed."""
    snapshot = failing(
        18, **{"read:/proc/driver/nvidia/version": proc, "read:/sys/module/nvidia/version": module}
    )
    found = only(snapshot, "nvidia-version-mismatch")

    assert found.detail == message("finding.nvidia-version-mismatch.detail", version=version)
    assert found.evidence == (INIT, *([evidence] if evidence else []))


@pytest.mark.parametrize("given", ["none", None])
def test_the_variable_of_the_container_is_quoted(given: str | None) -> None:
    """Where it is set."""
    variable = {} if given is None else {"env:NVIDIA_VISIBLE_DEVICES": given}
    found = only(failing(12, **contained(**variable)), "nvidia-container-no-devices")

    assert found.detail == message("finding.nvidia-container-no-devices.detail", given=given)
    assert found.evidence == (INIT, f"read:{PCI}/vendor", *variable)


def test_a_slow_driver_is_kept_loaded_on_linux_only() -> None:
    """Persistence mode is Linux'."""
    waiting = plain_host() | nvidia_machine(card(), **{INIT: Answer(status="timeout")})
    found = only(looked_at(FakeSource(waiting)), "nvidia-slow")

    assert (found.evidence, len(commands(found))) == ((INIT,), 2)
    windows = looked_at(FakeSource(waiting, WINDOWS))
    assert len(commands(only(windows, "nvidia-slow"))) == 1


@pytest.mark.parametrize(("limit_s", "slow"), [(2.5, True), (0.25, True), (0.24, False), (0.01, False)])
def test_a_short_limit_says_nothing_of_the_driver(limit_s: float, slow: bool) -> None:
    """Where others need as long, the driver is not what is slow."""
    report = SourceReport(name="nvidia", status="timeout", detail=message("source.deadline", seconds=limit_s))
    snapshot = Snapshot(this_machine=True, host=Host(system="linux", machine="x86_64"), sources=(report,))

    assert (finding(rules.diagnosed(snapshot), "nvidia-slow") is not None) == slow


def test_a_driver_that_hangs_later_is_slow_too() -> None:
    """The probe is the source that did not answer."""
    snapshot = linux(**{"nvml:nvmlDeviceGetCount_v2": Answer(status="timeout")})

    assert only(snapshot, "nvidia-slow").evidence == ("source:nvidia",)


def test_a_card_that_is_lent_cites_its_driver() -> None:
    """The link in sysfs shows it."""
    found = only(linux(**{f"link:{PCI}/driver": "../../bus/pci/drivers/vfio-pci"}), "gpu-vfio")

    assert (found.severity, found.evidence) == ("warning", (f"link:{PCI}/driver",))
    assert found.detail == message("finding.gpu-vfio.detail", pci="0000:01:00.0")


def test_wsl_with_a_gpu_is_in_order() -> None:
    """Its library fails by a Linux driver that hides it, which no module mends."""
    wsl = {"read:/proc/sys/kernel/osrelease": "5.15-microsoft-standard-WSL2", "list:/dev": ["dxg"]}

    assert finding(looked_at(FakeSource(plain_host() | wsl)), "wsl-no-passthrough") is None
    shadow = looked_at(FakeSource(plain_host() | wsl | {INIT: Answer(status="failed", code=9)}))
    assert {"wsl-driver-shadow", "nvidia-module-not-loaded"} & {each.id for each in shadow.findings} == {
        "wsl-driver-shadow"
    }
    other = looked_at(FakeSource(plain_host() | wsl | {INIT: Answer(status="failed", code=999)}))
    assert finding(other, "wsl-driver-shadow") is None


# memory in use


@pytest.mark.parametrize(
    ("used", "compressed", "severity"),
    [
        (256 * MIB - 1, None, None),
        (256 * MIB, None, "note"),
        (256 * MIB, 1, None),
        (256 * MIB + 1, 1, "note"),
        (64 * GIB // 10, None, "note"),
        (64 * GIB // 10 + 1, None, "warning"),
    ],
)
def test_swap_matters_by_what_is_on_disk(used: int, compressed: int | None, severity: str | None) -> None:
    """From 256 MiB on, and above a tenth of memory as a warning; what zram holds is in memory."""
    snapshot = linux()
    memory = HostMemory(
        swap=Swap(
            total_bytes=8 * GIB,
            used_bytes=used,
            compressed_used_bytes=compressed,
            evidence=("psutil:swap_memory",),
        )
    )
    host = msgspec.structs.replace(snapshot.host, memory=memory)
    found = list(swap_in_use(msgspec.structs.replace(snapshot, host=host)))
    windows = msgspec.structs.replace(snapshot, host=msgspec.structs.replace(host, system="win32"))

    assert [each.severity for each in found] == ([] if severity is None else [severity])
    assert [each.title.values for each in found] == [{"used_bytes": used - (compressed or 0)}] * len(found)
    assert list(swap_in_use(windows)) == []


@pytest.mark.parametrize(
    ("used", "severity"), [(736, None), (738, "note"), (2456, "note"), (2457, "warning")]
)
def test_memory_in_use_matters_by_its_share(used: int, severity: str | None) -> None:
    """3 % of 24,564 MiB is a note, 10 % a warning; the driver's reserve does not count."""
    found = finding(linux(card(used_mib=used)), "vram-held")

    assert (found and found.severity) == severity
    if found is not None:
        assert found.title.values["used_bytes"] == used * MIB
        assert found.detail.values["budget_bytes"] == (24564 - 450 - used) * MIB
        assert found.detail.values["total_bytes"] == 24564 * MIB


@pytest.mark.parametrize(("used", "severity"), [(600, "note"), (2000, "warning")])
def test_the_share_itself_counts(used: int, severity: str) -> None:
    """Exactly 3 % and exactly 10 % of 20,000 MiB."""
    found = only(linux(card(total_mib=20000, reserved_mib=0, used_mib=used)), "vram-held")

    assert found.severity == severity


def test_memory_of_a_card_that_is_not_used_is_nobodys_matter() -> None:
    """A hidden card has no finding about its holders, display and reserve."""
    snapshot = linux(
        card(used_mib=9000, reserved_mib=4000),
        **{"env:CUDA_VISIBLE_DEVICES": "", "nvml:nvmlDeviceGetDisplayActive 0": 1},
    )
    ids = {each.id for each in snapshot.findings}

    assert {"vram-held", "display-on-gpu", "vram-reserved"} & ids == set()


def test_five_processes_are_named_and_the_rest_counted() -> None:
    """The largest first."""
    listed = [{"pid": pid, "usedGpuMemory": pid * 100 * MIB} for pid in range(1, 8)]
    found = only(linux(card(used_mib=9000), **{COMPUTE: listed}), "vram-held")

    assert found.detail.values["holders"] == message(
        "finding.vram-held.by",
        processes=tuple(
            message("finding.vram-held.process", name=None, pid=pid, used_bytes=pid * 100 * MIB)
            for pid in (7, 6, 5, 4, 3)
        ),
        more=2,
    )
    assert "a program (PID 3) 300 MiB and 2 more." in str(found.detail)


@pytest.mark.parametrize(
    ("listed", "word"), [([], "unlisted"), ([{"pid": 5, "usedGpuMemory": None}], "unknown")]
)
def test_holders_that_are_not_known_are_not_made_up(listed: Any, word: str) -> None:
    """Nobody is listed, or how much is unknown."""
    found = only(linux(card(used_mib=9000), **{COMPUTE: listed}), "vram-held")

    assert found.detail.values["holders"] == message(f"finding.vram-held.{word}")


@pytest.mark.parametrize(
    ("programs", "expected", "text"),
    [
        (("ollama", "lms"), ("ollama stop MODEL", "lms unload --all"), "remedy-unload"),
        (("llama-server", "llama-server"), ("kill 1 2",), "remedy-server"),
        (("llama-server", "game"), ("kill 1",), "remedy-server"),
        (("game",), ("nvidia-smi",), "remedy"),
    ],
)
def test_who_uses_memory_decides_how_to_free_it(
    programs: tuple[str, ...], expected: tuple[str, ...], text: str
) -> None:
    """Engines unload, a llama-server is stopped, other programs are listed; no process of a recording is killed."""
    listed = [{"pid": pid, "usedGpuMemory": (10 - pid) * 100 * MIB} for pid in range(1, len(programs) + 1)]
    names = {f"read:/proc/{pid}/comm": name for pid, name in enumerate(programs, start=1)}
    recorded = linux(card(used_mib=9000), **{COMPUTE: listed}, **names)
    found = only(rules.diagnosed(msgspec.structs.replace(recorded, this_machine=True)), "vram-held")
    elsewhere = only(recorded, "vram-held")

    assert commands(found) == expected
    assert commands(elsewhere) == tuple(command for command in expected if "kill" not in command)
    assert found.remedy is not None
    assert elsewhere.remedy is not None
    assert elsewhere.remedy.text == found.remedy.text
    assert found.remedy.text == message(f"finding.vram-held.{text}")


@pytest.mark.parametrize(
    ("listed", "drawing"),
    [([], None), ([{"pid": 8, "usedGpuMemory": 300 * MIB}, {"pid": 9, "usedGpuMemory": None}], 300 * MIB)],
)
def test_a_display_has_what_graphics_programs_use(listed: Any, drawing: int | None) -> None:
    """Programs that compute do not count."""
    answers = {
        "nvml:nvmlDeviceGetDisplayActive 0": 1,
        GRAPHICS: listed,
        COMPUTE: [{"pid": 5, "usedGpuMemory": 700 * MIB}],
    }
    found = only(linux(card(used_mib=1000), **answers), "display-on-gpu")

    assert found.detail == message("finding.display-on-gpu.detail", graphics_bytes=drawing)
    assert found.evidence == ("nvml:nvmlDeviceGetDisplayActive 0",)


def test_error_correction_is_switched_off_by_the_devices_number() -> None:
    """The bus width is NVML's: GDDR6 here, HBM on an A100."""
    ecc = {"nvml:nvmlDeviceGetEccMode 0": [1, 0]}
    found = only(linux(card(name="NVIDIA A10G"), **ecc), "ecc-on")

    assert commands(found) == ("sudo nvidia-smi -i 0 -e 0",)
    assert found.evidence == ("nvml:nvmlDeviceGetEccMode 0",)
    assert finding(linux(card(name="NVIDIA A100", bits=5120), **ecc), "ecc-on") is None
    assert finding(linux(card(), **{"nvml:nvmlDeviceGetEccMode 0": [0, 1]}), "ecc-on") is None


@pytest.mark.parametrize(("reserved", "large"), [(1473, False), (1474, True)])
def test_a_reserve_is_large_from_six_percent(reserved: int, large: bool) -> None:
    """Idle cards reserve up to 5 %."""
    found = finding(linux(card(reserved_mib=reserved)), "vram-reserved")

    assert (found is not None) is large
    if found is not None:
        assert found.title.values["reserved_bytes"] == reserved * MIB


def test_a_reserve_from_the_table_is_no_finding() -> None:
    """It was not measured: a sleeping card of 4 GiB is assumed to reserve more than 6 %."""
    answers = {
        f"read:{PCI}/power/runtime_status": "suspended",
        "read:/proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: NVIDIA GeForce RTX 3050 Laptop GPU\n",
    }
    snapshot = linux(**answers)

    assert [pool.basis for pool in snapshot.pools if pool.kind == "vram"] == ["declared"]
    assert finding(snapshot, "vram-reserved") is None
