"""
A file on a web server, read from its beginning in parts as far as it is needed, and no further.

Where the parser asks for at most 256 KiB ahead of what it needs, at most 1 MiB beyond that is transferred.
A server that sends the whole file instead of a part is read as it comes, and left.
"""

import re

from llmprobe.errors import ModelError
from llmprobe.source.web.client import Client, Cut, Response, shown
from llmprobe.units import whole_number
from llmprobe.words.message import message

_STEP = 256 << 10
_FIRST = _STEP + 64
"""A parser's first piece, which begins after the few bytes that say what the file is."""

_LARGEST = 768 << 10
_MOST_CUTS = 3
_UNKNOWN = 1 << 62
_DROPPED = 1 << 16
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\s*", re.IGNORECASE)


class RemoteFile:
    """
    The file at a URL. ``size`` is what the server says; a server that doesn't say it has an endless one.

    Raises:
        ModelError: it is not there, not given to us, or the server does not keep to what it says.
    """

    def __init__(self, client: Client, url: str) -> None:
        self.url = url
        self.name = shown(url).rpartition("/")[2] or shown(url)
        self.size = _UNKNOWN
        self._client = client
        self._final = url
        self._chunk = _FIRST
        self._start = 0
        self._buffer = bytearray()
        self._stream: Response | None = None
        self._known = False
        self._more()

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from an offset that lies no less far than the last one; fewer at the end."""
        end = min(offset + length, self.size)
        self._forget(offset)
        while self._end < end:
            before = self._end
            self._more(end)
            self._forget(offset)
            if self._end == before:
                break
        at = offset - self._start
        return bytes(self._buffer[at : at + max(end - offset, 0)])

    def close(self) -> None:
        """Leave what is still coming."""
        if self._stream is not None:
            self._stream.leave()
            self._stream = None

    @property
    def _end(self) -> int:
        return self._start + len(self._buffer)

    def _forget(self, offset: int) -> None:
        """Drop what lies before an offset; in a file that is read in parts, jump over what was not read."""
        if offset >= self._end and self._stream is None and offset < self.size:
            self._start = offset
            self._buffer.clear()
        elif offset - self._start >= _DROPPED:
            dropped = min(offset, self._end) - self._start
            del self._buffer[:dropped]
            self._start += dropped

    def _more(self, end: int = 0) -> None:
        """Read one more part, and go on where a connection was cut."""
        cuts = 0
        while True:
            try:
                self._part(end)
                return
            except Cut as cut:
                got = cut.args[0] if cut.args else b""
                self._buffer += got
                self._client.drop()
                if self._stream is not None:
                    raise ModelError(
                        message("web.cut-without-ranges", file=self.name),
                        hint=message("hint.later-or-download"),
                    ) from cut
                if got:
                    return
                cuts += 1
                if cuts == _MOST_CUTS:
                    raise ModelError(
                        message("web.cut-repeatedly", file=self.name), hint=message("hint.later")
                    ) from cut

    def _part(self, end: int) -> None:
        if self._stream is not None:
            self._buffer += self._stream.read(min(max(end - self._end, 1), _STEP))
            return
        start = self._end
        if self._known and start >= self.size:
            return
        stop = min(start + self._chunk, self.size)
        response = self._asked(start, stop)
        if response.status == 200:
            self._whole(response, start)
            return
        last = self._promised(response, start)
        length = min(last + 1, stop) - start
        self._buffer += response.read(length)
        response.leave()
        self._chunk = min(self._chunk + _STEP, _LARGEST)

    def _asked(self, start: int, stop: int) -> Response:
        """Ask where the URL led to last time; an address that has expired is looked up again."""
        try:
            response = self._client.get(self._final, (start, stop))
        except ModelError:
            if self._final == self.url:
                raise
            response = self._client.get(self.url, (start, stop))
        self._final = response.url
        return response

    def _whole(self, response: Response, start: int) -> None:
        if start:
            response.leave()
            raise ModelError(message("web.ranges-ended", file=self.name), hint=message("hint.later"))
        length = response.header("Content-Length")
        size = whole_number(length)
        self.size = _UNKNOWN if size is None else size
        self._known = True
        self._stream = response

    def _promised(self, response: Response, start: int) -> int:
        """The last offset that an answer holds, after comparing it with what was asked for."""
        match = _RANGE.fullmatch(response.header("Content-Range"))
        if match is None or int(match[1]) != start or int(match[2]) < start:
            response.leave()
            raise ModelError(message("web.wrong-range", file=self.name))
        size = _UNKNOWN if match[3] == "*" else int(match[3])
        if (self._known and size != self.size) or size <= int(match[2]):
            response.leave()
            raise ModelError(message("web.two-sizes", file=self.name), hint=message("hint.later"))
        self.size = size
        self._known = True
        return int(match[2])
