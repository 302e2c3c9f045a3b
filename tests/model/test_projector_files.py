"""
Projectors in files: beside a model, named, another model's, and what is none.
"""

import shutil
from pathlib import Path

import pytest

from benchmarks import gguf_writer
from benchmarks.truth.models import models
from llmprobe.errors import ModelError, RefusedError
from llmprobe.facts.projector import Projector
from llmprobe.model.formats.projector import beside
from llmprobe.model.loading import load
from llmprobe.model.pairing import belong, width_of
from llmprobe.model.projector_of import load_projector
from llmprobe.model.projectors import described
from llmprobe.tasks import projecting

MODEL, WIDTH = "gemma3-4b", 2560


def write_projector(path: Path, found: Projector) -> Path:
    """
    Write an mmproj file's header.
    """
    metadata = {"general.architecture": "clip"} | {f"clip.{key}": one for key, one in found.metadata.items()}
    path.write_bytes(gguf_writer.header(metadata, found.tensors))
    return path


def write_model(path: Path) -> Path:
    """
    Write the header of a model that reads vectors of 2560 values.
    """
    path.write_bytes(gguf_writer.of_model(models()[MODEL]))
    return path


def test_a_projector_beside_a_model_is_its_own(tmp_path: Path) -> None:
    """
    A folder with a model and an mmproj file: the model is loaded with the projector, whose path is known.
    """
    file = write_model(tmp_path / "gemma-3-4b-it-Q4_K_M.gguf")
    own = write_projector(tmp_path / "mmproj-F16.gguf", described("gemma-3", WIDTH, "x"))
    spec = load(str(file))

    assert spec.projector is not None
    assert spec.projector.path == str(own)
    assert len(spec.projector.tensors) == 439
    assert spec.projector.kind("vision") == "gemma3"


def test_a_projector_of_another_width_is_not_taken(tmp_path: Path) -> None:
    """
    What lies beside a model and writes other vectors than it reads is not its projector.
    """
    file = write_model(tmp_path / "gemma-3-4b-it-Q4_K_M.gguf")
    write_projector(tmp_path / "mmproj-F16.gguf", described("gemma-3", 5376, "x"))

    assert load(str(file)).projector is None


def test_of_several_the_one_in_f16_is_used_and_the_others_are_named(tmp_path: Path) -> None:
    """
    Publishers offer a projector in several types.
    """
    file = write_model(tmp_path / "gemma-3-4b-it-Q4_K_M.gguf")
    for kind in ("BF16", "F16", "F32"):
        write_projector(tmp_path / f"mmproj-{kind}.gguf", described("gemma-3", WIDTH, "x"))
    spec = load(str(file))

    assert spec.projector is not None
    assert spec.projector.name == "mmproj-F16.gguf"
    assert [note.values for note in spec.notes if note.id == "model.projector-of-several"] == [
        {"file": "mmproj-F16.gguf", "others": ("mmproj-BF16.gguf", "mmproj-F32.gguf")}
    ]


def test_a_broken_projector_is_said_and_the_model_loads(tmp_path: Path) -> None:
    """
    An mmproj file that is no GGUF file does not keep a model from being loaded.
    """
    file = write_model(tmp_path / "gemma-3-4b-it-Q4_K_M.gguf")
    (tmp_path / "mmproj-F16.gguf").write_bytes(b"nothing")
    spec = load(str(file))

    assert spec.projector is None
    assert "model.projector-unreadable" in [note.id for note in spec.notes]


@pytest.mark.parametrize(
    ("model", "files", "expected"),
    [
        ("a-Q4_K_M.gguf", ["a-Q4_K_M.gguf", "a-Q8_0.gguf", "mmproj-a-f16.gguf"], ("mmproj-a-f16.gguf",)),
        ("a-Q4_K_M.gguf", ["a-Q4_K_M.gguf", "mmproj-model-f16.gguf"], ("mmproj-model-f16.gguf",)),
        # several models in one folder: only what carries the model's name
        ("a-4b-Q4_0.gguf", ["a-4b-Q4_0.gguf", "b-7b-Q4_0.gguf", "mmproj-b-7b-f16.gguf"], ()),
        (
            "a-4b-Q4_0.gguf",
            ["a-4b-Q4_0.gguf", "b-7b-Q4_0.gguf", "mmproj-a-4b-f16.gguf"],
            ("mmproj-a-4b-f16.gguf",),
        ),
        ("a-4b-Q4_0.gguf", ["a-4b-Q4_0.gguf", "b-7b-Q4_0.gguf", "mmproj-F16.gguf"], ()),
        # the parts of a set are one model
        (
            "a-Q4_0-00001-of-00002.gguf",
            ["a-Q4_0-00001-of-00002.gguf", "a-Q4_0-00002-of-00002.gguf", "mmproj-F16.gguf"],
            ("mmproj-F16.gguf",),
        ),
        ("a.gguf", ["a.gguf", "mmproj.safetensors"], ()),
    ],
)
def test_which_files_beside_a_model_may_be_its_projector(
    model: str, files: list[str], expected: tuple[str, ...]
) -> None:
    """
    In a folder of one model any mmproj file, in a folder of several the one with the model's name.
    """
    assert beside(model, files) == expected


def test_a_named_projector_must_fit_the_model(tmp_path: Path) -> None:
    """
    ``--mmproj`` with another model's file is refused, as llama.cpp refuses it; with the right one it is used.
    """
    spec = load(str(write_model(tmp_path / "model.gguf")))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    right = write_projector(folder / "p.gguf", described("gemma-3", WIDTH, "x"))
    wrong = write_projector(folder / "q.gguf", described("gemma-3", 3840, "x"))

    used = projecting.set_up(spec, str(right)).projector
    assert used is not None
    assert used.path == str(right)
    with pytest.raises(RefusedError, match="2560"):
        projecting.set_up(spec, str(wrong))


@pytest.mark.parametrize("given", [None, "auto", "none"])
def test_words_name_no_file(given: str | None) -> None:
    """
    ``auto`` and ``none`` are no files: the model keeps its own projector, which the settings use or not.
    """
    spec = load("gemma-3-4b")

    assert projecting.set_up(spec, given) is spec
    assert spec.projector is not None


def test_a_text_model_is_no_projector(tmp_path: Path) -> None:
    """
    The file of a model given to ``--mmproj`` is said to be that.
    """
    file = write_model(tmp_path / "model.gguf")

    with pytest.raises(ModelError, match="gemma3"):
        load_projector(file)
    with pytest.raises(ModelError):
        load_projector(tmp_path / "missing.gguf")


def test_widths_are_those_that_llama_cpp_compares() -> None:
    """
    A projector's last node has the model's width; Qwen3-VL's has it once more for each of its three deep layers.
    """
    assert width_of(described("pixtral", 5120, "x")) == 5120
    assert width_of(described("qwen3-vl-1152", 4096, "x")) == 4 * 4096
    assert belong(load("qwen3-vl-8b"), described("qwen3-vl-1152", 4096, "x")) is True
    assert belong(load("qwen3-vl-4b"), described("qwen3-vl-1152", 4096, "x")) is False


def test_every_catalogued_projector_belongs_to_its_model() -> None:
    """
    Each description that the catalog names writes what its model reads; of Llama 3.2 Vision's llama.cpp has no type.
    """
    from llmprobe.model import catalog

    named = [entry for entry in catalog.by_id().values() if entry.mmproj is not None]
    assert len(named) > 30
    for entry in named:
        spec = load(entry.id)
        assert spec.projector is not None
        expected = None if entry.mmproj == "llama-3.2-vision" else True
        assert belong(spec, spec.projector) is expected, entry.id


def test_a_model_in_a_closed_folder_still_loads(tmp_path: Path) -> None:
    """
    Nothing beside a file is no problem.
    """
    file = write_model(tmp_path / "model.gguf")
    spec = load(str(file))
    shutil.rmtree(tmp_path)

    assert spec.projector is None
