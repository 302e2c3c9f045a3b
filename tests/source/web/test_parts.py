"""
A remote file in parts, from a server that is made up: which parts are asked for, and what is made of each answer.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest

from llmprobe.errors import ModelError
from llmprobe.source.web.client import Cut
from llmprobe.source.web.remote_file import RemoteFile
from llmprobe.words.message import message

KIB = 1 << 10
URL = "https://host/m/x.gguf?token=secret"
CONTENT = bytes(range(251)) * 20_000


class Reply:
    """
    An answer of which so many bytes come.
    """

    def __init__(self, body: bytes, status: int = 206, *, url: str = URL, **headers: str) -> None:
        self.status = status
        self.url = url
        self.left = False
        self._body = body
        self._headers = headers

    def header(self, name: str) -> str:
        return self._headers.get(name.replace("-", "_"), "")

    def read(self, length: int) -> bytes:
        piece, self._body = self._body[:length], self._body[length:]
        if len(piece) < length:
            raise Cut(piece)
        return piece

    def leave(self) -> None:
        self.left = True


Answer = Callable[[int, int], Reply]


class Server:
    """
    What a client asks, answered by a function of the first byte and the one after the last.
    """

    def __init__(self, answer: Answer) -> None:
        self.asked: list[tuple[str, int, int]] = []
        self.dropped = 0
        self._answer = answer

    def get(self, url: str, part: tuple[int, int]) -> Reply:
        self.asked.append((url, *part))
        return self._answer(*part)

    def drop(self) -> None:
        self.dropped += 1


def part_of(content: bytes, start: int, stop: int, **changes: Any) -> Reply:
    stop = min(stop, len(content))
    fields: dict[str, Any] = {"Content_Range": f"bytes {start}-{stop - 1}/{len(content)}"}
    return Reply(content[start:stop], **(fields | changes))


def opened(answer: Answer) -> tuple[RemoteFile, Server]:
    server = Server(answer)
    return RemoteFile(server, URL), server  # type: ignore[arg-type]  # all that is used of a client


def refusal(answer: Answer, length: int = 0) -> ModelError:
    with pytest.raises(ModelError) as caught:
        opened(answer)[0].read_at(0, length)
    return caught.value


def test_parts_grow_to_a_bound() -> None:
    """
    The first holds most headers, and none is larger than 768 KiB; they follow upon each other.
    """
    file, server = opened(lambda start, stop: part_of(CONTENT, start, stop))
    for at in range(0, 3_000_000, 100_000):
        assert file.read_at(at, 100_000) == CONTENT[at : at + 100_000]
    sizes = [stop - start for _, start, stop in server.asked]

    assert sizes[:4] == [256 * KIB + 64, 512 * KIB + 64, 768 * KIB, 768 * KIB]
    assert max(sizes) == 768 * KIB
    assert [start for _, start, _ in server.asked[1:]] == [stop for _, _, stop in server.asked[:-1]]


def test_what_is_here_is_not_asked_for_again() -> None:
    """
    And what was jumped over not at all.
    """
    file, server = opened(lambda start, stop: part_of(CONTENT, start, stop))
    for at in (0, 5, 100, 100, 200_000):
        assert file.read_at(at, 10) == CONTENT[at : at + 10]
    assert len(server.asked) == 1
    assert file.read_at(4_000_000, 10) == CONTENT[4_000_000:4_000_010]
    assert [start for _, start, _ in server.asked] == [0, 4_000_000]


@pytest.mark.parametrize("known", [True, False])
def test_at_its_end_a_file_has_fewer_bytes(known: bool) -> None:
    """
    The size is what the server says; where it does not, the end is where nothing comes.
    """
    content = CONTENT[:1000]

    def answer(start: int, stop: int) -> Reply:
        size = "1000" if known else "*"
        if start >= 1000:
            return Reply(b"", Content_Range="bytes */1000")
        return part_of(content, start, stop, Content_Range=f"bytes {start}-{min(stop, 1000) - 1}/{size}")

    file, server = opened(answer)

    assert (file.size == 1000) is known
    assert file.read_at(990, 10) == content[990:]
    if known:
        assert file.read_at(995, 10) == content[995:]
        assert (file.read_at(1000, 10), file.read_at(2000, 5)) == (b"", b"")
        assert len(server.asked) == 1


def test_a_file_has_the_last_name_of_its_address() -> None:
    """
    Without a query, and the address where it has none.
    """
    assert opened(lambda start, stop: part_of(CONTENT, start, stop))[0].name == "x.gguf"
    server = Server(lambda start, stop: part_of(CONTENT, start, stop))
    assert RemoteFile(server, "https://host/").name == "https://host/"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("length", "size"), [("5020000", 5_020_000), ("", 1 << 62), ("x", 1 << 62), ("²", 1 << 62)]
)
def test_a_whole_file_is_read_as_it_comes(length: str, size: int) -> None:
    """
    From one answer, which is left at the end; a length that is none leaves the size open.
    """
    replies: list[Reply] = []

    def answer(_start: int, _stop: int) -> Reply:
        replies.append(Reply(CONTENT, 200, Content_Length=length))
        return replies[-1]

    file, server = opened(answer)

    assert file.size == size
    assert file.read_at(0, 10) == CONTENT[:10]
    assert file.read_at(1_000_000, 300_000) == CONTENT[1_000_000:1_300_000]
    assert len(server.asked) == 1
    assert not replies[0].left
    file.close()
    file.close()
    assert replies[0].left


def test_a_server_that_stops_giving_parts_is_left() -> None:
    """
    Its whole file begins anew, and what was read of it is known already.
    """

    def answer(start: int, stop: int) -> Reply:
        return Reply(CONTENT, 200) if start else part_of(CONTENT, start, stop)

    file, _ = opened(answer)
    with pytest.raises(ModelError) as caught:
        file.read_at(0, 1_000_000)

    assert caught.value.message == message("web.ranges-ended", file="x.gguf")
    assert caught.value.hint == message("hint.later")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("bytes 0-9/5020000", None),
        ("BYTES 0-9/5020000 ", None),
        ("bytes 0-9/10", None),
        ("bytes 0-0/5020000", None),
        ("bytes 1-9/5020000", "web.wrong-range"),
        ("bytes 0-9", "web.wrong-range"),
        ("bytes 0-9/", "web.wrong-range"),
        ("bytes x-9/5020000", "web.wrong-range"),
        ("", "web.wrong-range"),
        ("bytes 0-9/9", "web.two-sizes"),
        ("bytes 0-9/0", "web.two-sizes"),
    ],
)
def test_a_part_is_what_it_says(said: str, expected: str | None) -> None:
    """
    Its first byte is the one that was asked for, and its last one lies in the file.
    """
    replies: list[Reply] = []

    def answer(_start: int, _stop: int) -> Reply:
        replies.append(Reply(CONTENT[:10], Content_Range=said))
        return replies[-1]

    if expected is None:
        assert opened(answer)[0].read_at(0, 1) == CONTENT[:1]
    else:
        error = refusal(answer)
        assert error.message == message(expected, file="x.gguf")
    assert replies[0].left


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [("5020000", "5020000", False), ("5020000", "5020001", True), ("*", "5020000", True)],
)
def test_a_file_has_one_size(first: str, second: str, refused: bool) -> None:
    """
    Two answers that say two are of two files.
    """

    def answer(start: int, stop: int) -> Reply:
        return part_of(
            CONTENT, start, stop, Content_Range=f"bytes {start}-{stop - 1}/{second if start else first}"
        )

    file, _ = opened(answer)
    if refused:
        with pytest.raises(ModelError) as caught:
            file.read_at(0, 300_000)
        assert caught.value.message == message("web.two-sizes", file="x.gguf")
    else:
        assert file.read_at(0, 300_000) == CONTENT[:300_000]


@pytest.mark.parametrize(("cuts", "arrives"), [(0, True), (1, True), (2, True), (3, False)])
def test_a_connection_may_be_cut_a_few_times(cuts: int, arrives: bool) -> None:
    """
    Twice without a byte; the third time it is given up.
    """
    left = [cuts]

    def answer(start: int, stop: int) -> Reply:
        if left[0]:
            left[0] -= 1
            raise Cut(b"")
        return part_of(CONTENT, start, stop)

    if arrives:
        file, server = opened(answer)
        assert file.read_at(0, 5) == CONTENT[:5]
        assert server.dropped == cuts
    else:
        error = refusal(answer)
        assert error.message == message("web.cut-repeatedly", file="x.gguf")
        assert error.hint == message("hint.later")


def test_a_cut_that_brought_something_is_no_cut_in_vain() -> None:
    """
    What came is kept, and asked on behind it, however often.
    """

    def answer(start: int, stop: int) -> Reply:
        stop = min(stop, len(CONTENT))
        return Reply(
            CONTENT[start : start + 20_000], Content_Range=f"bytes {start}-{stop - 1}/{len(CONTENT)}"
        )

    file, server = opened(answer)

    assert file.read_at(0, 300_000) == CONTENT[:300_000]
    assert [start for _, start, _ in server.asked] == list(range(0, 300_000, 20_000))


def test_a_whole_file_that_is_cut_is_not_begun_again() -> None:
    """
    It could not be gone on with.
    """
    error = refusal(lambda _start, _stop: Reply(CONTENT[:1000], 200, Content_Length="5020000"), 2000)

    assert error.message == message("web.cut-without-ranges", file="x.gguf")
    assert error.hint == message("hint.later-or-download")


def test_further_parts_are_asked_where_the_first_one_was() -> None:
    """
    Until that address has expired: then the one that was typed is asked, once.
    """
    expired: list[str] = []

    class Redirecting(Server):
        def get(self, url: str, part: tuple[int, int]) -> Reply:
            self.asked.append((url, *part))
            if url in expired:
                raise ModelError(message("web.silent"))
            return part_of(CONTENT, *part, url=f"https://cdn/{len(self.asked)}" if url == URL else url)

    server = Redirecting(lambda start, stop: part_of(CONTENT, start, stop))
    file = RemoteFile(server, URL)  # type: ignore[arg-type]
    file.read_at(300_000, 10)
    expired.append("https://cdn/1")
    assert file.read_at(2_000_000, 10) == CONTENT[2_000_000:2_000_010]
    assert [url for url, _, _ in server.asked] == [URL, "https://cdn/1", "https://cdn/1", URL]
    expired += ["https://cdn/4", URL]
    with pytest.raises(ModelError) as caught:
        file.read_at(4_000_000, 10)
    assert caught.value.message == message("web.silent")
    assert [url for url, _, _ in server.asked[4:]] == ["https://cdn/4", URL]


def test_a_refusal_of_the_typed_address_is_the_answer() -> None:
    """
    It is not asked a second time.
    """
    asked: list[int] = []

    def answer(start: int, _stop: int) -> Reply:
        asked.append(start)
        raise ModelError(message("web.silent"))

    assert re.match("web", refusal(answer).message.id)
    assert asked == [0]
