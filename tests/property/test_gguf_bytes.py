"""
Whatever bytes a GGUF file holds, the reader gives a header or its own error.
"""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import gguf_writer as gguf_files
from benchmarks.truth.models import models
from llmprobe.errors import ModelError
from llmprobe.model.formats.gguf import Header, read_header
from llmprobe.model.formats.gguf_model import spec

WHOLE = gguf_files.of_model(models()["smollm2-135m"], tokenizer__ggml__tokens=["a", "bc", "d" * 300])


def outcome(data: bytes) -> Header | None:
    with suppress(ModelError):
        header = read_header(lambda at, length: data[at : at + length], len(data))
        spec([header], "x.gguf")
        return header
    return None


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    """
    Bytes that mean nothing are refused with a sentence.
    """
    outcome(data)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_behind_the_magic(data: bytes) -> None:
    """
    The right beginning does not make the rest right.
    """
    outcome(b"GGUF\x03\x00\x00\x00" + data)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=9), st.integers(0, len(WHOLE)))
def test_a_real_header_with_some_bytes_changed(at: int, patch: bytes, end: int) -> None:
    """
    One changed field or a cut anywhere gives a header or the reader's own error.
    """
    changed = bytearray(WHOLE)
    changed[at : at + len(patch)] = patch
    outcome(bytes(changed))
    outcome(bytes(changed[:end]))
