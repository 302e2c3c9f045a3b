"""
Each condition of the rules about engines by itself.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import (
    EngineOnMachine,
    LoadedModel,
    ModelOnDisk,
)
from llmprobe.words.message import message
from tests.machine.fake import GIB
from tests.machine.rules.records import (
    ASKED,
    card,
    commands,
    found,
    machine,
    only,
    pool,
    severity,
)


def holding(**fields: Any) -> EngineOnMachine:
    return EngineOnMachine(name="ollama", evidence=ASKED, loaded=(LoadedModel(**({"name": "m"} | fields)),))


@pytest.mark.parametrize(
    ("pools", "model", "expected"),
    [
        ((pool("ram", 64), pool(gib=10)), {"vram_bytes": GIB}, ("warning", "detail-gpu")),
        ((pool("ram", 64), pool(gib=10)), {"vram_bytes": GIB - 1}, ("note", "detail-gpu")),
        ((pool("ram", 10),), {"size_bytes": GIB}, ("warning", "detail")),
        ((pool("ram", 64), pool(gib=None)), {"size_bytes": 7 * GIB, "vram_bytes": 0}, ("warning", "detail")),
        ((pool("ram", None),), {"size_bytes": GIB}, ("note", "detail")),
        ((), {"size_bytes": GIB}, ("note", "detail")),
        ((pool("ram", 64),), {}, ("note", "detail")),
    ],
)
def test_a_loaded_model_is_weighed_by_the_memory_it_is_in(
    pools: Any, model: dict[str, Any], expected: tuple[str, str]
) -> None:
    """A tenth of the GPUs' memory, or of the RAM where there are none; of unknown memory nothing is much."""
    finding = only(machine(card(), pools=pools, engines=(holding(**model),)), "model-loaded")

    assert (finding.severity, finding.detail.id) == (expected[0], f"finding.model-loaded.{expected[1]}")
    assert commands(finding) == ("ollama stop m",)


@pytest.mark.parametrize(
    ("accelerator", "model", "percent"),
    [
        (card(), {"size_bytes": 200, "vram_bytes": 49}, 24),
        (card(), {"size_bytes": 200, "vram_bytes": 199}, 100),
        (card(), {"size_bytes": 200, "vram_bytes": 200}, None),
        (card(), {"size_bytes": 200}, None),
        (card(), {"vram_bytes": 0}, None),
        (card(integrated=True), {"size_bytes": 200, "vram_bytes": 49}, None),
        (card(usable=False), {"size_bytes": 200, "vram_bytes": 49}, None),
    ],
)
def test_a_model_beside_a_card_is_on_the_processor(
    accelerator: Any, model: dict[str, Any], percent: int | None
) -> None:
    """In part, with its share; graphics of the processor are no card."""
    findings = found(machine(accelerator, engines=(holding(**model),)), "model-on-cpu")

    assert [one.title.values["percent"] for one in findings] == ([] if percent is None else [percent])


@pytest.mark.parametrize(("name", "expected"), [("llama.cpp", "note"), ("ollama", None)])
def test_only_llama_cpp_counts_its_builds_so(name: str, expected: str | None) -> None:
    """Another engine's b12 is another number."""
    engine = EngineOnMachine(name=name, version="b12", evidence=ASKED)

    assert severity(machine(engines=(engine,)), "llama-cpp-old-build") == expected


@pytest.mark.parametrize(("count", "named", "more"), [(0, None, None), (1, 1, None), (4, 4, None), (6, 4, 2)])
def test_four_broken_models_are_named(count: int, named: int | None, more: int | None) -> None:
    """And the others counted; whole ones are none."""
    broken = tuple(
        ModelOnDisk(name=f"m{at}", kept_by=message("test"), problem=message("test")) for at in range(count)
    )
    whole = ModelOnDisk(name="whole", kept_by=message("test"))
    engines = (EngineOnMachine(name="ollama", evidence=ASKED, models=(whole, *broken)),)
    details = [one.detail.values for one in found(machine(engines=engines), "model-half-there")]

    assert [(len(one["models"]), one["more"]) for one in details] == (  # type: ignore[arg-type]  # a tuple
        [] if named is None else [(named, more)]
    )


@pytest.mark.parametrize(
    ("cache", "flash", "expected"),
    [
        ("q8_0", "0", "warning"),
        ("Q8_0", "False", "warning"),
        ("q8_0", "1", None),
        ("q8_0", None, None),
        ("f16", "0", None),
        ("", "0", None),
        (None, "0", None),
    ],
)
def test_a_quantized_cache_needs_flash_attention(
    cache: str | None, flash: str | None, expected: str | None
) -> None:
    """Off is said in several ways; what is not said is not off."""
    settings = {"OLLAMA_KV_CACHE_TYPE": cache, "OLLAMA_FLASH_ATTENTION": flash}
    engine = EngineOnMachine(
        name="ollama", settings={key: one for key, one in settings.items() if one is not None}
    )

    assert severity(machine(engines=(engine,)), "ollama-cache-type") == expected


@pytest.mark.parametrize(
    ("slots", "expected"), [("1", None), ("2", "note"), ("", None), ("-3", None), ("x", None)]
)
def test_several_slots_are_two_at_the_least(slots: str, expected: str | None) -> None:
    """What is no number is none."""
    engine = EngineOnMachine(name="ollama", settings={"OLLAMA_NUM_PARALLEL": slots})

    assert severity(machine(engines=(engine,)), "ollama-parallel") == expected
    assert severity(machine(engines=(EngineOnMachine(name="ollama"),)), "ollama-parallel") is None
