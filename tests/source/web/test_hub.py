"""
The hub: addresses of its files, who is sent its token, and what its package says of a repository.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_mock import MockerFixture

from llmprobe.errors import ModelError
from llmprobe.source.web import hub
from llmprobe.source.web.client import Client, Cut
from llmprobe.source.web.hub import Hub, client_for_addresses, fetched, file_address
from llmprobe.words.message import message

PAGE = "https://huggingface.co/acme/Tiny/blob/main/tiny.gguf"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


class Package:
    """
    What of ``huggingface_hub`` is used.
    """

    def __init__(self, *, offline: bool = False, folder: str | Exception = "/hub/x") -> None:
        self.constants = SimpleNamespace(HF_HUB_OFFLINE=offline, ENDPOINT="https://hub.example.org/")
        self._folder = folder
        self.asked: list[Any] = []

    def get_token(self) -> str:
        return "hf_login"

    def snapshot_download(self, repo: str, **options: Any) -> str:
        self.asked.append((repo, options))
        if isinstance(self._folder, Exception):
            raise self._folder
        return self._folder


def hub_of(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Hub:
    monkeypatch.setattr(hub, "_package", lambda: Package(**options))
    return Hub()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (PAGE, PAGE.replace("/blob/", "/resolve/")),
        (PAGE + "?download=true", PAGE.replace("/blob/", "/resolve/") + "?download=true"),
        (
            PAGE.replace("tiny.gguf", "q8/blob/tiny.gguf"),
            PAGE.replace("/blob/main/tiny", "/resolve/main/q8/blob/tiny"),
        ),
        (PAGE.replace("/blob/", "/resolve/"), PAGE.replace("/blob/", "/resolve/")),
        ("https://huggingface.co/acme/Tiny/blob/main", "https://huggingface.co/acme/Tiny/blob/main"),
        ("https://huggingface.co/blob/a/b/c/tiny.gguf", "https://huggingface.co/blob/a/b/c/tiny.gguf"),
        (PAGE.replace("huggingface.co", "example.org"), PAGE.replace("huggingface.co", "example.org")),
        (
            PAGE.replace("huggingface.co", "mirror.example.org"),
            PAGE.replace("huggingface.co", "mirror.example.org"),
        ),
    ],
)
def test_the_page_of_a_file_leads_to_the_file(url: str, expected: str) -> None:
    """
    On the hub alone; a folder's page and another host's address are what they are.
    """
    assert file_address(url) == expected


def test_a_mirror_has_the_same_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    HF_ENDPOINT names it; the hub itself still is one.
    """
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example.org")
    mirrored = PAGE.replace("huggingface.co", "mirror.example.org")

    assert file_address(mirrored) == mirrored.replace("/blob/", "/resolve/")
    assert file_address(PAGE) == PAGE.replace("/blob/", "/resolve/")


@pytest.mark.parametrize(
    ("environment", "token", "host"),
    [
        ({}, None, "huggingface.co"),
        ({"HF_TOKEN": ""}, None, "huggingface.co"),
        ({"HF_TOKEN": "hf_x"}, "hf_x", "huggingface.co"),
        (
            {"HF_TOKEN": "hf_x", "HF_ENDPOINT": "https://mirror.example.org:81/x"},
            "hf_x",
            "mirror.example.org:81",
        ),
        ({"HF_TOKEN": "hf_x", "HF_ENDPOINT": ""}, "hf_x", "huggingface.co"),
    ],
)
def test_a_token_of_the_environment_is_for_the_hub(
    environment: dict[str, str],
    token: str | None,
    host: str,
    monkeypatch: pytest.MonkeyPatch,
    mocker: MockerFixture,
) -> None:
    """
    Or for the mirror that is used in its place.
    """
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    made = mocker.patch.object(hub, "Client")
    client_for_addresses()

    assert made.call_args.kwargs == {"token": token, "token_host": host}


def test_a_token_of_a_login_is_for_the_packages_endpoint(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    """
    It knows both.
    """
    found = hub_of(monkeypatch)
    made = mocker.patch.object(hub, "Client")
    found.client()

    assert made.call_args.kwargs == {"token": "hf_login", "token_host": "hub.example.org"}


@pytest.mark.parametrize(
    ("constant", "variable", "offline"),
    [
        (False, None, False),
        (True, None, True),
        (False, "1", True),
        (False, "ON", True),
        (False, "Yes", True),
        (False, "true", True),
        (False, "0", False),
        (False, "", False),
        (True, "0", True),
    ],
)
def test_the_hub_is_left_alone_where_it_must_be(
    constant: bool, variable: str | None, offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The package reads the variable once, when it is imported; one that is set later counts too.
    """
    if variable is not None:
        monkeypatch.setenv("HF_HUB_OFFLINE", variable)

    assert hub_of(monkeypatch, offline=constant).offline is offline


def test_files_are_those_of_the_revision(monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture) -> None:
    """
    Sorted, without names that command a terminal; what a path cannot hold is encoded.
    """
    siblings = [{"rfilename": "b.gguf", "size": 1}, {"rfilename": "a/c.gguf"}, {"rfilename": "x\x1b"}]
    body = json.dumps({"id": 3, "siblings": siblings}).encode()
    client = mocker.Mock()
    client.get.return_value.read_all.return_value = body
    found = hub_of(monkeypatch)

    assert found.files(client, "acme/Ti ny", "refs/pr/1") == ("a/c.gguf", "b.gguf")
    assert client.get.call_args.args == (
        "https://hub.example.org/api/models/acme/Ti%20ny/revision/refs%2Fpr%2F1",
    )
    assert found.address("acme/Ti ny", "refs/pr/1", "a/b c.gguf") == (
        "https://hub.example.org/acme/Ti%20ny/resolve/refs%2Fpr%2F1/a/b%20c.gguf"
    )


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b'{"siblings": 3}', b'{"siblings": [{}]}', b'{"siblings": [{"rfilename": "\xff"}]}'],
)
def test_an_answer_that_makes_no_sense_is_said(
    body: bytes, monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    """
    With the host that gave it.
    """
    client = mocker.Mock()
    client.get.return_value.read_all.return_value = body

    with pytest.raises(ModelError) as caught:
        hub_of(monkeypatch).files(client, "acme/Tiny", "main")
    assert caught.value.message == message("web.no-file-list", host="hub.example.org", repo="acme/Tiny")


def test_a_repository_without_files_has_none(monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture) -> None:
    """
    An answer need not speak of them.
    """
    client = mocker.Mock()
    client.get.return_value.read_all.return_value = b"{}"

    assert hub_of(monkeypatch).files(client, "acme/Tiny", "main") == ()


@pytest.mark.parametrize(
    ("found", "expected"), [("/hub/x", Path("/hub/x")), (OSError(), None), (ValueError(), None)], ids=repr
)
def test_what_is_in_the_cache_is_not_downloaded(
    found: str | Exception, expected: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Only files that are here are asked for; none is an answer.
    """
    package = Package(folder=found)
    monkeypatch.setattr(hub, "_package", lambda: package)

    assert Hub().folder("acme/Tiny", "main") == expected
    assert package.asked == [("acme/Tiny", {"revision": "main", "local_files_only": True})]


def test_a_cut_connection_is_made_once_more(mocker: MockerFixture) -> None:
    """
    A second cut is the end, in one sentence.
    """
    client = mocker.Mock(spec=Client)
    client.get.side_effect = [Cut(b""), mocker.Mock(read_all=lambda most: b"a" * most)]

    assert fetched(client, "https://host/x", 3) == b"aaa"
    client.get.side_effect = [mocker.Mock(read_all=mocker.Mock(side_effect=Cut(b""))), Cut(b"")]
    with pytest.raises(ModelError) as caught:
        fetched(client, "https://host/x", 3)
    assert caught.value.message == message("web.cut-twice", host="host")
    assert caught.value.hint == message("hint.later")
    assert client.drop.call_count == 2
