"""
Where the file of a choice comes from: here, from a repository, or made; with its size and the room for it.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.host import ModelDisk
from llmprobe.facts.machine import EngineOnMachine, Snapshot, SourceReport
from llmprobe.facts.model import Folder, Gguf
from llmprobe.model.loading import load
from llmprobe.tasks.making import lines
from llmprobe.tasks.origins import origin
from llmprobe.units import GIB
from tests.advise.machines import machine
from tests.engines.choices import choice

QWEN = load("qwen3-8b")
ASKED = (SourceReport(name="engine:llamacpp", status="absent"),)


def disk(free: int | None, *kept: str) -> ModelDisk:
    return ModelDisk(directory="/home", free_bytes=free, engines=kept, evidence=("psutil:disk_usage /home",))


def here(**changes: Any) -> Snapshot:
    return msgspec.structs.replace(machine(()), this_machine=True, **changes)


def test_a_file_that_is_here_needs_nothing() -> None:
    """
    Neither a place nor room.
    """
    found = origin("llama.cpp", choice(on_disk="/m/a.gguf"), QWEN, "cuda", here())

    assert (found.file, found.here, found.command, found.size_bytes) == ("/m/a.gguf", True, None, None)


def test_a_published_file_has_its_place_and_room() -> None:
    """
    Room is that of the file system on which this engine keeps what it fetches.
    """
    disks = (disk(3 * GIB, "ollama"), disk(9 * GIB, "huggingface"))
    found = origin("llama.cpp", choice(download_bytes=5 * GIB), QWEN, "cuda", here(disks=disks))
    other = origin("ollama", choice(download_bytes=5 * GIB), QWEN, "cuda", here(disks=disks))

    assert (found.repository, found.tag, found.certain) == ("unsloth/Qwen3-8B-GGUF", "Q4_K_M", False)
    assert (found.here, found.size_bytes, found.free_bytes, found.has_room) == (
        False,
        5 * GIB,
        9 * GIB,
        True,
    )
    assert (other.name, other.repository, other.certain) == ("qwen3:8b-q4_K_M", None, True)
    assert other.has_room is False


@pytest.mark.parametrize("disks", [(), (disk(None, "huggingface"),), (disk(9 * GIB, "lmstudio"),)])
def test_room_that_nobody_measured_is_unknown(disks: tuple[ModelDisk, ...]) -> None:
    """
    Never "enough", never "too little".
    """
    found = origin("llama.cpp", choice(download_bytes=5 * GIB), QWEN, "cuda", here(disks=disks))

    assert found.has_room is None


def test_a_recorded_machine_is_not_said_to_lack_the_file() -> None:
    """
    Its files are not here to be looked for.
    """
    recorded = msgspec.structs.replace(here(), this_machine=False)

    assert origin("llama.cpp", choice(), QWEN, "cuda", recorded).here is None


def test_what_nobody_publishes_is_made() -> None:
    """
    It takes the room of the download and of the converted file, 4 bytes for each parameter, and its own.
    """
    size = 2 * GIB
    for free, room in ((size + 4 * QWEN.file_parameters, True), (size + 4 * QWEN.file_parameters - 1, False)):
        snapshot = here(disks=(disk(free, "huggingface"),))
        found = origin("llama.cpp", choice(quant="IQ2_XS", download_bytes=size), QWEN, "cuda", snapshot)
        assert (found.command, found.repository, found.has_room) == (None, None, room)
    assert found.how is not None
    assert found.how.id == "obtain.make"
    assert found.make == lines(QWEN, "IQ2_XS")


@pytest.mark.parametrize(
    ("quant", "last"),
    [
        ("Q4_K_M", "llama-quantize Qwen3-8B-BF16.gguf Qwen3-8B-Q4_K_M.gguf Q4_K_M"),
        (
            "IQ2_XXS",
            "llama-quantize --imatrix imatrix.gguf Qwen3-8B-BF16.gguf Qwen3-8B-IQ2_XXS.gguf IQ2_XXS",
        ),
        ("F16", "python convert_hf_to_gguf.py Qwen3-8B --outtype f16 --outfile Qwen3-8B-F16.gguf"),
    ],
)
def test_how_a_file_is_made(quant: str, last: str) -> None:
    """
    Downloaded, converted and quantized, with an importance matrix where llama-quantize asks for one.
    """
    steps = lines(QWEN, quant)

    assert steps[0] == "hf download Qwen/Qwen3-8B --local-dir Qwen3-8B"
    assert steps[-1] == last
    assert any(step.startswith("llama-imatrix") for step in steps) is quant.startswith("IQ2")


def test_a_publishers_own_mixture_cannot_be_made() -> None:
    """
    llama-quantize has no such type.
    """
    assert lines(QWEN, "UD-Q4_K_XL") == ()
    model = msgspec.structs.replace(QWEN, published=None)
    found = origin("llama.cpp", choice(quant="UD-Q4_K_XL"), model, "cuda", here())

    assert found.how is not None
    assert found.how.id == "obtain.unknown"


def test_a_folder_is_converted_where_it_is() -> None:
    """
    Nothing is downloaded of it.
    """
    folder = msgspec.structs.replace(QWEN, source="config", path="/m/my model", repo=None)

    assert lines(folder, "Q8_0")[0].startswith("python convert_hf_to_gguf.py '/m/my model' --outtype bf16")


@pytest.mark.parametrize(("gguf", "converts"), [("dequantized", True), ("refused", False)])
def test_weights_that_the_converter_refuses_are_not_converted(gguf: Gguf, converts: bool) -> None:
    """
    A command that ends in an error is no way to a file.
    """
    weights = Folder(format="AWQ", bytes=None, basis="assumed", engines=(), gguf=gguf)
    model = msgspec.structs.replace(QWEN, source="config", path="/m/qwen-awq", repo=None, folder=weights)

    assert bool(lines(model, "Q8_0")) is converts


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"sources": ASKED}, ["obtain.install"]),
        ({"sources": ASKED, "engines": (EngineOnMachine(name="llama.cpp", installed=False),)}, ["obtain.install"]),
        ({"sources": ASKED, "engines": (EngineOnMachine(name="llama.cpp", installed=True),)}, []),
        ({"sources": ASKED, "engines": (EngineOnMachine(name="llama.cpp", installed=None),)}, []),
        ({"sources": (SourceReport(name="engine:llamacpp", status="timeout"),)}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_an_engine_that_was_not_found_is_to_be_installed(changes: dict[str, Any], needed: list[str]) -> None:
    """
    Only where it was looked for, here, and not seen.
    """
    found = origin("llama.cpp", choice(), QWEN, "cuda", here(**changes))
    elsewhere = msgspec.structs.replace(here(**changes), this_machine=False)

    assert [need.id for need in found.needs] == needed
    assert origin("llama.cpp", choice(), QWEN, "cuda", elsewhere).needs == ()


def test_a_model_without_a_source_cannot_be_made() -> None:
    """
    A fine-tune that is known by its name alone: nobody can say where it is.
    """
    found = origin("llama.cpp", choice(), load("Qwen3-14B-Abliterated-Foo"), "cuda", here())

    assert found.how is not None
    assert found.how.id == "obtain.nowhere"
    assert found.make == ()


def test_a_fine_tune_is_made_of_its_own_weights() -> None:
    """
    Those of the repository that was typed.
    """
    made = origin("llama.cpp", choice(), load("huihui-ai/Qwen3-8B-abliterated"), "cuda", here()).make

    assert made[0] == "hf download huihui-ai/Qwen3-8B-abliterated --local-dir Qwen3-8B-abliterated"
