"""
Properties of a device that NVML reports beside its identity and its memory: link, window, power, clocks, modes.

None of them decides whether a device can be used; rules need them. Each answer may be missing.
"""

from typing import Any, Literal, TypeVar

import msgspec

from llmprobe.facts.answer import Answer
from llmprobe.facts.asking import question_name
from llmprobe.facts.machine import Link, Power, Throttle, ThrottleReason, Window
from llmprobe.facts.nvidia import NvidiaDevice
from llmprobe.machine.asking import as_int, listed
from llmprobe.machine.pcie import pcie_link
from llmprobe.machine.probes.nvidia.asking import Careful
from llmprobe.machine.probes.nvidia.device import ADDRESSING, Found, addressing_of, version_of

T = TypeVar("T")

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
_VIRTUALIZATION: dict[int, Literal["passthrough", "vgpu-guest", "vgpu-host", "vsga-host"]] = {
    1: "passthrough",
    2: "vgpu-guest",
    3: "vgpu-host",
    4: "vsga-host",
}
_DRIVER_MODELS: dict[int, Literal["wddm", "tcc", "mcdm"]] = {0: "wddm", 1: "tcc", 2: "mcdm"}
_REASONS: dict[int, ThrottleReason] = {
    0x4: "power-limit",
    0x8: "hardware",
    0x20: "temperature",
    0x40: "temperature-hardware",
    0x80: "power-brake",
}
_LINK = {
    "generation": "nvmlDeviceGetCurrPcieLinkGeneration",
    "max_generation": "nvmlDeviceGetMaxPcieLinkGeneration",
    "device_max_generation": "nvmlDeviceGetGpuMaxPcieLinkGeneration",
    "width": "nvmlDeviceGetCurrPcieLinkWidth",
    "max_width": "nvmlDeviceGetMaxPcieLinkWidth",
}
_LIMIT = "nvmlDeviceGetEnforcedPowerLimit"
_DEFAULT_LIMIT = "nvmlDeviceGetPowerManagementDefaultLimit"
_LIMITS = "nvmlDeviceGetPowerManagementLimitConstraints"
_DRAW = "nvmlDeviceGetPowerUsage"
_THROTTLE = ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
_DRIVER_MODEL = ("nvmlDeviceGetDriverModel_v2", "nvmlDeviceGetDriverModel")
_MISSING_NODE = 0xFFFFFFFF
_FIRST_RESIZABLE = (8, 0)
"""Cards before Ampere have a small window whatever the firmware allows."""


class _Questions:
    """
    The questions about one device, and the names of those since the last ``cite``.
    """

    def __init__(self, ask: Careful, handle: str) -> None:
        self.ask = ask
        self.handle = handle
        self._names: list[str] = []

    def value(self, function: str, *args: int) -> Any:
        """
        The value of an answer, None where it is not ok.
        """
        return self._answer(function, *args).value

    def number(self, function: str, *args: int) -> int | None:
        """
        The whole number that an answer is, None for anything else.
        """
        return as_int(self.value(function, *args))

    def newest(self, functions: tuple[str, str]) -> Any:
        """
        The value of the newer of two functions, or of the older where this driver lacks the newer.
        """
        answer = self._answer(functions[0])
        return self.value(functions[1]) if answer.status == "missing" else answer.value

    def cite(self) -> tuple[str, ...]:
        """
        The names of the questions that were asked since the last call.
        """
        names, self._names = self._names, []
        return self.ask.answered(*names)

    def _answer(self, function: str, *args: int) -> Answer:
        self._names.append(question_name("nvml", (function, self.handle, *map(str, args))))
        answer = self.ask.nvml(function, self.handle, *args)
        return answer if answer.ok else Answer(status=answer.status)


class _Details(msgspec.Struct, frozen=True, kw_only=True):
    """
    The properties of a physical device that devices of other vendors have too, and the answers behind each.
    """

    window: Window | None
    ecc: bool | None
    link: Link | None
    power: Power | None
    throttle: Throttle | None
    driver_model: Literal["wddm", "tcc", "mcdm"] | None
    cited: dict[str, tuple[str, ...]]


def with_details(ask: Careful, found: list[Found]) -> tuple[list[Found], tuple[NvidiaDevice, ...]]:
    """
    The devices with their properties, and beside them those that only NVIDIA's devices have.

    Devices out of reach are not asked. The instances of a divided device have the properties of the whole.
    """
    details: dict[int, _Details] = {}
    own: list[NvidiaDevice] = []
    slots = {each.slot: each for each in found if each.reachable and each.accelerator.index is not None}
    for slot, each in sorted(slots.items()):
        if ask.lost(str(slot)) is None:
            questions = _Questions(ask, str(slot))
            own.append(_own(questions, slot))
            details[slot] = _details(questions, each.accelerator.compute_capability)
    return [_with(each, details.get(each.slot)) for each in found], tuple(own)


def _with(found: Found, details: _Details | None) -> Found:
    if details is None or found.accelerator.index is None:
        return found
    accelerator = msgspec.structs.replace(
        found.accelerator,
        window=details.window,
        ecc=details.ecc,
        link=details.link,
        power=details.power,
        throttle=details.throttle,
        driver_model=details.driver_model,
        cited={**found.accelerator.cited, **details.cited},
    )
    return msgspec.structs.replace(found, accelerator=accelerator)


def _details(questions: _Questions, compute_capability: str | None) -> _Details:
    cited: dict[str, tuple[str, ...]] = {}

    def known(field: str, value: T | None) -> T | None:
        evidence = questions.cite()
        if value is not None:
            cited[field] = evidence
        return value

    windows = questions.ask.platform.system == "win32"
    return _Details(
        window=known("window", _window(questions, compute_capability)),
        ecc=known("ecc", _first_flag(questions.value("nvmlDeviceGetEccMode"))),
        link=known(
            "link", pcie_link(**{name: questions.number(function) for name, function in _LINK.items()})
        ),
        power=known("power", _power(questions)),
        throttle=known("throttle", _throttle(questions)),
        driver_model=known("driver_model", _driver_model(questions)) if windows else None,
        cited=cited,
    )


def _own(questions: _Questions, index: int) -> NvidiaDevice:
    """
    The properties that only NVIDIA's devices have.
    """
    number = questions.number
    mode = addressing_of(questions.value("nvmlDeviceGetAddressingMode"))
    virtualization = _VIRTUALIZATION.get(number("nvmlDeviceGetVirtualizationMode") or 0)
    node = number("nvmlDeviceGetNumaNodeId")
    linux = questions.ask.platform.system == "linux"
    protected = _field(questions.value("nvmlDeviceGetConfComputeMemSizeInfo"), "protectedMemSizeKib")
    return NvidiaDevice(
        index=index,
        brand=_BRANDS.get(number("nvmlDeviceGetBrand") or 0),
        minor=number("nvmlDeviceGetMinorNumber"),
        addressing=None if mode is None else ADDRESSING.get(mode),
        memory_node=None if node == _MISSING_NODE else node,
        performance_state=number("nvmlDeviceGetPerformanceState"),
        virtualization=virtualization,
        licensed=_licensed(questions) if virtualization == "vgpu-guest" else None,
        persistence=_flag(number("nvmlDeviceGetPersistenceMode")) if linux else None,
        protected_bytes=protected * KIB if protected else None,
        evidence=questions.cite(),
    )


def _window(questions: _Questions, compute_capability: str | None) -> Window | None:
    size = _field(questions.value("nvmlDeviceGetBAR1MemoryInfo"), "bar1Total")
    if size is None:
        return None
    resizable = version_of(compute_capability) >= _FIRST_RESIZABLE
    return Window(visible_bytes=size, resizable=resizable, slows="sharing")


def _power(questions: _Questions) -> Power | None:
    limit, usual = _watts(questions.number(_LIMIT)), _watts(questions.number(_DEFAULT_LIMIT))
    limits = questions.value(_LIMITS)
    most = _watts(as_int(limits[1])) if isinstance(limits, list) and len(limits) == 2 else None
    draw = _watts(questions.number(_DRAW))
    if all(value is None for value in (limit, usual, most, draw)):
        return None
    return Power(limit_watts=limit, default_watts=usual, max_watts=most, draw_watts=draw)


def _throttle(questions: _Questions) -> Throttle | None:
    mask = as_int(questions.newest(_THROTTLE))
    celsius = questions.number("nvmlDeviceGetTemperature", 0)
    if mask is None and celsius is None:
        return None
    reasons = None if mask is None else tuple(word for bit, word in _REASONS.items() if mask & bit)
    return Throttle(reasons=reasons, celsius=celsius)


def _driver_model(questions: _Questions) -> Literal["wddm", "tcc", "mcdm"] | None:
    models = questions.newest(_DRIVER_MODEL)
    number = as_int(models[0]) if isinstance(models, list) and models else None
    return None if number is None else _DRIVER_MODELS.get(number)


def _licensed(questions: _Questions) -> bool | None:
    """
    Whether a vGPU guest has a licence for any of its features.
    """
    answer = questions.value("nvmlDeviceGetGridLicensableFeatures_v4")
    features = listed(answer.get("gridLicensableFeatures")) if isinstance(answer, dict) else []
    states = [each.get("featureState") for each in features if isinstance(each, dict)]
    count = _field(answer, "licensableFeaturesCount") or 0
    return any(states[:count]) if states[:count] else None


def _first_flag(modes: Any) -> bool | None:
    """
    The mode now, of a pair of the mode now and after the next start.
    """
    return bool(modes[0]) if isinstance(modes, list) and modes else None


def _flag(number: int | None) -> bool | None:
    return None if number is None else bool(number)


def _field(answer: Any, name: str) -> int | None:
    return as_int(answer.get(name)) if isinstance(answer, dict) else None


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000
