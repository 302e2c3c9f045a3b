"""
What people type for a model, and the entry of the catalog that it means.
"""

import os
import re
import subprocess
import sys

import pytest

from llmprobe.errors import ModelError
from llmprobe.model import catalog
from llmprobe.model.names import Index, matching, nearest, resolve, split_quant, words
from llmprobe.words.message import message
from tests.model.name_tables import AMBIGUOUS, ASSUMED, CLOUD, EXACT, NOTED, OTHERS, UNKNOWN, rows

INDEX = Index(catalog.by_id().values())
ENTRIES = tuple(catalog.by_id().values())


@pytest.mark.parametrize(("typed", "meant"), rows(EXACT))
def test_a_name_is_found_however_it_is_typed(typed: str, meant: str) -> None:
    """
    Case, separators, organisation, file suffix and quantization make no difference.
    """
    found = resolve(typed, INDEX)

    assert (found.id, found.exact, found.notes) == (meant, True, ())


@pytest.mark.parametrize(("typed", "answer"), rows(NOTED))
def test_what_was_read_into_a_name_is_said(typed: str, answer: str) -> None:
    """
    A slip of the keys, a missing unit, a count, a context: the answer is that of an expert, with the reason.
    """
    found = resolve(typed, INDEX)

    assert " ".join((found.id, *(note.id for note in found.notes))) == answer


@pytest.mark.parametrize(("typed", "base"), rows(ASSUMED))
def test_a_fine_tune_has_the_shape_of_the_base_in_its_name(typed: str, base: str) -> None:
    """
    Family, generation and size are evident, so the shape is: it is marked as assumed.
    """
    found = resolve(typed, INDEX)

    assert (found.id, found.exact) == (base, False)
    (note,) = found.notes
    assert (note.id, note.values["base"]) == ("name.same-shape", catalog.by_id()[base].name)


def test_an_assumed_shape_comes_with_the_command_that_reads_the_exact_one() -> None:
    """
    A repository is read by its name, anything else by the path of its file.
    """
    (owned,) = resolve("someone/Qwen3-14B-Foo-GGUF", INDEX).notes
    (filed,) = resolve("hf.co/someone/Foo-GGUF/Qwen3-14B-Foo-Q8_0.gguf", INDEX).notes
    (bare,) = resolve("qwen3-14b-foo", INDEX).notes

    assert str(owned).endswith(
        "same shape as Qwen3 14B; exact: llmprobe estimate hf:someone/Qwen3-14B-Foo-GGUF"
    )
    assert str(filed).endswith("estimate hf:someone/Foo-GGUF")
    assert str(bare).endswith("same shape as Qwen3 14B; exact: llmprobe estimate FILE.gguf")


@pytest.mark.parametrize(("typed", "kind"), rows(OTHERS))
def test_what_is_no_language_model_is_said_to_be_that(typed: str, kind: str) -> None:
    """
    A model of images or sound is named as one, not answered with a language model's name.
    """
    with pytest.raises(ModelError) as caught:
        resolve(typed, INDEX)

    assert (caught.value.message.id, caught.value.message.values["kind"]) == (
        "error.not-a-language-model",
        kind,
    )


@pytest.mark.parametrize("typed", CLOUD)
def test_what_only_its_maker_runs_is_said_to_be_that(typed: str) -> None:
    """
    No weights, no estimate.
    """
    with pytest.raises(ModelError) as caught:
        resolve(typed, INDEX)

    assert caught.value.message.id == "error.model-cloud-only"


def test_a_fine_tune_made_with_a_cloud_models_answers_is_none() -> None:
    """
    Whose answers a model was trained on says nothing about where it runs.
    """
    assert resolve("Qwen3.5-9B-Claude-Opus-Distilled", INDEX).id == "qwen3.5-9b"


def test_a_projector_is_no_model() -> None:
    """
    The file beside a model's file is named as such.
    """
    with pytest.raises(ModelError) as caught:
        resolve("mmproj-gemma-3-4b-it-f16.gguf", INDEX)

    assert caught.value.message.id == "error.model-is-projector"


@pytest.mark.parametrize(("typed", "near"), rows(UNKNOWN))
def test_what_was_typed_is_not_replaced(typed: str, near: str) -> None:
    """
    A size, a generation, a kind or a repository that is not known is refused, and the nearest names are useful.
    """
    with pytest.raises(ModelError) as caught:
        resolve(typed, INDEX)

    assert caught.value.message.id == "error.model-unknown"
    assert caught.value.hint is not None
    assert set(near.split()) <= set(caught.value.hint.values["names"])  # type: ignore[arg-type]


def test_a_family_that_was_not_typed_comes_behind() -> None:
    """
    Hermes 3 Llama 3.1 405B shares one word more with a Llama 3 of 405B than Llama 3.1 405B does, and is another model.
    """
    near = nearest("llama 3 405b", INDEX, 20)

    assert near.index("llama-3.1-405b-instruct") < near.index("hermes-3-llama-3.1-405b")
    assert resolve("llama3-405b", INDEX).id == "llama-3.1-405b-instruct"


@pytest.mark.parametrize("typed", ["nope", "hope", "xyz"])
def test_a_name_that_is_like_none_has_no_nearest(typed: str) -> None:
    """
    Letters in another order are no family: the answer is only that the name is unknown.
    """
    with pytest.raises(ModelError) as caught:
        resolve(typed, INDEX)

    assert caught.value.hint is not None
    assert (caught.value.hint.id, caught.value.hint.values["names"]) == ("hint.nearest-models", ())


@pytest.mark.parametrize(("typed", "like"), [("gwen", "qwen3-8b"), ("lamma", "llama-3.3-70b-instruct")])
def test_one_slip_in_a_family_has_its_models(typed: str, like: str) -> None:
    """
    A family spelt with a slip is near.
    """
    with pytest.raises(ModelError) as caught:
        resolve(typed, INDEX)

    assert caught.value.hint is not None
    assert like in caught.value.hint.values["names"]  # type: ignore[operator]


def test_a_size_alone_makes_no_model_near() -> None:
    """
    Models of the size that was typed are named as that, not as nearest.
    """
    with pytest.raises(ModelError) as caught:
        resolve("banana-70b", INDEX)

    assert caught.value.hint is not None
    assert caught.value.hint.id == "hint.models-of-size"
    named = caught.value.hint.values["names"]
    assert isinstance(named, tuple)
    assert all("70b" in str(one) for one in named)


def test_an_unknown_repository_can_be_read() -> None:
    """
    The hint says that the hub has it where the name was an owner's.
    """
    with pytest.raises(ModelError) as caught:
        resolve("JetBrains/Mellum2-12B-A2.5B-Instruct", INDEX)

    assert str(caught.value.hint).endswith("and so does hf:JetBrains/Mellum2-12B-A2.5B-Instruct")


@pytest.mark.parametrize("table", [EXACT, AMBIGUOUS, ASSUMED])
def test_case_separators_and_owner_change_nothing(table: str) -> None:
    """
    A name and its spellings mean one model, or none of them does.
    """
    plain = [
        (typed, meant)
        for typed, meant in rows(table)
        if re.fullmatch("[ -~]+", typed) and " - " not in typed and typed[:8] != "https://"
    ]
    apart = [
        (typed, other)
        for typed, meant in plain
        for other in (
            typed.upper(),
            typed.title(),
            f"  {typed} ",
            typed.replace(" ", "-"),
            typed.replace(" ", "_"),
        )
        if ":" not in typed or other.casefold().strip() == typed.casefold()
        if resolve(other, INDEX).id != meant
    ]

    assert apart == []


@pytest.mark.parametrize("entry", ENTRIES[::7], ids=lambda entry: entry.id)
def test_an_answer_without_a_note_has_all_that_was_typed(entry: catalog.Entry) -> None:
    """
    A size or a generation that the model does not have is never taken silently.
    """
    known = INDEX.unions[entry.id]
    for word in words(entry.id):
        if not word[0].isdigit():
            continue
        for other in ("6.5b" if word[-1].isalpha() else "7.7", "19b" if word[-1].isalpha() else "9"):
            typed = entry.id.replace(word, other)
            try:
                found = resolve(typed, INDEX)
            except ModelError:
                continue
            assert found.notes or other in INDEX.unions[found.id] or other in known, (typed, found.id)


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
        " 'granite 4.2', 'exaone 3.5', 'exaone deep', 'yi 1.5', 'bge', 'wizardcoder', 'MN-12B-Foo', 'qwen35 27B')],"
        " names.nearest('llama 3.3 8b', index), names.nearest('cydonia 24b', index), names.nearest('gwen 8b', index))"
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
    "typed", ["nosuchmodel", "llama9-70b", "3 small", "70b", "8b", "", "-", "q4_k_m", "🦙"]
)
def test_a_name_that_nothing_matches_is_an_error(typed: str) -> None:
    """
    A guess would be worse than no answer.
    """
    with pytest.raises(ModelError, match="no model is named"):
        resolve(typed, INDEX)


@pytest.mark.parametrize(
    ("typed", "quant"),
    [
        ("Meta-Llama-3-70B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("llama3-70b q4_k_m", "Q4_K_M"),
        ("llama-3-70b-f16", "F16"),
        ("hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:IQ4_XS", "IQ4_XS"),
        ("llama3.1:8b-instruct-q8_0", "Q8_0"),
        ("unsloth/Qwen3-8B-GGUF:UD-Q4_K_XL", "UD-Q4_K_XL"),
        ("Qwen3-8B-UD-IQ2_M.gguf", "UD-IQ2_M"),
        ("gemma-2-9b-it-Q6_K_L.gguf", "Q6_K_L"),
        ("mradermacher/Qwen3-8B-i1-GGUF:IQ4_XS", "i1-IQ4_XS"),
        ("Qwen3-8B.i1-IQ4_XS.gguf", "i1-IQ4_XS"),
        ("Qwen3-8B.i1-Q4_K_M.gguf", "Q4_K_M"),
        ("Qwen3.6-35B-A3B-APEX-I-Compact.gguf", "APEX-I-Compact"),
        ("llama3-70b", None),
    ],
)
def test_a_quantization_in_the_name_is_part_of_the_answer(typed: str, quant: str | None) -> None:
    """
    Where a file's name ends in a file type of llama.cpp, that is what is asked for.
    """
    assert resolve(typed, INDEX).quant == quant


@pytest.mark.parametrize(
    ("typed", "quant", "engine", "instead"),
    [
        ("Qwen3-8B-Q4_K_P.gguf", "Q4_K_P", None, None),
        ("gemma-2-9b-it-Q4_0_4_8.gguf", "Q4_0_4_8", None, "Q4_0"),
        ("llama3-70b-awq", "awq", "vLLM", "Q4_K_M"),
        ("Qwen3-8B-IQ4_KS", "IQ4_KS", "ik_llama.cpp", "IQ4_XS"),
        ("Qwen2.5-7B-Instruct-GPTQ-Int8", "GPTQ-Int8", "vLLM", "Q8_0"),
        ("turboderp/Qwen3-14B-4.0bpw-exl3", "exl3-4.0bpw", "ExLlamaV3", "Q4_K_M"),
    ],
)
def test_a_mixture_of_somebody_else_is_said_to_be_left_out(
    typed: str, quant: str, engine: str | None, instead: str | None
) -> None:
    """
    What has no rule can't be estimated from a name: the answer says so, what loads it, and what is nearest.
    """
    found = resolve(typed, INDEX)

    assert found.exact
    assert found.notes == (message("name.quant-ignored", quant=quant, engine=engine, instead=instead),)


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


@pytest.mark.parametrize("typed", ["qwen3.6-35b-a3b-NVFP4", "nvidia/Qwen3.6-35B-A3B-NVFP4"])
def test_nvfp4_in_a_name_is_its_quantization(typed: str) -> None:
    """
    llama.cpp runs it, so that it is no other program's format.
    """
    found = resolve(typed, INDEX)

    assert (found.id, found.quant, found.notes) == ("qwen3.6-35b-a3b", "NVFP4", ())


@pytest.mark.parametrize(
    ("typed", "model", "quant"),
    [
        ("qwen3 8b q4km", "qwen3-8b", "Q4_K_M"),
        ("llama3.1 8b iq4xs", "llama-3.1-8b-instruct", "IQ4_XS"),
        ("gemma-3-12b q5ks", "gemma-3-12b-it", "Q5_K_S"),
        ("unsloth/Qwen3-235B-A22B-GGUF/UD-Q4_K_XL", "qwen3-235b-a22b", "UD-Q4_K_XL"),
        ("ubergarm/Qwen3-235B-A22B-GGUF/IQ3_K", "qwen3-235b-a22b", None),
        ("qwen 3 8 b", "qwen3-8b", None),
        ("Llama 3.1 70 B", "llama-3.1-70b-instruct", None),
        ("llama 3 8 billion parameters", "llama-3-8b-instruct", None),
        ("TheDrummer_Cydonia-24B-v4.3-Q4_K_M.gguf", "mistral-small-3.2-24b", "Q4_K_M"),
        ("Sao10K/L3.3-70B-Euryale-v2.3", "llama-3.3-70b-instruct", None),
        ("inclusionAI/Ring-mini-2.0", "ling-mini-2.0-16b-a1b", None),
    ],
)
def test_names_as_files_folders_and_people_have_them(typed: str, model: str, quant: str | None) -> None:
    """
    A quantization without its separators or as a folder, a size apart from its unit, fine-tunes of other names.
    """
    found = resolve(typed, INDEX)

    assert (found.id, found.quant) == (model, quant)


@pytest.mark.parametrize("typed", ["Cydonia 22B", "Rocinante 8B", "qwen3 8 bananas"])
def test_another_size_of_a_known_fine_tune_is_not_guessed(typed: str) -> None:
    """
    The same name of another size is made of another model.
    """
    with pytest.raises(ModelError, match="no model is named"):
        resolve(typed, INDEX)
