"""
What the single executable file starts (``make app``): the installed program, as a command of its own.
"""

import os

from llmprobe.cli import program

LIBRARIES, BEFORE = "LD_LIBRARY_PATH", "LD_LIBRARY_PATH_ORIG"
"""
What PyInstaller sets for its own start, and where it keeps what was there: commands that this program runs, such as
nvidia-smi, must find their own libraries (https://pyinstaller.org/en/stable/runtime-information.html).
"""


def start() -> None:
    """
    Run the program in the environment that the user has.
    """
    before = os.environ.pop(BEFORE, None)
    if before is not None:
        os.environ[LIBRARIES] = before
    else:
        os.environ.pop(LIBRARIES, None)
    program()


if __name__ == "__main__":
    start()
