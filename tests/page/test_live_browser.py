"""
The page of ``llmprobe serve`` in a real browser: it asks the server that it came from, and nobody else.
"""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import llmprobe
from llmprobe.output.documents import to_json
from llmprobe.words.render import words
from tests.page.browser import Shown, chromium, opened, running

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium"),
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="playwright is not installed"),
]

MACHINE = Path(__file__).parents[2] / "fixtures" / "machines" / "linux-2x3090-64g-one-lost" / "recording.json"
MODEL = "granite-3.1-1b-a400m-instruct"
TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server that wants a token."""
    words = (sys.executable, "-m", "llmprobe", "--replay", str(MACHINE), "serve", "--port", "0")
    environment = {**os.environ, "LLMPROBE_TOKEN": TOKEN}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            yield next(found[0] for line in lines if (found := re.search(r"http://[\d.:]+", line)))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with running() as found:
        yield found


@contextmanager
def live(browser: Any, address: str, secret: str = f"#token={TOKEN}") -> Iterator[Shown]:
    """
    The live page without ``fit``, which takes seconds: the models for a use are none here.
    """
    with opened(browser, "about:blank") as shown:

        def without_fit(route: Any) -> None:
            if json.loads(route.request.post_data)["uses"]:
                route.fulfill(status=422, json=error("no models in this test"))
            else:
                route.continue_()

        shown.page.route("**/v1/report", without_fit)
        shown.page.goto(f"{address}/{secret}")
        yield shown
        assert shown.violations() == []
        assert [url for url in shown.requests if not url.startswith((address, "data:", "about:"))] == []


def error(text: str) -> dict[str, Any]:
    return {"schema": "llmprobe.error/1", "message": {"id": "x", "text": text, "values": {}}, "hint": None}


def show_model(shown: Shown) -> None:
    shown.page.locator("#model-name").fill(MODEL)
    shown.page.keyboard.press("Enter")
    shown.page.locator(".result .memory").first.wait_for()


def test_sliders_ask_the_server(browser: Any, server: str) -> None:
    """
    The machine is shown; then a model, any number of layers, and what ``estimate`` says of them.
    """
    with live(browser, server) as shown:
        shown.page.locator("#machine .finding.error").wait_for()
        show_model(shown)
        with shown.page.expect_response("**/v1/setting") as answered:
            shown.set("gpu_layers", 7)
        answer = answered.value.json()
        asked = json.loads(answered.value.request.post_data)
        assert asked["settings"]["gpu_layers"] == 7

        told = llmprobe.estimate(
            llmprobe.load_model(MODEL),
            quant=asked["quant"],
            snapshot=llmprobe.probe(replay=MACHINE),
            **asked["settings"],
        )
        estimate = json.loads(to_json(told, words("en")))
        assert answer["estimate"] == estimate
        command = shown.page.locator(".engine pre").first
        command.filter(has_text="-ngl 7 ").wait_for()
        assert command.inner_text() == answer["commands"]["llama.cpp"]
        figures = {value for value, _ in shown.data(".result")}
        for device in estimate["devices"]:
            assert {device["total_bytes"], device["weights_bytes"]} <= figures
        assert set(estimate["speed"]["generation_tokens_per_s"].values()) <= figures


def test_the_latest_answer_counts(browser: Any, server: str) -> None:
    """
    An answer that comes after that of a later question is not shown; questions in a row are one.
    """
    with live(browser, server) as shown:
        show_model(shown)
        held: list[Any] = []
        asked: list[int] = []

        def hold_first(route: Any) -> None:
            asked.append(json.loads(route.request.post_data)["settings"]["gpu_layers"])
            if len(asked) == 1:
                held.append(route)
            else:
                route.continue_()

        shown.page.route("**/v1/setting", hold_first)
        with shown.page.expect_request("**/v1/setting"):
            shown.set("gpu_layers", 3)
        # At once, as a slider that is dragged does it, however busy the machine is.
        shown.page.locator("#axis-gpu_layers").evaluate(
            """one => [4, 5, 6, 8].forEach(value => {
                one.value = value;
                one.dispatchEvent(new Event("input", { bubbles: true }));
            })"""
        )
        command = shown.page.locator(".engine pre").first
        command.filter(has_text="-ngl 8 ").wait_for()
        held[0].continue_()
        shown.page.wait_for_timeout(200)
        assert "-ngl 8 " in command.inner_text()
        assert asked == [3, 8]


def test_what_cannot_be_answered_is_said(browser: Any, server: str) -> None:
    """
    A refusal in the words of the server, as text; a server that is gone in those of the page; then it goes on.
    """
    with live(browser, server) as shown:
        show_model(shown)
        verdict = shown.page.locator(".verdict.bad")
        why = "refused: <b>not like this</b>"
        shown.page.route("**/v1/setting", lambda route: route.fulfill(status=422, json=error(why)), times=1)
        shown.set("gpu_layers", 1)
        verdict.wait_for()
        assert verdict.inner_text() == why
        assert not shown.page.get_by_role("heading", name="Run it").is_visible()
        shown.page.route("**/v1/setting", lambda route: route.abort(), times=1)
        shown.set("gpu_layers", 2)
        verdict.get_by_text("The server did not answer").wait_for()
        shown.set("gpu_layers", 3)
        shown.page.locator(".verdict.good").wait_for()


def test_the_token_is_asked_for_and_hidden(browser: Any, server: str) -> None:
    """
    Without one nothing is asked of the server; a wrong one is asked for again; that of the address leaves the address.
    """
    with live(browser, server, secret="") as shown:
        shown.page.locator("#token").wait_for()
        assert [url for url in shown.requests if "/v1/" in url] == []
        shown.page.locator("#token").fill("a wrong token of a kind")
        shown.page.keyboard.press("Enter")
        shown.page.locator(".failed").first.wait_for()
        shown.page.locator("#token").fill(TOKEN)
        shown.page.keyboard.press("Enter")
        shown.page.locator("#machine .memory").first.wait_for()
        assert shown.page.locator(".failed", has_text="token").count() == 0
    with live(browser, server) as shown:
        shown.page.locator("#machine .memory").first.wait_for()
        assert shown.page.url == f"{server}/"
        assert [url for url in shown.requests if TOKEN in url] == []
