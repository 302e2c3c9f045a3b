"""
The engines on a machine for a person to read: what runs, what is loaded, what lies on the disk.
"""

from llmprobe.facts.machine import EngineOnMachine, LoadedModel
from llmprobe.output.text.figures import listed, size
from llmprobe.output.text.page import ANSWER, QUIET, Page
from llmprobe.words.message import Message, message

NAMED = 6
"""How many models of an engine are named; the others are counted."""
AT = 14
"""The column where what is known of an engine begins."""


def show(page: Page, engines: tuple[EngineOnMachine, ...]) -> None:
    """
    Print the engines, each with its state, its loaded models and the names of those on disk.
    """
    page.heading(message("page.engines"))
    for engine in engines:
        page.pair(engine.name, listed(_state(engine)), at=AT, indent=2)
        for model in engine.loaded[:NAMED]:
            page.pair("", message("page.loaded"), " ", (model.name, ANSWER), " ", known_of(model), at=AT)
        if len(engine.loaded) > NAMED:
            page.pair("", (message("page.more", count=len(engine.loaded) - NAMED), QUIET), at=AT)
        names = tuple(model.name for model in engine.models if model.problem is None)
        if names:
            on_disk = message(
                "page.models-on-disk",
                count=len(names),
                names=names[:NAMED],
                more=len(names) - NAMED if len(names) > NAMED else None,
            )
            page.pair("", (on_disk, QUIET), at=AT)
        settings = " ".join(f"{name}={value}" for name, value in sorted(engine.settings.items()))
        if settings:
            page.pair("", (settings, QUIET), at=AT)


def known_of(model: LoadedModel) -> Message:
    """
    What is known of a loaded model: its size, how much of it is on the GPU, its context, until when.
    """
    known = []
    if model.size_bytes is not None:
        known.append(size(model.size_bytes))
    if model.vram_bytes is not None:
        is_all = model.size_bytes is not None and model.vram_bytes >= model.size_bytes
        known.append(message("page.on-gpu", bytes=None if is_all else model.vram_bytes))
    if model.ctx_size is not None:
        slots = model.parallel if (model.parallel or 1) > 1 else None
        known.append(message("page.loaded-context", ctx_size=model.ctx_size, slots=slots))
    if model.until is not None:
        known.append(message("page.loaded-until", time=model.until[11:19] or model.until))
    return listed(known)


def _state(engine: EngineOnMachine) -> list[Message]:
    state = [] if engine.version is None else [message("page.engine-version", version=engine.version)]
    if engine.running:
        state.append(message("page.engine-running", endpoint=engine.endpoint))
    elif engine.running is False:
        state.append(message("page.engine-stopped"))
    elif engine.installed:
        state.append(message("page.engine-installed"))
    if engine.detail is not None:
        state.append(engine.detail)
    return state
