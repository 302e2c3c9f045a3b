"""
Each condition of the rules about NVIDIA's driver and its devices by itself.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import Partition
from llmprobe.facts.nvidia import NvidiaDevice, NvidiaSystem, VisibleDevices
from llmprobe.words.message import message
from tests.machine.rules.records import ASKED, card, commands, found, machine, only, severity
from tests.machine.rules.test_gpu_conditions import seen, start

BUS = seen(("0000:01:00.0",), ("bus",))


@pytest.mark.parametrize(
    ("fields", "container", "expected"),
    [
        ({"start": start(12), "on_bus": BUS}, None, True),
        ({"start": start(12), "on_bus": BUS}, False, True),
        ({"start": start(12), "on_bus": BUS}, True, False),
        ({"start": start(9), "on_bus": BUS}, None, False),
        ({"on_bus": BUS}, None, False),
        ({"start": start(12)}, None, False),
        ({"start": start(12), "on_bus": BUS, "by_command": seen(True)}, None, False),
    ],
)
def test_a_library_is_missed_beside_a_device(
    fields: dict[str, Any], container: Any, *, expected: bool
) -> None:
    """Not in a container, and not where the command answers instead."""
    snapshot = machine(nvidia=NvidiaSystem(**fields), host={"in_container": container})

    assert bool(found(snapshot, "nvidia-no-library")) is expected
    assert found(machine(), "nvidia-no-library") == []


@pytest.mark.parametrize(
    ("code", "environment", "expected"),
    [
        (9, "bare", (True, False)),
        (9, "wsl", (False, True)),
        (12, "wsl", (False, False)),
        (None, "wsl", (False, False)),
    ],
)
def test_a_module_that_is_not_loaded_is_a_shadow_under_wsl(
    code: int | None, environment: str, expected: tuple[bool, bool]
) -> None:
    """There Windows has the module, and a Linux driver's library hides its own."""
    system = NvidiaSystem(start=None if code is None else start(code))
    snapshot = machine(nvidia=system, host={"environment": environment})

    assert (
        bool(found(snapshot, "nvidia-module-not-loaded")),
        bool(found(snapshot, "wsl-driver-shadow")),
    ) == expected


@pytest.mark.parametrize(
    ("bound", "others", "evidence"),
    [
        (None, (), ("nvmlInit",)),
        (
            seen({"a": "nouveau", "b": "nvidia", "c": "nouveau"}, ("bound",)),
            ("nouveau",),
            ("nvmlInit", "bound"),
        ),
        (seen({"a": "vfio-pci", "b": "nouveau"}, ("bound",)), ("nouveau", "vfio-pci"), ("nvmlInit", "bound")),
    ],
)
def test_another_driver_has_the_device(
    bound: Any, others: tuple[str, ...], evidence: tuple[str, ...]
) -> None:
    """Each once, NVIDIA's own left out."""
    finding = only(
        machine(nvidia=NvidiaSystem(start=start(9), kernel_drivers=bound)), "nvidia-module-not-loaded"
    )

    assert (finding.detail.values["drivers"], finding.evidence) == (others, evidence)


@pytest.mark.parametrize(
    ("fields", "version", "evidence"),
    [
        (
            {"module_version": seen("550", ("proc",)), "installed_module": seen("560", ("sys",))},
            "550",
            ("nvmlInit", "proc"),
        ),
        ({"installed_module": seen("560", ("sys",))}, "560", ("nvmlInit", "sys")),
        ({}, None, ("nvmlInit",)),
    ],
)
def test_the_version_that_is_loaded(
    fields: dict[str, Any], version: str | None, evidence: tuple[str, ...]
) -> None:
    """The running module's before the installed one's."""
    finding = only(machine(nvidia=NvidiaSystem(start=start(18), **fields)), "nvidia-version-mismatch")

    assert (finding.detail.values["version"], finding.evidence) == (version, evidence)
    assert found(machine(nvidia=NvidiaSystem(start=start(9), **fields)), "nvidia-version-mismatch") == []


@pytest.mark.parametrize(
    ("fields", "container", "evidence"),
    [
        ({"start": start(9)}, True, ("nvmlInit", "bus")),
        ({"start": start(9)}, False, None),
        ({"start": start(9), "on_bus": None}, True, None),
        ({"start": start(9), "by_command": seen(True)}, True, None),
        ({"start": start(18)}, True, None),
        ({"start": start(9), "device_files": seen(("nvidiactl", "nvidia0"))}, True, None),
        ({"start": start(9), "device_files": seen(("null",))}, True, ("nvmlInit", "bus")),
        ({"listed": seen(0, ("count",))}, True, ("count", "bus")),
        ({}, True, None),
        ({"start": start(9), "given_to_container": seen("void", ("env",))}, True, ("nvmlInit", "bus", "env")),
    ],
)
def test_a_container_without_its_device(fields: dict[str, Any], container: bool, evidence: Any) -> None:
    """One that is on the bus, and whose control file is not there."""
    snapshot = machine(nvidia=NvidiaSystem(**({"on_bus": BUS} | fields)), host={"in_container": container})

    assert [one.evidence for one in found(snapshot, "nvidia-container-no-devices")] == (
        [] if evidence is None else [evidence]
    )


@pytest.mark.parametrize(
    ("code", "container", "expected"), [(999, True, "error"), (999, None, None), (12, True, None)]
)
def test_a_container_that_lost_its_device(code: int, container: Any, expected: str | None) -> None:
    """NVML's unknown error, in a container."""
    snapshot = machine(nvidia=NvidiaSystem(start=start(code)), host={"in_container": container})

    assert severity(snapshot, "nvidia-container-lost") == expected


@pytest.mark.parametrize(("lent", "expected"), [(False, "warning"), (True, None), (None, None)])
def test_windows_lends_wsl_no_gpu(lent: bool | None, expected: str | None) -> None:
    """Outside of WSL nothing is lent."""
    assert severity(machine(host={"wsl_gpu": lent}), "wsl-no-passthrough") == expected


@pytest.mark.parametrize(
    ("fields", "expected", "cost"),
    [
        ({"driver": "549.0"}, "note", "no-translation"),
        ({"driver": "550.54"}, None, None),
        ({"driver": "524.9"}, "warning", "no-cuda-12"),
        ({"driver": "525.1"}, "note", "no-translation"),
        ({"driver": "569.1", "compute_capability": "6.1"}, "warning", "old-device"),
        ({"driver": "569.1", "compute_capability": "7.0"}, None, None),
        ({"driver": "570.1", "compute_capability": "6.1"}, None, None),
        ({"driver": "524.1", "compute_capability": "6.1"}, "warning", "no-cuda-12"),
        ({"driver": "470", "vendor": "amd"}, None, None),
        ({"driver": "470.1", "compute_capability": "3.7", "architecture": "Kepler"}, None, None),
        ({"driver": "470.1", "compute_capability": "6.1", "architecture": "Pascal"}, "warning", "no-cuda-12"),
        ({"driver": "470", "integrated": True}, None, None),
        ({"driver": None}, None, None),
        ({"driver": "r470"}, None, None),
        ({"driver": "12345.1"}, None, None),
        ({"driver": "123456"}, None, None),
    ],
)
def test_a_driver_is_too_old(fields: dict[str, Any], expected: str | None, cost: str | None) -> None:
    """550 for CUDA 12.4, 570 for devices before Volta, below 525 no CUDA 12 at all; Kepler has no newer one."""
    snapshot = machine(card(**fields))

    assert severity(snapshot, "driver-too-old") == expected
    for finding in found(snapshot, "driver-too-old"):
        said: Any = finding.detail.values["cost"]
        assert said.id == f"finding.driver-too-old.{cost}"


def test_one_driver_is_said_once_for_each_kind_of_card() -> None:
    """Two new cards and an old one share a driver."""
    cards = [card(driver="540.1", compute_capability=one) for one in ("8.6", "8.9", "6.1", "6.1")]

    assert [one.detail.values["wanted"] for one in found(machine(*cards), "driver-too-old")] == [550, 570]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"compute_capability": "7.4"}, "note"),
        ({"compute_capability": "7.5"}, None),
        ({"compute_capability": "5.0"}, "note"),
        ({"compute_capability": "4.9"}, "warning"),
        ({"compute_capability": "10.0"}, None),
        ({"compute_capability": None}, None),
        ({"compute_capability": "x.1"}, None),
        ({"compute_capability": "7"}, None),
        ({"compute_capability": "3.5", "vendor": "amd"}, None),
    ],
)
def test_a_device_is_too_old(fields: dict[str, Any], expected: str | None) -> None:
    """Before 7.5 there is no CUDA 13, before 5.0 no build of CUDA 12."""
    snapshot = machine(card(**fields))

    assert severity(snapshot, "gpu-too-old") == expected
    for finding in found(snapshot, "gpu-too-old"):
        assert finding.detail.id.endswith("no-cuda-12" if expected == "warning" else "no-cuda-13")


@pytest.mark.parametrize(
    ("l4t", "capability", "detail", "expected"),
    [
        ("32.7.4", "7.2", "detail-jetpack", "warning"),
        ("35.4.1", "7.2", "detail-no-cuda-13", "note"),
        ("32.7.4", "5.3", "detail-board", "warning"),
    ],
)
def test_a_board_has_the_cuda_of_its_system(l4t: str, capability: str, detail: str, expected: str) -> None:
    """A Xavier on JetPack 4 has CUDA 10.2 and could have JetPack 5; a Nano could not."""
    board = card(compute_capability=capability, integrated=True)
    finding = only(machine(board, nvidia=NvidiaSystem(l4t=seen(l4t))), "gpu-too-old")

    assert (finding.detail.id, finding.severity) == (f"finding.gpu-too-old.{detail}", expected)


@pytest.mark.parametrize(
    ("capability", "detail"), [("5.3", "detail-board"), ("6.2", "detail-board"), ("7.2", "detail-no-cuda-13")]
)
def test_old_boards_end_with_jetpack_4(capability: str, detail: str) -> None:
    """Jetson Nano and TX2; a Xavier, 7.2, has JetPack 5."""
    board = card(compute_capability=capability, integrated=True)

    assert only(machine(board), "gpu-too-old").detail.id == f"finding.gpu-too-old.{detail}"


@pytest.mark.parametrize(
    ("partition", "index", "licensed", "expected"),
    [
        (Partition(kind="vgpu"), 0, False, "warning"),
        (Partition(kind="vgpu"), 0, True, "note"),
        (Partition(kind="vgpu"), 0, None, "note"),
        (Partition(kind="vgpu"), 1, False, "note"),
        (Partition(kind="vgpu"), None, False, "note"),
        (Partition(kind="mig"), 0, False, None),
        (None, 0, False, None),
    ],
)
def test_a_share_without_a_license_is_warned_of(
    partition: Any, index: int | None, licensed: Any, expected: str | None
) -> None:
    """The device of its own number says so."""
    known = NvidiaSystem(devices=(NvidiaDevice(index=0, licensed=licensed, evidence=("license",)),))
    snapshot = machine(card(partition=partition, index=index), nvidia=known)

    assert severity(snapshot, "vgpu") == expected
    for finding in found(snapshot, "vgpu"):
        assert finding.evidence == ((*ASKED, "license") if index == 0 else ASKED)
    assert severity(machine(card(partition=partition, index=index)), "vgpu") == (expected and "note")


@pytest.mark.parametrize(("model", "expected"), [("wddm", "note"), ("tcc", None), (None, None)])
def test_windows_moves_memory_to_the_ram(model: Any, expected: str | None) -> None:
    """With the driver model of a display."""
    assert severity(machine(card(), card(driver_model=model)), "nvidia-sysmem-fallback") == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"by_command": seen(True, ("smi",)), "start": start(12)}, ("nvmlInit", "smi")),
        ({"by_command": seen(True)}, None),
        ({"start": start(12)}, None),
    ],
)
def test_figures_of_the_command_are_called_so(fields: dict[str, Any], expected: Any) -> None:
    """Where it answered in the place of a library that did not start."""
    findings = found(machine(nvidia=NvidiaSystem(**fields)), "nvidia-smi-only")

    assert [one.evidence for one in findings] == ([] if expected is None else [expected])
    assert found(machine(), "nvidia-smi-only") == []


@pytest.mark.parametrize(
    ("state", "finding"),
    [
        ("lost", "gpu-lost"),
        ("asleep", "gpu-asleep"),
        ("unreachable", "gpu-unreachable"),
        ("lent", "gpu-vfio"),
        ("no-instance", "mig-no-instance"),
        ("present", None),
    ],
)
def test_each_state_has_its_own_finding(state: Any, finding: str | None) -> None:
    """And no other."""
    states = ("gpu-lost", "gpu-asleep", "gpu-unreachable", "gpu-vfio", "mig-no-instance")

    assert [one for one in states if found(machine(card(state=state)), one)] == (
        [] if finding is None else [finding]
    )


@pytest.mark.parametrize(
    ("mode", "why", "expected"),
    [
        ("prohibited", None, ("error", None)),
        ("exclusive-process", None, (None, "note")),
        ("exclusive-process", message("unusable.nvidia-occupied"), (None, "error")),
        ("exclusive-process", message("test"), (None, "note")),
        ("default", None, (None, None)),
        (None, None, (None, None)),
    ],
)
def test_the_mode_of_a_device(mode: Any, why: Any, expected: tuple[str | None, str | None]) -> None:
    """No program, or one at a time, which may be there already."""
    snapshot = machine(card(compute_mode=mode, why_not=why))

    assert (severity(snapshot, "compute-prohibited"), severity(snapshot, "exclusive-process")) == expected


@pytest.mark.parametrize(
    ("partition", "uuid", "command"),
    [
        (Partition(kind="mig"), "MIG-1", "export CUDA_VISIBLE_DEVICES=MIG-1"),
        (Partition(kind="mig"), None, "export CUDA_VISIBLE_DEVICES=MIG-UUID"),
        (Partition(kind="vgpu"), "GPU-1", None),
        (None, "GPU-1", None),
    ],
)
def test_an_instance_is_chosen_by_its_uuid(partition: Any, uuid: str | None, command: str | None) -> None:
    """Of those of a divided device the first; a share of a virtual machine is none."""
    findings = found(machine(card(), card(partition=partition, uuid=uuid)), "mig-partitioned")

    assert [commands(one)[0] for one in findings] == ([] if command is None else [command])


@pytest.mark.parametrize(
    ("variable", "hidden", "invalid", "title"),
    [
        (True, "CUDA_VISIBLE_DEVICES", None, "title"),
        (True, None, "GPU-x", "title-invalid"),
        (True, "CUDA_VISIBLE_DEVICES", "GPU-x", "title"),
        (True, None, None, None),
        (True, "HIP_VISIBLE_DEVICES", None, None),
        (False, "CUDA_VISIBLE_DEVICES", None, None),
    ],
)
def test_a_variable_hides_devices_or_names_none(
    variable: bool, hidden: str | None, invalid: str | None, title: str | None
) -> None:
    """Only CUDA's own, and where its value is known."""
    value = seen(VisibleDevices(value="0", invalid=invalid)) if variable else None
    snapshot = machine(card(hidden_by=hidden), nvidia=NvidiaSystem(cuda_visible_devices=value))

    assert [one.title.id for one in found(snapshot, "cuda-visible-hides")] == (
        [] if title is None else [f"finding.cuda-visible-hides.{title}"]
    )
    assert found(machine(card(hidden_by=hidden)), "cuda-visible-hides") == []


def test_an_order_that_is_not_sure_is_said() -> None:
    """Where the names of unlike devices are known."""
    unsure = machine(nvidia=NvidiaSystem(uncertain_order=seen(("a", "b"))))

    assert only(unsure, "cuda-order-uncertain").detail.values["names"] == ("a", "b")
    assert found(machine(nvidia=NvidiaSystem()), "cuda-order-uncertain") == []
    assert found(machine(), "cuda-order-uncertain") == []
