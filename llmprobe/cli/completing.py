"""
What a shell offers for the value of an option or an argument: what its word in the help (``MODEL``) stands for.

It is imported when a shell asks. Nothing of the machine is asked: names are those of the catalog and of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from click.shell_completion import CompletionItem

MOST_HELP = 60
"""Letters beside a suggestion; shells show it in a line."""


def values(metavar: str | None, incomplete: str) -> list[CompletionItem[str]]:
    """
    The suggestions for a value, none where nothing is known of it.
    """
    source = _SOURCES.get((metavar or "").partition("|")[0].removesuffix(",..."))
    return [] if source is None else list(source(incomplete))


def short(sentence: str) -> str:
    """
    The beginning of a sentence, as it stands beside a suggestion.
    """
    first = sentence.partition(". ")[0].partition("。")[0].removesuffix(".")
    return first if len(first) <= MOST_HELP else f"{first[: MOST_HELP - 3].rstrip()}..."


def _models(incomplete: str) -> Iterator[CompletionItem[str]]:
    """
    Yield the models of the catalog whose name begins so, and where it looks like a path, files.
    """
    if incomplete.startswith((".", "/", "~")) or "/" in incomplete or "\\" in incomplete:
        yield CompletionItem(incomplete, type="file")
        return
    from llmprobe.tasks.models import named_so

    for name, title in named_so(incomplete):
        yield CompletionItem(name, help=title)


def _quantizations(incomplete: str) -> Iterator[CompletionItem[str]]:
    from llmprobe.tasks.models import quantizations

    return _beginning(quantizations(), incomplete)


def _engines(incomplete: str) -> Iterator[CompletionItem[str]]:
    from llmprobe.engines import all_engines

    return _beginning(all_engines(), incomplete)


def _programs(incomplete: str) -> Iterator[CompletionItem[str]]:
    from llmprobe.engines import programs

    return _beginning(programs(), incomplete)


def _languages(incomplete: str) -> Iterator[CompletionItem[str]]:
    from llmprobe.words.render import languages

    return _beginning(languages(), incomplete)


def _files(incomplete: str) -> Iterator[CompletionItem[str]]:
    yield CompletionItem(incomplete, type="file")


def _folders(incomplete: str) -> Iterator[CompletionItem[str]]:
    yield CompletionItem(incomplete, type="dir")


def _beginning(names: Iterable[str], incomplete: str) -> Iterator[CompletionItem[str]]:
    """
    Yield the names that begin so, in capitals or not.
    """
    return (CompletionItem(name) for name in names if name.lower().startswith(incomplete.lower()))


_SOURCES: dict[str, Callable[[str], Iterator[CompletionItem[str]]]] = {
    "MODEL": _models,
    "Q": _quantizations,
    "ENGINE": _engines,
    "PROGRAM": _programs,
    "CODE": _languages,
    "FILE": _files,
    "DIR": _folders,
}
