"""
The names that people type, weighed by how often those models are downloaded.
"""

import json
from pathlib import Path

from llmprobe.errors import ModelError
from llmprobe.model.from_catalog import meant

FILE = Path(__file__).parents[2] / "fixtures" / "truth" / "downloads.json"


def understood(name: str) -> str | None:
    try:
        return meant(name)
    except ModelError:
        return None


def test_nine_of_ten_downloads_are_of_models_that_are_known() -> None:
    """
    At least 90 % by downloads of the text models that people named resolve, each to the model that it is.
    """
    rows = json.loads(FILE.read_text(encoding="utf-8"))["rows"]
    found = {name: understood(name) for name, *_ in rows}
    known = sum(downloads for name, _, downloads, _ in rows if found[name] is not None)

    assert {name: entry for name, _, _, entry in rows if entry} == {
        name: entry for name, entry in found.items() if entry
    }
    assert len(rows) > 100
    assert known / sum(downloads for _, _, downloads, _ in rows) > 0.9
