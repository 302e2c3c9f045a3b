"""
Machines on which the rules about engines fire, by the rule's id, and machines with engines that are in order.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from llmprobe.facts.machine import EngineOnMachine, LoadedModel, ModelOnDisk, Snapshot
from llmprobe.machine.snapshot import collect
from llmprobe.words.message import message
from tests.machine.fake import GIB, FakeSource, card, nvidia_machine, plain_host

HALF = message("source.deadline", seconds=1.0)
"""Any message: the sentences of engines are their own."""

ASKED = ("get:http://127.0.0.1:11434/api/ps",)


def engine(name: str = "ollama", **changes: Any) -> EngineOnMachine:
    fields: dict[str, Any] = {"running": True, "installed": True, "evidence": ASKED}
    return EngineOnMachine(name=name, **(fields | changes))


def machine(*engines: EngineOnMachine, gpu: bool = True) -> Snapshot:
    """
    Return a desktop, with an RTX 4090 or without any GPU, on which there are these engines.
    """
    answers = plain_host() | (nvidia_machine(card()) if gpu else {})
    return msgspec.structs.replace(collect(FakeSource(answers)), engines=engines)


def holding(size: int, vram: int | None) -> EngineOnMachine:
    return engine(loaded=(LoadedModel(name="qwen3:8b", size_bytes=size, vram_bytes=vram),))


CASES: dict[str, Callable[[], Snapshot]] = {
    "model-loaded": lambda: machine(holding(6 * GIB, 6 * GIB)),
    "model-on-cpu": lambda: machine(holding(6 * GIB, 0)),
    "llama-cpp-old-build": lambda: machine(engine("llama.cpp", version="b9000")),
    "model-half-there": lambda: machine(
        engine(models=(ModelOnDisk(name="qwen3:8b", kept_by=message("kept-by.ollama"), problem=HALF),))
    ),
    "ollama-cache-type": lambda: machine(
        engine(settings={"OLLAMA_KV_CACHE_TYPE": "q8_0", "OLLAMA_FLASH_ATTENTION": "0"})
    ),
    "ollama-parallel": lambda: machine(engine(settings={"OLLAMA_NUM_PARALLEL": "4"})),
    "engine-silent": lambda: machine(engine(running=None, silent=True)),
}

IN_ORDER: dict[str, Callable[[], Snapshot]] = {
    "none": machine,
    "nothing loaded": lambda: machine(
        engine(
            settings={
                "OLLAMA_KV_CACHE_TYPE": "q8_0",
                "OLLAMA_FLASH_ATTENTION": "1",
                "OLLAMA_NUM_PARALLEL": "1",
            }
        )
    ),
    "new build, whole models": lambda: machine(
        engine(
            "llama.cpp",
            version="b11549",
            models=(ModelOnDisk(name="a", kept_by=message("kept-by.hub-cache"), path="/a.gguf"),),
        )
    ),
    "not running": lambda: machine(
        engine(running=False, version="0.17.2"), engine("lmstudio", running=False)
    ),
    "no GPU": lambda: machine(engine(running=None), gpu=False),
    "on another machine": lambda: machine(engine(running=None, silent=False, detail=HALF)),
}
