"""
Who may ask, how much, and how many at once: what stands before every answer.

A page of the web that a browser of this machine shows can send requests to loopback. It cannot read the answers
(there are no CORS headers), and it is refused: by the name in ``Host``, which a rebound name of its own would give, by
``Origin``, and because a body must be ``application/json``, which a browser asks leave for first.
"""

import hmac
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from llmprobe.server.errors import Refusals
from llmprobe.words.message import message

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BODY_BYTES = 64 * 1024
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
PAGE = "/"
"""The path of the page, which has nothing of the machine in it: a browser that opens it cannot give a token."""

_POLICY = b"content-security-policy"
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_NOTHING = (_POLICY, b"default-src 'none'; frame-ancestors 'none'")
"""The policy of what is no page."""


class Guard:
    """
    An ASGI application that refuses what it must and hands the rest on, with a body that was read whole.
    """

    def __init__(
        self,
        app: App,
        refusals: Refusals,
        *,
        names: Iterable[str] = LOOPBACK_NAMES,
        token: str | None = None,
    ) -> None:
        self._app = app
        self._refusals = refusals
        self._names = frozenset(name.lower() for name in names)
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Answer one request.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        refused = self._refused(scope, headers)
        if refused is None and scope["method"] == "POST":
            content = await _body(receive)
            if content is None:
                refused = self._refusals.refuse(
                    413, message("error.body-too-large", most_bytes=MOST_BODY_BYTES)
                )
            else:
                receive = _once(content)
        if refused is not None:
            await refused(scope, receive, _with_headers(send))
            return
        await self._app(scope, receive, _with_headers(send))

    def _refused(self, scope: Scope, headers: dict[bytes, bytes]) -> App | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if without_port(host) not in self._names:
            return self._refusals.refuse(421, message("error.host-unknown", host=host or "-"))
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1").lower() not in (
            f"http://{host}",
            f"https://{host}",
        ):
            return self._refusals.refuse(
                403, message("error.origin-foreign", origin=origin.decode("latin-1"))
            )
        if self._token is not None and scope["path"] != PAGE:
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, b"Bearer " + self._token):
                return self._refusals.refuse(401, message("error.token-wrong"))
        if scope["method"] == "POST":
            kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
            if kind != "application/json":
                return self._refusals.refuse(415, message("error.body-not-json", kind=kind or "-"))
        return None


def without_port(host: str) -> str:
    """
    The name or address of a ``Host`` header: ``[::1]:8000`` is ``[::1]``.
    """
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


async def _body(receive: Receive) -> bytes | None:
    """
    The whole body; None where it is larger than a question can be.
    """
    content: bytes = b""
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return content
        content += event.get("body", b"")
        if len(content) > MOST_BODY_BYTES:
            return None
        if not event.get("more_body", False):
            return content


def _once(content: bytes) -> Receive:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": content, "more_body": False}

    return receive


def _with_headers(send: Send) -> Send:
    async def told(event: Message) -> None:
        if event["type"] == "http.response.start":
            own = event.get("headers", ())
            policy = () if any(name == _POLICY for name, _ in own) else (_NOTHING,)
            event["headers"] = [*own, *_HEADERS, *policy]
        await send(event)

    return told
