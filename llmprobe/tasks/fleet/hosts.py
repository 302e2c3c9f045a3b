"""
The machines that are named, asked at the same time: each answers, or says by its time why not.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import msgspec

from llmprobe import engines
from llmprobe.errors import LlmprobeError, RecordingError, UsageError
from llmprobe.facts.answer import Answer
from llmprobe.facts.fleet import HostOrigin
from llmprobe.facts.given import shown
from llmprobe.facts.remote import RpcServer
from llmprobe.harmless import harmless_name
from llmprobe.machine import snapshot
from llmprobe.site.remote_spelling import RpcGiven
from llmprobe.source import executable, hosts, rpc_server
from llmprobe.source.live.commands import Children
from llmprobe.source.model_files import small
from llmprobe.source.recording import decode
from llmprobe.source.recording.files import USUAL_NAME, read_recording
from llmprobe.source.recording.replay import Replay
from llmprobe.tasks.fleet.listening import by_address, look, recorded
from llmprobe.tasks.fleet.seen import Seen
from llmprobe.words.message import Message, message

PATIENCE_S = 30.0
"""Seconds after which a machine that has not answered is left out: connecting, starting Python and all probes."""

HERE = "localhost"
"""What this machine is called."""

MOST_AT_ONCE = 32
"""Machines that are asked at the same time."""

_LONGEST_NAME = 255
_LONGEST_DETAIL = 200

_SSH_FAILED = 255
"""What ssh itself ends with, whatever the command over there does."""

_SSH_SAYS = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        message("fleet.host-key-changed"),
        message("fleet.remedy-host-key-changed"),
    ),
    (
        "Host key verification failed",
        message("fleet.host-key-unknown"),
        message("fleet.remedy-host-key-unknown"),
    ),
    ("Permission denied", message("fleet.denied"), message("fleet.remedy-denied")),
    ("Could not resolve", message("fleet.unresolved"), message("fleet.remedy-unresolved")),
)
"""What OpenSSH prints, what it means, and what to do."""


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """
    What machines are named: destinations of ssh, recordings or folders of them, nodes of Slurm as scontrol spells them,
    the user's cluster of Kubernetes, or a file with its nodes, the address of a Ray cluster, llama.cpp's rpc-servers as
    ``site.remote_spelling`` reads them. ``program`` is copied to hosts without llmprobe.
    """

    ssh: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()
    slurm: tuple[str, ...] = ()
    kubernetes: bool = False
    nodes: tuple[str, ...] = ()
    program: str | None = None
    ray: str | None = None
    rpc: tuple[str, ...] = ()
    wait_s: float = PATIENCE_S


def seen(named: Named) -> tuple[Seen, ...]:
    """
    All machines, in the order in which they are named; no name stands twice. Where rpc-servers alone are named, which
    run nothing by themselves, this machine is the first.

    Raises:
        UsageError: nothing is named, or a name cannot be one.
        LlmprobeError: Slurm or kubectl cannot be asked for names at all.
    """
    for host in named.ssh:
        _check_destination(host)
    servers = by_address(named.rpc)
    program = None if named.program is None else _program(named.program)
    children = Children()
    questions: list[Callable[[], Iterable[Seen]]] = []
    for path in named.recordings:
        questions += [_of_file(name, file) for name, file in _files(path)]
    for host in named.ssh:
        questions.append(_over_ssh(host, named.wait_s, children, program))
    try:
        for expression in named.slurm:
            nodes = _slurm_nodes(expression, named.wait_s, children)
            questions += [_on_slurm(node, named.wait_s, children) for node in nodes]
        if servers and not (questions or named.kubernetes or named.nodes or named.ray is not None):
            questions.append(_here)
        questions += [_listening(given, named.wait_s) for given in servers]
        labelled = (*_labelled(named, children), *_of_ray(named))
        if not questions and not labelled:
            raise UsageError(message("error.fleet-of-nobody"), hint=message("hint.fleet-of-nobody"))
        return _own_names((*_asked(questions), *labelled))
    finally:
        children.end()


def _asked(questions: Sequence[Callable[[], Iterable[Seen]]]) -> Iterable[Seen]:
    if not questions:
        return ()
    with ThreadPoolExecutor(max_workers=min(len(questions), MOST_AT_ONCE)) as pool:
        return tuple(chain.from_iterable(pool.map(lambda ask: ask(), questions)))


def _own_names(found: Iterable[Seen]) -> tuple[Seen, ...]:
    """
    The machines with names of their own: the second of one name is ``name-2``.
    """
    taken: set[str] = set()
    named = []
    for one in found:
        name, number = one.name, 2
        while name in taken:
            name, number = f"{one.name}-{number}", number + 1
        taken.add(name)
        named.append(msgspec.structs.replace(one, name=name))
    return tuple(named)


def _check_destination(host: str) -> None:
    """
    What ssh could take for an option, or what no line can hold, is refused.
    """
    bad = not host or host.startswith("-") or len(host) > _LONGEST_NAME or harmless_name(host) != host
    if bad or any(sign.isspace() for sign in host):
        raise UsageError(message("error.fleet-host", given=shown(host)), hint=message("hint.fleet-host"))


def _program(path: str) -> hosts.Program:
    try:
        kind = executable.made_for(Path(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise UsageError(
            message("error.file-unreadable", path=path, reason=reason), hint=message("hint.fleet-program")
        ) from None
    if kind is None:
        raise UsageError(message("error.fleet-program", path=path), hint=message("hint.fleet-program"))
    return hosts.Program(Path(path).absolute(), kind)


def _files(path: str) -> list[tuple[str, str]]:
    """
    The recordings that a path means, by name: a file, a machine's folder, or a folder of either.
    """
    place = Path(path)
    try:
        if not place.is_dir() or (place / USUAL_NAME).is_file():
            stem = place.name if place.is_dir() else place.stem
            return [(place.parent.name if stem == Path(USUAL_NAME).stem else stem, path)]
        inside = sorted(place.iterdir())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise UsageError(
            message("error.file-unreadable", path=path, reason=reason), hint=message("hint.permissions")
        ) from None
    found = [
        (one.name if one.is_dir() else one.stem, str(one))
        for one in inside
        if (one / USUAL_NAME).is_file() or (one.suffix == ".json" and one.is_file())
    ]
    if not found:
        raise UsageError(
            message("error.fleet-folder-empty", path=path), hint=message("hint.fleet-folder-empty")
        )
    return found


def _of_file(name: str, path: str) -> Callable[[], Iterable[Seen]]:
    def see() -> tuple[Seen, ...]:
        try:
            recording = read_recording(path)
            machine = snapshot.collect(Replay(recording), observers=engines.observers())
        except RecordingError as error:
            return (Seen(name=name, origin="recording", problem=error.message, remedy=error.hint),)
        return Seen(name=name, origin="recording", machine=machine), *recorded(recording.answers)

    return see


def _here() -> tuple[Seen, ...]:
    return (Seen(name=HERE, origin="here", machine=snapshot.probe(observers=engines.observers())),)


def _listening(given: Sequence[RpcGiven], wait_s: float) -> Callable[[], Iterable[Seen]]:
    def ask(host: str, port: int) -> RpcServer:
        return rpc_server.ask(host, port, min(wait_s, rpc_server.ASKING_S))

    return lambda: (look(given, ask),)


def _over_ssh(
    host: str, wait_s: float, children: Children, program: hosts.Program | None
) -> Callable[[], Iterable[Seen]]:
    def see() -> tuple[Seen, ...]:
        answer = hosts.over_ssh(host, wait_s, children, program=program)
        return (_recorded(host, "ssh", answer, wait_s, "" if program is None else program.made_for),)

    return see


def _on_slurm(node: str, wait_s: float, children: Children) -> Callable[[], Iterable[Seen]]:
    return lambda: (_recorded(node, "slurm", hosts.on_slurm(node, wait_s, children), wait_s),)


def _slurm_nodes(expression: str, wait_s: float, children: Children) -> list[str]:
    answer = hosts.slurm_nodes(expression, wait_s, children)
    names = _stdout(answer).split()
    if not names:
        raise LlmprobeError(
            message("error.fleet-slurm", given=shown(expression), detail=_last_words(answer)),
            hint=message("hint.fleet-slurm"),
        )
    for name in names:
        _check_destination(name)
    return names


def _labelled(named: Named, children: Children) -> tuple[Seen, ...]:
    """
    The nodes of Kubernetes, by their labels.
    """
    texts = []
    if named.kubernetes:
        answer = hosts.kubernetes_nodes(named.wait_s, children)
        text = _stdout(answer)
        if not text:
            raise LlmprobeError(
                message("error.fleet-kubernetes", detail=_last_words(answer)),
                hint=message("hint.fleet-kubernetes"),
            )
        texts.append(text)
    texts += [_nodes_file(path) for path in named.nodes]
    if not texts:
        return ()
    from llmprobe.machine.nodes import nodes_in

    return tuple(
        Seen(name=node.name, origin="kubernetes", machine=node.machine, problem=node.problem)
        for text in texts
        for node in nodes_in(text)
    )


def _of_ray(named: Named) -> tuple[Seen, ...]:
    if named.ray is None:
        return ()
    from llmprobe.tasks.fleet.ray import Cluster

    cluster = Cluster(named.ray, named.wait_s)
    try:
        return cluster.machines()
    finally:
        cluster.leave()


def _nodes_file(path: str) -> str:
    content = small(Path(path), hosts.MOST_NODES_BYTES)
    if content is None:
        raise UsageError(message("recording.missing", path=path), hint=message("hint.nodes-no-list"))
    return content.decode(errors="replace")


def _recorded(name: str, origin: HostOrigin, answer: Answer, wait_s: float, made_for: str = "") -> Seen:
    """
    The machine whose recording a command printed, or what went wrong. ``made_for`` is what a copied program is for.
    """

    def failed(problem: Message, remedy: Message | None) -> Seen:
        return Seen(name=name, origin=origin, problem=problem, remedy=remedy)

    if answer.status == "missing":
        program = "ssh" if origin == "ssh" else "srun"
        return failed(message("fleet.no-command", program=program), message("fleet.remedy-no-command"))
    if answer.status == "timeout":
        return failed(message("fleet.timeout", seconds=wait_s), message("fleet.remedy-timeout"))
    printed, said = _stdout(answer), _stderr(answer)
    # What a profile prints at the beginning is no part of the recording.
    start = printed.find("{")
    if start >= 0 and _exit(answer) == 0:
        try:
            machine = snapshot.collect(
                Replay(decode(printed[start:].encode(), name)), observers=engines.observers()
            )
        except RecordingError as error:
            return failed(error.message, message("fleet.remedy-version"))
        return Seen(name=name, origin=origin, machine=machine)
    if origin == "ssh" and _exit(answer) == _SSH_FAILED:
        for mark, problem, remedy in _SSH_SAYS:
            if mark in said:
                return failed(problem, remedy)
        return failed(
            message("fleet.unreachable", detail=_last_words(answer)), message("fleet.remedy-unreachable")
        )
    if hosts.OTHER_KIND in said:
        kind = harmless_name(said.partition(hosts.OTHER_KIND)[2].partition("\n")[0].strip()[:_LONGEST_DETAIL])
        return failed(
            message("fleet.other-kind", kind=kind, program=made_for), message("fleet.remedy-other-kind")
        )
    if hosts.NO_PROGRAM in said:
        return failed(message("fleet.no-program"), message("fleet.remedy-no-program"))
    return failed(
        message("fleet.failed", status=_exit(answer), detail=_last_words(answer)),
        message("fleet.remedy-failed"),
    )


def _exit(answer: Answer) -> int | None:
    return answer.value.get("exit") if isinstance(answer.value, dict) else None


def _stdout(answer: Answer) -> str:
    return str(answer.value.get("stdout", "")) if isinstance(answer.value, dict) else ""


def _stderr(answer: Answer) -> str:
    return str(answer.value.get("stderr", "")) if isinstance(answer.value, dict) else ""


def _last_words(answer: Answer) -> str:
    """
    The last line on stderr, harmless and not too long; what the answer says where there is none.
    """
    lines = [line.strip() for line in _stderr(answer).splitlines() if line.strip()]
    return harmless_name((lines[-1] if lines else answer.detail or answer.status)[:_LONGEST_DETAIL])
