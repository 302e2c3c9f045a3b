"""
What the Vulkan loader says of this machine's devices, asked in a process of its own, which may crash or hang.
"""

import os
import sys

from llmprobe.facts.answer import Answer
from llmprobe.source.live import commands

_PROGRAM = "vulkan_devices.py"
_LAST_LINE = 200


def ask(timeout_s: float, children: commands.Children) -> Answer:
    """
    The devices as the loader lists them. No loader and no driver are ``missing``; one that crashes has ``failed``.
    """
    if not sys.executable:
        return Answer(status="failed", detail="there is no Python to ask it with")
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), _PROGRAM)  # noqa: PTH100, PTH118, PTH120 - pathlib is imported by nothing else here
    printed = commands.run((sys.executable, "-I", "-S", path), timeout_s, children)
    return printed if not printed.ok else of_output(printed.value)


def of_output(printed: dict[str, object]) -> Answer:
    """
    The answer that the program printed as its last line; what drivers print stands before it.
    """
    import msgspec

    lines = str(printed["stdout"]).splitlines()
    try:
        answer = msgspec.json.decode(lines[-1] if lines else "", type=Answer)
    except (msgspec.DecodeError, msgspec.ValidationError):
        said = [line for line in str(printed["stderr"]).splitlines() if line.strip()]
        reason = f": {said[-1].strip()[:_LAST_LINE]}" if said else ""
        return Answer(status="failed", detail=f"the loader or a driver ended with {printed['exit']}{reason}")
    return answer if printed["exit"] == 0 or answer.ok else Answer(status="failed", detail=answer.detail)
