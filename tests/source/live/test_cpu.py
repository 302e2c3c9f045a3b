"""
The processor under py-cpuinfo's keys, on the systems where it is asked for.
"""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.source.live import cpu

INTEL_MAC = {
    "machdep.cpu.brand_string": "Intel(R) Core(TM) i9-9980HK CPU @ 2.40GHz",
    "machdep.cpu.vendor": "GenuineIntel",
    "machdep.cpu.features": "FPU SSE4.2 AVX1.0 FMA",
    "machdep.cpu.leaf7_features": "AVX2 BMI2",
    "machdep.cpu.extfeatures": "SYSCALL FPU",
    "hw.logicalcpu": 16,
}
APPLE = {"machdep.cpu.brand_string": "Apple M1", "hw.logicalcpu": 8}


def sysctl(values: dict[str, Any]) -> Callable[[str], Answer]:
    return lambda name: Answer(value=values[name]) if name in values else Answer(status="missing")


def test_an_intel_mac_has_flags_and_a_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    """All three lists of flags are one, in small letters and each once, as py-cpuinfo gives them."""
    monkeypatch.setattr(cpu, "_SYSTEM", "darwin")

    assert cpu.ask(sysctl(INTEL_MAC)).value == {
        "brand_raw": "Intel(R) Core(TM) i9-9980HK CPU @ 2.40GHz",
        "vendor_id_raw": "GenuineIntel",
        "count": 16,
        "flags": ["avx1.0", "avx2", "bmi2", "fma", "fpu", "sse4.2", "syscall"],
    }


def test_what_a_mac_does_not_know_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apple's chips have neither vendor nor flags there."""
    monkeypatch.setattr(cpu, "_SYSTEM", "darwin")

    assert cpu.ask(sysctl(APPLE)).value == {"brand_raw": "Apple M1", "count": 8}


def test_sysctl_that_hangs_is_no_processor_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer is the answer."""
    monkeypatch.setattr(cpu, "_SYSTEM", "darwin")

    assert cpu.ask(lambda _: Answer(status="timeout")).status == "timeout"


def windows(monkeypatch: pytest.MonkeyPatch, read: Callable[[], dict[str, Any]]) -> Answer:
    """
    What is answered on Windows, where py-cpuinfo's reader of the registry is ``read``.
    """
    library = SimpleNamespace(_get_cpu_info_from_registry=read, DataSource=SimpleNamespace(cpu_count=24))
    monkeypatch.setattr(cpu, "_SYSTEM", "win32")
    monkeypatch.setitem(sys.modules, "cpuinfo", SimpleNamespace(cpuinfo=library))
    return cpu.ask(sysctl({}))


def test_windows_reads_its_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs of numbers come as lists, as JSON has them, and the count of processors beside."""
    answer = windows(monkeypatch, lambda: {"brand_raw": "Core i7-13700F", "hz_actual": (2100000000, 0)})

    assert answer.value == {"brand_raw": "Core i7-13700F", "hz_actual": [2100000000, 0], "count": 24}


def test_a_reader_that_fails_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version of the library with another inside, or a registry that is closed, ends nothing."""

    def read() -> dict[str, Any]:
        raise OSError("access is denied")

    answer = windows(monkeypatch, read)

    assert (answer.status, answer.detail) == ("failed", "OSError: access is denied")


def test_other_systems_say_that_they_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no claim about their processor."""
    monkeypatch.setattr(cpu, "_SYSTEM", "freebsd14")

    assert cpu.ask(sysctl({})) == Answer(status="missing", detail="py-cpuinfo is not asked on freebsd14")
