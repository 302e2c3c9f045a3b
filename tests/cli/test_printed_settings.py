"""
A command that recommend prints can be checked with estimate: its settings are taken as they stand and give the same.
"""

import json
import shlex

import pytest

from llmprobe.cli import main
from tests.machine_fixtures import FOLDER

NOT_OF_MEMORY = {"-m": 2, "--fit": 2, "--device": 2, "--embedding": 1}
"""Words of a server's command that say nothing of memory, or name what estimate is given otherwise."""


def settings(line: str) -> list[str]:
    """
    Return the settings of a printed command.
    """
    words = shlex.split(line)[1:]
    kept: list[str] = []
    while words:
        taken = NOT_OF_MEMORY.get(words[0], 0)
        if not taken:
            kept.append(words[0])
        del words[: taken or 1]
    return kept


@pytest.mark.parametrize(
    ("name", "wishes", "setting"),
    [
        ("linux-4060laptop-8g-32g", ["--model", "qwen3-30b-a3b", "--quant", "Q6_K"], "--n-cpu-moe"),
        ("linux-2x3090-64g", ["--model", "glm-4.5-air", "--quant", "Q5_K_M", "-c", "8192"], "-ot"),
        (
            "linux-4090-64g",
            ["--model", "llama3-70b", "--quant", "IQ2_M", "-c", "8192", "--for", "reasoning"],
            "-nkvo",
        ),
        ("linux-4090-64g", ["--model", "llama3-70b", "--quant", "Q4_K_M", "-c", "8192"], "-ngl"),
        ("linux-4090-64g", ["--model", "qwen3-8b", "--quant", "Q8_0", "-c", "100", "-np", "64"], "-ub"),
    ],
)
def test_a_printed_command_can_be_estimated(
    name: str, wishes: list[str], setting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Device by device the same bytes, with experts or the cache in RAM as well.
    """
    replay = ["--replay", str(FOLDER / name / "recording.json")]
    main([*replay, "recommend", *wishes, "--json"])
    choice = json.loads(capsys.readouterr().out)["choices"][0]
    words = settings(choice["commands"]["llama.cpp"])
    main([*replay, "estimate", wishes[1], "--quant", choice["quant"], *words, "--json"])
    found = json.loads(capsys.readouterr().out)

    assert setting in words
    assert {one["id"]: one["total_bytes"] for one in found["devices"]} == {
        one["id"]: one["total_bytes"] for one in choice["devices"]
    }
