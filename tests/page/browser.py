"""
A real browser for the tests: Chromium without a window, a page in it, and everything that it said or asked for.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}

_LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
    window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""


def chromium() -> str | None:
    """
    The program that the tests drive, None where there is none.
    """
    return next((found for name in PROGRAMS if (found := shutil.which(name)) is not None), None)


class Shown:
    """
    A page in the browser. ``faults`` is what it complained of, ``requests`` the address of everything it asked for.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.faults: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.faults.append(f"failed: {request.url}"))
        page.add_init_script(_LISTEN)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text}")

    def violations(self) -> list[str]:
        """
        What the policy of the page refused.
        """
        found: list[str] = self.page.evaluate("window.violations")
        return found

    def data(self, selector: str) -> list[tuple[float, str]]:
        """
        The figures below an element: the value that each stands for, and the text that people read.
        """
        pairs: list[list[Any]] = self.page.locator(f"{selector} data").evaluate_all(
            "all => all.map(one => [Number(one.value), one.textContent])"
        )
        return [(value, text) for value, text in pairs]

    def set(self, axis: str, place: int) -> None:
        """
        Put a slider or a choice at the place of one of its values, as a person does it.
        """
        control = self.page.locator(f"#axis-{axis}")
        if control.evaluate("one => one.tagName") == "SELECT":
            control.select_option(str(place))
        else:
            control.fill(str(place))

    def width(self) -> int:
        """
        How wide the content is, in pixels.
        """
        found: int = self.page.evaluate("document.documentElement.scrollWidth")
        return found


Open = Callable[..., Shown]


@contextmanager
def opened(browser: Any, address: str, **options: Any) -> Iterator[Shown]:
    """
    The page of an address, in a new profile.
    """
    context = browser.new_context(**{"viewport": WIDE, **options})
    try:
        shown = Shown(context.new_page())
        shown.page.goto(address)
        yield shown
    finally:
        context.close()


@contextmanager
def running() -> Iterator[Any]:
    """
    The browser.
    """
    from playwright.sync_api import sync_playwright

    program = chromium()
    assert program is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def address_of(file: Path) -> str:
    return file.absolute().as_uri()
