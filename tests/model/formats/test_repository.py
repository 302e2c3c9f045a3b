import pytest

from llmprobe.errors import ModelError, UsageError
from llmprobe.model.formats.repository import gguf_file, named_file
from llmprobe.words.message import message


@pytest.mark.parametrize(
    ("names", "quant", "expected"),
    [
        (["m.gguf"], None, "m.gguf"),
        (["m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-Q2_K.gguf"], None, "m-Q4_K_M.gguf"),
        (["m-Q8_0.gguf", "m-Q4_K_M.gguf"], "Q8_0", "m-Q8_0.gguf"),
        (["m.q8_0.gguf", "m.q4_k_m.gguf"], "q8", "m.q8_0.gguf"),
        (["m-UD-Q4_K_XL.gguf", "m-Q4_K_S.gguf"], None, "m-Q4_K_S.gguf"),
        (["m-F16.gguf", "m-IQ2_XXS.gguf"], "Q5_K_M", "m-F16.gguf"),
        (
            ["Q8_0/m-00001-of-00002.gguf", "Q8_0/m-00002-of-00002.gguf", "m-Q2_K.gguf"],
            "Q8_0",
            "Q8_0/m-00001-of-00002.gguf",
        ),
        (["m-Q4_K_M-00001-of-00002.gguf", "m-Q8_0.gguf"], None, "m-Q8_0.gguf"),
        (["mmproj-m-f16.gguf", "m-Q8_0.gguf", "imatrix.gguf"], "F16", "m-Q8_0.gguf"),
        (["Qwen2.5-0.5B-Q8_0.gguf", "Qwen2.5-0.5B-fp16.gguf"], "F16", "Qwen2.5-0.5B-fp16.gguf"),
        (["gpt-oss-20b-MXFP4.gguf", "gpt-oss-20b-F16.gguf"], "MXFP4", "gpt-oss-20b-MXFP4.gguf"),
    ],
)
def test_the_file_is_found_by_its_name(names: list[str], quant: str | None, expected: str) -> None:
    """
    The one asked for, else Q4_K_M, else what is near to it; parts of a model and sets that are not whole never.
    """
    chosen = gguf_file(names, "owner/repo", quant)

    assert chosen is not None
    assert chosen.name == expected


def test_a_single_file_needs_no_words() -> None:
    """
    Where there is nothing to choose nothing is said.
    """
    chosen = gguf_file(["m-Q8_0.gguf", "README.md"], "owner/repo")

    assert chosen is not None
    assert chosen.note is None


def test_a_choice_is_said() -> None:
    """
    How many there were, which was taken, and what there is.
    """
    chosen = gguf_file(["m-Q8_0.gguf", "m-Q4_0.gguf"], "owner/repo", "Q6_K")

    assert chosen is not None
    assert chosen.note == message(
        "model.one-of-repository",
        repo="owner/repo",
        models=2,
        file="m-Q4_0.gguf",
        lacks="Q6_K",
        quants=("Q4_0", "Q8_0"),
        more=None,
    )


def test_without_models_there_is_none() -> None:
    """
    A repository of other files is no error here.
    """
    assert gguf_file(["config.json", "mmproj-f16.gguf"], "owner/repo") is None


def test_an_unknown_quantization_is_a_usage_error() -> None:
    """
    What does not exist is not looked for.
    """
    with pytest.raises(UsageError, match="Q9"):
        gguf_file(["m-Q8_0.gguf"], "owner/repo", "Q9")


def test_a_file_is_found_in_any_folder() -> None:
    """
    The name alone is enough where only one file has it.
    """
    assert named_file(["a/m.gguf", "b/n.gguf"], "M.gguf", "owner/repo") == "a/m.gguf"
    with pytest.raises(ModelError, match=r"has no file m\.gguf"):
        named_file(["a/m.gguf", "b/m.gguf"], "m.gguf", "owner/repo")
