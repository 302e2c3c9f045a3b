"""
What a longer context costs, for a person to read: a line for each context.
"""

from llmprobe.facts.recommendation import AtContext
from llmprobe.output.text.figures import in_gib
from llmprobe.output.text.page import Content, Page
from llmprobe.words.message import message

NAMES = (
    message("page.context-tokens"),
    message("page.quantization"),
    message("page.gpu-layers"),
    message("page.context-experts"),
    message("page.context-cache"),
    message("page.context-gib"),
    message("page.tokens-per-s"),
    message("page.context-full"),
)
EXPERTS = 3


def show(page: Page, rows: tuple[AtContext, ...]) -> None:
    """
    Print what each context takes and how fast it is, empty and full.
    """
    page.heading(message("page.contexts"))
    page.blank()
    with_experts = any(row.host_experts for row in rows)
    shown = [number for number in range(len(NAMES)) if with_experts or number != EXPERTS]
    cells = [[_cells(row)[number] for number in shown] for row in rows]
    if not page.table([NAMES[number] for number in shown], cells):
        for row in cells:
            page.joined([fact for fact in row if fact != ""], indent=2)


def _cells(row: AtContext) -> tuple[Content, ...]:
    if not row.fits:
        return (str(row.ctx_size), message("page.context-does-not-fit"), *[""] * (len(NAMES) - 2))
    same = row.cache_type_k == row.cache_type_v
    speeds = (row.generation_tokens_per_s, row.generation_at_full_context_tokens_per_s)
    return (
        str(row.ctx_size),
        str(row.quant),
        message("page.layers-of", layers=row.gpu_layers, total=row.total_layers),
        message("page.experts-layers", layers=row.host_experts or None),
        str(row.cache_type_k) if same else f"{row.cache_type_k}/{row.cache_type_v}",
        in_gib((row.device_bytes or 0) + (row.host_bytes or 0)),
        *(message("figure.rate-short", likely=None if one is None else one.likely) for one in speeds),
    )
