"""
How machines of several are called in commands, and the speed of a choice in one figure.
"""

from collections.abc import Sequence

from llmprobe.facts.fleet import FleetHost
from llmprobe.facts.recommendation import Choice


def address_of(name: str, hosts: Sequence[FleetHost]) -> str:
    """
    The address of a machine: what ssh is told, without the user, or where its rpc-server listens, without the port; of
    others their name, to be replaced.
    """
    origin = next(host.origin for host in hosts if host.name == name)
    if origin == "rpc-server":
        return name.rpartition(":")[0]
    return name.rpartition("@")[2] if origin == "ssh" else name


def likely(choice: Choice) -> float | None:
    """
    The likely tokens per second of one request, None where they are unknown.
    """
    speed = choice.speed.generation_tokens_per_s
    return None if speed is None else speed.likely
