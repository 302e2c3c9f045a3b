"""
Which model a name means: any spelling of its id, its name, its repository, its Ollama tag or its file's name.

An ambiguous name is answered with the newest official model, and the answer says so. A size, a generation or a
repository that was typed is never replaced by another. A fine-tune whose base is evident has the base's shape. Only a
name that nothing matches is an error. Where a name ends in a quantization, that is part of the answer.
"""

import re
from collections.abc import Iterable

import msgspec

from llmprobe.errors import ModelError
from llmprobe.model.literal_names import as_written, names_of
from llmprobe.model.names import grammar
from llmprobe.model.names.assumed import adds_a_model, base_of, tells_apart
from llmprobe.model.names.grammar import NUMBER, RELEASE, SIZE, TOTAL, Name, letters, words
from llmprobe.model.names.index import Index
from llmprobe.model.names.likeness import FAMILY, SHOWN, nearest, of_size, says_a_family, weight
from llmprobe.model.quants.file_types import file_type, is_file_type, taken_for
from llmprobe.model.quants.foreign import foreign
from llmprobe.words.message import Message, message

_FOR_VECTORS = "text-embedding-"
"""LM Studio puts it before the names of models that turn text into vectors."""


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


def resolve(text: str, index: Index) -> Resolution:
    """
    The model that a name means.

    Raises:
        ModelError: nothing matches; the nearest names are in the hint.
    """
    literal = index.literal.get(as_written(text))
    if literal is not None:
        return Resolution(id=literal, exact=True)
    name = grammar.parse(text)
    found = _without_quant(text, name, index)
    notes = list(found.notes)
    if name.cloud:
        notes.append(message("name.cloud", name=text))
    if name.next_token:
        notes.append(message("name.next-token", name=text))
    if name.quant is not None and is_file_type(name.quant):
        if (taken := taken_for(name.quant)) is not None:
            notes.append(message("note.quant-taken-for", typed=name.quant, quant=taken))
        return msgspec.structs.replace(found, quant=file_type(name.quant).name, notes=tuple(notes))
    if name.quant is not None:
        other = foreign(name.quant)
        engine, instead = (None, None) if other is None else (other.engine, other.instead)
        notes.append(message("name.quant-ignored", quant=name.quant, engine=engine, instead=instead))
    return msgspec.structs.replace(found, notes=tuple(notes))


def _without_quant(text: str, name: Name, index: Index) -> Resolution:
    rest = name.rest
    owner, _, own = rest.partition("_")
    if owner.casefold() in index.owners and says_a_family(words(own)):
        rest = own
    literal = index.repositories.get(rest.casefold()) if "/" in text or "gguf" in text.lower() else None
    literal = literal or index.literal.get(rest.casefold())
    if literal is not None:
        return Resolution(id=literal, exact=True)
    parts = words(rest)
    joined = index.spelled(rest, ids=not any(map(NUMBER.fullmatch, parts)))
    if joined is not None and _has_numbers(parts, index.union(joined)):
        return Resolution(id=joined, exact=True)
    if name.repo is not None and (called := index.called(parts)):
        return Resolution(id=called[0], exact=True)
    found = (
        _by_tag(name, index, whole=True)
        or _by_words(text, parts, index)
        or _for_vectors(text, rest, index)
        or _in_other_order(text, parts, index)
    )
    if found is None:
        from llmprobe.model.names import others

        others.refuse(text, parts)
        found = (
            _by_count(text, parts, index)
            or _misspelt(text, parts, index)
            or _by_tag(name, index, whole=False)
            or _fine_tune(name, parts, index)
        )
    elif any(note.id == "name.only-match" for note in found.notes):
        found = _misspelt(text, parts, index) or found
    if found is None:
        near = nearest(rest, index)
        raise _unknown(text, name, near, () if near else of_size(rest, index))
    if name.repo is not None and _crosses_generations(parts, found):
        raise _unknown(text, name, (found.id, *found.alternatives)[:SHOWN])
    return found


def _unknown(text: str, name: Name, near: tuple[str, ...], of_size: tuple[str, ...] = ()) -> ModelError:
    hint = (
        message("hint.models-of-size", names=of_size, repo=name.repo)
        if of_size
        else message("hint.nearest-models", names=near, repo=name.repo)
    )
    return ModelError(message("error.model-unknown", name=text), hint=hint)


def _crosses_generations(parts: list[str], found: Resolution) -> bool:
    """
    Whether the models that a name may mean differ in a generation that it does not say: a repository has only one.
    """
    if found.exact or not found.alternatives:
        return False
    typed = frozenset(parts)
    generations = {
        frozenset(filter(_is_generation, words(one))) - typed for one in (found.id, *found.alternatives)
    }
    return len(generations) > 1


def matching(text: str, index: Index) -> list[str]:
    """
    Every id that a text may mean: all its words are in one of the model's names, or it is part of one.
    """
    rest = grammar.parse(text).rest
    wanted, part = frozenset(words(rest)), rest.casefold()
    by_words = {model for key, model in index.keys if wanted and wanted <= key}
    return [
        entry.id
        for entry in index.entries.values()
        if entry.id in by_words
        or any(part in name.casefold() for name in (*names_of(entry), *entry.finetunes))
    ]


def _has_numbers(parts: Iterable[str], known: Iterable[str]) -> bool:
    """Whether all numbers and sizes among words are known: Gemma 29B is not Gemma 2 9B."""
    return {part for part in parts if part[0].isdigit()} <= {*known}


def _for_vectors(text: str, rest: str, index: Index) -> Resolution | None:
    if not rest.casefold().startswith(_FOR_VECTORS):
        return None
    return _by_words(text, words(rest[len(_FOR_VECTORS) :]), index)


def _in_other_order(text: str, parts: list[str], index: Index) -> Resolution | None:
    """
    The model that the words mean when they are divided otherwise, or whose names together have them all.
    """
    for other in grammar.other_readings(parts):
        found = _by_words(text, other, index)
        if found is not None:
            return _noted(found, _context_note(text, parts, other))
    return _by_all_names(text, parts, index)


def _misspelt(text: str, parts: list[str], index: Index) -> Resolution | None:
    if not any(part[0].isdigit() for part in parts):
        return None
    from llmprobe.model.names import spelling

    for other, typed, read in spelling.corrected(parts, index):
        found = _by_words(text, other, index)
        if found is not None:
            return _noted(found, message("name.read-as", typed=typed, read=read))
    return None


def _noted(found: Resolution, note: Message | None) -> Resolution:
    if note is None:
        return found
    return msgspec.structs.replace(found, notes=(note, *found.notes))


def _context_note(text: str, parts: list[str], other: list[str]) -> Message | None:
    if len(other) >= len(parts):
        return None
    left_out = next((part for part in parts if grammar.CONTEXT.fullmatch(part) and part not in other), None)
    return None if left_out is None else message("name.context-ignored", name=text, context=left_out.upper())


def _by_all_names(text: str, parts: list[str], index: Index) -> Resolution | None:
    """
    The model whose names together have all words: an Ollama tag repeats what its library's name says.
    """
    wanted, said = frozenset(parts), _generations(parts).items()
    known: dict[str, set[tuple[str, str]]] = {}
    for ordered, model in index.parsed:
        if wanted <= index.unions[model]:
            known.setdefault(model, set()).update(_generations(ordered).items())
    found = index.newest(model for model, generations in known.items() if said <= generations)
    return _chosen(text, index, found) if found and says_a_family(wanted) else None


def _by_count(text: str, parts: list[str], index: Index) -> Resolution | None:
    """
    The model whose count of parameters the name says, where its own names say another size, or none.
    """
    sizes = [part for part in parts if TOTAL.fullmatch(part)]
    if len(sizes) != 1:
        return None
    weighing = index.weighing(sizes[0])
    others = [part for part in parts if part not in sizes]
    found = _by_part(text, others, index, among=frozenset(weighing))
    if found is None:
        of_size = [model for model, union in index.unions.items() if sizes[0] in union]
        found = _of_architecture(text, others, index, (*weighing, *index.newest(of_size)))
    if found is None:
        return None
    note = message(
        "name.size-counted",
        size=sizes[0].upper(),
        model=index.entries[found.id].name,
        parameters=index.entries[found.id].parameters,
    )
    return _noted(found, note)


def _of_architecture(text: str, parts: list[str], index: Index, among: Iterable[str]) -> Resolution | None:
    """
    The newest model of an architecture, which llama-bench shows in place of a name: ``qwen3moe 30B.A3B``.

    ``among`` are ids in the order of how well their counts fit.
    """
    named = [part for part in parts if SIZE.fullmatch(part) is None or NUMBER.fullmatch(part)]
    found = [
        model
        for model in dict.fromkeys(among)
        if letters(index.entries[model].architecture) == "".join(named)
    ]
    return _chosen(text, index, found) if found else None


def _fine_tune(name: Name, parts: list[str], index: Index) -> Resolution | None:
    readings = (parts, *grammar.other_readings(parts))
    base = next((found for found in (base_of(reading, index) for reading in readings) if found), None)
    if base is None:
        return None
    return _same_shape(name, base, index)


def _same_shape(name: Name, base: str, index: Index) -> Resolution:
    note = message("name.same-shape", name=name.rest, base=index.entries[base].name, repo=name.repo)
    return Resolution(id=base, exact=False, notes=(note,))


def _by_tag(name: Name, index: Index, *, whole: bool) -> Resolution | None:
    """
    The model of an Ollama tag, whose first parts are in the catalog; ``whole`` if the others say nothing of the model.

    What they add otherwise (a version of a fine-tune, ``-think``) leaves the shape as it is, or names another model.
    """
    library, colon, tag = re.sub("[ _]+", "-", name.rest.casefold()).partition(":")
    steps = tag.split("-") if colon else []
    for count in range(len(steps), 0, -1):
        known = f"{library}:{'-'.join(steps[:count])}"
        model = index.literal.get(known) or index.finetune_names.get(known)
        if model is None:
            continue
        added = words("-".join(steps[count:]))
        if (whole and added) or adds_a_model(added):
            return None
        if known in index.finetune_names:
            return _as_fine_tune(name.rest, [model], index)
        return _same_shape(name, model, index) if added else Resolution(id=model, exact=True)
    return None


def _by_words(text: str, parts: list[str], index: Index) -> Resolution | None:
    wanted = frozenset(parts)
    if not wanted:
        return None
    known = [model for key, model in index.finetunes if key == wanted]
    if known:
        return _as_fine_tune(text, known, index)
    own = index.called(parts)
    if own:
        # Gemma 2B is the name of one model, and what people call Gemma 2 2B; a library may call another one so.
        others = {
            model for key, model in index.keys if wanted <= key and all(map(_is_generation, key - wanted))
        }
        return _chosen(text, index, own, index.newest(others - {*own}))
    versioned = any(NUMBER.fullmatch(part) for part in parts)
    if not versioned and (newest := _by_part(text, parts, index)) is not None:
        return newest
    equal = {model for key, model in index.keys if key == wanted}
    if not equal:
        squeezed = "".join(parts)
        equal = {
            model
            for other, model in index.parsed
            if "".join(other) == squeezed and _has_numbers(parts, other)
        }
    if equal:
        return _chosen(text, index, index.newest(equal))
    if any(word.isalpha() and word not in index.vocabulary for word in wanted):
        known = [model for key, model in index.finetunes if wanted <= key]
    return _as_fine_tune(text, known, index) if known else _by_part(text, parts, index)


def _as_fine_tune(text: str, bases: list[str], index: Index) -> Resolution:
    base, *others = index.usual(set(bases))
    alternatives = tuple(others[:SHOWN])
    note = message("name.fine-tune", name=text, base=index.entries[base].name, others=alternatives)
    return Resolution(id=base, exact=False, notes=(note,), alternatives=alternatives)


def _by_part(
    text: str, parts: list[str], index: Index, among: frozenset[str] | None = None
) -> Resolution | None:
    """
    The newest among the models whose name has all these words and the fewest other ones.

    A version or a date that was left out does not make a model less official, another word does.
    """
    wanted = frozenset(parts)
    if not says_a_family(wanted):
        return None
    said = _generations(parts).items()
    extra: dict[str, tuple[int, int, frozenset[str]]] = {}
    for (ordered, model), (key, _) in zip(index.parsed, index.keys, strict=True):
        if wanted <= key and (among is None or model in among) and said <= _generations(ordered).items():
            left_out = key - wanted
            generations = frozenset(word for word in left_out if RELEASE.fullmatch(word))
            others = left_out - generations
            rank = (len(others), sum(map(_is_generation, generations)), others)
            extra[model] = min(rank, extra.get(model, rank), key=lambda one: one[:2])
    if not extra:
        return None
    fewest = min(count for count, _, _ in extra.values())
    ranked = index.newest(model for model, (count, _, _) in extra.items() if count == fewest)
    rest = index.newest(model for model, (count, _, _) in extra.items() if count > fewest)
    _, generations_left_out, others = extra[ranked[0]]
    if len(extra) == 1 and _is_doubtful(wanted, others, generations_left_out):
        note = message("name.only-match", name=text, chosen=index.entries[ranked[0]].name)
        return Resolution(id=ranked[0], exact=False, notes=(note,))
    if len(ranked) == 1 and fewest == generations_left_out == 0:
        return Resolution(id=ranked[0], exact=True)
    return _chosen(text, index, ranked, rest)


def _is_doubtful(wanted: frozenset[str], left_out: frozenset[str], generations_left_out: int) -> bool:
    """
    Whether what was left out of a name tells relatives apart, so that a model that we don't know may be meant.
    """
    sized = any(map(TOTAL.fullmatch, wanted))
    return any(map(tells_apart, left_out)) or (sized and generations_left_out > 0)


def _generations(parts: Iterable[str]) -> dict[str, str]:
    """
    The family that each generation was said of: Nous Hermes 2 Mistral is no Mistral 2.
    """
    found: dict[str, str] = {}
    family = ""
    for part in parts:
        if weight(part) == FAMILY:
            family = part
        elif family and _is_generation(part):
            found[part] = family
    return found


def _is_generation(word: str) -> bool:
    """Tell whether a word is a number that is no date (``2507``)."""
    return NUMBER.fullmatch(word) is not None and (len(word) < 4 or "." in word)


def _chosen(text: str, index: Index, ranked: list[str], rest: Iterable[str] = ()) -> Resolution:
    chosen, *others = ranked
    others.extend(rest)
    if not others:
        return Resolution(id=chosen, exact=True)
    alternatives = tuple(others[:SHOWN])
    note = message(
        "name.ambiguous",
        name=text,
        chosen=index.entries[chosen].name,
        newest=all(
            (index.entries[one].released or "") <= (index.entries[chosen].released or "") for one in others
        ),
        alternatives=alternatives,
        more=max(0, len(others) - SHOWN) or None,
    )
    return Resolution(id=chosen, exact=False, notes=(note,), alternatives=alternatives)
