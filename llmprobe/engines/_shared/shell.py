"""
Words of a shell: a command that can be copied, whatever the names in it hold.
"""

from typing import TYPE_CHECKING

from llmprobe.harmless import shell_word

if TYPE_CHECKING:
    from llmprobe.facts.recommendation import Choice


def environment_words(environment: dict[str, str]) -> list[str]:
    """
    Variables as they are set before a command.
    """
    return [f"{name}={shell_word(value)}" for name, value in sorted(environment.items())]


def devices_in_use(choice: "Choice") -> tuple[str, ...]:
    """
    The ids of the devices that hold layers of a choice.
    """
    return tuple(device.id for device in choice.devices if device.id != "host")
