"""
The Hugging Face Hub: where its files are, what a repository holds, who is allowed in, and what is here already.

An address on the hub needs nothing but its access token, which HF_TOKEN holds. A repository's name needs the package
``huggingface_hub`` (the extra ``hub``): it knows the endpoint, the token of a login, offline mode and the cache.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from llmprobe.errors import ModelError
from llmprobe.source.web.client import Client, Cut
from llmprobe.words.message import message

_ENDPOINT = "https://huggingface.co"
_MOST_LISTED = 8 << 20
_SWITCHED_ON = frozenset(("1", "on", "yes", "true"))


class _Sibling(msgspec.Struct):
    rfilename: str


class _Repository(msgspec.Struct):
    siblings: list[_Sibling] = []


def client_for_addresses() -> Client:
    """
    A client for addresses that were typed: HF_TOKEN goes to the hub's own host.
    """
    endpoint = os.environ.get("HF_ENDPOINT") or _ENDPOINT
    return Client(token=os.environ.get("HF_TOKEN") or None, token_host=urlsplit(endpoint).netloc)


def file_address(url: str) -> str:
    """
    Where the file itself is for the address of the page that shows it on the hub.
    """
    place = urlsplit(url)
    endpoints = {urlsplit(one).netloc for one in (_ENDPOINT, os.environ.get("HF_ENDPOINT", ""))}
    parts = place.path.split("/")
    if place.netloc in endpoints and len(parts) > 5 and parts[3] == "blob":
        return place._replace(path="/".join([*parts[:3], "resolve", *parts[4:]])).geturl()
    return url


class Hub:
    """
    The hub as the package ``huggingface_hub`` is set up to reach it.

    ``offline`` is true where it must not be reached (HF_HUB_OFFLINE): then only the cache is looked at.

    Raises:
        ModelError: the package is not installed.
    """

    def __init__(self) -> None:
        self._package = _package()
        constants = self._package.constants
        self.offline = bool(constants.HF_HUB_OFFLINE) or _is_on("HF_HUB_OFFLINE")
        self._endpoint = str(constants.ENDPOINT).rstrip("/")
        self._token: str | None = self._package.get_token()

    def client(self) -> Client:
        """A client that sends the access token to the hub alone."""
        return Client(token=self._token, token_host=urlsplit(self._endpoint).netloc)

    def files(self, client: Client, repo: str, revision: str) -> tuple[str, ...]:
        """
        The names of all files of a repository.

        Raises:
            ModelError: there is no such repository, it is not open to us, or the answer makes no sense.
        """
        url = f"{self._endpoint}/api/models/{quote(repo)}/revision/{quote(revision, safe='')}"
        content = fetched(client, url, _MOST_LISTED)
        try:
            found = msgspec.json.decode(content, type=_Repository)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelError(message("web.no-file-list", host=urlsplit(url).hostname, repo=repo)) from error
        return tuple(sorted(part.rfilename for part in found.siblings if part.rfilename.isprintable()))

    def address(self, repo: str, revision: str, name: str) -> str:
        """Where a file of a repository is."""
        return f"{self._endpoint}/{quote(repo)}/resolve/{quote(revision, safe='')}/{quote(name)}"

    def folder(self, repo: str, revision: str) -> Path | None:
        """The folder in which what was downloaded of a repository lies, None where nothing does."""
        try:
            return Path(self._package.snapshot_download(repo, revision=revision, local_files_only=True))
        except (OSError, ValueError):
            # LocalEntryNotFoundError is one of both in every version.
            return None


def fetched(client: Client, url: str, most: int) -> bytes:
    """
    All that is at an address, asking a second time where the connection was cut.

    Raises:
        ModelError: it is not there, not given to us, larger than ``most``, or the connection is cut again.
    """
    try:
        return client.get(url).read_all(most)
    except Cut:
        client.drop()
    try:
        return client.get(url).read_all(most)
    except Cut as error:
        raise ModelError(
            message("web.cut-twice", host=urlsplit(url).hostname), hint=message("hint.later")
        ) from error


def _is_on(name: str) -> bool:
    return os.environ.get(name, "").casefold() in _SWITCHED_ON


def _package() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.constants
    except ImportError as error:
        raise ModelError(message("web.hub-not-installed"), hint=message("hint.install-hub")) from error
    return huggingface_hub
