"""
One configuration of a serving engine for a person to read: whether it starts, its pool, and each device term by term.
"""

from llmprobe.facts.estimate import DeviceEstimate
from llmprobe.facts.serving import Pool, ServingEstimate, ServingSettings
from llmprobe.output.text.estimate import show_terms
from llmprobe.output.text.figures import in_gib
from llmprobe.output.text.page import ANSWER, BAD, GOOD, QUIET, WARNING, Content, Page, Part
from llmprobe.words.message import Message, message

COLUMNS = ("weights", "cache", "compute", "overhead", "total", "budget")
FIGURE_AT = 24


def show(page: Page, estimate: ServingEstimate, *, origin: str) -> None:
    """
    Print an estimate for a machine of this origin.
    """
    model = estimate.model
    title = message("page.estimate-of", model=model.name, quant=model.quant, parameters=model.parameters)
    page.line((title, ANSWER), hang=2)
    page.line(message("page.on-machine", origin=origin))
    page.blank()
    page.line(*_verdict(estimate), hang=2)
    page.joined(settings_line(estimate.settings, estimate.pool), indent=0, style=QUIET)
    if estimate.pool is not None:
        page.blank()
        show_pool(page, estimate.pool, estimate.settings)
    _table(page, estimate.devices)
    shown: dict[Message, str] = {}
    before: DeviceEstimate | None = None
    for device in estimate.devices:
        if before is None or before.terms != device.terms:
            show_terms(page, device, shown)
        before = device
    if estimate.notes:
        page.heading(message("page.good-to-know"))
        page.bullets(estimate.notes)


def show_pool(page: Page, pool: Pool, settings: ServingSettings) -> None:
    """
    Print the pool and what it holds.
    """
    rows = [
        (
            "pool",
            message(
                "page.serving-bytes",
                likely=max(0, pool.bytes.likely_bytes),
                low=max(0, pool.bytes.low_bytes),
                high=max(0, pool.bytes.high_bytes),
            ),
        ),
        ("tokens", _counts(pool.tokens.low, pool.tokens.likely, pool.tokens.high)),
        (
            "requests",
            message(
                "page.serving-requests",
                likely=pool.concurrency.likely,
                low=pool.concurrency.low,
                high=pool.concurrency.high,
                ctx_size=settings.max_model_len,
                bytes=pool.request_bytes,
            ),
        ),
        ("longest", _counts(pool.longest.low, pool.longest.likely, pool.longest.high)),
    ]
    for name, figure in rows:
        page.pair(message("page.serving-figure", name=name), figure, at=FIGURE_AT)


def _counts(low: int, likely: int, high: int) -> Message:
    same = low == high
    return message(
        "page.serving-tokens", likely=likely, low=None if same else low, high=None if same else high
    )


def settings_line(settings: ServingSettings, pool: Pool | None) -> list[Message]:
    """
    The settings in force, each a short fact. How many of the requests at once the pool holds is said where it is fewer.
    """
    held = None if pool is None else max(0, int(pool.concurrency.likely))
    facts = [
        message("page.set-context", ctx_size=settings.max_model_len, slots=None),
        message(
            "page.set-requests",
            requests=settings.max_num_seqs,
            held=held if held is not None and held < settings.max_num_seqs else None,
            tokens=settings.max_num_batched_tokens,
        ),
        message("page.set-serving-cache", type=settings.kv_cache_dtype, block=settings.block_size),
    ]
    if settings.world_size > 1:
        facts.append(
            message(
                "page.set-ranks",
                tensor=settings.tensor_parallel_size,
                pipeline=settings.pipeline_parallel_size,
            )
        )
    if settings.enable_expert_parallel:
        facts.append(message("page.set-expert-parallel"))
    if settings.gpu_memory_utilization is not None:
        facts.append(message("page.set-share", share=settings.gpu_memory_utilization))
    if settings.mem_fraction_static is not None:
        facts.append(message("page.set-static", share=settings.mem_fraction_static))
    facts.append(message("page.set-serving-engine", engine=settings.engine, version=settings.version))
    return facts


def _verdict(estimate: ServingEstimate) -> tuple[Part, ...]:
    if estimate.failure is None:
        if estimate.fits:
            return ((message("page.serving-starts"), GOOD),)
        return ((message("page.serving-starts-likely"), WARNING),)
    if estimate.fits is None:
        return ((message("page.serving-may-fail", why=estimate.failure), WARNING),)
    return ((message("page.serving-fails", why=estimate.failure), BAD),)


def _table(page: Page, devices: tuple[DeviceEstimate, ...]) -> None:
    rows: list[list[Part]] = []
    for device in devices:
        cells: list[Content] = [device.id, *(in_gib(getattr(device, f"{name}_bytes")) for name in COLUMNS)]
        rows.append(list(cells))
    names = [message("page.gib"), *(message("page.column", name=name) for name in COLUMNS)]
    short = [message("page.gib"), *(message("page.column-short", name=name) for name in COLUMNS)]
    page.blank()
    if not page.table(names, rows) and not page.table(short, rows):
        for row in rows:
            page.line(row[0])
            for name, cell in zip(names[1:], row[1:], strict=True):
                page.pair(name, cell, at=12, indent=2)
