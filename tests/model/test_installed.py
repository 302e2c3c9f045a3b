"""
A model that an engine keeps on this disk: found by its name, offered as it is, and said where it is broken.
"""

from pathlib import Path

import msgspec
import pytest

from benchmarks.gguf_writer import header
from llmprobe import api
from llmprobe.errors import ModelError
from llmprobe.facts.machine import EngineOnMachine, ModelOnDisk, Snapshot
from llmprobe.facts.model import Tensor
from llmprobe.model import archs
from llmprobe.model.installed import load_installed, named
from llmprobe.model.loading import load
from llmprobe.model.quants import assign, typed
from llmprobe.words.message import message
from tests.advise.machines import machine

KEPT = (
    ModelOnDisk(name="qwen3:8b", kept_by=message("kept-by.ollama"), path="/blobs/a"),
    ModelOnDisk(name="tiny:latest", kept_by=message("kept-by.ollama"), path="/blobs/b"),
    ModelOnDisk(name="hf.co/acme/Small-GGUF:Q4_K_M", kept_by=message("kept-by.ollama"), path="/blobs/c"),
    ModelOnDisk(
        name="acme/Tiny-GGUF/Tiny-Q4_K_M.gguf",
        kept_by=message("kept-by.lmstudio"),
        path="/lm/Tiny-Q4_K_M.gguf",
    ),
    ModelOnDisk(name="half:1b", kept_by=message("kept-by.ollama"), problem=message("model.half-downloaded")),
    ModelOnDisk(name="half:1b", kept_by=message("kept-by.ollama"), path="/blobs/d"),
)


@pytest.mark.parametrize(
    ("typed_name", "path"),
    [
        ("qwen3:8b", "/blobs/a"),
        ("QWEN3:8B", "/blobs/a"),
        ("tiny", "/blobs/b"),
        ("tiny:latest", "/blobs/b"),
        ("acme/Small-GGUF:Q4_K_M", "/blobs/c"),
        ("Tiny-Q4_K_M", "/lm/Tiny-Q4_K_M.gguf"),
        ("Tiny-Q4_K_M.gguf", "/lm/Tiny-Q4_K_M.gguf"),
        ("acme/tiny-gguf", "/lm/Tiny-Q4_K_M.gguf"),
        ("half:1b", "/blobs/d"),
    ],
)
def test_a_kept_model_is_found_by_its_names(typed_name: str, path: str) -> None:
    """
    As its keeper prints it, without the tag that is left out, by its repository or its file; a whole one first.
    """
    found = named(typed_name, KEPT)

    assert found is not None
    assert found.path == path


@pytest.mark.parametrize("typed_name", ["qwen3", "qwen3:4b", "llama3-70b", "", "gguf"])
def test_another_name_is_not_it(typed_name: str) -> None:
    """
    Only whole names count, so that a catalogued model is not taken for a file.
    """
    assert named(typed_name, KEPT) is None


def tensors_of(quant: str) -> tuple[dict[str, object], tuple[Tensor, ...]]:
    """
    Return Qwen3 0.6B as a file holds it in a quantization.
    """
    spec = load("qwen3-0.6b")
    family = archs.get(spec.architecture)
    assert family is not None
    tensors = family.tensors(spec.hparams)
    types = assign(tensors, spec.architecture, spec.hparams, quant)
    metadata: dict[str, object] = {"general.architecture": spec.architecture, "general.file_type": 15}
    for name, value in spec.hparams.items():
        if (
            isinstance(value, int | float | str)
            and not isinstance(value, bool)
            and not name.startswith("tokenizer")
        ):
            metadata[f"{spec.architecture}.{name}"] = value
    return metadata, typed(tensors, types)


@pytest.fixture
def here(tmp_path: Path) -> Snapshot:
    """
    Return this machine with Qwen3 0.6B in Q4_K_M, as Ollama keeps it.
    """
    blob = tmp_path / "sha256-0123"
    metadata, tensors = tensors_of("Q4_K_M")
    blob.write_bytes(header(metadata, tensors))
    with blob.open("r+b") as file:
        file.truncate(2_000_000_000)
    return keeping(
        ModelOnDisk(name="qwen3:0.6b", kept_by=message("kept-by.ollama"), path=str(blob), quant="Q4_K_M")
    )


def keeping(*models: ModelOnDisk) -> Snapshot:
    snapshot = machine((11.0,))
    return msgspec.structs.replace(
        snapshot,
        this_machine=True,
        engines=(EngineOnMachine(name="ollama", installed=True, models=models, evidence=("list:/x",)),),
    )


def test_its_name_loads_the_file(here: Snapshot) -> None:
    """
    With the tensors and the quantization of the file, and a note of where it is from.
    """
    spec = api.load_model("qwen3:0.6b", snapshot=here)

    assert (spec.source, spec.quant, spec.kept_as) == ("installed", "Q4_K_M", "qwen3:0.6b")
    assert (
        message("model.read-from-disk", name="qwen3:0.6b", kept_by=message("kept-by.ollama"), quant="Q4_K_M")
        in spec.notes
    )


def test_it_is_offered_first_and_others_after_it(here: Snapshot) -> None:
    """
    Whether its own name or the catalog's was typed: no download, then what would be better or faster.
    """
    for name in ("qwen3:0.6b", "qwen3-0.6b"):
        answer = api.recommend(api.load_model(name, snapshot=here), here, ctx_size=4096)
        first = answer.choices[0]

        assert (first.label, first.quant, first.download_bytes) == ("on-disk", "Q4_K_M", None)
        assert first.on_disk is not None
        assert first.on_disk in first.commands["llama.cpp"]
        assert all(other.download_bytes and other.on_disk is None for other in answer.choices[1:])
        assert len(answer.choices) > 1


def test_a_quantization_that_is_asked_for_is_kept_to(here: Snapshot) -> None:
    """
    What is on the disk is left out where another quantization was asked for.
    """
    answer = api.recommend(api.load_model("qwen3-0.6b"), here, ctx_size=4096, quants=["Q8_0"])

    assert [one.quant for one in answer.choices] == ["Q8_0"]


def test_another_machines_files_are_not_here(here: Snapshot) -> None:
    """
    A recording names what it keeps, and the catalog answers.
    """
    elsewhere = msgspec.structs.replace(here, this_machine=False)

    assert api.load_model("qwen3:0.6b", snapshot=elsewhere).source == "catalog"
    assert api.recommend(api.load_model("qwen3-0.6b"), elsewhere, ctx_size=4096).choices[0].on_disk is None


def test_a_file_of_another_model_is_not_taken_for_it(here: Snapshot) -> None:
    """
    A name may promise what the file is not: architecture and size must be the catalog's.
    """
    (kept,) = here.engines[0].models
    lying = keeping(msgspec.structs.replace(kept, name="qwen3:8b"))

    assert api.recommend(api.load_model("qwen3-8b"), lying, ctx_size=4096).choices[0].on_disk is None


def test_the_file_of_a_base_is_not_its_fine_tune(here: Snapshot) -> None:
    """
    Of a fine-tune that is known by its name alone, only the shape is that of the model on this disk.
    """
    answer = api.recommend(api.load_model("someone/Qwen3-0.6B-Abliterated"), here, ctx_size=4096)

    assert answer.choices[0].on_disk is None
    assert "Qwen3-0.6B-Abliterated" in answer.choices[0].commands["llama.cpp"]


def test_a_broken_file_is_said_and_the_catalog_answers(tmp_path: Path) -> None:
    """
    Half downloaded or no GGUF inside: a note, and the model of that name from the catalog.
    """
    rubbish = tmp_path / "sha256-9"
    rubbish.write_bytes(b"GGUF\x03")
    for kept in (
        ModelOnDisk(
            name="qwen3:0.6b", kept_by=message("kept-by.ollama"), problem=message("model.half-downloaded")
        ),
        ModelOnDisk(name="qwen3:0.6b", kept_by=message("kept-by.ollama"), path=str(rubbish)),
        ModelOnDisk(name="qwen3:0.6b", kept_by=message("kept-by.ollama"), path=str(tmp_path / "gone")),
    ):
        spec = api.load_model("qwen3:0.6b", snapshot=keeping(kept))
        answer = api.recommend(api.load_model("qwen3-0.6b"), keeping(kept), ctx_size=4096)

        assert spec.source == "catalog"
        assert [note.id for note in spec.notes[:2]] == ["model.kept-unusable", "model.from-catalog"]
        assert spec.notes[0].values["name"] == "qwen3:0.6b"
        assert spec.notes[0] in answer.notes


def test_a_broken_file_that_nothing_else_is_called_is_an_error() -> None:
    """
    One sentence with the name and what is wrong with it.
    """
    kept = ModelOnDisk(
        name="mine:1b", kept_by=message("kept-by.ollama"), problem=message("model.half-downloaded")
    )

    with pytest.raises(ModelError, match=r"^mine:1b \(Ollama\) cannot be used: the download is incomplete$"):
        load_installed("mine:1b", keeping(kept))
