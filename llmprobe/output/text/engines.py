"""
The engines on a machine for a person to read: what runs, what is loaded, what lies on the disk.
"""

from llmprobe.facts.machine import EngineOnMachine, LoadedModel
from llmprobe.output.text.console import Page
from llmprobe.output.text.figures import plural, size

NAMED = 6
NAME = 12


def show(page: Page, engines: tuple[EngineOnMachine, ...]) -> None:
    """
    Print the engines, each with its state, its loaded models and the names of those on disk.
    """
    page.heading("Engines")
    for engine in engines:
        page.pair(engine.name, ", ".join(_state(engine)), at=NAME + 2, indent=2)
        for model in engine.loaded:
            page.pair("", ("loaded: ", "dim"), (model.name, "bold"), f" {loaded_words(model)}", at=NAME + 2)
        whole = [model for model in engine.models if model.problem is None]
        if whole:
            named = ", ".join(model.name for model in whole[:NAMED])
            more = f" and {len(whole) - NAMED} more" if len(whole) > NAMED else ""
            page.pair("", (f"{plural(len(whole), 'model')} on disk: {named}{more}", "dim"), at=NAME + 2)
        settings = " ".join(f"{name}={value}" for name, value in sorted(engine.settings.items()))
        if settings:
            page.pair("", (settings, "dim"), at=NAME + 2)


def loaded_words(model: LoadedModel) -> str:
    """
    Return what is known of a loaded model: its size, how much of it is on the GPU, its context, until when.
    """
    said = []
    if model.size_bytes is not None:
        said.append(size(model.size_bytes))
    if model.vram_bytes is not None:
        whole = model.size_bytes is not None and model.vram_bytes >= model.size_bytes
        said.append("all of it on the GPU" if whole else f"{size(model.vram_bytes)} of it on the GPU")
    if model.ctx_size is not None:
        said.append(
            f"context {model.ctx_size}" + (f", {model.parallel} slots" if (model.parallel or 1) > 1 else "")
        )
    if model.until is not None:
        said.append(f"kept until {model.until[11:19] or model.until}")
    return ", ".join(said)


def _state(engine: EngineOnMachine) -> list[str]:
    said = [engine.version] if engine.version else []
    if engine.running:
        said.append(f"running at {engine.endpoint}" if engine.endpoint else "running")
    elif engine.running is False:
        said.append("not running")
    elif engine.installed:
        said.append("installed")
    if engine.detail:
        said.append(engine.detail)
    return said
