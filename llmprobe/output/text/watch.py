"""
What is free and who holds it, on one screen that is drawn again and again.
"""

from llmprobe.facts.machine import Accelerator, MemoryPool, Snapshot
from llmprobe.output.text.check import cell_for, figures, heading, label_of, used
from llmprobe.output.text.engines import known_of
from llmprobe.output.text.page import ANSWER, BAD, QUIET, Content, Page, bar
from llmprobe.words.message import Message, message

NAMED = 6
"""How many processes of a pool, and how many models, are named; the others are counted."""
INDENT = 6


def show(page: Page, snapshot: Snapshot, *, now: Message | None = None) -> None:
    """
    Print the pools with who holds them, and the models that engines have loaded; ``now`` stands beside the origin.
    """
    beside: tuple[Content, ...] = () if now is None else ("  ", now)
    page.line(message("page.origin", origin=snapshot.origin), *((part, QUIET) for part in beside))
    page.blank()
    pools = sorted(snapshot.pools, key=lambda pool: pool.id != "ram")
    cell = cell_for(page, (label_of(pool, snapshot) for pool in pools))
    heading(page, cell)
    for pool in pools:
        _pool(page, snapshot, pool, cell)
    for device in snapshot.accelerators:
        if not device.usable and not _owned(snapshot, device):
            name = f"{device.id:<{INDENT}}{device.name}  "
            page.line(name, (message("page.not-usable", why=device.why_not), BAD), hang=INDENT)
    _loaded(page, snapshot)
    worst = [finding for finding in snapshot.findings if finding.severity == "error"]
    if worst:
        page.heading(message("page.errors-in-watch"))
        page.bullets(finding.title for finding in worst)


def _owned(snapshot: Snapshot, device: Accelerator) -> tuple[str, ...]:
    """
    The pools of a device's own, each of which is a row with its name.
    """
    return tuple(pool.id for pool in snapshot.pools if pool.id in device.pools and pool.id != "ram")


def _loaded(page: Page, snapshot: Snapshot) -> None:
    loaded = [(engine, model) for engine in snapshot.engines for model in engine.loaded]
    running = [engine.name for engine in snapshot.engines if engine.running]
    if not loaded and not running:
        return
    page.heading(message("page.loaded-models"))
    for engine, model in loaded[:NAMED]:
        page.item("- ", (model.name, ANSWER), "  ", (engine.name, QUIET), "  ", known_of(model))
    if len(loaded) > NAMED:
        page.line((message("page.more", count=len(loaded) - NAMED), QUIET), indent=2)
    idle = tuple(name for name in running if all(engine.name != name for engine, _ in loaded))
    if idle:
        page.line((message("page.nothing-loaded", engines=idle), QUIET), indent=2)


def _pool(page: Page, snapshot: Snapshot, pool: MemoryPool, cell: int) -> None:
    figures(page, pool, label_of(pool, snapshot), cell)
    for device in snapshot.accelerators:
        if not device.usable and pool.id in _owned(snapshot, device):
            page.line((message("page.not-usable", why=device.why_not), BAD), indent=INDENT)
    in_use = used(pool)
    if page.bars and pool.total_bytes and in_use is not None:
        full = max(in_use / pool.total_bytes, 0)
        parts = ((full, "█", "yellow"), (1 - full, "░", "green"))
        page.line(*bar(page.width - INDENT, parts), indent=INDENT)
    held = sorted(pool.held_by, key=lambda holder: -(holder.used_bytes or 0))
    for holder in held[:NAMED]:
        process = message("page.pid", pid=holder.pid)
        page.item(
            message("figure.beside", bytes=holder.used_bytes),
            *((holder.name, "  ", (process, QUIET)) if holder.name else (process,)),
            indent=INDENT,
        )
    if len(held) > NAMED:
        page.line((message("page.more", count=len(held) - NAMED), QUIET), indent=INDENT)
