"""
Models at an address, in a repository of the hub, and in its cache.
"""

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import gguf_writer as gguf_files
from benchmarks.truth.models import models
from llmprobe.cli import main
from llmprobe.errors import ModelError
from llmprobe.facts.estimate import Estimate
from llmprobe.facts.model import Tensor
from llmprobe.facts.wire import decode
from llmprobe.model.loading import load
from llmprobe.words.message import message
from tests.machine_fixtures import FOLDER
from tests.web_server import Exchange, WebServer, serving

pytestmark = pytest.mark.live

SIZES = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
}
TENSORS = (
    Tensor("token_embd.weight", (64, 32), None, "q8_0"),
    Tensor("blk.0.attn_q.weight", (64, 64), 0, "q4_0"),
    Tensor("blk.1.attn_q.weight", (64, 64), 1, "q4_0"),
)


class Site:
    """
    A hub of one owner: repositories with their files, and a login where one is needed.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.token: str | None = None
        self.server: WebServer | None = None

    def answer(self, exchange: Exchange) -> None:
        if self.token is not None and exchange.headers.get("Authorization") != f"Bearer {self.token}":
            exchange.whole(b"", 401)
            return
        path = exchange.path.partition("?")[0]
        if path.startswith("/api/models/"):
            repo = path.removeprefix("/api/models/").partition("/revision/")[0]
            names = [
                name.partition("/resolve/main/")[2] for name in self.files if name.startswith(f"/{repo}/")
            ]
            listed = ", ".join(f'{{"rfilename": "{name}"}}' for name in names)
            exchange.whole(f'{{"id": "{repo}", "siblings": [{listed}]}}'.encode(), 200 if names else 404)
        elif path in self.files:
            exchange.in_parts(self.files[path])
        else:
            exchange.whole(b"Entry not found", 404)

    def add(self, name: str, *, file_type: int = 15, **more: object) -> None:
        metadata = (
            SIZES
            | {"general.file_type": file_type}
            | {key.replace("__", "."): value for key, value in more.items()}
        )
        self.files[f"/owner/repo/resolve/main/{name}"] = gguf_files.header(metadata, TENSORS) + bytes(100_000)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site()
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with serving(site.answer) as server:
        site.server = server
        monkeypatch.setenv("HF_ENDPOINT", server.url(""))
        yield site


@pytest.fixture
def hub(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> types.ModuleType:
    """
    A stand-in for the package huggingface_hub: what this program uses of it.
    """
    package = types.ModuleType("huggingface_hub")
    assert site.server is not None
    constants = types.ModuleType("huggingface_hub.constants")
    vars(constants).update(HF_HUB_OFFLINE=False, ENDPOINT=site.server.url(""))

    def snapshot_download(repo: str, *, revision: str, local_files_only: bool) -> str:
        assert local_files_only
        folder = tmp_path / "cache" / repo / revision
        if not folder.is_dir():
            raise FileNotFoundError(repo)
        return str(folder)

    vars(package).update(
        constants=constants, get_token=lambda: site.token, snapshot_download=snapshot_download
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", package)
    monkeypatch.setitem(sys.modules, "huggingface_hub.constants", constants)
    return package


def address(site: Site, name: str) -> str:
    assert site.server is not None
    return site.server.url(f"/owner/repo/resolve/main/{name}")


def test_an_address_is_read_as_a_file_is(site: Site) -> None:
    """
    The model of a remote file is that of its header, and how much was read is said.
    """
    site.add("small.Q4_0.gguf", file_type=2)
    spec = load(address(site, "small.Q4_0.gguf?download=true"))

    assert (spec.id, spec.source, spec.quant, spec.tensors) == ("small.Q4_0", "gguf", "Q4_0", TENSORS)
    assert spec.path == address(site, "small.Q4_0.gguf")
    assert spec.notes[-1].id == "model.headers-read"


def test_the_page_of_a_file_leads_to_the_file(site: Site) -> None:
    """
    What is copied from the browser's address bar works.
    """
    site.add("small.gguf")

    assert load(address(site, "small.gguf").replace("/resolve/", "/blob/")).tensors == TENSORS


def test_a_split_set_is_read_whole(site: Site) -> None:
    """
    Of each part the header is read, wherever one begins.
    """
    for number, part in enumerate((TENSORS[:1], TENSORS[1:2], TENSORS[2:]), 1):
        content = gguf_files.header(SIZES | {"split.count": 3, "split.tensors.count": 3}, part) + bytes(
            900_000
        )
        site.files[f"/owner/repo/resolve/main/m-{number:05}-of-00003.gguf"] = content
    spec = load(address(site, "m-00001-of-00003.gguf"))

    assert (spec.id, spec.tensors) == ("m", TENSORS)
    assert load(address(site, "m-00003-of-00003.gguf")).tensors == TENSORS
    assert site.server is not None
    assert site.server.sent < 2 * 3 * 300_000


def test_a_missing_part_is_named(site: Site) -> None:
    """
    A set that is not whole is not estimated.
    """
    site.add("m-00001-of-00002.gguf", split__count=2)

    with pytest.raises(ModelError, match=r"m-00002-of-00002\.gguf \(404\)"):
        load(address(site, "m-00001-of-00002.gguf"))


def test_the_token_of_the_environment_is_for_the_hub(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without HF_TOKEN a gated file is refused with that advice, with it it is read.
    """
    site.add("small.gguf")
    site.token = "hf_gated"

    with pytest.raises(ModelError) as caught:
        load(address(site, "small.gguf"))
    assert "HF_TOKEN" in str(caught.value.hint)
    monkeypatch.setenv("HF_TOKEN", "hf_gated")
    assert load(address(site, "small.gguf")).tensors == TENSORS


def test_the_token_of_the_environment_goes_nowhere_else(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A file on another host is asked for without the token.
    """
    site.add("small.gguf")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example.org")
    load(address(site, "small.gguf"))

    assert site.server is not None
    assert [headers.get("Authorization") for _, headers in site.server.questions] == [None]


def test_a_remote_file_can_be_had_in_another_quantization(site: Site) -> None:
    """
    A quantization that was asked for is computed from the file's tensors.
    """
    site.files["/owner/repo/resolve/main/x-Q4_K_M.gguf"] = gguf_files.of_model(
        models()["qwen3-0.6b"], "Q4_K_M"
    )
    spec = load(address(site, "x-Q4_K_M.gguf"), quant="Q8_0")

    assert (spec.quant, spec.tensors[0].type) == ("Q8_0", "q8_0")


@pytest.mark.parametrize(("name", "what"), [("gone.gguf", "404"), ("page.gguf", "not a GGUF file")])
def test_a_remote_file_that_is_none_is_one_sentence(
    site: Site, name: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    On the command line it is an answer with exit code 1.
    """
    site.files["/owner/repo/resolve/main/page.gguf"] = b"<html>" + bytes(100)
    ended = main(["estimate", address(site, name), "--devices", "0"])
    out, err = capsys.readouterr()

    assert (ended, out, what in err, "Traceback" in err) == (1, "", True, False)


def test_an_address_is_estimated_for_a_recorded_machine(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A replay is of the machine; the model is read from where it is.
    """
    site.files["/owner/repo/resolve/main/x.gguf"] = gguf_files.of_model(models()["qwen3-0.6b"], "Q4_K_M")
    replay = ["--replay", str(FOLDER / "linux-4090-64g" / "recording.json")]
    ended = main([*replay, "estimate", address(site, "x.gguf"), "-c", "4096", "--json"])
    document = decode(capsys.readouterr().out, Estimate)

    assert (ended, document.this_machine, document.model.id) == (0, False, "x")
    assert document.model.quant == "Q4_K_M"


def test_a_repository_without_the_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What to install is said, and what works without.
    """
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    with pytest.raises(ModelError, match="huggingface_hub, which is not installed") as caught:
        load("hf:owner/repo")

    assert "llmprobe[hub]" in str(caught.value.hint)


def test_a_file_of_a_repository_is_read(site: Site, hub: types.ModuleType) -> None:
    """
    ``hf:owner/repo/file`` is that file, in whatever folder of the repository.
    """
    site.add("Q8_0/small-Q8_0.gguf", file_type=7)

    assert load("hf:owner/repo/Q8_0/small-Q8_0.gguf").quant == "Q8_0"
    assert load("hf:owner/repo/small-q8_0.gguf").repo == "owner/repo"


@pytest.mark.parametrize(
    ("quant", "expected"),
    [(None, "m-Q4_K_M"), ("Q8_0", "m-Q8_0"), ("q2_k", "m-Q2_K"), ("BF16", "BF16/m-BF16")],
)
def test_a_sensible_file_is_taken(
    site: Site, hub: types.ModuleType, quant: str | None, expected: str
) -> None:
    """
    Of a repository's files it is the one asked for or else Q4_K_M, and that is said.
    """
    for kind, number in (("Q2_K", 10), ("Q4_K_M", 15), ("Q4_K_S", 14), ("Q8_0", 7)):
        site.add(f"m-{kind}.gguf", file_type=number)
    site.add("mmproj-m-Q8_0.gguf")
    for part in (1, 2):
        tensors = TENSORS[:1] if part == 1 else TENSORS[1:]
        content = gguf_files.header(SIZES | {"general.file_type": 32, "split.count": 2}, tensors)
        site.files[f"/owner/repo/resolve/main/BF16/m-BF16-{part:05}-of-00002.gguf"] = content
    spec = load("hf:owner/repo", quant=quant)

    assert (
        str(spec.path).removesuffix("-00001-of-00002.gguf").removesuffix(".gguf").endswith(f"main/{expected}")
    )
    assert (spec.notes[0].id, spec.notes[0].values["models"]) == ("model.one-of-repository", 5)


def test_a_quantization_that_the_repository_lacks_is_computed(site: Site, hub: types.ModuleType) -> None:
    """
    Another file's tensors are taken, and it is said that none has what was asked for.
    """
    model = models()["qwen3-0.6b"]
    for kind in ("Q4_K_M", "Q8_0"):
        site.files[f"/owner/repo/resolve/main/m-{kind}.gguf"] = gguf_files.of_model(model, kind)
    spec = load("hf:owner/repo", quant="Q6_K")

    assert spec.quant == "Q6_K"
    assert spec.notes[0].values["lacks"] == "Q6_K"


def test_what_a_repository_lacks_is_said(site: Site, hub: types.ModuleType) -> None:
    """
    A file that is not there, a repository without models, and one that does not exist.
    """
    site.files["/owner/repo/resolve/main/README.md"] = b"# nothing"

    with pytest.raises(ModelError, match=r"has no file other\.gguf"):
        load("hf:owner/repo/other.gguf")
    with pytest.raises(ModelError, match="no GGUF model"):
        load("hf:owner/repo")
    with pytest.raises(ModelError, match="404"):
        load("hf:owner/nothing")
    with pytest.raises(ModelError, match="names no repository"):
        load("hf:owner")


CONFIG = json.dumps(
    {"architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 64, "vocab_size": 32}
    | {"num_hidden_layers": 1, "num_attention_heads": 1, "torch_dtype": "float16"}
).encode()
SHAPES = {"model.embed_tokens.weight": [32, 64], "model.norm.weight": [64]} | {
    f"model.layers.0.{part}.weight": [64, 64] if len(part) < 5 else [64]
    for part in ("q", "k", "v", "o", "gate", "up", "down", "norm1", "norm2")
}
PARAMETERS = 32 * 64 + 7 * 64 * 64 + 3 * 64


def test_a_repository_without_gguf_is_its_configuration(site: Site, hub: types.ModuleType) -> None:
    """
    Of a set of safetensors files only the index is read, and compared by its bytes.
    """
    index = {
        "metadata": {"total_size": 2 * PARAMETERS},
        "weight_map": dict.fromkeys(SHAPES, "model-1.safetensors"),
    }
    site.files["/owner/repo/resolve/main/config.json"] = CONFIG
    site.files["/owner/repo/resolve/main/model.safetensors.index.json"] = json.dumps(index).encode()
    site.files["/owner/repo/resolve/main/model-1.safetensors"] = bytes(1000)
    spec = load("hf:owner/repo")

    assert (spec.id, spec.repo, spec.source, spec.parameters) == ("repo", "owner/repo", "config", PARAMETERS)
    assert spec.notes[0] == message("model.from-config-of-repo", repo="owner/repo")
    assert spec.folder is not None
    assert (spec.folder.bytes, spec.folder.basis) == (2 * PARAMETERS, "exact")


def test_of_a_single_safetensors_file_the_header_is_read(site: Site, hub: types.ModuleType) -> None:
    """
    Its tensors say whether the output is tied; their data are not transferred.
    """
    header = json.dumps(
        {name: {"dtype": "F16", "shape": shape, "data_offsets": [0, 0]} for name, shape in SHAPES.items()}
    ).encode()
    site.files["/owner/repo/resolve/main/config.json"] = CONFIG
    site.files["/owner/repo/resolve/main/model.safetensors"] = (
        len(header).to_bytes(8, "little") + header + bytes(5_000_000)
    )
    spec = load("hf:owner/repo", quant="Q8_0")

    assert (spec.quant, spec.parameters, spec.hparams["tie_word_embeddings"]) == ("Q8_0", PARAMETERS, True)
    assert site.server is not None
    assert site.server.sent < 300_000


def test_a_revision_is_asked_for(site: Site, hub: types.ModuleType) -> None:
    """
    What follows an @ is a branch, a tag or a commit.
    """
    site.add("m.gguf")
    site.files["/owner/repo/resolve/v2/m.gguf"] = site.files["/owner/repo/resolve/main/m.gguf"]

    assert str(load("hf:owner/repo@v2/m.gguf").path).endswith("/resolve/v2/m.gguf")


def test_a_login_is_used(site: Site, hub: types.ModuleType) -> None:
    """
    The token that the package knows is sent to its endpoint.
    """
    site.add("m.gguf")
    site.token = "hf_login"

    assert load("hf:owner/repo").tensors == TENSORS


def test_offline_only_the_cache_is_looked_at(
    site: Site, hub: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    With HF_HUB_OFFLINE nothing is asked: what was downloaded is read, anything else is an error.
    """
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "cache/owner/repo/main"

    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        load("hf:owner/repo")
    folder.mkdir(parents=True)
    (folder / "m-Q4_K_M.gguf").write_bytes(gguf_files.header(SIZES, TENSORS))
    assert load("hf:owner/repo").path == str(folder / "m-Q4_K_M.gguf")
    assert site.server is not None
    assert site.server.questions == []


def test_a_listing_that_is_none_is_one_sentence(site: Site, hub: types.ModuleType) -> None:
    """
    A server that answers something else is not the hub.
    """
    with serving(lambda exchange: exchange.whole(b"<html>")) as server:
        vars(hub)["constants"].ENDPOINT = server.url("")
        with pytest.raises(ModelError, match="does not list the files"):
            load("hf:owner/repo")
