"""
Folders of models: which files are models, what is only half there, and where the hub keeps its own.
"""

from typing import Any

import pytest

from llmprobe.engines._shared.disk import MOST_FOLDERS, env, folders, joined, models_in, names
from llmprobe.engines._shared.hub_cache import hub_cache, models_of_hub
from llmprobe.facts.machine import ModelOnDisk
from llmprobe.words.message import Message, message
from tests.engines.answers import HOME
from tests.machine.fake import LINUX, WINDOWS, FakeSource

HUB = "/hub"
HALF = message("model.half-downloaded")


def models(*files: str) -> list[tuple[str, str | None, Message | None]]:
    found = models_in(FakeSource({}), "/m", files, message("kept-by.models-dir"), "a/")
    return [(one.name, one.path, one.problem) for one in found]


def of_hub(repositories: dict[str, Any]) -> tuple[ModelOnDisk, ...]:
    """
    Return the models of a cache, given by folder below it.
    """
    answers = {f"list:{HUB}/{folder}": inside for folder, inside in repositories.items()}
    answers[f"list:{HUB}"] = list(dict.fromkeys(folder.split("/")[0] for folder in repositories))
    return models_of_hub(FakeSource(answers), HUB)


def test_an_empty_variable_is_none() -> None:
    """
    The next one that is set to something counts.
    """
    source = FakeSource({"env:A": "", "env:B": "/b", "env:C": "/c"})

    assert env(source, "A", "B", "C") == "/b"
    assert env(source, "A", "D") is None


@pytest.mark.parametrize(
    ("platform", "first", "path"),
    [
        (LINUX, "/a", "/a/b/c"),
        (LINUX, "/a/", "/a/b/c"),
        (LINUX, "/", "/b/c"),
        (WINDOWS, "C:\\a", "C:\\a\\b\\c"),
        (WINDOWS, "C:\\", "C:\\b\\c"),
    ],
    ids=repr,
)
def test_a_path_is_written_as_its_system_does(platform: Any, first: str, path: str) -> None:
    """
    Whatever system this runs on, and with one separator where the folder ends in one already.
    """
    assert joined(FakeSource({}, platform=platform), first, "b", "c") == path


def test_what_is_no_list_of_names_has_none() -> None:
    """
    Of an answer only the text in a list counts.
    """
    source = FakeSource({"list:/a": "gguf", "list:/b": ["x", 3, None, "y"]})

    assert names(source, "/a") == []
    assert names(source, "/b") == ["x", "y"]


def test_a_folder_of_very_many_names_is_listed_in_part() -> None:
    """
    All of as many as are taken, and of more no more.
    """
    source = FakeSource({"list:/a": [str(number) for number in range(MOST_FOLDERS + 1)]})

    assert names(source, "/a") == [str(number) for number in range(MOST_FOLDERS)]


def test_hidden_names_and_files_are_no_folders() -> None:
    """
    As far as names tell, in capitals too.
    """
    source = FakeSource({"list:/a": [".git", "x.GGUF", "x.json", "x.gguf.part", "v1.5", "models"]})

    assert folders(source, "/a") == ["v1.5", "models"]


def test_a_model_has_its_file_and_the_folders_name() -> None:
    """
    Its ending may be in capitals; projectors and other files are none.
    """
    assert models("x.gguf", "X.GGUF", "mmproj-x.gguf", "X-MMPROJ-f16.gguf", "x.json") == [
        ("a/x.gguf", "/m/x.gguf", None),
        ("a/X.GGUF", "/m/X.GGUF", None),
    ]


@pytest.mark.parametrize(
    "file",
    [
        "x.gguf.incomplete",
        "x.GGUF.part",
        "x.gguf.aria2",
        "downloading_x.gguf",
        "Downloading_x-00001-of-00002.gguf",
        "downloading_x-00002-of-00002.gguf",
    ],
)
def test_a_download_that_goes_on_is_half_a_model(file: str) -> None:
    """
    By the end or the beginning of its name, and of a part of a set no more is said.
    """
    assert models(file) == [(f"a/{file}", None, HALF)]


def test_half_of_another_file_is_no_model() -> None:
    """
    A download is a model's where its name says GGUF.
    """
    assert models("x.safetensors.part", "downloading_x.json") == []


def test_a_set_without_its_first_part_is_none_to_load() -> None:
    """
    llama.cpp opens the first part, so that is what is said to be missing, of the whole rest.
    """
    missing = message("model.first-part-missing")

    assert models("x-00002-of-00003.gguf", "x-00003-of-00003.gguf") == [
        ("a/x-00002-of-00003.gguf", None, missing),
        ("a/x-00003-of-00003.gguf", None, missing),
    ]


def test_a_set_counts_the_parts_that_it_lacks() -> None:
    """
    The second and the last of four.
    """
    assert models("x-00001-of-00004.gguf", "x-00003-of-00004.gguf") == [
        ("a/x-00001-of-00004.gguf", None, message("model.parts-missing", missing=2, total=4))
    ]


def test_sets_of_one_folder_are_apart() -> None:
    """
    A part belongs to the set of its own stem and count.
    """
    lacks = message("model.parts-missing", missing=1, total=2)

    assert models("x-00001-of-00002.gguf", "y-00002-of-00002.gguf", "x-00002-of-00003.gguf") == [
        ("a/x-00001-of-00002.gguf", None, lacks),
        ("a/y-00002-of-00002.gguf", None, message("model.first-part-missing")),
        ("a/x-00002-of-00003.gguf", None, message("model.first-part-missing")),
    ]


@pytest.mark.parametrize(
    ("answers", "folder"),
    [
        ({"env:HUGGINGFACE_HUB_CACHE": "/old"}, "/old"),
        ({"env:HF_HUB_CACHE": "/new", "env:HUGGINGFACE_HUB_CACHE": "/old"}, "/new"),
        ({"env:HF_HUB_CACHE": "/new", "env:HF_HOME": "/home"}, "/new"),
        ({"env:HF_HOME": "/home", "env:XDG_CACHE_HOME": "/cache"}, "/home/hub"),
        ({"env:XDG_CACHE_HOME": "/cache", "env:HOME": HOME}, "/cache/huggingface/hub"),
        ({"env:XDG_CACHE_HOME": "/cache"}, "/cache/huggingface/hub"),
        ({"env:HOME": HOME}, f"{HOME}/.cache/huggingface/hub"),
        ({}, None),
    ],
    ids=repr,
)
def test_the_hubs_cache_is_named_by_the_first_variable(answers: dict[str, str], folder: str | None) -> None:
    """
    Each counts before the next: HF_HUB_CACHE, its older name, HF_HOME, XDG_CACHE_HOME, the home folder.
    """
    assert hub_cache(FakeSource(answers)) == folder


def test_a_repository_of_another_name_may_have_a_model() -> None:
    """
    The file says what it is where the repository does not.
    """
    found = of_hub(
        {
            "models--acme--words": [],
            "models--acme--words/snapshots": ["9"],
            "models--acme--words/snapshots/9": ["config.json", "Words-Q8_0.GGUF"],
        }
    )

    assert [(one.name, one.repo) for one in found] == [("acme/words/Words-Q8_0.GGUF", "acme/words")]


def test_a_repository_of_gguf_files_may_have_them_in_folders_alone() -> None:
    """
    Its name says that they are there, in capitals or not; the folders of others are not looked into.
    """
    source = FakeSource(
        {
            f"list:{HUB}": ["models--acme--Tiny-GGUF", "models--acme--words"],
            f"list:{HUB}/models--acme--Tiny-GGUF/snapshots": ["1"],
            f"list:{HUB}/models--acme--Tiny-GGUF/snapshots/1": ["Q8_0"],
            f"list:{HUB}/models--acme--Tiny-GGUF/snapshots/1/Q8_0": ["tiny-Q8_0.gguf"],
            f"list:{HUB}/models--acme--words/snapshots": ["2"],
            f"list:{HUB}/models--acme--words/snapshots/2": ["onnx"],
        }
    )

    assert [one.name for one in models_of_hub(source, HUB)] == ["acme/Tiny-GGUF/Q8_0/tiny-Q8_0.gguf"]
    assert f"list:{HUB}/models--acme--words/snapshots/2/onnx" not in source.asked


@pytest.mark.parametrize("whole", ["1", "2"])
def test_a_file_of_two_revisions_is_whole_where_one_is(whole: str) -> None:
    """
    Whichever revision comes first, it is one model, and the one that can be opened.
    """
    folder = "models--acme--Tiny-GGUF/snapshots"
    parts = ["x-00001-of-00002.gguf", "x-00002-of-00002.gguf"]
    (found,) = of_hub(
        {folder.split("/")[0]: [], folder: ["1", "2"]}
        | {f"{folder}/{revision}": parts if revision == whole else parts[:1] for revision in ("1", "2")}
    )

    assert (found.path, found.problem) == (f"{HUB}/{folder}/{whole}/{parts[0]}", None)


@pytest.mark.parametrize(
    ("name", "snapshot", "blobs", "expected"),
    [
        ("Tiny-GGUF", [], ["a.incomplete", "b"], [("acme/Tiny-GGUF", HALF)]),
        ("tiny-gguf", [], ["a.incomplete"], [("acme/tiny-gguf", HALF)]),
        ("Tiny-GGUF", [], ["a", "b"], []),
        ("words", [], ["a.incomplete"], []),
        ("Tiny-GGUF", ["x.gguf"], ["a", "b.incomplete"], [("acme/Tiny-GGUF/x.gguf", None)]),
    ],
)
def test_a_repository_is_half_there_where_a_blob_is_and_no_model(
    name: str, snapshot: list[str], blobs: list[str], expected: list[tuple[str, Message | None]]
) -> None:
    """
    A blob has no name, so only a repository that is called GGUF is taken for an unfinished model.
    """
    folder = f"models--acme--{name}"
    found = of_hub(
        {
            folder: [],
            f"{folder}/snapshots": ["1"],
            f"{folder}/snapshots/1": snapshot,
            f"{folder}/blobs": blobs,
        }
    )

    assert [(one.name, one.problem) for one in found] == expected
