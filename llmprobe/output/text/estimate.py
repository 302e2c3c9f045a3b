"""
One configuration for a person to read: what each device holds, term by term, and what the rule of thumb says.
"""

from llmprobe.facts.estimate import DeviceEstimate, Estimate, RuleOfThumb
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.output.text.console import Page
from llmprobe.output.text.figures import ORIGINS, in_gib, plural, rate, size
from llmprobe.units import format_count

COLUMNS = ("weights", "cache", "compute", "output", "overhead", "total", "budget")
WIDE_CELL = 10
SHORT = ("model", "cache", "graph", "out", "extra", "total", "budget")
"""The same columns where the page is too narrow for their names."""
LONG = 200
"""Letters from which on what is said of a figure is not said again for the next device."""


def show(page: Page, estimate: Estimate, *, origin: str, explain: bool) -> None:
    """
    Print an estimate for a machine of this origin; ``explain`` adds the rule of thumb beside the exact figure.
    """
    model = estimate.model
    page.line(
        (f"{model.name} {model.quant}", "bold"), f", {format_count(model.parameters)} parameters", hang=2
    )
    page.line(f"on {ORIGINS[origin]}")
    page.blank()
    page.joined(_settings(estimate.settings, estimate), indent=0)
    page.line(*_verdict(estimate), hang=2)
    _table(page, estimate.devices)
    said: dict[str, str] = {}
    for device in estimate.devices:
        show_terms(page, device, said)
    page.blank()
    speed = estimate.speed.generation_tokens_per_s
    page.item("Tokens/s  ", (rate(speed), "bold"), (f", {estimate.speed.reason}", "dim"), indent=0)
    if explain and estimate.rule_of_thumb is not None:
        _rule_of_thumb(page, estimate.rule_of_thumb)
    if estimate.notes:
        page.heading("Good to know")
        page.bullets(estimate.notes)


def show_terms(page: Page, device: DeviceEstimate, said: dict[str, str]) -> None:
    """
    Print the terms of one device, largest first: bytes, name, how the figure came about, how it is known.

    ``said`` has, by what was said of figures before, on which device; what is long is said once.
    """
    terms = [term for term in device.terms if term.bytes]
    if not terms:
        return
    page.blank()
    page.line((device.id, "bold"), (f"  {device.name}" if device.name else "", "dim"))
    for term in sorted(terms, key=lambda term: -term.bytes):
        bounds = ""
        if term.low_bytes is not None and term.high_bytes is not None:
            bounds = f" ({size(term.low_bytes)} to {size(term.high_bytes)})"
        told = term.how
        if len(told) > LONG:
            on = said.setdefault(told, device.id)
            told = told if on == device.id else f"as on {on}"
        how = f": {told} ({term.basis})" if told else f" ({term.basis})"
        page.item(f"{size(term.bytes):>10}  ", str(term.label) + bounds, (how, "dim"))


def _settings(settings: ResolvedSettings, estimate: Estimate) -> list[str]:
    layers = estimate.layers
    said = [
        f"context {settings.ctx_size}"
        + (f" over {plural(settings.parallel, 'slot')}" if settings.parallel > 1 else ""),
        f"cache {settings.cache_type_k}"
        + (f"/{settings.cache_type_v}" if settings.cache_type_v != settings.cache_type_k else ""),
        f"{layers.offloaded} of {layers.total} layers on the GPU" if settings.devices else "on the processor",
    ]
    if settings.n_cpu_moe:
        repeating = max(1, layers.total - 1)
        said.append(f"experts of {plural(min(settings.n_cpu_moe, repeating), 'layer')} on the CPU")
    said.append(f"flash attention {settings.flash_attn}")
    said.append(f"micro-batch {settings.ubatch_size}")
    said.append(settings.engine)
    return said


def _verdict(estimate: Estimate) -> tuple[str | tuple[str, str], ...]:
    if estimate.fits is None:
        return (("Unknown whether it fits", "bold yellow"), ": no budget is known for some of the devices")
    if estimate.fits:
        return (("It fits", "bold green"),)
    missing = "" if estimate.missing_bytes is None else f": {size(estimate.missing_bytes)} are missing"
    return (("It does not fit", "bold red"), missing)


def _table(page: Page, devices: tuple[DeviceEstimate, ...]) -> None:
    cell = WIDE_CELL if page.width >= 80 else 8 if page.width >= 64 else 7
    names = COLUMNS if cell == WIDE_CELL else SHORT
    page.blank()
    page.row("GiB", names, cell=cell, style="bold")
    for device in devices:
        figures = [in_gib(getattr(device, f"{name}_bytes")) for name in COLUMNS]
        over = device.budget_bytes is not None and device.total_bytes > device.budget_bytes
        page.row(device.id, figures, cell=cell, style="red" if over else "")
    if len(devices) > 1:
        sums = [in_gib(sum(getattr(device, f"{name}_bytes") for device in devices)) for name in COLUMNS[:-1]]
        page.row("all", [*sums, ""], cell=cell, style="dim")


def _rule_of_thumb(page: Page, rule: RuleOfThumb) -> None:
    page.heading("The rule of thumb beside the exact figure, in GiB")
    page.blank()
    rows = (
        ("parameters x 2 bytes", in_gib(rule.f16_bytes)),
        (
            "the same + 20 to 50 %",
            f"{in_gib(rule.with_overhead_low_bytes)} to {in_gib(rule.with_overhead_high_bytes)}",
        ),
        ("4 bits: parameters x 0.6 bytes", in_gib(rule.four_bit_bytes)),
        ("exact, as set above", in_gib(rule.exact_bytes)),
    )
    for name, figure in rows:
        page.line(f"{name:<32}{figure:>18}", indent=2)
    page.line("Why they differ:", indent=2)
    page.bullets(rule.why, indent=4)
