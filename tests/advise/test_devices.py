"""
What a device is to an engine: its link among it, its number, and what keeps the engine from using others.
"""

from typing import Any

import msgspec
import pytest

from benchmarks.budgets_words import llama_cpp
from llmprobe import engines
from llmprobe.advise.recommend import recommend
from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.facts.recommendation import Choice, Recommendation, Wishes
from llmprobe.machine.pcie import pcie_link
from llmprobe.site.devices import MOST_DEVICES, device_of, listed
from llmprobe.site.site import survey
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, LLAMA_70B, machine, model
from tests.machine_fixtures import replayed

MACHINE = machine((23.5,))


def linked(value: Any) -> Snapshot:
    link = None if value is None else pcie_link(**value)
    gpu = msgspec.structs.replace(MACHINE.accelerators[0], index=0, link=link)
    return msgspec.structs.replace(MACHINE, accelerators=(gpu,))


@pytest.mark.parametrize(
    ("link", "gigabytes"),
    [
        ({"width": 16, "max_generation": 4}, 31.5),
        ({"width": 4, "max_generation": 3}, 3.9),
        ({"width": 16, "generation": 1}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_link_is_lanes_by_generation(link: Any, gigabytes: float | None) -> None:
    """
    16 lanes of PCIe 4.0 carry 31.5 GB/s; what does not say both has no known speed.
    """
    snapshot = linked(link)
    speed = device_of(snapshot.accelerators[0], 5).link_bytes_per_s

    assert (speed and round(speed / 1e9, 1)) == gigabytes


def test_a_device_has_what_its_accelerator_says() -> None:
    """
    Name, backend, memory and bandwidth come from the snapshot.
    """
    gpu = MACHINE.accelerators[0]
    device = device_of(gpu, 5)

    assert (device.id, device.backend, device.free_bytes) == (gpu.id, "cuda", 5)
    assert device.bandwidth_bytes_per_s == gpu.bandwidth_bytes_per_s
    assert device.link_bytes_per_s is None


def best(snapshot: Snapshot, hparams: Any = LLAMA_8B) -> Choice:
    return asked(snapshot, hparams).choices[0]


def asked(snapshot: Snapshot, hparams: Any = LLAMA_8B) -> Recommendation:
    wishes = Wishes(ctx_size=4096, quants=("Q4_K_M",))
    return recommend(model("llama", hparams), snapshot, wishes, engines.commands("llama.cpp"))


def changed(snapshot: Snapshot, number: int, **changes: Any) -> Snapshot:
    found: list[Accelerator] = list(snapshot.accelerators)
    found[number] = msgspec.structs.replace(found[number], **changes)
    return msgspec.structs.replace(snapshot, accelerators=tuple(found))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("linux-2-radeon-one-asleep", " --device ROCm0 "),
        (
            "linux-lab-5-cards-256g",
            "CUDA_VISIBLE_DEVICES=GPU-00000001-0000-0000-0000-000000000000 llama-server ",
        ),
        (
            "linux-2x3090-64g-one-lost",
            "CUDA_VISIBLE_DEVICES=GPU-00000001-0000-0000-0000-000000000000 llama-server ",
        ),
    ],
)
def test_a_card_that_is_not_to_be_used_is_kept_from_the_engine(name: str, words: str) -> None:
    """
    One that is asleep, has another program or is lost is listed all the same, and would get layers.
    """
    snapshot, spec = replayed(name), model("llama", LLAMA_8B)
    choice = best(snapshot)
    line = choice.commands["llama.cpp"]
    (used,) = (one for one in snapshot.accelerators if one.usable)

    assert words in line
    assert [one.id for one in llama_cpp(line, snapshot, spec, used.backend).hardware.devices] == [used.id]


def test_one_card_that_is_all_needs_no_words() -> None:
    """
    An engine uses it by itself.
    """
    choice = best(machine((24,)))

    assert (choice.use_devices, choice.environment) == (None, {})
    assert "--device" not in choice.commands["llama.cpp"]


def test_unlike_cards_are_numbered_as_they_are_here() -> None:
    """
    Left alone CUDA numbers the fastest first, and the split would be for the wrong cards.
    """
    unlike = changed(machine((20, 40)), 0, name="another GPU")
    choice = best(unlike, LLAMA_70B)

    assert len(choice.tensor_split) == 2
    assert choice.commands["llama.cpp"].startswith("CUDA_DEVICE_ORDER=PCI_BUS_ID llama-server ")


def test_like_cards_need_no_order() -> None:
    """
    Of equals no one is the fastest.
    """
    assert best(machine((20, 40)), LLAMA_70B).environment == {}


def test_a_card_without_a_uuid_is_left_out_by_numbers() -> None:
    """
    On Windows likewise, where no variable stands before a command.
    """
    busy = {"usable": False, "why_not": "busy"}
    unnamed = changed(changed(machine((24, 24)), 0, **busy), 1, uuid=None)
    windows = changed(machine((24, 24)), 0, **busy)
    windows = msgspec.structs.replace(windows, host=msgspec.structs.replace(windows.host, system="win32"))

    assert best(unnamed).commands["llama.cpp"].count("--device CUDA1 ") == 1
    assert best(windows).commands["llama.cpp"].startswith("llama-server ")
    assert "--device CUDA1 " in best(windows).commands["llama.cpp"]


def test_what_a_variable_hides_is_not_listed() -> None:
    """
    It has no number, and needs no word.
    """
    hidden = changed(machine((24, 24)), 1, usable=False, hidden_by="CUDA_VISIBLE_DEVICES")

    assert [one.id for one in listed(hidden, "cuda")] == ["gpu0"]
    assert best(hidden).use_devices is None


def test_vulkan_lists_everything_cards_first() -> None:
    """
    Those of other backends too, in the order of the bus, integrated graphics last.
    """
    three = machine((24, 24, 8))
    three = changed(three, 0, backend="vulkan", integrated=True, pci="0000:00:02.0")
    three = changed(three, 1, backend="cuda", pci="0000:41:00.0")
    three = changed(three, 2, backend="vulkan", pci="0000:03:00.0")

    assert [one.id for one in listed(three, "vulkan")] == ["gpu2", "gpu1", "gpu0"]


@pytest.mark.parametrize(
    ("backend", "variable"),
    [
        ("cuda", "CUDA_VISIBLE_DEVICES"),
        ("rocm", "HIP_VISIBLE_DEVICES"),
        ("vulkan", "GGML_VK_VISIBLE_DEVICES"),
    ],
)
def test_more_devices_than_llama_cpp_takes_are_left_out(backend: str, variable: str) -> None:
    """
    It ends where it sees more than 16, so that the others are hidden from it, and that is said.
    """
    many = machine((2,) * 20)
    vendor = "nvidia" if backend == "cuda" else "amd"
    for number in range(20):
        many = changed(many, number, backend=backend, vendor=vendor)
    answer = asked(many, LLAMA_8B)
    (choice,) = answer.choices

    assert max(map(len, survey(many, Wishes()).device_sets)) == MOST_DEVICES
    assert len(choice.environment[variable].split(",")) == len(choice.devices) - 1
    assert message("note.most-devices", most=16, found=20) in answer.notes


def test_equal_cards_are_named_by_their_numbers() -> None:
    """
    Nothing is unsure about them, and a short command is easier to read.
    """
    line = best(machine((24, 24))).commands["llama.cpp"]

    assert line.startswith("llama-server ")
    assert " --device CUDA0 " in line


def test_the_faster_of_unlike_cards_is_named_by_its_uuid() -> None:
    """
    It is the second here and the first for CUDA.
    """
    unlike = changed(machine((24, 24)), 0, name="an old GPU", bandwidth_bytes_per_s=200_000_000_000)

    assert best(unlike).commands["llama.cpp"].startswith("CUDA_VISIBLE_DEVICES=GPU-1 llama-server ")


def test_an_instance_is_shown_alone() -> None:
    """
    The variable that names it leaves nothing to choose from.
    """
    choice = best(machine((24, 24), mig=True))

    assert choice.environment == {"CUDA_VISIBLE_DEVICES": "MIG-0"}
    assert choice.use_devices is None


def test_of_equal_devices_the_first_are_taken() -> None:
    """
    Alone one stands for all, and of several the last is left out first.
    """
    sets = survey(machine((8, 8, 8)), Wishes()).device_sets

    assert [tuple(one.id for one in devices) for devices in sets] == [
        ("gpu0", "gpu1", "gpu2"),
        ("gpu0", "gpu1"),
        ("gpu0",),
        (),
    ]
