"""
The page of ``upgrade``: what it runs now, each change under what it costs, and the answer about a second card.
"""

from functools import cache

import msgspec
import pytest

import llmprobe
from llmprobe.facts.upgrade import Upgrade
from llmprobe.output.text import upgrade
from tests.machine_fixtures import FOLDER
from tests.output.pages import page_of


@cache
def answered(machine: str, model: str) -> Upgrade:
    return llmprobe.upgrade(
        llmprobe.probe(replay=FOLDER / machine / "recording.json"), llmprobe.load_model(model), ctx_size=8192
    )


@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_step_is_on_the_page_once(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """
    In its part, with its watts where it is worth buying and its command where it costs nothing, within the width.
    """
    answer = answered("linux-rx7900xtx-64g", "llama3-70b")
    lines = page_of(monkeypatch, lambda page: upgrade.show(page, answer), width)
    text = " ".join(" ".join(lines).split())
    parts = [
        "Now",
        "At no cost",
        "To buy, the largest gain first",
        "Not worth it",
        "Would another card help?",
    ]

    assert [line for line in lines if line in parts] == parts
    assert all(len(line) <= width for line in lines if "ollama stop" not in line)
    for step in answer.steps:
        assert " ".join(str(step.name).split()) in text
    assert "ollama stop" in text
    assert text.count("draws up to") == sum(
        bool(step.helps) and step.watts is not None for step in answer.steps
    )


def test_a_split_by_tensors_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of what runs now: a split by layers is what is shown otherwise.
    """
    answer = answered("linux-rx7900xtx-64g", "llama3-70b")
    assert answer.now is not None
    choice = msgspec.structs.replace(answer.now.choice, split_mode="tensor")
    sliced = msgspec.structs.replace(answer, now=msgspec.structs.replace(answer.now, choice=choice))
    whole = page_of(monkeypatch, lambda page: upgrade.show(page, answer), 120)
    split = page_of(monkeypatch, lambda page: upgrade.show(page, sliced), 120)

    assert not any("on GPUs, split by tensors" in line for line in whole)
    assert sum("on GPUs, split by tensors" in line for line in split) == 1


def test_what_is_empty_has_no_heading(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where nothing helps, nothing is listed as helping; where nothing runs, the page says so.
    """
    nothing = page_of(
        monkeypatch, lambda page: upgrade.show(page, answered("linux-4090-64g", "qwen3-8b")), 80
    )
    never = page_of(
        monkeypatch, lambda page: upgrade.show(page, answered("macos-vm-m1-7g", "llama3-70b")), 80
    )

    assert "At no cost" not in nothing
    assert "Not worth it" in nothing
    assert "  nothing runs as wished" in never
    assert "Not worth it" not in never


def test_unknown_gains_stand_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A card without its driver.
    """
    answer = answered("linux-2x5060ti-no-driver", "qwen3-8b")
    lines = page_of(monkeypatch, lambda page: upgrade.show(page, answer), 80)

    assert "Of unknown gain" in lines
    assert "    nobody can tell beforehand what that brings" in lines
