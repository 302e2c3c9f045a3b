"""
What a machine runs best, for a person to read: the answer, a line for each model, and what was left out.
"""

from itertools import pairwise

from llmprobe.facts.fit import Fit, Fitting, KeptInFit
from llmprobe.output.text import findings
from llmprobe.output.text.figures import short_rate
from llmprobe.output.text.page import ANSWER, BAD, COMMAND, GOOD, QUIET, Page, Part
from llmprobe.output.text.recommend import machine_line
from llmprobe.words.message import Message, message

SOME = 12
"""Names that a list shows; the rest is counted."""


def show(page: Page, answer: Fit, *, explain: bool) -> None:
    """
    Print what runs here, best first; ``explain`` adds how the points of each come about.
    """
    machine_line(page, answer.machine)
    page.blank()
    if answer.verdict is not None:
        page.line((answer.verdict, GOOD if answer.rows else BAD), hang=2)
    if answer.rows:
        page.blank()
        _rows(page, answer.rows)
    if answer.next_model is not None:
        page.heading(message("page.fit-next"))
        page.bullets((answer.next_model,))
    if explain:
        page.heading(message("page.balance"))
        page.bullets(answer.balance)
    page.heading(message("page.good-to-know"))
    page.bullets(answer.notes)
    if not explain and any(one.reads_as < two.reads_as for one, two in pairwise(answer.rows)):
        page.bullets((message("page.fit-order", test=answer.rows[0].capability.test),))
    if answer.left_out:
        page.bullets((message("page.fit-left-out", reasons=answer.left_out),))
    if answer.unranked:
        names = tuple(one.id for one in answer.unranked[:SOME])
        more = len(answer.unranked) - len(names)
        page.bullets((message("page.fit-unranked", names=names, more=more or None),))
    if answer.kept:
        page.heading(message("page.fit-kept"))
        page.bullets([_kept(one) for one in answer.kept])
    findings.show(page, answer.findings)
    if answer.rows:
        page.heading(message("page.fit-go-on"))
        page.verbatim(page.own_command(_arguments(answer, answer.rows[0])), indent=2, style=COMMAND)


def _rows(page: Page, rows: tuple[Fitting, ...]) -> None:
    names = (
        message("page.model"),
        message("page.quantization"),
        message("page.fit-size"),
        message("page.tokens-per-s"),
        message("page.fit-ability", test=rows[0].capability.test),
    )
    lines = [below(row) for row in rows]
    if not page.table(
        names, [_cells(number, row) for number, row in enumerate(rows, 1)], below=lines, indent=0
    ):
        for number, row in enumerate(rows, 1):
            page.line(*_in_one_line(number, row), hang=4)
            page.line((below(row), QUIET), indent=2)


def _cells(number: int, row: Fitting) -> tuple[Part, ...]:
    return (
        (message("page.fit-name", number=number, name=row.model.name), ANSWER),
        row.choice.quant,
        message("figure.size", bytes=file_bytes(row)),
        short_rate(row.choice.speed),
        reads_as(row),
    )


def _in_one_line(number: int, row: Fitting) -> tuple[Part, ...]:
    return (
        (message("page.fit-name", number=number, name=row.model.name), ANSWER),
        message(
            "page.fit-line",
            quant=row.choice.quant,
            bytes=file_bytes(row),
            tokens_per_s=short_rate(row.choice.speed),
            ability=reads_as(row),
            test=row.capability.test,
        ),
    )


def reads_as(row: Fitting) -> Message:
    return message("page.fit-reads-as", reads_as=row.reads_as, unit=row.capability.unit)


def below(row: Fitting) -> Message:
    """
    The line under a row: the name to type, where it runs, what its file loses, and what is known of the model.
    """
    return message(
        "page.fit-below",
        id=row.model.id,
        mode=row.capability.mode,
        seconds=None if row.choice.time is None else row.choice.time.seconds.likely,
        facts=(*row.why[-1:],),
        released=row.model.released,
        license=row.model.license,
        variants=row.variants,
    )


def _kept(one: KeptInFit) -> Message:
    """
    A model on this disk that is none of the catalog, and how it runs.
    """
    if one.problem is not None:
        return one.problem
    if one.choice is None:
        return message("page.fit-kept-not", name=one.name, quant=one.quant, parameters=one.parameters)
    return message(
        "page.fit-kept-runs",
        name=one.name,
        quant=one.quant,
        parameters=one.parameters,
        tokens_per_s=short_rate(one.choice.speed),
        layers=one.choice.gpu_layers or None,
        total=one.choice.total_layers,
    )


def file_bytes(row: Fitting) -> int:
    return row.choice.download_bytes or sum(device.weights_bytes for device in row.choice.devices)


def _arguments(answer: Fit, row: Fitting) -> str:
    engine = "" if answer.wishes.engine == "llama.cpp" else f" --engine {answer.wishes.engine}"
    use = "" if row.answers is None else f" --for {row.answers}"
    return f"recommend {row.model.id} -c {row.choice.ctx_size}{use}{engine}"
