"""
Headers of files on web servers that behave, and on those that don't.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache

import pytest
from pytest_mock import MockerFixture

from benchmarks import gguf_writer as gguf_files
from llmprobe.errors import ModelError
from llmprobe.facts.model import Tensor
from llmprobe.model.formats import gguf
from llmprobe.source.web.client import Client
from llmprobe.source.web.remote_file import RemoteFile
from tests.web_server import Exchange, WebServer, serving

pytestmark = pytest.mark.live

MIB = 1 << 20
METADATA = {
    "general.architecture": "llama",
    "llama.block_count": 1,
    "tokenizer.ggml.tokens": [f"token number {number}" for number in range(120_000)],
}
TENSORS = (
    Tensor("token_embd.weight", (4096, 4096), None, "f16"),
    Tensor("blk.0.a.weight", (64, 64), 0, "q4_0"),
)


@cache
def header() -> bytes:
    return gguf_files.header(METADATA, TENSORS)


@cache
def content() -> bytes:
    """A file with 33 MB of tensors behind a header of 3 MB."""
    return header() + bytes(4096 * 4096 * 2 + 64 * 64 // 32 * 18)


def read(url: str, client: Client | None = None) -> tuple[gguf.Header, int]:
    """
    Return the header at an address and how many bytes were transferred for it.
    """
    with closing(client or Client(read_s=5, total_s=20)) as used, closing(RemoteFile(used, url)) as file:
        return gguf.read_header(file.read_at, file.size, file.name), used.transferred


def refused(answerer: Callable[[Exchange], None], client: Client | None = None) -> ModelError:
    """
    Return the error with which reading from a server ends.
    """
    with serving(answerer) as server, pytest.raises(ModelError) as caught:
        read(server.url("/model.gguf"), client)
    return caught.value


@pytest.fixture
def good() -> Iterator[WebServer]:
    with serving(lambda exchange: exchange.in_parts(content())) as server:
        yield server


def test_a_header_is_read_in_parts(good: WebServer) -> None:
    """
    What comes over the network is what is in the file, and no more than 1 MiB beyond the header comes.
    """
    found, transferred = read(good.url("/model.gguf"))

    assert (found.tensors, found.lengths["tokenizer.ggml.tokens"]) == (TENSORS, 120_000)
    assert transferred == good.sent
    assert len(header()) < good.sent < len(header()) + MIB


def test_a_small_header_takes_one_question() -> None:
    """
    Most of the time goes into asking, so it is asked once where once is enough.
    """
    small = gguf_files.header({"general.architecture": "llama"}, TENSORS) + bytes(40 * MIB)
    with serving(lambda exchange: exchange.in_parts(small)) as server:
        read(server.url("/model.gguf"))

    assert (len(server.questions), server.sent < 300_000) == (1, True)


def test_a_server_without_parts_is_left_early() -> None:
    """
    Whoever sends the whole file is not read to its end.
    """
    with serving(lambda exchange: exchange.whole(content())) as server:
        found, transferred = read(server.url("/model.gguf"))

        assert found.tensors == TENSORS
        assert transferred < len(header()) + MIB
        time.sleep(0.05)
        assert server.sent < len(header()) + MIB


def test_a_server_that_does_not_say_the_length_is_read() -> None:
    """
    A whole file in chunks has no size, which hides only whether its end is missing.
    """

    def answer(exchange: Exchange) -> None:
        exchange.begin(200, Transfer_Encoding="chunked")
        for start in range(0, len(content()), 50_000):
            piece = content()[start : start + 50_000]
            exchange.handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    with serving(answer) as server:
        found, transferred = read(server.url("/model.gguf"))

    assert found.tensors == TENSORS
    assert transferred < len(header()) + MIB


def test_a_size_that_nobody_knows_is_no_obstacle() -> None:
    """
    A part of ``*`` bytes in all is a part.
    """

    def answer(exchange: Exchange) -> None:
        start, end = exchange.part or (0, 0)
        exchange.in_parts(content(), Content_Range=f"bytes {start}-{end - 1}/*")

    with serving(answer) as server:
        assert read(server.url("/model.gguf"))[0].tensors == TENSORS


def test_a_cut_connection_is_taken_up_again() -> None:
    """
    What came before the cut is kept, so that a bad line costs time but no bytes.
    """

    def answer(exchange: Exchange) -> None:
        start, end = exchange.part or (0, 0)
        end = min(end, len(content()))
        exchange.begin(
            206, Content_Length=end - start, Content_Range=f"bytes {start}-{end - 1}/{len(content())}"
        )
        exchange.send(content()[start : min(end, start + 100_000)])
        exchange.cut()

    with serving(answer) as server:
        found, transferred = read(server.url("/model.gguf"))

    assert found.tensors == TENSORS
    assert transferred < len(header()) + MIB


def test_a_connection_that_closes_after_each_answer_is_made_again() -> None:
    """
    Servers that keep no connection are asked over new ones.
    """

    def answer(exchange: Exchange) -> None:
        exchange.in_parts(content(), Connection="close")
        exchange.cut()

    with serving(answer) as server:
        assert read(server.url("/model.gguf"))[0].tensors == TENSORS


def test_a_connection_that_is_always_cut_ends_in_a_sentence() -> None:
    """
    Nobody is asked forever.
    """
    error = refused(lambda exchange: exchange.cut())

    assert "cut repeatedly" in str(error)


def test_a_whole_file_that_is_cut_can_not_be_gone_on_with() -> None:
    """
    Asking again would transfer the beginning again.
    """

    def answer(exchange: Exchange) -> None:
        exchange.begin(200, Content_Length=len(content()))
        exchange.send(content()[:1_000_000])
        exchange.cut()

    assert "does not support range requests" in str(refused(answer))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_to_another_host_is_followed_without_the_token(status: int, good: WebServer) -> None:
    """
    The token is for the host that it was given for, and the further parts are asked where the first one was.
    """

    def answer(exchange: Exchange) -> None:
        exchange.whole(b"Found", status, Location=good.url("/cdn/model.gguf?signature=1"))

    with serving(answer) as server:
        client = Client(token="hf_secret", token_host=f"127.0.0.1:{server.port}")
        found, transferred = read(server.url("/model.gguf"), client)

    assert found.tensors == TENSORS
    assert [headers.get("Authorization") for _, headers in server.questions] == ["Bearer hf_secret"]
    assert [headers.get("Authorization") for _, headers in good.questions] == [None] * len(good.questions)
    assert transferred < len(header()) + MIB


def test_a_redirection_within_the_host_keeps_the_token() -> None:
    """
    A path that begins with a slash stays with the host.
    """

    def answer(exchange: Exchange) -> None:
        if exchange.path == "/model.gguf":
            exchange.whole(b"", 302, Location="/real.gguf")
        else:
            exchange.in_parts(content())

    with serving(answer) as server:
        client = Client(token="hf_secret", token_host=f"127.0.0.1:{server.port}")
        read(server.url("/model.gguf"), client)

    assert {headers.get("Authorization") for _, headers in server.questions} == {"Bearer hf_secret"}


def test_an_address_that_expired_is_looked_up_again() -> None:
    """
    Signed addresses hold for a while; the one that was typed holds on.
    """
    tickets: list[int] = []

    def answer(exchange: Exchange) -> None:
        if exchange.path == "/model.gguf":
            tickets.append(2)
            exchange.whole(b"", 302, Location=f"/ticket/{len(tickets)}")
        elif tickets[int(exchange.path.rpartition("/")[2]) - 1] > 0:
            tickets[int(exchange.path.rpartition("/")[2]) - 1] -= 1
            exchange.in_parts(content())
        else:
            exchange.whole(b"expired", 403)

    with serving(answer) as server:
        assert read(server.url("/model.gguf"))[0].tensors == TENSORS


def test_a_circle_of_redirections_ends() -> None:
    """
    A server that leads to itself is left.
    """

    def answer(exchange: Exchange) -> None:
        exchange.whole(b"", 302, Location="/b" if exchange.path == "/a" else "/a")

    assert "to no file" in str(refused(answer))


@pytest.mark.parametrize(
    ("location", "what"),
    [("", "names no target"), ("ftp://127.0.0.1/x", "not a web address"), ("http://a:b@c/", "password")],
)
def test_a_redirection_to_nowhere_is_said(location: str, what: str) -> None:
    """
    What it leads to has to be an address on the web, without somebody's password.
    """
    assert what in str(refused(lambda exchange: exchange.whole(b"", 302, Location=location)))


@pytest.mark.parametrize(
    ("status", "what", "hint"),
    [
        (401, "denies public access", "HF_TOKEN"),
        (403, "denies public access", "HF_TOKEN"),
        (404, "has no", "check the address"),
        (410, "has no", "check the address"),
        (416, "shorter", "GGUF"),
        (418, "answers 418", None),
        (429, "refuses more requests", "HF_TOKEN"),
        (500, "internal error", "later"),
        (503, "internal error", "later"),
    ],
)
def test_a_refusal_is_one_sentence(status: int, what: str, hint: str | None) -> None:
    """
    Every status has its meaning and its advice.
    """
    error = refused(lambda exchange: exchange.whole(b"<html>no</html>", status))

    assert what in str(error)
    assert (hint or "") in str(error.hint or "")


def test_a_refused_token_is_said_and_not_shown() -> None:
    """
    Whoever gave a token needs other advice than whoever gave none.
    """
    with serving(lambda exchange: exchange.whole(b"", 403)) as server:
        client = Client(token="hf_secret", token_host=f"127.0.0.1:{server.port}")
        with pytest.raises(ModelError, match="access token") as caught:
            read(server.url("/model.gguf?key=alsosecret"), client)

    assert "secret" not in str(caught.value) + str(caught.value.hint)


def test_a_web_page_is_no_model() -> None:
    """
    The page that shows a file is not the file.
    """
    error = refused(lambda exchange: exchange.whole(b"<!doctype html><html>" + bytes(4000)))

    assert "is not a GGUF file" in str(error)
    assert "page" in str(error.hint)


@pytest.mark.parametrize(
    "lie",
    [
        "bytes 5-262143/40000000",
        "bytes 0-262143/1000",
        "bytes 100-50/40000000",
        "bytes */40000000",
        "nonsense",
        "",
        "bytes 0-262143/" + "9" * 30,
    ],
)
def test_a_part_that_was_not_asked_for_is_refused(lie: str) -> None:
    """
    What is at one place of a file is never taken for what is at another.
    """
    error = refused(lambda exchange: exchange.in_parts(content(), Content_Range=lie))

    assert "another range" in str(error) or "two sizes" in str(error)


def test_a_size_that_changes_is_refused() -> None:
    """
    Two answers that say two sizes are of two files.
    """

    def answer(exchange: Exchange) -> None:
        start, end = exchange.part or (0, 0)
        size = len(content()) + start
        exchange.in_parts(content(), Content_Range=f"bytes {start}-{end - 1}/{size}")

    assert "two sizes" in str(refused(answer))


def test_a_file_that_is_shorter_than_its_tensors_is_said_to_be_cut() -> None:
    """
    The size that the server says is compared with the end of the tensors.
    """
    error = refused(lambda exchange: exchange.in_parts(content()[:-1_000_000]))

    assert "is cut short" in str(error)


def test_a_length_beyond_the_part_does_no_harm() -> None:
    """
    A server that says and sends more than was asked for is read as far as was asked for.
    """

    def answer(exchange: Exchange) -> None:
        start, end = exchange.part or (0, 0)
        exchange.begin(206, Content_Length=1 << 40, Content_Range=f"bytes {start}-{end - 1}/{len(content())}")
        exchange.send(content()[start:])

    with serving(answer) as server:
        found, transferred = read(server.url("/model.gguf"))

    assert found.tensors == TENSORS
    assert transferred < len(header()) + MIB


def test_a_length_short_of_the_part_is_made_up_for() -> None:
    """
    A server that sends less than was asked for is asked for the rest.
    """

    def answer(exchange: Exchange) -> None:
        start, _ = exchange.part or (0, 0)
        piece = content()[start : start + 200_000]
        exchange.begin(
            206,
            Content_Length=len(piece),
            Content_Range=f"bytes {start}-{start + len(piece) - 1}/{len(content())}",
        )
        exchange.send(piece)

    with serving(answer) as server:
        assert read(server.url("/model.gguf"))[0].tensors == TENSORS


def test_a_way_from_https_to_http_is_not_followed(mocker: MockerFixture) -> None:
    """
    What was asked for in secret is not fetched in the open.
    """
    reply = mocker.Mock(status=302, url="https://example.org/m.gguf")
    reply.header.side_effect = {"Location": "http://example.org/m.gguf"}.get
    mocker.patch.object(Client, "_ask", return_value=reply)

    with pytest.raises(ModelError, match="from https to http"):
        Client().get("https://example.org/m.gguf")


def test_a_compressed_answer_is_refused() -> None:
    """
    Offsets into a compressed file mean nothing.
    """
    error = refused(lambda exchange: exchange.in_parts(content(), Content_Encoding="gzip"))

    assert "compressed" in str(error)


def test_a_slow_drip_ends_at_the_total() -> None:
    """
    A byte now and then keeps no connection open for longer than all may take.
    """

    def answer(exchange: Exchange) -> None:
        exchange.begin(206, Content_Length=262_144, Content_Range=f"bytes 0-262143/{len(content())}")
        exchange.drip(content(), 0.02)

    began = time.monotonic()
    error = refused(answer, Client(total_s=0.3))

    assert "longer than 0.3 s" in str(error)
    assert time.monotonic() - began < 30


def test_two_bytes_a_second_are_too_slow() -> None:
    """
    A server that always has one more byte is left after its patience, long before the time for all is over.
    """

    def answer(exchange: Exchange) -> None:
        exchange.begin(206, Content_Length=262_144, Content_Range=f"bytes 0-262143/{len(content())}")
        exchange.drip(content(), 0.02)

    began = time.monotonic()
    error = refused(answer, Client(read_s=0.3))

    assert "which is too slow" in str(error)
    assert time.monotonic() - began < 30


def test_a_slow_head_ends_at_the_total() -> None:
    """
    A server that never finishes saying what it will send is left too.
    """

    def answer(exchange: Exchange) -> None:
        for letter in b"HTTP/1.1 206 Partial Content\r\n" * 9:
            exchange.handler.wfile.write(bytes([letter]))
            time.sleep(0.02)

    assert "longer than 0.3 s" in str(refused(answer, Client(total_s=0.3)))


def test_silence_is_left_after_a_while() -> None:
    """
    A server that takes the question and says nothing has stopped.
    """
    error = refused(lambda exchange: time.sleep(1), Client(read_s=0.1))

    assert "stopped responding" in str(error)


def test_bytes_have_a_limit() -> None:
    """
    A header that does not end is not read to its end.
    """
    error = refused(lambda exchange: exchange.in_parts(content()), Client(most_bytes=MIB))

    assert "no header is that long" in str(error)


def test_nobody_at_the_port_is_said(good: WebServer) -> None:
    """
    A server that is not there is not asked again.
    """
    good.close()

    with pytest.raises(ModelError, match=r"127\.0\.0\.1 cannot be reached"):
        read(good.url("/model.gguf"))


def test_the_program_says_who_it_is(good: WebServer) -> None:
    """
    Every question carries the name of the program and asks for bytes as they are.
    """
    read(good.url("/model.gguf"))

    assert {headers["User-Agent"].split("/")[0] for _, headers in good.questions} == {"llmprobe"}
    assert {headers["Accept-Encoding"] for _, headers in good.questions} == {"identity"}


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://127.0.0.1:0/x",
        "http://a:b@127.0.0.1/x",
        "http://127.0.0.1:99999/x",
        "http://[/x",
        "http://127.0.0.1/a b",
    ],
)
def test_what_is_no_address_is_not_asked(url: str) -> None:
    """
    An address that can't be is a sentence, not a question to the network.
    """
    with pytest.raises(ModelError):
        read(url)


def test_gibberish_is_no_web_server() -> None:
    """
    What does not begin as HTTP does is not read on.
    """

    def answer(exchange: Exchange) -> None:
        exchange.handler.wfile.write(b"\x00\x01\x02 220 mail\r\n\r\n")
        exchange.cut()

    assert "as a web server" in str(refused(answer))
