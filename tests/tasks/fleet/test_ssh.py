"""
The whole way over a real sshd on loopback: its own port, keys and configuration; skipped where there is no sshd.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmprobe.tasks.fleet.hosts import Named, seen
from tests.tasks.fleet.programs import put, recording

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        SSHD is None or shutil.which("ssh-keygen") is None or sys.platform == "win32",
        reason="no sshd (Debian: openssh-server) is installed",
    ),
]


RIGHTS = Path("/run/sshd")
"""The folder into which sshd goes with no rights; Debian's is made when its service starts."""
OURS = RIGHTS / "of-tests"
STARTS = 5


@pytest.fixture(scope="module", autouse=True)
def _may_run_a_server() -> Iterator[None]:
    """
    The folder that sshd needs, removed by the last process that needs it, if it was made here.
    """
    import fcntl

    while True:
        try:
            RIGHTS.mkdir()
            OURS.touch()
        except FileExistsError:
            pass
        except OSError:
            pytest.skip("only root may start Debian's sshd, which needs /run/sshd")
        held = os.open(RIGHTS, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_SH)
        if RIGHTS.exists() and os.path.samestat(os.fstat(held), RIGHTS.stat()):
            break
        os.close(held)  # removed since by another process
    yield
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    else:
        if OURS.exists():
            OURS.unlink()
            RIGHTS.rmdir()
    os.close(held)


def _started(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """
    A server and its port: another one is tried where the port was taken since.
    """
    assert SSHD is not None
    for _ in range(STARTS):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        daemon = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", folder / "sshd_config", "-p", str(port)], stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            if daemon.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return daemon, port
            time.sleep(0.05)
        daemon.kill()
        daemon.wait(timeout=10)
    raise AssertionError("sshd does not start")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """
    A folder with a server's configuration; ``ssh`` finds it by the names ``box`` and ``stranger`` (another host key).
    """
    tmp_path.chmod(0o700)
    for name in ("host", "user", "other"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True, timeout=30
        )
    (tmp_path / "authorized").write_bytes((tmp_path / "user.pub").read_bytes())
    (tmp_path / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/authorized\n"
        f"PidFile {tmp_path}/sshd.pid\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n"
        f"SetEnv PATH={tmp_path}/far:/usr/bin:/bin\n",
        encoding="utf-8",
    )
    daemon, port = _started(tmp_path)
    own, foreign = ((tmp_path / f"{name}.pub").read_text().split()[:2] for name in ("host", "other"))
    (tmp_path / "known").write_text(f"box {' '.join(own)}\nstranger {' '.join(foreign)}\n", encoding="utf-8")
    (tmp_path / "config").write_text(
        f"Host *\n HostName 127.0.0.1\n Port {port}\n IdentityFile {tmp_path}/user\n IdentitiesOnly yes\n"
        f" UserKnownHostsFile {tmp_path}/known\n GlobalKnownHostsFile /dev/null\n"
        "Host box\n HostKeyAlias box\nHost stranger\n HostKeyAlias stranger\nHost nobody\n HostKeyAlias nobody\n",
        encoding="utf-8",
    )
    (tmp_path / "far").mkdir()
    ssh = shutil.which("ssh")
    put(tmp_path, "ssh", f'exec {ssh} -F {tmp_path}/config "$@"', monkeypatch)
    yield tmp_path
    daemon.terminate()
    daemon.wait(timeout=10)


def _install(folder: Path, script: str) -> None:
    program = folder / "far" / "llmprobe"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def test_a_recording_is_made_there(server: Path) -> None:
    """An installed llmprobe is asked for a recording; a host whose key is another one, or unknown, is refused."""
    _install(server, f'test "$*" = "record -o -" && cat {recording("linux-4090-64g")}')

    box, stranger, nobody = seen(Named(ssh=("box", "stranger", "nobody"), wait_s=30))

    assert box.problem is None
    assert box.machine is not None
    assert box.machine.accelerators[0].name == "NVIDIA GeForce RTX 4090"
    assert stranger.problem is not None
    assert stranger.problem.id == "fleet.host-key-changed"
    assert nobody.problem is not None
    assert nobody.problem.id == "fleet.host-key-unknown"


def test_a_program_is_copied_and_nothing_is_left(server: Path) -> None:
    """Where llmprobe is not installed that is said; with a program it runs there, and its folder is gone."""
    program = server / "single-file"
    program.write_text(
        f'#!/bin/sh\necho "$0 $TMPDIR" >{server}/place\n[ "$*" = "record -o -" ] || exit 1\n'
        f"cat {recording('linux-4090-64g')}\n",
        encoding="utf-8",
    )

    (without,) = seen(Named(ssh=("box",), wait_s=30))
    (copied,) = seen(Named(ssh=("box",), wait_s=30, program=str(program)))

    assert without.problem is not None
    assert without.problem.id == "fleet.no-program"
    assert copied.problem is None
    assert copied.machine is not None
    place, unpacked = map(Path, (server / "place").read_text(encoding="utf-8").split())
    assert place.name == "llmprobe"
    assert place.parent == unpacked
    assert not place.parent.exists()


def test_a_program_for_another_kind_of_machine_is_not_copied(server: Path) -> None:
    """Both kinds are named; the host's as it says itself."""
    program = server / "for-risc-v"
    program.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xf3\x00" + bytes(64))

    (found,) = seen(Named(ssh=("box",), wait_s=30, program=str(program)))

    assert found.problem is not None
    assert found.problem.id == "fleet.other-kind"
    assert found.problem.values == {
        "kind": f"{os.uname().sysname} {os.uname().machine}",
        "program": "Linux riscv64",
    }


def test_no_key_that_it_knows_is_said(server: Path) -> None:
    """Whom the server does not let in is told so, without a question for a password."""
    (server / "authorized").write_text("", encoding="utf-8")

    (found,) = seen(Named(ssh=("box",), wait_s=30))

    assert found.problem is not None
    assert found.problem.id == "fleet.denied"
