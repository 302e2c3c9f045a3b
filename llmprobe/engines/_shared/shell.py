"""
Words of a shell: a command that can be copied, whatever the names in it hold.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmprobe.facts.recommendation import Choice


def shell_word(text: str) -> str:
    """
    A word as a POSIX shell must be given it. Control characters and marks of direction become escapes
    (``$'…\\x1b'``), so that the shell gets the name and the terminal no command.
    """
    if text.isprintable():
        # Not at the top: a machine is checked with this module loaded, and no command printed.
        import shlex

        return shlex.quote(text)
    return "$'" + "".join(_escaped(sign) for sign in text) + "'"


def _escaped(sign: str) -> str:
    if sign in "\\'":
        return f"\\{sign}"
    if sign.isprintable():
        return sign
    return "".join(f"\\x{byte:02x}" for byte in sign.encode("utf-8", "surrogateescape"))


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
