"""
The explorer of a recorded machine, steered by keys without a terminal.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cache

from textual.pilot import Pilot

from llmprobe import api
from llmprobe.explore.app import Explorer
from llmprobe.facts.fit import Fit
from llmprobe.facts.machine import Snapshot
from llmprobe.words.render import words
from tests.machine_fixtures import replayed

LONGEST_S = 30.0
FIT = api.fit
"""As it is, where a test puts something else in its place."""

Steps = Callable[[Explorer, Pilot[None]], Awaitable[None]]


def explore(
    steps: Steps,
    *,
    machine: str | Snapshot = "linux-4090-64g",
    model: str | None = None,
    size: tuple[int, int] = (80, 24),
    language: str = "en",
) -> Explorer:
    """
    Run the explorer through steps.
    """
    snapshot = replayed(machine) if isinstance(machine, str) else machine
    app = Explorer(lambda: snapshot, words(language), model=model)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await steps(app, pilot)

    asyncio.run(run())
    return app


async def until(pilot: Pilot[None], reached: Callable[[], object]) -> None:
    """
    Wait for what comes from another thread.
    """
    last = time.monotonic() + LONGEST_S
    while not reached():
        assert time.monotonic() < last, "\n".join(seen(pilot.app))
        await pilot.pause(0.01)
    await pilot.pause()


def seen(app: object) -> list[str]:
    """
    The lines of the screen.
    """
    assert isinstance(app, Explorer)
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


@cache
def small_fit(machine: str = "linux-4090-64g", sort: str = "points", use: str = "chat") -> Fit:
    """
    What fits of one small family, which takes little time to search.
    """
    return FIT(replayed(machine), families="llama-3", sort=sort, use=use, top=5)  # type: ignore[arg-type]
