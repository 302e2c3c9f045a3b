"""
HTTP of the machine itself: servers of engines on the loopback, and nothing beyond it.
"""

from typing import Any

from llmprobe.facts.answer import Answer
from llmprobe.source.errors_as_answers import of_os_error, plain_text
from llmprobe.units import port_number

LARGEST_BYTES = 4 * 1024 * 1024
_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "[::1]": "::1"}


def get(url: str, timeout_s: float) -> Answer:
    """
    The body of a resource, decoded where it is JSON; a port where nobody listens is ``missing``.

    A URL elsewhere, as the environment may name one for an engine, is ``denied``: nothing leaves the machine.
    ``http`` is imported only after somebody took the connection.
    """
    place = _split(url)
    if place is None:
        return Answer(status="denied", detail="only http on a port of the loopback is asked")
    host, port, path = place
    import errno
    import socket

    from llmprobe.source.live.timed_socket import TimedSocket

    # Not create_connection: to resolve a name it imports the tables of international names, a tenth of a start.
    try:
        with TimedSocket(socket.AF_INET6 if ":" in host else socket.AF_INET, timeout_s) as connection:
            connection.connect((host, port))
            return _fetch(connection, host, port, path)
    except OSError as error:
        if error.errno in (errno.ECONNREFUSED, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return Answer(status="missing", code=error.errno, detail=f"nobody listens on port {port}")
        return of_os_error(error)


def _split(url: str) -> tuple[str, int, str] | None:
    scheme, separator, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    host, colon, port = place.rpartition(":")
    if scheme != "http" or not separator or not colon or host not in _LOOPBACK:
        return None
    number = port_number(port)
    return None if number is None else (_LOOPBACK[host], number, slash + path or "/")


def _fetch(connection: Any, host: str, port: int, path: str) -> Answer:
    import http.client

    client = http.client.HTTPConnection(host, port)
    client.sock = connection
    try:
        client.request("GET", path, headers={"Accept": "application/json", "Connection": "close"})
        response = client.getresponse()
        body = response.read(LARGEST_BYTES + 1)
    except OSError as error:
        return of_os_error(error)
    except (http.client.HTTPException, ValueError) as error:
        return Answer(status="failed", detail=f"{type(error).__name__}: {error}")
    if response.status != 200:
        status = (
            "denied" if response.status in (401, 403) else "missing" if response.status == 404 else "failed"
        )
        return Answer(status=status, code=response.status, detail=response.reason or None)  # type: ignore[arg-type]
    if len(body) > LARGEST_BYTES:
        return Answer(status="failed", detail=f"larger than {LARGEST_BYTES} bytes")
    return Answer(value=_decoded(body))


def _decoded(body: bytes) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return plain_text(body)
