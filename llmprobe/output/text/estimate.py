"""
One configuration for a person to read: whether it fits, what each device holds, term by term, and the rule of thumb.
"""

from llmprobe.facts.estimate import DeviceEstimate, Estimate, ProjectorInEstimate, RuleOfThumb, Term
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.output.text.figures import first_token, in_gib, loading_time, rate
from llmprobe.output.text.page import ANSWER, BAD, GOOD, QUIET, WARNING, Content, Page, Part
from llmprobe.words.message import Message, message

COLUMNS = (
    "weights",
    "adapter",
    "cache",
    "compute",
    "output",
    "draft",
    "projector",
    "overhead",
    "total",
    "budget",
)
LONG = 200
"""Letters from which on how a figure came about is not repeated for the next device."""
SPEED_AT = 10


def show(page: Page, estimate: Estimate, *, origin: str, explain: bool) -> None:
    """
    Print an estimate for a machine of this origin; ``explain`` adds how the speed and the rule of thumb come about.
    """
    model = estimate.model
    title = message("page.estimate-of", model=model.name, quant=model.quant, parameters=model.parameters)
    page.line((title, ANSWER), hang=2)
    page.line(message("page.on-machine", origin=origin))
    page.blank()
    page.line(*_verdict(estimate), hang=2)
    page.joined(_settings(estimate.settings, estimate), indent=0, style=QUIET)
    if estimate.projector is not None:
        page.line(
            (
                message(
                    "page.projector", name=estimate.projector.name, size=projector_line(estimate.projector)
                ),
                QUIET,
            ),
            hang=2,
        )
    _table(page, estimate.devices)
    shown: dict[Message, str] = {}
    for device in estimate.devices:
        show_terms(page, device, shown)
    page.blank()
    _speed(page, estimate, explain=explain)
    if explain and estimate.rule_of_thumb is not None:
        _rule_of_thumb(page, estimate.rule_of_thumb)
    if estimate.notes:
        page.heading(message("page.good-to-know"))
        page.bullets(estimate.notes)


def show_terms(page: Page, device: DeviceEstimate, shown: dict[Message, str]) -> None:
    """
    Print the terms of one device, largest first: bytes, name, how the figure came about, how it is known.

    ``shown`` has, by how figures came about, the device that it was printed for; what is long is printed once.
    """
    terms = [term for term in device.terms if term.bytes]
    if not terms:
        return
    page.blank()
    page.line((device.id, ANSWER), (f"  {device.name}" if device.name else "", QUIET))
    for term in sorted(terms, key=lambda term: -term.bytes):
        page.item(
            message("figure.beside", bytes=term.bytes),
            _name(term),
            (message("page.term-how", how=_how(page, term, device.id, shown), basis=term.basis), QUIET),
        )


def _name(term: Term) -> Message:
    if term.low_bytes is None or term.high_bytes is None:
        return message("page.term", name=term.name)
    return message("page.term-range", name=term.name, low_bytes=term.low_bytes, high_bytes=term.high_bytes)


def _how(page: Page, term: Term, device: str, shown: dict[Message, str]) -> Message:
    if len(page.plain(term.how)) <= LONG:
        return term.how
    before = shown.setdefault(term.how, device)
    return term.how if before == device else message("page.as-on", device=before)


def _settings(settings: ResolvedSettings, estimate: Estimate) -> list[Message]:
    layers = estimate.layers
    same = settings.cache_type_k == settings.cache_type_v
    facts = [
        message(
            "page.set-context",
            ctx_size=settings.ctx_size,
            slots=settings.parallel if settings.parallel > 1 else None,
        ),
        message(
            "page.set-cache", type_k=settings.cache_type_k, type_v=None if same else settings.cache_type_v
        ),
        message("page.set-layers", layers=layers.offloaded, total=layers.total)
        if settings.devices
        else message("page.set-no-gpu"),
    ]
    if settings.split_mode == "tensor":
        facts.append(message("page.set-split-by-tensors", devices=len(settings.devices)))
    if settings.n_cpu_moe:
        repeating = max(1, layers.total - 1)
        facts.append(message("page.set-experts", layers=min(settings.n_cpu_moe, repeating)))
    facts.append(message("page.set-flash-attention", flash_attn=settings.flash_attn))
    facts.append(message("page.set-ubatch", ubatch_size=settings.ubatch_size))
    if estimate.draft is not None:
        facts.append(message("page.set-draft", ways=estimate.draft.types, tokens=estimate.draft.tokens))
    facts.append(message("page.set-engine", engine=settings.engine))
    return facts


def projector_line(projector: ProjectorInEstimate) -> Message:
    """
    A projector in one line: where it is, what it takes, and how much more the largest image takes.
    """
    return message(
        "page.projector-size",
        device=None if projector.device == "host" else projector.device,
        weights_bytes=projector.weights_bytes,
        compute_bytes=projector.compute_bytes,
        largest_bytes=projector.largest_image_bytes or None,
        side=projector.largest_image_size,
    )


def _verdict(estimate: Estimate) -> tuple[Part, ...]:
    if estimate.fits is None:
        return ((message("page.fits-unknown", total_bytes=estimate.total_bytes), WARNING),)
    speed = estimate.speed.generation_tokens_per_s
    if estimate.fits:
        fits = message(
            "page.fits",
            total_bytes=estimate.total_bytes,
            tokens_per_s=None if speed is None else speed.likely,
        )
        return ((fits, GOOD),)
    return ((message("page.fits-not", missing_bytes=estimate.missing_bytes), BAD),)


def _table(page: Page, devices: tuple[DeviceEstimate, ...]) -> None:
    rows: list[list[Part]] = []
    unused = {
        name
        for name in ("draft", "projector", "adapter")
        if not any(getattr(device, f"{name}_bytes") for device in devices)
    }
    columns = [name for name in COLUMNS if name not in unused]
    for device in devices:
        over = device.budget_bytes is not None and device.held_bytes > device.budget_bytes
        figures: list[Content] = [in_gib(getattr(device, f"{name}_bytes")) for name in columns]
        rows.append([(cell, "red" if over else "") for cell in [device.id, *figures]])
    if len(devices) > 1:
        sums: list[Content] = [
            in_gib(sum(getattr(device, f"{name}_bytes") for device in devices)) for name in columns[:-1]
        ]
        rows.append([(cell, QUIET) for cell in [message("page.all-devices"), *sums, ""]])
    long = [message("page.gib"), *(message("page.column", name=name) for name in columns)]
    short = [message("page.gib"), *(message("page.column-short", name=name) for name in columns)]
    page.blank()
    if not page.table(long, rows) and not page.table(short, rows):
        for row in rows:
            page.line(row[0])
            for name, cell in zip(long[1:], row[1:], strict=True):
                page.pair(name, cell, at=SPEED_AT + 2, indent=2)


def _speed(page: Page, estimate: Estimate, *, explain: bool) -> None:
    speed = estimate.speed
    figures = [
        (message("page.generation"), speed.generation_tokens_per_s),
        (message("page.generation-full"), speed.generation_at_full_context_tokens_per_s),
        (
            message("page.prompt-assumed") if speed.prompt_is_assumed else message("page.prompt-processing"),
            speed.prompt_tokens_per_s,
        ),
        (message("page.prompt-full"), speed.prompt_at_full_context_tokens_per_s),
    ]
    page.line((message("page.tokens-per-s"), ANSWER))
    for name, figure in figures:
        if figure is not None or name == figures[0][0]:
            page.line(message("page.named-figure", name=name, figure=rate(figure)), indent=2)
    if speed.time_to_first_token_s is not None:
        line = message("page.named-figure", name=message("page.first-token"), figure=first_token(speed))
        page.line(line, indent=2)
    if estimate.loading is not None:
        took = loading_time(estimate.loading)
        page.line(message("page.named-figure", name=message("page.loading"), figure=took), indent=2)
    if explain or speed.generation_tokens_per_s is None:
        page.line((speed.reason, QUIET), indent=2)


def _rule_of_thumb(page: Page, rule: RuleOfThumb) -> None:
    page.heading(message("page.rule-of-thumb"))
    low, high = rule.with_overhead_low_bytes, rule.with_overhead_high_bytes
    rows: list[list[Part]] = [
        [message("page.rule-f16"), in_gib(rule.f16_bytes)],
        [message("page.rule-overhead"), message("figure.gib-range", low_bytes=low, high_bytes=high)],
        [message("page.rule-four-bit"), in_gib(rule.four_bit_bytes)],
        [message("page.rule-exact"), in_gib(rule.exact_bytes)],
    ]
    page.table([message("page.rule"), message("page.gib")], rows)
    page.line(message("page.rule-why"), indent=2)
    page.bullets(rule.why, indent=4)
