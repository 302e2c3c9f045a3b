"""
What a chip has beside its processor under Linux: graphics of a system on a chip, and processors for neural networks.

None of it is counted. llama.cpp's Vulkan backend runs on Mali and VideoCore and is slower there than on the cores
beside them (an RK3588 computes 26 tokens a second, its Mali-G610 under PanVK 6: ggml-org/llama.cpp#22682); on Adreno
its OpenCL backend runs, which is not estimated. Apple's graphics and NVIDIA's have probes of their own.

A device of the platform names its driver and, by the device tree, its kind in ``uevent``; drivers of chip makers that
are in no kernel have a file of their own. https://docs.kernel.org/gpu/drm-uapi.html, https://docs.kernel.org/accel/

Questions, in order:

    list:/sys/class/accel
    read:/sys/class/accel/<accelN>/device/uevent       of each
    list:/sys/class/drm                                on ARM and RISC-V only, and so the next
    read:/sys/class/drm/<renderDN>/device/uevent       of each
    read:/sys/class/misc/mali0/device/gpuinfo          where none of these is graphics, and so the next
    read:/sys/class/kgsl/kgsl-3d0/gpu_model
"""

import re

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Probed
from llmprobe.facts.windows import AdapterKind, UncountedAdapter
from llmprobe.machine.asking import Asker, items_of

NAME = "soc"
PLATFORMS = frozenset({"linux"})

ACCEL = "/sys/class/accel"
DRM = "/sys/class/drm"
MALI = "/sys/class/misc/mali0/device/gpuinfo"
ADRENO = "/sys/class/kgsl/kgsl-3d0/gpu_model"
_ON_CHIPS = ("aarch64", "arm", "riscv")
_NEURAL = {
    "intel_vpu": "Intel NPU",
    "amdxdna": "AMD XDNA NPU",
    "rocket": "Rockchip NPU",
    "rknpu": "Rockchip NPU",
    "ethosu": "Arm Ethos NPU",
    "qaic": "Qualcomm Cloud AI",
}
_GRAPHICS: dict[str, tuple[str, AdapterKind]] = {
    "panthor": ("Arm Mali", "slow-graphics"),
    "panfrost": ("Arm Mali", "slow-graphics"),
    "lima": ("Arm Mali", "slow-graphics"),
    "v3d": ("Broadcom VideoCore", "slow-graphics"),
    "vc4": ("Broadcom VideoCore", "slow-graphics"),
    "adreno": ("Qualcomm Adreno", "opencl-graphics"),
    "msm": ("Qualcomm Adreno", "opencl-graphics"),
    "powervr": ("Imagination PowerVR", "other-graphics"),
    "pvrsrvkm": ("Imagination PowerVR", "other-graphics"),
    "etnaviv": ("Vivante", "other-graphics"),
}
"""Maker and kind by the beginning of the driver's name: msm calls itself ``msm_dpu``, vc4 ``vc4-drm``."""


def probe(source: Source) -> Probed:
    """
    Graphics and neural processors of the chip by name.
    """
    ask = Asker(source)
    neural = [
        UncountedAdapter(name=name, kind="npu", evidence=(f"read:{path}",))
        for path, driver in _drivers(ask, ACCEL, r"accel\d{1,3}")
        if (name := _NEURAL.get(driver.lower())) is not None
    ]
    found = (*neural, *_of_platform(ask))
    return ask.probed(found=bool(found), uncounted=found)


def _of_platform(ask: Asker) -> list[UncountedAdapter]:
    """
    What a chip without a PCI bus has: mostly one GPU, beside it with Rockchip's driver the neural processor.
    """
    if not ask.platform.machine.lower().startswith(_ON_CHIPS):
        return []
    found = []
    for path, driver in _drivers(ask, DRM, r"renderD\d{1,3}"):
        neural = _NEURAL.get(driver.lower())
        graphics = next((kind for name, kind in _GRAPHICS.items() if driver.lower().startswith(name)), None)
        if neural is not None:
            found.append(UncountedAdapter(name=neural, kind="npu", evidence=(f"read:{path}",)))
        elif graphics is not None:
            maker, kind = graphics
            found.append(UncountedAdapter(name=f"{maker} ({driver})", kind=kind, evidence=(f"read:{path}",)))
    if not any(each.kind != "npu" for each in found):
        found += _by_makers_driver(ask)
    return found


def _by_makers_driver(ask: Asker) -> list[UncountedAdapter]:
    """
    A GPU that a driver outside of the kernel serves: ``Mali-G610 4 cores r0p0 0xA867``, ``Adreno740v2``.
    """
    mali = re.match(r"Mali-?\w{2,12}", ask.text(MALI) or "")
    adreno = re.match(r"(?i)Adreno\D{0,12}\d{3}", ask.text(ADRENO) or "")
    found = []
    if mali is not None:
        found.append(
            UncountedAdapter(name=f"Arm {mali[0]}", kind="slow-graphics", evidence=(f"read:{MALI}",))
        )
    if adreno is not None:
        number = adreno[0][-3:]
        found.append(
            UncountedAdapter(
                name=f"Qualcomm Adreno {number}", kind="opencl-graphics", evidence=(f"read:{ADRENO}",)
            )
        )
    return found


def _drivers(ask: Asker, folder: str, pattern: str) -> list[tuple[str, str]]:
    """
    The files of a class of devices that name a driver, with its name.
    """
    names = sorted(str(name) for name in items_of(ask.list(folder)))
    paths = [f"{folder}/{name}/device/uevent" for name in names if re.fullmatch(pattern, name)]
    read = ((path, re.search(r"(?m)^DRIVER=([\w-]{1,40})$", ask.text(path) or "")) for path in paths)
    return [(path, driver[1]) for path, driver in read if driver is not None]
