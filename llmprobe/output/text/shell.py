"""
A long command on several lines that can still be copied into a shell.
"""

from llmprobe.harmless import harmless_command


def lines(command: str, width: int | None) -> list[str]:
    """
    A harmless command broken before options, each line but the last ending in a backslash; None does not break.

    Only a command without quotes and line ends is broken: inside them a backslash would mean something else.
    """
    command = harmless_command(command)
    if width is None or len(command) <= width or any(sign in command for sign in "'\"\n\\"):
        return command.split("\n")
    rows: list[str] = []
    row = ""
    for group in _options(command.split(" ")):
        longer = f"{row} {group}" if row else group
        if row and len(longer) + 2 > width:
            rows.append(f"{row} \\")
            longer = f"  {group}"
        row = longer
    return [*rows, row]


def _options(words: list[str]) -> list[str]:
    """
    The words with each option's value kept beside it.
    """
    groups: list[str] = []
    for word in words:
        is_option = word.startswith("-") and not word[1:2].isdigit()
        if groups and not is_option and groups[-1].startswith("-") and " " not in groups[-1]:
            groups[-1] += f" {word}"
        else:
            groups.append(word)
    return groups
