"""
README.txt of ``recommend --write``: what the files are for, and where the model's file is.
"""

import msgspec
import pytest

from llmprobe.facts.model import ModelSpec
from llmprobe.output.readme import readme
from tests.output import samples

SPEC = ModelSpec(
    id="m", name="M", architecture="llama", hparams={}, tensors=(), parameters=1, file_parameters=1
)


def written(**changed: object) -> list[str]:
    """
    The lines for a model with these fields; ``on_disk`` is the choice's.
    """
    answer = samples.recommendation()
    best = msgspec.structs.replace(answer.choices[0], on_disk=changed.pop("on_disk", None), parallel=2)
    answer = msgspec.structs.replace(answer, choices=(best, *answer.choices[1:]))
    return readme(answer, msgspec.structs.replace(SPEC, **changed), ["a.sh", "b.sh"]).splitlines()


def test_it_says_what_the_files_are_for() -> None:
    """The model, the machine, the settings, what each device holds, the files and the reasons."""
    lines = written()

    assert lines[0] == "Llama 3 70B Instruct, Q4_K_M, for llama.cpp"
    assert lines[2].startswith("made by llmprobe ")
    assert lines[3] == "context 8192 tokens over 2 slots, 43 of 81 layers on the GPU"
    assert lines[5:7] == ["host: 20.29 GiB", "gpu0: 22.91 GiB"]
    assert lines[10] == "files: a.sh, b.sh"
    assert [line for line in lines if line.startswith("- the largest quantization")] != []


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({}, None),
        ({"path": "/m/x.gguf", "quant": "Q4_K_M"}, "/m/x.gguf"),
        ({"path": "/m/x.gguf", "quant": "Q8_0"}, None),
        ({"path": "https://h/x.gguf", "quant": "Q4_K_M"}, None),
        ({"path": "HTTP://h/x.gguf", "quant": "Q4_K_M"}, None),
        ({"on_disk": "/d/y.gguf"}, "/d/y.gguf"),
        ({"on_disk": "/d/y.gguf", "path": "/m/x.gguf", "quant": "Q4_K_M"}, "/d/y.gguf"),
    ],
)
def test_it_says_where_the_file_is(changed: dict[str, object], path: str | None) -> None:
    """A file of this machine that is the choice is named; of an address or another quantization there is none."""
    line = written(**changed)[8]

    assert line == (f"The model file is already on this disk: {path}" if path else line)
    assert line.startswith("The model file is not downloaded: ") is (path is None)
