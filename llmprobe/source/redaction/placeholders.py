"""
What counts as a secret in recorded text, and what stands in its place.

One secret has one placeholder wherever it occurs, of the same shape, numbered in the order of appearance, so that
what was equal stays equal: devices are still matched by their UUID. A placeholder is no secret: redacting twice
changes nothing.
"""

import ipaddress
import re
from bisect import bisect_left, insort
from collections.abc import Iterable

from llmprobe.source.redaction.phrases import Phrases

_UUID = re.compile(
    r"[0-9A-Fa-f]{8}([-_])[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"
)
_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{32,}(?![0-9A-Za-z])")
_SHORT_UUID = re.compile(r"\b((?:MIG-)?GPU-|MIG-)([0-9A-Fa-f][0-9A-Fa-f-]{1,34})(?![0-9A-Za-z-])")
_MAC = re.compile(
    r"(?<![0-9A-Za-z:.-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4,18}[0-9A-Fa-f]{2}(?![0-9A-Za-z:.-])"
)
_IPV4 = re.compile(r"(?<![\w.-])(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:.])")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
"""Its parts are as long as they may be (RFC 5321): without a bound every letter of a long word is a new beginning."""

_CREDENTIALS = re.compile(r"(://)[^/\s@]+@")
_TOKEN = re.compile(
    r"\b(?:hf_\w{8,}|sk-[\w-]{12,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{12,}|xox[abps]-[\w-]{8,}"
    r"|AKIA[0-9A-Z]{12,}|eyJ[\w-]{8,512}\.[\w-]+\.[\w-]+)|(?<=Bearer )[\w.~+/-]{8,}=*"
)
_HOME = re.compile(
    r"((?:^|(?<=[\s:=,;\"'(\[]))(?:/mnt/[a-z])?(?:/home/|/Users/|/var/home/)|\b[A-Za-z]:\\Users\\)([^/\\:\s\"',;]+)"
)
SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSW|API_?KEY|CREDENTIAL|PRIVATE|AUTH", re.IGNORECASE)

_NOT_A_PERSON = frozenset({"shared", "public", "default", "linuxbrew", "all users"})
_NOBODY = frozenset({"root", "user", "admin", "administrator", "nobody", "ubuntu", "runner"})
_COMMON_WORD = re.compile(
    r"admin|administrator|amd|apple|arm|build|builder|bus|card|cloud|computer|container|core|cpu|data|debian|default"
    r"|desktop|dev|device|docker|driver|fedora|free|gpu|guest|home|host|intel|kernel|kvm|laptop|linux|local|localhost"
    r"|mac|machine|macbook|main|max|mem|memory|mesa|min|microsoft|model|name|node|nobody|none|nvidia|open|pci|pi|process|processor"
    r"|proxy|qemu|release|root|runner|server|service|swap|system|test|total|ubuntu|unknown|user|vendor|version"
    r"|virtual|vm|windows|wsl|xeon",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"(?:host|user|group|token|process|mail|name|mount|source)\d+(?:\.\w+)?|0+\d{1,3}")
_ANYWHERE_LENGTH = 6
_MOST_ANYWHERE = 200
"""Names that are looked for inside other words, which takes time for each of them."""

_PLAIN = "0-9A-Za-z"
_PIECE = re.compile(r"[0-9a-z]+")
_ADDRESS = re.compile(r"(?<![0-9a-f])[0-9a-f]++(?:[.:]++[0-9a-f]++)++")
_SHORTEST_WORD = 3
_SHORTEST_SERIAL = 4
_SHORTEST_NUMBER = 7
"""A shorter number is as well a size or a count, which must stay."""


class Placeholders:
    """
    The placeholder of each secret met so far. Text that is in ``taken`` is never given out anew.
    """

    def __init__(self, taken: str = "") -> None:
        self._taken = frozenset(_PIECE.findall(taken.lower())) | frozenset(_ADDRESS.findall(taken.lower()))
        self._given: dict[tuple[str, str], str] = {}
        self._numbers: list[tuple[str, str]] = []
        self._placeholders: set[str] = set()
        self._counts: dict[str, int] = {}
        self._words = Phrases(_PLAIN, _PLAIN, ignore_case=True)
        self._anywhere: dict[str, str] = {}
        self._anywhere_pattern: re.Pattern[str] | None = None
        self._system_words: frozenset[str] = frozenset()

    def keep(self, words: Iterable[str]) -> None:
        """
        Leave words alone that are the system's own: a user called Max is no reason to rename ``memory.max``.

        Such a name is still replaced where it can only be a person's: in home paths and in ``USER``.
        """
        self._system_words = frozenset(word.lower() for word in words)

    def of(self, kind: str, secret: str, shape: str) -> str:
        """
        What stands for a secret. ``shape`` is a format of one number.
        """
        key = (kind, secret.lower())
        if key not in self._given:
            self._given[key] = self._next(kind, shape)
            self._placeholders.add(self._given[key])
            if kind == "id":
                insort(self._numbers, (secret.lower(), self._given[key]))
        return self._given[key]

    def add_word(self, kind: str, word: str, shape: str | None = None) -> None:
        """
        Make a secret of a name, wherever it occurs from now on. Common words and the shortest are left alone.
        """
        name = word.strip()
        if not is_told(name) or _PLACEHOLDER.fullmatch(name) or name.lower() in self._system_words:
            return
        placeholder = self.of(kind, name, shape or f"{kind}{{}}")
        inside = len(name) >= _ANYWHERE_LENGTH and kind in ("host", "user")
        if inside and len(self._anywhere) < _MOST_ANYWHERE:
            if self._anywhere.setdefault(name.lower(), placeholder) is placeholder:
                self._anywhere_pattern = None
        else:
            self._words.add(name, placeholder)

    def knows(self, word: str) -> bool:
        """
        Whether a word has a placeholder of its own already, as the name of a person or a host has.
        """
        return word in self._words or word.lower() in self._anywhere

    def add_homes(self, text: str) -> None:
        """
        Make secrets of the names of people in paths such as ``/home/ada``.
        """
        for match in _HOME.finditer(text):
            if match.group(2).lower() not in _NOT_A_PERSON:
                self.add_word("user", match.group(2))

    def add_ids(self, text: str) -> None:
        """
        Number the whole UUIDs in a text, so that a shortened one is known for the beginning of one of them.
        """
        for match in _UUID.finditer(text):
            self._uuid(match.group(), match.group(1))

    def add_serial(self, text: str) -> None:
        """
        Make a secret of a serial number, unless it says nothing (``None``, ``To be filled by O.E.M.``, zeros).
        """
        serial = text.strip()
        shortest = _SHORTEST_NUMBER if serial.isdecimal() else _SHORTEST_SERIAL
        if len(serial) < shortest or " " in serial or not re.search("[1-9]", serial):
            return
        if not _UUID.fullmatch(serial) and not _HEX.fullmatch(serial):
            width = len(serial)
            self.add_word("serial", serial, "{:0" + str(width) + "d}")

    def person(self, text: str) -> str:
        """
        What stands for a text that is nothing but somebody's name.
        """
        plain = not text or _PLACEHOLDER.fullmatch(text) or text.lower() in _NOBODY
        return text if plain else self.of("user", text, "user{}")

    def redacted(self, text: str, *, version: bool = False) -> str:
        """
        Text without secrets. ``version`` says that four numbers with dots are no address.
        """
        text = _CREDENTIALS.sub(r"\1redacted@", text)
        text = _TOKEN.sub(lambda match: self.of("token", match.group(), "token{}"), text)
        text = _EMAIL.sub(lambda match: self._mail(match.group()), text)
        text = _UUID.sub(lambda match: self._uuid(match.group(), match.group(1)), text)
        text = _HEX.sub(lambda match: self._hex(match.group()), text)
        text = _SHORT_UUID.sub(lambda match: match.group(1) + self._short_uuid(match.group(2)), text)
        text = _MAC.sub(lambda match: self._mac(match.group()), text)
        if not version:
            text = _IPV4.sub(lambda match: self._ipv4(match.group()), text)
        text = _IPV6.sub(lambda match: self._ipv6(match.group()), text)
        text = self._words.replaced(self._without_names(text))
        return _HOME.sub(self._home, text)

    def _without_names(self, text: str) -> str:
        """
        The text without the names that are replaced within other words too.
        """
        if not self._anywhere:
            return text
        if self._anywhere_pattern is None:
            names = sorted(self._anywhere, key=len, reverse=True)
            self._anywhere_pattern = re.compile("|".join(map(re.escape, names)), re.IGNORECASE)
        return self._anywhere_pattern.sub(
            lambda match: self._anywhere.get(match.group().lower(), match.group()), text
        )

    def _next(self, kind: str, shape: str) -> str:
        while True:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            placeholder = shape.format(self._counts[kind])
            mark = placeholder.lower()
            if not _ADDRESS.fullmatch(mark):
                mark = next(piece for piece in _PIECE.findall(mark) if re.search(r"\d", piece))
            if mark not in self._taken:
                return placeholder

    def _uuid(self, text: str, dash: str) -> str:
        digits = self._digits(text.replace(dash, ""))
        return dash.join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _hex(self, text: str) -> str:
        return self._digits(text)

    def _digits(self, digits: str) -> str:
        """
        The number of a secret in its first eight digits, and zeros: a beginning tells two of them apart.
        """
        if not digits[8:].strip("0"):
            # A placeholder of an earlier redaction stands for itself, also where it is shortened.
            if digits[:8] not in self._placeholders:
                self._placeholders.add(digits[:8])
                insort(self._numbers, (digits, digits[:8]))
            return digits
        return self.of("id", digits, "{:08x}") + "0" * (len(digits) - 8)

    def id_number(self, number: int) -> int:
        """
        What stands for a device's number, which is its UUID where that is written in 16 hexadecimal digits.
        """
        return int(self._digits(f"{number:016x}"), 16)

    def _short_uuid(self, text: str) -> str:
        digits = text.replace("-", "").lower()
        if text in self._placeholders or (not digits[8:].strip("0") and len(digits) > 8):
            return text
        first = bisect_left(self._numbers, (digits, ""))
        known = [given for secret, given in self._numbers[first : first + 2] if secret.startswith(digits)]
        if len(known) > 1:
            return "0000"
        return known[0] if known else self.of("id", digits, "{:08x}")

    def _mail(self, text: str) -> str:
        return text if _PLACEHOLDER.match(text) else self.of("mail", text, "mail{}@example.org")

    def _mac(self, text: str) -> str:
        digits = re.sub(r"[:-]", "", text.lower())
        if not digits.strip("0") or not digits.strip("f") or digits.startswith("02000000"):
            return text
        return self.of("mac", digits, "02:00:00:00:00:{:02x}").replace(":", text[2])

    def _ipv4(self, text: str) -> str:
        if any(int(part) > 255 for part in text.split(".")):
            return text
        address = ipaddress.ip_address(text)
        if address.is_loopback or address.is_unspecified or text.startswith(("255.", "192.0.2.")):
            return text
        return self.of("ipv4", text, "192.0.2.{}")

    def _ipv6(self, text: str) -> str:
        try:
            address = ipaddress.IPv6Address(text)
        except ValueError:
            return text
        if address.is_loopback or address.is_unspecified or text.startswith("2001:db8:"):
            return text
        return self.of("ipv6", str(address), "2001:db8::{:x}")

    def _home(self, match: re.Match[str]) -> str:
        name = match.group(2)
        if name.lower() in _NOT_A_PERSON or _PLACEHOLDER.fullmatch(name):
            return match.group()
        return match.group(1) + self.of("user", name, "user{}")


def is_told(name: str) -> bool:
    """
    Tell whether a name says who somebody is: ``root`` and ``localhost`` are everyone's.
    """
    return len(name) >= _SHORTEST_WORD and not _COMMON_WORD.fullmatch(name)


def words_of_host(name: str) -> Iterable[str]:
    """
    A host's full name and its own name without the domain.
    """
    return dict.fromkeys((name, name.partition(".")[0]))
