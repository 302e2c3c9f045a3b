"""
Who may ask, and how much.
"""

import json
import threading

import pytest

from llmprobe.output import html
from llmprobe.output.documents import to_json
from llmprobe.server.access import MOST_BODY_BYTES, without_port
from llmprobe.server.answers import Answers
from llmprobe.server.app import Workers
from llmprobe.server.machine import Watched
from llmprobe.tasks.report import shell
from llmprobe.words.render import words
from tests.machine_fixtures import replayed
from tests.server.client import MACHINE, answers, client

TOKEN = "0123456789abcdef"
ASK = {"model": "qwen3-8b"}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8642", 200),
        ("LOCALHOST:8642", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8642", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8642", 421),
        ("evil.example:localhost", 421),
        ("", 421),
    ],
)
def test_a_name_that_is_not_the_servers_is_refused(host: str, status: int) -> None:
    """
    A page whose own name was rebound to loopback gives that name.
    """
    assert client().get("/v1/snapshot", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://localhost:8642", 200),
        ("http://localhost", 403),
        ("http://localhost:9", 403),
        ("https://evil.example", 403),
        ("null", 403),
    ],
)
def test_a_page_of_another_site_is_refused(origin: str | None, status: int) -> None:
    """
    And no answer lets a browser give it to another site.
    """
    headers = {"Host": "localhost:8642"} | ({} if origin is None else {"Origin": origin})
    answered = client().get("/v1/snapshot", headers=headers)

    assert answered.status_code == status
    assert "access-control-allow-origin" not in answered.headers
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_a_body_that_a_form_can_send_is_refused(kind: str, status: int) -> None:
    """
    A browser asks leave before it sends JSON to another site.
    """
    answered = client().post(
        "/v1/recommend", content=b'{"model": "qwen3-8b"}', headers={"Content-Type": kind}
    )
    assert answered.status_code == status


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (None, 401),
        ("Bearer 0123456789abcdee", 401),
        (f"Bearer {TOKEN}0", 401),
        (TOKEN, 401),
        (f"Basic {TOKEN}", 401),
    ],
)
def test_a_token_must_be_given_where_one_is_set(given: str | None, status: int) -> None:
    """
    For every path.
    """
    asked = client(token=TOKEN)
    headers = {} if given is None else {"Authorization": given}

    assert asked.get("/v1/snapshot", headers=headers).status_code == status
    assert asked.get("/metrics", headers=headers).status_code == status
    assert asked.post("/v1/recommend", json=ASK, headers=headers).status_code == status


@pytest.mark.parametrize(("size", "status"), [(MOST_BODY_BYTES, 400), (MOST_BODY_BYTES + 1, 413)])
def test_a_body_is_limited(size: int, status: int) -> None:
    """
    Spaces are no question, and one more of them is not read.
    """
    answered = client().post(
        "/v1/recommend", content=b" " * size, headers={"Content-Type": "application/json"}
    )
    assert answered.status_code == status


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"model": "' + b"\\ud800" + b'"}',
        b"[" * 20_000,
        b'{"model": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_question_is_said(content: bytes) -> None:
    """
    No JSON, half of it, signs that are none, nesting without end.
    """
    answered = client().post("/v1/recommend", content=content, headers={"Content-Type": "application/json"})

    assert answered.status_code in (400, 404)
    assert answered.json()["schema"] == "llmprobe.error/1"


@pytest.mark.parametrize(("waiting", "second"), [(0, 503), (1, 200)])
def test_more_questions_than_places_are_told_to_come_again(waiting: int, second: int) -> None:
    """
    While one works, the next waits where there is a place; else it is refused at once and told when to ask again.
    """
    begun, end = threading.Event(), threading.Event()

    class Slow(Answers):
        def snapshot(self) -> bytes:
            begun.set()
            assert end.wait(30)
            return b"{}"

    made = Slow(Watched(lambda: replayed(MACHINE)), this_machine=False)
    asked = client(made, workers=Workers(at_once=1, waiting=waiting))
    codes: list[int] = []
    with asked:
        first = threading.Thread(target=lambda: codes.append(asked.get("/v1/snapshot").status_code))
        first.start()
        assert begun.wait(30)
        if waiting:
            # It ends while the second waits, or just before: both are answers.
            threading.Timer(0.2, end.set).start()
        answered = asked.get("/metrics")
        end.set()
        first.join(30)

    assert (codes, answered.status_code) == ([200], second)
    assert answered.headers.get("retry-after") == (None if waiting else "1")


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    """
    Whoever asked is told, and the server goes on.
    """
    end = threading.Event()

    class Slow(Answers):
        def snapshot(self) -> bytes:
            assert end.wait(30)
            return b"{}"

    asked = client(
        Slow(Watched(lambda: replayed(MACHINE)), this_machine=False),
        workers=Workers(at_once=2, waiting=2, most_s=0.05),
    )
    answered = asked.get("/v1/snapshot")
    end.set()

    assert (answered.status_code, answered.json()["message"]["id"]) == (504, "error.too-long")


def test_a_bug_is_not_told_to_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Its words are in the log of the server alone.
    """
    made = answers()
    monkeypatch.setattr(made, "snapshot", lambda: 1 / 0)
    answered = client(made).get("/v1/snapshot")

    assert (answered.status_code, answered.json()["message"]["id"]) == (500, "error.server-bug")
    assert "division" not in answered.text


@pytest.mark.parametrize(
    ("host", "name"),
    [("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a:1", "a"), ("a", "a"), ("[::1", "[::1]"), ("", "")],
)
def test_a_port_is_no_part_of_a_name(host: str, name: str) -> None:
    """
    IPv6 addresses have colons of their own.
    """
    assert without_port(host) == name


def test_the_page_needs_no_token_and_has_nothing_of_the_machine() -> None:
    """
    A browser that opens it cannot give one. What it asks for needs one.
    """
    asked = client(token=TOKEN)
    page = asked.get("/")
    document = json.loads(page.text.partition(f'id="{html.DATA}">')[2].partition("</script>")[0])

    assert page.status_code == 200
    assert document == json.loads(to_json(shell("en", this_machine=False, needs_token=True)))
    assert "4090" not in json.dumps(document)
    assert asked.post("/v1/report", json={}).status_code == 401
    assert asked.post("/", json={}).status_code == 405
    assert asked.get("/openapi.json").status_code == 401
    assert asked.get("/", headers={"Host": "evil.example"}).status_code == 421
    assert asked.get("/", headers={"Origin": "https://evil.example"}).status_code == 403


def test_each_answer_has_one_policy() -> None:
    """
    The page that of its script and style, every other answer that nothing in it is run or shown.
    """
    asked = client()
    page = asked.get("/")
    policy = page.headers.get_list("content-security-policy")

    assert policy == [html.page(shell("en", this_machine=False, needs_token=False), words()).policy]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for answered in (asked.get("/v1/snapshot"), asked.get("/none"), asked.get("/", headers={"Host": "x"})):
        assert answered.headers.get_list("content-security-policy") == [
            "default-src 'none'; frame-ancestors 'none'"
        ]
