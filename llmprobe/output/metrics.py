"""
A machine as metrics for Prometheus, in its text format.

https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4). What is unknown has no sample: a gap,
never a zero. Labels hold names that files and programs of the machine chose: nothing in them commands a terminal.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from llmprobe._version import __version__
from llmprobe.facts.machine import Accelerator, EngineOnMachine, MemoryPool, Snapshot
from llmprobe.harmless import harmless

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SEVERITIES = ("error", "warning", "note")

_Sample = tuple[Mapping[str, str | None], int | float | None]


def to_metrics(snapshot: Snapshot) -> str:
    """
    The text of all metrics of a machine, the same for the same snapshot.
    """
    return "".join(_lines(snapshot))


def _lines(snapshot: Snapshot) -> Iterator[str]:
    yield from _gauge("llmprobe_info", "The version of llmprobe.", [({"version": __version__}, 1)])
    yield from _of_memory(snapshot)
    yield from _of_devices(snapshot.accelerators)
    yield from _of_engines(snapshot.engines)
    yield from _of_findings(snapshot)
    yield from _gauge(
        "llmprobe_source_answered",
        "Whether a source answered in full, or is one that this machine does not have (1), or not (0).",
        (({"source": each.name}, int(each.status in ("ok", "absent"))) for each in snapshot.sources),
    )


def _of_memory(snapshot: Snapshot) -> Iterator[str]:
    pools = tuple((_of_pool(snapshot, pool), pool) for pool in snapshot.pools)
    yield from _gauge(
        "llmprobe_memory_total_bytes",
        "All memory of a pool.",
        ((labels, pool.total_bytes) for labels, pool in pools),
    )
    yield from _gauge(
        "llmprobe_memory_free_bytes",
        "What anyone may allocate of a pool now.",
        ((labels, pool.free_bytes) for labels, pool in pools),
    )
    yield from _gauge(
        "llmprobe_memory_budget_bytes",
        "How many more bytes a model may take of a pool now.",
        ((labels, pool.budget_bytes) for labels, pool in pools),
    )
    yield from _gauge(
        "llmprobe_memory_limit_bytes",
        "What a reduction takes of a pool's memory, by its kind.",
        (
            ({**labels, "by": kind}, sum(limit.bytes for limit in pool.limits if limit.by == kind))
            for labels, pool in pools
            for kind in sorted({limit.by for limit in pool.limits})
        ),
    )


def _of_devices(devices: Sequence[Accelerator]) -> Iterator[str]:
    yield from _gauge(
        "llmprobe_device_usable",
        "Whether models can run on a device (1) or not (0).",
        (
            (
                {"device": each.id, "vendor": each.vendor, "name": each.name, "backend": each.backend},
                int(each.usable),
            )
            for each in devices
        ),
    )
    yield from _gauge(
        "llmprobe_device_temperature_celsius",
        "The temperature of a device.",
        (({"device": each.id}, each.throttle.celsius) for each in devices if each.throttle),
    )
    yield from _gauge(
        "llmprobe_device_power_watts",
        "What a device draws now.",
        (({"device": each.id}, each.power.draw_watts) for each in devices if each.power),
    )


def _of_engines(engines: Sequence[EngineOnMachine]) -> Iterator[str]:
    yield from _gauge(
        "llmprobe_engine_up",
        "Whether an engine answers (1) or is not running (0).",
        (
            (
                {"engine": each.name, "version": each.version},
                None if each.running is None else int(each.running),
            )
            for each in engines
        ),
    )
    loaded = [(engine.name, model) for engine in engines for model in engine.loaded]
    yield from _gauge(
        "llmprobe_loaded_model_bytes",
        "The memory of a model that an engine has loaded.",
        (({"engine": engine, "model": model.name}, model.size_bytes) for engine, model in loaded),
    )
    yield from _gauge(
        "llmprobe_loaded_model_vram_bytes",
        "The part of a loaded model that lies on GPUs.",
        (({"engine": engine, "model": model.name}, model.vram_bytes) for engine, model in loaded),
    )


def _of_findings(snapshot: Snapshot) -> Iterator[str]:
    yield from _gauge(
        "llmprobe_findings",
        "How many findings there are, by severity.",
        (
            ({"severity": severity}, sum(each.severity == severity for each in snapshot.findings))
            for severity in _SEVERITIES
        ),
    )
    yield from _gauge(
        "llmprobe_finding",
        "A finding that is made now.",
        (({"id": name, "severity": severity}, 1) for name, severity in _named_findings(snapshot)),
    )


def _named_findings(snapshot: Snapshot) -> list[tuple[str, str]]:
    """
    Each finding once, however many devices it is about: two samples of the same labels are an error.
    """
    return list(dict.fromkeys((each.id, each.severity) for each in snapshot.findings))


def _of_pool(snapshot: Snapshot, pool: MemoryPool) -> dict[str, str | None]:
    devices = [each for each in snapshot.accelerators if pool.id in each.pools]
    own = devices[0] if len(devices) == 1 else None
    return {
        "pool": pool.id,
        "kind": pool.kind,
        "device": own.id if own is not None else None,
        "name": own.name if own is not None else None,
    }


def _gauge(name: str, what: str, samples: Iterable[_Sample]) -> Iterator[str]:
    known = [(labels, value) for labels, value in samples if value is not None]
    if not known:
        return
    yield f"# HELP {name} {what}\n# TYPE {name} gauge\n"
    for labels, value in known:
        written = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items() if text is not None)
        yield f"{name}{{{written}}} {value}\n" if written else f"{name} {value}\n"


def _escaped(text: str) -> str:
    """
    A label's value: backslash, quote and line feed have escapes of their own.
    """
    return harmless(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
