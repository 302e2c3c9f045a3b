"""
Machines that serve a model from a pool of cache, for a person to read: each alone, and several as a pipeline.
"""

from collections.abc import Sequence

from llmprobe.facts.fleet import Alone, OnHost, Together
from llmprobe.facts.serving import Serving
from llmprobe.output.text.figures import short_rate
from llmprobe.output.text.page import ANSWER, COMMAND, QUIET, WARNING, Content, Page
from llmprobe.output.text.served import show_speed
from llmprobe.output.text.serving import settings_line, show_pool
from llmprobe.words.message import Message, message


def show_alone(page: Page, answers: Sequence[Alone]) -> None:
    """
    Print what each machine serves by itself.
    """
    names = (
        message("page.fleet-column-machine"),
        message("page.serving-format"),
        message("page.serving-devices"),
        message("page.fleet-column-requests"),
        message("page.fleet-column-speed"),
    )
    rows = [(one.host, *_figures(one)) for one in answers]
    below = [one.verdict or message("page.fleet-none") for one in answers]
    if not page.table(names, rows, below=below):
        for row, line in zip(rows, below, strict=True):
            page.joined(row, indent=2)
            page.line(line, indent=4)


def _figures(one: Alone) -> tuple[Content, Content, Content, Content]:
    if one.choice is None or one.choice.serving is None:
        none = message("page.fleet-none")
        return none, none, none, none
    serving = one.choice.serving
    return (
        one.choice.quant,
        str(serving.settings.world_size),
        message("page.serving-count", likely=serving.pool.concurrency.likely),
        short_rate(one.choice.speed),
    )


def show_together(page: Page, plan: Together, serving: Serving) -> None:
    """
    Print a pipeline of machines: the settings, the pool, the speed, and what is typed where, in order.
    """
    page.heading(message("page.fleet-together-served", engine=serving.settings.engine))
    place = serving.checkpoint.folder or serving.checkpoint.repository or serving.checkpoint.format
    page.line((place, ANSWER), indent=2)
    page.joined(settings_line(serving.settings, serving.pool), indent=2, style=QUIET)
    page.blank()
    show_pool(page, serving.pool, serving.settings)
    page.blank()
    show_speed(page, plan.choice, serving)
    page.blank()
    page.bullets(plan.warnings, style=WARNING)
    shown: set[str] = set()
    for host in plan.hosts:
        page.blank()
        page.line((_lead(host, plan, again=host.host in shown), ANSWER), indent=2)
        shown.add(host.host)
        for command in host.commands:
            page.verbatim(command, indent=4, style=COMMAND)


def _lead(host: OnHost, plan: Together, *, again: bool) -> Message:
    """
    The machine, and what each of its devices holds; nothing besides where it is named a second time.
    """
    device = next(one for one in plan.choice.devices if one.id == host.devices[0])
    return message(
        "page.fleet-stage",
        host=host.host,
        layers=None if again else host.layers,
        weights_bytes=device.weights_bytes,
        cache_bytes=device.cache_bytes,
        devices=len(host.devices),
    )
