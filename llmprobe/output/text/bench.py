"""
What was measured on this machine.
"""

from llmprobe.facts.bench import Bench
from llmprobe.facts.measured import Measurement
from llmprobe.output.text.page import ANSWER, QUIET, Page
from llmprobe.words.message import Message, message

NAMES = 8
"""Columns of the names before the figures."""


def show(page: Page, answer: Bench) -> None:
    """
    Print the figures, what they are based on, and where they are kept.
    """
    measured = answer.measurement
    ram = measured.ram
    verdict = message("page.bench-verdict", bytes_per_s=None if ram is None else ram.bytes_per_s)
    page.line((verdict, ANSWER))
    page.line((message("page.bench-took", seconds=answer.seconds), QUIET))
    page.blank()
    if ram is not None:
        page.pair(message("page.ram"), ram_line(measured), at=NAMES)
        for node in ram.nodes:
            page.pair(
                "",
                message(
                    "page.bench-node",
                    number=node.number,
                    bytes_per_s=node.bytes_per_s,
                    threads=node.threads,
                ),
                at=NAMES,
            )
    if measured.cores is not None:
        cores = measured.cores
        line = message(
            "page.bench-cores",
            threads=cores.threads,
            worth=round(cores.worth, 1),
            one_bytes_per_s=cores.one_bytes_per_s,
        )
        page.pair(message("page.cpu"), line, at=NAMES)
    for disk in measured.disks:
        line = message(
            "page.bench-disk",
            bytes_per_s=disk.bytes_per_s,
            directory=disk.directory,
            bytes=disk.read_bytes,
        )
        page.pair(message("page.bench-disk-name"), line, at=NAMES)
    if answer.notes:
        page.heading(message("page.notes"))
        page.bullets(answer.notes)
    if answer.kept is not None:
        page.blank()
        page.line((message("page.bench-kept", path=answer.kept), QUIET))


def ram_line(measured: Measurement) -> Message:
    """
    The rate of the RAM and what it is based on, or that it no longer counts.
    """
    ram = measured.ram
    assert ram is not None
    low = None if ram.low == 1 else round(ram.low * ram.bytes_per_s)
    return message(
        "page.bench-ram",
        bytes_per_s=ram.bytes_per_s,
        low=low,
        threads=ram.threads,
        bytes=ram.span_bytes,
        passes=ram.passes,
    )
