"""
What people read: nothing wider than the page, nothing cut, and plain where colour or our letters are not wanted.
"""

from collections.abc import Callable

import msgspec
import pytest

from llmprobe.facts.estimate import Range
from llmprobe.facts.finding import Remedy
from llmprobe.facts.recommendation import Rejected
from llmprobe.output.text import check, estimate, findings, models, recommend, watch
from llmprobe.output.text.console import console_for
from llmprobe.output.text.page import Page
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.output import samples
from tests.output.pages import ENGLISH, Screen, printed
from tests.output.samples import said

PAGES: dict[str, Callable[[Page], None]] = {
    "check": lambda page: check.show(page, samples.rtx4090()),
    "check unified": lambda page: check.show(page, samples.m3max()),
    "check container": lambda page: check.show(page, samples.container()),
    "check eight": lambda page: check.show(page, samples.eight_gpus()),
    "explain": lambda page: findings.show(page, samples.container().findings, in_full=True),
    "recommend": lambda page: recommend.show(page, samples.recommendation(), explain=True),
    "recommend no": lambda page: recommend.show(page, samples.refusal(), explain=False),
    "estimate": lambda page: estimate.show(page, samples.estimate(), origin="live", explain=True),
    "estimate no": lambda page: estimate.show(
        page, samples.estimate(fits=False), origin="assumed", explain=False
    ),
    "models": lambda page: models.show(page, samples.models()),
}
TO_BE_COPIED = ("sudo rmmod", "llama-server")


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", sorted(PAGES))
def test_no_line_is_wider_than_the_page(
    name: str, width: int, terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every line fits the width, but for commands, which are never broken where that would spoil them.
    """
    text = printed(monkeypatch, PAGES[name], width=width, terminal=terminal, env={"NO_COLOR": "1"})
    wide = [
        line
        for line in text.splitlines()
        if len(line) > width and not line.strip().startswith(TO_BE_COPIED) and "\x1b" not in line
    ]

    assert wide == []


@pytest.mark.parametrize("name", sorted(PAGES))
def test_nothing_is_cut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A narrow page says the same words as a wide one: it wraps, it does not shorten.
    """
    narrow = printed(monkeypatch, PAGES[name], width=80).replace("·", "").split()
    wide = printed(monkeypatch, PAGES[name], width=120).replace("·", "").split()

    assert sorted(narrow) == sorted(wide)


def test_a_long_name_stands_beside_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where a device's name leaves little room the columns are narrower, before the name gets a line of its own.
    """
    machine = samples.rtx4090()
    name = "NVIDIA GeForce RTX 4060 Laptop GPU"
    devices = tuple(msgspec.structs.replace(one, name=name) for one in machine.accelerators)
    machine = msgspec.structs.replace(machine, accelerators=devices)
    shown = (
        printed(monkeypatch, lambda page: check.show(page, machine)),
        printed(monkeypatch, lambda page: watch.show(page, machine)),
    )

    rows = [next(line for line in text.splitlines() if name in line) for text in shown]
    assert [len(row.removeprefix(f"gpu0  {name}").split()) for row in rows] == [4, 4]


def test_one_reason_for_many_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is rejected for the same reason, and lacks the same, is one line with all its names.
    """
    rejected = tuple(
        Rejected(what=name, why=said("no device is usable")) for name in ("Q8_0", "Q6_K", "Q2_K")
    )
    answer = msgspec.structs.replace(samples.refusal(), rejected=rejected)
    text = printed(monkeypatch, lambda page: recommend.show(page, answer, explain=False))

    assert "- Q8_0, Q6_K, Q2_K: no device is usable\n" in text


def test_a_closed_pipe_is_told_to_the_command() -> None:
    """
    Whether it is a failure that nobody reads on is the command's to say: of ``watch`` it is none.
    """

    class Closed(Screen):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Page(console_for(Closed()), ENGLISH).line("text")


def test_an_address_is_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is to be copied into a browser stays on one line on a narrow page.
    """
    link = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"
    found = samples.container().findings[0]
    found = msgspec.structs.replace(found, remedy=Remedy(text=said("See."), commands=(), link=link))

    assert link in printed(monkeypatch, lambda page: findings.show(page, (found,)), width=60)


def test_the_command_of_a_note_is_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It stands on a line of its own, beneath the sentence that is wrapped.
    """
    command = "sudo sysctl iogpu.wired_limit_mb=57344 and so on, far beyond the width of the page"
    noted = msgspec.structs.replace(
        samples.recommendation(), notes=(message("test.command", text="It can be raised.", command=command),)
    )
    lines = printed(
        monkeypatch, lambda page: recommend.show(page, noted, explain=False), width=60
    ).splitlines()

    assert lines[lines.index("  - It can be raised.") + 1] == f"    {command}"


@pytest.mark.parametrize(("missing", "headline"), [(GIB, "Nothing fits"), (None, "Nothing meets the")])
def test_a_wish_that_nothing_meets_is_not_called_a_lack_of_memory(
    missing: int | None, headline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Only where memory is missing does nothing fit; a speed that nothing reaches is a wish.
    """
    rejected = (Rejected(what="Q8_0", why=said("about 2.0 tokens/s"), missing_bytes=missing),)
    answer = msgspec.structs.replace(samples.refusal(), rejected=rejected)

    assert headline in printed(monkeypatch, lambda page: recommend.show(page, answer, explain=False))


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_file_gets_no_colour_and_no_bars(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where stdout is not a terminal there are neither escape sequences nor bars.
    """
    text = printed(monkeypatch, PAGES[name], terminal=False)

    assert [sign for sign in "\x1b█░▒" if sign in text] == []


def test_a_terminal_gets_colour_and_a_bar_for_each_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    On a terminal each pool has a bar, and headings stand out.
    """
    text = printed(monkeypatch, PAGES["check"], terminal=True)

    assert len([line for line in text.splitlines() if "░" in line]) == len(samples.rtx4090().pools)
    assert "\x1b[1m" in text


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With NO_COLOR a terminal gets no colour codes; bars are no colour and stay.
    """
    text = printed(monkeypatch, PAGES["check"], terminal=True, env={"NO_COLOR": "1"})

    assert "\x1b[3" not in text
    assert "░" in text


@pytest.mark.parametrize("name", sorted(PAGES))
def test_nothing_is_bright_and_quiet_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The answer is bold, what is beside it dim, and NO_COLOR leaves neither.
    """
    text = printed(monkeypatch, PAGES[name], terminal=True)
    plain = printed(monkeypatch, PAGES[name], terminal=True, env={"NO_COLOR": "1"})

    assert [code for code in ("\x1b[1;2m", "\x1b[2;1m") if code in text] == []
    assert "\x1b" not in plain


def test_the_answer_is_bright_and_its_reasons_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of a recommendation the quantization, the layers, the context and the speed stand out, and no reason does.
    """
    text = printed(monkeypatch, PAGES["recommend"], terminal=True, width=120)
    bright = [part.split("\x1b")[0] for part in text.split("\x1b[1m")[1:]]

    assert {"Q4_K_M", "43", "8192 tokens", "2.6 (2.1 to 3.1)"} <= set(bright)
    assert [part for part in bright if "largest quantization" in part] == []
    assert "\x1b[1m" in printed(monkeypatch, PAGES["check"], terminal=True).splitlines()[1]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("name", sorted(PAGES))
def test_any_encoding_can_be_written(name: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A locale without our letters gets plain ones instead of an error or a question mark.
    """
    text = printed(monkeypatch, PAGES[name], terminal=True, encoding=encoding, env={"NO_COLOR": "1"})
    with_ours = printed(monkeypatch, PAGES[name], terminal=True, env={"NO_COLOR": "1"})

    assert text.count("?") == with_ours.count("?")


def test_every_page_says_which_machine_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    This machine, a replay and a hypothetical machine are told apart in the first lines.
    """
    firsts = [printed(monkeypatch, PAGES[name])[:200] for name in ("check", "check unified", "recommend no")]

    assert [
        next(
            words
            for words in ("this machine\n", "recorded machine", "hypothetical machine")
            if words in first
        )
        for first in firsts
    ] == ["this machine\n", "recorded machine", "hypothetical machine"]


def test_check_shows_unified_memory_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Memory that processor and GPU share has one line of figures.
    """
    text = printed(monkeypatch, PAGES["check unified"])

    assert text.count("64.00") == 1
    assert "gpu0 and the CPU share this memory" in text


def test_check_names_what_takes_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each limit of a pool is named with its size, and who holds memory is listed.
    """
    text = printed(monkeypatch, PAGES["check"])

    assert "432 MiB  reserved by the driver" in text
    assert "498 MiB  held by the desktop on this GPU" in text
    assert "used by Xorg 259 MiB, gnome-shell 140 MiB, process 4096" in text


def test_check_prints_a_remedy_that_can_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The command that mends a finding stands on one line, however narrow the page.
    """
    text = printed(monkeypatch, PAGES["check container"], width=60)

    command = "sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia && sudo modprobe nvidia"
    assert command in [line.strip() for line in text.splitlines()]


def test_check_names_sources_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A source that did not answer is listed with its reason; one that is absent is not.
    """
    text = printed(monkeypatch, PAGES["check container"])

    assert "nvidia (failed): nvmlInit: NVML_ERROR_LIB_RM_VERSION_MISMATCH (18)" in text
    assert "apple" not in printed(monkeypatch, PAGES["check"])


def test_unknown_memory_is_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Unknown is not zero: a pool of unknown size shows ?, and no bar.
    """
    import msgspec

    pool = msgspec.structs.replace(
        samples.VRAM_4090, total_bytes=None, free_bytes=None, budget_bytes=None, limits=()
    )
    snapshot = msgspec.structs.replace(samples.rtx4090(), pools=(pool,))
    text = printed(monkeypatch, lambda page: check.show(page, snapshot), terminal=True, env={"NO_COLOR": "1"})

    figures = next(line for line in text.splitlines() if "RTX 4090" in line).split()[-4:]
    assert figures == ["?", "?", "?", "?"]
    assert "░" not in text


def test_recommend_says_how_full_each_device_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each device has what it holds, its budget, and the share.
    """
    text = printed(monkeypatch, PAGES["recommend"])

    assert [line.split() for line in text.splitlines() if line.endswith("%")] == [
        ["RAM", "20.29", "of", "52.59", "GiB", "39%"],
        ["gpu0", "NVIDIA", "GeForce", "RTX", "4090", "22.91", "of", "23.08", "GiB", "99%"],
    ]


def test_recommend_prints_a_command_that_can_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    In a file the command is one line; on a terminal it is broken before options, with backslashes.
    """
    command = samples.recommendation().choices[0].commands["llama.cpp"]
    in_file = printed(monkeypatch, PAGES["recommend"])
    on_terminal = printed(monkeypatch, PAGES["recommend"], terminal=True, env={"NO_COLOR": "1"})

    assert command in in_file.splitlines()
    assert command in on_terminal.replace(" \\\n ", "")


def test_a_refusal_says_what_is_missing_and_what_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    When nothing fits, the answer says so, why, and what comes nearest.
    """
    text = printed(monkeypatch, PAGES["recommend no"])

    assert "Nothing fits\n" in text
    assert "Q4_K_M: RAM and GPU together are too small" in text
    assert "llama-3-8b-instruct fits in Q8_0" in text


@pytest.mark.parametrize(
    ("fits", "words"), [(True, "It fits"), (False, "It does not fit"), (None, "Unknown whether it fits")]
)
def test_estimate_says_whether_it_fits(
    fits: bool | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Yes, no and unknown are three different answers.
    """
    text = printed(
        monkeypatch,
        lambda page: estimate.show(page, samples.estimate(fits=fits), origin="live", explain=False),
    )

    assert words in text


def test_explain_adds_the_rule_of_thumb(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    --explain puts the usual multiplication beside the exact figure and says why they differ.
    """
    plain = printed(
        monkeypatch, lambda page: estimate.show(page, samples.estimate(), origin="live", explain=False)
    )
    explained = printed(monkeypatch, PAGES["estimate"])

    assert "rule of thumb" not in plain
    assert "157.70 to 197.12" in explained
    assert "Why they differ" in explained


@pytest.mark.parametrize("explain", [True, False])
def test_what_would_change_an_answer_is_shown_when_asked(
    explain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    With --explain a page has what would change the answer, how the choices compare and the basis of the speed.
    """
    answer = samples.recommendation()
    text = printed(monkeypatch, lambda page: recommend.show(page, answer, explain=explain))
    headings = ("What would change it", "How the choices compare", "Basis of the speed")

    assert [heading in text for heading in headings] == [explain] * 3
    assert ("--priority quality" in text) == explain


@pytest.mark.parametrize(("full", "said"), [(1.0, True), (1.9, False)])
def test_a_choice_that_gets_much_slower_says_so(
    full: float, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where another choice is far slower at a full context, that stands beside its quality.
    """
    answer = samples.recommendation()
    best, other = answer.choices[:2]
    at_full = Range(low=full, likely=full, high=full)
    speed = msgspec.structs.replace(other.speed, generation_at_full_context_tokens_per_s=at_full)
    answer = msgspec.structs.replace(answer, choices=(best, msgspec.structs.replace(other, speed=speed)))
    text = printed(monkeypatch, lambda page: recommend.show(page, answer, explain=False), width=120)

    assert (f"{full} tokens/s when the context is full" in text) == said


def test_what_is_long_is_said_of_the_first_device_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    How a figure came about, where that takes lines, is not said again for the next device.
    """
    answer = samples.estimate()
    how = said("a range that was seen with many cards " * 8)
    gpu = answer.devices[1]
    long = tuple(msgspec.structs.replace(term, how=how) for term in gpu.terms[:1])
    pair = tuple(msgspec.structs.replace(gpu, id=name, terms=long) for name in ("gpu0", "gpu1"))
    both = msgspec.structs.replace(answer, devices=pair)
    text = printed(
        monkeypatch, lambda page: estimate.show(page, both, origin="live", explain=False), width=120
    )

    flat = " ".join(text.split())

    assert (flat.count("a range that was seen"), flat.count("as on gpu0")) == (8, 1)
