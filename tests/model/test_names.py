import os
import subprocess
import sys

import pytest

from llmprobe.errors import ModelError
from llmprobe.model import catalog
from llmprobe.model.names import Index, matching, resolve, split_quant, words

INDEX = Index(catalog.by_id().values())
ENTRIES = tuple(catalog.by_id().values())

# One model, whatever the spelling.
EXACT = """
llama3-70b -> llama-3-70b-instruct
llama-3 70b -> llama-3-70b-instruct
LLaMA-3-70B -> llama-3-70b-instruct
llama 3 70b instruct -> llama-3-70b-instruct
llama-v3-70b -> llama-3-70b-instruct
Meta-Llama-3-70B-Instruct -> llama-3-70b-instruct
meta-llama/Meta-Llama-3-70B-Instruct -> llama-3-70b-instruct
Llama 3.1 8B -> llama-3.1-8b-instruct
llama3.1 -> llama-3.1-8b-instruct
llama3.1:8b-instruct-q4_K_M -> llama-3.1-8b-instruct
bartowski/Meta-Llama-3.1-8B-Instruct-GGUF -> llama-3.1-8b-instruct
llama-3.1-405b -> llama-3.1-405b-instruct
Llama-3.2-3B-Instruct-Q8_0 -> llama-3.2-3b-instruct
llama3.3 -> llama-3.3-70b-instruct
llama 4 scout -> llama-4-scout-17b-16e-instruct
llama guard 3 -> llama-guard-3-8b
code llama 7b -> codellama-7b-instruct
tinyllama -> tinyllama-1.1b-chat
qwen3:30b -> qwen3-30b-a3b
qwen3-30b-a3b -> qwen3-30b-a3b
Qwen3-30B-A3B-Q4_K_M-00001-of-00002.gguf -> qwen3-30b-a3b
qwen3:30b-a3b-thinking-2507-q4_K_M -> qwen3-30b-a3b-thinking-2507
hf.co/unsloth/Qwen3-30B-A3B-Instruct-2507-GGUF:Q4_K_M -> qwen3-30b-a3b-instruct-2507
Qwen/Qwen3-8B-GGUF -> qwen3-8b
qwen 3 235b -> qwen3-235b-a22b
qwen2.5 coder 32b -> qwen2.5-coder-32b-instruct
qwen2.5vl:7b -> qwen2.5-vl-7b-instruct
qwen3 vl 8b -> qwen3-vl-8b-instruct
qwen:32b -> qwen1.5-32b-chat
qwq -> qwq-32b
mixtral-8x7b -> mixtral-8x7b-instruct-v0.1
mixtral:8x7b-instruct-v0.1-q4_0 -> mixtral-8x7b-instruct-v0.1
mistral-7b-instruct-v0.2 -> mistral-7b-instruct-v0.2
mistral nemo -> mistral-nemo-instruct-2407
phi-3-mini -> phi-3-mini-4k-instruct
phi3:mini -> phi-3-mini-4k-instruct
phi 4 mini -> phi-4-mini-instruct
phi4 -> phi-4-14b
gpt oss 20b -> gpt-oss-20b
gptoss20b -> gpt-oss-20b
gpt-oss -> gpt-oss-20b
gpt-oss-20b-mxfp4.gguf -> gpt-oss-20b
openai/gpt-oss-120b -> gpt-oss-120b
ggml-org/gpt-oss-20b-GGUF -> gpt-oss-20b
gemma-3-27b -> gemma-3-27b-it
gemma3:27b-it-qat -> gemma-3-27b-it
unsloth/gemma-3-27b-it-GGUF -> gemma-3-27b-it
gemma-2-9b-it-Q6_K.gguf -> gemma-2-9b-it
gemma3n e4b -> gemma-3n-e4b-it
r1 14b -> deepseek-r1-distill-qwen-14b
deepseek-r1:70b -> deepseek-r1-distill-llama-70b
deepseek-r1:8b-0528-qwen3-q8_0 -> deepseek-r1-0528-qwen3-8b
deepseek-r1-671b -> deepseek-r1-671b
unsloth/DeepSeek-R1-GGUF -> deepseek-r1-671b
deepseek v3 -> deepseek-v3-671b
glm 4.5 air -> glm-4.5-air-106b-a12b
granite4:tiny-h -> granite-4.0-h-tiny
granite 4 h tiny -> granite-4.0-h-tiny
smollm2 135m -> smollm2-135m-instruct
command-r -> command-r-08-2024-35b
bge-m3 -> bge-m3
"""

# Several models: the newest that is not somebody's fine-tune, and the answer says so.
AMBIGUOUS = """
llama 70b -> llama-3.3-70b-instruct
llama 8b -> llama-3.1-8b-instruct
gemma 27b -> gemma-3-27b-it
gemma -> gemma-4-e4b-it
qwen 32b -> qwen3-32b
mistral-7b -> mistral-7b-instruct-v0.3
mistral 7b instruct -> mistral-7b-instruct-v0.3
phi mini -> phi-4-mini-instruct
r1 8b -> deepseek-r1-0528-qwen3-8b
mistral small -> mistral-small-3.2-24b
"""


def rows(table: str) -> list[tuple[str, str]]:
    return [
        (left, right) for left, _, right in (line.partition(" -> ") for line in table.split("\n") if line)
    ]


@pytest.mark.parametrize(("typed", "meant"), rows(EXACT))
def test_a_name_is_found_however_it_is_typed(typed: str, meant: str) -> None:
    """
    Case, separators, organisation, file suffix and quantization make no difference.
    """
    found = resolve(typed, INDEX)

    assert (found.id, found.exact, found.notes) == (meant, True, ())


@pytest.mark.parametrize(("typed", "meant"), rows(AMBIGUOUS))
def test_an_ambiguous_name_gives_the_newest_and_says_so(typed: str, meant: str) -> None:
    """
    The note names what was taken, the alternatives what else it may be.
    """
    found = resolve(typed, INDEX)

    assert (found.id, found.exact) == (meant, False)
    (note,) = found.notes
    assert (note.id, note.values["chosen"]) == ("name.ambiguous", catalog.by_id()[meant].name)
    assert note.values["alternatives"] == found.alternatives
    assert len(found.alternatives) > 0


@pytest.mark.parametrize(("typed", "meant"), rows(AMBIGUOUS))
def test_what_is_called_the_newest_is_the_newest(typed: str, meant: str) -> None:
    """
    An older model that is nearer to the name is not called the newest.
    """
    (note,) = resolve(typed, INDEX).notes
    released = [str(catalog.by_id()[one].released or "") for one in resolve(typed, INDEX).alternatives]

    assert note.values["newest"] is (max(released) <= str(catalog.by_id()[meant].released or ""))


@pytest.mark.live
def test_a_name_means_the_same_in_every_run() -> None:
    """
    Names that several models share equally do not depend on the order of a set, which is another in each process.
    """
    code = (
        "from llmprobe.model import catalog, names; index = names.Index(catalog.by_id().values());"
        "print([names.resolve(n, index).id for n in ('jamba', 'deepseek coder', 'hunyuan', 'falcon h1', 'granite 4.1',"
        " 'granite 4.2', 'exaone 3.5', 'exaone deep', 'yi 1.5', 'bge')])"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3", "4")
    }

    assert len(answers) == 1


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_every_name_of_an_entry_is_its_own(entry: catalog.Entry) -> None:
    """
    Id, name, repository and aliases lead to the entry that has them.
    """
    names = (entry.id, entry.name, *entry.aliases, *((entry.repo,) if entry.repo else ()))

    assert {name: resolve(name, INDEX).id for name in names} == dict.fromkeys(names, entry.id)


@pytest.mark.parametrize("entry", ENTRIES[::5], ids=lambda entry: entry.id)
def test_an_id_is_found_in_other_spellings(entry: catalog.Entry) -> None:
    """
    Spaces for dashes, capitals and a quantized file's name are the same model.
    """
    spellings = (
        entry.id.upper(),
        entry.id.replace("-", "_"),
        f"{entry.id}-Q5_K_M.gguf",
        f"x/{entry.id}-GGUF",
    )

    assert {resolve(name, INDEX).id for name in spellings} == {entry.id}


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.finetunes], ids=lambda entry: entry.id)
def test_a_known_fine_tune_has_its_base_models_tensors(entry: catalog.Entry) -> None:
    """
    A fine-tune that we know by name is estimated as the model that it was made of, with a note.
    """
    found = resolve(entry.finetunes[0], INDEX)

    assert (found.id, found.exact) == (entry.id, False)
    assert [note.id for note in found.notes] == ["name.fine-tune"]


@pytest.mark.parametrize(
    "typed", ["nosuchmodel", "llama9-70b", "gpt-4", "70b", "8b", "", "-", "q4_k_m", "🦙"]
)
def test_a_name_that_nothing_matches_is_an_error(typed: str) -> None:
    """
    A guess would be worse than no answer.
    """
    with pytest.raises(ModelError, match="no model is named"):
        resolve(typed, INDEX)


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    """
    The hint names what was probably meant.
    """
    with pytest.raises(ModelError) as caught:
        resolve("lama3-70b", INDEX)

    assert "llama-3-70b-instruct" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("typed", "quant"),
    [
        ("Meta-Llama-3-70B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("llama3-70b q4_k_m", "Q4_K_M"),
        ("llama-3-70b-f16", "F16"),
        ("hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:IQ4_XS", "IQ4_XS"),
        ("llama3.1:8b-instruct-q8_0", "Q8_0"),
        ("unsloth/Qwen3-8B-GGUF:UD-Q4_K_XL", None),
        ("llama3-70b", None),
    ],
)
def test_a_quantization_in_the_name_is_part_of_the_answer(typed: str, quant: str | None) -> None:
    """
    Where a file's name ends in a file type of llama.cpp, that is what is asked for.
    """
    assert resolve(typed, INDEX).quant == quant


@pytest.mark.parametrize(
    "typed", ["unsloth/Qwen3-8B-GGUF:UD-Q4_K_XL", "gemma-2-9b-it-Q6_K_L.gguf", "llama3-70b-awq"]
)
def test_a_mixture_of_somebody_else_is_said_to_be_left_out(typed: str) -> None:
    """
    What llama-quantize does not make can't be estimated from a name, and nothing else is put in its place silently.
    """
    found = resolve(typed, INDEX)

    assert found.exact
    assert [note.id for note in found.notes] == ["name.quant-ignored"]


def test_words_leave_out_what_every_name_has() -> None:
    """
    Makers, "instruct" and separators distinguish nothing.
    """
    assert words("Meta-Llama-3.1-8B-Instruct") == ["llama", "3.1", "8b"]


def test_a_name_of_nothing_but_a_quantization_stays() -> None:
    """
    A quantization is taken off only where something is left.
    """
    assert split_quant("Q4_K_M") == ("Q4_K_M", None)


def test_a_search_lists_all_that_a_text_may_mean() -> None:
    """
    ``llmprobe models llama 70b`` lists every such model, fine-tunes of other makers too.
    """
    found = matching("llama 70b", INDEX)

    assert {"llama-3-70b-instruct", "llama-3.3-70b-instruct", "llama-2-70b-chat"} <= set(found)
    assert "llama-3-8b-instruct" not in found
