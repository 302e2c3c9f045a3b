"""
What a quantization loses: measured figures, in words, and what they are scaled by.
"""

import msgspec
import pytest

from benchmarks.fit_quality import Row, model_of, rows
from llmprobe.advise.choose import loss
from llmprobe.advise.choose.loss import Model
from llmprobe.advise.choose.quality import agreement, in_words, quality
from llmprobe.advise.choose.rated import rated
from llmprobe.advise.recommend import recommend
from llmprobe.data import table
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.engine import Abilities
from llmprobe.facts.model import Folder
from llmprobe.facts.recommendation import Quality, Wishes
from llmprobe.model.from_catalog import requantized
from llmprobe.model.loading import load
from llmprobe.words.message import message
from tests.advise.machines import machine
from tests.advise.messages import figure, inner, named, the

BILLION = 1_000_000_000
EIGHT = Model(parameters=8_030_261_248, id="llama-3-8b-instruct")
GPT_OSS = Model(parameters=21 * BILLION, active_parameters=4 * BILLION, experts=True, architecture="gpt-oss")


def value(found: Quality) -> float:
    assert found.value is not None
    return found.value


def of(name: str, quant: str, *, own_library: bool = False) -> Quality:
    return rated(Estimator(load(name)), quant, Abilities(own_library=own_library))


def test_the_size_of_the_table_has_the_figures_of_the_table() -> None:
    """
    Q4_K_M of an 8B is the figure of the table, between Llama-3-8B's 0.0282 and what larger models say of it.
    """
    found = quality("Q4_K_M", EIGHT)

    assert found.value == table("quality")["rows"]["Q4_K_M"]["mean_kld"]
    assert 0.02 < value(found) < 0.0282
    assert found.basis.id == "quality.basis.measured"
    assert figure(found.basis, "size_factor") == 1.0
    assert "x 1.00 for its size (8.03B)" in str(found.basis)


def test_a_figure_has_the_range_of_those_that_were_not_fitted() -> None:
    """
    Nine of ten figures of models that the fit did not see lie between 0.6 and 1.6 times it.
    """
    found = quality("Q4_K_M", EIGHT)

    assert found.low == pytest.approx(0.6 * value(found), abs=1e-5)
    assert found.high == pytest.approx(1.6 * value(found), abs=1e-5)


def test_a_type_that_nobody_measured_has_no_figure() -> None:
    """
    Unknown is None, and its level is called so.
    """
    found = quality("TQ1_0", EIGHT)

    assert (found.value, found.words, found.usable) == (None, message("quality.unknown"), None)
    assert found.basis == message("quality.basis.unmeasured", quant="TQ1_0")
    assert found.same_first_choice_percent is None


def test_fewer_bits_lose_more() -> None:
    """
    Down the usual types the loss only grows.
    """
    usual = ("BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M", "IQ3_XXS", "Q2_K", "IQ2_XXS")
    values = [value(quality(quant, EIGHT)) for quant in usual]

    assert values == sorted(values)


def test_a_published_four_bit_model_is_the_original() -> None:
    """
    gpt-oss was published in MXFP4 and loses nothing in it; another mixture that was put into MXFP4 does.
    """
    found = quality("MXFP4", GPT_OSS, native=True)
    other = msgspec.structs.replace(GPT_OSS, architecture="qwen3moe")

    assert (found.value, found.basis) == (0.0, message("quality.basis.published"))
    assert (found.usable, found.words) == (True, message("quality.no-noticeable-loss"))
    assert value(quality("MXFP4", other, native=True)) > 0.03


@pytest.mark.parametrize(
    ("name", "quant", "measured"),
    [
        ("qwen3.5-0.8b", "Q4_K_S", 0.0656),
        ("qwen3.5-2b", "Q4_K_S", 0.0433),
        ("qwen3.5-9b", "Q4_K_S", 0.0288),
        ("qwen3.5-27b", "Q4_K_S", 0.0142),
        ("qwen3.5-2b", "Q2_K", 0.78),
        ("qwen3.5-27b", "IQ2_XXS", 0.38),
        ("qwen3.5-35b-a3b", "Q4_K_S", 0.0249),
        ("qwen3.5-397b-a17b", "Q4_K_S", 0.0104),
        ("qwen3.6-35b-a3b", "Q8_0", 0.0047),
        ("gemma-4-31b", "Q4_K_M", 0.61),
        ("gemma-4-31b", "Q8_0", 0.16),
        ("gemma-4-26b-a4b", "Q6_K", 0.0163),
        ("gemma-4-26b-a4b", "Q4_K_S", 0.0878),
        ("gemma-4-e4b", "Q4_K_M", 0.0335),
        ("glm-4.7-flash", "Q4_K_S", 0.397),
        ("qwen3.6-35b-a3b", "UD-Q4_K_XL", 0.0134),
        ("qwen3.6-35b-a3b", "APEX-I-Compact", 0.0451),
        ("qwen3.6-27b", "UD-Q3_K_XL", 0.038),
        ("qwen3.6-27b", "Q3_K_M", 0.050),
    ],
)
def test_measured_models_lie_in_the_range(name: str, quant: str, measured: float) -> None:
    """
    Small and large models, mixtures of experts, families that lose more and mixtures of types, as published.
    """
    found = of(name, quant)

    assert found.low is not None
    assert found.high is not None
    assert found.low <= measured <= found.high


def test_the_size_of_a_mixture_is_between_all_and_active() -> None:
    """
    34.7B of which 3.5B are active lose as an 11B would, and what experts add.
    """
    mixture = Model(parameters=34_660_610_688, active_parameters=3_454_988_928, experts=True)
    dense = Model(parameters=10_943_000_000)
    data = table("quality")

    assert mixture.size == pytest.approx(10.94, abs=0.01)
    assert loss.of_model(data, 0.03, mixture) == pytest.approx(
        loss.of_model(data, 0.03, dense) + data["experts"]["adds"], rel=1e-3
    )


def test_no_size_is_capped() -> None:
    """
    A 70B loses less than a 27B, a 1B more than an 8B, the more so the fewer the bits.
    """
    sizes = [Model(parameters=size * BILLION) for size in (1, 8, 27, 70, 405)]
    four, two = ([value(quality(quant, one)) for one in sizes] for quant in ("Q4_K_M", "IQ2_XXS"))

    assert four == sorted(four, reverse=True)
    assert two[0] / two[-1] > four[0] / four[-1] > 5


def test_a_file_without_an_importance_matrix_loses_more_at_few_bits() -> None:
    """
    Q8_0 and Q6_K do not use one; Q4_K_M and Q2_K do, and the basis says so.
    """
    for quant in ("Q8_0", "Q6_K"):
        assert quality(quant, EIGHT, imatrix=False) == quality(quant, EIGHT)
    plain = quality("Q4_K_M", EIGHT, imatrix=False)

    assert value(plain) == pytest.approx(1.5 * value(quality("Q4_K_M", EIGHT)), rel=1e-3)
    assert "x 1.5 without an importance matrix" in str(plain.basis)
    assert figure(plain.basis, "divergence") == pytest.approx(value(quality("Q4_K_M", EIGHT)))
    assert value(quality("Q2_K", EIGHT, imatrix=False)) > 3 * value(quality("Q2_K", EIGHT))


def test_whose_file_it_is_tells_of_the_matrix() -> None:
    """
    Files of Llama 3 by bartowski have one; of Llama 2 only files without are listed; Ollama's library has none.
    """
    assert (
        figure(of("llama3-70b", "Q4_K_M").basis, "divergence")
        == table("quality")["rows"]["Q4_K_M"]["mean_kld"]
    )
    assert of("llama3-70b", "Q4_K_M").basis.values["without_matrix"] is None
    assert of("llama2-13b", "Q4_K_M").basis.values["without_matrix"] == 1.5
    assert of("llama3-70b", "Q4_K_M", own_library=True).basis.values["without_matrix"] == 1.5
    assert of("llama3-70b", "IQ3_XXS", own_library=True).basis.values["without_matrix"] is None


def test_a_published_type_is_rated_as_the_original() -> None:
    """
    MXFP4 is gpt-oss itself, Q4_K_M is not; a publisher's mixture is rated by its types, for Ollama too.
    """
    assert of("gpt-oss-20b", "MXFP4").value == 0.0
    assert value(of("gpt-oss-20b", "Q4_K_M")) > 0.0
    assert 0.0 < value(of("llama3-70b", "UD-Q4_K_XL", own_library=True)) < value(of("llama3-70b", "Q3_K_M"))


def test_the_header_of_a_file_tells_of_the_matrix() -> None:
    """
    A file that is here is rated by what it says, whatever its publisher does.
    """
    spec = requantized(load("llama3-70b"), "Q4_K_M")
    made = {flag: msgspec.structs.replace(spec, imatrix=flag) for flag in (True, False)}
    found = {flag: value(rated(Estimator(one), "Q4_K_M", Abilities())) for flag, one in made.items()}

    assert found[False] == pytest.approx(1.5 * found[True], rel=0.05)


def test_types_of_tensors_give_a_mixture_its_figure() -> None:
    """
    Half in Q4_K and half in Q8_0 is the mean of both; a kept type loses nothing, an unmeasured one has no figure.
    """
    data = table("quality")
    four, eight = data["rows"]["Q4_K_S"]["mean_kld"], data["rows"]["Q8_0"]["mean_kld"]

    assert loss.of_types(data, {"q4_K": 0.5, "q8_0": 0.5}) == pytest.approx((four + eight) / 2)
    assert loss.of_types(data, {"mxfp4": 0.9, "q8_0": 0.1}, kept=frozenset({"mxfp4"})) == pytest.approx(
        eight / 10
    )
    assert loss.of_types(data, {"q4_K": 0.5, "tq1_0": 0.5}) is None


def test_experts_count_by_how_many_a_token_meets() -> None:
    """
    In UD-Q4_K_XL of Qwen3.6-35B-A3B all but the experts are in Q8_0. 8 of 256 experts are used, which count as
    (8 / 256)^0.75 = 7.4 % of their 32.2 billion weights: 2.4 billion, beside 1.9 billion of everything else.
    """
    shares = Estimator(load("qwen3.6-35b-a3b")).type_shares("UD-Q4_K_XL")

    assert shares is not None
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["q8_0"] == pytest.approx(1.9 / (1.9 + 2.4), abs=0.01)


def test_a_family_that_was_measured_has_its_own_factor() -> None:
    """
    Llama 2 loses less than half of what Llama 3 loses, Gemma 4 31B ten times more, and no more is said of others.
    """
    data = table("quality")
    names = ("llama-2-7b-chat", "gemma-4-31b-it", "GLM-4.7-Flash-Q4_K_M")
    factors = [family.factor for name in names if (family := loss.family_of(data, name)) is not None]

    assert factors == [0.41, 32, 8]
    assert loss.family_of(data, "llama-3.1-8b-instruct") is None
    assert loss.family_of(data, "gemma-4-e4b-it") is None


def test_a_family_that_diverges_is_not_called_unusable_for_it() -> None:
    """
    People use Gemma 4 31B in four bits: it is a heavy loss, and no last resort. Two bits of an 8B are one.
    """
    gemma, two = of("gemma-4-31b", "Q4_K_M"), quality("IQ2_XXS", EIGHT)

    assert (gemma.words.id, gemma.usable) == ("quality.heavy-loss", True)
    assert (two.words.id, two.usable) == ("quality.barely-usable", False)


def test_a_q8_0_cache_adds_what_was_measured() -> None:
    """
    K and V in q8_0 add 0.0014 nats, measured; f16 adds nothing.
    """
    data = table("quality")
    added, basis = loss.of_cache(data, "q8_0", "q8_0", EIGHT)

    assert (round(added, 4), basis) == (0.0014, "measured")
    assert loss.of_cache(data, "f16", "bf16", EIGHT) == (0.0, "measured")


def test_a_cache_that_nobody_measured_is_said_to_be_assumed() -> None:
    """
    The basis of a sum is its weakest: derived from perplexity for q4_0, assumed for q4_1.
    """
    data = table("quality")
    found = quality("Q8_0", EIGHT, cache_type_k="q4_1").basis

    assert loss.of_cache(data, "q8_0", "q4_0", EIGHT)[1] == "derived"
    assert loss.of_cache(data, "q4_1", "q8_0", EIGHT)[1] == "assumed"
    assert found.id == "quality.basis.with-cache"
    assert inner(found, "basis").id == "quality.cache.assumed"
    assert figure(found, "divergence") == loss.of_cache(data, "q4_1", "f16", EIGHT)[0]


def test_families_have_caches_of_their_own() -> None:
    """
    q8_0 for both costs Gemma 4 31B 0.108 and 26B-A4B 0.377 nats, q4_0 the latter 1.09; one side alone costs less.
    """
    data = table("quality")

    def added(name: str, kind_k: str, kind_v: str) -> float:
        return loss.of_cache(data, kind_k, kind_v, Model(parameters=BILLION, id=name))[0]

    assert added("gemma-4-31b-it", "q8_0", "q8_0") == pytest.approx(0.108)
    assert added("gemma-4-26b-a4b-it", "q8_0", "q8_0") == pytest.approx(0.377)
    assert added("gemma-4-26b-a4b-it", "q4_0", "q4_0") == pytest.approx(1.09)
    assert 0.377 < added("gemma-4-26b-a4b-it", "q5_1", "q5_1") < 1.09
    assert added("gemma-4-26b-a4b-it", "q8_0", "f16") < 0.377
    assert added("gemma-4-e4b-it", "q8_0", "q8_0") == pytest.approx(0.0014)


def test_keys_lose_more_than_values() -> None:
    """
    For every type K costs more than V.
    """
    caches = table("quality")["caches"]

    assert all(caches["k"][kind][0] > caches["v"][kind][0] for kind in caches["k"])


def test_gpt_oss_does_not_bear_a_quantized_k_cache() -> None:
    """
    Its attention sinks make q8_0 keys a loss that shows, while q8_0 values stay harmless.
    """
    keys = quality("MXFP4", GPT_OSS, native=True, cache_type_k="q8_0")
    values = quality("MXFP4", GPT_OSS, native=True, cache_type_v="q8_0")

    assert keys.words.id == "quality.loss-on-hard-tasks"
    assert values.words.id == "quality.no-noticeable-loss"


@pytest.mark.parametrize(
    ("divergence", "percent"),
    [
        (0.0045, 96.7),
        (0.0099, 94.8),
        (0.0232, 91.9),
        (0.0705, 86.1),
        (0.205, 78.0),
        (0.315, 79.7),
        (0.564, 74.5),
    ],
)
def test_how_many_first_choices_stay(divergence: float, percent: float) -> None:
    """
    As measured on Qwen3.6-35B-A3B, Qwen3.8-Flash-Next and DeepSeek-V4-Flash, within 4.
    """
    assert agreement(divergence) == pytest.approx(percent, abs=4)
    assert agreement(0.0) == 100


@pytest.mark.parametrize(
    ("divergence", "level"),
    [
        (0.0, "no-noticeable-loss"),
        (0.003, "practically-lossless"),
        (0.012, "very-close"),
        (0.028, "good"),
        (0.045, "loss-on-hard-tasks"),
        (0.11, "clear-loss"),
        (0.25, "heavy-loss"),
        (0.6, "barely-usable"),
        (5.0, "barely-usable"),
    ],
)
def test_a_divergence_has_a_level(divergence: float, level: str) -> None:
    """
    Every figure has a level that a person can weigh; a level begins at its limit.
    """
    assert in_words(divergence).id == f"quality.{level}"


FORMATS = [row for row in rows() if row.kind.startswith("format")]


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: f"{row.model} {row.quant} {row.divergence}")
def test_formats_of_other_engines_are_rated_as_measured(row: Row) -> None:
    """
    Every published figure lies in the stated range; of another protocol the part of what NVFP4 loses by it.
    """
    data = table("quality")
    found, beside = loss.of_format(data, row.quant), loss.of_format(data, "NVFP4")
    assert found is not None
    assert beside is not None

    if row.kind == "format":
        said = loss.of_model(data, found.mean_kld, model_of(row.model))
    else:
        said = found.mean_kld / beside.mean_kld
    assert found.low <= row.divergence / said <= found.high


@pytest.mark.parametrize(
    ("name", "figure", "files"),
    [
        ("AWQ 4-bit, groups of 128", 0.045, 6),
        ("GPTQ-Int4", 0.0456, 1),
        ("GPTQ 8-bit", 0.0143, 1),
        ("FP8-block", 0.029, 3),
        ("nvfp4", 0.07, 5),
        ("EXL3 4 bpw", 0.065, 17),
        # Half way between two widths is the root of the product of their figures: 0.2 x 0.065, 0.006 x 0.0006.
        ("EXL3 3.5 bpw", 0.114, 17),
        ("EXL3 7 bpw", 0.0018974, 17),
        # One bit further by the last steps: 0.8^2 / 0.2, 0.0006 x (0.0006 / 0.006)^0.5.
        ("EXL3 1 bpw", 3.2, 17),
        ("EXL3 9 bpw", 0.00018974, 17),
    ],
)
def test_a_format_has_its_figure_and_the_files_behind_it(name: str, figure: float, files: int) -> None:
    """
    By a word of its name; widths lie between those that were measured, or beyond them by the same steps.
    """
    found = loss.of_format(table("quality"), name)

    assert found is not None
    assert found.mean_kld == pytest.approx(figure, rel=0.002)
    assert found.files == files


@pytest.mark.parametrize("name", ["Quark", "EXL2 4 bpw", "HQQ 4-bit", "EXL3"])
def test_a_format_that_nobody_measured_has_no_figure(name: str) -> None:
    """
    Nor one of any width whose width is not said.
    """
    assert loss.of_format(table("quality"), name) is None


def test_weights_that_are_published_quantized_say_what_they_lose() -> None:
    """
    A folder in AWQ has a note; one in 16 bits has none.
    """
    folder = Folder(
        format="AWQ 4-bit, groups of 128", bytes=None, basis="assumed", engines=("vLLM",), gguf="refused"
    )
    spec = load("llama3.1-8b")
    snapshot = machine((23.5,))
    quantized = recommend(msgspec.structs.replace(spec, folder=folder), snapshot, Wishes(ctx_size=8192), {})
    plain = recommend(spec, snapshot, Wishes(ctx_size=8192), {})

    assert the(quantized.notes, "note.folder-loses").values["format"] == folder.format
    assert not named(plain.notes, "note.folder-loses")
