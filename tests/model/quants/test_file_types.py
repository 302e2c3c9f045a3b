"""
Names and numbers of file types, as llama-quantize and GGUF files have them.
"""

import pytest

from llmprobe.errors import UsageError
from llmprobe.model.quants import FILE_TYPES, file_type, is_file_type


@pytest.mark.parametrize("name", FILE_TYPES)
@pytest.mark.parametrize("spell", [str.lower, str.upper, lambda name: name.replace("_", "-")])
def test_every_file_type_is_found_however_it_is_spelled(name: str, spell) -> None:  # type: ignore[no-untyped-def]
    """
    Case and separators make no difference.
    """
    assert file_type(spell(name)).name == name


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("q4_k", "Q4_K_M"), ("fp16", "F16"), ("q8", "Q8_0"), ("MXFP4", "MXFP4_MOE"), ("iq3 m", "IQ3_M")],
)
def test_aliases_mean_what_llama_quantize_means(typed: str, meant: str) -> None:
    """
    Short names stand for the mixture that is usual under them.
    """
    assert file_type(typed).name == meant


def test_an_unknown_file_type_names_the_nearest() -> None:
    """
    A typing mistake is answered with what was probably meant.
    """
    with pytest.raises(UsageError, match="Q4_K_N") as caught:
        file_type("Q4_K_N")

    assert "Q4_K_M" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["Q9", "", "70b", "instruct"])
def test_what_is_no_file_type_is_known_as_such(name: str) -> None:
    """
    Parts of model names are not taken for quantizations.
    """
    assert not is_file_type(name)


def test_numbers_are_those_of_gguf_files() -> None:
    """
    Each file type has a number of its own.
    """
    assert len({kind.id for kind in FILE_TYPES.values()}) == len(FILE_TYPES) == 35
