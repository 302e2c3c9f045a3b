"""
A model from a name of the catalog, from a file, from a split set and from a folder.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from benchmarks import gguf_writer as gguf_files
from benchmarks.truth.models import models
from llmprobe.errors import ModelError, UsageError
from llmprobe.estimation import Estimator
from llmprobe.facts.model import Tensor
from llmprobe.model.from_catalog import entries
from llmprobe.model.loading import load
from llmprobe.model.quants import assign, tensor_bytes
from llmprobe.words.message import Message, message

SMALL = (
    Tensor("token_embd.weight", (64, 32), None, "q8_0"),
    Tensor("blk.0.attn_q.weight", (64, 64), 0, "q4_0"),
    Tensor("blk.1.attn_q.weight", (64, 64), 1, "q4_0"),
)
SIZES = {
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.context_length": 512,
}


def write(
    path: Path, tensors: tuple[Tensor, ...], architecture: str = "llama", more: Mapping[str, object] = {}
) -> Path:
    sizes = {key.replace("llama.", f"{architecture}."): value for key, value in SIZES.items()}
    metadata = {"general.architecture": architecture, "general.file_type": 2} | sizes
    metadata |= more
    path.write_bytes(gguf_files.header(metadata, tensors))
    return path


def test_a_catalogued_model_has_all_its_tensors() -> None:
    """
    Llama 3 70B has 723 tensors and 70,553,706,496 parameters (its model card says 70.6 B).
    """
    spec = load("llama3-70b")

    assert (spec.id, spec.source, spec.quant) == ("llama-3-70b-instruct", "catalog", None)
    assert (len(spec.tensors), spec.parameters) == (723, 70_553_706_496)


def test_a_file_is_exact_though_its_name_has_a_rule(tmp_path: Path) -> None:
    """
    Where the file that was asked for is there, its own types count, and no range is kept.
    """
    file = write(tmp_path / "m-UD-Q4_K_XL.gguf", SMALL)
    spec = load(str(file), quant="UD-Q4_K_XL")

    assert (spec.quant, spec.path) == ("UD-Q4_K_XL", str(file))
    assert [tensor.type for tensor in spec.tensors] == ["q8_0", "q4_0", "q4_0"]
    assert Estimator(spec).recipe("UD-Q4_K_XL") is None


def test_another_file_follows_the_rule(tmp_path: Path) -> None:
    """
    A file of another name can't tell what the wanted one holds: it is not the file to run either.
    """
    spec = load(str(write(tmp_path / "m-Q4_0.gguf", SMALL)), quant="UD-Q6_K_XL")

    assert (spec.quant, spec.path) == ("UD-Q6_K_XL", None)
    assert spec.tensors[1].type == "q8_0"
    assert Estimator(spec).recipe("UD-Q6_K_XL") is not None


@pytest.mark.parametrize("name", ["llama3-70b-q4_k_m", "Meta-Llama-3-70B-Instruct-Q4_K_M.gguf"])
def test_a_quantization_in_the_name_types_the_tensors(name: str) -> None:
    """
    Whoever names a quantization gets the model in it: 42,512,531,456 bytes for Q4_K_M.
    """
    spec = load(name)

    assert spec.quant == "Q4_K_M"
    assert sum(tensor_bytes(t.shape, str(t.type)) for t in spec.tensors) == 42_512_531_456


@pytest.mark.parametrize(
    ("name", "measured"), [("gpt-oss-20b", 12_096_558_336), ("gpt-oss-120b", 63_374_323_968)]
)
def test_gpt_oss_is_as_large_as_it_is_published(name: str, measured: int) -> None:
    """
    The published files have 12.1 and 63.4 GB of tensors (59.02 GiB in llama-bench's output for the 120b).
    """
    spec = load(name, quant="MXFP4")

    assert sum(tensor_bytes(t.shape, str(t.type)) for t in spec.tensors) == measured


def test_an_ambiguous_name_leaves_a_note() -> None:
    """
    What was taken for what is said with the model.
    """
    assert load("llama 70b").notes[0].id == "name.ambiguous"


def test_another_tools_address_of_a_repository_is_a_name() -> None:
    """
    ``hf://`` is how other tools write a repository: it is looked up, and nothing is fetched without being asked for.
    """
    spec = load("hf://bartowski/Qwen_Qwen3-8B-GGUF")

    assert (spec.id, [note.id for note in spec.notes]) == ("qwen3-8b", ["model.from-catalog-not-address"])


def test_an_assumed_shape_is_said_with_the_model() -> None:
    """
    The tensors are the base's, and the note says whose they may be.
    """
    spec = load("Qwen3-14B-Foo.i1-Q4_K_M.gguf")

    assert (spec.id, spec.quant, [note.id for note in spec.notes]) == (
        "qwen3-14b",
        "Q4_K_M",
        ["name.same-shape"],
    )


def test_an_unknown_quantization_is_a_usage_error() -> None:
    """
    The model is known, what was asked of it is not.
    """
    with pytest.raises(UsageError, match="Q9"):
        load("llama3-70b", quant="Q9")


def test_a_file_has_its_own_types_and_sizes(tmp_path: Path) -> None:
    """
    A file's tensors are as they are in the file, whatever its file type's name would give.
    """
    spec = load(str(write(tmp_path / "small.gguf", SMALL)))

    assert (spec.id, spec.source, spec.quant, spec.tensors) == ("small", "gguf", "Q4_0", SMALL)
    assert (spec.hparams["embedding_length"], spec.hparams["vocab_size"]) == (64, 32)


@pytest.mark.parametrize("name", ["llama3.1-8b", "qwen3-30b-a3b", "gemma3-4b", "gpt-oss-20b", "mamba2-2.7b"])
def test_a_measured_models_file_has_its_measured_types(name: str, tmp_path: Path) -> None:
    """
    What is written in a file type is read back in it, for architectures that we know and for others.
    """
    model = models()[name]
    path = tmp_path / "x.gguf"
    path.write_bytes(gguf_files.of_model(model, "Q5_K_M"))
    spec = load(str(path))
    expected = assign(model.tensors, model.architecture, model.hparams, "Q5_K_M")

    assert spec.quant == "Q5_K_M"
    assert [tensor.type for tensor in spec.tensors] == list(expected)


def test_an_unknown_architecture_is_no_obstacle(tmp_path: Path) -> None:
    """
    The tensors of a file are known even where its architecture is not.
    """
    spec = load(str(write(tmp_path / "new.gguf", SMALL, "brandnew")))

    assert (spec.architecture, spec.parameters) == ("brandnew", 64 * 32 + 2 * 64 * 64)


def test_next_n_layers_do_not_count_as_parameters(tmp_path: Path) -> None:
    """
    A layer for multi-token prediction is in the file, not in the model.
    """
    spec = load(str(write(tmp_path / "mtp.gguf", SMALL, more={"llama.nextn_predict_layers": 1})))

    assert spec.file_parameters - spec.parameters == 64 * 64


def test_any_part_of_a_split_set_gives_the_whole(tmp_path: Path) -> None:
    """
    The tensors of all parts are one model's.
    """
    more = {"split.count": 2, "split.tensors.count": 3}
    write(tmp_path / "m-00001-of-00002.gguf", SMALL[:2], more=more)
    second = write(tmp_path / "m-00002-of-00002.gguf", SMALL[2:], more=more)

    assert (load(str(second)).id, load(str(second)).tensors) == ("m", SMALL)


def test_a_split_set_is_run_by_its_first_part(tmp_path: Path) -> None:
    """
    Engines take the first part and find the others, so that is the path, whichever was named.
    """
    more = {"split.count": 2, "split.tensors.count": 3}
    first = write(tmp_path / "m-00001-of-00002.gguf", SMALL[:2], more=more)
    second = write(tmp_path / "m-00002-of-00002.gguf", SMALL[2:], more=more)

    assert load(str(second)).path == str(first)


def test_a_file_that_is_not_here_is_called_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A name like a file's was meant as one: that it is not here is said before that no model is called so.
    """
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ModelError, match=r"^there is no file zzz\.gguf, and no model is named"):
        load("zzz.gguf")


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    """
    Half a split set can't be run, so it can't be estimated.
    """
    first = write(tmp_path / "m-00001-of-00002.gguf", SMALL, more={"split.count": 2})

    with pytest.raises(ModelError, match=r"m-00002-of-00002\.gguf is missing"):
        load(str(first))


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"general.architecture": "clip"}, "the projector of a multimodal model"),
        ({"general.type": "adapter"}, "not a language model"),
        ({"llama.block_count": 1}, "tensors of 2 layers"),
        ({"llama.block_count": "two"}, "block_count is 'two'"),
        ({"llama.rope.scaling.original_context_length": [0]}, r"original_context_length is '\[0\]'"),
        ({"llama.attention.head_count": 2**40}, "head_count is 1099511627776"),
        ({"llama.embedding_length": 64.5}, "embedding_length is 64.5"),
        (
            {"llama.attention.key_length": 32},
            r"attn_q.weight has the shape \(64, 64\), and the metadata imply \(64, 128\)",
        ),
        ({"llama.attention.key_length": float("nan")}, "key_length is nan"),
        ({"llama.expert_count": 4, "llama.expert_used_count": 5}, "uses 5 experts, and the model has 4"),
        ({"llama.rope.freq_base": float("inf")}, "freq_base is inf"),
        ({"llama.attention.head_count": "many"}, "head_count"),
        ({"llama.attention.head_count_kv": [1]}, "head_count_kv"),
        ({"llama.embedding_length": -5}, "embedding_length"),
        ({"split.tensors.count": 9}, "3 tensors instead of 9"),
        ({"split.count": 3}, "its name does not say which"),
    ],
)
def test_a_file_that_is_no_sound_model_is_refused(more: dict[str, object], what: str, tmp_path: Path) -> None:
    """
    One sentence says what is wrong with the file.
    """
    path = write(tmp_path / "x.gguf", SMALL, more=more)

    with pytest.raises(ModelError, match=what):
        load(str(path))


@pytest.mark.parametrize("name", ["missing.gguf", "no/such/folder.gguf"])
def test_a_path_without_a_file_is_said_to_be_missing(name: str, tmp_path: Path) -> None:
    """
    A path is never taken for a model's name.
    """
    with pytest.raises(ModelError, match="cannot be read"):
        load(str(tmp_path / name))


def test_a_folder_names_the_files_in_it(tmp_path: Path) -> None:
    """
    The hint is what to type instead.
    """
    write(tmp_path / "small.gguf", SMALL)

    with pytest.raises(ModelError, match=r"has no config\.json") as caught:
        load(str(tmp_path))

    assert "small.gguf" in str(caught.value.hint)


def published(folder: Path, *, shards: int = 0) -> Path:
    """
    Write a model as it is published on Hugging Face: a configuration and the headers of its files.
    """
    folder.mkdir()
    values = {
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": 64,
        "intermediate_size": 64,
        "vocab_size": 32,
    }
    values |= {"num_hidden_layers": 1, "num_attention_heads": 1, "max_position_embeddings": 512}
    (folder / "config.json").write_text(json.dumps(values))
    square = [f"model.layers.0.{part}.weight" for part in ("q", "k", "v", "o", "gate", "up", "down")]
    flat = ["model.norm.weight", "model.layers.0.input_layernorm.weight", "model.layers.0.post.weight"]
    shapes = (
        {"model.embed_tokens.weight": [32, 64]}
        | {name: [64, 64] for name in square}
        | {name: [64] for name in flat}
    )
    names = [f"model-{n:05}-of-{shards:05}.safetensors" for n in range(1, shards + 1)] or [
        "model.safetensors"
    ]
    where = {tensor: names[at % len(names)] for at, tensor in enumerate(shapes)}
    for name in names:
        mine = {
            tensor: {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]}
            for tensor, shape in shapes.items()
            if where[tensor] == name
        }
        header = json.dumps(mine).encode()
        (folder / name).write_bytes(len(header).to_bytes(8, "little") + header)
    if shards:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    return folder


@pytest.mark.parametrize("shards", [0, 3])
def test_a_folder_with_a_configuration_is_a_model(shards: int, tmp_path: Path) -> None:
    """
    Its tensors are those of its GGUF file, checked against the files beside it, tied where they say so.
    """
    folder = published(tmp_path / "Small-1B", shards=shards)
    spec = load(str(folder))

    assert (spec.id, spec.source, spec.architecture, spec.parameters) == (
        "Small-1B",
        "config",
        "llama",
        32 * 64 + 7 * 64 * 64 + 3 * 64,
    )
    assert spec.notes == ()
    assert load(str(folder / "config.json")) == spec


def test_a_folder_can_be_had_in_a_quantization(tmp_path: Path) -> None:
    """
    What is published in 16 bits is estimated as it would be quantized.
    """
    assert load(str(published(tmp_path / "m")), quant="Q8_0").quant == "Q8_0"


def test_a_folder_of_this_name_goes_before_the_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A folder that holds a model is meant by its bare name, another one is not.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llama3-70b").mkdir()
    published(tmp_path / "llama3-8b")

    assert (load("llama3-70b").source, load("llama3-8b").source) == ("catalog", "config")


def test_files_that_are_missing_leave_their_index(tmp_path: Path) -> None:
    """
    Without the files their names still say whether the output is tied.
    """
    folder = published(tmp_path / "m", shards=2)
    (folder / "model-00002-of-00002.safetensors").unlink()

    assert load(str(folder)).notes[-1] == message("model.files-not-checkable")


def test_a_text_file_is_no_model(tmp_path: Path) -> None:
    """
    A file that exists is read, and found to be something else.
    """
    path = tmp_path / "notes.txt"
    path.write_text("some notes about models")

    with pytest.raises(ModelError, match="is not a GGUF file"):
        load(str(path))


def test_what_cannot_be_estimated_is_listed_with_a_note(mocker: MockerFixture) -> None:
    """
    A model whose architecture we can't list the tensors of is known, and says so; asking for it is an error.
    """
    mocker.patch("llmprobe.model.archs.get", return_value=None)

    assert all("GGUF file" in str(entry.note) for entry in entries("llama"))
    with pytest.raises(ModelError, match="architecture llama"):
        load("llama3-70b")


def test_the_listing_can_be_narrowed() -> None:
    """
    Without a text all models are listed, with one those that it may mean.
    """
    assert len(entries()) > len(entries("llama")) > len(entries("llama 70b")) > 3
    assert entries("no such thing") == ()


@pytest.mark.parametrize("name", ["a" * 5000, "~nobody-has-this-name/model.gguf"])
def test_a_name_that_no_path_can_be_is_an_error_of_one_line(name: str) -> None:
    """
    A name too long for a file, or in the home of nobody, is refused and not shown at length.
    """
    with pytest.raises(ModelError, match="cannot be looked up") as caught:
        load(name)

    assert len(str(caught.value)) < 160


def test_a_pipe_is_no_model(tmp_path: Path) -> None:
    """
    To open a pipe would wait until something writes to it.
    """
    os.mkfifo(tmp_path / "model.gguf")

    with pytest.raises(ModelError, match="is a pipe"):
        load(str(tmp_path / "model.gguf"))


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    """
    A download that has not begun says so, not which bytes it lacks.
    """
    (tmp_path / "model.gguf").touch()

    with pytest.raises(ModelError, match="it is empty"):
        load(str(tmp_path / "model.gguf"))


def test_a_name_in_a_format_of_another_engine_says_what_it_takes_there() -> None:
    """
    The note has the size as AWQ, and the command with the repository that was typed.
    """
    notes = {note.id: note for note in load("hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4").notes}
    what = notes["name.quant-elsewhere"].values["what"]

    assert isinstance(what, Message)
    assert what.id == "hint.quant-folder-elsewhere"
    assert what.values["likely_bytes"] == pytest.approx(5.73e9, rel=0.01)
    assert what.values["command"] == "vllm serve hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4"
    assert "name.quant-ignored" not in notes
