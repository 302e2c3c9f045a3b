"""
A recommendation for a person to read: the choice, how full it makes each device, why, and what else there is.
"""

import msgspec

from llmprobe.facts.estimate import DeviceEstimate
from llmprobe.facts.machine import MemoryPool
from llmprobe.facts.recommendation import Choice, MachineInShort, Recommendation, Rejected
from llmprobe.output.text import shell
from llmprobe.output.text.check import show_findings
from llmprobe.output.text.console import Page, bar
from llmprobe.output.text.estimate import show_terms
from llmprobe.output.text.figures import (
    ORIGINS,
    UNKNOWN,
    in_gib,
    number,
    percent,
    plural,
    rate,
    short_rate,
    size,
)
from llmprobe.units import format_count

NAME = 16
FEW_REJECTED = 6
SHORTEST_BAR = 8
MUCH_SLOWER = 0.75
"""Part of its speed from which on a choice is said to be slower with a full context."""


def show(page: Page, recommendation: Recommendation, *, explain: bool) -> None:
    """
    Print a recommendation; ``explain`` adds every term of the first choice and everything that was rejected.
    """
    _question(page, recommendation)
    if recommendation.choices:
        best, *others = recommendation.choices
        _best(page, best, shared_memory(recommendation.machine))
        _others(page, others)
        _rejected(page, recommendation.rejected, everything=explain)
    else:
        page.blank()
        # What was not kept for want of memory alone does not fit; else it is a wish that nothing meets.
        short = any(one.missing_bytes for one in recommendation.rejected) or not recommendation.rejected
        page.line(("Nothing fits." if short else "Nothing meets what was asked for.", "bold red"))
        _rejected(page, recommendation.rejected, everything=True)
    if recommendation.nearest:
        page.heading("Smaller models" if recommendation.choices else "Nearest")
        page.bullets(recommendation.nearest)
    if explain and recommendation.choices:
        _explained(page, recommendation)
    if recommendation.notes:
        page.heading("Good to know")
        page.bullets(recommendation.notes)
    show_findings(page, recommendation.findings)
    if recommendation.choices:
        _commands(page, recommendation.choices[0], recommendation.wishes.engine)


def _explained(page: Page, recommendation: Recommendation) -> None:
    """
    Print what would change the first choice, how the choices were weighed, and on what its figures stand.
    """
    best = recommendation.choices[0]
    if recommendation.changes:
        page.heading("What would change it")
        page.bullets(recommendation.changes)
    page.heading("How the choices were weighed")
    page.bullets(recommendation.balance)
    page.heading("What the speed stands on")
    page.bullets(tuple(best.speed.reason.split("; ")))
    page.heading("Term by term")
    said: dict[str, str] = {}
    for device in best.devices:
        show_terms(page, device, said)


def _question(page: Page, recommendation: Recommendation) -> None:
    model, machine = recommendation.model, recommendation.machine
    page.line((model.name, "bold"), f", {format_count(model.parameters)} parameters", hang=2)
    origin = ORIGINS.get(machine.origin, machine.origin)
    devices = [accelerator.name for accelerator in machine.accelerators if accelerator.usable]
    names = [
        name if devices.count(name) == 1 else f"{devices.count(name)}x {name}"
        for name in dict.fromkeys(devices)
    ]
    if not names and machine.cpu is not None:
        names.append(machine.cpu)
    memory = next((pool for pool in machine.pools if pool.id == "ram"), None)
    if memory is not None:
        kind = "unified memory" if memory.kind == "unified" else "RAM"
        limited = any(limit.by == "cgroup" for limit in memory.limits)
        allowed = f", of which this container may take {size(memory.budget_bytes)}" if limited else ""
        names.append(f"{size(memory.total_bytes)} {kind}{allowed}")
    page.line(f"on {origin}: ", ", ".join(names) or "nothing is known of it", hang=2)


def shared_memory(machine: MachineInShort) -> MemoryPool | None:
    """
    Return the memory that processor and accelerator take from together, None where each has its own.
    """
    return next((pool for pool in machine.pools if pool.kind == "unified"), None)


def _best(page: Page, best: Choice, shared: MemoryPool | None) -> None:
    label = best.label.capitalize() if best.on_disk is None else "Already on this disk"
    page.heading(f"{label}: {best.quant}")
    page.blank()
    weights = best.download_bytes or sum(device.weights_bytes for device in best.devices)
    page.pair("Quantization", (best.quant, "bold"), f", {size(weights)}", at=NAME + 2, indent=2)
    page.pair("Quality", best.quality.words, at=NAME + 2, indent=2)
    page.pair("GPU layers", *_layers(best), at=NAME + 2, indent=2)
    page.pair("Context", _context(best), at=NAME + 2, indent=2)
    page.pair("KV cache", _cache(best), at=NAME + 2, indent=2)
    page.pair("Tokens/s", rate(best.speed.generation_tokens_per_s), at=NAME + 2, indent=2)
    full = best.speed.generation_at_full_context_tokens_per_s
    if full is not None:
        page.pair("", f"{rate(full)} when the context is full", at=NAME + 2, indent=2)
    if best.speed.prompt_tokens_per_s is not None:
        page.pair("Prompt", f"{rate(best.speed.prompt_tokens_per_s)} tokens/s read", at=NAME + 2, indent=2)
    if best.speed.generation_tokens_per_s is None:
        page.pair("", (best.speed.reason, "dim"), at=NAME + 2, indent=2)
    page.blank()
    _fullness(page, best.devices if shared is None else _on_one_memory(best.devices, shared))
    if best.reasons:
        page.heading("Why")
        page.bullets(best.reasons)


def _on_one_memory(devices: tuple[DeviceEstimate, ...], shared: MemoryPool) -> tuple[DeviceEstimate, ...]:
    """
    Return the accelerators, and in place of the host what all take together of the memory that they share.
    """
    together = msgspec.structs.replace(
        devices[0],
        id="RAM",
        name="in all",
        total_bytes=sum(device.total_bytes for device in devices),
        budget_bytes=shared.free_bytes,
    )
    return (together, *devices[1:])


def _fullness(page: Page, devices: tuple[DeviceEstimate, ...]) -> None:
    """
    Print how full each device gets: used of its budget, with a bar where a person looks at a terminal.
    """
    figures = [
        f"{in_gib(device.total_bytes):>7} of {in_gib(device.budget_bytes):>6} GiB"
        f"{percent(device.total_bytes, device.budget_bytes):>7}"
        for device in devices
    ]
    names = [" ".join(filter(None, (device.id, device.name))) for device in devices]
    names = ["RAM" if device.id == "host" else name for device, name in zip(devices, names, strict=True)]
    room = page.width - 2 - max(map(len, figures))
    if max(map(len, names)) + 2 > room:
        names = ["RAM" if device.id == "host" else device.id for device in devices]
    label = max(6, *map(len, names)) + 2
    cells = room - label - 1
    for device, name, figure in zip(devices, names, figures, strict=True):
        drawn: list[tuple[str, str]] = []
        if page.bars and device.budget_bytes and cells >= SHORTEST_BAR:
            full = min(device.total_bytes / device.budget_bytes, 1)
            style = "green" if device.total_bytes <= device.budget_bytes else "red"
            drawn = [*bar(cells, ((full, "█", style), (1 - full, "░", "bright_black"))), (" ", "")]
        page.line(name.ljust(label), *drawn, figure, indent=2)


def _layers(choice: Choice) -> tuple[str | tuple[str, str], ...]:
    devices = [device for device in choice.devices if device.id != "host"]
    if not devices:
        return ("none, the processor does all",)
    text = f" of {choice.total_layers}"
    if choice.n_cpu_moe:
        text += f", experts of the first {plural(choice.n_cpu_moe, 'layer')} on the CPU"
    if choice.cpu_moe_layers:
        text += f", experts of {plural(len(choice.cpu_moe_layers), 'layer')} on the CPU"
    if choice.tensor_split:
        text += ", split " + ",".join(f"{part:g}" for part in choice.tensor_split)
    return ((str(choice.gpu_layers), "bold"), text)


def _context(choice: Choice) -> str:
    if choice.parallel == 1:
        return f"{choice.ctx_size} tokens"
    return (
        f"{choice.ctx_size} tokens, {choice.ctx_size // choice.parallel} for each of {choice.parallel} slots"
    )


def _cache(choice: Choice) -> str:
    same = choice.cache_type_k == choice.cache_type_v
    kind = choice.cache_type_k if same else f"K {choice.cache_type_k}, V {choice.cache_type_v}"
    return kind if choice.kv_offload else f"{kind} in RAM"


def _others(page: Page, others: list[Choice]) -> None:
    if not others:
        return
    page.heading("Also possible")
    page.blank()
    kept = [choice.n_cpu_moe + len(choice.cpu_moe_layers) for choice in others]
    names = ["GPU layers", *(["experts on CPU"] if any(kept) else []), "context", "cache", "GiB", "tokens/s"]
    rows = [
        [
            f"{choice.gpu_layers} of {choice.total_layers}",
            *([f"{count} layers" if count else "none"] if any(kept) else []),
            str(choice.ctx_size),
            _cache(choice),
            in_gib(sum(device.total_bytes for device in choice.devices)),
            short_rate(choice.speed),
        ]
        for choice, count in zip(others, kept, strict=True)
    ]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    first = max(len(choice.quant) for choice in others)
    in_columns = 2 + first + sum(width + 2 for width in widths) <= page.width

    def aligned(quant: str, cells: list[str]) -> str:
        figures = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join((quant.ljust(first), *figures))

    if in_columns:
        page.line((aligned("", names), "dim"), indent=2)
    for choice, cells in zip(others, rows, strict=True):
        if in_columns:
            page.line(aligned(choice.quant, cells), indent=2)
        else:
            page.line(choice.quant, indent=2)
            page.joined((f"{name} {cell}" for name, cell in zip(names, cells, strict=True)), indent=4)
        page.item("", (f"{choice.label}: {choice.quality.words}{_slower(choice)}", "dim"), indent=4)


def _slower(choice: Choice) -> str:
    """
    Return the speed at a full context where it is much lower than the one that is shown.
    """
    short = choice.speed.generation_tokens_per_s
    full = choice.speed.generation_at_full_context_tokens_per_s
    if short is None or full is None or full.likely > MUCH_SLOWER * short.likely:
        return ""
    return f"; {number(full.likely)} tokens/s when the context is full"


def _rejected(page: Page, rejected: tuple[Rejected, ...], *, everything: bool) -> None:
    if not rejected:
        return
    shown = rejected if everything else rejected[:FEW_REJECTED]
    page.heading("Not possible")
    alike: dict[str, list[str]] = {}
    for one in shown:
        lack = size(one.missing_bytes) if one.missing_bytes else ""
        missing = f" (lacks {lack})" if lack not in one.why else ""
        alike.setdefault(f"{one.why}{missing}", []).append(one.what)
    for why, names in alike.items():
        page.item("- ", (", ".join(names), "bold"), f": {why}")
    if len(shown) < len(rejected):
        page.line((f"and {len(rejected) - len(shown)} more, see --explain", "dim"), indent=2)


def _commands(page: Page, best: Choice, engine: str) -> None:
    page.heading("Run it")
    page.blank()
    for command in (
        [best.commands[engine]] if engine in best.commands else best.commands.values() or (UNKNOWN,)
    ):
        for row in shell.lines(command, page.width - 2 if page.bars else None):
            page.verbatim(row, style="cyan")
