"""
Names that people give: of models, publishers, files and folders. What is public in them stays, word by word.

The size, the family and the quantization in a model's name are what a reader of a recording needs, and every word that
is not known to be public has a placeholder. It is decided word by word and folder by folder, whatever stands around:
a path put together of two parts is redacted as the parts are, so that a replay finds what was recorded.
"""

import re

from llmprobe.source.redaction.placeholders import Placeholders
from llmprobe.source.redaction.public_words import PUBLIC

_SYSTEM = re.compile(r"/(?:proc|sys|dev|etc|boot|run(?!/media|/user))(?:/|$)")
"""What lies below is named by the system, and redacted where a secret of another kind is in it."""

_PEOPLE = frozenset({"home", "users"})
_IDENTIFIER = re.compile(
    r"([0-9A-Fa-f]{8}([-_])[0-9A-Fa-f]{4}\2[0-9A-Fa-f]{4}\2[0-9A-Fa-f]{4}\2[0-9A-Fa-f]{12}|[0-9A-Fa-f]{32,})"
)
_WORD = re.compile(r"[^\W_]+")
_PLAIN = re.compile(
    r"\d{1,6}|[a-z]\d{0,3}|\d{1,4}[a-z]|[a-z]?\d{1,4}[bkmt]|\d{1,3}x\d{1,4}[bm]|0+\d{1,6}"
    r"|(?:name|user|host|group|mount|process|source|token|mail)\d+",
)
_WITH_NUMBER = re.compile(r"\d{0,2}([a-z]+?)(?:\d{1,4}[a-z]?)?")
_LONGEST_WORD = 40
_LONGEST_NAME = 1000
"""No file system has longer ones. What a server sends beyond it is one secret, and costs no time word by word."""
_PATH = re.compile(r"(?<![\w/.:~-])(?:~?/|[A-Za-z]:\\)[^\s\"'<>|;,=]*")


class Names:
    """
    The names in a recording, with the placeholders of all its secrets.
    """

    def __init__(self, secrets: Placeholders) -> None:
        self._secrets = secrets

    def name(self, text: str) -> str:
        """
        The name of a model, a file or a folder, with a placeholder for every word that may be private.
        """
        if len(text) > _LONGEST_NAME:
            return self._secrets.of("name", text, "name{}")
        parts = _IDENTIFIER.split(text)
        # The pattern has two groups: the identifier itself, and the sign between its parts.
        return "".join(
            _WORD.sub(self._word, part) if at % 3 == 0 else part
            for at, part in enumerate(parts)
            if at % 3 != 2 and part is not None
        )

    def path(self, text: str) -> str:
        """
        A path, folder by folder. People's names stay for now: they are replaced wherever they occur.
        """
        if _SYSTEM.match(text):
            return text
        folders = re.split(r"([/\\])", text)
        for at, folder in enumerate(folders):
            person = at >= 2 and folders[at - 2].lower() in _PEOPLE
            drive = at == 0 and re.fullmatch("[A-Za-z]:", folder)
            if not person and not drive:
                folders[at] = self.name(folder)
        return "".join(folders)

    def in_text(self, text: str) -> str:
        """
        A text with the paths in it redacted.
        """
        return _PATH.sub(lambda match: self.path(match.group()), text)

    def value(self, text: str) -> str:
        """
        The value of a setting: one path, or any other text.
        """
        return self.path(text) if re.match(r"~?/|[A-Za-z]:\\", text) else self.in_text(text)

    def _word(self, match: re.Match[str]) -> str:
        word = match.group()
        lower = word.lower()
        if len(word) <= _LONGEST_WORD and (_PLAIN.fullmatch(lower) or self._is_public(lower)):
            return word
        if self._secrets.knows(word):
            return word
        return self._secrets.of("name", word, "name{}")

    @staticmethod
    def _is_public(word: str) -> bool:
        if word in PUBLIC:
            return True
        match = _WITH_NUMBER.fullmatch(word)
        return match is not None and match[1] in PUBLIC
