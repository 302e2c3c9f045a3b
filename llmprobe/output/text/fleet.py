"""
Several machines for a person to read: one below the other, which is best, and what to type on each.
"""

from collections.abc import Sequence

from llmprobe.facts.fleet import Alone, Fleet, FleetFit, FleetHost, FleetRecommendation, Together
from llmprobe.facts.recommendation import MachineInShort
from llmprobe.output.text import fleet_served
from llmprobe.output.text.figures import in_gib, rate, short_rate
from llmprobe.output.text.page import ANSWER, BAD, COMMAND, GOOD, WARNING, Page
from llmprobe.words.message import Message, message

SERVING = ("vllm", "sglang", "mlx")
"""Engines whose answers have requests at once in the place of layers."""


def show(page: Page, answer: Fleet) -> None:
    """
    Print a table of the machines, who did not answer, then what is wrong with each.
    """
    _machines(page, answer.hosts)
    for host in answer.hosts:
        if host.findings and host.like is None:
            page.heading(message("page.fleet-findings", host=host.name))
            page.bullets([one.title for one in host.findings])
    _notes(page, answer.notes)


def show_recommendation(page: Page, answer: FleetRecommendation) -> None:
    """
    Print which machine to take, each one alone, several together, and what to type on each.
    """
    page.line(
        message("page.model-title", model=answer.model.name, parameters=answer.model.parameters), hang=2
    )
    page.line(message("page.fleet-machines", machines=len(answer.hosts)))
    page.blank()
    good = answer.best is not None or answer.together is not None
    page.line((answer.verdict, GOOD if good else BAD), hang=2)
    serves = answer.wishes.engine in SERVING
    if answer.alone:
        page.heading(message("page.fleet-alone"))
        (fleet_served.show_alone if serves else _alone)(page, answer.alone)
    best = next((one for one in answer.alone if one.host == answer.best), None)
    if best is not None and best.choice is not None:
        page.heading(message("page.fleet-on-host", host=best.host))
        for command in best.choice.commands.values():
            page.verbatim(command, indent=2, style=COMMAND)
    if answer.together is not None and answer.together.worth:
        if answer.together.choice.serving is not None:
            fleet_served.show_together(page, answer.together, answer.together.choice.serving)
        else:
            _together(page, answer.together)
    _failed(page, answer.hosts)
    _notes(page, answer.notes)


def show_fit(page: Page, answer: FleetFit) -> None:
    """
    Print for each machine what it runs best; those that are alike stand together.
    """
    page.line(
        message("page.fleet-fit", models=answer.models, machines=len(answer.hosts), use=answer.wishes.use),
        hang=2,
    )
    for host in answer.hosts:
        if host.like is not None:
            continue
        alike = sum(other.like == host.host for other in answer.hosts)
        page.heading(message("page.fleet-fit-host", host=host.host, alike=alike or None))
        if host.problem is not None:
            page.line((host.problem, BAD), indent=2)
            continue
        names = (
            message("page.fleet-column-model"),
            message("page.fleet-column-quant"),
            message("page.fleet-column-layers"),
            message("page.fleet-column-speed"),
        )
        rows = [
            (
                row.model_name,
                row.quant,
                message("page.fleet-layers", layers=row.gpu_layers, total=row.total_layers),
                message(
                    "figure.rate-short",
                    likely=None
                    if row.generation_tokens_per_s is None
                    else row.generation_tokens_per_s.likely,
                ),
            )
            for row in host.rows
        ]
        if not page.table(names, rows):
            for cells in rows:
                page.joined(cells, indent=2)
    _notes(page, answer.notes)


def _machines(page: Page, hosts: Sequence[FleetHost]) -> None:
    answered = [host for host in hosts if host.answered and host.machine is not None]
    if answered:
        names = (
            message("page.fleet-column-machine"),
            message("page.fleet-column-gpu"),
            message("page.fleet-column-ram"),
        )
        page.line((message("page.fleet-free"), ANSWER))
        rows = [(host.name, *_free(host)) for host in answered]
        below = [_devices(host) for host in answered]
        if not page.table(names, rows, below=below):
            for row, line in zip(rows, below, strict=True):
                page.joined(row, indent=2)
                page.line(line, indent=4)
    _failed(page, hosts)


def _failed(page: Page, hosts: Sequence[FleetHost]) -> None:
    for host in hosts:
        if not host.answered and host.problem is not None:
            page.blank()
            # What is wrong with an rpc-server has its address in it.
            named = message("page.fleet-problem", host=host.name, problem=host.problem)
            page.line((host.problem if host.origin == "rpc-server" else named, BAD), hang=2)
            if host.remedy is not None:
                page.line(host.remedy, indent=2, hang=2)


def _free(host: FleetHost) -> tuple[Message, Message]:
    """
    What a model may take on the graphics cards of a machine together, and in its RAM.
    """
    machine = host.machine
    assert machine is not None
    held = _on_cards(machine)
    ram = next((pool.budget_bytes for pool in machine.pools if pool.id == "ram"), None)
    shared = any("ram" in one.pools for one in machine.accelerators if one.usable)
    return (
        message("page.fleet-none") if held == 0 else in_gib(held),
        message("page.fleet-shared") if shared else in_gib(ram),
    )


def _on_cards(machine: MachineInShort) -> int | None:
    ids = {one.pools[0] for one in machine.accelerators if one.usable and one.pools}
    sizes = [pool.budget_bytes for pool in machine.pools if pool.id in ids]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _devices(host: FleetHost) -> Message:
    assert host.machine is not None
    counts: dict[str, int] = {}
    for one in host.machine.accelerators:
        counts[one.name] = counts.get(one.name, 0) + 1
    devices = tuple(
        message("page.fleet-device", name=name or None, count=count if count > 1 else None)
        for name, count in counts.items()
    )
    if host.origin == "rpc-server" and any(pool.id == "ram" for pool in host.machine.pools):
        devices = (*devices, message("page.fleet-processor"))
    return message(
        "page.fleet-devices",
        devices=devices,
        cpu=host.machine.cpu,
        server=host.protocol,
        like=host.like,
    )


def _alone(page: Page, answers: Sequence[Alone]) -> None:
    names = (
        message("page.fleet-column-machine"),
        message("page.fleet-column-quant"),
        message("page.fleet-column-layers"),
        message("page.fleet-column-speed"),
    )
    rows = [
        (
            one.host,
            message("page.fleet-none") if one.choice is None else one.choice.quant,
            message("page.fleet-none")
            if one.choice is None
            else message("page.fleet-layers", layers=one.choice.gpu_layers, total=one.choice.total_layers),
            message("page.fleet-none") if one.choice is None else short_rate(one.choice.speed),
        )
        for one in answers
    ]
    below = [one.verdict or message("page.fleet-none") for one in answers]
    if not page.table(names, rows, below=below):
        for row, line in zip(rows, below, strict=True):
            page.joined(row, indent=2)
            page.line(line, indent=4)


def _together(page: Page, plan: Together) -> None:
    page.heading(message("page.fleet-together"))
    choice = plan.choice
    page.joined(
        [
            message("page.fleet-placed", layers=choice.gpu_layers, total=choice.total_layers),
            message("page.plan-rate", rate=rate(choice.speed.generation_tokens_per_s)),
            *([] if plan.loading is None else [message("page.fleet-loading", seconds=plan.loading)]),
        ],
        indent=2,
    )
    page.bullets(plan.warnings, style=WARNING)
    for host in plan.hosts:
        page.blank()
        lead = (
            message("page.fleet-main", host=host.host)
            if host.main
            else message("page.fleet-server", host=host.host, devices=host.devices)
        )
        page.line((lead, ANSWER), indent=2)
        if not host.commands:
            page.line(message("page.fleet-running"), indent=4)
        for command in host.commands:
            page.verbatim(command, indent=4, style=COMMAND)


def _notes(page: Page, notes: Sequence[Message]) -> None:
    if notes:
        page.heading(message("page.good-to-know"))
        page.bullets(notes)
