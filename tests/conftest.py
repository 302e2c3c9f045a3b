"""
The guard of the tests: none of them touches the machine that it runs on, but for those listed here by name.
"""

import os
import sys
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

# Timings are never asserted: a busy machine must not turn a right answer into a failure. Nor must a change that has
# nothing to do with it, so that examples are the same at each run; benchmarks/fuzz_*.py draw others.
hypothesis.settings.register_profile(
    "llmprobe", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("llmprobe")

# The entries that a developer wrote for models of their own are no part of the tests.
os.environ["LLMPROBE_CATALOG"] = ""

# Nothing is measured and kept on the machine that the tests run on.
os.environ["LLMPROBE_KEPT"] = ""

LIVE = frozenset(
    {
        "tests/engines/test_engines.py::test_a_shell_reads_a_quoted_word_back",
        "tests/model/test_names.py::test_a_name_means_the_same_in_every_run",
        "tests/source/live/test_machine.py",
        "tests/test_deadlines.py",
        "tests/source/live/test_commands.py",
        "tests/source/live/test_files.py",
        "tests/source/live/test_http.py",
        "tests/source/test_rpc_server.py",
        "tests/source/web/test_networks.py",
        "tests/source/web/test_remote_file.py",
        "tests/model/test_loading_network.py",
        "tests/test_record.py::test_live_and_replay_are_the_same_machine",
        "tests/cli/test_pipes.py",
        "tests/page/test_browser.py",
        "tests/page/test_live_browser.py",
        "tests/test_harmless.py::test_bash_reads_the_word_that_was_meant",
        "tests/tasks/fleet/test_hosts.py",
        "tests/tasks/fleet/test_ray.py",
        "tests/source/test_executable.py::test_a_real_program_is_for_this_machine",
        "tests/tasks/fleet/test_ssh.py",
        "tests/tasks/test_verify.py",
        "tests/test_limited.py",
        "tests/test_man.py::test_formatters_have_nothing_to_warn_of",
        "tests/test_real_library.py",
        "tests/test_real_vulkan.py",
        "tests/test_windows_layouts.py",
        "tests/test_startup.py",
        "tests/test_verify.py",
        "tests/test_verify_rpc.py",
        "tests/cli/test_completion.py::test_bash_completes",
        "tests/release/test_packages.py::test_systemd_understands_the_units",
        "tests/release/test_packages.py::test_ruby_understands_the_formula",
        "tests/release/test_packages.py::test_the_program_is_what_its_build_adds",
        "tests/cli/test_serve.py::test_a_port_that_is_taken_is_said",
        "tests/cli/test_serve.py::test_it_answers_until_it_is_interrupted",
        "tests/server/test_mcp.py::test_an_agent_has_the_answers_as_typed_tools",
        "tests/test_record.py::test_the_recording_of_this_machine_names_neither_it_nor_its_user",
    }
)
"""
Tests that may be marked ``live``: they open files of the system, run commands or connect to a socket.
"""

_EVENTS = frozenset(
    {
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "os.fork",
        "socket.connect",
        "socket.bind",
        "socket.getaddrinfo",
        "socket.sendto",
    }
)
_OPENING = frozenset({"open", "os.listdir", "os.scandir", "os.chdir"})
_SYSTEM = ("/proc", "/sys", "/dev/nvidia", "/dev/dri", "/dev/kfd", "/run/udev", "/etc/machine-id")


class TouchedTheMachine(BaseException):
    """
    A test reached for the real machine. No ``except Exception`` on the way turns this into an answer.
    """


class _Guard:
    armed = False


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if not _Guard.armed:
        return
    if event in _EVENTS or (event == "ctypes.dlopen" and "nvidia" in str(args[0])):
        raise TouchedTheMachine(f"{event} {args!r}: only a test listed in tests/conftest.py may do this")
    if event in _OPENING and _is_system(args[0]):
        raise TouchedTheMachine(f"{event} {args[0]!r}: only a test listed in tests/conftest.py may do this")


def _is_system(path: Any) -> bool:
    text = path.decode(errors="replace") if isinstance(path, bytes) else path
    return isinstance(text, str) and text.startswith(_SYSTEM)


sys.addaudithook(_watch)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Refuse the marker ``live`` on a test that is not listed.
    """
    for item in items:
        name = item.nodeid.partition("[")[0]
        if item.get_closest_marker("live") and not {name, name.partition("::")[0]} & LIVE:
            raise pytest.UsageError(f"{name} is marked live and is not listed in tests/conftest.py")


@pytest.fixture(autouse=True)
def _guard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.node.get_closest_marker("live"):
        yield
        return
    readlink = os.readlink

    def guarded(path: Any, *args: Any, **options: Any) -> Any:
        if _Guard.armed and _is_system(os.fspath(path)):
            raise TouchedTheMachine(
                f"os.readlink {path!r}: only a test listed in tests/conftest.py may do this"
            )
        return readlink(path, *args, **options)

    monkeypatch.setattr(os, "readlink", guarded)
    _Guard.armed = True
    try:
        yield
    finally:
        _Guard.armed = False


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """
    Say how many faults were tried on how many machines, and in which kind of control group this one was looked at.
    """
    counts = [
        count
        for report in terminalreporter.stats.get("passed", ())
        for name, count in report.user_properties
        if name == "fault_cases"
    ]
    if counts:
        terminalreporter.write_line(f"faults: {sum(counts)} cases on {len(counts)} machines")
    for report in terminalreporter.stats.get("passed", ()):
        for name, version in report.user_properties:
            if name == "control_group":
                terminalreporter.write_line(f"checked within a limited control group of {version}")
