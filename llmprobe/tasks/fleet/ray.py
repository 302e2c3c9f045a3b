"""
The nodes of a running Ray cluster: a recording made on each by a task that is bound to it, and work given to all.

Ray does not tell what a node's memory is or what is free of it, so that each is asked as any machine is. A task has no
core and no GPU of its own: llmprobe sees all that is there, and holds up nobody's work.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from llmprobe import engines
from llmprobe.errors import LlmprobeError, RecordingError
from llmprobe.facts.fleet import HostOrigin
from llmprobe.harmless import harmless_name
from llmprobe.machine import snapshot
from llmprobe.source.recording import decode
from llmprobe.source.recording.replay import Replay
from llmprobe.tasks.fleet.seen import Seen
from llmprobe.words.message import Message, message

R = TypeVar("R")

RUNNING = "auto"
"""The cluster that runs on this machine, or that RAY_ADDRESS names."""

_ORIGIN: HostOrigin = "ray"
_NODE_LABEL = "ray.io/node-id"
_LONGEST_DETAIL = 200


class Cluster:
    """
    A Ray cluster that this process has joined.

    Raises:
        LlmprobeError: Ray is not installed, no cluster answers within ``wait_s``, or it refuses this process.
    """

    def __init__(self, address: str, wait_s: float) -> None:
        try:
            import ray
        except ImportError as error:
            raise LlmprobeError(
                message("error.extra-missing", package=error.name or "ray"),
                hint=message("hint.install-extra", extra="ray"),
            ) from None
        self._ray: Any = ray
        self._wait_s = wait_s
        problem: list[BaseException] = []

        def join() -> None:
            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
            except BaseException as error:  # noqa: BLE001 - told by who waits
                problem.append(error)

        # An address that swallows what it is sent keeps Ray for minutes.
        joining = threading.Thread(target=join, daemon=True)
        joining.start()
        joining.join(wait_s)
        if joining.is_alive() or problem:
            raise LlmprobeError(
                message(
                    "error.fleet-ray",
                    address=harmless_name(address),
                    detail=_last_line(problem[0]) if problem else None,
                    seconds=wait_s,
                ),
                hint=message("hint.fleet-ray"),
            )

    def machines(self) -> tuple[Seen, ...]:
        """
        Every node that is alive, by its address; one that does not answer in time, or dies, is named.
        """
        nodes = [node for node in self._ray.nodes() if node["Alive"]]
        nodes.sort(key=lambda node: (node["NodeManagerAddress"], node["NodeID"]))
        asking = self._ray.remote(num_cpus=0, max_retries=0)(_recording)
        asked = [
            (node, asking.options(label_selector={_NODE_LABEL: node["NodeID"]}).remote(self._wait_s))
            for node in nodes
        ]
        until = time.monotonic() + self._wait_s
        return tuple(self._seen(node["NodeManagerAddress"], answer, until) for node, answer in asked)

    def each(self, function: Callable[..., R], items: Iterable[tuple[Any, ...]]) -> Iterator[R]:
        """
        What a function makes of each of the items, wherever a core is free, as it comes.
        """
        working = self._ray.remote(num_cpus=1)(function)
        running = [working.remote(*item) for item in items]
        while running:
            ended, running = self._ray.wait(running, num_returns=1)
            yield self._ray.get(ended[0])

    def leave(self) -> None:
        """
        Leave the cluster, which runs on.
        """
        self._ray.shutdown()

    def _seen(self, name: str, answer: Any, until: float) -> Seen:
        def failed(problem: Message, remedy: Message | None) -> Seen:
            return Seen(name=name, origin=_ORIGIN, problem=problem, remedy=remedy)

        errors = self._ray.exceptions
        try:
            text = self._ray.get(answer, timeout=max(0.0, until - time.monotonic()))
            machine = snapshot.collect(Replay(decode(text.encode(), name)), observers=engines.observers())
        except errors.GetTimeoutError:
            self._ray.cancel(answer, force=True)
            return failed(message("fleet.timeout", seconds=self._wait_s), message("fleet.remedy-timeout"))
        except errors.RayTaskError as error:
            if isinstance(error.cause, ImportError):
                return failed(message("fleet.no-program"), message("fleet.remedy-ray-no-program"))
            return failed(
                message("fleet.ray-failed", detail=_last_line(error)), message("fleet.remedy-failed")
            )
        except errors.RayError as error:
            return failed(
                message("fleet.ray-died", detail=_last_line(error)), message("fleet.remedy-ray-died")
            )
        except RecordingError as error:
            return failed(error.message, message("fleet.remedy-version"))
        return Seen(name=name, origin=_ORIGIN, machine=machine)


def _recording(wait_s: float) -> str:
    # Runs on a node: its own llmprobe is imported there.
    from llmprobe.tasks import machines

    return machines.record(timeout_s=wait_s / 2)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return harmless_name((lines[-1] if lines else type(error).__name__)[:_LONGEST_DETAIL])
