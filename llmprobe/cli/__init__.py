"""
The command line: options in, documents out, exit codes. What is answered is decided elsewhere.

A command's module is imported when the command is used, and what it needs when it runs.
"""

import gc
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

INTERRUPTED = 130
YOUNG_OBJECTS = 300_000
"""
New objects that set off the search for garbage in cycles, in a process of ours. Of modules, which is most of what a
command makes, nothing becomes garbage, and of graphs little; Python's own number searches them some fifty times. The
largest searches make 200,000.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run ``llmprobe`` with these arguments (those of the process by default), to its exit code.

    Ctrl-C ends it quietly at any moment, also while modules are still being imported. Without arguments the process
    is ours: an interrupt that some import turned into an error of its own is one all the same, and one that comes
    while Python ends kills it at once. In a background job of a shell, which ignores Ctrl-C, it stays ignored.
    """
    interrupts: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    owns_process = arguments is None and handler in (signal.default_int_handler, signal.SIG_IGN)
    heeds_interrupts = owns_process and handler is not signal.SIG_IGN

    def interrupted(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        signal.default_int_handler(number, frame)

    try:
        if heeds_interrupts:
            signal.signal(signal.SIGINT, interrupted)
        if owns_process:
            gc.set_threshold(YOUNG_OBJECTS)
        from llmprobe.cli.ending import run

        return run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BaseException:
        if interrupts:
            return INTERRUPTED
        raise
    finally:
        if heeds_interrupts:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        if owns_process:
            # All memory goes back at once; Python would search it for cycles twice more before.
            gc.freeze()


def program() -> None:
    """
    Run ``llmprobe`` as the installed program: the process ends with the exit code of ``main``.

    What is to be written is written by then, and whatever ran is closed. Python would still take all modules apart,
    which takes a thirtieth of a command. A bug keeps its traceback.
    """
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            # Closed, or full: an answer that was lost has its exit code already.
            continue
    os._exit(code)
