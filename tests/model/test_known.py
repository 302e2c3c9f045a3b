"""
The user's own entries: read, counted, named where they are bad, and never in silence instead of the catalog's.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmprobe.errors import ModelError
from llmprobe.model import catalog, from_catalog, loading
from llmprobe.model.known import known, own_folder
from llmprobe.tasks.models import models
from llmprobe.words.render import english

DOCS = Path(__file__).parents[2] / "docs" / "catalog.md"
MINE: dict[str, Any] = json.loads(re.findall(r"```json\n(.*?)```", DOCS.read_text(), re.S)[0])["models"][0]
"""The entry of the documentation, whose hyper-parameters are those of Llama 3 8B."""

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """
    Entries in a folder of the user's.
    """
    monkeypatch.setenv("LLMPROBE_CATALOG", str(tmp_path))

    def forget() -> None:
        for kept in (known, from_catalog._literal, from_catalog._index):
            kept.cache_clear()

    def written(*entries: Any, name: str = "mine.json", text: str | None = None) -> None:
        content = json.dumps({"family": "mine", "models": entries}) if text is None else text
        (tmp_path / name).write_text(content)
        forget()

    yield written
    forget()


def test_the_documented_entry_is_a_model(write: Write) -> None:
    """
    It has the tensors of Llama 3 8B, and its answers say whose entry it is.
    """
    write(MINE)
    mine = loading.load("my-llama")

    assert mine.tensors == loading.load("llama-3-8b-instruct").tensors
    assert (mine.id, mine.family, mine.max_context) == ("my-llama-8b", "mine", 8192)
    assert [note.id for note in mine.notes] == ["model.own-entry"]
    assert str(mine.notes[0].values["file"]).endswith("mine.json")


def test_models_lists_own_entries_with_their_file(write: Write, tmp_path: Path) -> None:
    """
    With the folder, and what was left out.
    """
    write(MINE, {**MINE, "id": "bad", "parameters": 7_000_000_000})
    found = models()

    assert found.own_folder == str(tmp_path)
    assert [entry.id for entry in found.models if entry.own_file] == ["my-llama-8b"]
    assert len(found.models) == len(catalog.by_id()) + 1
    assert [problem.values["entry"] for problem in found.problems] == ["bad"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"parameters": 8_100_000_000}, "own.count-differs"),
        ({"parameters": 0}, "own.count-differs"),
        ({"parameters": "8B"}, "own.field-wrong"),
        ({"architecture": "llama9"}, "own.architecture-unknown"),
        ({"hparams": {}}, "own.no-hparams"),
        ({"hparams": {"block_count": "many"}}, None),
        ({"hparams": {"block_count": 32}}, None),
        ({"hparams": {**MINE["hparams"], "block_count": 10**12}}, None),
        ({"contxt": 8192}, "own.field-unknown"),
        ({"note": "jamba-mini"}, "own.field-unknown"),
        ({"id": ""}, "own.field-unknown"),
        ({"id": None}, "own.field-wrong"),
    ],
)
def test_a_bad_entry_is_named_and_the_others_count(
    write: Write, change: dict[str, Any], reason: str | None
) -> None:
    """
    One sentence with the file, the entry and what is wrong; no exception.
    """
    write({**MINE, **change}, {**MINE, "id": "good", "aliases": []})
    everything = known()

    assert list(everything.own) == ["good"]
    assert [problem.id for problem in everything.problems] == ["own.entry-bad"]
    problem = everything.problems[0]
    why = problem.values["reason"]
    assert reason is None or why.id == reason  # type: ignore[union-attr]
    assert "mine.json" in english(problem)
    assert "\n" not in english(problem)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"models": 3}', '{"family": 1, "models": []}', "\x00", "[" * 5000]
)
def test_a_file_that_is_no_list_of_entries_is_named(write: Write, text: str) -> None:
    """
    The other files count.
    """
    write(MINE, name="a.json")
    write(name="b.json", text=text)
    everything = known()

    assert list(everything.own) == ["my-llama-8b"]
    assert [problem.id for problem in everything.problems] == ["own.file-malformed"]


def test_whoever_asks_for_a_bad_entry_hears_why(write: Write) -> None:
    """
    Not that there is no such model.
    """
    write({**MINE, "id": "my-moe-1234b", "parameters": 1})
    with pytest.raises(ModelError) as refused:
        loading.load("my-moe-1234b")

    assert refused.value.message.id == "own.entry-bad"


def test_an_entry_in_place_of_the_catalogs_says_so(write: Write) -> None:
    """
    By its id, or by a name that the catalog gives to another model; an id of the catalog stays its own.
    """
    write({**MINE, "id": "llama-3-8b-instruct", "aliases": ["llama3.1:8b", "qwen3-8b"]})
    mine = loading.load("llama-3-8b-instruct")

    assert mine.family == "mine"
    assert mine.notes[0].values["replaced"] == "llama-3-8b-instruct"
    assert mine.notes[0].values["taken"] == ("llama3.1:8b",)
    assert loading.load("llama3.1:8b").id == "llama-3-8b-instruct"
    assert loading.load("qwen3-8b").family == "qwen3"


def test_two_entries_of_one_id_are_not_merged(write: Write) -> None:
    """
    The first file has it; the other is named.
    """
    write(MINE, name="a.json")
    write({**MINE, "max_context": 4096}, name="b.json")

    assert known().entries["my-llama-8b"].max_context == 8192
    assert known().problems[0].values["reason"].id == "own.twice"  # type: ignore[union-attr]


def test_where_own_entries_are_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    The variable's folder, none where it is empty, else the configuration of this program.
    """
    monkeypatch.setenv("LLMPROBE_CATALOG", str(tmp_path))
    assert own_folder() == tmp_path
    monkeypatch.setenv("LLMPROBE_CATALOG", "")
    assert own_folder() is None
    monkeypatch.delenv("LLMPROBE_CATALOG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert own_folder() == tmp_path / "llmprobe" / "catalog"


def test_a_model_whose_encoder_llama_cpp_does_not_convert_is_said_to_read_text_only() -> None:
    """
    Kimi K3 sees, and conversion/__init__.py of b11549 has its class among those of text alone.
    """
    notes = [note.id for note in from_catalog.named("kimi-k3", None).notes]
    published = from_catalog.named("kimi-k3", None).published

    assert "model.projector-none" in notes
    assert "model.projector-not-described" not in notes
    assert published is not None
    assert not published.projector


def test_every_model_that_sees_or_hears_has_a_projector_or_none_at_all() -> None:
    """
    No entry is left whose projector is only not described.
    """
    without = [
        entry.id
        for entry in catalog.by_id().values()
        if "+" in entry.modality and entry.mmproj is None and entry.projector is not False
    ]

    assert without == []
