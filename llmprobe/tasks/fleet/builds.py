"""
Which build of llama.cpp machines have, and whether those of one plan go together.

A program talks to an rpc-server of its protocol only: the first number of the version must be equal, and the second
no larger than the program's own (llama.cpp b11549, ggml/src/ggml-rpc/ggml-rpc.cpp, ``negotiate_hello``). Which build
speaks which version no build tells before it runs, so that equal builds alone are known to go together.
"""

from collections.abc import Collection, Sequence

from llmprobe.facts.fleet import FleetHost
from llmprobe.facts.remote import PROTOCOL, understood
from llmprobe.units import whole_number
from llmprobe.words.message import Message, message

RPC_ENGINE = "llama.cpp"
"""The engine whose builds must be the same on machines that run one model together."""

BUILD = "b11549"
"""The one build of which it is known which protocol it speaks."""


def build_of(host: FleetHost) -> str | None:
    """
    The version of llama.cpp on a machine, None where it has none or does not tell it.
    """
    return next((one.version for one in host.engines if one.name == RPC_ENGINE), None)


def unlike(hosts: Sequence[FleetHost]) -> Message | None:
    """
    That builds differ: each with its machines, and the newest of them; None where one at most is known.
    """
    found: dict[str, list[str]] = {}
    for host in hosts:
        build = build_of(host)
        if build is not None:
            found.setdefault(build, []).append(host.name)
    if len(found) < 2:
        return None
    return message(
        "fleet.unlike-builds",
        engine=RPC_ENGINE,
        builds=tuple(
            message("fleet.build-on", build=build, hosts=tuple(names))
            for build, names in sorted(found.items(), key=lambda one: _age(one[0]))
        ),
        newest=max(found, key=_age),
    )


def together(hosts: Sequence[FleetHost], main: str, others: Collection[str]) -> tuple[Message, ...]:
    """
    What is to be done before these machines run one model: those whose build differs from the main one's, and those
    whose build is not known.
    """
    used = [host for host in hosts if host.name == main or host.name in others]
    builds = {host.name: build_of(host) for host in used if host.protocol is None}
    own = builds[main]
    found = [
        message("fleet.other-build", host=name, build=build, main=main, main_build=own)
        for name, build in builds.items()
        if own is not None and build is not None and build != own
    ]
    ours = ".".join(map(str, PROTOCOL))
    for host in used:
        if host.protocol is not None and not understood(_numbers(host.protocol)):
            found.append(
                message("fleet.rpc-protocol", address=host.name, version=host.protocol, ours=ours, main=main)
            )
        elif host.protocol is not None and own is not None and own != BUILD:
            found.append(
                message(
                    "fleet.rpc-main-build", address=host.name, version=host.protocol, main=main, build=own
                )
            )
    unknown = tuple(name for name, build in builds.items() if build is None)
    if unknown:
        found.append(message("fleet.same-build", hosts=unknown))
    return tuple(found)


def major(protocol: str | None) -> int | None:
    """
    The first number of the version that a running rpc-server speaks; a program and all its servers have the same.
    """
    return None if protocol is None else _numbers(protocol)[0]


def refused(hosts: Sequence[FleetHost], main: str, others: Collection[str]) -> bool:
    """
    Whether it is known that the build of the main machine refuses one of these servers.
    """
    own = next((build_of(host) for host in hosts if host.name == main), None)
    spoken = (host.protocol for host in hosts if host.name in others and host.protocol is not None)
    return own == BUILD and not all(understood(_numbers(each)) for each in spoken)


def _numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch


def _age(build: str) -> tuple[int, str]:
    return whole_number(build.removeprefix("b")) or 0, build
