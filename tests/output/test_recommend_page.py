"""
The page of a recommendation by its words: the verdict, the choice, what else there is, and what is not possible.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.estimate import Loading, Range
from llmprobe.facts.recommendation import Rejected
from llmprobe.output.text import recommend
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.output import samples
from tests.output.pages import page_of, printed
from tests.output.samples import said

replace = msgspec.structs.replace


def recommended(
    monkeypatch: pytest.MonkeyPatch,
    width: int = 100,
    *,
    explain: bool = False,
    best: Any = (),
    **changed: Any,
) -> list[str]:
    answer = samples.recommendation()
    first, *others = answer.choices
    answer = replace(answer, choices=(replace(first, **dict(best)), *others))
    answer = replace(answer, **changed)
    return page_of(monkeypatch, lambda page: recommend.show(page, answer, explain=explain), width)


def value(lines: list[str], name: str) -> str:
    """
    What stands beside a name.
    """
    return next(line for line in lines if line.startswith(f"  {name}"))[18:]


def test_a_recommendation_begins_with_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model, the machine, the verdict, then the choice."""
    lines = recommended(monkeypatch, verdict=said("Runs well here"))

    assert lines[:4] == [
        "Llama 3 70B Instruct, 70.6B parameters",
        "this machine: NVIDIA GeForce RTX 4090, 62.71 GiB RAM",
        "",
        "Runs well here",
    ]
    assert recommended(monkeypatch)[3] == "It fits"


@pytest.mark.parametrize(
    ("changed", "name", "shown"),
    [
        ({}, "Quantization", "Q4_K_M, 39.59 GiB"),
        ({"download_bytes": 5 * GIB}, "Quantization", "Q4_K_M, 5.00 GiB"),
        ({}, "GPU layers", "43 of 81"),
        (
            {"n_cpu_moe": 3},
            "GPU layers",
            "43 of 81 (the output is one), experts of the first 3 layers on the CPU",
        ),
        ({"cpu_moe_layers": (7,)}, "GPU layers", "43 of 81, experts of 1 layer on the CPU"),
        ({"tensor_split": (3.0, 1.5)}, "GPU layers", "43 of 81, split 3,1.5"),
        ({"devices": (samples.HOST_4090,)}, "GPU layers", "none: the CPU computes everything"),
        ({}, "Context", "8192 tokens"),
        ({"parallel": 3}, "Context", "8192 tokens, 2730 for each of 3 slots"),
        ({}, "KV cache", "f16"),
        ({"cache_type_v": "q8_0"}, "KV cache", "K f16, V q8_0"),
        ({"cache_type_v": "q8_0", "kv_offload": False}, "KV cache", "K f16, V q8_0 in RAM"),
        ({"on_disk": "/m/x.gguf"}, "File", "/m/x.gguf"),
    ],
)
def test_the_settings_of_a_choice(
    changed: dict[str, Any], name: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each setting in words; what the model takes is its download, or its weights."""
    assert value(recommended(monkeypatch, best=changed), name) == shown


def test_the_speeds_of_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompt and full context where they are known, and the reason where there is no speed."""
    speed = samples.recommendation().choices[0].speed
    figure = Range(low=1, likely=2, high=3)
    full = replace(speed, generation_at_full_context_tokens_per_s=figure, prompt_tokens_per_s=figure)
    lines = recommended(monkeypatch, best={"speed": full})
    none = recommended(monkeypatch, best={"speed": replace(speed, generation_tokens_per_s=None)})

    assert (
        lines[lines.index("  Tokens/s        2.6 (2.1 to 3.1)") + 1]
        == " " * 18 + "2.0 (1.0 to 3.0) when the context is full"
    )
    assert value(lines, "Prompt") == "2.0 (1.0 to 3.0) tokens/s"
    assert none[none.index("  Tokens/s        unknown") + 1] == " " * 18 + "from bandwidths"
    assert "from bandwidths" not in "\n".join(lines)


def test_a_model_that_generates_nothing_has_no_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its verdict says so; an unknown speed is another thing, and has its reason."""
    speed = samples.recommendation().choices[0].speed
    unknown = replace(speed, generation_tokens_per_s=None)
    none = replace(unknown, reason=message("speed.no-generation"))

    assert not [
        row for row in recommended(monkeypatch, best={"speed": none}) if row.startswith("  Tokens/s   ")
    ]
    assert [
        row for row in recommended(monkeypatch, best={"speed": unknown}) if row.startswith("  Tokens/s   ")
    ]


def test_details_and_terms_are_for_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Details of a choice are shown with --explain; remarks about its command always are."""
    best = {"details": (said("by 0.0231 nats"),), "remarks": (said("start the server first"),)}
    plain = recommended(monkeypatch, best=best)
    full = recommended(monkeypatch, best=best, explain=True)

    assert "  - by 0.0231 nats" not in plain
    assert "  - by 0.0231 nats" in full
    assert plain[-2:] == ["", "  - start the server first"]
    assert "Term by term" not in plain
    assert "Term by term" in full


def test_unified_memory_is_filled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where processor and GPU share memory, RAM shows what both take of it, of what is free."""
    mac = samples.m3max()
    machine = replace(samples.recommendation().machine, pools=mac.pools, accelerators=mac.accelerators)
    lines = recommended(monkeypatch, machine=machine)
    shown = [" ".join(line.split()) for line in lines if line.endswith("%")]

    assert lines[1] == "this machine: Apple M3 Max GPU, 64.00 GiB unified memory"
    assert shown[0] == "RAM in total 43.20 of 54.00 GiB 80%"
    assert shown[1].startswith("gpu0 NVIDIA GeForce RTX 4090 22.91 of 23.08 GiB")


def test_the_machine_is_named_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal cards are counted, a container's share is named, a CPU stands for no GPU, and nothing is nothing."""
    machine = samples.recommendation().machine
    twice = replace(machine, accelerators=(samples.RTX_4090, samples.RTX_4090))
    box = samples.container()
    limited = replace(machine, pools=box.pools, accelerators=box.accelerators)
    nothing = replace(machine, pools=(), accelerators=(), cpu=None)

    assert recommended(monkeypatch, machine=twice)[1].startswith("this machine: 2x NVIDIA GeForce RTX 4090, ")
    assert recommended(monkeypatch, 120, machine=limited)[1] == (
        "this machine: AMD Ryzen 9 7950X 16-Core Processor, 64.00 GiB RAM, 7.00 GiB of it for this container"
    )
    assert recommended(monkeypatch, machine=nothing)[1] == "this machine: nothing is known about it"


def test_long_names_of_devices_give_way_to_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a name and its figures do not fit one line, the short name stays."""
    lines = recommended(monkeypatch, 44)

    assert [line.split()[0] for line in lines if line.endswith("%")] == ["RAM", "gpu0"]
    assert "GeForce" not in "".join(line for line in lines if line.endswith("%"))


def test_other_choices_are_a_table_or_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Side by side where there is room, with experts only where some choice keeps them; else one below the other."""
    wide = recommended(monkeypatch)
    start = wide.index("Also possible") + 2
    answer = samples.recommendation()
    experts = (answer.choices[0], replace(answer.choices[1], n_cpu_moe=2), answer.choices[2])
    with_experts = recommended(monkeypatch, choices=experts)
    narrow = recommended(monkeypatch, 44)

    assert [line.split() for line in wide[start : start + 3]] == [
        ["Quantization", "GPU", "layers", "Context", "Cache", "GiB", "Tokens/s"],
        ["Q5_K_M", "36", "of", "81", "8192", "f16", "43.20", "2.0"],
        ["Alternative:", "very", "close", "to", "the", "original"],
    ]
    rows = [" ".join(line.split()) for line in with_experts]
    assert "Q5_K_M 36 of 81 2 layers 8192 f16 43.20 2.0" in rows
    assert "Q3_K_M 55 of 81 none 8192 f16 43.20 4.1" in rows
    assert "Quantization GPU layers Experts on CPU Context Cache GiB Tokens/s" in rows
    assert narrow[narrow.index("Also possible") + 2 :][:3] == [
        "  Q5_K_M",
        "    GPU layers 36 of 81 · Context 8192",
        "    Cache f16 · GiB 43.20 · Tokens/s 2.0",
    ]


@pytest.mark.parametrize(
    ("layers", "line"),
    [
        (80, "81 of 81 (the output is one), experts of all 80 layers on the CPU"),
        (79, "81 of 81 (the output is one), experts of the first 79 layers on the CPU"),
    ],
)
def test_experts_of_every_layer_are_not_counted(
    monkeypatch: pytest.MonkeyPatch, layers: int, line: str
) -> None:
    """Of 81 layers one is the output, so 80 are all that can have experts."""
    first, *others = samples.recommendation().choices
    page = recommended(monkeypatch, choices=(replace(first, gpu_layers=81, n_cpu_moe=layers), *others))

    assert line in " ".join(" ".join(page).split())


@pytest.mark.parametrize("assumed", [True, False])
def test_an_assumed_prompt_speed_is_called_so(assumed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure that no measurement stands for does not look like one that was measured."""
    speed = replace(
        samples.recommendation().choices[0].speed,
        prompt_tokens_per_s=Range(low=10.0, likely=40.0, high=100.0),
        prompt_is_assumed=assumed,
    )
    shown = value(recommended(monkeypatch, best={"speed": speed}), "Prompt")

    assert shown == "40 (10 to 100) tokens/s" + (", assumed from like devices" if assumed else "")


def test_the_same_quantization_split_otherwise_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two choices may differ in how the GPUs share the model alone."""
    answer = samples.recommendation()
    sliced = (answer.choices[0], replace(answer.choices[1], split_mode="tensor"), answer.choices[2])
    lines = [line.strip() for line in recommended(monkeypatch, choices=sliced)]

    assert "Alternative: very close to the original; split by tensors" in lines
    assert sum("split by tensors" in line for line in lines) == 1


@pytest.mark.parametrize(("full", "shown"), [(1.5, True), (1.51, False), (None, False)])
def test_a_much_slower_full_context_is_shown(
    full: float | None, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At three quarters of the speed it is; above, it is not worth a word."""
    answer = samples.recommendation()
    speed = replace(
        answer.choices[1].speed,
        generation_at_full_context_tokens_per_s=None
        if full is None
        else Range(low=full, likely=full, high=full),
    )
    lines = recommended(monkeypatch, choices=(answer.choices[0], replace(answer.choices[1], speed=speed)))

    assert ("tokens/s when the context is full" in "\n".join(lines)) is shown


def test_what_is_not_possible_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six reasons, then how many more; alike share a line, whatever is missing."""
    short = message("figure.gib", bytes=1)
    many = tuple(
        Rejected(what=f"Q{number}", why=said(f"w{number}"), missing_bytes=GIB) for number in range(7)
    )
    lines = recommended(monkeypatch, rejected=many)
    start = lines.index("Not possible")
    alike = recommended(
        monkeypatch,
        rejected=(
            Rejected(what="A", why=short),
            Rejected(what="B", why=short, missing_bytes=GIB),
            many[0],
        ),
    )

    assert lines[start + 1] == "  - Q0: w0"
    assert lines[start + 7] == "  and 1 more, see --explain"
    assert "  and 1 more, see --explain" not in recommended(monkeypatch, rejected=many[:6])
    assert "  - Q6: w6" in recommended(monkeypatch, rejected=many, explain=True)
    assert alike[alike.index("Not possible") + 1 :][:2] == [
        "  - A, B: <0.01",
        "  - Q0: w0",
    ]


def test_commands_of_the_engine_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own command; where it has none, those that there are."""
    answer = samples.recommendation()
    commands = {"llama.cpp": "llama-server x", "llama-cli": "llama-cli x"}
    one = recommended(monkeypatch, best={"commands": commands})
    other = recommended(
        monkeypatch, best={"commands": commands}, wishes=replace(answer.wishes, engine="vllm")
    )

    assert one[-1] == "llama-server x"
    assert other[-2:] == ["llama-server x", "llama-cli x"]


def test_warnings_come_before_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to know of an answer: what is doubtful first; smaller models have their own heading."""
    lines = recommended(monkeypatch, warnings=(said("unknown architecture"),), nearest=(said("Llama 8B"),))
    start = lines.index("Good to know")

    assert lines[start + 1 : start + 3] == [
        "  - unknown architecture",
        "  - 512 MiB are kept free on every GPU and in RAM",
    ]
    assert lines[lines.index("Smaller models") + 1] == "  - Llama 8B"
    refused = page_of(monkeypatch, lambda page: recommend.show(page, samples.refusal(), explain=False))
    assert "What would fit" in refused


@pytest.mark.parametrize(
    ("total", "cells"), [(50, "█" * 27 + "░" * 28), (100, "█" * 53), (150, "█" * 53), (0, "░" * 60)]
)
def test_a_bar_shows_how_full_a_device_gets(total: int, cells: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells stand between the name and the figures; more than full is full."""
    device = replace(samples.HOST_4090, total_bytes=total * GIB, budget_bytes=100 * GIB)
    answer = samples.recommendation()
    answer = replace(answer, choices=(replace(answer.choices[0], devices=(device,)),))
    text = printed(
        monkeypatch,
        lambda page: recommend.show(page, answer, explain=False),
        width=90,
        terminal=True,
        env={"NO_COLOR": "1"},
    )
    line = next(line for line in text.splitlines() if line.endswith("%"))

    assert line.split()[:2] == ["RAM", cells]
    assert len(line) == 90


def test_experts_are_counted_by_either_way_to_keep_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the first layers and those of layers by name are one number."""
    answer = samples.recommendation()
    other = replace(answer.choices[1], n_cpu_moe=2, cpu_moe_layers=(7, 8, 9))
    rows = [" ".join(line.split()) for line in recommended(monkeypatch, choices=(answer.choices[0], other))]

    assert "Q5_K_M 36 of 81 5 layers 8192 f16 43.20 2.0" in rows


@pytest.mark.parametrize(("length", "rows"), [(58, 1), (59, 2)])
def test_a_command_leaves_two_columns_free(length: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 60 columns a longer one is broken."""
    command = f"run --{'a' * 20} --{'b' * (length - 29)}"
    answer = samples.recommendation()
    best = replace(answer.choices[0], commands={"llama.cpp": command})
    answer = replace(answer, choices=(best,))
    text = printed(
        monkeypatch,
        lambda page: recommend.show(page, answer, explain=False),
        width=60,
        terminal=True,
        env={"NO_COLOR": "1"},
    )
    lines = text.splitlines()

    assert len(command) == length
    assert len(lines[lines.index(next(line for line in lines if line.startswith("run "))) :]) == rows


def test_the_time_from_a_measured_disk_is_below_the_speeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its bounds, the directory and the rate that was measured."""
    loading = Loading(
        seconds=Range(low=20.0, likely=22.0, high=42.0),
        bytes=10 * GIB,
        directory="/models",
        bytes_per_s=3_000_000_000,
    )

    lines = recommended(monkeypatch, 120, best={"loading": loading})

    assert value(lines, "Loading") == "22 s (20 s to 42 s) from /models, read at 3.0 GB/s"
    assert not any("Loading" in line for line in recommended(monkeypatch))
