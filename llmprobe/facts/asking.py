"""
How a question is named and passed on: the base of everyone who answers through one door.

A question is a method of ``Source`` and its arguments as text; a live source, a recorder, a replay
and whoever watches a probe all see it in this one form. Nothing here opens or runs anything.
"""

from abc import ABC, abstractmethod

from llmprobe.facts.answer import Answer, Platform, Source

METHODS = (
    "read",
    "list",
    "link",
    "run",
    "nvml",
    "psutil",
    "cpuinfo",
    "metal",
    "vulkan",
    "measured",
    "sysctl",
    "env",
    "get",
    "rpc",
    "registry",
    "winapi",
)

RUN_TIMEOUT_S = 2.0
GET_TIMEOUT_S = 0.5
TOTAL_TIMEOUT_S = 2.5
"""What all of a machine may take together, so that a command ends within three seconds."""


def question_name(method: str, args: tuple[str, ...]) -> str:
    """
    The name by which evidence cites a question: ``nvml:nvmlDeviceGetName 0``.
    """
    return f"{method}:{' '.join(arg for arg in args if arg)}"


class Asking(ABC):
    """
    A source whose every method comes to ``ask``.

    The arguments of an NVML question are the function, the handle (empty for none), and its numbers.
    """

    @abstractmethod
    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        """
        Answer a question; the one method that every kind of source has to have.
        """

    def read(self, path: str) -> Answer:
        return self.ask("read", (path,))

    def list(self, path: str) -> Answer:
        return self.ask("list", (path,))

    def link(self, path: str) -> Answer:
        return self.ask("link", (path,))

    def run(self, *argv: str, timeout_s: float = RUN_TIMEOUT_S) -> Answer:
        return self.ask("run", argv, timeout_s)

    def nvml(self, function: str, handle: str | None = None, *args: int) -> Answer:
        return self.ask("nvml", (function, handle or "", *map(str, args)))

    def psutil(self, function: str) -> Answer:
        return self.ask("psutil", (function,))

    def cpuinfo(self) -> Answer:
        return self.ask("cpuinfo", ())

    def metal(self) -> Answer:
        return self.ask("metal", ())

    def vulkan(self) -> Answer:
        return self.ask("vulkan", ())

    def measured(self) -> Answer:
        return self.ask("measured", ())

    def sysctl(self, name: str) -> Answer:
        return self.ask("sysctl", (name,))

    def env(self, name: str) -> Answer:
        return self.ask("env", (name,))

    def get(self, url: str, timeout_s: float = GET_TIMEOUT_S) -> Answer:
        return self.ask("get", (url,), timeout_s)

    def rpc(self, server: str) -> Answer:
        return self.ask("rpc", (server,))

    def registry(self, key: str, name: str) -> Answer:
        return self.ask("registry", (key, name))

    def winapi(self, name: str) -> Answer:
        return self.ask("winapi", (name,))


class Relay(Asking):
    """
    A source in front of another, on the same machine.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def this_machine(self) -> bool:
        return self._source.this_machine

    @property
    def platform(self) -> Platform:
        return self._source.platform


def pass_on(source: Source, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
    """
    Put a question in this form to any source.
    """
    if method == "run":
        return source.run(*args, timeout_s=timeout_s or RUN_TIMEOUT_S)
    if method == "get":
        return source.get(args[0], timeout_s=timeout_s or GET_TIMEOUT_S)
    if method == "nvml":
        return source.nvml(args[0], args[1] or None, *map(int, args[2:]))
    answer: Answer = getattr(source, method)(*args)
    return answer
