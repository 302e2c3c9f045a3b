"""
``llmprobe cost`` on the command line: its answer and its exit code, and one sentence for each bad wish.
"""

import json
from pathlib import Path

import pytest

from tests.cli.test_main import ended

MACHINE = ("--gpu", "RTX 4060", "--ram", "16GB")


Captured = pytest.CaptureFixture[str]


def run(capsys: Captured, *args: str) -> tuple[int, str, str]:
    """
    Return how the program ends for a machine with one small card: exit code, stdout, stderr.
    """
    return ended(capsys, *MACHINE, "cost", *args)


def test_a_document_has_the_wishes(capsys: Captured) -> None:
    """
    Every option arrives: the work, the money, the watts.
    """
    code, out, _ = run(
        capsys,
        *("llama3-8b", "--json", "-c", "4k", "--quant", "Q8_0", "--tokens-per-day", "1.5M", "--months", "24"),
        *(
            "--budget",
            "900",
            "--price",
            "300",
            "--power-price",
            "0.31",
            "--watts",
            "230",
            "--idle-watts",
            "40",
        ),
        *("--on-hours", "10", "--currency", "eur", "--exchange-rate", "0.86", "--for", "batch"),
    )
    answer = json.loads(out)

    assert code == 0
    assert answer["schema"] == "llmprobe.cost/1"
    wishes = answer["wishes"]
    assert (wishes["ctx_size"], wishes["quant"], wishes["tokens_per_day"]) == (4096, "Q8_0", 1_500_000)
    assert (wishes["months"], wishes["budget"], wishes["price"], wishes["power_price"]) == (
        24,
        900,
        300,
        0.31,
    )
    assert (wishes["watts"], wishes["idle_watts"], wishes["on_hours"]) == (230, 40, 10)
    assert (wishes["currency"], wishes["exchange_rate"], wishes["use"]) == ("EUR", 0.86, "batch")
    here = answer["ways"][0]
    assert here["first_cost"]["likely"] == 300
    assert here["watts"]["load"]["likely"] == 230


def test_a_hypothetical_machine_is_to_be_bought(capsys: Captured) -> None:
    """
    A recorded one is there, and costs nothing.
    """
    recording = "fixtures/machines/linux-2x3090-64g/recording.json"
    _, owned, _ = ended(capsys, "--replay", recording, "cost", "llama3-8b", "--json")

    assert json.loads(owned)["ways"][0]["first_cost"]["high"] == 0
    _, bought, _ = run(capsys, "llama3-8b", "--json", "--price", "280")
    assert json.loads(bought)["ways"][0]["first_cost"]["high"] == 280


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--hours-per-day", "25"), "--hours-per-day: '25' is not a number of hours of a day"),
        (("--hours-per-day", "-3"), "--hours-per-day: '-3' is not a number of hours of a day"),
        (("--hours-per-day", "0"), "--hours-per-day: '0' is not a number of hours of a day"),
        (("--on-hours", "24.1"), "--on-hours: '24.1' is not a number of hours of a day"),
        (("--budget", "0"), "a budget of 0 buys no machine"),
        (("--budget", "much"), "--budget: 'much' is not an amount above 0"),
        (("--price", "0"), "--price: '0' is not an amount above 0"),
        (("--power-price", "-1"), "--power-price: '-1' is not an amount above 0"),
        (("--currency", "doubloons"), "no currency has the code doubloons"),
        (("--tokens-per-day", "0"), "--tokens-per-day: '0' is not a number of tokens above 0"),
        (("--tokens-per-day", "many"), "--tokens-per-day: 'many' is not a number of tokens above 0"),
        (("--requests", "5", "--tokens-per-day", "5"), "the work of a day is told twice"),
        (("--for", "knitting"), "--for: must be chat, reasoning, agent, long or batch"),
        (("--prices", "/no/such/file"), "the prices in /no/such/file cannot be read"),
        (("-c", "3000000000"), "the context must be 0 to 2147483647 tokens"),
    ],
)
def test_a_bad_wish_is_one_sentence(args: tuple[str, ...], sentence: str, capsys: Captured) -> None:
    """
    On stderr, with exit code 2; with --json the document of an error on stdout.
    """
    code, out, told = run(capsys, "llama3-8b", *args)
    _, document, _ = run(capsys, "llama3-8b", *args, "--json")

    assert code == 2
    assert sentence in told
    assert not out
    assert "Traceback" not in told
    assert json.loads(document)["schema"] == "llmprobe.error/1"


def test_a_price_table_without_currency_is_refused(tmp_path: Path, capsys: Captured) -> None:
    """
    Nobody knows of what its figures are.
    """
    file = tmp_path / "prices.toml"
    file.write_text("kwh = 0.3\n")
    code, _, told = run(capsys, "llama3-8b", "--prices", str(file))

    assert code == 2
    assert f"the prices in {file} name no currency" in told
    assert 'currency = "EUR"' in told


@pytest.mark.parametrize("hours", ["8", "8h", "0.5", "24"])
def test_hours_are_read(hours: str, capsys: Captured) -> None:
    """
    With or without their unit, whole or not.
    """
    _, answer, _ = run(capsys, "llama3-8b", "--hours-per-day", hours, "--json")

    assert json.loads(answer)["wishes"]["hours_per_day"] == float(hours.removesuffix("h"))
