"""
Which GGUF file of a repository a quantization or a name means, and what is said of the others.
"""

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
        (["m-UD-Q4_K_XL.gguf", "m-Q4_K_M.gguf"], "ud-q4_k_xl", "m-UD-Q4_K_XL.gguf"),
        (["m-UD-Q4_K_M.gguf", "m-Q6_K.gguf"], "UD-Q4_K_M", "m-UD-Q4_K_M.gguf"),
        (["m-UD-Q4_K_M.gguf", "m-Q6_K.gguf"], None, "m-UD-Q4_K_M.gguf"),
        (["m.i1-IQ4_XS.gguf", "m.i1-Q6_K.gguf"], "i1-IQ4_XS", "m.i1-IQ4_XS.gguf"),
        (["m-Q6_K_L.gguf", "m-Q6_K.gguf"], "Q6_K_L", "m-Q6_K_L.gguf"),
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


@pytest.mark.parametrize("more", [0, 1])
def test_six_kinds_are_shown_and_the_others_counted(more: int) -> None:
    """
    What there is is listed in order, each once.
    """
    kinds = ["Q2_K", "Q3_K_M", "Q4_0", "Q5_0", "Q6_K", "Q8_0", "F16"][: 6 + more]
    chosen = gguf_file([f"m-{kind}.gguf" for kind in kinds] + ["m.gguf", "n-Q4_0.gguf"], "owner/repo")

    assert chosen is not None
    assert chosen.note == message(
        "model.one-of-repository",
        repo="owner/repo",
        models=8 + more,
        file="m-Q4_0.gguf",
        lacks=None,
        quants=tuple(sorted(kinds)[:6]),
        more=more or None,
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["n-Q4_0.gguf", "m-Q4_0.gguf"], "m-Q4_0.gguf"),
        (["a-long-Q4_0.gguf", "m-Q4_0.gguf"], "m-Q4_0.gguf"),
        (["m.gguf", "long-name-F32.gguf"], "m.gguf"),
        (["F16/m-Q8_0.gguf", "F16/m.gguf"], "F16/m-Q8_0.gguf"),
        (["Q8_0-to-Q4_K_M.gguf", "m-Q8_0.gguf"], "Q8_0-to-Q4_K_M.gguf"),
    ],
)
def test_of_equal_files_the_shortest_name_is_taken(names: list[str], expected: str) -> None:
    """
    Then the first of the alphabet; a kind is what a name or folder says last, and one that is not listed comes last.
    """
    chosen = gguf_file(names, "owner/repo")

    assert chosen is not None
    assert chosen.name == expected


def test_what_was_asked_for_lacks_only_if_it_is_not_there() -> None:
    """
    The sentence says so in the name of the file type.
    """
    names = ["m-Q8_0.gguf", "m-Q4_K_M.gguf"]
    found, other = gguf_file(names, "r", "q8"), gguf_file(names, "r", "Q2_K")

    assert found is not None
    assert found.note is not None
    assert other is not None
    assert other.note is not None
    assert (found.note.values["lacks"], other.note.values["lacks"]) == (None, "Q2_K")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            ["m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"],
            "m-00001-of-00003.gguf",
        ),
        (["m-00001-of-00003.gguf", "m-00002-of-00003.gguf"], None),
        (["m-00001-of-00002.gguf", "m-00003-of-00002.gguf"], None),
        (["m-00002-of-00002.gguf"], None),
        (["m-00001-of-00001.gguf"], "m-00001-of-00001.gguf"),
        (["m-00001-of-00002.GGUF", "m-00002-of-00002.GGUF"], "m-00001-of-00002.GGUF"),
    ],
)
def test_a_set_is_a_model_where_all_its_parts_are_there(parts: list[str], expected: str | None) -> None:
    """
    It is named by the first of them.
    """
    chosen = gguf_file(parts, "owner/repo")

    assert (None if chosen is None else chosen.name) == expected


def test_a_file_of_this_very_name_goes_before_others() -> None:
    """
    Also where a folder has one that ends so; a part of a name is none.
    """
    assert named_file(["a/m.gguf", "m.gguf"], "m.gguf", "r") == "m.gguf"
    with pytest.raises(ModelError):
        named_file(["a/xm.gguf"], "m.gguf", "r")


@pytest.mark.parametrize(("count", "shown", "more"), [(0, None, None), (1, 1, None), (6, 6, None), (8, 6, 2)])
def test_the_hint_lists_the_files_that_there_are(count: int, shown: int | None, more: int | None) -> None:
    """
    Six of them, how many more, and nothing where there is none.
    """
    names = [f"m{number}.gguf" for number in range(count)]
    with pytest.raises(ModelError) as raised:
        named_file(names, "other.gguf", "owner/repo")

    assert raised.value.message == message("error.repo-lacks-file", repo="owner/repo", file="other.gguf")
    assert raised.value.hint == (
        None if shown is None else message("hint.files-of-repo", files=tuple(names[:shown]), more=more)
    )
