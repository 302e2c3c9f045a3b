"""
``fit`` lists what engines keep on this disk and no catalog knows: as it runs, or why it does not.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

import llmprobe
from benchmarks.gguf_writer import header
from llmprobe.facts.fit import Fit, KeptInFit
from llmprobe.facts.machine import EngineOnMachine, ModelOnDisk, Snapshot
from llmprobe.tasks.fit import fit, wishes_of
from llmprobe.words.message import message
from tests.advise.machines import machine
from tests.model.test_installed import tensors_of


def keeping(*models: ModelOnDisk, gib: float = 8) -> Snapshot:
    engine = EngineOnMachine(name="ollama", installed=True, models=models, evidence=("list:/x",))
    return msgspec.structs.replace(machine((), ram_gib=gib), this_machine=True, engines=(engine,))


def kept_as(name: str, path: Path | None, **others: Any) -> ModelOnDisk:
    return ModelOnDisk(
        name=name, kept_by=message("kept-by.ollama"), path=None if path is None else str(path), **others
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """
    The header of Qwen3 0.6B in Q4_K_M, with nothing behind it.
    """
    path = tmp_path / "sha256-0123"
    path.write_bytes(header(*tensors_of("Q4_K_M")))
    with path.open("r+b") as opened:
        opened.truncate(2_000_000_000)
    return path


def answer(snapshot: Snapshot, **wishes: Any) -> Fit:
    given: dict[str, Any] = {"top": 1, "use": "chat"}
    return fit(snapshot, wishes_of(**(given | wishes)))


def kept(snapshot: Snapshot, **wishes: Any) -> tuple[KeptInFit, ...]:
    return answer(snapshot, **wishes).kept


def test_a_file_that_no_catalog_knows_is_listed_as_it_runs(file: Path) -> None:
    """
    With the choice of ``recommend`` for that very file.
    """
    snapshot = keeping(kept_as("our-own-merge:latest", file, quant="Q4_K_M"))
    (one,) = kept(snapshot)
    again = llmprobe.recommend(
        llmprobe.load_model("our-own-merge", snapshot=snapshot),
        snapshot,
        ctx_size=8192,
        quants="Q4_K_M",
        top=1,
    )

    assert (one.name, one.quant, one.path, one.problem) == ("our-own-merge:latest", "Q4_K_M", str(file), None)
    assert one.choice is not None
    assert one.choice.on_disk == str(file)
    assert one.choice == again.choices[0]


def test_a_model_of_the_catalog_is_not_listed_twice(file: Path) -> None:
    """
    Neither by its own name nor by another one of the same file.
    """
    own = kept_as("qwen3:0.6b", file)

    assert kept(keeping(own)) == ()
    assert len(kept(keeping(kept_as("our-own", file), kept_as("our-own-too", file)))) == 1


def test_another_file_under_a_name_of_the_catalog_is_listed(file: Path) -> None:
    """
    Of 0.6 billion weights, it is not the model of 8 billion whose name it has.
    """
    (one,) = kept(keeping(kept_as("qwen3:8b", file)))

    assert one.name == "qwen3:8b"
    assert one.parameters is not None
    assert one.parameters < 10**9


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    """
    A broken file, and one that is half there.
    """
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no model")
    found = kept(
        keeping(
            kept_as("our-broken", broken), kept_as("our-half", None, problem=message("model.half-downloaded"))
        )
    )

    assert [one.name for one in found] == ["our-broken", "our-half"]
    assert all(one.problem is not None and one.choice is None for one in found)


def test_what_has_no_room_does_not_run(file: Path) -> None:
    """
    It is listed without a choice, and so is one that was trained for less than is needed.
    """
    snapshot = keeping(kept_as("our-own", file), gib=0.7)
    (small,) = kept(snapshot)
    (short,) = kept(keeping(kept_as("our-own", file)), ctx_size=100_000)

    assert (small.choice, small.problem) == (None, None)
    assert (short.choice, short.problem) == (None, None)


@pytest.mark.parametrize("wishes", [{"families": "qwen"}, {"licenses": "apache"}, {"use": "embedding"}])
def test_what_is_not_known_of_it_leaves_it_out(file: Path, wishes: dict[str, Any]) -> None:
    """
    Its family and license are unknown, and a model of text makes no vectors.
    """
    assert kept(keeping(kept_as("our-own", file)), **wishes) == ()


def test_the_files_of_another_machine_are_not_here(file: Path) -> None:
    """
    Nothing is read for a recording.
    """
    elsewhere = msgspec.structs.replace(keeping(kept_as("our-own", file)), this_machine=False)

    assert kept(elsewhere) == ()
