"""
An estimate beside what the engine really did.
"""

from llmprobe.estimation.speed.correction import about
from llmprobe.facts.estimate import Range
from llmprobe.facts.verification import SpeedCheck, Verification
from llmprobe.harmless import shell_word
from llmprobe.output.text.page import ANSWER, BAD, GOOD, QUIET, Page, Part
from llmprobe.units import MIB
from llmprobe.words.message import Message, message


def show(page: Page, answer: Verification, *, file: str) -> None:
    """
    Print the verdict, each buffer and speed as predicted and measured, what was run, and what is kept.
    """
    page.line(*_verdict(answer))
    settings = answer.settings
    page.line(
        (
            message(
                "page.verify-with",
                engine=answer.engine,
                build=answer.build,
                ctx_size=settings.ctx_size,
                gpu_layers=settings.gpu_layers or 0,
                cache_type_k=settings.cache_type_k,
            ),
            QUIET,
        ),
        hang=2,
    )
    if answer.buffers:
        page.blank()
        page.table(
            _names(message("page.verify-buffers")),
            [
                (
                    message(
                        "page.verify-buffer",
                        device=one.device,
                        kind=one.kind,
                    ),
                    _mib(one.predicted_bytes),
                    _mib(one.measured_bytes),
                    _same(one.agrees),
                )
                for one in answer.buffers
            ],
        )
    if any(one.measured is not None for one in answer.speeds):
        page.blank()
        page.table(_names(message("page.verify-speeds")), [_speed(one) for one in answer.speeds])
    page.heading(message("page.verify-steps"))
    page.bullets(
        message(
            "page.verify-step",
            program=one.program,
            status=one.status,
            detail=one.detail,
            seconds=one.seconds or None,
        )
        for one in answer.steps
    )
    page.bullets(answer.notes)
    if answer.correction is not None:
        page.blank()
        page.line(message("page.verify-kept", correction=about(answer.correction), path=answer.kept))
    if answer.agrees is False:
        page.blank()
        page.line(message("page.verify-report", file=shell_word(file)))


def _verdict(answer: Verification) -> tuple[Part, ...]:
    name = answer.model.name
    if answer.agrees is None:
        return ((message("page.verify-nothing", model=name), ANSWER),)
    differing = sum(one.agrees is False for one in answer.buffers)
    if differing:
        return ((message("page.verify-differs", count=differing, model=name), BAD),)
    return ((message("page.verify-agrees", model=name), GOOD),)


def _names(of: Message) -> tuple[Message | str, ...]:
    return (of, message("page.verify-predicted"), message("page.verify-measured"), "")


def _mib(size: int | None) -> Message:
    return message("page.verify-unknown") if size is None else message("page.verify-mib", mib=size / MIB)


def _speed(one: SpeedCheck) -> tuple[Part, ...]:
    return (
        message("page.speed-of", of=one.of),
        _range(one.predicted),
        message("page.verify-unknown")
        if one.measured is None
        else message("page.verify-rate", rate=one.measured),
        _within(one.within),
    )


def _same(agrees: bool | None) -> Message | str:
    if agrees is None:
        return ""
    return message("page.verify-same") if agrees else message("page.verify-not-same")


def _within(within: bool | None) -> Message | str:
    if within is None:
        return ""
    return message("page.verify-within") if within else message("page.verify-outside")


def _range(rate: Range | None) -> Message:
    if rate is None:
        return message("page.verify-unknown")
    return message("page.verify-range", likely=rate.likely, low=rate.low, high=rate.high)
