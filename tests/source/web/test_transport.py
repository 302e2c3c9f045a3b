"""
How a web server is reached: which addresses are here, and which proxy stands between.
"""

from urllib.parse import urlsplit

import pytest

from llmprobe.source.web.transport import is_here, network_hint, plain
from llmprobe.words.message import Message, message


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost/x", True),
        ("http://LOCALHOST:81/x", True),
        ("http://127.0.0.1:81/x", True),
        ("http://127.8.0.1/x", True),
        ("http://[::1]:81/x", True),
        ("http://10.0.0.1/x", False),
        ("http://[2001:db8::1]/x", False),
        ("http://localhost.example.org/x", False),
        ("http://example.org/x", False),
        ("file:///x", False),
    ],
)
def test_the_loopback_is_here(url: str, expected: bool) -> None:
    """
    By its name or any of its numbers.
    """
    assert is_here(urlsplit(url)) is expected


@pytest.mark.parametrize(
    ("environment", "url", "expected"),
    [
        ({}, "http://host/x", None),
        (
            {"http_proxy": "http://proxy:3128"},
            "http://host/x",
            message("hint.proxy", proxy="proxy", variable="HTTP_PROXY"),
        ),
        (
            {"http_proxy": "proxy:3128"},
            "http://host/x",
            message("hint.proxy", proxy="proxy", variable="HTTP_PROXY"),
        ),
        (
            {"https_proxy": "http://me:secret@proxy:3128"},
            "https://host/x",
            message("hint.proxy", proxy="proxy", variable="HTTPS_PROXY"),
        ),
        ({"https_proxy": "http://proxy:3128"}, "http://host/x", None),
        ({"http_proxy": "http://proxy:3128"}, "http://127.0.0.1/x", None),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "host"}, "http://host/x", None),
        ({"http_proxy": ""}, "http://host/x", None),
    ],
)
def test_the_proxy_is_named_that_an_address_is_asked_through(
    environment: dict[str, str], url: str, expected: Message | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Without its password, with the variable that names it.
    """
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert network_hint(urlsplit(url)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a b é", "a b é"), ("a\x1b[2J\n\u202eb", "a?[2J??b"), (OSError("x"), "x"), (None, "None")],
)
def test_text_of_a_server_commands_nothing(text: object, expected: str) -> None:
    """
    Each sign that is none is a question mark.
    """
    assert plain(text) == expected
