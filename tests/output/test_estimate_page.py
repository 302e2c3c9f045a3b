"""
The page of an estimate by its words: the verdict, the settings, the table, the terms and the speeds.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.estimate import Loading, Range, Speed
from llmprobe.output.text import estimate
from llmprobe.output.text.figures import first_token
from llmprobe.units import GIB
from llmprobe.words.message import message
from llmprobe.words.render import english
from tests.output import samples
from tests.output.pages import page_of

replace = msgspec.structs.replace


def estimated(monkeypatch: pytest.MonkeyPatch, width: int = 100, **changed: Any) -> list[str]:
    answer = samples.estimate()
    settings = changed.pop("settings", {})
    answer = replace(answer, settings=replace(answer.settings, **settings), **changed)
    return page_of(monkeypatch, lambda page: estimate.show(page, answer, origin="live", explain=False), width)


def test_an_estimate_begins_with_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model, the machine, whether it fits with what it takes and how fast it is, then the settings."""
    speed = samples.estimate().speed
    assert estimated(monkeypatch)[:5] == [
        "Llama 3 70B Instruct Q4_K_M, 70.6B parameters",
        "on this machine",
        "",
        "It fits: 43.20 GiB in total, about 2.6 tokens/s",
        "context 8192 · cache f16 · 43 of 81 layers on the GPU · flash attention on · micro-batch 512",
    ]
    slow = replace(speed, generation_tokens_per_s=None)
    assert estimated(monkeypatch, speed=slow)[3] == "It fits: 43.20 GiB in total"
    assert estimated(monkeypatch, fits=False, missing_bytes=GIB)[3] == "It does not fit: 1.00 GiB short"
    assert estimated(monkeypatch, fits=False)[3] == "It does not fit"


@pytest.mark.parametrize(
    ("settings", "fact"),
    [
        ({"parallel": 2}, "context 8192 over 2 slots"),
        ({"parallel": 1}, "context 8192 ·"),
        ({"cache_type_v": "q8_0"}, "cache f16/q8_0"),
        ({"devices": ()}, "on the CPU"),
        ({"n_cpu_moe": 1}, "experts of 1 layer on the CPU"),
        ({"n_cpu_moe": 99}, "experts of 80 layers on the CPU"),
    ],
)
def test_settings_of_an_estimate(
    settings: dict[str, Any], fact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each setting that matters, by name; more experts than layers are all of them."""
    assert fact in "\n".join(estimated(monkeypatch, 120, settings=settings))


@pytest.mark.parametrize(("width", "names"), [(100, "weights"), (60, "model"), (44, None)])
def test_the_table_of_an_estimate_fits(
    width: int, names: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full names, short ones, and where neither fits a line for each figure."""
    lines = estimated(monkeypatch, width)

    if names is None:
        assert "    budget    52.59" in lines or "  budget    52.59" in lines
        assert [line for line in lines if len(line) > width] == []
    else:
        heading = next(line for line in lines if line.split()[:1] == ["GiB"])
        assert heading.split()[1] == names
        host = next(line for line in lines if line.split()[:1] == ["host"]).split()
        assert host == ["host", "18.76", "1.19", "0.05", "<0.01", "0.29", "20.29", "52.59"]
        total = next(line for line in lines if line.split()[:1] == ["all"]).split()
        assert total == ["all", "39.59", "2.50", "0.37", "<0.01", "0.74", "43.20"]


def test_terms_have_their_words_and_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Largest first, with how each is known, and its bounds where it has some; nothing of zero bytes."""
    lines = estimated(monkeypatch, 120)

    assert (
        "   18.21 GiB  layers 0 to 37: 38 layers of 80, types by the quantizer's rules for Q4_K_M (computed)"
        in lines
    )
    assert "     300 MiB  runtime (150 MiB to 600 MiB): program, tokenizer, CUDA host side (assumed)" in lines
    assert "     456 MiB  CUDA context: measured on this generation (measured)" in lines
    alone = estimated(monkeypatch, devices=samples.estimate().devices[:1])
    assert not any(line.split()[:1] == ["all"] for line in alone)


def test_speeds_of_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each speed that is known; where there is none, the reason."""
    figure = Range(low=1, likely=2, high=3)
    speed = replace(
        samples.estimate().speed,
        generation_at_full_context_tokens_per_s=figure,
        prompt_tokens_per_s=replace(figure, likely=2500.0),
    )
    lines = estimated(monkeypatch, speed=speed)
    start = lines.index("Tokens/s")

    assert lines[start + 1 :] == [
        "  generation 2.6 (2.1 to 3.1)",
        "  generation at a full context 2.0 (1.0 to 3.0)",
        "  prompt 2500 (1.0 to 3.0)",
    ]
    unknown = estimated(monkeypatch, speed=replace(samples.estimate().speed, generation_tokens_per_s=None))
    assert unknown[unknown.index("Tokens/s") + 1 :][:2] == [
        "  generation unknown",
        "  22.37 GB per token from gpu0 at 1008 GB/s, 20.15 GB from RAM at 62 GB/s",
    ]


def test_the_time_from_a_measured_disk_is_among_the_speeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its bounds, the directory and the rate; nothing is said where no disk was measured."""
    loading = Loading(
        seconds=Range(low=20.0, likely=22.0, high=42.0),
        bytes=10 * GIB,
        directory="/models",
        bytes_per_s=500_000_000,
    )

    lines = estimated(monkeypatch, 120, loading=loading)

    assert [line.strip() for line in lines if "Loading" in line] == [
        "Loading 22 s (20 s to 42 s) from /models, read at 500 MB/s"
    ]
    assert not any("Loading" in line for line in estimated(monkeypatch))


def test_the_first_token_says_when_several_micro_batches_are_read_at_once() -> None:
    """
    2,048 tokens in 1.4 s are 1,463 tokens/s, twice what one micro-batch has; 2,048 in 2.8 s need no word.
    """
    told = Speed(
        generation_tokens_per_s=None,
        prompt_tokens_per_s=Range(low=500.0, likely=735.0, high=900.0),
        time_to_first_token_s=Range(low=1.0, likely=1.4, high=2.0),
        prompt_tokens=2048,
        reason=message("speed.nothing-read"),
    )
    alone = msgspec.structs.replace(told, time_to_first_token_s=Range(low=2.0, likely=2.8, high=4.0))

    assert english(first_token(told)) == (
        "1.4 s (1.0 s to 2.0 s) after a prompt of 2,048 tokens, 1500 tokens/s with several micro-batches at once"
    )
    assert english(first_token(alone)) == "2.8 s (2.0 s to 4.0 s) after a prompt of 2,048 tokens"
