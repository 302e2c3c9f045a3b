"""
The single executable file: commands that it runs find their own libraries.
"""

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[1] / ".ci" / "executable.py"


@pytest.fixture
def executable(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """
    What it starts, without starting it.
    """
    spec = importlib.util.spec_from_file_location("executable", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "program", lambda: None)
    return module


@pytest.mark.parametrize(("before", "after"), [("/opt/cuda/lib64", "/opt/cuda/lib64"), (None, None)])
def test_libraries_of_the_file_are_for_the_file_alone(
    before: str | None, after: str | None, executable: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The variable is again what the user had, and no other is left.
    """
    monkeypatch.setenv("LD_LIBRARY_PATH", "/tmp/_MEI123")
    monkeypatch.delenv("LD_LIBRARY_PATH_ORIG", raising=False)
    if before is not None:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", before)

    executable.start()

    assert os.environ.get("LD_LIBRARY_PATH") == after
    assert "LD_LIBRARY_PATH_ORIG" not in os.environ
