"""
Estimates follow rules: nothing that computes them knows a model by its name.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmprobe
from benchmarks.truth.models import models
from llmprobe.model import archs, catalog

PACKAGE = Path(llmprobe.__file__).parent
FILES = sorted([*(PACKAGE / "estimation").rglob("*.py"), *(PACKAGE / "model" / "archs").rglob("*.py")])
# A few models are called like their architecture, which a family's file must name.
NAMES = {name.lower() for name in {*catalog.by_id(), *models()}} - archs.supported()
CLASSES = {name for family in archs.families() for name in family.hf_classes}


def constants(path: Path) -> Iterator[str]:
    """
    Yield the texts of a file that are no docstrings.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_constant_names_a_model(path: Path) -> None:
    """
    No text in a file is, or begins with, the name of a model of the catalog or of the measured table.

    Classes of configurations are listed as they are called, which may be as their first model is.
    """
    texts = {text.lower() for text in constants(path) if text not in CLASSES}

    assert texts & NAMES == set()
    assert [text for text in texts if text.startswith(tuple(name for name in NAMES if "-" in name))] == []


def test_a_name_would_be_found() -> None:
    """
    The names are there to be compared with, and the texts of a file are found.
    """
    assert {"llama-3.3-70b-instruct", "gemma3-4b"} <= NAMES
    assert "block_count" in {text for path in FILES for text in constants(path)}
