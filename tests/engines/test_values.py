"""
Values out of an answer that may hold anything.
"""

from typing import Any

import pytest

from llmprobe.engines._shared.values import count, decoded, field, records, text


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({"a": {"b": 3}}, 3),
        ({"a": {"b": {}}}, {}),
        ({"a": {}}, None),
        ({"a": [1]}, None),
        ("ab", None),
        (None, None),
    ],
)
def test_a_field_is_found_through_objects_only(record: Any, found: Any) -> None:
    """
    Where one on the way is no object or lacks the name there is nothing.
    """
    assert field(record, "a", "b") == found


@pytest.mark.parametrize(
    ("value", "found"), [([{"a": 1}, 3, None, {}], [{"a": 1}, {}]), ({"a": {}}, []), ("x", [])]
)
def test_records_are_the_objects_of_a_list(value: Any, found: list[Any]) -> None:
    """
    Whatever else is in it is passed over, and what is no list has none.
    """
    assert records(value) == found


@pytest.mark.parametrize(("value", "found"), [("x", "x"), ("", None), (3, None), (None, None), (["x"], None)])
def test_empty_text_is_none(value: Any, found: str | None) -> None:
    """
    So is everything that is no text.
    """
    assert text(value) == found


@pytest.mark.parametrize(
    ("value", "found"), [(0, 0), (7, 7), (-1, None), (True, None), (1.0, None), ("1", None), (None, None)]
)
def test_a_count_is_a_whole_number_from_zero(value: Any, found: int | None) -> None:
    """
    Zero is one; what is below it, true, or no number is not.
    """
    assert count(value) == found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", None),
        ("{", None),
        (b"{}", None),
        (3, None),
        ("[" * 9000, None),
        ("\udcff", None),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_what_is_no_json_holds_nothing(content: object, found: object) -> None:
    """
    Neither broken text nor text of endless depth is an error.
    """
    assert decoded(content) == found
