"""
The page of ``llmprobe report``, looked at in a real browser.
"""

import importlib.util
import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

import llmprobe
from llmprobe import api
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.report import Report
from llmprobe.output import html
from llmprobe.output.documents import to_json
from llmprobe.units import format_bytes, format_count
from llmprobe.words.render import _FORMS, words
from tests.page.browser import PHONE, Shown, address_of, chromium, opened, running

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium"),
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="playwright is not installed"),
]

MACHINES = Path(__file__).parents[2] / "fixtures" / "machines"
MODEL = "granite-3.1-1b-a400m-instruct"
"""A small mixture: every axis but projector and draft, in a few seconds."""

CELLS = 800
"""Fewer stops than a file of a user has, for time."""

HOSTILE = (
    "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'&amp; \u202eevil\u2066 `${1}`"
)

Opened = Callable[..., AbstractContextManager[Shown]]


class Made(NamedTuple):
    """
    A report, its document as JSON, and the file of its page.
    """

    report: Report
    document: dict[str, Any]
    file: Path


def made(folder: Path, report: Report, language: str = "en") -> Made:
    """
    Write the page of a report.
    """
    file = folder / f"{language}.html"
    said_in = words(language)
    file.write_text(html.page(report, said_in).html, encoding="utf-8")
    return Made(report, json.loads(to_json(report, said_in)), file)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """Two cards, one of which is lost: a machine with findings and their remedies."""
    return llmprobe.probe(replay=MACHINES / "linux-2x3090-64g-one-lost" / "recording.json")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, snapshot: Snapshot) -> Made:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llmprobe.tasks.report.stops.MOST_CELLS", CELLS)
        report = api.report(snapshot, llmprobe.load_model(MODEL), uses=("embedding",))
    return made(tmp_path_factory.mktemp("page"), report)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with running() as found:
        yield found


@pytest.fixture
def shown(browser: Any, page: Made) -> Iterator[Shown]:
    with opened(browser, address_of(page.file)) as found:
        yield found
        # Whatever a test did with it: nothing was refused, nothing failed, and nothing was asked of anybody.
        assert found.violations() == []
        assert found.faults == []
        assert found.requests == [address_of(page.file)]


def test_it_shows_the_machine_the_models_and_one_of_them(shown: Shown, page: Made) -> None:
    """
    The pools with their limits, every finding with its remedy, the rows of ``fit``, and the choices.
    """
    body = shown.page.locator("body").inner_text()
    check = page.document["check"]
    for pool in check["pools"]:
        assert {pool["total_bytes"], pool["budget_bytes"], *(one["bytes"] for one in pool["limits"])} <= {
            value for value, _ in shown.data("#machine")
        }
    for finding in check["findings"]:
        assert finding["title"]["text"] in body
        assert finding["detail"]["text"] in body
        if finding["remedy"] is not None:
            assert finding["remedy"]["text"]["text"].split("\n")[0] in body
            assert all(line in body for line in finding["remedy"]["commands"])
    for row in page.document["fit"][0]["rows"]:
        assert row["model"]["name"] in body
        assert row["choice"]["quality"]["words"]["text"] in body
    choices = page.document["model"]["recommendation"]["choices"]
    assert shown.page.locator(".choice").count() == len(choices)
    assert shown.page.locator("svg .dot").count() == sum(
        point["fits"] and point["tokens_per_s"] is not None and point["quality"]["value"] is not None
        for point in page.document["model"]["recommendation"]["points"]
    )


def numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        for one in value.values():
            yield from numbers(one)
    elif isinstance(value, list):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def forms(value: float) -> set[str]:
    """
    A figure in every form that the sentences of the program have for one.
    """
    written = {
        format_bytes(int(value)),
        format_count(int(value)),
        f"{value:,.0f}",
        f"{value:g}",
        f"{value:.1f}",
    }
    return written | {_FORMS[name](value) for name in ("pace", "seconds")}


def test_every_number_is_one_of_the_document(shown: Shown, page: Made) -> None:
    """
    What the page shows is in its document, but for what is left of a budget; and each is written as the program does.
    """
    known = set(numbers(page.document))
    devices = page.document["model"]["devices"]
    estimate = estimate_at(page, page.document["model"]["start"])
    for device, held in zip(devices, estimate["devices"], strict=True):
        known |= {device["budget_bytes"] - held["total_bytes"] - device["reserve_bytes"]}
    known |= {len(page.document["fit"][0]["unranked"]), 0}
    for summary in shown.page.locator("summary").all():
        summary.click()

    figures = shown.data("body")
    assert len(figures) > 300
    assert [value for value, _ in figures if value not in known] == []
    assert [(value, text) for value, text in figures if text not in forms(value)] == []


def estimate_at(page: Made, position: dict[str, Any]) -> dict[str, Any]:
    """
    What ``estimate`` says of a position of the sliders, asked for with its own arguments.
    """
    model = page.document["model"]
    settings: dict[str, Any] = dict(model["base"])
    quant = position["quant"]
    for axis in model["axes"]:
        body = axis["bodies"][axis["values"].index(position[axis["name"]])]
        settings |= body.get("settings", {})
    check = page.report.check
    answer = llmprobe.estimate(llmprobe.load_model(MODEL), quant=quant, snapshot=check, **settings)
    found: dict[str, Any] = json.loads(to_json(answer, words("en")))
    return found


def test_sliders_change_the_figures_to_those_of_estimate(shown: Shown, page: Made) -> None:
    """
    At several positions drawn from the file: what every device holds, part by part, whether it fits, and how fast.
    """
    model = page.document["model"]
    block = model["grid"]["blocks"][0]
    drawn = random.Random(20261130)
    moved = set()
    shown.page.locator(".result summary").click()
    for _ in range(6):
        position = {name: drawn.choice(values) for name, values in block["axes"].items()}
        for axis in model["axes"]:
            shown.set(axis["name"], axis["values"].index(position[axis["name"]]))
        estimate = estimate_at(page, position)
        figures = {value for value, _ in shown.data(".result")}
        moved.add(frozenset(figures))
        for device in estimate["devices"]:
            assert {device["total_bytes"], device["weights_bytes"], device["budget_bytes"]} <= figures
            assert {device[f"{kind}_bytes"] for kind in ("cache", "compute", "overhead")} - {0} <= figures
        speed = estimate["speed"]
        for name in ("generation_tokens_per_s", "prompt_tokens_per_s", "time_to_first_token_s"):
            assert set(speed[name].values()) <= figures, name
        verdict = shown.page.locator(".verdict").inner_text()
        assert verdict.startswith("It fits") is (estimate["fits"] is True)
        if estimate["missing_bytes"]:
            assert format_bytes(estimate["missing_bytes"]) in verdict
    assert len(moved) == 6


def test_bars_are_as_long_as_their_parts_are_large(shown: Shown, page: Made) -> None:
    """
    The length of each part of a bar, against the whole budget.
    """
    estimate = estimate_at(page, page.document["model"]["start"])
    device = estimate["devices"][1]
    bar = shown.page.locator(".result .memory").nth(1)
    shown.page.wait_for_function("document.getAnimations().length === 0")
    whole = bar.locator(".track").evaluate("one => one.clientWidth")
    for kind in ("weights", "cache", "compute"):
        long = bar.locator(f".segment.{kind}").evaluate("one => one.getBoundingClientRect().width")
        assert long / whole == pytest.approx(device[f"{kind}_bytes"] / device["budget_bytes"], abs=0.01)


def placed(shown: Shown, selector: str) -> list[tuple[str, float, float]]:
    """
    The points of the first chart by their names, and where they are: to the right and down.
    """
    found: list[list[Any]] = shown.page.locator(selector).evaluate_all(
        """all => all.map(one => {
            const box = one.getBoundingClientRect();
            return [one.getAttribute("aria-label"), box.x + box.width / 2, box.y + box.height / 2];
        })"""
    )
    return [(name, right, down) for name, right, down in found]


def test_points_lie_where_speed_and_loss_put_them(shown: Shown, page: Made) -> None:
    """
    Faster is further right, a smaller loss higher up, and the line joins those that no other is better than in both.
    """
    points = [point for point in page.document["model"]["recommendation"]["points"] if point["fits"]]
    by_speed = sorted(points, key=lambda point: float(point["tokens_per_s"]["likely"]))
    drawn = sorted(placed(shown, ".dot"), key=lambda one: one[1])
    assert [one[0].partition(",")[0] for one in drawn] == [point["quant"] for point in by_speed]
    by_loss = sorted(points, key=lambda point: float(point["quality"]["value"]))
    drawn = sorted(placed(shown, ".dot"), key=lambda one: one[2])
    assert [one[0].partition(",")[0] for one in drawn] == [point["quant"] for point in by_loss]

    best = {
        point["quant"]
        for point in points
        if not any(
            other["tokens_per_s"]["likely"] >= point["tokens_per_s"]["likely"]
            and other["quality"]["value"] < point["quality"]["value"]
            for other in points
        )
    }
    assert {one[0].partition(",")[0] for one in placed(shown, ".dot.best")} == best
    chosen = {choice["quant"] for choice in page.document["model"]["recommendation"]["choices"]}
    assert {one[0].partition(",")[0] for one in placed(shown, ".dot.chosen")} == chosen


def test_curves_rise_as_memory_does(shown: Shown, page: Made) -> None:
    """
    Points of each curve lie as far below the budget as the memory they stand for, and are hollow where it is short.
    """
    model = page.document["model"]
    device = model["devices"][1]
    curve = model["curves"][0]
    plot = shown.page.locator("figure").nth(1)
    assert device["name"] in plot.inner_text()
    totals = [
        next(one["total_bytes"] for one in point["devices"] if one["id"] == device["id"])
        for point in curve["points"]
    ]
    circles = plot.locator(".curve").first.locator("circle")
    downs = [float(one) for one in circles.evaluate_all("all => all.map(one => one.getAttribute('cy'))")]
    axis = float(plot.locator(".axis").get_attribute("y1") or "nan")
    heights = [axis - down for down in downs]
    assert heights == pytest.approx([total * heights[0] / totals[0] for total in totals], abs=0.6)
    short = [
        one == "short" for one in circles.evaluate_all("all => all.map(one => one.getAttribute('class'))")
    ]
    assert short == [point["fits"] is False for point in curve["points"]]


def test_memory_that_is_shared_is_one_bar(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    On a Mac what processor and GPU hold is in one memory, counted once: its total is the sum of both.
    """
    monkeypatch.setattr("llmprobe.tasks.report.stops.MOST_CELLS", 50)
    mac = llmprobe.probe(replay=MACHINES / "macos-m3max-64g" / "recording.json")
    report = api.report(mac, llmprobe.load_model("smollm2-135m-instruct"), uses=())
    shared = made(tmp_path, report)
    model = shared.document["model"]
    recommended = model["recommendation"]["choices"][0]["devices"]
    with opened(browser, address_of(shared.file)) as shown:
        bars = shown.page.locator(".result .memory")
        assert bars.count() == 1
        values = [value for value, _ in shown.data(".result .memory .full")]
        assert values == [
            sum(device["total_bytes"] for device in recommended),
            model["devices"][0]["budget_bytes"],
        ]
        assert shown.page.locator("#machine .memory").count() == 1


def test_what_does_not_fit_is_longer_than_its_budget(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    By as much as ``estimate`` says in words; the bar ends with what is held, and a mark is where the budget ends.
    """
    monkeypatch.setattr("llmprobe.tasks.report.stops.MOST_CELLS", 50)
    full = llmprobe.probe(replay=MACHINES / "macos-m3max-64g-compressed" / "recording.json")
    report = api.report(full, llmprobe.load_model("smollm2-1.7b-instruct"), uses=())
    with opened(browser, address_of(made(tmp_path, report).file)) as shown:
        shown.page.wait_for_function("document.getAnimations().length === 0")
        (missing, _), *_ = shown.data(".verdict")
        total, budget = (value for value, _ in shown.data(".result .memory .full"))
        assert missing == total - budget > 0
        assert shown.page.locator(".result .parts .short").count() == 1
        assert shown.page.locator(".result .segment.left").evaluate("one => one.clientWidth") == 0
        track, limit = (shown.page.locator(f".result .{name}").bounding_box() for name in ("track", "limit"))
        assert track is not None
        assert limit is not None
        assert (limit["x"] - track["x"]) / track["width"] == pytest.approx(budget / total, abs=0.01)


def test_what_the_file_lacks_is_replaced_by_what_is_nearest(shown: Shown, page: Made) -> None:
    """
    Four slots are in the file with few types of cache: the slider goes there, another axis gives way, and it is said.
    """
    model = page.document["model"]
    axes = {axis["name"]: axis["values"] for axis in model["axes"]}
    cache, slots = axes["cache_types"][-1], axes["parallel"][-1]
    blocks = [block["axes"] for block in model["grid"]["blocks"]]
    assert not any(cache in block["cache_types"] and slots in block["parallel"] for block in blocks)

    shown.set("cache_types", axes["cache_types"].index(cache))
    assert not shown.page.locator(".beside").is_visible()
    shown.set("parallel", axes["parallel"].index(slots))

    assert shown.page.locator("#axis-parallel").input_value() == str(axes["parallel"].index(slots))
    now = axes["cache_types"][int(shown.page.locator("#axis-cache_types").input_value())]
    assert any(now in block["cache_types"] and slots in block["parallel"] for block in blocks)
    assert now in shown.page.locator(".beside").inner_text()
    figures = {value for value, _ in shown.data(".result")}
    position = model["start"] | {"cache_types": now, "parallel": slots}
    assert {device["total_bytes"] for device in estimate_at(page, position)["devices"]} <= figures


def test_as_little_moves_as_possible(shown: Shown, page: Made) -> None:
    """
    Some experts in RAM are in the file with all layers on the device only: the layers follow, and nothing else does.
    """
    axes = {axis["name"]: axis["values"] for axis in page.document["model"]["axes"]}
    blocks = [block["axes"] for block in page.document["model"]["grid"]["blocks"] if block["size"] > 1]
    experts, some = axes["n_cpu_moe"][2], axes["gpu_layers"][2]
    every = axes["gpu_layers"][-1]
    assert {len(block["gpu_layers"]) for block in blocks if experts in block["n_cpu_moe"]} == {1}

    shown.set("gpu_layers", axes["gpu_layers"].index(some))
    assert shown.page.locator("#axis-gpu_layers").input_value() == str(axes["gpu_layers"].index(some))
    shown.set("n_cpu_moe", axes["n_cpu_moe"].index(experts))

    start = page.document["model"]["start"]
    wanted = start | {"n_cpu_moe": experts, "gpu_layers": every}
    for name, value in wanted.items():
        assert shown.page.locator(f"#axis-{name}").input_value() == str(axes[name].index(value)), name


def test_a_choice_sets_every_slider(shown: Shown, page: Made) -> None:
    """
    To its own figures, with its own reasons, and its curve before the others.
    """
    model = page.document["model"]
    quants = next(axis["values"] for axis in model["axes"] if axis["name"] == "quant")
    choices = model["recommendation"]["choices"]
    in_file = [at for at, choice in enumerate(choices) if choice["quant"] in quants]
    assert len(in_file) > 1
    for at in reversed(in_file):
        shown.set("gpu_layers", 1)
        shown.page.locator(".choice").nth(at).click()
        figures = {value for value, _ in shown.data(".result")}
        assert {device["total_bytes"] for device in choices[at]["devices"]} <= figures
        reasons = shown.page.locator(".reasons").inner_text()
        assert all(reason["text"].split("\n")[0] in reasons for reason in choices[at]["reasons"])
        now = shown.page.locator("figure").first.locator(".curve.now title")
        assert set(now.all_text_contents()) == {choices[at]["quant"]}


def test_commands_follow_the_sliders_and_can_be_copied(browser: Any, page: Made) -> None:
    """
    The clipboard has the command of the setting, character by character.
    """
    with opened(browser, address_of(page.file), permissions=["clipboard-read", "clipboard-write"]) as shown:
        axis = next(one for one in page.document["model"]["axes"] if one["name"] == "gpu_layers")
        shown.set("gpu_layers", 2)
        engine = shown.page.locator(".engine").first
        command = engine.locator("pre").inner_text()
        assert re.search(rf"-ngl {axis['values'][2]}\b", command)
        engine.get_by_role("button", name="Copy").click()

        assert shown.page.evaluate("navigator.clipboard.readText()") == command
        assert engine.get_by_role("button", name="Copied").is_visible()


def test_it_can_be_used_with_the_keyboard_alone(shown: Shown, page: Made) -> None:
    """
    Tab reaches every control, arrows move a slider and the points of the chart, and Enter takes a point.
    """
    reached = []
    for _ in range(60):
        shown.page.keyboard.press("Tab")
        reached.append(shown.page.evaluate("document.activeElement.id"))
    assert {"theme", "fit-use", "fit-filter", "fit-gpu"} <= set(reached)
    assert {f"axis-{axis['name']}" for axis in page.document["model"]["axes"]} <= set(reached)

    shown.page.locator("#axis-gpu_layers").focus()
    before = shown.data(".result")
    shown.page.keyboard.press("Home")
    assert shown.page.locator("#axis-gpu_layers").get_attribute("aria-valuetext", timeout=0) is not None
    assert shown.data(".result") != before

    quants = next(axis["values"] for axis in page.document["model"]["axes"] if axis["name"] == "quant")
    taken = set()
    by_speed = [name for name, _, _ in sorted(placed(shown, ".dot"), key=lambda one: one[1])]
    shown.page.locator('svg .dot[tabindex="0"]').focus()
    for key, name in (("End", by_speed[-1]), ("ArrowLeft", by_speed[-2]), ("Home", by_speed[0])):
        shown.page.keyboard.press(key)
        assert shown.page.evaluate("document.activeElement.getAttribute('aria-label')") == name
    for _ in page.document["model"]["recommendation"]["points"]:
        point = shown.page.evaluate("document.activeElement.getAttribute('aria-label')").partition(",")[0]
        before = shown.page.locator("#axis-quant option:checked").inner_text()
        shown.page.keyboard.press("Enter")
        after = shown.page.locator("#axis-quant option:checked").inner_text()
        # What the sliders have no stop for leaves them where they are.
        assert after == (point if point in quants else before)
        taken.add(point)
        shown.page.keyboard.press("ArrowRight")
    assert len(taken) > len(quants) > 1


def test_a_screen_reader_has_a_name_for_everything(shown: Shown) -> None:
    """
    Every control has a label, every button and point a name, every table headings, and changes are announced.
    """
    unnamed = shown.page.evaluate(
        """() => [...document.querySelectorAll("input, select, button, [role=button], [role=region], summary")]
            .filter((one) => !(one.labels?.length || one.textContent.trim() || one.getAttribute("aria-label")))
            .map((one) => one.outerHTML)"""
    )
    assert unnamed == []
    bare = "all => all.filter(one => !one.querySelector('th[scope=col]') || !one.querySelector('th[scope=row]')).length"
    assert shown.page.locator("table").evaluate_all(bare) == 0
    levels = shown.page.locator("h1, h2, h3, h4").evaluate_all(
        "all => all.map(one => Number(one.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))

    shown.set("gpu_layers", 0)
    announced = shown.page.locator("[role=status][aria-live=polite]")
    shown.page.wait_for_function("one => one.textContent !== ''", arg=announced.element_handle())
    assert "tokens per second" in announced.inner_text()


def test_models_are_sorted_and_filtered(shown: Shown, page: Made) -> None:
    """
    By speed and back, by a part of a name, and none at all.
    """
    rows = page.document["fit"][0]["rows"]
    ids = shown.page.locator(".fit tbody .id")
    assert ids.all_inner_texts() == [row["model"]["id"] for row in rows]

    heading = shown.page.locator('.fit th[data-column="size"]')
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    small = sorted(rows, key=lambda row: float(row["choice"]["download_bytes"]))
    assert ids.all_inner_texts() == [row["model"]["id"] for row in small]
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert ids.all_inner_texts() == [row["model"]["id"] for row in reversed(small)]

    word = rows[0]["model"]["name"].lower()
    shown.page.locator("#fit-filter").fill(word)
    assert set(ids.all_inner_texts()) == {
        row["model"]["id"] for row in rows if word in row["model"]["name"].lower()
    }
    shown.page.locator("#fit-filter").fill("no model is called this")
    assert ids.count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_system_until_colours_are_chosen(browser: Any, page: Made, scheme: str) -> None:
    """
    And keeps the choice.
    """
    other = "dark" if scheme == "light" else "light"

    def bright(shown: Shown) -> bool:
        colour = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3])) > 3 * 128

    with opened(browser, address_of(page.file), color_scheme=scheme) as shown:
        assert bright(shown) is (scheme == "light")
        shown.page.locator("#theme").select_option(other)
        assert bright(shown) is (other == "light")
        shown.page.reload()
        assert bright(shown) is (other == "light")


def test_on_paper_there_are_colours_but_no_controls(shown: Shown) -> None:
    """
    Light, without what only a screen can do, and with the values that the sliders stand at.
    """
    shown.page.emulate_media(media="print", color_scheme="dark")
    hidden = ("nav", "#theme", ".copy", "#fit-filter", "#axis-gpu_layers")
    assert [name for name in hidden if shown.page.locator(name).first.is_visible()] == []
    assert shown.page.locator("output[for=axis-gpu_layers]").is_visible()
    assert shown.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert (
        shown.page.locator(".segment.weights").first.evaluate("one => getComputedStyle(one).printColorAdjust")
        == "exact"
    )


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_phone_scrolls_in_one_direction(browser: Any, page: Made, tmp_path: Path, language: str) -> None:
    """
    At 360 pixels, with everything unfolded, in both languages; the Japanese page has no English of its own.
    """
    report = msgspec.structs.replace(
        page.report, language=language, words=api.report(page.report.check, uses=(), language=language).words
    )
    with opened(browser, address_of(made(tmp_path, report, language).file), viewport=PHONE) as shown:
        for summary in shown.page.locator("summary").all():
            summary.click()
        assert shown.width() == PHONE["width"]
        assert shown.violations() == []
        assert shown.faults == []
        titles = shown.page.locator("h2").all_inner_texts()
        assert all(
            (re.search("[ぁ-んァ-ヶ一-龠]", title) is not None) is (language == "ja") for title in titles
        )


def test_names_stay_text(
    browser: Any, snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Names of a machine and of a model that are markup, script and marks of direction are shown as they are.
    """
    gpu, *others = snapshot.accelerators
    hostile = msgspec.structs.replace(
        snapshot,
        accelerators=(msgspec.structs.replace(gpu, name=HOSTILE), *others),
        host=msgspec.structs.replace(snapshot.host, product=HOSTILE, os=HOSTILE),
    )
    monkeypatch.setattr("llmprobe.tasks.report.stops.MOST_CELLS", 50)
    model = msgspec.structs.replace(llmprobe.load_model("smollm2-135m-instruct"), name=HOSTILE, id=HOSTILE)
    report = api.report(hostile, model, uses=())
    with opened(browser, address_of(made(tmp_path, report).file)) as shown:
        for summary in shown.page.locator("summary").all():
            summary.click()
        assert shown.page.evaluate("window.hacked") is None
        assert shown.page.locator("img, iframe, object, embed, a[href^='javascript:']").count() == 0
        assert shown.page.locator("script").count() == 2
        isolated = shown.page.locator("bdi").all_text_contents()
        assert sum(text == HOSTILE for text in isolated) >= 4
        assert shown.violations() == []
        assert shown.faults == []
        assert shown.requests == [shown.page.url]


def test_figures_are_rounded_as_the_program_rounds_them(
    browser: Any, snapshot: Snapshot, tmp_path: Path
) -> None:
    """
    Halves go to the even digit: 1.125 GiB is 1.12 GiB, 1.375 GiB is 1.38 GiB, and nothing is 1024 of a unit.
    """
    sizes = [
        0,
        1023,
        1024,
        1536,
        2**20 - 512,
        2**20 + 2**19,
        2**30 - 2**19,
        9 * 2**27,
        11 * 2**27,
        25**9,
        10**13,
    ]
    pool = snapshot.pools[0]
    limits = tuple(msgspec.structs.replace(pool.limits[0], bytes=size) for size in sizes)
    changed = msgspec.structs.replace(snapshot, pools=(msgspec.structs.replace(pool, limits=limits),))
    with opened(browser, address_of(made(tmp_path, api.report(changed, uses=())).file)) as shown:
        assert shown.data("#machine .parts")[: len(sizes)] == [(size, format_bytes(size)) for size in sizes]
