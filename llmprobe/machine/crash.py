"""
A probe or a rule that raised, as the report of a source.
"""

from llmprobe.facts.machine import SourceReport
from llmprobe.words.message import message


def crashed(name: str, error: BaseException, *, duration_ms: float | None = None) -> SourceReport:
    """
    The report of what raised, with the innermost line that the error comes from.
    """
    file, line = _place(error)
    detail = message(
        "source.crashed", error=type(error).__name__, reason=str(error) or None, file=file, line=line
    )
    return SourceReport(name=name, status="crashed", duration_ms=duration_ms, detail=detail)


def _place(error: BaseException) -> tuple[str | None, int | None]:
    file, line = None, None
    frame = error.__traceback__
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename.replace("\\", "/").rsplit("/", 1)[-1]
        line = frame.tb_lineno
        frame = frame.tb_next
    return file, line
