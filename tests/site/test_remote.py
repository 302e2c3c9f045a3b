"""
Devices behind rpc-servers as people give them.
"""

from typing import Any

import pytest

from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.facts.devices import USUAL_NETWORK
from llmprobe.facts.remote import Outcome, RpcDevice, RpcServer
from llmprobe.site.remote import Remote, about_remote
from llmprobe.site.remote import remote_devices as with_asking
from llmprobe.units import GIB
from llmprobe.words.message import message


def nobody(host: str, port: int) -> RpcServer:
    raise AssertionError(f"{host}:{port} is not to be asked")


def remote_devices(given: Any, *, most: int) -> Remote:
    return with_asking(given, most=most, ask=nobody)


def test_each_has_its_address_its_memory_and_who_serves_it() -> None:
    """
    CUDA serves unless another is named; the order is kept.
    """
    found = remote_devices(
        ("10.0.0.2:50052=24GiB", "box.lan:1=64GiB:cpu", "10.0.0.3:65535=8GB:vulkan"), most=16
    )

    assert [(one.id, one.kind, one.name, one.free_bytes, one.pool) for one in found.devices] == [
        ("rpc0", "rpc", "10.0.0.2:50052", 24 * GIB, "rpc0"),
        ("rpc1", "rpc-cpu", "box.lan:1", 64 * GIB, "rpc1"),
        ("rpc2", "rpc-vulkan", "10.0.0.3:65535", 8 * GIB, "rpc2"),
    ]
    assert found.budgets == {"rpc0": 24 * GIB, "rpc1": 64 * GIB, "rpc2": 8 * GIB}
    assert about_remote(found, split=True)[1] == message(
        "note.rpc-device", device="rpc1", address="box.lan:1", bytes=64 * GIB
    )


@pytest.mark.parametrize(
    "given",
    [
        "",
        "10.0.0.2",
        "10.0.0.2=24GiB",
        ":50052=24GiB",
        "a:0=1GiB",
        "a:65536=1GiB",
        "a b:1=1GiB",
    ],
)
def test_what_is_no_device_is_refused_in_words(given: str) -> None:
    """
    Each lacks the address or the port, or has one that cannot be.
    """
    with pytest.raises(UsageError) as raised:
        remote_devices((given,), most=16)

    assert raised.value.message.id == "error.rpc-not-a-device"
    assert raised.value.hint == message("hint.rpc")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (("a:1=24",), "error.size-without-unit"),
        (("a:1=1GiB:tpu",), "error.backend-unknown"),
        (("a:1=1GiB",) * 3, "error.rpc-too-many"),
        ("a:1=1GiB", "error.rpc-not-a-device"),
        ((1,), "error.rpc-not-a-device"),
        (("a:1=1GiB", 1), "error.rpc-not-a-device"),
    ],
)
def test_sizes_servers_and_numbers_are_checked(given: Any, problem: str) -> None:
    """
    A bare number is no size, a server is one of llama.cpp's backends, and only so many fit beside the others.
    """
    with pytest.raises(UsageError) as raised:
        remote_devices(given, most=2)

    assert raised.value.message.id == problem


def card(free: int, *, align: int = 128, largest: int | None = None, total: int = 24 * GIB) -> RpcDevice:
    return RpcDevice(free_bytes=free, total_bytes=total, align=align, largest_bytes=largest)


def server(*devices: RpcDevice) -> RpcServer:
    return RpcServer(outcome="ok", version=(8, 0, 0), devices=devices)


def test_a_server_without_a_size_is_asked_for_all_its_devices() -> None:
    """
    Each of them is a device, with what it says is free, between those that were given; and who serves is told by where
    tensors begin and by the largest buffer: CUDA 128 bytes, a Mac 32 with a limit, Vulkan fewer.
    """
    asked = []

    def ask(host: str, port: int) -> RpcServer:
        asked.append((host, port))
        return server(
            card(20 * GIB), card(8 * GIB, align=16, largest=4 * GIB), card(6 * GIB, align=32, largest=GIB)
        )

    found = with_asking(("a:1=1GiB", "box:50052", "b:2=2GiB:cpu"), most=16, ask=ask)

    assert asked == [("box", 50052)]
    assert [(one.id, one.kind, one.name) for one in found.devices] == [
        ("rpc0", "rpc", "a:1"),
        ("rpc1", "rpc", "box:50052"),
        ("rpc2", "rpc-vulkan", "box:50052"),
        ("rpc3", "rpc-metal", "box:50052"),
        ("rpc4", "rpc-cpu", "b:2"),
    ]
    assert [found.budgets[f"rpc{number}"] for number in range(5)] == [
        GIB,
        20 * GIB,
        8 * GIB,
        6 * GIB,
        2 * GIB,
    ]
    ids = [one.id for one in about_remote(found, split=True)]
    assert ids == ["note.rpc-device", *["note.rpc-device-asked"] * 3, "note.rpc-device"]


def test_a_backend_that_is_named_is_taken_as_it_is() -> None:
    """
    ROCm begins tensors where CUDA does, so that only the user knows it.
    """
    found = with_asking(("box:1:rocm",), most=16, ask=lambda _host, _port: server(card(GIB)))

    assert [one.kind for one in found.devices] == ["rpc-rocm"]


def test_what_is_free_on_a_processor_is_not_known_where_all_is_said_to_be() -> None:
    """
    Its server says so on every system but Windows: layers are shared out by it, and no budget is made of it.
    """
    everything = server(card(64 * GIB, align=32, total=64 * GIB))
    windows = server(card(40 * GIB, align=32, total=64 * GIB))

    found = with_asking(("box:1",), most=16, ask=lambda _host, _port: everything)
    assert [(one.kind, one.free_bytes) for one in found.devices] == [("rpc-cpu", 64 * GIB)]
    assert found.budgets == {"rpc0": None}
    assert [one.id for one in about_remote(found, split=False)] == ["note.rpc-all-memory"]

    known = with_asking(("box:1",), most=16, ask=lambda _host, _port: windows)
    assert known.budgets == {"rpc0": 40 * GIB}


def test_a_processor_whose_free_memory_is_given_is_split_by_all_of_it() -> None:
    """
    llama.cpp asks the server, whatever was given here; with one device or a given split that makes no difference.
    """
    two = remote_devices(("a:1=8GiB:cpu", "b:1=8GiB"), most=16)
    one = remote_devices(("a:1=8GiB:cpu",), most=16)

    cards = remote_devices(("a:1=8GiB", "b:1=8GiB"), most=16)
    asked = with_asking(
        ("a:1", "b:1"), most=16, ask=lambda _host, _port: server(card(64 * GIB, align=32, total=64 * GIB))
    )

    def is_said(remote: Remote, *, split: bool) -> bool:
        return "note.rpc-split-by-all-memory" in {each.id for each in about_remote(remote, split=split)}

    assert about_remote(two, split=False)[-1] == message("note.rpc-split-by-all-memory", devices=("rpc0",))
    assert not is_said(cards, split=False)
    assert not is_said(asked, split=False)
    assert not is_said(two, split=True)
    assert not is_said(one, split=False)


def test_two_servers_that_share_each_layer_must_reach_each_other() -> None:
    """
    The second connects to the first at a port 1000 above; two devices of one server and three servers do not talk.
    """
    both = remote_devices(("a:50052=1GiB", "b:50053=1GiB"), most=16)

    found = about_remote(both, split=True, by_tensors=True)
    assert found[-1] == message("note.rpc-servers-talk", host="a", port=51052, address="b:50053")
    for given, by_tensors in (
        (("a:1=1GiB", "b:1=1GiB"), False),
        (("a:1=1GiB", "a:1=1GiB"), True),
        (("a:1=1GiB", "b:1=1GiB", "c:1=1GiB"), True),
    ):
        others = about_remote(remote_devices(given, most=16), split=True, by_tensors=by_tensors)
        assert {one.id for one in others} == {"note.rpc-device"}


@pytest.mark.parametrize(
    ("outcome", "problem", "hint"),
    [
        ("unresolved", "error.rpc-unresolved", "hint.rpc-address"),
        ("refused", "error.rpc-refused", "hint.rpc-start"),
        ("unreachable", "error.rpc-unreachable", "hint.rpc-address"),
        ("silent", "error.rpc-silent", "hint.rpc-size"),
        ("closed", "error.rpc-closed", "hint.rpc-address"),
        ("foreign", "error.rpc-foreign", "hint.rpc-address"),
        ("ok", "error.rpc-no-devices", "hint.rpc-start"),
    ],
)
def test_a_server_that_does_not_answer_is_named_with_what_to_do(
    outcome: Outcome, problem: str, hint: str
) -> None:
    """
    The question could not be answered: exit code 1, not that of a wrong question.
    """
    with pytest.raises(LlmprobeError) as raised:
        with_asking(("box:1",), most=16, ask=lambda _host, _port: RpcServer(outcome=outcome))

    assert raised.value.message.id == problem
    assert raised.value.hint is not None
    assert raised.value.hint.id == hint
    assert raised.value.exit_code == 1


@pytest.mark.parametrize(
    ("version", "is_refused"),
    [((8, 0, 0), False), ((8, 0, 3), False), ((8, 1, 0), True), ((7, 0, 0), True), ((9, 0, 0), True)],
)
def test_another_protocol_is_refused_as_llama_cpp_does(
    version: tuple[int, int, int], is_refused: bool
) -> None:
    """
    Another first number, and a second one that is larger than ours: the figures of b11549 would not be those.
    """
    found = RpcServer(outcome="ok", version=version, devices=(card(GIB),))
    if not is_refused:
        assert len(with_asking(("box:1",), most=16, ask=lambda _host, _port: found).devices) == 1
        return
    with pytest.raises(LlmprobeError) as raised:
        with_asking(("box:1",), most=16, ask=lambda _host, _port: found)

    assert raised.value.message == message(
        "error.rpc-version", address="box:1", version=".".join(map(str, version)), ours="8.0"
    )


def test_more_devices_than_llama_cpp_takes_are_refused_when_asked_for() -> None:
    """
    Two servers of two devices each are four.
    """
    with pytest.raises(UsageError) as raised:
        with_asking(("a:1", "b:1"), most=3, ask=lambda _host, _port: server(card(GIB), card(GIB)))

    assert raised.value.message == message("error.rpc-too-many", given=4, most=3)


@pytest.mark.parametrize("given", ["[fe80::1]:50052=8GiB", "[::1]:50052"])
def test_an_address_that_llama_cpp_does_not_read_is_refused(given: str) -> None:
    """
    It takes the text before the first colon for the host (``parse_endpoint``).
    """
    with pytest.raises(UsageError) as raised:
        remote_devices((given,), most=16)

    assert raised.value.message.id == "error.rpc-no-ipv6"


def test_a_card_that_is_named_has_its_bandwidth_behind_an_assumed_network() -> None:
    """
    An RTX 3090 reads 936 GB/s (NVIDIA's data sheet); nobody says how fast the network is, so that a gigabit is taken,
    and both are said. Without a name neither is known.
    """
    found = with_asking(("box:1=RTX 3090", "box:2"), most=16, ask=lambda _host, _port: server(card(20 * GIB)))
    named, unnamed = found.devices

    assert (named.bandwidth_bytes_per_s, named.network) == (936_000_000_000, USUAL_NETWORK)
    assert USUAL_NETWORK.bytes_per_s == 125_000_000
    assert (unnamed.bandwidth_bytes_per_s, unnamed.network) == (None, None)
    assert about_remote(found, split=True) == (
        message(
            "note.rpc-card",
            device="rpc0",
            card="NVIDIA GeForce RTX 3090",
            address="box:1",
            bytes=20 * GIB,
            rate=936_000_000_000,
            network=125_000_000,
        ),
        message("note.rpc-device-asked", device="rpc1", address="box:2", bytes=20 * GIB),
    )
