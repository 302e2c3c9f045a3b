"""
One part of a file on a web server: where it is asked for, where it leads, and what went wrong, as one sentence.

Connections are made directly: what the environment says of proxies is not followed. A redirection is followed
anywhere but from https to http, and the access token never leaves the host that it was given for.
"""

import http.client
import os
import socket
import ssl
import time
from collections.abc import Mapping
from urllib.parse import SplitResult, urljoin, urlsplit

from llmprobe._version import __version__
from llmprobe.errors import ModelError
from llmprobe.source.deadline import Workers

CONNECT_S = 5.0
READ_S = 10.0
TOTAL_S = 120.0
MOST_BYTES = 256 << 20
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

    def __init__(
        self, client: "Client", url: str, reply: http.client.HTTPResponse, connection: socket.socket
    ) -> None:
        self.url = url
        self.status = reply.status
        self.reason = _plain(reply.reason or "")
        self._client = client
        self._reply = reply
        self._socket = connection

    def header(self, name: str) -> str:
        return self._reply.getheader(name) or ""

    def read(self, length: int) -> bytes:
        """
        Return exactly so many bytes.

        Raises:
            Cut: fewer came.
            ModelError: it took too long.
        """
        piece = bytearray()
        while len(piece) < length:
            try:
                got = self._client.receive(self._reply, self._socket, min(length - len(piece), _PIECE))
            except Cut:
                got = b""
            piece += got
            if not got:
                raise Cut(bytes(piece))
        return bytes(piece)

    def read_all(self, most: int) -> bytes:
        """
        Return the whole body.

        Raises:
            Cut: it ended too early.
            ModelError: it is longer than ``most`` bytes, or took too long.
        """
        body = bytearray()
        while got := self._client.receive(self._reply, self._socket, _PIECE):
            body += got
            if len(body) > most:
                self._client.drop(self.url)
                raise ModelError(f"{shown(self.url)} is larger than {most} bytes")
        short = bool(self._reply.length)
        self.leave()
        if short:
            raise Cut(b"")
        return bytes(body)

    def leave(self) -> None:
        """Leave the body; the connection is kept where all of it was read."""
        if self._reply.length == 0:
            self._reply.close()
        else:
            self._client.drop(self.url)


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
        self._bytes_left = most_bytes
        self._connections: dict[str, http.client.HTTPConnection] = {}
        self._workers = Workers()

    def get(self, url: str, part: tuple[int, int] | None = None) -> Response:
        """
        Return the answer to a GET of a URL, or of the bytes from one offset up to, not including, another.

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
            self._skip(response)
            if not location:
                raise ModelError(
                    f"{place.hostname} leads elsewhere from {shown(asked)}, but does not say where"
                )
            url = urljoin(url, location)
            if place.scheme == "https" and _split(url).scheme == "http":
                raise ModelError(
                    f"{place.hostname} leads from https to http at {shown(url)}, which is not followed"
                )
        raise ModelError(f"{shown(asked)} leads from one address to the next, and to no file")

    def receive(self, reply: http.client.HTTPResponse, connection: socket.socket, most: int) -> bytes:
        """Return some bytes of a body, none at its end."""
        if self._bytes_left <= 0:
            raise ModelError(
                "more bytes than any header has were sent", hint="give the address of a GGUF file"
            )
        connection.settimeout(min(self._read_s, self._remaining()))
        try:
            got = reply.read1(min(most, self._bytes_left))
        except TimeoutError:
            raise self._too_slow() from None
        except (OSError, http.client.HTTPException) as error:
            raise Cut(b"") from error
        self.transferred += len(got)
        self._bytes_left -= len(got)
        return got

    def drop(self, url: str) -> None:
        """Close the connection to the host of a URL."""
        connection = self._connections.pop(_place(_split(url)), None)
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def _skip(self, response: Response) -> None:
        """Read a short body that nobody wants, so that its connection can be used again."""
        length = response.header("Content-Length")
        if length.isdecimal() and int(length) <= _PIECE:
            try:
                response.read(int(length))
            except Cut:
                self.drop(response.url)
        response.leave()

    def _ask(self, url: str, place: SplitResult, part: tuple[int, int] | None) -> Response:
        headers = {
            "User-Agent": f"llmprobe/{__version__}",
            "Accept-Encoding": "identity",
            **({} if part is None else {"Range": f"bytes={part[0]}-{part[1] - 1}"}),
            **self._authorization(place),
        }
        target = (place.path or "/") + (f"?{place.query}" if place.query else "")
        reused = _place(place) in self._connections
        try:
            reply, connection = self._workers.call(
                lambda: self._exchange(place, target, headers), self._remaining()
            )
        except TimeoutError:
            self.drop(url)
            raise self._too_slow() from None
        except ssl.SSLCertVerificationError as error:
            raise ModelError(
                f"{place.hostname} has a certificate that can't be verified: {_plain(error.verify_message)}"
            ) from error
        except socket.gaierror as error:
            raise ModelError(
                f"there is no host {place.hostname}: {_plain(error.strerror)}", hint=_network_hint()
            ) from error
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            self.drop(url)
            raise Cut(b"") from error
        except UnicodeError as error:
            raise ModelError(f"there is no host {_plain(place.hostname)}") from error
        except (http.client.HTTPException, ValueError) as error:
            self.drop(url)
            if reused:
                raise Cut(b"") from error
            raise ModelError(f"{place.hostname} does not answer as a web server does") from error
        except OSError as error:
            self.drop(url)
            raise ModelError(
                f"{place.hostname} can't be reached: {_plain(error.strerror or str(error))}",
                hint=_network_hint(),
            ) from error
        return Response(self, url, reply, connection)

    def _exchange(
        self, place: SplitResult, target: str, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, socket.socket]:
        connection = self._connections.get(_place(place))
        if connection is None or connection.sock is None:
            connection = self._connected(place)
            self._connections[_place(place)] = connection
        plug: socket.socket = connection.sock
        plug.settimeout(min(self._read_s, self._remaining()))
        connection.request("GET", target, headers=dict(headers))
        return connection.getresponse(), plug

    def _connected(self, place: SplitResult) -> http.client.HTTPConnection:
        patience = min(self._connect_s, self._remaining())
        host = place.hostname or ""
        if place.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, place.port, timeout=patience, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(host, place.port, timeout=patience)
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
        # A connection that a server has closed is noticed, not silently made again without these settings.
        connection.auto_open = 0
        return connection

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
        self.close()
        if time.monotonic() >= self._until:
            return ModelError(f"reading from the network took longer than {self._total_s:g} s")
        return ModelError("the server stopped answering", hint="try again later")

    def _check(self, asked: str, place: SplitResult, response: Response) -> None:
        if response.status in (200, 206) and response.header("Content-Encoding") in ("", "identity"):
            return
        self.drop(response.url)
        raise _refusal(shown(asked), place, response, bool(self._authorization(place)))


def shown(url: str) -> str:
    """
    Return a URL without what may be secret in it: its query, and a password.
    """
    try:
        place = urlsplit(url)
    except ValueError:
        return "what was given"
    return _plain(f"{place.scheme}://{place.netloc.rpartition('@')[2]}{place.path}")


def _split(url: str) -> SplitResult:
    try:
        place = urlsplit(url)
        port = place.port
    except ValueError as error:
        raise ModelError(f"{url!r} is no address on the web") from error
    if place.scheme not in ("http", "https") or not place.hostname or port == 0:
        raise ModelError(
            f"{shown(url)!r} is no address on the web", hint="it has to begin with https:// and a host"
        )
    if "@" in place.netloc:
        raise ModelError("an address with a name or password in it is not read", hint="set HF_TOKEN instead")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ModelError(f"{shown(url)!r} is no address on the web", hint="write other letters as %XX")
    return place


def _place(place: SplitResult) -> str:
    return f"{place.scheme}://{place.netloc}"


def _refusal(name: str, place: SplitResult, response: Response, with_token: bool) -> ModelError:
    host, status = place.hostname, response.status
    if status in (401, 403) and with_token:
        return ModelError(
            f"{host} does not give {name} to the owner of this access token ({status})",
            hint="accept the model's licence on its page, and look whether HF_TOKEN is still valid",
        )
    if status in (401, 403):
        return ModelError(
            f"{host} does not give {name} to everyone ({status})",
            hint="if it is a gated or private model of Hugging Face, accept its licence and set HF_TOKEN",
        )
    if status in (404, 410):
        return ModelError(f"{host} has no {name} ({status})", hint="look whether the address is right")
    if status == 416:
        return ModelError(f"{name} is shorter than {host} said", hint="give the address of a GGUF file")
    if status == 429:
        return ModelError(
            f"{host} was asked too often (429)", hint="try again later; with HF_TOKEN more is allowed"
        )
    if status >= 500:
        return ModelError(f"{host} has trouble of its own ({status})", hint="try again later")
    if status in (200, 206):
        return ModelError(f"{host} sends {name} compressed, though it was asked not to")
    return ModelError(f"{host} answers {status} {response.reason} to the question for {name}")


def _network_hint() -> str | None:
    used = [name for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY") if os.environ.get(name)]
    used += [
        name.lower() for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY") if os.environ.get(name.lower())
    ]
    if not used:
        return None
    return f"connections are made directly, not by way of {used[0]}; download the file, and give its path"


def _plain(text: object) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))
