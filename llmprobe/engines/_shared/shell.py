"""
Words of a shell: a command that can be copied, whatever the names in it hold.

Commands are written for a POSIX shell. On Windows they are PowerShell's: no here-documents, variables are set by
lines of their own, and a comma outside of quotes would make several words of one.
"""

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from llmprobe.harmless import shell_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmprobe.facts.fleet import Node
    from llmprobe.facts.recommendation import Choice

_PLAIN = r"[\w./:\\=+-]+"
"""Signs that PowerShell takes as they are, in a word that does not begin with one of its own."""


def environment_words(environment: dict[str, str]) -> list[str]:
    """
    Variables as they are set before a command.
    """
    return [f"{name}={shell_word(value)}" for name, value in sorted(environment.items())]


def line(choice: "Choice", environment: dict[str, str], words: list[str]) -> str:
    """
    A command of quoted words with its variables, for the shell of a choice.
    """
    if choice.shell == "sh":
        return " ".join((*environment_words(environment), *words))
    variables = [f"$env:{name} = {quoted(value)};" for name, value in sorted(environment.items())]
    return " ".join((*variables, *map(_translated, words)))


def quoted(text: str) -> str:
    """
    Text as PowerShell takes it whatever it holds.
    """
    return "'" + text.replace("'", "''") + "'"


def _translated(word: str) -> str:
    """
    A word for a POSIX shell as PowerShell takes it. What only an escape can write is left as it is.
    """
    if word.startswith("$'"):
        return word
    import shlex

    plain = " ".join(shlex.split(word))
    return plain if re.fullmatch(_PLAIN, plain) else quoted(plain)


def devices_in_use(choice: "Choice") -> tuple[str, ...]:
    """
    The ids of the devices that hold layers of a choice.
    """
    return tuple(device.id for device in choice.devices if device.id != "host")


def visible(choice: "Choice", backend: str | None) -> dict[str, str]:
    """
    What shows a serving engine the devices in use: by number, as vLLM ends on their UUIDs (vllm-project/vllm#20939).

    An instance of a divided device has no number, so that its UUID is all that there is.
    """
    return choice.environment if choice.use_devices is None else _by_number(choice.device_numbers, backend)


def shown(node: "Node", backend: str | None) -> dict[str, str]:
    """
    The same on one machine of several; nothing where all of its devices are in use.
    """
    return {} if node.numbers is None else _by_number(node.numbers, backend)


def uneven(name: str, nodes: "Sequence[Node]") -> dict[str, str]:
    """
    The variable of an engine that says how many layers each stage of a pipeline has; nothing where all have even parts.
    """
    layers = [node.layers for node in nodes if node.layers is not None]
    return {name: ",".join(map(str, layers))} if len(layers) == len(nodes) else {}


def _by_number(devices: tuple[int, ...], backend: str | None) -> dict[str, str]:
    numbers = ",".join(map(str, devices))
    if backend == "rocm":
        return {"HIP_VISIBLE_DEVICES": numbers}
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": numbers}


def is_address(name: str) -> bool:
    """
    Whether this is an address and no name.
    """
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
