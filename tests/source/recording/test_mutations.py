"""
Recordings changed at random: none crashes a probe, none takes long.
"""

import pytest

from benchmarks import fuzz_recordings
from llmprobe.machine.probes import cpu


def test_a_sample_of_changed_recordings_is_looked_at_or_refused() -> None:
    """The seed is fixed; ``python -m benchmarks.fuzz_recordings`` tries 20,000, and any other seed."""
    assert list(fuzz_recordings.problems(seed=20261129, count=200)) == []


def test_the_sample_would_see_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that raises on what a recording holds is a problem, and a mutation is the same for the same number."""
    mutator = fuzz_recordings.Mutator(1)

    def crash(*_: object) -> None:
        raise TypeError("an answer of another kind")

    assert mutator.mutation(7) == fuzz_recordings.Mutator(1).mutation(7) != mutator.mutation(8)
    monkeypatch.setattr(cpu, "instruction_sets", crash)
    content = (fuzz_recordings.FOLDER / "linux-4090-64g" / "recording.json").read_bytes()

    assert "cpu crashed: TypeError" in str(fuzz_recordings.problem(content))
