"""
Where the file of a choice is fetched from, by each engine; and commands for the shell of Windows.
"""

import shlex
from typing import Any

import msgspec
import pytest

from llmprobe import engines, probe, recommend
from llmprobe.engines._shared.publishers import place_of
from llmprobe.engines._shared.shell import line
from llmprobe.facts.model import ModelSpec, Published
from llmprobe.model.loading import load
from llmprobe.model.next_token import with_next_token
from llmprobe.model.projectors import described
from llmprobe.model.quants import tensor_bytes
from tests.engines.choices import choice

QWEN = load("qwen3-8b")


def fetched(engine: str, model: ModelSpec, **changes: Any) -> Any:
    one = engines.engine(engine)
    assert one.fetch is not None
    return one.fetch(choice(**changes), model, "cuda")


@pytest.mark.parametrize(
    ("quant", "repository", "file"),
    [
        ("Q4_K_M", "unsloth/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf"),
        ("Q6_K", "unsloth/Qwen3-8B-GGUF", "Qwen3-8B-Q6_K.gguf"),
        ("UD-Q4_K_XL", "unsloth/Qwen3-8B-GGUF", "Qwen3-8B-UD-Q4_K_XL.gguf"),
        ("Q3_K_L", "mradermacher/Qwen3-8B-GGUF", "Qwen3-8B.Q3_K_L.gguf"),
        ("IQ1_S", None, None),
    ],
)
def test_the_publisher_is_one_that_offers_the_type(
    quant: str, repository: str | None, file: str | None
) -> None:
    """
    In the catalog's order, one with an importance matrix first where that counts, with the file as that publisher names
    it; not certain, as nobody looked.
    """
    place = place_of(QWEN, quant)

    assert (place and place.repository, place and place.file) == (repository, file)
    assert place is None or not place.certain


def test_a_header_from_the_hub_is_certain() -> None:
    """
    The model is where its header was read; in another type it may be anywhere.
    """
    read = msgspec.structs.replace(
        QWEN,
        source="gguf",
        repo="me/Mine-GGUF",
        quant="Q5_K_M",
        path="https://huggingface.co/me/Mine-GGUF/resolve/main/mine.gguf?download=true",
        published=None,
    )
    place = place_of(read, "Q5_K_M")

    assert place is not None
    assert (place.repository, place.file, place.certain) == ("me/Mine-GGUF", "mine.gguf", True)
    assert place_of(read, "Q4_K_M") is None


def test_llama_server_fetches_by_itself() -> None:
    """
    The same command with -hf in place of the file; without the projector that lies beside the file and is not planned.
    """
    found = fetched("llama.cpp", QWEN)
    seeing = fetched("llama.cpp", load("qwen3.8-27b"))
    command = engines.commands("llama.cpp")["llama.cpp"](choice(), QWEN, "cuda")

    assert found.command == str(command).replace(
        "-m Qwen3-8B-Q4_K_M.gguf", "-hf unsloth/Qwen3-8B-GGUF:Q4_K_M"
    )
    assert shlex.split(seeing.command)[1:4] == ["-hf", "unsloth/Qwen3.8-27B-GGUF:Q4_K_M", "--no-mmproj"]


@pytest.mark.parametrize(
    ("name", "quant", "place"),
    [
        ("gpt-oss-20b", "MXFP4", "ggml-org/gpt-oss-20b-GGUF"),
        ("gemma-3-4b-it", "MXFP4_MOE", None),
        ("qwen3-30b-a3b", "MXFP4_MOE", None),
        ("gemma-3-4b-it", "Q8_0", "ggml-org/gemma-3-4b-it-GGUF"),
    ],
)
def test_only_what_is_published_in_mxfp4_is_offered_in_it(name: str, quant: str, place: str | None) -> None:
    """
    ggml-org has gpt-oss in MXFP4 and nothing else: of a dense model such a file would be one in Q8_0 by another name.
    """
    found = place_of(load(name), quant)

    assert (found and found.repository) == place


def test_a_file_at_an_address_is_fetched_from_there() -> None:
    """
    Under the name that the command gives it.
    """
    url = "https://example.org/a/my%20model.gguf?x=1"
    model = msgspec.structs.replace(QWEN, source="gguf", path=url, quant="Q4_K_M", repo=None, published=None)

    assert fetched("llama.cpp", model).command == f"curl -L -o my%20model.gguf '{url}'"
    assert fetched("llama.cpp", model, quant="Q8_0") is None


@pytest.mark.parametrize(
    ("name", "quant", "pulled"),
    [
        ("qwen3-8b", "Q4_K_M", "qwen3:8b-q4_K_M"),
        ("qwen3-8b", "F16", "qwen3:8b-fp16"),
        ("qwen3-8b", "Q6_K", "hf.co/unsloth/Qwen3-8B-GGUF:Q6_K"),
        ("gpt-oss-20b", "MXFP4", "gpt-oss:20b"),
        ("llama-3.1-8b-instruct", "Q5_K_M", "llama3.1:8b-instruct-q5_K_M"),
        ("qwen3-8b", "IQ1_S", None),
    ],
)
def test_ollama_pulls_from_its_library_or_from_a_repository(
    name: str, quant: str, pulled: str | None
) -> None:
    """
    Under the type that was chosen, not under the one that a name without a type would bring.
    """
    found = fetched("ollama", load(name), quant=quant)

    assert (found and found.name) == pulled
    assert (found and found.command) == (pulled and f"ollama pull {pulled}")


def test_a_modelfile_begins_with_what_is_pulled() -> None:
    """
    Or with the file where it is here, or where nobody is known to publish it.
    """
    command = engines.commands("ollama")["ollama"]

    def first(**changes: Any) -> str:
        return str(command(choice(**changes), QWEN, "cuda")).split("\n")[1]

    assert first() == "FROM qwen3:8b-q4_K_M"
    assert first(on_disk="/models/mine.gguf") == "FROM /models/mine.gguf"
    assert first(quant="IQ1_S") == "FROM ./Qwen3-8B-IQ1_S.gguf"


def test_lm_studio_gets_and_then_loads_the_same_file() -> None:
    """
    By the repository and type, and then by the place where it keeps it; a file that is here is imported.
    """
    command = engines.commands("lmstudio")["lmstudio"]

    assert fetched("lmstudio", QWEN).command == "lms get https://huggingface.co/unsloth/Qwen3-8B-GGUF@q4_k_m"
    assert str(command(choice(), QWEN, "cuda")).startswith(
        "lms load --exact unsloth/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf --gpu"
    )
    assert str(command(choice(on_disk="/m/a.gguf"), QWEN, "cuda")).startswith("lms import /m/a.gguf")
    assert str(command(choice(quant="IQ1_S"), QWEN, "cuda")).startswith("lms import Qwen3-8B-IQ1_S.gguf")


@pytest.mark.parametrize("engine", ["llama.cpp", "ollama", "lmstudio"])
def test_a_model_of_nobody_is_fetched_from_nowhere(engine: str) -> None:
    """
    None where no repository is known.
    """
    assert fetched(engine, msgspec.structs.replace(QWEN, published=Published())) is None
    assert fetched(engine, msgspec.structs.replace(QWEN, published=None)) is None


def test_a_model_for_vectors_is_made_but_not_talked_to() -> None:
    """
    ``ollama run`` would only say that it cannot.
    """
    model = load("qwen3-embedding-4b")
    one = engines.engine("ollama")
    written = engines.files("ollama", choice(), model, "cuda")

    assert "ollama run" not in str(one.command(choice(), model, "cuda"))
    assert "ollama create" in str(one.command(choice(), model, "cuda"))
    assert "ollama run" not in written["run-ollama.sh"]
    assert "engine.ollama-embeds" in [remark.id for remark in one.remarks(choice(), model, "cuda")]
    assert "ollama run" in str(one.command(choice(), QWEN, "cuda"))


def test_windows_gets_no_here_document() -> None:
    """
    PowerShell writes the Modelfile from texts of its own, and sets variables by lines of its own.
    """
    given = choice(shell="powershell", cache_type_k="q8_0", cache_type_v="q8_0", on_disk="C:\\it's\\a.gguf")
    text = str(engines.commands("ollama")["ollama"](given, QWEN, "cuda"))
    lines = text.split("\n")

    assert "<<" not in text
    assert lines[0] == (
        "# $env:OLLAMA_FLASH_ATTENTION = '1'; $env:OLLAMA_KV_CACHE_TYPE = 'q8_0'; ollama serve"
    )
    assert lines[1].startswith("'FROM C:\\it''s\\a.gguf', 'PARAMETER num_ctx 8192', ")
    assert lines[1].endswith("| Set-Content Modelfile")
    assert sorted(engines.files("ollama", given, QWEN, "cuda")) == [
        "Modelfile",
        "ollama.env",
        "run-ollama.ps1",
    ]


def test_words_for_powershell_stay_one_word() -> None:
    """
    A comma would make several of one, and a quote is doubled, not escaped.
    """
    words = ["llama-server", "-m", shlex.quote("it's here.gguf"), "-ts", "3,1", "-ngl", "33"]
    found = line(choice(shell="powershell"), {"CUDA_VISIBLE_DEVICES": "1,0"}, words)

    assert found == ("$env:CUDA_VISIBLE_DEVICES = '1,0'; llama-server -m 'it''s here.gguf' -ts '3,1' -ngl 33")
    assert line(choice(), {"A": "1"}, ["x"]) == "A=1 x"


def test_lm_studio_links_a_file_as_windows_can() -> None:
    """
    A file without the ending that LM Studio asks for gets another name by a hard link.
    """
    given = choice(shell="powershell", on_disk="C:\\models\\sha256-1f")
    lines = str(engines.commands("lmstudio")["lmstudio"](given, QWEN, "cuda")).split("\n")

    assert lines[0] == (
        "New-Item -ItemType HardLink -Path 'qwen3-8b-Q4_K_M.gguf' -Target 'C:\\models\\sha256-1f'"
    )
    assert lines[1].startswith("lms import qwen3-8b-Q4_K_M.gguf")
    assert list(engines.files("lmstudio", given, QWEN, "cuda")) == ["load-lmstudio.ps1"]


def test_scripts_for_windows_are_powershell() -> None:
    """
    With the arguments that the script is given.
    """
    files = engines.files("llama.cpp", choice(shell="powershell"), QWEN, "cuda")

    assert sorted(files) == ["run-llama-cli.ps1", "run-llama-server.ps1"]
    assert files["run-llama-server.ps1"].endswith(" @args\n")


@pytest.mark.parametrize(
    ("name", "fetched_from", "file"),
    [
        (
            "hf.co/mradermacher/Josiefied-Qwen3-8B-abliterated-v1-GGUF:Q4_K_M",
            "mradermacher/Josiefied-Qwen3-8B-abliterated-v1-GGUF",
            "Josiefied-Qwen3-8B-abliterated-v1-Q4_K_M.gguf",
        ),
        ("unsloth/Qwen3-8B-GGUF:Q4_K_M", "unsloth/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf"),
        ("huihui-ai/Qwen3-8B-abliterated", None, "Qwen3-8B-abliterated-Q4_K_M.gguf"),
        ("Qwen3-14B-Abliterated-Foo", None, "Qwen3-14B-Abliterated-Foo-Q4_K_M.gguf"),
    ],
)
def test_a_fine_tune_is_not_fetched_as_its_base(name: str, fetched_from: str | None, file: str) -> None:
    """
    Only its shape is the base's. The repository that was typed comes first, and none of the base's stands in.
    """
    model = load(name)
    found = fetched("llama.cpp", model)
    of_ollama = fetched("ollama", model)
    command = str(engines.commands("llama.cpp")["llama.cpp"](choice(), model, "cuda"))

    assert (found and found.place.repository) == fetched_from
    assert (of_ollama is None) is (fetched_from is None)
    assert shlex.split(command)[2] == file


@pytest.mark.parametrize(
    ("model", "repository", "file"),
    [
        ("qwen3.6-27b", "unsloth/Qwen3.6-27B-MTP-GGUF", "Qwen3.6-27B-UD-Q4_K_XL.gguf"),
        # Its one file has these layers.
        ("qwen3.8-27b", "unsloth/Qwen3.8-27B-GGUF", "Qwen3.8-27B-UD-Q4_K_XL.gguf"),
        ("qwen3.5-27b", None, None),
    ],
)
def test_drafting_needs_a_file_with_next_token_layers(
    model: str, repository: str | None, file: str | None
) -> None:
    """
    Many repositories leave them out; where none is known that has them, none is named, and the note says what to look
    for.
    """
    found = with_next_token(load(model))
    place = place_of(found, "UD-Q4_K_XL")
    note = next(one for one in found.notes if one.id == "note.next-token-file")

    assert (place and place.repository, place and place.file) == (repository, file)
    assert note.values["repository"] == repository


def test_the_projector_is_named_beside_the_file() -> None:
    """
    By its publisher's name where that is known, else as the file with mmproj in its name; not where it is here, where
    the engine's own file holds it, or where none is planned.
    """
    machine = probe(gpus="RTX 3090", ram_bytes=64 << 30)

    def origin(quant: str, engine: str = "llama.cpp", **more: Any) -> Any:
        asked: dict[str, Any] = {"quants": [quant], "ctx_size": 8192, **more}
        return recommend(load("qwen3-vl-8b"), machine, engine=engine, **asked).choices[0].origin

    named, unknown = origin("Q5_K_M"), origin("Q8_0")

    assert (named.repository, named.projector_file) == (
        "unsloth/Qwen3-VL-8B-Instruct-GGUF",
        "mmproj-F16.gguf",
    )
    assert (named.projector_certain, unknown.projector_certain) == (True, False)
    assert named.projector_bytes == sum(
        tensor_bytes(tensor.shape, str(tensor.type))
        for tensor in described("qwen3-vl-1152", 4096, "").tensors
    )
    assert origin("Q4_K_M", "ollama").projector_file is None
    assert origin("Q4_K_M", mmproj="none").projector_file is None


def test_a_projector_that_is_not_counted_is_not_loaded() -> None:
    """
    llama-server would load one beside the file it fetches; where its size is not known, the command leaves it out.
    """
    model = load("qwen3-vl-8b")
    assert model.published is not None
    unknown = msgspec.structs.replace(model, projector=None)

    assert model.published.projector
    assert "--no-mmproj" in shlex.split(fetched("llama.cpp", unknown).command)
