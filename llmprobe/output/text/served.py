"""
The choices of an engine that serves from a pool of cache, for a person to read: the weights, the pool, the speed of one
and of many, and what else there is.
"""

from llmprobe.facts.recommendation import Choice
from llmprobe.facts.serving import Serving
from llmprobe.output.text.figures import in_gib, rate, short_rate
from llmprobe.output.text.page import ANSWER, QUIET, Content, Page
from llmprobe.output.text.serving import settings_line, show_pool
from llmprobe.words.message import Message, message

NAME = 24


def show_best(page: Page, best: Choice, serving: Serving, *, explain: bool) -> None:
    """
    Print the first choice.
    """
    page.heading(message("page.choice-title", label=best.label, quant=best.quant))
    page.blank()
    place = serving.checkpoint.folder or serving.checkpoint.repository or serving.checkpoint.format
    weights = message("page.weights", bytes=best.download_bytes)
    page.pair(message("page.serving-weights"), (place, ANSWER), weights, at=NAME, indent=2)
    if serving.checkpoint.repository is not None and not serving.checkpoint.certain:
        page.pair("", (message("page.serving-unseen"), QUIET), at=NAME, indent=2)
    quality = message(
        "page.quality-of",
        words=best.quality.words,
        percent=best.quality.same_first_choice_percent if best.quality.value else None,
    )
    page.pair(message("page.quality"), quality, at=NAME, indent=2)
    page.joined(settings_line(serving.settings, serving.pool), indent=2, style=QUIET)
    page.blank()
    show_pool(page, serving.pool, serving.settings)
    page.blank()
    show_speed(page, best, serving)
    page.blank()
    _fullness(page, best)
    if best.reasons:
        page.heading(message("page.why"))
        page.bullets((*best.reasons, *best.details) if explain else best.reasons)


def show_others(page: Page, others: list[Choice]) -> None:
    """
    Print the other choices, one a row.
    """
    if not others:
        return
    page.heading(message("page.also-possible"))
    page.blank()
    names = [
        message("page.serving-format"),
        message("page.serving-devices"),
        message("page.context"),
        message("page.serving-figure", name="requests"),
        message("page.gib"),
        message("page.tokens-per-s"),
    ]
    rows: list[list[Content]] = []
    below = []
    for choice in others:
        serving = choice.serving
        assert serving is not None
        rows.append(
            [
                choice.quant,
                str(serving.settings.world_size),
                str(serving.settings.max_model_len),
                message("page.serving-count", likely=serving.pool.concurrency.likely),
                in_gib(sum(device.weights_bytes for device in choice.devices)),
                short_rate(choice.speed),
            ]
        )
        below.append(
            message(
                "page.serving-other",
                label=choice.label,
                quality=choice.quality.words,
                place=serving.checkpoint.repository,
            )
        )
    if page.table(names, rows, below=below):
        return
    for row, prose in zip(rows, below, strict=True):
        page.line((row[0], ANSWER), indent=2)
        named: list[Message] = [
            message("page.named-figure", name=name, figure=cell)
            for name, cell in zip(names[1:], row[1:], strict=True)
        ]
        page.joined(named, indent=4)
        page.line((prose, QUIET), indent=4)


def show_speed(page: Page, best: Choice, serving: Serving) -> None:
    """
    Print the speed of one request and of several.
    """
    page.line((message("page.tokens-per-s"), ANSWER))
    for each in serving.together:
        name = message("page.serving-users", users=each.users, ctx_size=each.ctx_size)
        page.line(message("page.named-figure", name=name, figure=rate(each.tokens_per_s)), indent=2)
    if best.speed.prompt_tokens_per_s is not None:
        name = message("page.prompt-processing")
        page.line(
            message("page.named-figure", name=name, figure=rate(best.speed.prompt_tokens_per_s)), indent=2
        )
    page.line((best.speed.reason, QUIET), indent=2)


def _fullness(page: Page, best: Choice) -> None:
    """
    Print what of each device is weights and what pool.
    """
    for device in best.devices:
        page.pair(
            f"{device.id} {device.name}" if device.name else device.id,
            message(
                "page.serving-device",
                weights_bytes=device.weights_bytes,
                cache_bytes=device.cache_bytes,
                rest_bytes=device.compute_bytes + device.overhead_bytes,
            ),
            at=NAME + 12,
            indent=2,
        )
