"""
The explorer: its figures are those of the documents, and keys do what is said of them.
"""

import asyncio
import base64
import re

import msgspec
import pytest
from textual.pilot import Pilot

from llmprobe import api
from llmprobe.breaking import columns
from llmprobe.errors import UsageError
from llmprobe.explore.app import Explorer
from llmprobe.facts.machine import Holder, Snapshot
from llmprobe.units import format_bytes
from llmprobe.words.message import message
from llmprobe.words.render import words
from tests.explore.screen import explore, seen, small_fit, until
from tests.machine_fixtures import replayed

SIZES = ((80, 24), (120, 40))
LANGUAGES = ("en", "ja")
EVIL = "\x1b]52;c;ZXZpbA==\x07[red]x[/][@click=app.quit]y[/]\u202e"


@pytest.fixture(autouse=True)
def _small_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The catalog as a whole takes seconds.
    """
    monkeypatch.setattr(api, "fit", lambda _machine, *, use, sort, top: small_fit(use=use, sort=sort))


def figures(app: Explorer) -> str:
    return "\n".join(row.plain for row in app.model.paper.rows(100))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_model_has_the_figures_of_the_recommendation(language: str, size: tuple[int, int]) -> None:
    """
    Every device with its bytes and what is left, the speed with its range, the whole command; nothing is wider than
    the screen.
    """
    best = api.recommend(api.load_model("qwen3-30b-a3b"), replayed("linux-4090-64g")).choices[0]
    speed = best.speed.generation_tokens_per_s
    assert speed is not None

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.model.now)
        screen = seen(app)
        shown = "\n".join(screen)
        for device in best.devices:
            assert device.budget_bytes is not None
            assert f"{device.total_bytes / 2**30:.2f} " in shown
            assert format_bytes(device.budget_bytes - device.total_bytes) in shown
        rate = app.words.say("figure.rate", likely=speed.likely, low=speed.low, high=speed.high)
        assert rate in shown
        command = re.sub(r"\s*\\?\s*\n\s*", " ", "\n".join(line.rstrip() for line in screen[-7:-1])).strip()
        assert command.endswith(best.commands["llama.cpp"])
        assert {columns(line) for line in screen} == {size[0]}
        assert len(screen) == size[1]

    explore(steps, model="qwen3-30b-a3b", size=size, language=language)


def test_settings_change_the_figures_to_those_of_the_estimate() -> None:
    """
    Two steps to more bits and one layer less by hand: the bytes and the speed that ``estimate`` gives for them.
    """
    snapshot, model = replayed("linux-4090-64g"), api.load_model("llama3-70b")

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.model.now)
        await pilot.press("right", "right")
        await until(pilot, lambda: app.model.now and app.model.now.choice.quant == "Q6_K")
        found = app.model.now
        assert found is not None
        await pilot.press("down", "down", "left")
        layers = found.choice.gpu_layers - 1
        await until(pilot, lambda: app.model.now and app.model.now.choice.gpu_layers == layers)
        same = api.estimate(model, snapshot=snapshot, quant="Q6_K", ctx_size=8192, gpu_layers=layers)
        now = app.model.now
        assert now is not None
        assert now.choice.devices == same.devices
        shown = figures(app)
        for device in same.devices:
            assert f"{device.total_bytes / 2**30:.2f} of" in shown
        assert f" -ngl {layers} " in " ".join("\n".join(seen(app)).split())
        await pilot.press("b")
        await until(pilot, lambda: app.model.now and app.model.now.choice.gpu_layers == layers + 1)

    explore(steps, model="llama3-70b")


def test_what_does_not_fit_is_never_said_to_fit() -> None:
    """
    One layer after the other, until the card is full.
    """

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.model.now)
        await pilot.press("down", "down", "right", "right")
        await until(pilot, lambda: app.model.now and app.model.now.estimate.fits is False)
        assert "It does not fit" in figures(app)
        assert "It fits" not in figures(app)
        assert "!" in figures(app)

    explore(steps, model="llama3-70b")


def test_the_screen_follows_its_size() -> None:
    """
    Narrower and wider again: no line is wider than the screen, and the command stays whole.
    """

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.model.now)
        for width, height in ((60, 20), (44, 24), (110, 34)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            screen = seen(app)
            assert {columns(line) for line in screen} == {width}
            assert len(screen) == height
            assert "--fit off" in "\n".join(screen)
            assert re.search(r" q .*$", screen[-1].rstrip())

    explore(steps, model="llama3-70b")


def test_the_machine_is_what_check_says() -> None:
    """
    Pools, who holds memory, and findings with what mends them.
    """

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: len(app._paper.rows(78)) > 3)
        shown = "\n".join(row.plain for row in app._paper.rows(100))
        assert "A model can use 4.88 GiB on the GPU and 6.42 GiB of RAM" in shown
        assert "Cyberpunk2077.e 5.29 GiB" in shown
        assert "6.76 GiB of NVIDIA GeForce RTX 3060 is in use" in shown
        assert "Close programs that are not needed." in shown
        assert "Resizable BAR is off" in shown
        assert "recorded" in seen(app)[0]

    explore(steps, machine="linux-3060-12g-16g-desktop")


def test_what_fits_is_listed_filtered_sorted_and_opened() -> None:
    """
    The rows of ``fit``; typing leaves those that have the letters; a row opens with its own choice.
    """
    answer = small_fit()

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await until(pilot, lambda: app.models.table.row_count == len(answer.rows))
        shown = "\n".join(seen(app))
        for row in answer.rows:
            speed = row.choice.speed.generation_tokens_per_s
            assert speed is not None
            assert row.choice.quant in shown
            assert app.words.say("figure.rate-short", likely=speed.likely) in shown
        await pilot.press("slash", *"3.2 1b")
        await until(pilot, lambda: app.models.table.row_count == 1)
        await pilot.press("escape")
        await until(pilot, lambda: app.models.table.row_count == len(answer.rows))
        await pilot.press("s", "s")
        await until(pilot, lambda: app.models.sort == "speed" and app.models.table.row_count)
        fastest = small_fit(sort="speed").rows[0]
        await pilot.press("enter")
        await until(pilot, lambda: app.model.now)
        assert app.view == "model"
        now = app.model.now
        assert now is not None
        assert now.choice.devices == fastest.choice.devices
        assert now.choice.commands == fastest.choice.commands

    explore(steps)


def test_any_name_can_be_opened_and_a_wrong_one_is_refused() -> None:
    """
    What no row has is a model's name; of one that does not exist the nearest are named.
    """

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await until(pilot, lambda: app.models.table.row_count)
        await pilot.press("slash", *"qwen3-9999b", "enter")
        await until(pilot, lambda: "no model is named" in "\n".join(seen(app)))
        assert app.model.now is None
        await pilot.press("2", "slash", *"qwen3-0.6b", "enter")
        await until(pilot, lambda: app.model.now)
        assert "Qwen3 0.6B" in seen(app)[0]

    explore(steps)


def test_a_model_is_copied_by_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    By OSC 52, whose text is base64, in one line.
    """

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.model.now)
        assert app._driver is not None
        written: list[str] = []
        monkeypatch.setattr(app._driver, "write", written.append)
        await pilot.press("c")
        (found,) = [one for one in map(copied, written) if one is not None]
        now = app.model.now
        assert now is not None
        assert found == now.choice.commands["llama.cpp"]

    explore(steps, model="qwen3-8b")


def copied(sequence: str) -> str | None:
    match = re.fullmatch("\x1b\\]52;c;([A-Za-z0-9+/=]+)\x07", sequence)
    return None if match is None else base64.b64decode(match[1]).decode()


def test_names_of_the_machine_command_nothing() -> None:
    """
    A process, a card and a product with control characters and markup: shown as text, in the first line as well.
    """
    machine = replayed("linux-3060-12g-16g-desktop")
    cards = tuple(msgspec.structs.replace(one, name=EVIL) for one in machine.accelerators)
    pools = tuple(
        msgspec.structs.replace(one, held_by=(Holder(pid=7, name=EVIL, used_bytes=2**30),))
        for one in machine.pools
    )
    host = msgspec.structs.replace(machine.host, product=EVIL)
    hostile = msgspec.structs.replace(machine, accelerators=cards, pools=pools, host=host)

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.model.now)
        assert all(line.isprintable() for line in seen(app))
        await pilot.press("1")
        await pilot.pause()
        screen = seen(app)
        assert all(line.isprintable() for line in screen)
        assert "[red]x[/]" in screen[0]
        assert "[red]x[/]" in "\n".join(screen[1:])

    explore(steps, machine=hostile, model="qwen3-0.6b", size=(120, 40))


def test_pasted_commands_of_a_terminal_are_not_taken() -> None:
    """
    Nothing that commands it gets into the filter.
    """

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await until(pilot, lambda: app.models.table.row_count)
        await pilot.press("slash")
        app.models.typed.insert_text_at_cursor("a\x1b[2Jb")
        app.models.typed.insert_text_at_cursor("qwen")
        await pilot.pause()
        assert app.models.typed.value == "qwen"

    explore(steps)


def test_without_colour_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is chosen is told by signs and by reverse video.
    """
    monkeypatch.setenv("NO_COLOR", "1")

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.model.now)
        assert app.no_color
        assert any(line.startswith(" ▸ Quantization") for line in seen(app))

    explore(steps, model="qwen3-0.6b")


def test_a_machine_that_cannot_be_looked_at_is_said() -> None:
    """
    With the sentence and the hint, and the explorer goes on.
    """
    app = Explorer(look=refuse, words=words())

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: "two machines" in "\n".join(seen(app)))
            assert app.view == "machine"
            await pilot.press("2", "3", "q")

    asyncio.run(run())
    assert app.return_code == 0


def refuse() -> Snapshot:
    raise UsageError(message("error.two-machines"), hint=message("hint.one-machine"))


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_it_is_left_while_work_goes_on(key: str) -> None:
    """
    At once, with exit code 0.
    """

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.press("2", key)

    assert explore(steps).return_code == 0


def test_a_bug_ends_it_and_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With its own traceback, not one of the screen.
    """

    def broken(*_args: object, **_options: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(api, "fit", broken)

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.failed)

    app = explore(steps)
    assert isinstance(app.failed, ZeroDivisionError)
    assert app.return_code == 1


def test_a_screen_of_80_by_24_has_what_it_is_opened_for() -> None:
    """
    Every setting with its value and what is known of it, verdict, a bar for each device, speeds, and the command.
    """

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.model.now)
        screen = [line.rstrip() for line in seen(app)]
        assert screen[0].startswith(" 1 Machine   2 Models   3 Llama 3 70B Instruct ")
        assert screen[1:8] == [
            " ▸ Quantization  ◂ Q4_K_M ▸         39.59 GiB, practically lossless",
            "   Context         8192             tokens, trained for 8192",
            "   GPU layers      43 of 81         the best",
            "   K cache         f16",
            "   V cache         f16",
            "   Slots           1",
            "   Devices         gpu0             the best",
        ]
        assert screen[9].startswith(" Runs, but slowly: 43 of 81 layers on the GPU")
        bars = [line for line in screen if line.startswith((" RAM ", " gpu0 "))]
        assert len(bars) == 2
        assert all("█" in line and "▓" in line and "░" in line and "left" in line for line in bars)
        assert screen[-1].endswith(" q  quit")
        await pilot.press("down", "down", "left", "down", "down", "down", "down", "right")
        await until(pilot, lambda: app.model.now and app.model.now.turned.devices == ())
        screen = [line.rstrip() for line in seen(app)]
        assert screen[3].endswith("by hand, b finds the best")
        assert screen[7] == " ▸ Devices       ◂ CPU alone ▸      by hand, b finds the best"

    explore(steps, model="llama3-70b")


def test_thinking_is_told_where_there_is_some() -> None:
    """
    Llama 3 does not think before it answers, Qwen3 does.
    """
    shown: list[str] = []

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.model.now)
        shown.append(figures(app))

    explore(steps, model="llama3-70b")
    explore(steps, model="qwen3-8b")

    assert "An answer" in shown[0]
    assert "thinking" not in shown[0]
    assert "tokens of thinking in it" in shown[1]


def test_tab_goes_through_the_views() -> None:
    """
    Forward, and with Shift backward.
    """

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        seen_views = []
        for key in ("tab", "tab", "tab", "shift+tab"):
            await pilot.press(key)
            seen_views.append(app.view)
        assert seen_views == ["models", "model", "machine", "model"]

    explore(steps)


def test_arrows_choose_a_row_also_while_one_filters() -> None:
    """
    One row at a time; what is known of it is below; no column is outside of 80.
    """
    answer = small_fit()

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await until(pilot, lambda: app.models.table.row_count == len(answer.rows))
        await pilot.press("down")
        assert app.models.table.cursor_row == 1
        await pilot.press("slash", "down")
        assert app.models.table.cursor_row == 2
        await pilot.press("up", "up")
        assert app.models.table.cursor_row == 0
        await pilot.press("down")
        await pilot.pause()
        shown = "\n".join(seen(app))
        assert answer.rows[1].model.id in shown
        assert shown.count(" Elo") == len(answer.rows)
        assert app.models.table.max_scroll_x == 0

    explore(steps)


def test_terms_are_shown_and_hidden() -> None:
    """
    Every term of each device, with how it came about.
    """

    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.model.now)
        assert "KV cache: 8192 cells" not in figures(app)
        await pilot.press("t")
        assert "KV cache: 8192 cells" in figures(app)
        await pilot.press("t")
        assert "KV cache: 8192 cells" not in figures(app)

    explore(steps, model="qwen3-8b")
