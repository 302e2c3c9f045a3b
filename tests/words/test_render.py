"""
Templates become sentences: forms of values, optional parts, lists, and text that must not command anything.
"""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from llmprobe.harmless import harmless
from llmprobe.words.message import Message, Value, message
from llmprobe.words.render import (
    UnknownLanguageError,
    Words,
    languages,
    placeholders,
    wanted,
    words,
)

LISTS = {"list.comma": ", ", "list.semicolon": "; ", "list.and": " and ", "list.or": " or "}


def said(template: str, **values: Value) -> str:
    return Words("xx", {"x": template, "inner": "<{what}>", "kind.big-cat": "large animal", **LISTS}).text(
        Message("x", values)
    )


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("{size:bytes} free", {"size": 1 << 30}, "1.00 GiB free"),
        ("{speed:rate}", {"speed": 1_008_000_000_000}, "1008 GB/s"),
        ("{count:count}", {"count": 70_600_000_000}, "70.6B"),
        ("{speed:pace}", {"speed": 0.314}, "0.31"),
        ("{speed:pace}", {"speed": 4.23}, "4.2"),
        ("{speed:pace}", {"speed": 38.4}, "38"),
        ("{speed:pace}", {"speed": 9.96}, "10"),
        ("{speed:pace}", {"speed": 999.4}, "999"),
        ("{speed:pace}", {"speed": 1251.0}, "1300"),
        ("{speed:pace}", {"speed": 0.99}, "0.99"),
        ("{speed:pace}", {"speed": 1.0}, "1.0"),
        ("{speed:pace}", {"speed": 1}, "1.0"),
        ("{speed:pace}", {"speed": 9.94}, "9.9"),
        ("{speed:pace}", {"speed": 9.95}, "10"),
        ("{speed:pace}", {"speed": 1000.0}, "1000"),
        ("{speed:pace}", {"speed": 1049.0}, "1000"),
        ("{size:gib}", {"size": 0}, "0"),
        ("{size:gib}", {"size": 1}, "<0.01"),
        ("{size:gib}", {"size": 3 << 29}, "1.50"),
        ("{size:gib}", {"size": 5368709}, "<0.01"),
        ("{size:gib}", {"size": 5368710}, "0.01"),
        ("{size:gib}", {"size": 1 << 30}, "1.00"),
        ("{size:gib}", {"size": (1000 << 30) - (1 << 28)}, "999.75"),
        ("{size:gib}", {"size": 1000 << 30}, "1000"),
        ("{size:gib}", {"size": 2000 << 30}, "2000"),
        ("{size:gib}", {"size": None}, "None"),
        ("{size:bytes}", {"size": "some"}, "some"),
        ("{size:beside}", {"size": 3 << 29}, "  1.50 GiB"),
        ("run {command:shell}", {"command": "x 'a\x1bb'"}, "run x 'a'$'\\x1b''b'"),
        ("{code:kind.}", {"code": "Big Cat"}, "large animal"),
        ("{code:kind.}", {"code": "dog\x1b"}, "dog\\x1b"),
        ("{code:kind.}", {"code": None}, "None"),
        ("{share:.1f}", {"share": 0.25}, "0.2"),
        ("{share:.1f}", {"share": 3}, "3.0"),
        ("{share:.1f}", {"share": "half"}, "half"),
        ("{number}", {"number": 2.0}, "2"),
        ("{number}", {"number": 0.1 + 0.2}, "0.3"),
        ("{items}", {"items": ("a", "b")}, "a, b"),
        ("{items:and kind.}", {"items": ("big cat", "dog")}, "large animal and dog"),
        ("{items:list kind.}", {"items": ("dog", "big cat")}, "dog, large animal"),
        ("{items:and}", {"items": ("a",)}, "a"),
        ("{items:and}", {"items": ("a", "b", "c")}, "a, b and c"),
        ("{items:or}", {"items": ("a", "b")}, "a or b"),
        ("{items:each}", {"items": ("a", "b")}, "a; b"),
        ("{count} {count:layer|layers}", {"count": 1}, "1 layer"),
        ("{count} {count:layer|layers}", {"count": 2}, "2 layers"),
        ("{count:layer|layers}", {"count": 0}, "layers"),
        ("{items:layer|layers}", {"items": ("a",)}, "layer"),
        ("{items:layer|layers}", {"items": ("a", "b")}, "layers"),
        ("{items:layer|layers}", {"items": ()}, "layers"),
        ("{items:or}", {"items": ("a", "b", "c")}, "a, b or c"),
        ("{items:each}", {"items": ("a",)}, "a"),
        ("{items:list}", {"items": "a"}, "a"),
        ("{items:and}", {"items": ()}, ""),
        ("{items:and}", {"items": (("a", "b"), "c")}, "a, b and c"),
        ("on{where}[ at {time}]", {"where": "e", "time": None}, "one"),
        ("on{where}[ at {time}]", {"where": "e", "time": 5}, "one at 5"),
        ("[no {what}][!{what}nothing]", {"what": None}, "nothing"),
        ("[has {what}][!{what}nothing]", {"what": 0}, "has 0"),
        ("a \\[b\\] c", {}, "a [b] c"),
        ("[a {x} {y}]", {"x": 1, "y": None}, ""),
        ("[a {x} {y}]", {"x": 1, "y": 2}, "a 1 2"),
        ("[!{x}{y}none]", {"x": 1, "y": None}, "none"),
        ("[!{x}{y}none]", {"x": 1, "y": 2}, ""),
        ("[a {x}]", {"x": False}, ""),
        ("[a {x}]", {"x": True}, "a True"),
        ("[a {x}]", {"x": ()}, ""),
        ("[a {x}]", {"x": ""}, "a "),
        ("[a {x}[ b {y}]]", {"x": 1, "y": None}, "a 1"),
        ("[a {x}[ b {y}]]", {"x": None, "y": 1}, ""),
        ("[a {x}[ b {y}]]", {"x": 1, "y": 2}, "a 1 b 2"),
        ("says {inner}", {"inner": message("inner", what=3)}, "says <3>"),
        ("{items:and}", {"items": (message("inner", what=1), "b")}, "<1> and b"),
    ],
)
def test_values_take_their_form(template: str, values: dict[str, Value], expected: str) -> None:
    """A value is written as its form says, and an optional part only where its values are there."""
    assert said(template, **values) == expected


def test_text_of_a_file_commands_nothing() -> None:
    """Escapes, line ends and marks of direction in a value are shown, never sent; other scripts stay as they are."""
    assert said("{name}", name="a\x1b]0;x\x07\n\u202eb\x9b") == "a\\x1b]0;x\\x07\\n\\u202eb\\x9b"
    assert harmless("量子化 é") == "量子化 é"
    assert harmless("\udcff") == "\\xff"


@pytest.mark.parametrize("broken", ["[open", "[!open", "[a [b]", "close]", "[a]]", "{", "a {b", "{a b}"])
def test_a_broken_template_is_refused(broken: str) -> None:
    """A template that cannot be read is an error, not a sentence with holes."""
    with pytest.raises(ValueError, match="sentence"):
        said(broken)


def test_placeholders_include_optional_ones() -> None:
    """A message must give the values of optional parts as well."""
    assert placeholders("{a} [b {c:bytes}[ {d}]]") == {"a", "c", "d"}


def test_messages_are_equal_by_content() -> None:
    """Two messages with the same id and values are one message, and none can be changed."""
    one = message("x", a=1, b=("c",))

    assert one == message("x", b=("c",), a=1)
    assert hash(one) == hash(message("x", b=("c",), a=1))
    assert one != message("x", a=2, b=("c",))
    with pytest.raises(AttributeError):
        one.id = "y"


def test_a_message_differs_by_its_id_or_any_value() -> None:
    """The same values make another message under another id, and nothing else is a message."""
    assert message("x", a=1) != message("y", a=1)
    assert message("x", a=1) != message("x")
    assert message("x") != "x"
    assert repr(message("x", a=1, b="c")) == "message('x', a=1, b='c')"


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    Add a language ``xx``.
    """
    module = ModuleType("llmprobe.words.xx")
    module.SENTENCES = LISTS  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "llmprobe.words.xx", module)
    words.cache_clear()
    yield
    words.cache_clear()


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "xx"}, "xx"),
        ({"LANG": "xx_YY.UTF-8"}, "xx"),
        ({"LANG": "XX-YY"}, "xx"),
        ({"LANG": "xx@euro"}, "xx"),
        ({"LANG": "en_XX"}, "en"),
        ({"LC_MESSAGES": "xx", "LANG": "en"}, "xx"),
        ({"LC_ALL": "en", "LC_MESSAGES": "xx"}, "en"),
        ({"LC_ALL": "", "LANG": "xx"}, "xx"),
        ({"LC_ALL": "zz", "LANG": "xx"}, "en"),
        ({"LANGUAGE": "xx"}, "en"),
    ],
)
def test_the_first_variable_that_is_set_decides(environment: dict[str, str], expected: str) -> None:
    """By the language before country, encoding and variant; what is empty is not set."""
    assert wanted(environment) == expected


@pytest.mark.usefixtures("other")
def test_without_an_environment_the_process_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that is given is asked alone, an empty one too."""
    monkeypatch.setenv("LC_ALL", "xx")

    assert wanted() == "xx"
    assert wanted({}) == "en"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zz_ZZ.UTF-8"}, "en"),
        ({"LC_ALL": "en_GB", "LANG": "zz"}, "en"),
        ({"LANG": "../en"}, "en"),
    ],
)
def test_the_environment_asks_for_a_language(environment: dict[str, str], expected: str) -> None:
    """A language without a catalogue leaves English, whatever else the variable holds."""
    assert wanted(environment) == expected


@pytest.mark.parametrize("name", ["render", "message", "__init__", "../en", "zz", "EN", ""])
def test_only_catalogues_are_languages(name: str) -> None:
    """What is no catalogue is no language, a module of the package among them."""
    with pytest.raises(UnknownLanguageError):
        words(name)


def test_english_is_listed() -> None:
    """The languages are the catalogues in the package."""
    assert "en" in languages()
    assert not {"message", "render", "__init__"} & set(languages())
