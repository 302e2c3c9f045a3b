"""
Names of model files: what they say of a quantization and a set, and which file a choice is.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.engines._shared.model_files import is_local, model_file, quant_in_name, split_of
from tests.advise.machines import LLAMA_8B, model
from tests.engines.choices import choice

SPEC = model("llama", LLAMA_8B)


@pytest.mark.parametrize(
    ("file", "quant"),
    [
        ("x-Q4_K_M.gguf", "Q4_K_M"),
        ("x.q4_k_m.gguf", "Q4_K_M"),
        ("x-UD-Q4_K_XL.gguf", "Q4_K_XL"),
        ("x-ud-iq2_xxs.gguf", "IQ2_XXS"),
        ("x_BF16.gguf", "BF16"),
        ("x-TQ1_0.gguf", "TQ1_0"),
        ("x-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("x-Q8_0-00001-of-00003.gguf", "Q8_0"),
        ("Q8_0.gguf", "Q8_0"),
        ("xQ8_0.gguf", None),
        ("x-Q8_0-chat.gguf", None),
        ("x-Q9_K.gguf", None),
    ],
)
def test_a_name_ends_in_its_quantization(file: str, quant: str | None) -> None:
    """
    As llama.cpp writes it, without the mark of Unsloth's own mixes; in the middle of a name it is none.
    """
    assert quant_in_name(file) == quant


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("x-00002-of-00003.gguf", ("x", 2, 3)),
        ("x-00012-of-00120", ("x", 12, 120)),
        ("x-2-of-3.gguf", None),
        ("x.gguf", None),
    ],
)
def test_a_part_says_its_number_and_count(file: str, expected: tuple[str, int, int] | None) -> None:
    """
    In five digits each, as llama.cpp names the parts that it writes.
    """
    assert split_of(file) == expected


@pytest.mark.parametrize(
    ("on_disk", "changes", "file"),
    [
        ("/m/y.gguf", {"path": "/m/x.gguf", "quant": "Q4_K_M"}, "/m/y.gguf"),
        (None, {"path": "/m/x.gguf", "quant": "Q4_K_M"}, "/m/x.gguf"),
        (None, {"path": "/m/x.gguf", "quant": "Q8_0"}, "test-llama-Q4_K_M.gguf"),
        (None, {"path": "HTTPS://example.org/a/x.gguf?b=/c", "quant": "Q4_K_M"}, "x.gguf"),
        (None, {"repo": "acme/Llama-8B"}, "Llama-8B-Q4_K_M.gguf"),
        (None, {"quant": "Q4_K_M"}, "test-llama-Q4_K_M.gguf"),
        (None, {"id": "acme/tiny"}, "tiny-Q4_K_M.gguf"),
    ],
)
def test_a_choice_is_the_file_that_is_here_or_a_published_one(
    on_disk: str | None, changes: dict[str, Any], file: str
) -> None:
    """
    What lies on a disk counts before the file that was read, and that only where it has the choice's quantization.
    """
    assert model_file(choice(on_disk=on_disk), msgspec.structs.replace(SPEC, **changes)) == file


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/m/x.gguf", True),
        ("x.gguf", True),
        ("http://a/x.gguf", False),
        ("HTTPS://a/x", False),
        (None, False),
    ],
)
def test_a_file_is_local_where_its_path_is_no_address(path: str | None, *, expected: bool) -> None:
    """
    A model of the catalog has no path and is none.
    """
    assert is_local(msgspec.structs.replace(SPEC, path=path)) is expected
