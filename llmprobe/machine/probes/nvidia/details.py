"""
What NVML says of a device beside who it is and what memory it has: its link, power, modes, and what slows it.

Nothing here decides whether a device can be used; rules need it. Each answer may be missing, and then it is left
out. Facts are kept by the device's own index as text, which no numbering changes.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from llmprobe.facts.machine import Observation
from llmprobe.machine.asking import as_int, fields_of, items_of
from llmprobe.machine.probes.nvidia.asking import Careful
from llmprobe.machine.probes.nvidia.device import ADDRESSING, Found, ask_addressing

KIB = 1024
_BRANDS = {
    1: "Quadro",
    2: "Tesla",
    3: "NVS",
    4: "GRID",
    5: "GeForce",
    6: "Titan",
    12: "Quadro RTX",
    13: "NVIDIA RTX",
    14: "NVIDIA",
    15: "GeForce RTX",
    16: "Titan RTX",
}
_VIRTUALIZATION = {0: "none", 1: "passthrough", 2: "vgpu-guest", 3: "vgpu-host", 4: "vsga-host"}
_DRIVER_MODELS = {0: "wddm", 1: "tcc", 2: "mcdm"}
_SLOWED_BY = {
    0x4: "power-limit",
    0x8: "hardware",
    0x20: "temperature",
    0x40: "temperature-hardware",
    0x80: "power-brake",
}
_NO_NODE = 0xFFFFFFFF


class _Topic(msgspec.Struct, frozen=True):
    """
    One observation: its name, who asks for its value of one device, and the questions that may be its evidence.
    """

    name: str
    ask: Callable[[Careful, str], Any]
    functions: tuple[str, ...]
    system: str | None = None


def observe(ask: Careful, found: list[Found]) -> tuple[Observation, ...]:
    """
    Return what the devices that can be reached say, topic by topic; a device that gets lost is asked no more.
    """
    handles = sorted({each.slot for each in found if each.reachable and each.accelerator.index is not None})
    values: dict[str, dict[str, Any]] = {topic.name: {} for topic in _TOPICS}
    for handle in map(str, handles):
        for topic in _TOPICS:
            if topic.system in (None, ask.platform.system) and ask.lost(handle) is None:
                value = topic.ask(ask, handle)
                if value is not None and value != {}:
                    values[topic.name][handle] = value
    seen = []
    for topic in _TOPICS:
        by_index = values[topic.name]
        if by_index:
            names = [f"nvml:{function} {handle}" for handle in by_index for function in topic.functions]
            names += [f"nvml:{function} {handle} 0" for handle in by_index for function in topic.functions]
            seen.append(Observation(name=topic.name, value=by_index, evidence=ask.answered(*names)))
    return tuple(seen)


def _addressing(ask: Careful, handle: str) -> str | None:
    mode = ask_addressing(ask, handle)
    return None if mode is None else ADDRESSING.get(mode)


def _board(ask: Careful, handle: str) -> dict[str, Any]:
    brand = _word(_BRANDS, ask.nvml("nvmlDeviceGetBrand", handle).value)
    minor = as_int(ask.nvml("nvmlDeviceGetMinorNumber", handle).value)
    return _known({"brand": brand, "minor": minor})


def _ecc(ask: Careful, handle: str) -> bool | None:
    modes = items_of(ask.nvml("nvmlDeviceGetEccMode", handle))
    return bool(modes[0]) if modes else None


def _bar1(ask: Careful, handle: str) -> int | None:
    return as_int(fields_of(ask.nvml("nvmlDeviceGetBAR1MemoryInfo", handle)).get("bar1Total"))


def _pcie(ask: Careful, handle: str) -> dict[str, Any]:
    questions = {
        "generation": "nvmlDeviceGetCurrPcieLinkGeneration",
        "max_generation": "nvmlDeviceGetMaxPcieLinkGeneration",
        "device_max_generation": "nvmlDeviceGetGpuMaxPcieLinkGeneration",
        "width": "nvmlDeviceGetCurrPcieLinkWidth",
        "max_width": "nvmlDeviceGetMaxPcieLinkWidth",
        "performance_state": "nvmlDeviceGetPerformanceState",
    }
    return _known({name: as_int(ask.nvml(function, handle).value) for name, function in questions.items()})


def _power(ask: Careful, handle: str) -> dict[str, Any]:
    return _known(
        {
            "limit_milliwatts": as_int(ask.nvml("nvmlDeviceGetEnforcedPowerLimit", handle).value),
            "default_milliwatts": as_int(ask.nvml("nvmlDeviceGetPowerManagementDefaultLimit", handle).value),
        }
    )


def _slowed(ask: Careful, handle: str) -> dict[str, Any]:
    answer = ask.nvml("nvmlDeviceGetCurrentClocksEventReasons", handle)
    if answer.status == "missing":
        answer = ask.nvml("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
    mask = as_int(answer.value) if answer.ok else None
    temperature = as_int(ask.nvml("nvmlDeviceGetTemperature", handle, 0).value)
    by = None if mask is None else [word for bit, word in _SLOWED_BY.items() if mask & bit]
    return _known({"by": by, "celsius": temperature})


def _virtualization(ask: Careful, handle: str) -> str | None:
    word = _word(_VIRTUALIZATION, ask.nvml("nvmlDeviceGetVirtualizationMode", handle).value)
    return None if word == "none" else word


def _licence(ask: Careful, handle: str) -> bool | None:
    """
    Return whether a vGPU guest has its licence. Other devices are not asked.
    """
    if _virtualization(ask, handle) != "vgpu-guest":
        return None
    answer = fields_of(ask.nvml("nvmlDeviceGetGridLicensableFeatures_v4", handle))
    features = answer.get("gridLicensableFeatures")
    states = [each.get("featureState") for each in features or () if isinstance(each, dict)]
    count = as_int(answer.get("licensableFeaturesCount")) or 0
    return any(states[:count]) if states[:count] else None


def _persistence(ask: Careful, handle: str) -> bool | None:
    mode = as_int(ask.nvml("nvmlDeviceGetPersistenceMode", handle).value)
    return None if mode is None else bool(mode)


def _driver_model(ask: Careful, handle: str) -> str | None:
    answer = ask.nvml("nvmlDeviceGetDriverModel_v2", handle)
    if answer.status == "missing":
        answer = ask.nvml("nvmlDeviceGetDriverModel", handle)
    models = items_of(answer)
    return _word(_DRIVER_MODELS, models[0]) if models else None


def _numa_node(ask: Careful, handle: str) -> int | None:
    node = as_int(ask.nvml("nvmlDeviceGetNumaNodeId", handle).value)
    return None if node == _NO_NODE else node


def _protected(ask: Careful, handle: str) -> int | None:
    size = as_int(
        fields_of(ask.nvml("nvmlDeviceGetConfComputeMemSizeInfo", handle)).get("protectedMemSizeKib")
    )
    return size * KIB if size else None


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _word(words: dict[int, str], value: Any) -> str | None:
    number = as_int(value)
    return None if number is None else words.get(number)


_TOPICS = (
    _Topic("nvidia.board", _board, ("nvmlDeviceGetBrand", "nvmlDeviceGetMinorNumber")),
    _Topic("nvidia.bar1_bytes", _bar1, ("nvmlDeviceGetBAR1MemoryInfo",)),
    _Topic("nvidia.ecc", _ecc, ("nvmlDeviceGetEccMode",)),
    _Topic("nvidia.addressing", _addressing, ("nvmlDeviceGetAddressingMode",)),
    _Topic("nvidia.memory_node", _numa_node, ("nvmlDeviceGetNumaNodeId",)),
    _Topic(
        "nvidia.pcie",
        _pcie,
        (
            "nvmlDeviceGetCurrPcieLinkWidth",
            "nvmlDeviceGetMaxPcieLinkWidth",
            "nvmlDeviceGetMaxPcieLinkGeneration",
            "nvmlDeviceGetGpuMaxPcieLinkGeneration",
        ),
    ),
    _Topic(
        "nvidia.power",
        _power,
        ("nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetPowerManagementDefaultLimit"),
    ),
    _Topic(
        "nvidia.slowed",
        _slowed,
        (
            "nvmlDeviceGetCurrentClocksEventReasons",
            "nvmlDeviceGetCurrentClocksThrottleReasons",
            "nvmlDeviceGetTemperature",
        ),
    ),
    _Topic("nvidia.virtualization", _virtualization, ("nvmlDeviceGetVirtualizationMode",)),
    _Topic("nvidia.licensed", _licence, ("nvmlDeviceGetGridLicensableFeatures_v4",)),
    _Topic("nvidia.persistence", _persistence, ("nvmlDeviceGetPersistenceMode",), "linux"),
    _Topic(
        "nvidia.driver_model",
        _driver_model,
        ("nvmlDeviceGetDriverModel_v2", "nvmlDeviceGetDriverModel"),
        "win32",
    ),
    _Topic("nvidia.protected_bytes", _protected, ("nvmlDeviceGetConfComputeMemSizeInfo",)),
)
