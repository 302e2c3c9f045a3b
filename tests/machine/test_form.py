"""
What a machine takes: cards in desktops and servers, not in laptops and Macs; RAM in slots, not where it is soldered.
"""

import msgspec
import pytest

import llmprobe
from llmprobe.facts.host import HostMemory, MemoryModules
from llmprobe.facts.machine import Cpu, Partition, Snapshot
from llmprobe.machine.form import is_mobile, is_server, no_card, no_ram
from llmprobe.units import GIB
from llmprobe.words.message import Message
from tests.advise.machines import machine, unified
from tests.machine_fixtures import replayed


def with_cpu(name: str | None) -> Snapshot:
    snapshot = machine()
    return msgspec.structs.replace(snapshot, host=msgspec.structs.replace(snapshot.host, cpu=Cpu(name=name)))


@pytest.mark.parametrize(
    ("name", "mobile"),
    [
        ("Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz", True),
        ("11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz", True),
        ("12th Gen Intel(R) Core(TM) i7-12700H", True),
        ("Intel(R) Core(TM) i7-7700HQ CPU @ 2.80GHz", True),
        ("Intel(R) Core(TM) i7-4710MQ CPU @ 2.50GHz", True),
        ("13th Gen Intel(R) Core(TM) i9-13980HX", True),
        ("12th Gen Intel(R) Core(TM) i7-1260P", True),
        ("Intel(R) Core(TM) Ultra 7 155H", True),
        ("Intel(R) Core(TM) Ultra 7 258V", True),
        ("AMD Ryzen 7 7840HS w/ Radeon 780M Graphics", True),
        ("AMD Ryzen 7 PRO 7840U w/ Radeon 780M Graphics", True),
        ("AMD Ryzen 9 7945HX with Radeon Graphics", True),
        ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", True),
        ("Intel(R) N100", True),
        ("13th Gen Intel(R) Core(TM) i7-13700K", False),
        ("12th Gen Intel(R) Core(TM) i5-12400F", False),
        ("Intel(R) Core(TM) i7-8700T CPU @ 2.40GHz", False),
        ("Intel(R) Core(TM) i9-9900X CPU @ 3.50GHz", False),
        ("Intel(R) Core(TM) i7-7700K CPU @ 4.20GHz", False),
        ("Intel(R) Core(TM) Ultra 9 285K", False),
        ("AMD Ryzen 5 5600 6-Core Processor", False),
        ("AMD Ryzen 5 5600G with Radeon Graphics", False),
        ("AMD Ryzen 7 9800X3D 8-Core Processor", False),
        ("AMD Ryzen 9 7950X 16-Core Processor", False),
        ("AMD EPYC 7302 16-Core Processor", False),
        ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", False),
        (None, False),
    ],
)
def test_the_letters_of_a_processor_tell_a_laptop(name: str | None, *, mobile: bool) -> None:
    """
    U, P, H, HX, G7 of Intel and U, HS, HX of AMD are soldered; K, F, T, X, G and none are not.
    """
    assert is_mobile(with_cpu(name)) is mobile


@pytest.mark.parametrize(
    ("gpu", "mobile"),
    [
        ("RTX 4060 Laptop GPU", True),
        ("RTX A2000 Laptop GPU", True),
        ("RTX 4060", False),
        ("RTX A6000", False),
    ],
)
def test_the_name_of_a_card_tells_a_laptop(gpu: str, *, mobile: bool) -> None:
    """
    Its maker says so in the name.
    """
    assert is_mobile(llmprobe.probe(gpus=gpu, ram_bytes=32 * GIB)) is mobile


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("AMD EPYC 7302 16-Core Processor", True),
        ("Intel(R) Xeon(R) Platinum 8480+", True),
        ("AMD Ryzen Threadripper PRO 5965WX 24-Cores", True),
        ("AMD Ryzen 9 7950X 16-Core Processor", False),
        (None, False),
    ],
)
def test_the_name_of_a_processor_tells_a_server(name: str | None, *, server: bool) -> None:
    """
    With many lanes and many modules.
    """
    assert is_server(with_cpu(name)) is server


def id_of(why: Message | None) -> str | None:
    return None if why is None else why.id


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("macos-m3max-64g", "upgrade.no-card-mac"),
        ("macos-intel-5500m-32g", "upgrade.no-card-mac"),
        ("linux-strix-halo-128g", "upgrade.no-card-shared"),
        ("linux-gh200-480g", "upgrade.no-card-superchip"),
        ("linux-h100-mig", "upgrade.no-card-part"),
        ("linux-vgpu-a40-24q", "upgrade.no-card-part"),
        ("linux-4060laptop-8g-32g", "upgrade.no-card-laptop"),
        ("linux-laptop-nogpu-16g", "upgrade.no-card-laptop"),
        ("linux-4090-64g", None),
        ("linux-uhd770-desktop-64g", None),
        ("linux-container-8g", None),
    ],
)
def test_what_is_against_a_card(name: str, why: str | None) -> None:
    """
    A desktop and a server take one; a graphics part of the processor that nobody uses is no hindrance.
    """
    assert id_of(no_card(replayed(name))) == why


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("macos-m3max-64g", "upgrade.no-ram-soldered"),
        ("linux-strix-halo-128g", "upgrade.no-ram-soldered"),
        ("linux-gh200-480g", "upgrade.no-ram-soldered"),
        ("linux-laptop-nogpu-16g", "upgrade.no-ram-soldered"),
        ("linux-container-8g", "upgrade.no-ram-limited"),
        ("linux-laptop-single-channel-8g", None),
        ("linux-4090-64g", None),
        ("linux-wsl2-4070tisuper-16g", None),
    ],
)
def test_what_is_against_more_ram(name: str, why: str | None) -> None:
    """
    Soldered memory, which LPDDR is, and the limit of a container.
    """
    assert id_of(no_ram(replayed(name))) == why


def test_modules_beside_memory_of_unknown_size() -> None:
    """
    Nothing is added to what nobody knows; modules in slots take more, LPDDR does not.
    """
    plain = machine()
    none = msgspec.structs.replace(plain, pools=())
    modules = MemoryModules(count=2, channels=2, kind="LPDDR5", evidence=())
    soldered = msgspec.structs.replace(
        plain, host=msgspec.structs.replace(plain.host, memory=HostMemory(modules=modules))
    )

    assert id_of(no_ram(none)) == "upgrade.no-ram-unknown"
    assert id_of(no_ram(soldered)) == "upgrade.no-ram-soldered"
    assert id_of(no_ram(unified(52, 48))) == "upgrade.no-ram-soldered"
    assert no_ram(plain) is None


def test_a_lent_part_of_a_card_is_no_place_for_another() -> None:
    """
    Whoever lends it decides.
    """
    snapshot = machine((24,))
    part = msgspec.structs.replace(snapshot.accelerators[0], partition=Partition(kind="vgpu"))

    assert id_of(no_card(msgspec.structs.replace(snapshot, accelerators=(part,)))) == "upgrade.no-card-part"
    assert no_card(snapshot) is None
