"""
The public functions and errors, from their signatures and docstrings.
"""

import inspect
from collections.abc import Iterator

import llmprobe
from docs.manual.text import paragraphs


def page() -> str:
    """
    Return every public function, then every error.
    """
    return "\n".join(_lines())


def names() -> list[str]:
    """
    The public names in alphabetical order, errors last.
    """
    public = [name for name in llmprobe.__all__ if not name.startswith("_")]
    return sorted(public, key=lambda name: (name.endswith("Error"), name))


def _lines() -> Iterator[str]:
    for name in names():
        value = getattr(llmprobe, name)
        yield f"## {name}\n"
        if inspect.isfunction(value):
            yield f"```python\n{signature(name)}\n```\n"
        yield from (f"{paragraph}\n" for paragraph in paragraphs(inspect.getdoc(value) or ""))


def signature(name: str) -> str:
    """
    Return how a function is called, a parameter to a line.
    """
    found = inspect.signature(getattr(llmprobe, name))
    lines, keyword_only = [], False
    for parameter in found.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            lines.append("    *,")
            keyword_only = True
        lines.append(f"    {_unquoted(parameter)},")
    answer = str(found.return_annotation).strip("'")
    return "\n".join([f"llmprobe.{name}(", *lines, f") -> {answer}"])


def _unquoted(parameter: inspect.Parameter) -> str:
    """
    Return a parameter as it is written, with an annotation that is a string as what the string says.
    """
    text = str(parameter)
    annotation = parameter.annotation
    return text.replace(repr(annotation), annotation) if isinstance(annotation, str) else text
