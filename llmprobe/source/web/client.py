"""
One part of a file on a web server: where it is asked for, where it leads, and what went wrong, as one sentence.

The transport is urllib's: proxies and certificates are those of the environment and the system, as a company's network
needs them, but a server on this machine is never asked through a proxy. A redirection is followed anywhere but from
https to http, and the access token never leaves the host that it was given for.
"""

import contextlib
import functools
import http.client
import socket
import ssl
import time
import urllib.request
from urllib.error import URLError
from urllib.parse import SplitResult, urljoin, urlsplit

from llmprobe._version import __version__
from llmprobe.errors import ModelError
from llmprobe.source.deadline import Workers
from llmprobe.source.web.transport import is_here, network_hint, opener, plain
from llmprobe.words.message import message

CONNECT_S = 5.0
READ_S = 10.0
TOTAL_S = 120.0
MOST_BYTES = 256 << 20
SLOWEST_BYTES_PER_S = 512
"""A server that sends less on average is left after ``READ_S``: the header of a small model would take hours."""

_MOST_REDIRECTS = 6
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_WINDOW = 384 << 10
"""What a server may send before we read it: the rest of a file that it sends though a part was asked for."""

_PIECE = 1 << 16


class Cut(Exception):  # noqa: N818 - not an error yet: it is asked once more
    """
    The connection ended before all that was promised had come.
    """


class Response:
    """
    An answer whose body is still to be read. ``status`` is 200 or 206.
    """

    def __init__(self, client: "Client", url: str, reply: http.client.HTTPResponse) -> None:
        self.url = url
        self.status = reply.status
        self.reason = plain(reply.reason or "")
        self._client = client
        self._reply = reply

    def header(self, name: str) -> str:
        return self._reply.getheader(name) or ""

    def read(self, length: int) -> bytes:
        """
        Exactly so many bytes.

        Raises:
            Cut: fewer came.
            ModelError: it took too long.
        """
        piece = bytearray()
        while len(piece) < length:
            try:
                got = self._client.receive(self._reply, min(length - len(piece), _PIECE))
            except Cut:
                got = b""
            piece += got
            if not got:
                raise Cut(bytes(piece))
        return bytes(piece)

    def read_all(self, most: int) -> bytes:
        """
        The whole body.

        Raises:
            Cut: it ended too early.
            ModelError: it is longer than ``most`` bytes, or took too long.
        """
        body = bytearray()
        while got := self._client.receive(self._reply, _PIECE):
            body += got
            if len(body) > most:
                self.leave()
                raise ModelError(message("web.too-large", url=shown(self.url), most_bytes=most))
        short = bool(self._reply.length)
        self.leave()
        if short:
            raise Cut(b"")
        return bytes(body)

    def leave(self) -> None:
        """Leave what is still to come."""
        self._client.drop()


class Client:
    """
    What is asked of web servers for one answer: all of it within ``total_s`` seconds and ``most_bytes`` bytes.

    ``token`` is sent to ``token_host`` alone, which is written with its port where it has one.
    ``transferred`` counts the bytes of all bodies so far.
    """

    def __init__(
        self,
        *,
        token: str | None = None,
        token_host: str | None = None,
        connect_s: float = CONNECT_S,
        read_s: float = READ_S,
        total_s: float = TOTAL_S,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.transferred = 0
        self._token = token if token and token.isascii() and token.isprintable() else None
        self._token_host = token_host
        self._connect_s = connect_s
        self._read_s = read_s
        self._total_s = total_s
        self._until = time.monotonic() + total_s
        self._most_bytes = self._bytes_left = most_bytes
        self._waited_s = 0.0
        self._waited_for = 0
        self._plug: socket.socket | None = None
        self._reply: http.client.HTTPResponse | None = None
        self._asking: object | None = None
        self._workers = Workers()

    def get(self, url: str, part: tuple[int, int] | None = None) -> Response:
        """
        The answer to a GET of a URL, or of the bytes from one offset up to, not including, another.

        Raises:
            Cut: the connection ended before there was an answer.
            ModelError: the server can't be reached, refuses, has no such file, or leads in a circle.
        """
        asked = url
        for _ in range(_MOST_REDIRECTS):
            place = _split(url)
            response = self._ask(url, place, part)
            if response.status not in _REDIRECTS:
                self._check(asked, place, response)
                return response
            location = response.header("Location")
            response.leave()
            if not location:
                raise ModelError(
                    message("web.redirect-without-target", host=place.hostname, url=shown(asked))
                )
            url = urljoin(url, location)
            if place.scheme == "https" and _split(url).scheme == "http":
                raise ModelError(message("web.redirect-to-http", host=place.hostname, url=shown(url)))
        raise ModelError(message("web.redirects-without-end", url=shown(asked)))

    def receive(self, reply: http.client.HTTPResponse, most: int) -> bytes:
        """Some bytes of a body, none at its end."""
        if self._bytes_left <= 0:
            self.drop()
            raise ModelError(
                message("web.too-many-bytes", most_bytes=self._most_bytes), hint=message("hint.gguf-address")
            )
        patience_s = min(self._read_s, self._remaining())
        started = time.monotonic()
        try:
            got = self._workers.call(lambda: reply.read1(min(most, self._bytes_left)), patience_s)
        except TimeoutError:
            raise self._too_slow() from None
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # A connection that was closed meanwhile has no file to read from any more.
            raise Cut(b"") from error
        self.transferred += len(got)
        self._bytes_left -= len(got)
        self._waited_s += time.monotonic() - started
        self._waited_for += len(got)
        if self._waited_s > self._read_s and self._waited_for < SLOWEST_BYTES_PER_S * self._waited_s:
            self.drop()
            raise ModelError(
                message("web.too-slow", sent_bytes=self._waited_for, seconds=round(self._waited_s)),
                hint=message("hint.later-or-download"),
            )
        return got

    def drop(self) -> None:
        """Close the connection. A thread that still reads from it ends."""
        self._asking = None
        plug, self._plug = self._plug, None
        reply, self._reply = self._reply, None
        if plug is not None:
            with contextlib.suppress(OSError, ValueError):
                plug.shutdown(socket.SHUT_RDWR)
            plug.close()
        if reply is not None:
            reply.close()

    def close(self) -> None:
        """Close the connection and end all threads."""
        self.drop()
        self._workers.close()

    def keep(self, plug: socket.socket) -> None:
        """Take the socket of a connection that was made, to read from it in time and to close it."""
        plug.settimeout(self._read_s)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
        self._plug = plug

    def _ask(self, url: str, place: SplitResult, part: tuple[int, int] | None) -> Response:
        request = urllib.request.Request(url, headers=self._headers(place, part))  # noqa: S310 - see _split
        through = self._direct if is_here(place) else self._opener
        patience_s = min(self._connect_s, self._remaining())
        asking = self._asking = object()

        def opened() -> http.client.HTTPResponse:
            reply: http.client.HTTPResponse = through.open(request, timeout=patience_s)
            if self._asking is not asking:
                # It came too late: nobody else closes it.
                reply.close()
            return reply

        try:
            # A head that drips is no slower than a body may be.
            reply = self._workers.call(opened, min(self._remaining(), self._connect_s + self._read_s))
        except TimeoutError:
            raise self._too_slow() from None
        except URLError as error:
            if not isinstance(error.reason, Exception):
                raise _unreachable(place, error.reason) from error
            raise self._failed(error.reason, place) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failed(error, place) from error
        self._reply = reply
        return Response(self, url, reply)

    def _failed(self, error: Exception, place: SplitResult) -> Exception:
        """
        What an error of the transport means: another sentence, or that the connection was cut.
        """
        self.drop()
        host = place.hostname
        match error:
            case ssl.SSLCertVerificationError():
                return ModelError(
                    message("web.certificate", host=host, reason=plain(error.verify_message)),
                    hint=message("hint.certificate"),
                )
            case socket.gaierror():
                return ModelError(
                    message("web.no-host", host=host, reason=plain(error.strerror)), hint=network_hint(place)
                )
            case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
                return Cut(b"")
            case UnicodeError():
                return ModelError(message("web.no-host", host=plain(host), reason=None))
            case TimeoutError():
                return _unreachable(place, "timed out")
            case http.client.HTTPException() | ValueError():
                return ModelError(message("web.no-web-server", host=host))
            case OSError():
                return _unreachable(place, error.strerror or str(error))
        return error

    def _headers(self, place: SplitResult, part: tuple[int, int] | None) -> dict[str, str]:
        return {
            "User-Agent": f"llmprobe/{__version__}",
            "Accept-Encoding": "identity",
            **({} if part is None else {"Range": f"bytes={part[0]}-{part[1] - 1}"}),
            **self._authorization(place),
        }

    @functools.cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        return opener(self.keep, urllib.request.ProxyHandler())

    @functools.cached_property
    def _direct(self) -> urllib.request.OpenerDirector:
        return opener(self.keep, urllib.request.ProxyHandler({}))

    def _authorization(self, place: SplitResult) -> dict[str, str]:
        if self._token is None or place.netloc.casefold() != (self._token_host or "").casefold():
            return {}
        return {"Authorization": f"Bearer {self._token}"}

    def _remaining(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise self._too_slow()
        return left

    def _too_slow(self) -> ModelError:
        self.drop()
        if time.monotonic() >= self._until:
            return ModelError(message("web.out-of-time", seconds=self._total_s))
        return ModelError(message("web.silent"), hint=message("hint.later"))

    def _check(self, asked: str, place: SplitResult, response: Response) -> None:
        if response.status in (200, 206) and response.header("Content-Encoding") in ("", "identity"):
            return
        response.leave()
        raise _refusal(shown(asked), place, response, bool(self._authorization(place)))


def shown(url: str) -> str:
    """
    A URL without what may be secret in it: its query, and a password.
    """
    try:
        place = urlsplit(url)
    except ValueError:
        return "what was given"
    return plain(f"{place.scheme}://{place.netloc.rpartition('@')[2]}{place.path}")


def _split(url: str) -> SplitResult:
    try:
        place = urlsplit(url)
        port = place.port
    except ValueError as error:
        raise ModelError(message("web.no-address", url=plain(url))) from error
    if place.scheme not in ("http", "https") or not place.hostname or port == 0:
        raise ModelError(message("web.no-address", url=shown(url)), hint=message("hint.https-and-host"))
    if "@" in place.netloc:
        raise ModelError(message("web.credentials-in-url"), hint=message("hint.hf-token"))
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ModelError(message("web.no-address", url=shown(url)), hint=message("hint.percent-encode"))
    return place


def _unreachable(place: SplitResult, reason: object) -> ModelError:
    return ModelError(
        message("web.unreachable", host=place.hostname, reason=plain(reason)), hint=network_hint(place)
    )


def _refusal(name: str, place: SplitResult, response: Response, with_token: bool) -> ModelError:
    host, status = place.hostname, response.status
    if status in (401, 403) and with_token:
        return ModelError(
            message("web.denied-to-token", host=host, name=name, status=status),
            hint=message("hint.check-token"),
        )
    if status in (401, 403):
        return ModelError(
            message("web.denied", host=host, name=name, status=status), hint=message("hint.gated")
        )
    if status in (404, 410):
        return ModelError(
            message("web.not-found", host=host, name=name, status=status), hint=message("hint.check-address")
        )
    if status == 416:
        return ModelError(message("web.shorter", host=host, name=name), hint=message("hint.gguf-address"))
    if status == 429:
        return ModelError(message("web.rate-limit", host=host), hint=message("hint.later-or-token"))
    if status >= 500:
        return ModelError(message("web.server-error", host=host, status=status), hint=message("hint.later"))
    if status in (200, 206):
        return ModelError(message("web.compressed", host=host, name=name))
    return ModelError(
        message("web.unexpected-status", host=host, name=name, status=status, reason=plain(response.reason))
    )
