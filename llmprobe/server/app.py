"""
The application: paths, and the threads and times that answers may take.
"""

import os
import threading
from collections.abc import Callable, Iterable

import anyio
import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from llmprobe.errors import LlmprobeError
from llmprobe.output import html
from llmprobe.output.metrics import CONTENT_TYPE
from llmprobe.server.access import LOOPBACK_NAMES, PAGE, App, Guard
from llmprobe.server.answers import Answers
from llmprobe.server.errors import JSON, Refusals
from llmprobe.server.openapi import openapi
from llmprobe.server.questions import QUESTIONS
from llmprobe.tasks.report import shell
from llmprobe.words.message import message

MOST_S = 60.0
MOST_WAITING = 64


class Workers:
    """
    Threads for answers: as many at once as there are processors, some more that wait, and no others.

    An answer that takes longer than its time is given up by who asked, and its thread counts until it ends.
    """

    def __init__(
        self, *, at_once: int | None = None, waiting: int = MOST_WAITING, most_s: float = MOST_S
    ) -> None:
        self._at_once = threading.BoundedSemaphore(at_once or os.cpu_count() or 1)
        self._places = threading.BoundedSemaphore((at_once or os.cpu_count() or 1) + waiting)
        self._limiter = anyio.CapacityLimiter(float("inf"))
        self._most_s = most_s

    async def run(self, work: Callable[[], bytes], refusals: Refusals) -> Response | bytes:
        """
        What the work makes, or the answer that it was not done.
        """
        if not self._places.acquire(blocking=False):
            return refusals.refuse(503, message("error.busy"), headers={"Retry-After": "1"}, code=1)

        def done() -> bytes:
            try:
                with self._at_once:
                    return work()
            finally:
                self._places.release()

        with anyio.move_on_after(self._most_s):
            return await anyio.to_thread.run_sync(done, abandon_on_cancel=True, limiter=self._limiter)
        return refusals.refuse(504, message("error.too-long", seconds=self._most_s), code=1)


def application(
    answers: Answers,
    *,
    names: Iterable[str] = LOOPBACK_NAMES,
    token: str | None = None,
    workers: Workers | None = None,
) -> App:
    """
    The ASGI application. ``names`` are the hosts that it may be called by; with a ``token`` who asks must give it.
    """
    threads = workers or Workers()
    refusals = Refusals(this_machine=answers.this_machine, said_in=answers.words)

    async def made(
        kept: Callable[[], bytes | None], work: Callable[[], bytes], media_type: str = JSON
    ) -> Response:
        try:
            # What is kept is answered here: a thread would take longer than the answer.
            found = kept() or await threads.run(work, refusals)
        except LlmprobeError as error:
            return refusals.of_error(error)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return refusals.of_body(error)
        return found if isinstance(found, Response) else Response(found, media_type=media_type)

    async def snapshot(_request: Request) -> Response:
        return await made(lambda: answers.kept("snapshot"), answers.snapshot)

    async def models(request: Request) -> Response:
        text = request.query_params.get("q")
        return await made(lambda: answers.kept("models", (text or "").encode()), lambda: answers.models(text))

    async def metrics(_request: Request) -> Response:
        return await made(lambda: answers.kept("metrics"), answers.metrics, CONTENT_TYPE)

    async def question(request: Request) -> Response:
        content = await request.body()
        name = request.url.path.rpartition("/")[2]
        return await made(lambda: answers.kept_answer(name, content), lambda: answers.answer(name, content))

    async def not_there(_request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        why = message("error.path-unknown") if status == 404 else message("error.method-wrong")
        headers = getattr(error, "headers", None)
        return refusals.refuse(status, why, hint=message("hint.see-openapi"), headers=headers)

    async def failed(_request: Request, _error: Exception) -> Response:
        # A bug: its traceback, which the server logs, is for who runs it, not for who asked.
        return refusals.refuse(500, message("error.server-bug"), code=1)

    document = msgspec.json.encode(openapi())

    async def described(_request: Request) -> Response:
        return Response(document, media_type=JSON)

    language = answers.words.language
    page = html.page(
        shell(language, this_machine=answers.this_machine, needs_token=token is not None), answers.words
    )

    async def shown(_request: Request) -> Response:
        return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy})

    routes = [
        Route(PAGE, shown, methods=["GET"]),
        Route("/v1/snapshot", snapshot, methods=["GET"]),
        Route("/v1/models", models, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/openapi.json", described, methods=["GET"]),
        *(Route(f"/v1/{name}", question, methods=["POST"]) for name in QUESTIONS),
    ]
    handlers = {HTTPException: not_there, Exception: failed}
    inner = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(inner, refusals, names=names, token=token)
