"""
Builds of llama.cpp on several machines: which differ, which are not known, and what to do.
"""

from llmprobe.facts.fleet import EngineBuild, FleetHost
from llmprobe.tasks.fleet.builds import build_of, together, unlike
from llmprobe.words.message import message


def host(name: str, build: str | None, *, engine: str = "llama.cpp") -> FleetHost:
    return FleetHost(
        name=name, origin="ssh", answered=True, engines=(EngineBuild(name=engine, version=build),)
    )


def test_builds_that_differ_are_listed_with_their_machines_the_newest_last() -> None:
    """
    By number, not by text: b11549 is newer than b9000. Machines without llama.cpp do not count.
    """
    hosts = [
        host("one", "b11549"),
        host("two", "b9000"),
        host("three", "b11549"),
        host("four", None),
        host("five", "0.9", engine="ollama"),
    ]

    assert unlike(hosts) == message(
        "fleet.unlike-builds",
        engine="llama.cpp",
        builds=(
            message("fleet.build-on", build="b9000", hosts=("two",)),
            message("fleet.build-on", build="b11549", hosts=("one", "three")),
        ),
        newest="b11549",
    )
    assert unlike([host("one", "b11549"), host("two", "b11549"), host("three", None)]) is None


def test_a_plan_names_each_machine_whose_build_is_not_the_main_ones() -> None:
    """
    Machines that do not take part are left out; equal builds need no word.
    """
    hosts = [host("main", "b11549"), host("same", "b11549"), host("old", "b9000"), host("apart", "b1")]

    assert together(hosts, "main", {"same"}) == ()
    assert together(hosts, "main", {"same", "old"}) == (
        message("fleet.other-build", host="old", build="b9000", main="main", main_build="b11549"),
    )


def test_a_build_that_is_not_known_is_said_to_be() -> None:
    """
    Whether it is the main machine's or another's; nothing is then compared with it.
    """
    hosts = [host("main", None), host("one", "b1"), host("two", None)]

    assert together(hosts, "main", {"one", "two"}) == (message("fleet.same-build", hosts=("main", "two")),)
    assert build_of(hosts[0]) is None
    assert build_of(hosts[1]) == "b1"
