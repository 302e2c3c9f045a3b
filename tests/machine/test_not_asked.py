"""
Not asked is not "not there": where nobody looked for a GPU, none is denied, and no command leaves one out.
"""

import pytest

import llmprobe
from llmprobe.facts.answer import Answer, Platform
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Wishes
from llmprobe.machine import probing
from llmprobe.machine.snapshot import collect
from llmprobe.site.site import survey
from llmprobe.source.recording import Recording
from llmprobe.source.recording.replay import Replay
from tests.machine.fake import GIB, FakeSource, card, nvidia_machine, plain_host
from tests.machine.probes.test_amd import machine, radeon
from tests.machine_fixtures import replayed

PLAIN = {
    "psutil:virtual_memory": {"total": 32 * GIB, "available": 28 * GIB},
    "psutil:cpu_count": 16,
    "psutil:cpu_count_cores": 8,
}


def ids(snapshot: Snapshot) -> set[str]:
    return {finding.id for finding in snapshot.findings}


@pytest.mark.parametrize(
    "system", ["freebsd14", "freebsd15", "openbsd7", "netbsd10", "sunos5", "cygwin", "haiku1"]
)
def test_a_system_without_a_probe_of_gpus_says_so(system: str) -> None:
    """On none of them is a GPU denied; where psutil reads memory and processor they are known."""
    snapshot = collect(FakeSource(PLAIN, Platform(system=system, machine="amd64")))
    ram = snapshot.pool("ram")

    assert "gpu-not-looked-for" in ids(snapshot)
    assert "no-gpu" not in ids(snapshot)
    assert [each.status for each in snapshot.sources if each.name == "gpus"] == ["unsupported"]
    if "bsd" in system:
        assert ram is not None
        assert (ram.total_bytes, snapshot.host.cpu.physical_cores) == (32 * GIB, 8)


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_each_system_with_a_probe_of_all_gpus_may_deny_one(system: str) -> None:
    """There the list of all GPUs was read and is empty."""
    applying = [probe for probe in probing.all_probes() if probe.applies(system)]

    assert any(probe.lists_gpus for probe in applying)
    assert system in probing.LISTED_SYSTEMS
    assert len(probing.LISTED_SYSTEMS) == 3
    assert all(not probe.applies("plan9") for probe in probing.all_probes())


@pytest.mark.parametrize("status", ["denied", "failed", "timeout", "not_recorded"])
def test_a_list_of_gpus_that_did_not_answer_denies_none(status: str) -> None:
    """Whatever kept it from answering; the note says what the commands do then."""
    answers = plain_host() | {"list:/sys/bus/pci/devices": Answer(status=status)}  # type: ignore[arg-type]
    snapshot = collect(FakeSource(answers))
    site = survey(snapshot, Wishes())

    assert "no-gpu" not in ids(snapshot)
    assert "gpu-not-looked-for" in ids(snapshot)
    assert site.unsure
    assert "note.gpu-unknown" in {note.id for note in site.notes}


def test_a_card_whose_memory_did_not_answer_in_time_is_not_denied() -> None:
    """It is there, and may well be usable."""
    path = "/sys/bus/pci/devices/0000:03:00.0/mem_info_vram_total"
    snapshot = collect(FakeSource(machine(radeon()) | {f"read:{path}": Answer(status="timeout")}))

    assert [each.usable for each in snapshot.accelerators] == [False]
    assert "gpu-not-looked-for" in ids(snapshot)
    assert "no-gpu" not in ids(snapshot)
    assert survey(snapshot, Wishes()).unsure


def test_a_recording_of_something_else_denies_no_gpu() -> None:
    """What a recording does not cover was not looked at."""
    recording = Recording(platform=Platform(system="linux", machine="x86_64"), covers=("/proc", "env"))
    snapshot = collect(Replay(recording))

    assert "no-gpu" not in ids(snapshot)
    assert "gpu-not-looked-for" in ids(snapshot)


def test_a_machine_that_was_looked_at_in_full_is_sure() -> None:
    """With a card and without one."""
    with_card = collect(FakeSource(plain_host() | nvidia_machine(card())))
    without = collect(FakeSource(plain_host() | {"list:/sys/bus/pci/devices": []}))

    assert not survey(with_card, Wishes()).unsure
    assert not survey(without, Wishes()).unsure
    assert "no-gpu" in ids(without)


@pytest.mark.parametrize("engine", ["llama.cpp", "ollama", "lmstudio"])
def test_a_command_leaves_out_no_gpu_that_nobody_looked_for(engine: str) -> None:
    """The engine uses what it finds: neither a device nor a number of layers is set, nor is fitting switched off."""
    unknown, known = (
        llmprobe.recommend(
            llmprobe.load_model("llama-3.1-8b-instruct"), replayed(machine_name), engine=engine, top=1
        ).choices[0]
        for machine_name in ("freebsd-ryzen-5700x-32g", "linux-vm-2core-24g")
    )
    line, sure = unknown.commands[engine], known.commands[engine]

    assert unknown.leaves_devices
    assert not known.leaves_devices
    assert not any(word in line for word in ("--device", "-ngl", "--fit", "num_gpu", "--gpu"))
    assert any(word in sure for word in ("--device none", "num_gpu 0", "--gpu off"))
    assert [device.id for device in unknown.devices] == ["host"]
