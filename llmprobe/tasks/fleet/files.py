"""
The files that the answer of many machines is kept in: lines of JSON to go on from, and a table in Parquet.
"""

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.facts.fleet import FleetFit
from llmprobe.output import parquet
from llmprobe.words.message import message


def files_of(names: Sequence[str]) -> tuple[Path | None, Path | None]:
    """
    Of names the file of lines and the table, which ends in ``.parquet``; at most one of each. What a table needs is
    looked for before the machines are searched, which takes longer.

    Raises:
        UsageError: two are of one kind, or one has no name.
        LlmprobeError: there is no folder for a table, or pyarrow is not installed.
    """
    lines: Path | None = None
    table: Path | None = None
    for name in names:
        path = Path(name)
        is_table = path.suffix.lower() == parquet.SUFFIX
        if not name or (table if is_table else lines) is not None:
            raise UsageError(message("error.fleet-outputs"), hint=message("hint.fleet-outputs"))
        if is_table:
            table = path
        else:
            lines = path
    if table is not None:
        parquet.pyarrow()
        if not table.absolute().parent.is_dir():
            raise LlmprobeError(
                message("error.folder-missing", path=str(table.parent)), hint=message("hint.make-folder")
            )
        if table.is_dir():
            raise LlmprobeError(
                message("error.is-a-folder", path=str(table)),
                hint=message("hint.such-as", example=f"--output {table.name}/fits.parquet"),
            )
    return lines, table


def write_table(answer: FleetFit, path: Path) -> None:
    """
    Write the table beside its place and rename it: nobody reads half of one.

    Raises:
        LlmprobeError: it cannot be written.
    """
    written = parquet.to_parquet(answer)
    try:
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", dir=path.parent, delete=False) as file:
            beside = Path(file.name)
            file.write(written)
        try:
            beside.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise
    except OSError as error:
        raise LlmprobeError(
            message("error.unwritable", path=str(path), why=(error.strerror or str(error)).lower()),
            hint=message("hint.elsewhere", option="--output"),
        ) from None
