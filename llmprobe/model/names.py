"""
What people call a model: any spelling of its id, its name, its repository, its Ollama tag or its file's name.

An ambiguous name is answered with the newest official model, and the answer says so. Only a name that nothing
matches is an error. Where a name ends in a quantization, that is part of the answer.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Protocol

import msgspec

from llmprobe.errors import ModelError
from llmprobe.model.quants.file_types import file_type, is_file_type
from llmprobe.words.message import Message, message

_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_QUANT = re.compile(
    r"[-_.:@ ](?:(?:ud|i1|imat)[-_. ])?"
    r"(i?q\d(?:[-_ ](?:k|0|1|nl|xxs|xs|s|m|l|xl|xxl))*|tq\d[-_]0|bf16|f16|f32|fp16|fp32|fp8|mxfp4(?:[-_]moe)?"
    r"|nvfp4|awq|gptq|mlx|bnb|int4|int8|[2-8]-?bit)$"
)
_SEPARATORS = re.compile(r"[^a-z0-9.]+|\.(?!\d)|(?<!\d)\.")
_WORD_THEN_NUMBER = re.compile(r"([a-z]{3,})(\d.*)")
_NUMBER_THEN_WORD = re.compile(r"(\d+(?:\.\d+)*)([a-z]{2,})")
_VERSION = re.compile(r"v\d+(?:\.\d+)*")
_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_SIZE = re.compile(r"[ae]?\d+(?:\.\d+)*[bmk]?")
_NOISE = frozenset(
    (
        "meta",
        "instruct",
        "chat",
        "it",
        "pt",
        "base",
        "hf",
        "gguf",
        "latest",
        "qat",
        "the",
        "model",
        "imat",
        "i1",
    )
)
_SHOWN = 5


class Named(Protocol):
    """
    What an index needs of an entry.
    """

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...
    @property
    def finetunes(self) -> tuple[str, ...]: ...
    @property
    def repo(self) -> str | None: ...
    @property
    def released(self) -> str | None: ...


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """
    The model that a name means. ``exact`` is false where it may mean others, which ``alternatives`` lists.

    ``quant`` is the file type that the name ended in, as llama.cpp writes it.
    """

    id: str
    exact: bool
    notes: tuple[Message, ...] = ()
    alternatives: tuple[str, ...] = ()
    quant: str | None = None


class Index:
    """
    The names of all models, prepared for looking up. What a literal name does not need is prepared on demand.
    """

    def __init__(self, entries: Iterable[Named]) -> None:
        self.entries = {entry.id: entry for entry in entries}

    @cached_property
    def literal(self) -> dict[str, str]:
        """Every name as it is written, in lower case, with its model's id; ids come before names and aliases."""
        found = {entry.id.casefold(): entry.id for entry in self.entries.values()}
        for entry in self.entries.values():
            for name in _names(entry):
                found.setdefault(name.casefold(), entry.id)
        return found

    @cached_property
    def repositories(self) -> dict[str, str]:
        """The names of the repositories without their owners, which others repeat for their copies."""
        return {
            entry.repo.rpartition("/")[2].casefold(): entry.id
            for entry in self.entries.values()
            if entry.repo is not None
        }

    @cached_property
    def letters(self) -> dict[str, str | None]:
        """The letters and digits of every name with its model's id, None where several models share them."""
        found: dict[str, str | None] = {}
        for name, model in (self.literal | self.repositories).items():
            key = _letters(name)
            found[key] = model if found.get(key, model) == model else None
        return found

    @cached_property
    def ids(self) -> dict[str, str]:
        """The letters and digits of every id: whoever types all of them means that model."""
        return {_letters(name): name for name in self.entries}

    @cached_property
    def parsed(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        """The words of every name, in order, with its model's id."""
        every = self.literal.items() | self.repositories.items()
        return tuple(dict.fromkeys((tuple(words(name)), model) for name, model in every))

    @cached_property
    def keys(self) -> tuple[tuple[frozenset[str], str], ...]:
        """The words of every name, in any order, with its model's id."""
        return tuple((frozenset(parts), model) for parts, model in self.parsed)

    @cached_property
    def finetunes(self) -> dict[frozenset[str], str]:
        """The words of every fine-tune's name with the id of the model whose tensors it has."""
        return {
            frozenset(words(name)): entry.id for entry in self.entries.values() for name in entry.finetunes
        }

    def newest(self, ids: Iterable[str]) -> list[str]:
        """Ids in order of release, the newest first; of the same month in order of their names, so in every run."""
        return sorted(sorted(ids), key=lambda name: self.entries[name].released or "", reverse=True)


def words(text: str) -> list[str]:
    """
    What distinguishes a name: its words and numbers without case, separators and what every name has.

    >>> words("Meta-Llama-3.1-8B-Instruct")
    ['llama', '3.1', '8b']
    """
    parts: list[str] = []
    for token in _SEPARATORS.split(text.casefold()):
        if token and token not in _NOISE:
            parts.extend(part for part in _parts(token) if part not in _NOISE)
    return parts


def _parts(token: str) -> Iterator[str]:
    """Yield the word and the number of ``llama3``, ``2.5vl`` and ``v0.3``, or what is neither as it is."""
    if (match := _WORD_THEN_NUMBER.fullmatch(token)) is not None:
        yield match[1]
        yield from _parts(match[2])
    elif (match := _NUMBER_THEN_WORD.fullmatch(token)) is not None:
        yield from match.groups()
    else:
        yield token[1:] if _VERSION.fullmatch(token) else token


def split_quant(text: str) -> tuple[str, str | None]:
    """
    A name without organisation, file suffix, shard number and quantization, and that as it is typed.

    >>> split_quant("bartowski/Meta-Llama-3-70B-Instruct-GGUF:Q4_K_M")
    ('Meta-Llama-3-70B-Instruct', 'Q4_K_M')
    """
    rest = re.split(r"[\\/]", text.strip().rstrip("/"))[-1]
    quant: str | None = None
    while True:
        lowered = rest.lower()
        match = _QUANT.search(lowered)
        if lowered.endswith(".gguf"):
            shorter = rest[:-5]
        elif (shard := _SHARD.search(lowered)) is not None:
            shorter = rest[: shard.start()]
        elif match is not None and match.start() > 0:
            shorter = rest[: match.start()]
            quant = quant or rest[match.start() + 1 :]
        elif lowered.endswith(("-gguf", "_gguf", " gguf")):
            shorter = rest[:-5]
        else:
            return rest, quant
        rest = shorter


def resolve(text: str, index: Index) -> Resolution:
    """
    The model that a name means.

    Raises:
        ModelError: nothing matches; the nearest names are in the hint.
    """
    literal = index.literal.get(text.strip().casefold())
    if literal is not None:
        return Resolution(id=literal, exact=True)
    rest, typed = split_quant(text)
    found = _without_quant(text, rest, index)
    if typed is None:
        return found
    if is_file_type(typed):
        return msgspec.structs.replace(found, quant=file_type(typed).name)
    return msgspec.structs.replace(found, notes=(*found.notes, message("name.quant-ignored", quant=typed)))


def _without_quant(text: str, rest: str, index: Index) -> Resolution:
    is_file = re.search(r"[\\/]|gguf", text, re.IGNORECASE) is not None
    literal = (index.repositories if is_file else index.literal).get(rest.casefold())
    literal = literal or index.literal.get(rest.casefold())
    if literal is None:
        literal = (index.letters if _has_version(rest) else index.ids).get(_letters(rest))
    if literal is not None:
        return Resolution(id=literal, exact=True)
    found = _by_words(rest, index)
    library, colon, tag = rest.partition(":")
    while found is None and colon and "-" in tag:
        tag = tag.rpartition("-")[0]
        found = _by_words(f"{library}:{tag}", index)
    found = found or _by_part(rest, index)
    if found is None:
        near = nearest(rest, index)
        raise ModelError(
            message("error.model-unknown", name=text), hint=message("hint.nearest-models", names=near)
        )
    return found


def nearest(text: str, index: Index, count: int = _SHOWN) -> tuple[str, ...]:
    """
    The ids that are spelled most like a name.
    """
    from difflib import get_close_matches

    wanted = "-".join(words(text))
    if _SIZE.fullmatch(wanted):
        return tuple(index.newest({model for key, model in index.keys if wanted in key})[:count])
    by_key = {"-".join(words(entry.id)): entry.id for entry in index.entries.values()}
    close = get_close_matches(wanted, by_key, n=count, cutoff=0.5)
    return tuple(by_key[key] for key in close)


def matching(text: str, index: Index) -> list[str]:
    """
    Every id that a text may mean: all its words are in one of the model's names, or it is part of one.
    """
    rest = split_quant(text)[0]
    wanted, part = frozenset(words(rest)), rest.casefold()
    by_words = {model for key, model in index.keys if wanted and wanted <= key}
    return [
        entry.id
        for entry in index.entries.values()
        if entry.id in by_words or any(part in name.casefold() for name in (*_names(entry), *entry.finetunes))
    ]


def _names(entry: Named) -> tuple[str, ...]:
    return (entry.id, entry.name, *entry.aliases, *((entry.repo,) if entry.repo else ()))


def _letters(text: str) -> str:
    return _SEPARATORS.sub("", text.casefold())


def _has_version(text: str) -> bool:
    return any(_NUMBER.fullmatch(word) for word in words(text))


def _by_words(text: str, index: Index) -> Resolution | None:
    parts = words(text)
    wanted = frozenset(parts)
    if not wanted:
        return None
    if not _has_version(text) and (newest := _by_part(text, index)) is not None:
        return newest
    equal = {model for key, model in index.keys if key == wanted}
    if not equal:
        squeezed = "".join(parts)
        equal = {model for other, model in index.parsed if "".join(other) == squeezed}
    if equal:
        return _chosen(text, index, index.newest(equal))
    base = index.finetunes.get(wanted)
    if base is None:
        return None
    note = message("name.fine-tune", name=text, base=index.entries[base].name)
    return Resolution(id=base, exact=False, notes=(note,))


def _by_part(text: str, index: Index) -> Resolution | None:
    """
    The newest among the models whose name has all these words and the fewest other ones.

    A version or a date that was left out does not make a model less official, another word does.
    """
    wanted = frozenset(words(text))
    if all(_SIZE.fullmatch(word) for word in wanted):
        return None
    extra: dict[str, int] = {}
    for key, model in index.keys:
        if wanted <= key:
            count = sum(not _NUMBER.fullmatch(word) for word in key - wanted)
            extra[model] = min(count, extra.get(model, count))
    if not extra:
        return None
    fewest = min(extra.values())
    ranked = index.newest(model for model, count in extra.items() if count == fewest)
    if len(ranked) == 1 and fewest == 0:
        return Resolution(id=ranked[0], exact=True)
    rest = index.newest(model for model, count in extra.items() if count > fewest)
    return _chosen(text, index, ranked, rest)


def _chosen(text: str, index: Index, ranked: list[str], rest: Iterable[str] = ()) -> Resolution:
    chosen, *others = ranked
    others.extend(rest)
    if not others:
        return Resolution(id=chosen, exact=True)
    alternatives = tuple(others[:_SHOWN])
    note = message(
        "name.ambiguous",
        name=text,
        chosen=index.entries[chosen].name,
        newest=all(
            (index.entries[one].released or "") <= (index.entries[chosen].released or "") for one in others
        ),
        alternatives=alternatives,
        more=max(0, len(others) - _SHOWN) or None,
    )
    return Resolution(id=chosen, exact=False, notes=(note,), alternatives=alternatives)
