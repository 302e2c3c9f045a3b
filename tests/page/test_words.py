"""
The page in the browser has no text of its own: every sentence is one of the catalogue, with the values that it takes.
"""

import re

from llmprobe.words import en, ja
from llmprobe.words.render import placeholders
from tests.page.scripts import ids_in_scripts, said, scripts


def test_every_id_of_the_page_has_its_sentence() -> None:
    """An id that a script names is in the catalogue."""
    assert sorted(ids_in_scripts() - set(en.SENTENCES)) == []


def test_every_sentence_has_its_values() -> None:
    """What a script gives a sentence is what the sentence takes."""
    found = list(said())
    wrong = [
        f"{one.where}: {one.id} gives {sorted(one.values)}"
        for one in found
        if one.id in en.SENTENCES and placeholders(en.SENTENCES[one.id]) != one.values
    ]

    assert wrong == []
    # The scripts were really read: the range of a figure is one of them.
    assert any(one.id == "report.bounds" and one.values == {"low", "high"} for one in found)


def test_the_page_can_fill_its_sentences() -> None:
    """The browser knows names in braces alone, neither forms of figures nor parts that may be left out."""
    plain = re.compile(r"(?:[^{}\[\]\\]|\{\w+\})*")
    of_calls = {one.id for one in said()}

    for sentences in (en.SENTENCES, ja.SENTENCES):
        assert [id_ for id_ in sorted(of_calls) if not plain.fullmatch(sentences[id_])] == []


def test_scripts_write_no_markup() -> None:
    """Text becomes text: nothing of a document is ever read as markup, script or style."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc"
        r"|\beval\(|new Function|setAttribute\(\"style\"|cssText|createElement\(\"(?:style|script)\""
    )

    assert [(name, found) for name, text in scripts() if (found := forbidden.search(text))] == []
