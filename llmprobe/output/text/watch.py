"""
What is free and who holds it, on one screen that is drawn again and again.
"""

from llmprobe.facts.machine import EngineOnMachine, LoadedModel, MemoryPool, Snapshot
from llmprobe.output.text.check import cell_for, label_of
from llmprobe.output.text.console import Page, bar
from llmprobe.output.text.engines import loaded_words
from llmprobe.output.text.figures import ORIGINS, in_gib, size

NAMED = 6
INDENT = 6


def show(page: Page, snapshot: Snapshot, *, heading: str) -> None:
    """
    Print the pools with who holds them, and the models that engines have loaded.
    """
    page.line((ORIGINS[snapshot.origin], "bold"), (f"  {heading}" if heading else "", "dim"))
    page.blank()
    pools = sorted(snapshot.pools, key=lambda pool: pool.id != "ram")
    cell = cell_for(page, (label_of(pool, snapshot) for pool in pools))
    page.row("Memory in GiB", ("total", "used", "free", "budget"), cell=cell, style="bold")
    for pool in pools:
        _pool(page, snapshot, pool, cell)
    for device in snapshot.accelerators:
        if not device.usable:
            page.line(
                f"{device.id:<{INDENT}}{device.name}: ", (device.why_not or "not usable", "red"), hang=INDENT
            )
    loaded = [(engine, model) for engine in snapshot.engines for model in engine.loaded]
    running = [engine.name for engine in snapshot.engines if engine.running]
    if loaded or running:
        page.heading("Loaded models")
        for engine, model in loaded:
            page.item("- ", *_words_of(engine, model))
        idle = [name for name in running if all(engine.name != name for engine, _ in loaded)]
        if idle:
            page.line((f"none by {', '.join(idle)}", "dim"), indent=2)
    worst = [finding for finding in snapshot.findings if finding.severity == "error"]
    if worst:
        page.heading("Errors (llmprobe check says more)")
        page.bullets(finding.title for finding in worst)


def _pool(page: Page, snapshot: Snapshot, pool: MemoryPool, cell: int) -> None:
    known = pool.total_bytes is not None and pool.free_bytes is not None
    used = pool.total_bytes - pool.free_bytes if known else None  # type: ignore[operator]
    page.row(
        label_of(pool, snapshot),
        map(in_gib, (pool.total_bytes, used, pool.free_bytes, pool.budget_bytes)),
        cell=cell,
    )
    if page.bars and pool.total_bytes and used is not None:
        full = min(max(used / pool.total_bytes, 0), 1)
        page.line(*bar(page.width - INDENT, ((full, "█", "yellow"), (1 - full, "░", "green"))), indent=INDENT)
    held = sorted(pool.held_by, key=lambda holder: -(holder.used_bytes or 0))
    for holder in held[:NAMED]:
        name = holder.name or f"process {holder.pid}"
        page.item(f"{size(holder.used_bytes):>10}  ", name, (f"  pid {holder.pid}", "dim"), indent=INDENT)
    if len(held) > NAMED:
        page.line((f"and {len(held) - NAMED} more", "dim"), indent=INDENT)


def _words_of(engine: EngineOnMachine, model: LoadedModel) -> tuple[str | tuple[str, str], ...]:
    said = loaded_words(model)
    return ((model.name, "bold"), (f" by {engine.name}", "dim"), f": {said}" if said else "")
