"""
A machine as metrics for Prometheus, read by Prometheus' own client.
"""

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from llmprobe.facts.machine import (
    Accelerator,
    EngineOnMachine,
    Host,
    Limit,
    LoadedModel,
    MemoryPool,
    Snapshot,
)
from llmprobe.output.metrics import to_metrics
from tests.machine_fixtures import MACHINES, replayed

GIB = 1 << 30
MACHINE = Snapshot(this_machine=False, host=Host(system="linux", machine="x86_64"))


def samples(snapshot: Snapshot) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """
    The samples of each metric by their labels; two of the same labels are an error.
    """
    read: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(to_metrics(snapshot)):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            labels = frozenset(sample.labels.items())
            assert labels not in read.setdefault(sample.name, {})
            read[sample.name][labels] = sample.value
    return read


def of(snapshot: Snapshot, metric: str, /, **labels: str) -> list[float]:
    """
    The values of a metric where these labels stand.
    """
    found = samples(snapshot).get(metric, {})
    return [value for have, value in found.items() if labels.items() <= dict(have).items()]


@pytest.mark.parametrize("machine", MACHINES)
def test_every_machine_is_read_by_the_client(machine: str) -> None:
    """
    Each pool has the figures of the document, and what is unknown has no sample.
    """
    snapshot = replayed(machine)
    for pool in snapshot.pools:
        for metric, value in (
            ("total", pool.total_bytes),
            ("free", pool.free_bytes),
            ("budget", pool.budget_bytes),
        ):
            known = [] if value is None else [float(value)]
            assert of(snapshot, f"llmprobe_memory_{metric}_bytes", pool=pool.id) == known
    for severity in ("error", "warning", "note"):
        count = sum(each.severity == severity for each in snapshot.findings)
        assert of(snapshot, "llmprobe_findings", severity=severity) == [count]


def test_devices_engines_and_models_have_labels() -> None:
    """
    A pool names the device that it belongs to, where that is one.
    """
    gpu = Accelerator(id="gpu0", vendor="nvidia", name="RTX 4090", backend="cuda", pools=("vram0",))
    off = Accelerator(id="gpu1", vendor="amd", name="Old", usable=False)
    limits = (Limit(by="in-use", bytes=GIB), Limit(by="in-use", bytes=GIB), Limit(by="display", bytes=3))
    pool = MemoryPool(
        id="vram0", kind="vram", total_bytes=24 * GIB, free_bytes=None, budget_bytes=20 * GIB, limits=limits
    )
    ollama = EngineOnMachine(
        name="ollama", running=True, loaded=(LoadedModel(name="qwen3:8b", size_bytes=6 * GIB, vram_bytes=0),)
    )
    found = msgspec.structs.replace(MACHINE, accelerators=(gpu, off), pools=(pool,), engines=(ollama,))

    assert of(found, "llmprobe_memory_budget_bytes", device="gpu0", name="RTX 4090") == [20 * GIB]
    assert of(found, "llmprobe_memory_free_bytes") == []
    assert of(found, "llmprobe_memory_limit_bytes", by="in-use") == [2 * GIB]
    assert (
        of(found, "llmprobe_device_usable", device="gpu0"),
        of(found, "llmprobe_device_usable", device="gpu1"),
    ) == (
        [1],
        [0],
    )
    assert of(found, "llmprobe_engine_up", engine="ollama") == [1]
    assert of(found, "llmprobe_loaded_model_bytes", model="qwen3:8b") == [6 * GIB]
    assert of(found, "llmprobe_loaded_model_vram_bytes", model="qwen3:8b") == [0]


@pytest.mark.parametrize("name", ['say "hi"', "back\\slash", "two\nlines", "\x1b[31mred", "\u202egnp.txt"])
def test_names_are_labels_and_nothing_more(name: str) -> None:
    """
    A model is named by whoever made it: a quote ends no label, and nothing turns the page around.
    """
    engine = EngineOnMachine(name="ollama", loaded=(LoadedModel(name=name, size_bytes=1),))
    found = msgspec.structs.replace(MACHINE, engines=(engine,))

    ((labels, value),) = samples(found)["llmprobe_loaded_model_bytes"].items()
    assert value == 1
    assert dict(labels)["model"].isprintable()
    assert to_metrics(found).isprintable() is False
    assert all(line.isprintable() for line in to_metrics(found).splitlines())
