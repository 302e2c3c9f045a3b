"""
Graphics and neural processors of a chip under Linux: named, and not counted.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer, Platform
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.snapshot import collect
from tests.machine.fake import LINUX, LINUX_ARM, FakeSource, plain_host

RISCV = Platform(system="linux", machine="riscv64", release="6.6.36")


def drm(**drivers: str) -> dict[str, Any]:
    """
    Return the answers of sysfs about nodes of DRM by name, each with its driver.
    """
    files = {
        f"read:/sys/class/drm/{name}/device/uevent": f"DRIVER={driver}\nOF_NAME=gpu\n"
        for name, driver in drivers.items()
    }
    return {"list:/sys/class/drm": [*drivers, "version"], **files}


def seen(answers: dict[str, Any], platform: Platform = LINUX_ARM) -> Snapshot:
    return collect(FakeSource(plain_host() | answers, platform))


def named(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(each.name, each.kind) for each in snapshot.uncounted or ()]


@pytest.mark.parametrize(
    ("driver", "name", "kind"),
    [
        ("panthor", "Arm Mali (panthor)", "slow-graphics"),
        ("panfrost", "Arm Mali (panfrost)", "slow-graphics"),
        ("v3d", "Broadcom VideoCore (v3d)", "slow-graphics"),
        ("vc4-drm", "Broadcom VideoCore (vc4-drm)", "slow-graphics"),
        ("msm_dpu", "Qualcomm Adreno (msm_dpu)", "opencl-graphics"),
        ("pvrsrvkm", "Imagination PowerVR (pvrsrvkm)", "other-graphics"),
        ("RKNPU", "Rockchip NPU", "npu"),
    ],
)
def test_each_driver_has_its_maker(driver: str, name: str, kind: str) -> None:
    """The drivers of Mali, VideoCore, Adreno, PowerVR and Rockchip's NPU by the names that they register."""
    assert named(seen(drm(renderD128=driver))) == [(name, kind)]


@pytest.mark.parametrize("driver", ["rockchip-drm", "nvgpu", "asahi", "virtio_gpu", "amdgpu"])
def test_displays_and_what_other_probes_describe_are_left_to_them(driver: str) -> None:
    """A display engine computes nothing, and Jetsons, Macs and cards have their own probe."""
    assert not seen(drm(renderD128=driver)).uncounted


def test_a_chip_has_no_gpu_to_use_and_one_to_name() -> None:
    """ "No GPU was found" would be false of a chip that has one."""
    snapshot = seen(drm(renderD128="panthor"))
    findings = {each.id: each for each in snapshot.findings}

    assert snapshot.accelerators == ()
    assert findings["no-gpu"].title.id == "finding.no-gpu.title-unusable"
    assert findings["adapter-not-counted"].evidence == ("read:/sys/class/drm/renderD128/device/uevent",)
    assert seen({}).findings[0].title.id == "finding.no-gpu.title"


@pytest.mark.parametrize(
    ("path", "text", "name"),
    [
        ("/sys/class/misc/mali0/device/gpuinfo", "Mali-G610 4 cores r0p0 0xA8670000\n", "Arm Mali-G610"),
        ("/sys/class/kgsl/kgsl-3d0/gpu_model", "Adreno740v2\n", "Qualcomm Adreno 740"),
        ("/sys/class/kgsl/kgsl-3d0/gpu_model", "Adreno (TM) 830\n", "Qualcomm Adreno 830"),
    ],
)
def test_drivers_outside_of_the_kernel_have_a_file(path: str, text: str, name: str) -> None:
    """Arm's own driver of Mali and Qualcomm's of Adreno, on boards and telephones."""
    assert [each[0] for each in named(seen({f"read:{path}": text}))] == [name]
    assert not seen({f"read:{path}": "something else\n"}).uncounted


def test_two_drivers_of_one_gpu_are_one() -> None:
    """Where the kernel's driver is there, the makers' files are not read."""
    both = {**drm(renderD128="panthor"), "read:/sys/class/misc/mali0/device/gpuinfo": "Mali-G610 4 cores\n"}

    assert named(seen(both)) == [("Arm Mali (panthor)", "slow-graphics")]


@pytest.mark.parametrize(
    ("driver", "name"), [("intel_vpu", "Intel NPU"), ("amdxdna", "AMD XDNA NPU"), ("rocket", "Rockchip NPU")]
)
def test_neural_processors_are_in_a_class_of_their_own(driver: str, name: str) -> None:
    """On any machine, and no GPU: "No GPU was found" stays true of it."""
    answers = {
        "list:/sys/class/accel": ["accel0"],
        "read:/sys/class/accel/accel0/device/uevent": f"DRIVER={driver}\nPCI_ID=8086:7D1D\n",
    }
    snapshot = seen(answers, LINUX)

    assert named(snapshot) == [(name, "npu")]
    assert {each.title.id for each in snapshot.findings} >= {"finding.no-gpu.title"}


def test_graphics_of_a_chip_are_asked_for_on_such_machines_only() -> None:
    """Of x86 all graphics are on PCI. RISC-V's boards have PowerVR."""
    source = FakeSource(plain_host() | drm(renderD128="v3d"), LINUX)

    assert not collect(source).uncounted
    assert "read:/sys/class/kgsl/kgsl-3d0/gpu_model" not in source.asked
    assert named(seen(drm(renderD128="powervr"), RISCV)) == [
        ("Imagination PowerVR (powervr)", "other-graphics")
    ]


def test_a_denied_file_is_no_absence() -> None:
    """The probe reports it."""
    answers = {
        **drm(renderD128="v3d"),
        "read:/sys/class/drm/renderD128/device/uevent": Answer(status="denied"),
    }
    snapshot = seen(answers)

    assert {each.name: each.status for each in snapshot.sources}["soc"] == "denied"
