"""
``llmprobe metrics``: on stdout, and as a file that is replaced as a whole.
"""

import stat
from pathlib import Path

import pytest

from llmprobe.cli.ending import run

BOX = str(Path(__file__).parents[2] / "fixtures" / "machines" / "linux-4090-64g" / "recording.json")
BUDGET = (
    'llmprobe_memory_budget_bytes{pool="vram0",kind="vram",device="gpu0",name="NVIDIA GeForce RTX 4090"} '
)


def test_metrics_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """
    One line says how many more bytes a model could take of the card.
    """
    assert run(["--replay", BOX, "metrics"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert sum(line.startswith(BUDGET) for line in lines) == 1


def test_a_file_is_replaced_and_readable_by_the_collector(tmp_path: Path) -> None:
    """
    By another user, and nothing else is left in the folder.
    """
    place = tmp_path / "llmprobe.prom"
    assert [run(["--replay", BOX, "metrics", "-o", str(place)]) for _ in range(2)] == [0, 0]

    assert BUDGET in place.read_text(encoding="utf-8")
    assert stat.S_IMODE(place.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        ("other.prom", "my_metric 1\n", 1, "exists and is not overwritten"),
        ("llmprobe.txt", None, 2, "does not end in .prom"),
        ("gone/llmprobe.prom", None, 1, "does not exist"),
    ],
)
def test_what_cannot_be_written_is_said_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, code: int, said: str
) -> None:
    """
    A file of somebody else, a name that the collector does not read, a folder that is not there.
    """
    place = tmp_path / name
    if content is not None:
        place.write_text(content, encoding="utf-8")

    assert run(["--replay", BOX, "metrics", "-o", str(place)]) == code
    assert said in capsys.readouterr().err
    assert (place.read_text(encoding="utf-8") if place.exists() else None) == content
    assert [each for each in tmp_path.iterdir() if each.name.startswith(".")] == []
