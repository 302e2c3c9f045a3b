"""
Machines that are asked through other programs: each answers or says why not, and none holds up the others.
"""

import json
import socket
import threading
import time
from pathlib import Path

import psutil
import pytest

from benchmarks import verify_engine, verify_hosts
from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.tasks.fleet.check import fleet
from llmprobe.tasks.fleet.hosts import HERE, Named, seen
from llmprobe.tasks.fleet.seen import Seen
from tests.source.live.test_commands import is_alive
from tests.source.test_rpc_server import current, listening
from tests.tasks.fleet.programs import MACHINES, put, recording

pytestmark = pytest.mark.live

BOX = "linux-4090-64g"
OTHER = "linux-a10g-cloud-vm-32g"


def _one(named: Named) -> Seen:
    (found,) = seen(named)
    return found


def _node(name: str, labels: dict[str, str], holds: dict[str, str]) -> dict[str, object]:
    return {"metadata": {"name": name, "labels": labels}, "status": {"capacity": holds, "allocatable": holds}}


CLUSTER = {
    "items": [
        _node(
            "b-h100",
            {
                "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
                "nvidia.com/gpu.count": "2",
                "nvidia.com/gpu.memory": "81559",
            },
            {"memory": "1056727456Ki", "cpu": "96", "nvidia.com/gpu": "2"},
        ),
        _node("a-cpu", {}, {"memory": "64Gi", "cpu": "7910m"}),
        _node("c-unlabelled", {}, {"memory": "64Gi", "cpu": "8", "nvidia.com/gpu": "2"}),
        _node("d-empty", {}, {}),
        {"metadata": 3},
    ]
}


def test_a_recording_is_known_by_its_machine() -> None:
    """The folder of a machine, and the file in it, have the name of the folder."""
    for path in (str(MACHINES / BOX), recording(BOX)):
        found = _one(Named(recordings=(path,)))

        assert found.name == BOX
        assert found.machine is not None
        assert found.machine.accelerators[0].name == "NVIDIA GeForce RTX 4090"


def test_a_folder_of_recordings_is_each_of_them(tmp_path: Path) -> None:
    """Files and folders of machines in it are read, by name; what is no recording says so and holds up nobody."""
    (tmp_path / "two.json").write_bytes(Path(recording(BOX)).read_bytes())
    (tmp_path / "one.json").write_text("{}", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no recording", encoding="utf-8")

    broken, good = seen(Named(recordings=(str(tmp_path),)))

    assert (broken.name, good.name) == ("one", "two")
    assert broken.machine is None
    assert broken.problem is not None
    assert good.machine is not None


def test_no_name_stands_twice() -> None:
    """The second machine of one name has a number behind it."""
    names = [one.name for one in seen(Named(recordings=(recording(BOX), recording(BOX))))]

    assert names == [BOX, f"{BOX}-2"]


def test_equal_machines_are_told() -> None:
    """Of equal machines all but the first are like the first; another one is not."""
    hosts = fleet(seen(Named(recordings=(recording(BOX), recording(OTHER), recording(BOX))))).hosts

    assert [host.like for host in hosts] == [None, None, BOX]


@pytest.mark.parametrize("host", ["", "-oProxyCommand=touch", "two words", "a\x1b[31mb", "x" * 300])
def test_what_ssh_could_take_for_an_option_is_refused(host: str) -> None:
    """A host is a name: neither empty, nor an option, nor something that commands a terminal."""
    with pytest.raises(UsageError, match="no host that ssh could reach"):
        seen(Named(ssh=(host,)))


def test_nobody_is_refused() -> None:
    """No machine is no fleet."""
    with pytest.raises(UsageError, match="no machine is named"):
        seen(Named())


@pytest.mark.parametrize(
    ("said", "status", "problem"),
    [
        ("Host key verification failed.", 255, "fleet.host-key-unknown"),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            255,
            "fleet.host-key-changed",
        ),
        ("user@box: Permission denied (publickey).", 255, "fleet.denied"),
        ("ssh: Could not resolve hostname box: Name or service not known", 255, "fleet.unresolved"),
        ("ssh: connect to host box port 22: Connection refused", 255, "fleet.unreachable"),
        ("llmprobe-fleet: no llmprobe", 127, "fleet.no-program"),
        ("llmprobe-fleet: the host is Darwin arm64", 126, "fleet.other-kind"),
        ("Traceback (most recent call last):", 1, "fleet.failed"),
    ],
)
def test_each_failure_of_ssh_is_named(
    said: str, status: int, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What OpenSSH prints is told apart, and each has its remedy."""
    (tmp_path / "said").write_text(said, encoding="utf-8")
    put(tmp_path, "ssh", f"cat {tmp_path}/said >&2; exit {status}", monkeypatch)

    found = _one(Named(ssh=("box",)))

    assert found.machine is None
    assert found.problem is not None
    assert found.remedy is not None
    assert found.problem.id == problem


def test_a_host_that_hangs_is_left_out_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are answered, the one that hangs is named, and nothing of it is left."""
    put(
        tmp_path,
        "ssh",
        f'cd {tmp_path}; case "$*" in *slow*) echo $$ >pid; sleep 600 & echo $! >child; wait;; '
        f"*) cat {recording(BOX)};; esac",
        monkeypatch,
    )
    started = time.monotonic()

    slow, good = seen(Named(ssh=("slow", "good"), wait_s=6.0))

    assert time.monotonic() - started < 30
    assert slow.problem is not None
    assert slow.problem.id == "fleet.timeout"
    assert good.machine is not None
    assert not is_alive(int((tmp_path / "pid").read_text()))
    assert not is_alive(int((tmp_path / "child").read_text()))


def test_what_a_profile_prints_is_no_part_of_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A greeting before the recording does not hide it."""
    put(tmp_path, "ssh", f"echo Welcome; cat {recording(BOX)}", monkeypatch)

    assert _one(Named(ssh=("box",))).machine is not None


def test_ssh_is_told_to_ask_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No password is asked, no key is accepted by itself, no connection stays; the host stands behind the options."""
    put(tmp_path, "ssh", f'printf "%s\\n" "$@" >{tmp_path}/words; cat {recording(BOX)}', monkeypatch)

    _one(Named(ssh=("user@box",)))
    words = (tmp_path / "words").read_text(encoding="utf-8").splitlines()

    assert "BatchMode=yes" in words
    assert "ControlMaster=no" in words
    assert not any("StrictHostKeyChecking" in word or "UserKnownHosts" in word for word in words)
    assert words[words.index("--") + 1] == "user@box"


def test_a_program_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    """A single-file program that is not there is an error of the question."""
    with pytest.raises(UsageError, match="cannot be read"):
        seen(Named(ssh=("box",), program=str(tmp_path / "none")))
    other = tmp_path / "llmprobe.exe"
    other.write_bytes(b"MZ" + bytes(100))
    with pytest.raises(UsageError, match="is no program"):
        seen(Named(ssh=("box",), program=str(other)))


def test_nodes_of_slurm_are_asked_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nodes are spelled out, and srun runs llmprobe on each; one that fails is named."""
    put(tmp_path, "scontrol", 'test "$4" = "gpu[1-2]" && printf "gpu1\\ngpu2\\n"', monkeypatch)
    put(
        tmp_path,
        "srun",
        f'case "$*" in *=gpu1\\ *record*) cat {recording(BOX)};; *) echo "srun: error: node down" >&2; exit 1;; esac',
        monkeypatch,
    )

    good, bad = seen(Named(slurm=("gpu[1-2]",)))

    assert (good.name, good.origin) == ("gpu1", "slurm")
    assert good.machine is not None
    assert bad.problem is not None
    assert bad.problem.values["detail"] == "srun: error: node down"


def test_slurm_that_knows_no_such_nodes_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What scontrol says is in the error."""
    put(tmp_path, "scontrol", 'echo "invalid hostlist" >&2; exit 1', monkeypatch)

    with pytest.raises(LlmprobeError, match="invalid hostlist"):
        seen(Named(slurm=("gpu[",)))


def test_nodes_of_kubernetes_are_known_by_their_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Cards, memory and cores are those of the labels; a node with cards and no label, or without memory, says so.

    1,056,727,456 Ki are 1,082,088,914,944 bytes.
    """
    (tmp_path / "nodes.json").write_text(json.dumps(CLUSTER), encoding="utf-8")
    put(tmp_path, "kubectl", f'test "$*" != "" && cat {tmp_path}/nodes.json', monkeypatch)

    for named in (Named(kubernetes=True), Named(nodes=(str(tmp_path / "nodes.json"),))):
        cpu, h100, unlabelled, empty, strange = seen(named)

        assert [one.name for one in (cpu, h100, unlabelled, empty)] == [
            "a-cpu",
            "b-h100",
            "c-unlabelled",
            "d-empty",
        ]
        assert cpu.machine is not None
        assert cpu.machine.accelerators == ()
        assert h100.machine is not None
        assert [one.name for one in h100.machine.accelerators] == ["NVIDIA H100 80GB HBM3"] * 2
        assert h100.machine.pools[0].total_bytes == 1_082_088_914_944
        assert h100.machine.origin == "hypothetical"
        assert unlabelled.problem is not None
        assert unlabelled.problem.id == "fleet.node-without-labels"
        assert empty.problem is not None
        assert empty.problem.id == "fleet.node-without-memory"
        assert (strange.name, strange.machine) == ("node-4", None)


@pytest.mark.parametrize("text", ["", "[]", '{"items": 3}', "{" * 100_000])
def test_what_is_no_list_of_nodes_is_said(text: str, tmp_path: Path) -> None:
    """Text of any other kind is refused in a sentence."""
    (tmp_path / "nodes.json").write_text(text, encoding="utf-8")

    with pytest.raises(UsageError, match="no list of Kubernetes nodes"):
        seen(Named(nodes=(str(tmp_path / "nodes.json"),)))


def test_a_slice_of_a_card_is_one_card() -> None:
    """Of the slices of a card a process gets one, so that seven are not added up."""
    from llmprobe.machine.nodes import nodes_in

    labels = {
        "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb",
        "nvidia.com/gpu.count": "7",
        "nvidia.com/gpu.memory": "4864",
    }
    (node,) = nodes_in(json.dumps({"items": [_node("mig", labels, {"memory": "64Gi", "cpu": "8"})]}))

    assert node.machine is not None
    assert [pool.total_bytes for pool in node.machine.pools if pool.kind == "vram"] == [4864 * 1024**2]


def test_rpc_servers_answer_or_say_why_not() -> None:
    """One answers, one hangs, one is no rpc-server, one is not there: each is named, and this machine is first."""
    ended = threading.Event()

    def mute(_client: socket.socket) -> None:
        ended.wait(10)

    def web(client: socket.socket) -> None:
        client.recv(9)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(64))

    with listening(current) as one, listening(mute) as two, listening(web) as three:
        with socket.create_server(("127.0.0.1", 0)) as server:
            free = int(server.getsockname()[1])
        ports = (one, two, three, free)
        found = seen(Named(rpc=tuple(f"127.0.0.1:{port}" for port in ports), wait_s=1.0))
        ended.set()

    assert [host.name for host in found] == [HERE, *(f"127.0.0.1:{port}" for port in ports)]
    assert [host.origin for host in found] == ["here", *["rpc-server"] * 4]
    assert found[0].machine is not None
    assert found[0].machine.this_machine
    assert [device.budget_bytes for device in found[1].serving] == [20 << 30, 5]
    assert [host.problem.id if host.problem else None for host in found[1:]] == [
        None,
        "error.rpc-silent",
        "error.rpc-foreign",
        "error.rpc-refused",
    ]


def test_beside_other_machines_this_one_is_not_meant() -> None:
    """A recording and a server are two machines."""
    with listening(current) as port:
        found = seen(Named(recordings=(recording(BOX),), rpc=(f"127.0.0.1:{port}",)))

    assert [host.name for host in found] == [BOX, f"127.0.0.1:{port}"]


@pytest.mark.engine
def test_a_real_server_tells_the_memory_of_its_machine(tmp_path: Path) -> None:
    """All memory of the processor, as the system counts it, and none of it as free."""
    if not verify_engine.is_ready():
        pytest.skip("make verify has not built ggml-rpc-server here")
    program = verify_engine.program("ggml-rpc-server")
    with verify_hosts.serving(program, ["CPU"], tmp_path, is_apart=False) as (server,):
        here, there = seen(Named(rpc=(server.address,)))

    assert there.protocol is not None
    assert there.protocol.startswith("8.0.")
    assert there.machine is not None
    assert here.machine is not None
    (pool,) = there.machine.pools
    assert (pool.id, pool.budget_bytes) == ("ram", None)
    assert pool.total_bytes == psutil.virtual_memory().total
