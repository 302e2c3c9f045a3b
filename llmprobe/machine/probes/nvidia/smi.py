"""
The output of ``nvidia-smi -q -x`` as the answers that NVML would give: for where the library cannot be loaded.

The command has NVML linked in by its own path, so that it works where a Python in a container, a snap or an odd
environment does not find the library. Its sizes are rounded to MiB, it has no bus width and no compute capability,
and it names MIG instances by their place only. https://docs.nvidia.com/deploy/nvidia-smi/
"""

import re
from typing import TYPE_CHECKING, Any

from llmprobe.facts.answer import Answer, Source
from llmprobe.facts.asking import Relay, pass_on
from llmprobe.units import MIB, whole_number

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

COMMAND = ("nvidia-smi", "-q", "-x")
TIMEOUT_S = 5.0
EVIDENCE = f"run:{' '.join(COMMAND)}"
_MEMORY_CLOCK = 2
_NUMBER = r"\d{1,15}(?:\.\d+)?"
_LOST = r"(?i)GPU is lost"
_UNSUPPORTED = Answer(status="missing", code=3, detail="not in the output of nvidia-smi")
_GONE = Answer(status="failed", code=15, detail="GPU is lost")
_COMPUTE_MODES = {"default": 0, "exclusive_thread": 1, "prohibited": 2, "exclusive_process": 3}
_ENABLED = {"disabled": 0, "enabled": 1}
_ADDRESSING = {"none": 0, "hmm": 1, "ats": 2}
_VIRTUALIZATION = {"none": 0, "pass-through": 1, "vgpu": 2, "host vgpu": 3, "host vsga": 4}
_REASONS = {
    "sw_power_cap": 0x4,
    "hw_slowdown": 0x8,
    "sw_thermal_slowdown": 0x20,
    "hw_thermal_slowdown": 0x40,
    "hw_power_brake_slowdown": 0x80,
}

Answers = dict[tuple[str, ...], Answer]


class Smi(Relay):
    """
    Another source whose NVML questions are answered by what the command printed.
    """

    def __init__(self, source: Source, answers: Answers) -> None:
        super().__init__(source)
        self._answers = answers

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        if method == "nvml":
            return self._answers.get(args, _UNSUPPORTED)
        return pass_on(self._source, method, args, timeout_s)


def parse_smi_xml(text: str) -> Answers | None:
    """
    The answers by question (function, handle, further arguments), None where the text is no such XML.
    """
    from xml.etree import ElementTree

    try:
        log = ElementTree.fromstring(text)  # noqa: S314 - a local command's; expat bounds what entities may become
    except (ElementTree.ParseError, ValueError):
        return None
    devices = log.findall("gpu")
    if log.tag != "nvidia_smi_log" or not devices:
        return None
    answers: Answers = {("nvmlDeviceGetCount_v2", ""): Answer(value=len(devices))}
    _put(answers, "nvmlSystemGetDriverVersion", "", _text(log, "driver_version"))
    cuda = re.match(_NUMBER, _text(log, "cuda_version") or "")
    if cuda is not None:
        major, _, minor = cuda.group().partition(".")
        answers["nvmlSystemGetCudaDriverVersion_v2", ""] = Answer(
            value=int(major) * 1000 + int(minor or 0) * 10
        )
    for index, device in enumerate(devices):
        _device(answers, str(index), device)
    return answers


def _device(answers: Answers, handle: str, device: "Element") -> None:
    if any(re.search(_LOST, part) for part in device.itertext()):
        answers["nvmlDeviceGetHandleByIndex_v2", handle] = _GONE
        return
    answers["nvmlDeviceGetHandleByIndex_v2", handle] = Answer(value=True)
    _put(answers, "nvmlDeviceGetName", handle, _text(device, "product_name"))
    _put(answers, "nvmlDeviceGetUUID", handle, _text(device, "uuid"))
    bus = device.get("id") or _text(device, "pci/pci_bus_id")
    _put(answers, "nvmlDeviceGetPciInfo_v3", handle, {"busId": bus} if bus else None)
    _put(answers, "nvmlDeviceGetMinorNumber", handle, _number(device, "minor_number"))
    _memory(answers, handle, device)
    bar1 = _size(device, "bar1_memory_usage/total")
    _put(answers, "nvmlDeviceGetBAR1MemoryInfo", handle, {"bar1Total": bar1} if bar1 else None)
    _put(answers, "nvmlDeviceGetComputeMode", handle, _word(device, "compute_mode", _COMPUTE_MODES))
    _put(answers, "nvmlDeviceGetDisplayActive", handle, _word(device, "display_active", _ENABLED))
    _put(answers, "nvmlDeviceGetPersistenceMode", handle, _word(device, "persistence_mode", _ENABLED))
    _put(answers, "nvmlDeviceGetAddressingMode", handle, _word(device, "addressing_mode", _ADDRESSING))
    virtual = _word(device, "gpu_virtualization_mode/virtualization_mode", _VIRTUALIZATION)
    _put(answers, "nvmlDeviceGetVirtualizationMode", handle, virtual)
    ecc = _word(device, "ecc_mode/current_ecc", _ENABLED)
    _put(answers, "nvmlDeviceGetEccMode", handle, None if ecc is None else [ecc, ecc])
    clock = _number(device, "max_clocks/mem_clock")
    _put(answers, "nvmlDeviceGetMaxClockInfo", handle, clock, str(_MEMORY_CLOCK))
    _link(answers, handle, device)
    _power(answers, handle, device)
    _processes(answers, handle, device)
    _instances(answers, handle, device)


def _memory(answers: Answers, handle: str, device: "Element") -> None:
    sizes = {name: _size(device, f"fb_memory_usage/{name}") for name in ("total", "reserved", "used", "free")}
    known = {name: size for name, size in sizes.items() if size is not None}
    _put(answers, "nvmlDeviceGetMemoryInfo_v2", handle, known or None)


def _link(answers: Answers, handle: str, device: "Element") -> None:
    link = "pci/pci_gpu_link_info"
    for function, path in (
        ("nvmlDeviceGetCurrPcieLinkGeneration", "pcie_gen/current_link_gen"),
        ("nvmlDeviceGetMaxPcieLinkGeneration", "pcie_gen/max_link_gen"),
        ("nvmlDeviceGetGpuMaxPcieLinkGeneration", "pcie_gen/max_device_link_gen"),
        ("nvmlDeviceGetCurrPcieLinkWidth", "link_widths/current_link_width"),
        ("nvmlDeviceGetMaxPcieLinkWidth", "link_widths/max_link_width"),
    ):
        _put(answers, function, handle, _number(device, f"{link}/{path}"))
    state = (_text(device, "performance_state") or "").removeprefix("P")
    _put(answers, "nvmlDeviceGetPerformanceState", handle, whole_number(state))


def _power(answers: Answers, handle: str, device: "Element") -> None:
    limit = _milliwatts(device, "current_power_limit", "enforced_power_limit", "power_limit")
    _put(answers, "nvmlDeviceGetEnforcedPowerLimit", handle, limit)
    usual = _milliwatts(device, "default_power_limit")
    _put(answers, "nvmlDeviceGetPowerManagementDefaultLimit", handle, usual)
    most = _milliwatts(device, "max_power_limit")
    limits = None if most is None else [_milliwatts(device, "min_power_limit"), most]
    _put(answers, "nvmlDeviceGetPowerManagementLimitConstraints", handle, limits)
    draw = _milliwatts(device, "average_power_draw", "power_draw", "instant_power_draw")
    _put(answers, "nvmlDeviceGetPowerUsage", handle, draw)
    for home in ("clocks_event_reasons", "clocks_throttle_reasons"):
        reasons = device.find(home)
        if reasons is not None:
            active = [each.tag for each in reasons if (each.text or "").strip() == "Active"]
            mask = sum(bit for word, bit in _REASONS.items() if any(tag.endswith(word) for tag in active))
            _put(answers, "nvmlDeviceGetCurrentClocksEventReasons", handle, mask)
    _put(answers, "nvmlDeviceGetTemperature", handle, _number(device, "temperature/gpu_temp"), "0")


def _processes(answers: Answers, handle: str, device: "Element") -> None:
    lists: dict[str, list[dict[str, Any]]] = {"C": [], "G": []}
    for process in device.findall("processes/process_info"):
        entry = {"pid": _number(process, "pid"), "usedGpuMemory": _size(process, "used_memory")}
        for kind, listed in lists.items():
            if kind in (_text(process, "type") or ""):
                listed.append(entry)
    for kind, function in (("C", "Compute"), ("G", "Graphics")):
        answers[f"nvmlDeviceGet{function}RunningProcesses_v3", handle] = Answer(value=lists[kind])


def _instances(answers: Answers, handle: str, device: "Element") -> None:
    mode = _word(device, "mig_mode/current_mig", _ENABLED)
    _put(answers, "nvmlDeviceGetMigMode", handle, None if mode is None else [mode, mode])
    for instance in device.findall("mig_devices/mig_device"):
        place = _number(instance, "index")
        if place is None:
            continue
        inner = f"{handle}/{place}"
        answers["nvmlDeviceGetMigDeviceHandleByIndex", inner] = Answer(value=True)
        _put(answers, "nvmlDeviceGetUUID", inner, _text(instance, "uuid"))
        _put(answers, "nvmlDeviceGetGpuInstanceId", inner, _number(instance, "gpu_instance_id"))
        _put(answers, "nvmlDeviceGetComputeInstanceId", inner, _number(instance, "compute_instance_id"))
        _memory(answers, inner, instance)


def _put(answers: Answers, function: str, handle: str, value: Any, *more: str) -> None:
    if value is not None:
        answers[(function, handle, *more)] = Answer(value=value)


def _text(element: "Element", path: str) -> str | None:
    """
    The text of a part, None where it is missing or ``N/A``.
    """
    text = (element.findtext(path) or "").strip()
    return text if text and "N/A" not in text and text != "Not Supported" else None


def _number(element: "Element", path: str) -> int | None:
    match = re.match(_NUMBER, _text(element, path) or "")
    return int(float(match.group())) if match is not None else None


def _milliwatts(device: "Element", *names: str) -> int | None:
    """
    The first figure that there is under these names, which drivers have changed; ``300.00 W`` in milliwatts.
    """
    for home in ("gpu_power_readings", "power_readings"):
        for name in names:
            match = re.match(_NUMBER, _text(device, f"{home}/{name}") or "")
            if match is not None:
                return round(float(match.group()) * 1000)
    return None


def _size(element: "Element", path: str) -> int | None:
    """
    The bytes of ``24564 MiB``; any other unit is unknown.
    """
    text = _text(element, path) or ""
    number = _number(element, path)
    return number * MIB if number is not None and text.endswith("MiB") else None


def _word(element: "Element", path: str, words: dict[str, int]) -> int | None:
    return words.get((_text(element, path) or "").lower())
