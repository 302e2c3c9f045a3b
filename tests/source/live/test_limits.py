"""
How long each question may take, and which call it becomes.
"""

from collections.abc import Callable
from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.asking import GET_TIMEOUT_S, RUN_TIMEOUT_S
from llmprobe.source.live import LiveSource, commands, files, http, machine, metal, psutil, registry


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """
    Return the time and the name that each call is given, and what is called in the place of the system.
    """
    seen: list[Any] = []

    def within(_self: LiveSource, seconds: float, task: Callable[[], Answer], *key: str) -> Answer:
        seen.append((seconds, key))
        return task()

    def called(name: str) -> Callable[..., Answer]:
        def call(*args: Any) -> Answer:
            seen.append((name, args))
            return Answer(value=name)

        return call

    monkeypatch.setattr(LiveSource, "_within", within)
    for module, name in (
        (commands, "run"),
        (files, "read"),
        (files, "names"),
        (files, "link"),
        (http, "get"),
        (metal, "ask"),
        (psutil, "ask"),
        (registry, "ask"),
    ):
        monkeypatch.setattr(module, name, called(f"{module.__name__.rpartition('.')[2]}.{name}"))
    return seen


@pytest.mark.parametrize(
    ("method", "args", "call", "limit_s"),
    [
        ("read", ("/a",), "files.read", machine.FILE_TIMEOUT_S),
        ("list", ("/a",), "files.names", machine.FILE_TIMEOUT_S),
        ("link", ("/a",), "files.link", machine.FILE_TIMEOUT_S),
        ("metal", (), "metal.ask", machine.LIBRARY_TIMEOUT_S),
        ("registry", ("k", "n"), "registry.ask", machine.LIBRARY_TIMEOUT_S),
        ("psutil", ("cpu_count",), "psutil.ask", machine.LIBRARY_TIMEOUT_S),
    ],
)
def test_a_question_is_one_call_with_a_limit(
    method: str, args: tuple[str, ...], call: str, limit_s: float, given: list[Any]
) -> None:
    """
    Named by what is asked, so that the same one is not started again while it hangs.
    """
    assert LiveSource().ask(method, args) == Answer(value=call)
    assert given == [(limit_s, (method, *args)), (call, args)]


@pytest.mark.parametrize(
    ("timeout_s", "total_s", "limit_s"),
    [(None, 1000.0, RUN_TIMEOUT_S), (3.0, 1000.0, 3.0), (3.0, 2.0, 1.6), (None, 0.5, 0.4)],
)
def test_a_command_has_its_own_time_or_most_of_all(
    timeout_s: float | None, total_s: float, limit_s: float, given: list[Any]
) -> None:
    """
    Four fifths of the time for everything at most; it is given up a little later than it should have ended.
    """
    LiveSource(timeout_s=total_s).ask("run", ("a", "b"), timeout_s)
    (seconds, key), (call, args) = given

    assert (key, call, args[0]) == (("run", "a", "b"), "commands.run", ("a", "b"))
    assert args[1] == pytest.approx(limit_s)
    assert seconds == pytest.approx(limit_s + 1.5)


@pytest.mark.parametrize(("timeout_s", "limit_s"), [(None, GET_TIMEOUT_S), (3.0, 3.0)])
def test_a_server_has_its_own_time(timeout_s: float | None, limit_s: float, given: list[Any]) -> None:
    """
    It is given up a little later than it should have ended.
    """
    LiveSource().ask("get", ("http://127.0.0.1:1/",), timeout_s)

    assert given == [
        (limit_s + 1.5, ("get", "http://127.0.0.1:1/")),
        ("http.get", ("http://127.0.0.1:1/", limit_s)),
    ]


@pytest.mark.parametrize(
    ("function", "total_s", "limit_s"),
    [
        ("nvmlInit", 100.0, 80.0),
        ("nvmlInit", 1.0, 0.8),
        ("nvmlSystemGetDriverVersion", 100.0, machine.NVML_TIMEOUT_S),
        ("nvmlSystemGetDriverVersion", 1.0, 0.8),
    ],
)
def test_starting_nvml_may_take_longest(
    function: str, total_s: float, limit_s: float, given: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A second for each GPU where the driver is not kept loaded; any other call is short.
    """
    source = LiveSource(timeout_s=total_s)
    monkeypatch.setattr(source._nvml, "ask", lambda *args: Answer(value=list(args)))

    assert source.ask("nvml", (function, "")).value == [function, None, ()]
    assert given == [(pytest.approx(limit_s), ("nvml",))]


def test_numbers_of_a_question_to_nvml_are_numbers(given: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Behind the handle, which is a name.
    """
    source = LiveSource()
    monkeypatch.setattr(source._nvml, "ask", lambda *args: Answer(value=list(args)))

    assert source.ask("nvml", ("nvmlDeviceGetMaxClockInfo", "0/1", "2")).value == [
        "nvmlDeviceGetMaxClockInfo",
        "0/1",
        (2,),
    ]
    assert len(given) == 1


def test_a_question_that_no_source_knows_is_a_mistake() -> None:
    """
    Of a probe.
    """
    with pytest.raises(ValueError, match="no source is asked by 'guess'"):
        LiveSource().ask("guess", ())


@pytest.mark.parametrize(
    ("wake", "variable", "expected"),
    [
        (True, "LLMPROBE_WAKE", Answer(value="1")),
        (True, "LLMPROBE_OTHER", Answer(status="missing")),
        (False, "LLMPROBE_WAKE", Answer(status="missing")),
    ],
)
def test_only_the_wish_to_wake_is_made_up(
    wake: bool, variable: str, expected: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every other variable is that of the environment.
    """
    monkeypatch.delenv(variable, raising=False)

    assert LiveSource(wake=wake).env(variable) == expected
