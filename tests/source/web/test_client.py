"""
One question to a web server, without a network: addresses, headers, redirections, and what an error means.
"""

import http.client
import socket
import ssl
from typing import Any
from urllib.error import URLError

import pytest
from pytest_mock import MockerFixture

from llmprobe.errors import ModelError
from llmprobe.source.web.client import Client, Cut, shown
from llmprobe.words.message import Message, message

HERE = "http://127.0.0.1/m.gguf"


class Reply:
    """
    What a server answered, as far as a client looks at it.
    """

    def __init__(self, url: str, status: int = 200, reason: str = "", **headers: str) -> None:
        self.url = url
        self.status = status
        self.reason = reason
        self.headers = headers
        self.left = False

    def header(self, name: str) -> str:
        return self.headers.get(name.replace("-", "_"), "")

    def leave(self) -> None:
        self.left = True


def answered(mocker: MockerFixture, *replies: Reply) -> Any:
    return mocker.patch.object(Client, "_ask", side_effect=replies)


def refusal(client: Client, url: str = HERE) -> ModelError:
    with pytest.raises(ModelError) as caught:
        client.get(url)
    return caught.value


def headers_of(mocker: MockerFixture, url: str, part: tuple[int, int] | None = None, **options: Any) -> Any:
    """
    Return the headers with which an address is asked.
    """
    client = Client(**options)
    opened = mocker.patch.object(client._workers, "call", side_effect=Cut(b""))
    request = mocker.patch("urllib.request.Request")
    with pytest.raises(Cut):
        client.get(url, part)
    assert opened.call_count == 1
    return request.call_args.kwargs["headers"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://host/a/b.gguf?token=secret#x", "https://host/a/b.gguf"),
        ("https://me:secret@host:81/a", "https://host:81/a"),
        ("https://me@you@host/a", "https://host/a"),
        ("https://host/a\x1bb", "https://host/a?b"),
        ("http://[/x", "what was given"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, expected: str) -> None:
    """
    Neither a query nor a password, and nothing that commands a terminal.
    """
    assert shown(url) == expected


@pytest.mark.parametrize(
    ("url", "expected", "hint"),
    [
        ("ftp://host/x", message("web.no-address", url="ftp://host/x"), message("hint.https-and-host")),
        ("http:///x", message("web.no-address", url="http:///x"), message("hint.https-and-host")),
        ("http://host:0/x", message("web.no-address", url="http://host:0/x"), message("hint.https-and-host")),
        ("http://host:99999/x", message("web.no-address", url="http://host:99999/x"), None),
        ("http://[/x", message("web.no-address", url="http://[/x"), None),
        ("http://me:secret@host/x", message("web.credentials-in-url"), message("hint.hf-token")),
        ("http://me@host/x", message("web.credentials-in-url"), message("hint.hf-token")),
        ("http://host/a b", message("web.no-address", url="http://host/a b"), message("hint.percent-encode")),
        ("http://host/é", message("web.no-address", url="http://host/é"), message("hint.percent-encode")),
        ("http://host/\x7f", message("web.no-address", url="http://host/?"), message("hint.percent-encode")),
    ],
)
def test_what_is_no_address_is_said(
    url: str, expected: Message, hint: Message | None, mocker: MockerFixture
) -> None:
    """
    With what to do about it, and before anybody is asked.
    """
    asked = answered(mocker)
    error = refusal(Client(), url)

    assert (error.message, error.hint) == (expected, hint)
    assert asked.call_count == 0


@pytest.mark.parametrize(
    "url", ["http://host", "https://host:443/x?y=z", "http://[::1]:8080/x", "HTTP://HOST/"]
)
def test_an_address_on_the_web_is_asked(url: str, mocker: MockerFixture) -> None:
    """
    With or without port, path and query.
    """
    answered(mocker, reply := Reply(url))

    assert Client().get(url).url == url
    assert not reply.left


@pytest.mark.parametrize(
    ("part", "expected"), [(None, None), ((0, 1), "bytes=0-0"), ((100, 300), "bytes=100-299")]
)
def test_a_part_is_asked_for_by_its_first_and_last_byte(
    part: tuple[int, int] | None, expected: str | None, mocker: MockerFixture
) -> None:
    """
    As HTTP counts them, the last included; a whole file has none.
    """
    assert headers_of(mocker, HERE, part).get("Range") == expected


@pytest.mark.parametrize(
    ("token", "host", "url", "sent"),
    [
        ("hf_x", "host", "https://host/x", "Bearer hf_x"),
        ("hf_x", "HOST", "https://host/x", "Bearer hf_x"),
        ("hf_x", "host:81", "https://host:81/x", "Bearer hf_x"),
        ("hf_x", "host", "https://host:81/x", None),
        ("hf_x", "host", "https://host.example.org/x", None),
        ("hf_x", "host", "https://other/x", None),
        ("hf_x", None, "https://host/x", None),
        (None, "host", "https://host/x", None),
        ("", "host", "https://host/x", None),
        ("hf_é", "host", "https://host/x", None),
        ("hf_x\nX-Other: 1", "host", "https://host/x", None),
    ],
)
def test_a_token_is_for_its_host_alone(
    token: str | None, host: str | None, url: str, sent: str | None, mocker: MockerFixture
) -> None:
    """
    With its port; what no header can hold is no token.
    """
    assert headers_of(mocker, url, token=token, token_host=host).get("Authorization") == sent


@pytest.mark.parametrize(("redirects", "arrives"), [(0, True), (1, True), (5, True), (6, False)])
def test_a_few_redirections_are_followed(redirects: int, arrives: bool, mocker: MockerFixture) -> None:
    """
    Five, each relative to the address that it came from, and each answer is left; one more is a circle.
    """
    replies = [Reply(f"http://host/a/{at}", 302, Location=f"{at + 1}") for at in range(redirects)]
    asked = answered(mocker, *replies, Reply(f"http://host/a/{redirects}"))
    if not arrives:
        assert refusal(Client(), "http://host/a/0?key=secret").message == message(
            "web.redirects-without-end", url="http://host/a/0"
        )
        return

    assert Client().get("http://host/a/0").url == f"http://host/a/{redirects}"
    assert [call.args[0] for call in asked.call_args_list] == [
        f"http://host/a/{at}" for at in range(redirects + 1)
    ]
    assert all(reply.left for reply in replies)


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        ("https://host/x", "http://host/y", True),
        ("https://host/x", "http://other/y", True),
        ("https://host/x", "https://other/y", False),
        ("http://host/x", "https://host/y", False),
        ("http://host/x", "http://other/y", False),
    ],
)
def test_only_the_way_from_https_to_http_is_closed(
    first: str, second: str, refused: bool, mocker: MockerFixture
) -> None:
    """
    The other ways are open.
    """
    asked = answered(mocker, Reply(first, 302, Location=second), Reply(second))
    if refused:
        assert refusal(Client(), first).message == message("web.redirect-to-http", host="host", url=second)
        assert asked.call_count == 1
    else:
        assert Client().get(first).url == second


def test_a_redirection_without_a_target_is_said(mocker: MockerFixture) -> None:
    """
    With the host that said so and the address that was asked for.
    """
    answered(mocker, Reply("http://a/x", 302, Location="http://b/y"), Reply("http://b/y", 302))

    assert refusal(Client(), "http://a/x").message == message(
        "web.redirect-without-target", host="b", url="http://a/x"
    )


REFUSALS = [
    (status, "web.unexpected-status", None)
    for status in (100, 204, 304, 400, 402, 405, 409, 411, 418, 428, 430, 499)
] + [
    (401, "web.denied", "hint.gated"),
    (403, "web.denied", "hint.gated"),
    (404, "web.not-found", "hint.check-address"),
    (410, "web.not-found", "hint.check-address"),
    (416, "web.shorter", "hint.gguf-address"),
    (429, "web.rate-limit", "hint.later-or-token"),
    (500, "web.server-error", "hint.later"),
    (503, "web.server-error", "hint.later"),
]


@pytest.mark.parametrize(("status", "expected", "hint"), REFUSALS)
def test_every_status_has_its_meaning(
    status: int, expected: str, hint: str | None, mocker: MockerFixture
) -> None:
    """
    The answer is left, and what has no meaning of its own is told with its words.
    """
    answered(mocker, reply := Reply(HERE, status, reason="Tea\x1bpot"))
    error = refusal(Client())

    assert (error.message.id, None if error.hint is None else error.hint.id) == (expected, hint)
    assert error.message.values.get("reason", "Tea?pot") == "Tea?pot"
    assert error.message.values["host"] == "127.0.0.1"
    assert reply.left


@pytest.mark.parametrize(
    ("status", "expected"), [(401, "denied-to-token"), (403, "denied-to-token"), (404, "not-found")]
)
def test_a_token_that_is_refused_is_spoken_of(status: int, expected: str, mocker: MockerFixture) -> None:
    """
    Where one was sent; a file that is not there is not a matter of who asks.
    """
    answered(mocker, Reply(HERE, status))

    assert refusal(Client(token="hf_x", token_host="127.0.0.1")).message.id == f"web.{expected}"
    answered(mocker, Reply(HERE, status))
    assert refusal(Client(token="hf_x", token_host="other")).message.id != "web.denied-to-token"


@pytest.mark.parametrize("status", [200, 206])
@pytest.mark.parametrize(
    ("coding", "taken"), [("", True), ("identity", True), ("gzip", False), ("br", False)]
)
def test_only_plain_bytes_are_taken(status: int, coding: str, taken: bool, mocker: MockerFixture) -> None:
    """
    Offsets into compressed bytes mean nothing.
    """
    answered(mocker, reply := Reply(HERE, status, Content_Encoding=coding))
    if taken:
        assert Client().get(HERE).status == status
    else:
        assert refusal(Client()).message == message("web.compressed", host="127.0.0.1", name=HERE)
        assert reply.left


CERTIFICATE = ssl.SSLCertVerificationError("no")
CERTIFICATE.verify_message = "self-signed\x1b"
ERRORS: list[tuple[Exception, Message]] = [
    (CERTIFICATE, message("web.certificate", host="host", reason="self-signed?")),
    (socket.gaierror(-2, "Name unknown"), message("web.no-host", host="host", reason="Name unknown")),
    (UnicodeError("label too long"), message("web.no-host", host="host", reason=None)),
    (http.client.BadStatusLine("x"), message("web.no-web-server", host="host")),
    (ValueError("x"), message("web.no-web-server", host="host")),
    (OSError(113, "No route to host"), message("web.unreachable", host="host", reason="No route to host")),
    (OSError("no proxy"), message("web.unreachable", host="host", reason="no proxy")),
]


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize(("error", "expected"), ERRORS, ids=lambda one: type(one).__name__)
def test_what_went_wrong_on_the_way_is_one_sentence(
    error: Exception, expected: Message, wrapped: bool, mocker: MockerFixture
) -> None:
    """
    Whether urllib wraps it or not.
    """
    client = Client()
    mocker.patch.object(client._workers, "call", side_effect=URLError(error) if wrapped else error)

    assert refusal(client, "http://host/x").message == expected


def test_a_host_that_takes_no_connection_in_time_cannot_be_reached(mocker: MockerFixture) -> None:
    """
    The connection is given less time than the answer, whose silence is another error.
    """
    client = Client()
    mocker.patch.object(client._workers, "call", side_effect=URLError(TimeoutError()))

    assert refusal(client, "http://host/x").message == message(
        "web.unreachable", host="host", reason="timed out"
    )


def test_what_urllib_says_in_words_is_told_in_them(mocker: MockerFixture) -> None:
    """
    As of an unknown kind of proxy.
    """
    client = Client()
    mocker.patch.object(client._workers, "call", side_effect=URLError("unknown\x1b type"))

    assert refusal(client, "http://host/x").message == message(
        "web.unreachable", host="host", reason="unknown? type"
    )


@pytest.mark.parametrize(
    "error", [http.client.RemoteDisconnected(""), ConnectionResetError(), BrokenPipeError()], ids=repr
)
def test_a_connection_that_ends_before_an_answer_was_cut(error: Exception, mocker: MockerFixture) -> None:
    """
    It is asked once more by whoever asked.
    """
    client = Client()
    mocker.patch.object(client._workers, "call", side_effect=error)

    with pytest.raises(Cut):
        client.get(HERE)


def received(client: Client, *pieces: bytes | Exception) -> Any:
    """
    A reply that gives these pieces, none at its end.
    """
    left = list(pieces)

    class Body:
        length = 0
        asked: list[int]

        def __init__(self) -> None:
            self.asked = []

        def read1(self, most: int) -> bytes:
            self.asked.append(most)
            piece = left.pop(0) if left else b""
            if isinstance(piece, Exception):
                raise piece
            return piece

        def close(self) -> None:
            return

    return Body()


def test_what_was_transferred_is_counted() -> None:
    """
    Up to the last byte that may come; the next question is refused.
    """
    client = Client(most_bytes=5)
    body = received(client, b"abc", b"de")

    assert (client.receive(body, 3), client.receive(body, 3)) == (b"abc", b"de")
    assert (client.transferred, body.asked) == (5, [3, 2])
    with pytest.raises(ModelError) as caught:
        client.receive(body, 1)
    assert caught.value.message == message("web.too-many-bytes", most_bytes=5)
    assert caught.value.hint == message("hint.gguf-address")


@pytest.mark.parametrize(
    "error", [OSError(), http.client.IncompleteRead(b""), ValueError(), AttributeError()], ids=repr
)
def test_a_body_that_breaks_was_cut(error: Exception) -> None:
    """
    Whatever the library says of it.
    """
    client = Client()

    with pytest.raises(Cut):
        client.receive(received(client, error), 10)


@pytest.mark.parametrize(("pause_s", "slow"), [(1.9, False), (2.1, True)])
def test_a_server_has_to_send_some_bytes_a_second(pause_s: float, slow: bool, mocker: MockerFixture) -> None:
    """
    512 on average, once its patience is over; one that has sent enough may pause.
    """
    now = [0.0]
    mocker.patch("time.monotonic", side_effect=lambda: now[0])
    client = Client(read_s=2.0)

    class Slow:
        def read1(self, _most: int) -> bytes:
            now[0] += pause_s
            return b"a" * 1000

    mocker.patch.object(client._workers, "call", side_effect=lambda task, _patience_s: task())
    if not slow:
        assert client.receive(Slow(), 1000) == b"a" * 1000  # type: ignore[arg-type]
        return
    with pytest.raises(ModelError) as caught:
        client.receive(Slow(), 1000)  # type: ignore[arg-type]
    assert caught.value.message == message("web.too-slow", sent_bytes=1000, seconds=2)
    assert caught.value.hint == message("hint.later-or-download")


@pytest.mark.parametrize(("passed_s", "expected"), [(9.9, "web.silent"), (10.0, "web.out-of-time")])
def test_silence_is_told_from_the_end_of_all_time(
    passed_s: float, expected: str, mocker: MockerFixture
) -> None:
    """
    A server that stops in the middle has time left.
    """
    now = [0.0]
    mocker.patch("time.monotonic", side_effect=lambda: now[0])
    client = Client(total_s=10.0)

    def silent(_task: object, _patience_s: float) -> bytes:
        now[0] = passed_s
        raise TimeoutError

    call = mocker.patch.object(client._workers, "call", side_effect=silent)
    with pytest.raises(ModelError) as caught:
        client.get(HERE)
    assert caught.value.message.id == expected
    now[0] = 10.0
    with pytest.raises(ModelError) as caught:
        client.get(HERE)
    assert caught.value.message == message("web.out-of-time", seconds=10.0)
    assert call.call_count == 1
