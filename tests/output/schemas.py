"""
``python -m tests.output.schemas``: writes the JSON Schemas of the documents as the records are now.
"""

import json
from pathlib import Path

from llmprobe.facts import wire

FOLDER = Path(__file__).parents[2] / "llmprobe" / "schemas"


def generated(kind: str) -> str:
    """
    Return the schema of a kind of document as it is to be committed.
    """
    return json.dumps(wire.json_schema(kind), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name in wire.DOCUMENTS:
        (FOLDER / f"{name}.json").write_text(generated(name), encoding="utf-8")
