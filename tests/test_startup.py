"""
A start imports nothing that it does not use.
"""

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from llmprobe.cli import main

ROOT = Path(__file__).parent.parent
MACHINES = ROOT / "fixtures" / "machines"
NEVER = {
    *("rich", "textual", "http", "urllib.request", "asyncio", "logging", "dataclasses", "importlib.metadata"),
    "email",
}
NOT_FOR_A_LOOK = {"hashlib", "json", "queue"}
ASKS_THE_MACHINE = {"psutil", "cpuinfo", "pynvml", "subprocess", "multiprocessing"}
WITHOUT_DEVICES = "linux-laptop-nogpu-16g"
DESCRIBE_DEVICES = {
    "llmprobe.machine.probes.amd.device",
    "llmprobe.machine.probes.nvidia.device",
    "llmprobe.machine.probes.nvidia.present",
}
SCRIPT = """
import sys
from llmprobe.cli import main
code = main(sys.argv[1:])
print("modules:", *sys.modules, file=sys.stderr)
raise SystemExit(code)
"""
GARBAGE = """
import gc
import sys
from llmprobe.cli import main
main()
print(gc.get_threshold()[0], gc.get_freeze_count() > 0, file=sys.stderr)
"""


def imported_by(*arguments: str) -> set[str]:
    """
    Return the modules that are loaded when ``llmprobe`` ends with these arguments.
    """
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert result.returncode in (0, 3), result.stderr
    *_, line = result.stderr.splitlines()
    return set(line.removeprefix("modules: ").split())


@pytest.mark.live
def test_help_imports_nothing_heavy() -> None:
    """
    ``llmprobe --help`` loads neither what prints for people nor what asks the machine.
    """
    assert imported_by("--help") & (NEVER | ASKS_THE_MACHINE) == set()


@pytest.mark.live
def test_check_of_this_machine_imports_nothing_heavy() -> None:
    """
    ``check --json`` asks the machine, and loads nothing that prints for people or talks over the network.
    """
    assert imported_by("check", "--json") & (NEVER | NOT_FOR_A_LOOK) == set()


@pytest.mark.live
@pytest.mark.skipif(
    sys.platform != "linux"
    or Path("/proc/driver/nvidia").exists()
    or Path("/dev/dxg").exists()
    or any(path.read_text().strip() == "0x10de" for path in Path("/sys/bus/pci/devices").glob("*/vendor")),
    reason="an NVIDIA device may be here",
)
def test_nvml_is_not_loaded_without_a_device() -> None:
    """
    Where no NVIDIA device can be, its library is not even imported.
    """
    assert "pynvml" not in imported_by("check", "--json")


@pytest.mark.live
@pytest.mark.parametrize("command", [("check", "--json"), ("recommend", "--model", "llama3-8b", "--json")])
def test_a_hypothetical_machine_asks_nothing_of_this_one(command: tuple[str, ...]) -> None:
    """
    For a machine that nobody has, no library that asks this one is loaded.
    """
    loaded = imported_by("--gpu", "RTX 4090", "--ram", "64GiB", *command)

    assert loaded & (NEVER | ASKS_THE_MACHINE) == set()


@pytest.mark.live
@pytest.mark.parametrize(
    "recording", sorted(MACHINES.glob("*/recording.json"))[:1], ids=lambda path: path.parent.name
)
def test_a_replay_asks_nothing_of_this_machine(recording: Path) -> None:
    """
    A replay loads no library that could ask the machine it runs on.
    """
    assert imported_by("--replay", str(recording), "check", "--json") & (NEVER | ASKS_THE_MACHINE) == set()


@pytest.mark.live
def test_check_loads_nothing_that_weighs_a_model() -> None:
    """
    ``check --json`` loads neither models nor what estimates them.
    """
    loaded = imported_by("check", "--json")

    weighing = ("llmprobe.estimation", "llmprobe.model.", "llmprobe.facts.model")
    assert {name for name in loaded if name.startswith(weighing)} == set()


@pytest.mark.live
def test_devices_that_are_not_there_load_nothing() -> None:
    """
    On a machine without NVIDIA and AMD devices, nothing is loaded that describes one.
    """
    loaded = imported_by("--replay", str(MACHINES / WITHOUT_DEVICES / "recording.json"), "check", "--json")

    assert loaded & DESCRIBE_DEVICES == set()


@pytest.mark.live
def test_how_gpus_are_spelled_is_not_loaded_without_gpu() -> None:
    """
    Names are compared, and the whole table of devices read, for ``--gpu`` alone.
    """
    replay = ("--replay", str(MACHINES / "linux-4090-64g" / "recording.json"))
    spelling = {"llmprobe.machine.gpu_spelling", "llmprobe.machine.gpu_names", "llmprobe.machine.cpu_table"}

    for command in (("check", "--json"), ("recommend", "--model", "qwen3-0.6b", "--json")):
        assert imported_by(*replay, *command) & spelling == set()


@pytest.mark.live
def test_one_language_is_loaded() -> None:
    """
    The sentences of the run's language, and of no other.
    """
    replay = ("--replay", str(MACHINES / WITHOUT_DEVICES / "recording.json"), "check", "--json")
    catalogues = {"llmprobe.words.en", "llmprobe.words.ja"}

    assert imported_by("--lang", "en", *replay) & catalogues == {"llmprobe.words.en"}
    assert imported_by("--lang", "ja", *replay) & catalogues == {"llmprobe.words.ja"}


@pytest.mark.live
def test_relatives_load_no_other_architectures() -> None:
    """
    Where a model does not fit, its smaller relatives are named without a look into every architecture.
    """
    replay = ("--replay", str(MACHINES / WITHOUT_DEVICES / "recording.json"))
    loaded = imported_by(*replay, "recommend", "--model", "llama3-70b", "--json")

    families = {name for name in loaded if name.startswith("llmprobe.model.archs.") and "._" not in name}
    assert families == {"llmprobe.model.archs.llama"}


@pytest.mark.live
def test_a_process_of_ours_searches_for_garbage_rarely() -> None:
    """
    The program raises the number of objects that sets off a search for garbage, and ends without one.
    """
    result = subprocess.run(
        [sys.executable, "-c", GARBAGE, "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert result.stderr.split() == ["300000", "True"]


def test_a_program_that_calls_main_keeps_its_garbage_collection(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Called with arguments, ``main`` changes nothing in the process of another program.
    """
    before = gc.get_threshold(), gc.get_freeze_count()

    assert main(["--version"]) == 0
    assert capsys.readouterr().out != ""
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
