"""
Many phrases replaced in one pass over a text: its time grows with the text, not with the number of phrases.
"""

import re
from bisect import bisect_right


class Phrases:
    """
    Phrases and what stands in their place. A phrase counts only where neither neighbour is one of ``joining``.

    ``joining`` is the inside of a character class: ``0-9A-Za-z`` leaves ``ada`` alone within ``Canada``.
    Of two phrases that begin at one place the longer one is replaced.
    """

    def __init__(self, before: str, after: str, *, ignore_case: bool) -> None:
        self._before = before
        self._after = re.compile(rf"[{after}]")
        self._ignore_case = ignore_case
        self._given: dict[str, str] = {}
        self._lengths: dict[str, list[int]] = {}
        self._starts: re.Pattern[str] | None = None
        self._first_signs: set[str] = set()

    def __contains__(self, phrase: str) -> bool:
        return self._key(phrase) in self._given

    def add(self, phrase: str, placeholder: str) -> None:
        """
        Replace a phrase from now on; one that is known keeps its placeholder.
        """
        key = self._key(phrase)
        if not key or key in self._given:
            return
        self._given[key] = placeholder
        lengths = self._lengths.setdefault(_first_word(key), [])
        at = bisect_right(lengths, len(phrase))
        if lengths[at - 1 : at] != [len(phrase)]:
            lengths.insert(at, len(phrase))
        sign = "0-9A-Za-z" if _is_plain(key[0]) else re.escape(key[0])
        if sign not in self._first_signs:
            self._first_signs.add(sign)
            words = "[0-9A-Za-z]+" if "0-9A-Za-z" in self._first_signs else ""
            others = "".join(sorted(self._first_signs - {"0-9A-Za-z"}))
            either = "|".join(part for part in (words, f"[{others}]" if others else "") if part)
            flags = re.IGNORECASE if self._ignore_case else 0
            self._starts = re.compile(rf"(?<![{self._before}])(?:{either})", flags)

    def replaced(self, text: str) -> str:
        """
        The text with a placeholder for each phrase.
        """
        if self._starts is None:
            return text
        pieces: list[str] = []
        done = 0
        for start in self._starts.finditer(text):
            if start.start() < done:
                continue
            length, placeholder = self._at(text, start)
            if placeholder is not None:
                pieces += (text[done : start.start()], placeholder)
                done = start.start() + length
        return "".join((*pieces, text[done:])) if pieces else text

    def _at(self, text: str, start: re.Match[str]) -> tuple[int, str | None]:
        begin = start.start()
        for length in reversed(self._lengths.get(self._key(start.group()), ())):
            end = begin + length
            if end <= len(text) and not self._after.match(text, end):
                placeholder = self._given.get(self._key(text[begin:end]))
                if placeholder is not None:
                    return length, placeholder
        return 0, None

    def _key(self, text: str) -> str:
        return text.lower() if self._ignore_case else text


def _is_plain(sign: str) -> bool:
    return sign.isascii() and sign.isalnum()


def _first_word(phrase: str) -> str:
    match = re.match("[0-9A-Za-z]+", phrase)
    return match.group() if match else phrase[0]
