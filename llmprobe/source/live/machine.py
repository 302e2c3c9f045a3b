"""
The machine itself, asked once per question.

A question that is asked twice in one run gets the same answer, and each has a deadline, so that a dead mount
or a hanging driver is an answer (``timeout``) and not the end of the run.
"""

import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from llmprobe.facts.answer import Answer, Platform
from llmprobe.facts.asking import GET_TIMEOUT_S, RUN_TIMEOUT_S, TOTAL_TIMEOUT_S, Asking
from llmprobe.source.deadline import Workers
from llmprobe.source.errors_as_answers import plain_text
from llmprobe.source.live import commands, files, http
from llmprobe.source.live.nvml import Nvml
from llmprobe.source.live.sysctl import Sysctl

WAKE = "LLMPROBE_WAKE"
FILE_TIMEOUT_S = 1.0
LIBRARY_TIMEOUT_S = 2.5
NVML_TIMEOUT_S = 3.0
VULKAN_TIMEOUT_S = 2.0
_SHARE_OF_ONE = 0.8
"""What one answer may take of the time for all, so that there is some left to tell of it."""

_SLACK_S = 1.5
"""What a command or a connection is given beyond its own time limit before it counts as hanging."""


class _Slot:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answer: Answer | None = None


class LiveSource(Asking):
    """
    The machine that this program runs on. Safe to be asked by several threads; to be closed at the end.

    ``wake`` answers ``env:LLMPROBE_WAKE`` as if it were set: probes then ask devices that sleep, which wakes them.
    ``timeout_s`` is the time for all questions, of which one may take the larger part: starting NVML takes seconds
    where the driver is not kept loaded, about one for each GPU.
    """

    this_machine = True

    def __init__(self, *, wake: bool = False, timeout_s: float = TOTAL_TIMEOUT_S) -> None:
        self._wake = wake
        self._longest_s = timeout_s * _SHARE_OF_ONE
        self._children = commands.Children()
        self._lock = threading.Lock()
        self._slots: dict[tuple[str, ...], _Slot] = {}
        self._workers = Workers()
        self._nvml = Nvml()
        self._nvml_lock = threading.Lock()
        self._nvml_hangs = False
        self._sysctl = Sysctl(self._children)
        self._sysctl_lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """
        End the commands and threads that still run, and let go of the NVIDIA library.

        A call that hangs keeps its thread, and the library where it hangs there. Further questions are answered
        with ``timeout``.
        """
        self._children.end()
        if not self._nvml_hangs and self._nvml_lock.acquire(blocking=False):
            try:
                self._within(NVML_TIMEOUT_S, self._nvml.close, "nvml")
            finally:
                self._nvml_lock.release()
        self._workers.close()

    @property
    def platform(self) -> Platform:
        if sys.platform == "win32":
            import platform

            machine, release = platform.machine(), platform.version()
        else:
            system = os.uname()
            machine, release = system.machine, system.release
        python = ".".join(map(str, sys.version_info[:3]))
        # Android's kernel is Linux with its files, and Python calls it so only before 3.13.
        system_name = "linux" if sys.platform.startswith("android") else sys.platform
        return Platform(system=system_name, machine=machine, release=release, python=python)

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        with self._lock:
            slot = self._slots.setdefault((method, *args), _Slot())
        with slot.lock:
            if slot.answer is None:
                slot.answer = self._put(method, args, timeout_s)
            return slot.answer

    def _put(self, method: str, args: tuple[str, ...], timeout_s: float | None) -> Answer:
        match method:
            case "env":
                value = "1" if self._wake and args[0] == WAKE else os.environ.get(args[0])
                return Answer(status="missing") if value is None else Answer(value=plain_text(value))
            case "nvml":
                return self._ask_nvml(args)
            case "run":
                limit_s = min(timeout_s or RUN_TIMEOUT_S, self._longest_s)
                return self._within(
                    limit_s + _SLACK_S,
                    lambda: commands.run(args, limit_s, self._children),
                    method,
                    *args,
                )
            case "get":
                limit_s = timeout_s or GET_TIMEOUT_S
                return self._within(limit_s + _SLACK_S, lambda: http.get(args[0], limit_s), method, *args)
            case "read":
                return self._within(FILE_TIMEOUT_S, lambda: files.read(args[0]), method, *args)
            case "list":
                return self._within(FILE_TIMEOUT_S, lambda: files.names(args[0]), method, *args)
            case "link":
                return self._within(FILE_TIMEOUT_S, lambda: files.link(args[0]), method, *args)
            case "sysctl":
                return self._ask_sysctl(args[0])
            case "metal":
                from llmprobe.source.live import metal

                return self._within(LIBRARY_TIMEOUT_S, metal.ask, method)
            case "vulkan":
                from llmprobe.source.live import vulkan

                limit_s = min(VULKAN_TIMEOUT_S, self._longest_s)
                return self._within(limit_s + _SLACK_S, lambda: vulkan.ask(limit_s, self._children), method)
            case "measured":
                return self._within(FILE_TIMEOUT_S, self._kept, method)
            case "rpc":
                from llmprobe.source import rpc_server

                return rpc_server.answer(args[0])
            case "registry":
                from llmprobe.source.live import registry

                return self._within(LIBRARY_TIMEOUT_S, lambda: registry.ask(*args), method, *args)
            case "winapi":
                from llmprobe.source.live import winapi

                return self._within(LIBRARY_TIMEOUT_S, lambda: winapi.ask(args[0]), method, *args)
            case "psutil":
                from llmprobe.source.live import psutil

                return self._within(LIBRARY_TIMEOUT_S, lambda: psutil.ask(args[0]), method, *args)
            case "cpuinfo":
                from llmprobe.source.live import cpu

                return self._within(LIBRARY_TIMEOUT_S, lambda: cpu.ask(self._ask_sysctl), method)
            case _:
                raise ValueError(f"no source is asked by {method!r}")

    def _kept(self) -> Answer:
        from llmprobe.source import kept

        return kept.read(self.place_of_measurement())

    def place_of_measurement(self) -> str | None:
        """
        The file in which measurements of this machine are kept, None where the user has no folder for it.
        """
        from llmprobe.source import kept

        described = self.read("/proc/cpuinfo").value if sys.platform == "linux" else None
        return kept.path_of(described if isinstance(described, str) else None)

    def _ask_sysctl(self, name: str) -> Answer:
        with self._sysctl_lock:
            return self._sysctl.ask(name)

    def _ask_nvml(self, args: tuple[str, ...]) -> Answer:
        """
        Ask one thing at a time; after a call that hangs, nothing more, for it may hold the library's lock.
        """
        function, handle, *numbers = args
        starting = function.startswith("nvmlInit")
        seconds = self._longest_s if starting else min(NVML_TIMEOUT_S, self._longest_s)
        with self._nvml_lock:
            if self._nvml_hangs:
                return Answer(status="timeout", detail="an earlier call into NVML still hangs")
            numbers_asked = tuple(map(int, numbers))
            answer = self._within(
                seconds, lambda: self._nvml.ask(function, handle or None, numbers_asked), "nvml"
            )
            self._nvml_hangs = answer.status == "timeout"
            return answer

    def _within(self, seconds: float, task: Callable[[], Answer], *key: str) -> Answer:
        try:
            return self._workers.call(task, seconds, key)
        except TimeoutError as error:
            return Answer(status="timeout", detail=str(error))
