"""
What would help a machine, for a person to read: the answer, what it runs now, and each change with what it brings.
"""

from llmprobe.facts.upgrade import Reached, Step, Upgrade
from llmprobe.output.text import findings
from llmprobe.output.text.figures import price, rate
from llmprobe.output.text.page import ANSWER, BAD, COMMAND, GOOD, Content, Page
from llmprobe.output.text.recommend import machine_line
from llmprobe.words.message import Message, message


def show(page: Page, answer: Upgrade) -> None:
    """
    Print what helps, what costs nothing first, and in short what does not.
    """
    if answer.model is not None:
        page.line(
            message("page.model-title", model=answer.model.name, parameters=answer.model.parameters), hang=2
        )
    machine_line(page, answer.machine)
    page.blank()
    helping = [step for step in answer.steps if step.helps]
    page.line((answer.verdict, GOOD if helping or answer.now is not None else BAD), hang=2)
    page.heading(message("page.upgrade-now"))
    page.joined(_now(answer.now), indent=2)
    _steps(page, message("page.upgrade-free"), [step for step in helping if step.costs_nothing])
    _steps(page, message("page.upgrade-bought"), [step for step in helping if not step.costs_nothing])
    _steps(page, message("page.upgrade-unknown"), [step for step in answer.steps if step.helps is None])
    useless = [step for step in answer.steps if step.helps is False]
    if useless:
        page.heading(message("page.upgrade-useless"))
        page.bullets([message("page.upgrade-step", name=step.name, outcome=step.outcome) for step in useless])
    page.heading(message("page.upgrade-second-card"))
    page.line((answer.second_card.answer, ANSWER), indent=2, hang=2)
    page.heading(message("page.good-to-know"))
    page.bullets(answer.notes)
    findings.show(page, answer.findings)


def _now(now: Reached | None) -> list[Content]:
    if now is None:
        return [message("page.upgrade-nothing")]
    choice = now.choice
    facts: list[Content] = [
        message("page.upgrade-runs", model=now.model_name, quant=choice.quant),
        message(
            "page.upgrade-layers",
            layers=choice.gpu_layers or None,
            total=choice.total_layers,
            experts=choice.n_cpu_moe + len(choice.cpu_moe_layers) or None,
            how=message("page.by-tensors") if choice.split_mode == "tensor" else None,
        ),
        message("page.plan-rate", rate=rate(choice.speed.generation_tokens_per_s)),
    ]
    if choice.time is not None:
        facts.append(message("page.upgrade-answer", seconds=choice.time.seconds.likely))
    if now.reads_as is not None:
        facts.append(message("page.upgrade-reads-as", reads_as=now.reads_as, unit=now.unit, test=now.test))
    return facts


def _steps(page: Page, heading: Message, steps: list[Step]) -> None:
    if not steps:
        return
    page.heading(heading)
    for step in steps:
        page.line((step.name, ANSWER), indent=2, hang=2)
        page.line(step.outcome, indent=4, hang=2)
        costs: list[Content] = []
        if step.price is not None:
            costs.append(price(step.price))
        if step.watts is not None:
            costs.append(message("page.upgrade-watts", watts=step.watts))
        if costs:
            page.joined(costs, indent=4)
        for command in step.commands:
            page.verbatim(command, indent=4, style=COMMAND)
