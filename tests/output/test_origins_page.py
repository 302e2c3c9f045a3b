"""
Where the files come from, on the page of a recommendation.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.recommendation import FileOrigin
from llmprobe.output.text import origins
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.output.pages import page_of
from tests.output.samples import recommendation

replace = msgspec.structs.replace
PLACED = FileOrigin(
    file="a-Q4_K_M.gguf",
    here=False,
    repository="me/a-GGUF",
    tag="Q4_K_M",
    how=message("obtain.llama-cpp", option="-hf me/a-GGUF:Q4_K_M"),
    command="llama-server -hf me/a-GGUF:Q4_K_M",
    size_bytes=4 * GIB,
    directory="/home",
    free_bytes=9 * GIB,
    has_room=True,
)


def shown(monkeypatch: pytest.MonkeyPatch, first: FileOrigin | None, *others: FileOrigin | None) -> list[str]:
    best, *rest = recommendation().choices
    choices = (
        replace(best, origin=first),
        *(
            replace(best, quant=f"Q{number}_0", origin=one)
            for number, one in enumerate(others, start=5)
        ),
    )  # fmt: skip
    assert rest
    return page_of(monkeypatch, lambda page: origins.show(page, choices), 100)


def test_the_place_the_size_and_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What engines need to fetch it is there to be copied.
    """
    assert shown(monkeypatch, PLACED) == [
        "",
        "Get the file",
        "  - the command needs a-Q4_K_M.gguf, which was not found here; it takes 4.00 GiB of 9.00 GiB free on",
        "    /home",
        "  - me/a-GGUF should have this type (not checked)",
        "  - llama-server fetches it itself, with this in place of -m and the file",
        "    -hf me/a-GGUF:Q4_K_M",
    ]


@pytest.mark.parametrize("first", [None, FileOrigin(file="a.gguf", here=True)])
def test_a_file_that_is_here_needs_no_section(
    monkeypatch: pytest.MonkeyPatch, first: FileOrigin | None
) -> None:
    """
    The choice names it already.
    """
    assert shown(monkeypatch, first, PLACED) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"here": None}, "  - the command needs a-Q4_K_M.gguf, 4.00 GiB; 9.00 GiB free on /home"),
        ({"here": None, "free_bytes": None, "has_room": None}, "  - the command needs a-Q4_K_M.gguf, 4.00 GiB"),
        ({"has_room": False}, "  - that does not fit on /home, where 9.00 GiB is free"),
        ({"certain": True}, "  - me/a-GGUF has it"),
        ({"repository": None, "name": "a:4b"}, "  - the command needs a:4b, which was not found here; it takes"),
        ({"needs": (message("obtain.install", engine="ollama", address="https://x"),)},
         "  - Ollama was not found here; it is at https://x"),
        ({"repository": None, "how": message("obtain.make"), "make": ("llama-quantize a b Q4_K_M",)},
         "    llama-quantize a b Q4_K_M"),
    ],
)  # fmt: skip
def test_each_fact_has_its_line(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], line: str) -> None:
    """
    What is not known is left out.
    """
    lines = shown(monkeypatch, replace(PLACED, **changes))

    assert any(one.startswith(line) for one in lines)


def test_the_others_are_named_by_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    One line for each place; what is here already needs none.
    """
    other = replace(PLACED, repository="you/a-GGUF")
    made = replace(PLACED, repository=None)
    lines = shown(monkeypatch, PLACED, PLACED, other, FileOrigin(file="a", here=True), other, made)

    assert lines[-3:] == [
        "  - Q5_0: me/a-GGUF",
        "  - Q6_0, Q8_0: you/a-GGUF",
        "  - Q9_0: no published file known",
    ]
