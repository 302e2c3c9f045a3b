"""
Text of files, processes and servers in which nothing commands a terminal or forges a line. The only place for it.
"""

import re
from collections.abc import Iterator

_UNSHOWABLE = r"[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
_HERE_DOCUMENT = r"(?s)<<'(\w+)'\n(.*?)\n\1(?=\n|\Z)"
"""What is between ``<<'END'`` and ``END``. A quoted word cannot contain the beginning: its quotes are quoted."""


def harmless(text: str) -> str:
    """
    Text in which control characters, line ends and marks of direction are escapes: ``\\x1b``, ``\\n``, ``\\u202e``.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _escaped(sign) for sign in text)


def harmless_json(document: str) -> str:
    """
    The same JSON document, in which signs that command a terminal or turn the direction of a line are JSON's escapes.
    """
    # Most documents have nothing of it, and the expression takes longer to compile than they to be searched.
    if all(map(str.isprintable, document.split("\n"))):
        return document
    return re.sub(_UNSHOWABLE, lambda found: f"\\u{ord(found[0]):04x}", document)


_BEGINNING, _END = 300, 200
"""What is shown of a name or a path that is longer: the longest paths in use are far shorter."""


def harmless_name(text: str) -> str:
    """
    The same of a name or a path among words, of which the middle is left out where it would fill a page.
    """
    if len(text) > _BEGINNING + _END:
        text = f"{text[:_BEGINNING]} … {text[-_END:]}"
    return harmless(text)


def harmless_command(command: str) -> str:
    """
    The same command for a shell, its unprintable characters as ``$'\\x1b'``; line ends between commands stay.

    bash, zsh and ksh read it back into the same bytes. Here-documents and comments are text with escapes.
    """
    if command.isprintable():
        return command
    parts: list[str] = []
    at = 0
    for found in re.finditer(_HERE_DOCUMENT, command):
        parts += (*_quoted(command[at : found.start(2)]), _lines(found[2]))
        at = found.end(2)
    return "".join((*parts, *_quoted(command[at:])))


def shell_word(text: str) -> str:
    """
    A word as a POSIX shell must be given it. Control characters and marks of direction become escapes
    (``$'…\\x1b'``), so that the shell gets the name and the terminal no command.
    """
    if text.isprintable():
        # Not at the top: a machine is checked with this module loaded, and no command printed.
        import shlex

        return shlex.quote(text)
    return "$'" + "".join(_in_a_word(sign) for sign in text) + "'"


def _in_a_word(sign: str) -> str:
    if sign in "\\'":
        return f"\\{sign}"
    if sign.isprintable():
        return sign
    return "".join(f"\\x{byte:02x}" for byte in sign.encode("utf-8", "surrogateescape"))


def _lines(text: str) -> str:
    return "\n".join(harmless(line) for line in text.split("\n"))


def _escaped(sign: str) -> str:
    number = ord(sign)
    if 0xDC80 <= number <= 0xDCFF:
        # A byte of a file name that is not UTF-8.
        return f"\\x{number - 0xDC00:02x}"
    return sign.encode("unicode_escape").decode("ascii")


def _quoted(command: str) -> Iterator[str]:
    """
    The signs of a command, each that cannot be printed taken out of the quotes around it.
    """
    quote, escaped, comment, before = "", False, False, "\n"
    for sign in command:
        if comment:
            comment = sign != "\n"
            yield _escaped(sign) if comment and not sign.isprintable() else sign
        elif sign == "\n" and not quote:
            yield sign
        elif not sign.isprintable():
            yield f"{quote}$'{_bytes(sign)}'{quote}"
        else:
            yield sign
        if comment:
            pass
        elif escaped:
            escaped = False
        elif sign == "\\" and quote != "'":
            escaped = True
        elif sign == quote:
            quote = ""
        elif not quote and sign in "'\"":
            quote = sign
        elif not quote and sign == "#" and before.isspace():
            comment = True
        before = sign


def _bytes(sign: str) -> str:
    if sign == "\n":
        return "\\n"
    return "".join(f"\\x{byte:02x}" for byte in sign.encode("utf-8", "surrogateescape"))
