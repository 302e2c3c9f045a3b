"""
The pages of ``fit`` and ``plan``: every figure with its name, at any width, and a command to go on with.
"""

from functools import cache

import msgspec
import pytest

import llmprobe
from llmprobe.facts.fit import Fit, KeptInFit
from llmprobe.facts.plan import Plan
from llmprobe.output.text import fit, plan
from llmprobe.output.text.page import Page
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, machine, model
from tests.output.pages import page_of


@cache
def fitting() -> Fit:
    return llmprobe.fit(machine((), ram_gib=4), use="chat", top=3)


@cache
def planned() -> Plan:
    return llmprobe.plan(model("llama", LLAMA_8B), ctx_size=4096)


def test_a_wide_page_has_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A heading names the test, and each row its file, size, speed and score.
    """
    lines = page_of(monkeypatch, lambda page: fit.show(page, fitting(), explain=False), 140)
    (heading,) = [line for line in lines if "Tokens/s" in line and "Size" in line]
    rows = [line for line in lines if line.startswith(("1. ", "2. ", "3. "))]

    assert heading.endswith("Arena text")
    assert len(rows) == 3
    for row, line in zip(fitting().rows, rows, strict=True):
        assert row.model.name in line
        assert row.choice.quant in line
        assert line.endswith(f"{row.reads_as:.0f} Elo")


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_page_names_every_figure(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """
    Without headings each figure says what it is, and no line is wider than the page but commands.
    """
    lines = page_of(monkeypatch, lambda page: fit.show(page, fitting(), explain=True), width)
    text = " ".join(" ".join(lines).split())
    first = fitting().rows[0]

    assert f"{first.reads_as:.0f} Elo of Arena text" in text
    assert f"{first.model.name}: {first.points:.1f} points" in text
    assert all(len(line) <= width for line in lines if "llmprobe recommend" not in line)


def test_a_page_ends_with_the_command_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It asks for the same model, context and use.
    """
    lines = page_of(monkeypatch, lambda page: fit.show(page, fitting(), explain=False), 80)
    first = fitting().rows[0]

    assert lines[-1].strip() == (
        f"llmprobe recommend {first.model.id} -c {first.choice.ctx_size} --for {first.answers}"
    )


def test_the_command_names_a_machine_that_is_not_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Typed as it stands it answers for the machine that was asked about.
    """

    def of_another(page: Page) -> None:
        page.target = ("--gpu", "RTX 3060 12GB", "--ram", "32GB")
        fit.show(page, fitting(), explain=False)

    lines = page_of(monkeypatch, of_another, 80)

    assert lines[-1].strip().startswith("llmprobe --gpu 'RTX 3060 12GB' --ram 32GB recommend ")


@pytest.mark.parametrize(("scores", "said"), [((1300, 1200, 1100), False), ((1300, 1400, 1100), True)])
def test_an_order_that_the_column_does_not_have_is_explained(
    monkeypatch: pytest.MonkeyPatch, scores: tuple[int, ...], said: bool
) -> None:
    """
    Only where a row has a higher score than the one before it, and no points are shown.
    """
    rows = tuple(
        msgspec.structs.replace(row, reads_as=score)
        for row, score in zip(fitting().rows, scores, strict=True)
    )
    answer = msgspec.structs.replace(fitting(), rows=rows)
    short, long = (
        " ".join(page_of(monkeypatch, lambda page: fit.show(page, answer, explain=explain), 140))  # noqa: B023 - called at once
        for explain in (False, True)
    )

    assert ("a lower Arena text may come first" in short) == said
    assert "may come first" not in long


def test_what_is_kept_here_stands_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With its speed, that it does not run, or why it cannot be used; without any there is no heading.
    """
    by, choice = message("kept-by.ollama"), fitting().rows[0].choice
    kept = (
        KeptInFit(name="runs", kept_by=by, quant="Q4_K_M", parameters=7 * 10**9, choice=choice),
        KeptInFit(name="too-large", kept_by=by, parameters=70 * 10**9),
        KeptInFit(
            name="broken",
            kept_by=by,
            problem=message("model.kept-unusable", name="broken", kept_by=by, reason=None),
        ),
    )
    answer = msgspec.structs.replace(fitting(), kept=kept)
    lines = page_of(monkeypatch, lambda page: fit.show(page, answer, explain=False), 120)
    text = " ".join(" ".join(lines).split())
    without = page_of(monkeypatch, lambda page: fit.show(page, fitting(), explain=False), 120)

    assert "runs (Q4_K_M), 7.0B parameters: runs at" in text
    assert "too-large, 70.0B parameters: does not run here as wished" in text
    assert "broken" in text
    assert sum(line.startswith("On this disk") for line in lines) == 1
    assert not any(line.startswith("On this disk") for line in without)


def test_every_kind_of_machine_has_a_heading(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Kinds without a machine say so, and the last line is a command for the first machine.
    """
    lines = page_of(monkeypatch, lambda page: plan.show(page, planned()), 80)

    assert [line for line in lines if line in _HEADINGS] == list(_HEADINGS)
    assert lines.count("  none of the machines that were tried") == len(planned().without)
    assert lines[-1].strip().startswith("llmprobe --gpu")
    assert any("W" in line and "tokens/s" in line and "fully on the GPU" in line for line in lines)


_HEADINGS = (
    "One card",
    "Several cards",
    "A card with the rest in RAM",
    "Memory that processor and GPU share",
    "The processor alone",
)
