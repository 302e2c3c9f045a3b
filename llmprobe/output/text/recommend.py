"""
A recommendation for a person to read: the verdict, the choice, how full each device gets, why, and what else there is.
"""

import msgspec

from llmprobe.facts.estimate import DeviceEstimate
from llmprobe.facts.machine import MemoryPool, Snapshot
from llmprobe.facts.recommendation import Choice, MachineInShort, Recommendation, Rejected
from llmprobe.output.text import contexts, findings, origins, served, shell
from llmprobe.output.text.estimate import projector_line, show_terms
from llmprobe.output.text.figures import (
    answer_time,
    first_token,
    in_gib,
    loading_time,
    percent,
    rate,
    short_rate,
)
from llmprobe.output.text.page import ANSWER, BAD, GOOD, QUIET, Content, Page, Part, bar
from llmprobe.words.message import Message, message

NAME = 16
"""The column where the settings of the first choice begin."""
FEW_REJECTED = 6
SHORTEST_BAR = 8
MUCH_SLOWER = 0.75
"""Part of its speed below which a choice is shown to be slower with a full context."""


def show(page: Page, recommendation: Recommendation, *, explain: bool) -> None:
    """
    Print a recommendation; ``explain`` adds every term of the first choice and everything that was rejected.
    """
    _question(page, recommendation)
    page.blank()
    page.line((_verdict(recommendation), GOOD if recommendation.choices else BAD), hang=2)
    if recommendation.choices:
        best, *others = recommendation.choices
        if best.serving is not None:
            served.show_best(page, best, best.serving, explain=explain)
            served.show_others(page, others)
        else:
            _best(page, best, shared_memory(recommendation.machine), explain=explain)
            _others(page, others)
    if recommendation.contexts:
        contexts.show(page, recommendation.contexts)
    _rejected(page, recommendation.rejected, everything=explain or not recommendation.choices)
    if recommendation.nearest:
        page.heading(message("page.smaller-models" if recommendation.choices else "page.nearest"))
        page.bullets(recommendation.nearest)
    if explain and recommendation.choices:
        _explained(page, recommendation)
    notes = (*recommendation.warnings, *recommendation.notes)
    if notes:
        page.heading(message("page.good-to-know"))
        page.bullets(notes)
    findings.show(page, recommendation.findings)
    if recommendation.choices:
        origins.show(page, recommendation.choices)
        _commands(page, recommendation.choices[0], recommendation.wishes.engine)


def _verdict(recommendation: Recommendation) -> Message:
    if recommendation.verdict is not None:
        return recommendation.verdict
    if recommendation.choices:
        return message("page.recommended")
    # What was not kept for want of memory alone does not fit; else it is a wish that nothing meets.
    rejected = recommendation.rejected
    short = any(one.missing_bytes for one in rejected) or not rejected
    return message("page.nothing-fits" if short else "page.nothing-meets")


def _explained(page: Page, recommendation: Recommendation) -> None:
    """
    Print what would change the first choice, how the choices compare, and what its figures are based on.
    """
    best = recommendation.choices[0]
    if recommendation.changes:
        page.heading(message("page.changes"))
        page.bullets(recommendation.changes)
    page.heading(message("page.balance"))
    page.bullets(recommendation.balance)
    page.heading(message("page.speed-basis"))
    page.bullets((best.speed.reason,))
    page.heading(message("page.terms"))
    shown: dict[Message, str] = {}
    for device in best.devices:
        show_terms(page, device, shown)


def _question(page: Page, recommendation: Recommendation) -> None:
    model = recommendation.model
    page.line(message("page.model-title", model=model.name, parameters=model.parameters), hang=2)
    machine_line(page, recommendation.machine)


def machine_line(page: Page, machine: MachineInShort) -> None:
    """
    Print which machine an answer is for.
    """
    page.line(message("page.machine-title", origin=machine.origin, parts=machine_parts(machine)), hang=2)


def machine_parts(machine: MachineInShort | Snapshot) -> tuple[Content, ...]:
    """
    A machine in few words: its devices, or its processor, and its RAM.
    """
    cpu = machine.cpu if isinstance(machine, MachineInShort) else machine.host.cpu.name
    devices = [accelerator.name for accelerator in machine.accelerators if accelerator.usable]
    parts: list[Content] = [
        message(
            "page.device-count", name=name, count=devices.count(name) if devices.count(name) > 1 else None
        )
        for name in dict.fromkeys(devices)
    ]
    if not parts and cpu is not None:
        parts.append(cpu)
    memory = next((pool for pool in machine.pools if pool.id == "ram"), None)
    if memory is not None:
        limited = any(limit.by == "cgroup" for limit in memory.limits)
        parts.append(
            message(
                "page.memory-of",
                kind=memory.kind,
                bytes=memory.total_bytes,
                budget_bytes=memory.budget_bytes if limited else None,
            )
        )
    return tuple(parts)


def shared_memory(machine: MachineInShort) -> MemoryPool | None:
    """
    The memory that processor and accelerator take from together, None where each has its own.
    """
    return next((pool for pool in machine.pools if pool.kind == "unified"), None)


def _best(page: Page, best: Choice, shared: MemoryPool | None, *, explain: bool) -> None:
    page.heading(message("page.choice-title", label=best.label, quant=best.quant))
    page.blank()

    def pair(name: Content, *parts: Part) -> None:
        page.pair(name, *parts, at=NAME + 2, indent=2)

    weights = best.download_bytes or sum(device.weights_bytes for device in best.devices)
    pair(
        message("page.quantization"),
        (best.quant, ANSWER),
        message("page.weights", bytes=weights),
    )
    if best.on_disk is not None:
        pair(message("page.file"), best.on_disk)
    pair(
        message("page.quality"),
        message(
            "page.quality-of",
            words=best.quality.words,
            percent=best.quality.same_first_choice_percent if best.quality.value else None,
        ),
    )
    pair(message("page.gpu-layers"), *_layers(best))
    pair(message("page.context"), (_context(best), ANSWER))
    pair(message("page.kv-cache"), _cache(best))
    if best.projector is not None:
        pair(message("page.projector-title"), projector_line(best.projector))
    # The verdict says it of a model that generates nothing.
    generates = best.speed.reason.id != "speed.no-generation"
    if generates:
        pair(message("page.tokens-per-s"), (rate(best.speed.generation_tokens_per_s), ANSWER))
    full = best.speed.generation_at_full_context_tokens_per_s
    if full is not None:
        pair("", message("page.rate-full", figure=rate(full)))
    if generates and best.speed.generation_tokens_per_s is None:
        # The prompt's reasons are below "Basis of the speed".
        why = best.speed.reason.values.get("why")
        pair("", (why if isinstance(why, Message) else best.speed.reason, QUIET))
    if best.speed.prompt_tokens_per_s is not None:
        figure = rate(best.speed.prompt_tokens_per_s)
        assumed = best.speed.prompt_is_assumed
        pair(
            message("page.prompt"),
            message("page.rate-prompt-assumed", figure=figure)
            if assumed
            else message("page.rate-prompt", figure=figure),
        )
    full = best.speed.prompt_at_full_context_tokens_per_s
    if full is not None and best.speed.prompt_tokens_per_s != full:
        pair("", message("page.rate-full", figure=rate(full)))
    if best.speed.time_to_first_token_s is not None:
        pair(message("page.first-token"), first_token(best.speed))
    if best.loading is not None:
        pair(message("page.loading"), loading_time(best.loading))
    if best.time is not None:
        pair(message("page.answer"), answer_time(best.time))
    page.blank()
    _fullness(page, best.devices if shared is None else on_one_memory(page, best.devices, shared))
    reasons = (*best.reasons, *best.details) if explain else best.reasons
    if reasons:
        page.heading(message("page.why"))
        page.bullets(reasons)


def on_one_memory(
    page: Page, devices: tuple[DeviceEstimate, ...], shared: MemoryPool
) -> tuple[DeviceEstimate, ...]:
    """
    The accelerators, and in place of the host what all take together of the memory that they share.
    """
    together = msgspec.structs.replace(
        devices[0],
        name=page.words.sentence("page.in-all"),
        total_bytes=sum(device.held_bytes for device in devices),
        budget_bytes=shared.free_bytes,
        terms=(),
    )
    return (together, *devices[1:])


def _fullness(page: Page, devices: tuple[DeviceEstimate, ...]) -> None:
    """
    Print how full each device gets: used of its budget, with a bar where a person looks at a terminal.
    """
    rows = [
        page.text(
            message(
                "page.fullness",
                total=in_gib(device.held_bytes),
                budget=in_gib(device.budget_bytes),
                share=percent(device.held_bytes, device.budget_bytes),
            )
        )
        for device in devices
    ]
    widest = max(row.cell_len for row in rows)
    names = [page.text(name_of(device)) for device in devices]
    room = page.width - 2 - widest
    if max(name.cell_len for name in names) + 2 > room:
        names = [page.text(short_name_of(device)) for device in devices]
    label = max(6, *(name.cell_len for name in names)) + 2
    cells = room - label - 1
    for device, name, figure in zip(devices, names, rows, strict=True):
        drawn: list[Part] = []
        if page.bars and device.budget_bytes and cells >= SHORTEST_BAR:
            full = min(device.held_bytes / device.budget_bytes, 1)
            style = "green" if device.held_bytes <= device.budget_bytes else "red"
            drawn = [*bar(cells, ((full, "█", style), (1 - full, "░", "bright_black"))), " "]
        blanks = " " * (label - name.cell_len), " " * (widest - figure.cell_len)
        page.line(name.plain, blanks[0], *drawn, blanks[1], figure.plain, indent=2)


def name_of(device: DeviceEstimate) -> Content:
    """
    A device by its id and its name, the host as RAM.
    """
    if device.id == "host":
        return message("page.ram-of", name=device.name if device.name != "RAM" else None)
    return f"{device.id} {device.name}" if device.name else device.id


def short_name_of(device: DeviceEstimate) -> Content:
    return message("page.ram") if device.id == "host" else device.id


def _layers(choice: Choice) -> tuple[Part, ...]:
    if all(device.id == "host" for device in choice.devices):
        return (message("page.layers-on-cpu"),)
    # Where layers with experts are counted beside them, the numbers differ by the output.
    total = choice.total_layers
    more = [message("page.of-layers-and-output" if choice.n_cpu_moe else "page.of-layers", total=total)]
    if choice.n_cpu_moe:
        every = choice.n_cpu_moe == total - 1
        more.append(message("page.experts-all" if every else "page.experts-first", layers=choice.n_cpu_moe))
    if choice.cpu_moe_layers:
        more.append(message("page.experts-of", layers=len(choice.cpu_moe_layers)))
    if choice.split_mode == "tensor":
        more.append(message("page.by-tensors"))
    if choice.tensor_split:
        split = ",".join(f"{part:g}" for part in choice.tensor_split)
        more.append(message("page.split", split=split))
    return (str(choice.gpu_layers), ANSWER), message("figure.after", items=tuple(more))


def _context(choice: Choice) -> Message:
    if choice.parallel == 1:
        return message("page.tokens", tokens=choice.ctx_size)
    return message(
        "page.tokens-per-slot",
        tokens=choice.ctx_size,
        slot_tokens=choice.ctx_size // choice.parallel,
        slots=choice.parallel,
    )


def _cache(choice: Choice) -> Content:
    types: Content = choice.cache_type_k
    if choice.cache_type_k != choice.cache_type_v:
        types = message("page.cache-types", type_k=choice.cache_type_k, type_v=choice.cache_type_v)
    return types if choice.kv_offload else message("page.cache-in-ram", types=types)


def _others(page: Page, others: list[Choice]) -> None:
    if not others:
        return
    page.heading(message("page.also-possible"))
    page.blank()
    kept = [choice.n_cpu_moe + len(choice.cpu_moe_layers) for choice in others]
    names = [
        message("page.quantization"),
        message("page.gpu-layers"),
        *([message("page.experts-on-cpu")] if any(kept) else []),
        message("page.context"),
        message("page.cache"),
        message("page.gib"),
        message("page.tokens-per-s"),
    ]
    rows: list[list[Content]] = [
        [
            choice.quant,
            message("page.layers-of", layers=choice.gpu_layers, total=choice.total_layers),
            *([message("page.experts-layers", layers=count or None)] if any(kept) else []),
            str(choice.ctx_size),
            _cache(choice),
            in_gib(sum(device.total_bytes for device in choice.devices)),
            short_rate(choice.speed),
        ]
        for choice, count in zip(others, kept, strict=True)
    ]
    prose = [_in_a_line(choice) for choice in others]
    if page.table(names, rows, below=prose):
        return
    for row, below in zip(rows, prose, strict=True):
        page.line((row[0], ANSWER), indent=2)
        named = [
            message("page.named-figure", name=name, figure=cell)
            for name, cell in zip(names[1:], row[1:], strict=True)
        ]
        page.joined(named, indent=4)
        page.line((below, QUIET), indent=4)


def _in_a_line(choice: Choice) -> Message:
    """
    What a choice is better at, its quality, how it is split, and its speed at a full context where that is much lower.
    """
    short = choice.speed.generation_tokens_per_s
    full = choice.speed.generation_at_full_context_tokens_per_s
    return message(
        "page.choice",
        label=choice.label,
        quality=choice.quality.words,
        how=message("page.by-tensors") if choice.split_mode == "tensor" else None,
        full=full.likely if short and full and full.likely <= MUCH_SLOWER * short.likely else None,
    )


def _rejected(page: Page, rejected: tuple[Rejected, ...], *, everything: bool) -> None:
    if not rejected:
        return
    shown = rejected if everything else rejected[:FEW_REJECTED]
    page.heading(message("page.not-possible"))
    alike: dict[Message, list[str]] = {}
    for one in shown:
        alike.setdefault(message("page.rejected", why=one.why), []).append(one.what)
    for why, names in alike.items():
        page.item("- ", (", ".join(names), ANSWER), why)
    if len(shown) < len(rejected):
        page.line((message("page.more-rejected", count=len(rejected) - len(shown)), QUIET), indent=2)


def _commands(page: Page, best: Choice, engine: str) -> None:
    page.heading(message("page.run-it"))
    page.blank()
    commands = [best.commands[engine]] if engine in best.commands else list(best.commands.values())
    for command in commands:
        broken = page.bars and best.shell == "sh"
        for row in shell.lines(command, page.width - 2 if broken else None):
            page.verbatim(row)
    if best.remarks:
        page.blank()
        page.bullets(best.remarks)
