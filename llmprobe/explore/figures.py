"""
A configuration as it is written beside its settings: whether it fits, a bar for each device, speed, reasons, command.
"""

from llmprobe.facts.estimate import DeviceEstimate
from llmprobe.facts.machine import MemoryPool
from llmprobe.facts.recommendation import Choice
from llmprobe.output.text import origins, shell
from llmprobe.output.text.estimate import show_terms
from llmprobe.output.text.figures import answer_time, first_token, in_gib, rate
from llmprobe.output.text.page import ANSWER, BAD, GOOD, QUIET, WARNING, Content, Page, Part, bar
from llmprobe.output.text.recommend import on_one_memory, short_name_of
from llmprobe.tasks.adjusting import Configuration
from llmprobe.words.message import Message, message

PARTS = (
    ("weights", ("weights", "adapter"), "█", "blue"),
    ("cache", ("cache",), "▓", "magenta"),
    ("compute", ("compute", "output"), "▒", "cyan"),
    ("others", ("overhead", "draft", "projector"), "▚", "yellow"),
)
"""What a bar is made of: the columns of a device that a part adds up, with its sign and colour."""

LEFT, OVER = "░", "!"
LEAST_BAR, NAME = 10, 16


def verdict(page: Page, now: Configuration) -> None:
    """
    Print whether it fits, and where it does not.
    """
    estimate, choice = now.estimate, now.choice
    speed = choice.speed.generation_tokens_per_s
    if estimate.fits is None:
        page.line((message("page.fits-unknown", total_bytes=estimate.total_bytes), WARNING), hang=2)
    elif not estimate.fits:
        page.line((message("page.fits-not", missing_bytes=estimate.missing_bytes), BAD), hang=2)
    elif choice.verdict is not None:
        page.line((choice.verdict, GOOD), hang=2)
    else:
        page.line(
            (
                message(
                    "page.fits",
                    total_bytes=estimate.total_bytes,
                    tokens_per_s=None if speed is None else speed.likely,
                ),
                WARNING if now.shortfalls else GOOD,
            ),
            hang=2,
        )
    for each in now.shortfalls:
        page.line((each, WARNING), indent=2, hang=2)


def bars(page: Page, now: Configuration, shared: MemoryPool | None) -> None:
    """
    Print what fills each device, and what is left of it.
    """
    devices = now.choice.devices
    if shared is not None:
        devices = on_one_memory(page, devices, shared)
    names = [page.text(short_name_of(device)) for device in devices]
    figures = [page.text(_figure(device)) for device in devices]
    label = max(name.cell_len for name in names) + 1
    widest = max(figure.cell_len for figure in figures) + 1
    cells = page.width - label - widest
    for device, name, figure in zip(devices, names, figures, strict=True):
        drawn: list[Part] = []
        if cells >= LEAST_BAR and device.budget_bytes:
            drawn = [*bar(cells, _shares(device))]
        gap = " " * (1 if cells >= LEAST_BAR else 0)
        page.line(name, " " * (label - name.cell_len), *drawn, gap, figure)
    legend: list[Part] = []
    for part, _, sign, style in PARTS:
        legend += [(f"{sign} ", style), (message("explore.part", name=part), QUIET), "  "]
    page.line(*legend, (f"{LEFT} ", QUIET), (message("explore.part", name="left"), QUIET))


def _figure(device: DeviceEstimate) -> Message:
    left = None if device.budget_bytes is None else device.budget_bytes - device.total_bytes
    return message(
        "explore.figure",
        total=in_gib(device.total_bytes),
        budget=in_gib(device.budget_bytes),
        left_bytes=left if left is not None and left >= 0 else None,
        over_bytes=-left if left is not None and left < 0 else None,
    )


def _shares(device: DeviceEstimate) -> list[tuple[float, str, str]]:
    """
    The parts of a bar. What is more than the budget makes it longer, and is marked at its end.
    """
    assert device.budget_bytes
    whole = max(device.budget_bytes, device.total_bytes)
    over = max(0, device.total_bytes - device.budget_bytes)
    shares, room = [], device.budget_bytes
    for _, columns, sign, style in PARTS:
        size = min(sum(getattr(device, f"{column}_bytes") for column in columns), room)
        room -= size
        shares.append((size / whole, sign, style))
    return [*shares, (room / whole, LEFT, "bright_black"), (over / whole, OVER, BAD)]


def speed(page: Page, choice: Choice) -> None:
    """
    Print how fast it is, with ranges, and what it loses.
    """
    found = choice.speed
    wide = max(page.text(message("page.quality")).cell_len, NAME - 2) + 2

    def pair(name: Content, *parts: Part) -> None:
        page.pair(name, *parts, at=wide)

    full = found.generation_at_full_context_tokens_per_s
    pair(
        message("page.tokens-per-s"),
        (
            message(
                "explore.rates",
                figure=rate(found.generation_tokens_per_s),
                full=None if full is None else rate(full),
            ),
            ANSWER,
        ),
    )
    if found.generation_tokens_per_s is None:
        pair("", (found.reason, QUIET))
    if found.prompt_tokens_per_s is not None:
        figure = rate(found.prompt_tokens_per_s)
        pair(
            message("page.prompt"),
            message("page.rate-prompt-assumed", figure=figure)
            if found.prompt_is_assumed
            else message("page.rate-prompt", figure=figure),
        )
    if found.time_to_first_token_s is not None:
        pair(message("page.first-token"), first_token(found))
    if choice.time is not None:
        pair(message("page.answer"), answer_time(choice.time))
    pair(
        message("page.quality"),
        message(
            "page.quality-of",
            words=choice.quality.words,
            percent=choice.quality.same_first_choice_percent if choice.quality.value else None,
        ),
    )


def reasons(page: Page, now: Configuration, notes: tuple[Message, ...]) -> None:
    """
    Print why it is so, what else must be known, and where the file comes from.
    """
    if now.choice.reasons:
        page.heading(message("page.why"))
        page.bullets(now.choice.reasons)
    said = (*now.estimate.warnings, *now.choice.remarks, *now.estimate.notes, *notes)
    if said:
        page.heading(message("page.good-to-know"))
        page.bullets(dict.fromkeys(said))
    origins.show(page, (now.choice,))


def terms(page: Page, now: Configuration) -> None:
    """
    Print every term of the memory, and what the speed rests on.
    """
    page.heading(message("page.terms"))
    shown: dict[Message, str] = {}
    for device in now.choice.devices:
        show_terms(page, device, shown)
    page.heading(message("page.speed-basis"))
    page.bullets((now.choice.speed.reason,))


def command(page: Page, choice: Choice, engine: str) -> None:
    """
    Print the command whole, on as many lines as it takes.
    """
    line = choice.commands.get(engine)
    if line is None:
        page.line((message("explore.no-command", engine=engine), QUIET))
        return
    for row in shell.lines(line, page.width if choice.shell == "sh" else None):
        page.verbatim(row)
