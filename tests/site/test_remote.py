"""
Devices behind rpc-servers as people give them.
"""

from typing import Any

import pytest

from llmprobe.errors import UsageError
from llmprobe.site.remote import about_remote, remote_devices
from llmprobe.units import GIB
from llmprobe.words.message import message


def test_each_has_its_address_its_memory_and_who_serves_it() -> None:
    """
    CUDA serves unless another is named; the order is kept.
    """
    found = remote_devices(
        ("10.0.0.2:50052=24GiB", "box.lan:1=64GiB:cpu", "[fe80::1]:65535=8GB:vulkan"), most=16
    )

    assert [(one.id, one.kind, one.name, one.free_bytes, one.pool) for one in found] == [
        ("rpc0", "rpc", "10.0.0.2:50052", 24 * GIB, "rpc0"),
        ("rpc1", "rpc-cpu", "box.lan:1", 64 * GIB, "rpc1"),
        ("rpc2", "rpc-vulkan", "[fe80::1]:65535", 8 * GIB, "rpc2"),
    ]
    assert about_remote(found)[1] == message(
        "note.rpc-device", device="rpc1", address="box.lan:1", bytes=64 * GIB
    )


@pytest.mark.parametrize(
    "given",
    [
        "",
        "10.0.0.2",
        "10.0.0.2:50052",
        "10.0.0.2=24GiB",
        ":50052=24GiB",
        "a:0=1GiB",
        "a:65536=1GiB",
        "a b:1=1GiB",
    ],
)
def test_what_is_no_device_is_refused_in_words(given: str) -> None:
    """
    Each lacks the address, the port or the size, or has one that cannot be.
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
