"""
Entries of the catalog: their form, and their sizes beside published counts and measured files.
"""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.catalog import malformed
from benchmarks.truth.models import TRUTH, TruthModel, models
from llmprobe.model import archs, catalog
from llmprobe.model.formats.gguf_model import next_n_elements

FILES = sorted(Path(catalog.__file__).parent.glob("*.json"))
ENTRIES = tuple(catalog.by_id().values())
KNOWN = tuple(entry for entry in ENTRIES if archs.get(entry.architecture) is not None)

COUNTS = json.loads((TRUTH / "parameters.json").read_text())
EXPLAINED = {name for group in COUNTS["differences"] for name in group["models"]}


def elements(entry: catalog.Entry) -> int:
    family = archs.get(entry.architecture)
    assert family is not None
    hparams = entry.metadata()
    tensors = family.tensors(hparams)
    return sum(tensor.elements for tensor in tensors) - next_n_elements(tensors, hparams)


@pytest.mark.parametrize(
    "entry", [entry for entry in KNOWN if entry.id not in EXPLAINED], ids=lambda entry: entry.id
)
def test_the_tensors_add_up_to_the_parameters(entry: catalog.Entry) -> None:
    """
    What the architecture's file lists for the entry's metadata are the parameters that the entry says.
    """
    assert elements(entry) == pytest.approx(entry.parameters, rel=1e-6)


def test_the_parameters_are_those_of_the_released_model() -> None:
    """
    No entry is further than a ten-thousandth from the count of its released configuration, none by more than a
    millionth without a reason.
    """
    apart = {
        name: abs(catalog.by_id()[name].parameters / count - 1)
        for name, count in COUNTS["parameters"].items()
    }

    assert {name for name, share in apart.items() if share > 1e-4} == set()
    assert {name for name, share in apart.items() if share > 1e-6} <= EXPLAINED


@pytest.mark.parametrize(
    "model",
    [
        model
        for model in models().values()
        if model.catalog_id in catalog.by_id() and not model.name.endswith((".mtp", ".old"))
    ],
    ids=lambda model: model.name,
)
def test_the_tensors_add_up_to_the_measured_file(model: TruthModel) -> None:
    """
    The catalog's metadata give as many values as the file had that llama.cpp was given.
    """
    entry = catalog.by_id()[str(model.catalog_id)]
    if entry not in KNOWN:
        pytest.skip(f"no file for the architecture {entry.architecture}")

    assert elements(entry) == sum(tensor.elements for tensor in model.tensors)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_the_parameters_were_checked_against_a_published_count(entry: catalog.Entry) -> None:
    """
    An entry is at most a percent above a published count, and below it by a vision tower or next-n layers.
    """
    if entry.checked is None:
        pytest.skip("no count is published; the metadata are from the model's own configuration")
    published = int(entry.checked.split()[0])

    assert entry.parameters <= published * 1.01
    assert entry.parameters >= published * (0.5 if entry.modality != "text" else 0.94)


@pytest.mark.parametrize(
    "model", [m for m in models().values() if m.catalog_id], ids=lambda model: model.name
)
def test_metadata_are_spelled_as_the_measured_file_spells_them(model: TruthModel) -> None:
    """
    Every key that both have, has the same value in the catalog and in the file that was measured.
    """
    entry = catalog.by_id().get(str(model.catalog_id))
    if entry is None or model.name.endswith((".mtp", ".old", ".kv")):
        pytest.skip("another form of the model than the catalog's")
    hparams = entry.metadata()
    # What a converter assumes where a configuration leaves it out; no size depends on it.
    unsized = ("rope.freq_base", "rope.dimension_count", "layer_norm", "rope.scaling", "context_length")
    both = {key for key in hparams.keys() & model.hparams.keys() if not key.startswith(unsized)}

    assert {key: hparams[key] for key in both} == {key: model.hparams[key] for key in both}
    assert entry.architecture == model.architecture


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_has_only_fields_that_are_read(path: Path) -> None:
    """
    A misspelt field would be ignored, and the model silently be another.
    """
    known = set(catalog.Entry.__struct_fields__)
    content = json.loads(path.read_text())

    assert content.keys() == {"family", "models"}
    assert {field for model in content["models"] for field in model} <= known


def test_what_is_stated_beside_the_sizes_has_its_form() -> None:
    """
    Repositories, months and ranges; no projector of a model of text.
    """
    assert [(entry.id, malformed(entry)) for entry in ENTRIES if malformed(entry)] == []


@pytest.mark.parametrize(
    ("name", "thinking", "switch", "layers", "projector", "ollama", "repo"),
    [
        ("qwen3.8-27b", True, None, 1, True, None, "ggml-org/Qwen3.8-27B-GGUF"),
        ("qwen3-8b", True, True, None, None, "qwen3:8b", "unsloth/Qwen3-8B-GGUF"),
        (
            "qwen3-30b-a3b-instruct-2507",
            False,
            None,
            None,
            None,
            "qwen3:30b-a3b-instruct-2507",
            "unsloth/Qwen3-30B-A3B-Instruct-2507-GGUF",
        ),
        ("gpt-oss-20b", True, None, None, None, "gpt-oss:20b", "ggml-org/gpt-oss-20b-GGUF"),
        ("deepseek-v3-0324-671b", False, None, 1, None, None, "ubergarm/DeepSeek-V3-0324-GGUF"),
    ],
)
def test_models_have_what_their_publishers_state(
    name: str, thinking: bool, switch: bool | None, layers: int | None, projector: bool | None,
    ollama: str | None, repo: str,
) -> None:  # fmt: skip
    """
    Thinking, its switch, layers for multi-token prediction, projector, name at Ollama, and a repository of files.
    """
    entry = catalog.by_id()[name]

    assert (entry.thinking, entry.thinking_switch, entry.next_token_layers) == (thinking, switch, layers)
    assert (entry.projector, entry.ollama) == (projector, ollama)
    assert repo in entry.gguf


def test_ids_are_unique() -> None:
    """
    An id stands for one model in one file.
    """
    counts = Counter(entry.id for family in catalog.families() for entry in family.models)

    assert [name for name, count in counts.items() if count > 1] == []


def test_every_entry_says_where_it_is_from() -> None:
    """
    Source, confidence, repository and month of release are there.
    """
    without = [
        entry.id
        for entry in ENTRIES
        if not entry.source
        or entry.confidence not in ("high", "medium", "low")
        or "/" not in str(entry.repo)
        or not re.fullmatch(r"20\d\d-\d\d", str(entry.released))
    ]

    assert without == []


def test_lists_have_one_value_per_layer() -> None:
    """
    A list that is too short would leave layers without a size.
    """
    short = [
        (entry.id, key)
        for entry in ENTRIES
        for key, value in entry.metadata().items()
        if isinstance(value, list)
        and not key.startswith("rope.")
        and len(value) != entry.metadata()["block_count"]
    ]

    assert short == []


def test_only_gpt_oss_is_published_quantized() -> None:
    """
    Its experts were released in MXFP4 and stay so in every file.
    """
    assert {entry.architecture for entry in ENTRIES if entry.published_quant} == {"gpt-oss"}
