"""
What a model needs, for a person to read: the memory, and the machines of each kind.
"""

import shlex

from llmprobe.facts.plan import Plan, Planned
from llmprobe.output.text.figures import price, rate
from llmprobe.output.text.page import ANSWER, QUIET, Content, Page
from llmprobe.words.message import Message, message

KINDS = (
    ("one-card", message("page.plan-kind.one-card")),
    ("several-cards", message("page.plan-kind.several-cards")),
    ("card-and-ram", message("page.plan-kind.card-and-ram")),
    ("unified", message("page.plan-kind.unified")),
    ("processor", message("page.plan-kind.processor")),
)
"""Each kind of machine with its heading."""


def show(page: Page, answer: Plan) -> None:
    """
    Print what a model needs, the machines by kind, and how to see one in full.
    """
    page.line(
        message(
            "page.plan-title",
            model=answer.model.name,
            parameters=answer.model.parameters,
            quant=answer.wishes.quant,
            file_bytes=answer.needs.file_bytes,
            ctx_size=answer.wishes.ctx_size,
        ),
        hang=2,
    )
    page.blank()
    needs = answer.needs
    page.line(
        (
            message(
                "page.plan-needs",
                gpu_bytes=needs.gpu_bytes,
                ram_beside_bytes=needs.ram_beside_bytes,
                ram_alone_bytes=needs.ram_alone_bytes,
            ),
            ANSWER,
        ),
        hang=2,
    )
    for kind, heading in KINDS:
        page.heading(heading)
        rows = [one for one in answer.machines if one.kind == kind]
        for one in rows:
            page.line((one.name, ANSWER), indent=2, hang=2)
            page.joined(_facts(one), indent=4)
        if not rows:
            page.line((message("page.plan-none"), QUIET), indent=2)
    page.heading(message("page.good-to-know"))
    page.bullets(answer.notes)
    if answer.machines:
        page.heading(message("page.plan-try"))
        page.verbatim(_command(answer, answer.machines[0]), indent=2)


def _facts(one: Planned) -> list[Content]:
    choice = one.choice
    layers: Message = message("page.plan-whole", gpus=2 if one.kind == "several-cards" else 1)
    if one.kind == "processor":
        layers = message("where.cpu")
    elif not one.whole:
        layers = message(
            "page.plan-layers",
            layers=choice.gpu_layers,
            total=choice.total_layers,
            experts=choice.n_cpu_moe + len(choice.cpu_moe_layers) or None,
        )
    facts: list[Content] = [
        layers,
        message("page.plan-rate", rate=rate(choice.speed.generation_tokens_per_s)),
    ]
    if one.watts is not None:
        facts.append(message("page.plan-watts", watts=one.watts))
    if one.price is not None:
        facts.append(price(one.price))
    return facts


def _command(answer: Plan, one: Planned) -> str:
    words = ["llmprobe"]
    for gpu in one.gpus:
        words += ["--gpu", gpu]
    if one.ram is not None:
        words += ["--ram", one.ram]
    words += ["recommend", answer.model.id, "-c", str(answer.wishes.ctx_size), "--quant", answer.wishes.quant]
    return shlex.join(words)
