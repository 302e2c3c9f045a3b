"""
A sample of the mutations of ``benchmarks.fuzz_gguf``: a broken header is estimated or refused, never a traceback.
"""

import os

import msgspec
import pytest

from benchmarks import fuzz_gguf
from benchmarks.gguf_writer import header
from benchmarks.truth.models import models
from llmprobe.errors import ModelError
from llmprobe.model.formats.gguf import Header, read_header
from llmprobe.model.formats.gguf_model import spec
from llmprobe.model.formats.projector import projector

SEED = int(os.environ.get("LLMPROBE_SEED", "20261129"))
"""Another sample is drawn with the variable; a failure names the number of the mutation under this seed."""


def test_broken_headers_are_refused_or_estimated() -> None:
    """
    Dropped, renamed, reshaped and repeated tensors, absurd metadata, changed bytes and cut files break no bound.
    """
    assert list(fuzz_gguf.run(160, SEED)) == [], f"LLMPROBE_SEED={SEED}"


def test_every_single_tensor_may_be_missing() -> None:
    """
    Without any one of its tensors a model is estimated or refused with a sentence that names what is missing.
    """
    for name in ("smollm2-135m", "qwen3-30b-a3b", "gemma-4-e2b-it", "mamba2-2.7b"):
        model = models()[name]
        ends = {
            tensor.name.split(".", 2)[-1] if tensor.layer is not None else tensor.name
            for tensor in model.tensors
        }
        for end in sorted(ends):
            first = next(tensor for tensor in model.tensors if tensor.name.endswith(end))
            data = fuzz_gguf.without(name, first.name)

            assert fuzz_gguf.outcome(data, fuzz_gguf.SETTINGS[0]) is None, f"{name} without {first.name}"


def _read(data: bytes) -> Header:
    return read_header(lambda at, length: data[at : at + length], len(data), "x.gguf")


def test_a_file_of_another_kind_of_architecture_is_refused() -> None:
    """
    What says its architecture in a list is no model, no projector and no draft, and a sentence says so.
    """
    for architecture in ([1.5] * 8, ["clip"], 7, True):
        read = _read(header({"general.architecture": architecture}))

        with pytest.raises(ModelError):
            spec([read], "x.gguf")
        with pytest.raises(ModelError):
            projector(read, "x.gguf")


def test_a_part_of_a_quantized_weight_that_is_copied_has_a_bound() -> None:
    """
    No converter quantizes what mixes the tokens of an RWKV; such a file is estimated with a bound, and not ended by.
    """
    metadata, tensors = fuzz_gguf.content("rwkv6-world-1.6b")
    changed = [
        msgspec.structs.replace(one, type="q8_0") if one.name.endswith("time_mix_w2.weight") else one
        for one in tensors
    ]

    assert fuzz_gguf.outcome(header(metadata, changed), fuzz_gguf.SETTINGS[3]) is None
