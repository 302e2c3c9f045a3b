"""
What a person types: of a shell, and of Windows.
"""

from typing import Any

import pytest

from llmprobe.machine.shell_commands import assign, of_keeper, of_windows, unset
from llmprobe.machine.snapshot import collect
from tests.machine.fake import GIB, FakeSource, plain_host
from tests.machine.rules.records import machine


@pytest.mark.parametrize(
    ("system", "without", "set_"),
    [
        ("linux", "unset A B", "export A='x y'"),
        ("darwin", "unset A B", "export A='x y'"),
        ("win32", "Remove-Item Env:A, Env:B", "$env:A = 'x y'"),
    ],
)
def test_variables_are_set_as_the_terminal_does(system: str, without: str, set_: str) -> None:
    """PowerShell is the terminal of Windows 10 and 11."""
    snapshot = machine(host={"system": system})

    assert unset(snapshot, "A", "B") == without
    assert assign(snapshot, "A", "x y") == set_


@pytest.mark.parametrize(
    ("linux", "windows"),
    [
        ("nvidia-smi", "nvidia-smi"),
        ("sudo nvidia-smi -i 0 -pl 200", "nvidia-smi -i 0 -pl 200"),
        ("sudo dmesg | grep -i xid", None),
        ("free -h", None),
        ("kill 7 8", "taskkill /F /PID 7 /PID 8"),
        ("rocm-smi --showpids", "taskmgr"),
        ("ollama stop qwen3", "ollama stop qwen3"),
        ("", ""),
    ],
)
def test_windows_gets_no_command_of_linux(linux: str, windows: str | None) -> None:
    """There is no sudo, no kernel log and no rocm-smi on it."""
    assert of_windows(linux) == windows


MEMORY = "docker update --memory SIZE --memory-swap SIZE CONTAINER"


@pytest.mark.parametrize(
    ("docker", "kubernetes", "lxc"),
    [
        (
            MEMORY,
            "kubectl set resources deployment NAME --limits=memory=SIZE",
            "pct set ID --memory MEBIBYTES",
        ),
        ("docker restart CONTAINER", "kubectl delete pod NAME", "pct reboot ID"),
        (
            "docker run --gpus all …",
            "kubectl set resources deployment NAME --limits=nvidia.com/gpu=1",
            "pct set ID --dev0 /dev/nvidia0 --dev1 /dev/nvidiactl --dev2 /dev/nvidia-uvm",
        ),
        ("docker run --cpuset-mems …", None, None),
        ("nvidia-smi", "nvidia-smi", "nvidia-smi"),
    ],
)
def test_what_keeps_a_container_has_its_own_commands(
    docker: str, kubernetes: str | None, lxc: str | None
) -> None:
    """A pod is no container of Docker, and one of Proxmox neither."""
    assert (of_keeper(docker, "kubernetes"), of_keeper(docker, "lxc")) == (kubernetes, lxc)


@pytest.mark.parametrize(
    ("environment", "keeper", "command"),
    [
        ({}, None, "docker"),
        ({"env:KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes", "kubectl"),
        ({"env:container": "lxc"}, "lxc", "pct"),
        ({"env:container": "podman"}, None, "docker"),
    ],
)
def test_a_limit_is_raised_where_it_was_set(
    environment: dict[str, Any], keeper: str | None, command: str
) -> None:
    """By the variable that each of them sets."""
    answers = plain_host(64, 60) | {
        "list:/": [".dockerenv"],
        "read:/proc/self/cgroup": "0::/\n",
        "read:/proc/self/mountinfo": "30 20 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
        "read:/sys/fs/cgroup/memory.max": str(8 * GIB),
        "read:/sys/fs/cgroup/memory.current": "0",
    }
    snapshot = collect(FakeSource(answers | environment))
    (limit,) = [each for each in snapshot.findings if each.id == "container-ram"]

    assert (snapshot.host.container_of or None) == keeper
    assert limit.remedy is not None
    assert limit.remedy.commands[0].split()[0] == command


def test_outside_of_a_container_the_variables_mean_nothing() -> None:
    """A node of Kubernetes may have them in a shell."""
    found = collect(FakeSource(plain_host() | {"env:KUBERNETES_SERVICE_HOST": "10.0.0.1"}))

    assert not found.host.container_of
