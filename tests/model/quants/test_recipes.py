"""
Files whose names llama-quantize does not know: their rules beside the bytes that were published.
"""

from collections import Counter
from statistics import median

import pytest

from llmprobe.data import table
from llmprobe.errors import RefusedError
from llmprobe.estimation import Estimator
from llmprobe.model.loading import load
from llmprobe.model.next_token import with_next_token
from llmprobe.model.quants import (
    FILE_TYPES,
    TYPES,
    Inventory,
    file_type,
    followed,
    recipe_of,
    spread_of,
    tensor_bytes,
    total_bytes,
)
from llmprobe.words.message import message

UNSLOTH = (
    # huggingface.co/unsloth: bits per weight that llama.cpp's loader printed, or its model_size in llama-bench.
    ("qwen3-4b-instruct-2507", "UD-Q2_K_XL", 1_689_939_409),
    ("qwen3-4b-instruct-2507", "UD-Q3_K_XL", 2_122_354_729),
    ("qwen3-4b-instruct-2507", "UD-Q4_K_XL", 2_540_188_603),
    ("qwen3-4b-instruct-2507", "UD-Q6_K_XL", 3_652_401_031),
    ("qwen3-4b-instruct-2507", "UD-Q8_K_XL", 5_050_711_503),
    ("qwen3-4b-instruct-2507", "UD-IQ2_M", 1_524_515_408),
    ("gemma-3-27b-it", "UD-Q4_K_XL", 16_819_763_840),
    ("qwen3.5-9b", "UD-Q2_K_XL", 4_110_914_924),
    ("qwen3.5-9b", "UD-Q3_K_XL", 5_043_229_688),
    ("qwen3.5-9b", "UD-Q4_K_XL", 5_955_398_396),
    ("qwen3.5-9b", "UD-Q5_K_XL", 6_733_260_055),
    ("qwen3.5-9b", "UD-Q6_K_XL", 8_745_627_338),
    ("qwen3.5-9b", "UD-Q8_K_XL", 12_962_868_675),
    ("qwen3.5-27b", "UD-Q4_K_XL", 17_610_154_994),
    ("qwen3.5-27b", "UD-Q5_K_XL", 20_161_912_849),
    ("qwen3.5-27b", "UD-IQ3_XXS", 11_494_677_344),
    ("qwen3.6-27b", "UD-Q8_K_XL", 35_765_489_664),
    ("qwen3.8-27b", "UD-Q4_K_XL", 17_923_394_624),
    ("qwen3.8-27b", "UD-Q2_K_XL", 9_828_981_664),
    ("qwen3.6-35b-a3b", "UD-Q4_K_XL", 22_842_671_616),
    ("qwen3.6-35b-a3b", "UD-Q8_K_XL", 39_088_456_192),
    ("qwen3.5-35b-a3b", "UD-Q4_K_XL", 22_226_455_757),
    ("qwen3.5-122b-a10b", "UD-Q5_K_XL", 91_912_300_134),
    ("gemma-4-26b-a4b-it", "UD-Q4_K_XL", 17_072_495_002),
    ("qwen3-30b-a3b", "UD-Q4_K_XL", 17_709_221_806),
    ("glm-4.6-357b-a32b", "UD-Q4_K_XL", 203_678_086_595),
    ("glm-5.2", "UD-Q5_K_XL", 562_458_158_694),
    ("gpt-oss-20b", "UD-Q8_K_XL", 13_185_549_599),
    ("gpt-oss-120b", "UD-Q8_K_XL", 64_456_721_695),
)
BARTOWSKI = (
    # huggingface.co/bartowski, the same.
    ("qwen3-4b-instruct-2507", "Q2_K_L", 1_757_818_558),
    ("qwen3-4b-instruct-2507", "Q3_K_XL", 2_328_003_411),
    ("qwen3-4b-instruct-2507", "Q4_K_L", 2_585_441_369),
    ("qwen3-4b-instruct-2507", "Q5_K_L", 2_977_632_008),
    ("qwen3-4b-instruct-2507", "Q6_K_L", 3_394_460_265),
    ("qwen3.5-9b", "Q4_K_L", 6_633_648_993),
    ("qwen3.5-27b", "Q6_K_L", 23_688_650_647),
)


APEX = (
    # huggingface.co/mudler, sizes in GiB with one decimal.
    ("qwen3.5-35b-a3b", "APEX-Quality", 22_870_700_851),
    ("qwen3.5-35b-a3b", "APEX-Balanced", 25_340_307_046),
    ("qwen3.6-35b-a3b", "APEX-Compact", 17_287_243_366),
    ("qwen3.5-122b-a10b", "APEX-Quality", 77_631_533_875),
    ("qwen3.5-122b-a10b", "APEX-Balanced", 89_550_068_122),
    ("qwen3.5-35b-a3b", "APEX-Mini", 13_099_650_253),
    ("qwen3.6-35b-a3b", "APEX-I-Mini", 14_280_766_259),
    ("qwen3.5-122b-a10b", "APEX-Mini", 48_211_007_898),
)


def of_rule(model: str, quant: str) -> int:
    spec = load(model, quant=quant)
    return total_bytes(spec.tensors, [str(tensor.type) for tensor in spec.tensors])


@pytest.mark.parametrize(("model", "quant", "published"), UNSLOTH + BARTOWSKI + APEX)
def test_published_files_are_within_the_range_of_their_rule(model: str, quant: str, published: int) -> None:
    """
    The range is what the answer keeps free, so no file that is known may be outside it.
    """
    rule = recipe_of(load(model), quant)
    assert rule is not None
    size = of_rule(model, quant)

    assert size * (1 + rule.low / 100) <= published <= size * (1 + rule.high / 100)


def test_dynamic_files_are_close_to_their_rule() -> None:
    """
    Half of them are within 3 %, nine of ten within 7 %.
    """
    errors = sorted(abs(of_rule(model, quant) / size - 1) for model, quant, size in UNSLOTH)

    assert median(errors) < 0.03
    assert errors[int(0.9 * len(errors))] < 0.07


def test_experts_and_all_else_are_mixed_apart() -> None:
    """
    Qwen3.6-35B-A3B-UD-Q4_K_M.gguf has 80 tensors q4_K, 37 q5_K, 4 q6_K, 251 q8_0 (its loader's log): gate and up of 40
    layers, down of 37 of them, and everything else in 8 bits. The rule has these, but for the four of 6 bits.
    """
    spec = load("qwen3.6-35b-a3b", quant="UD-Q4_K_M")
    counts = Counter(tensor.type for tensor in spec.tensors)
    experts = Counter(tensor.type for tensor in spec.tensors if "_exps" in tensor.name)

    assert experts == {"q4_K": 80, "q5_K": 40}
    assert (counts["q4_K"], counts["q8_0"], counts["f32"]) == (80, 251 + 1, 361)


def test_a_large_embedding_is_all_that_an_l_adds() -> None:
    """
    Qwen3 4B has one matrix of 151,936 rows of 2560 values for input and output: 2100 bytes each in q6_K, 2720 in q8_0.
    """
    spec = load("qwen3-4b-instruct-2507")
    plain = total_bytes(
        spec.tensors, Inventory(spec.tensors, "qwen3", spec.hparams).types("Q4_K_M", imatrix=True)
    )

    assert of_rule("qwen3-4b-instruct-2507", "Q4_K_L") - plain == 151_936 * (2720 - 2100)


def test_i1_is_the_file_type_with_an_importance_matrix() -> None:
    """
    Mradermacher's ``i1`` files are those of llama-quantize, which raises other tensors without the matrix.
    """
    spec = load("qwen3-8b")
    inventory = Inventory(spec.tensors, spec.architecture, spec.hparams)

    assert inventory.types("i1-IQ4_XS") == inventory.types("IQ4_XS", imatrix=True)
    assert inventory.types("i1-IQ4_XS") != inventory.types("IQ4_XS")
    assert file_type("i1-Q4_K_M") == FILE_TYPES["Q4_K_M"]


def test_experts_published_in_four_bits_stay_so() -> None:
    """
    gpt-oss has MXFP4 experts in every file; a dynamic one of 4 bits raises the rest to 8.
    """
    for quant in ("UD-Q4_K_XL", "UD-Q2_K_XL"):
        spec = load("gpt-oss-20b", quant=quant)
        assert {one.type for one in spec.tensors if one.name.endswith("exps.weight")} == {"mxfp4"}


@pytest.mark.parametrize(
    ("typed", "name", "stock"),
    [
        ("ud-q4_k_xl", "UD-Q4_K_XL", "Q4_K_M"),
        ("Q4_K_XL", "UD-Q4_K_XL", "Q4_K_M"),
        ("Q3_K_XL", "Q3_K_XL", "Q3_K_L"),
        ("UD-Q3_K_XL", "UD-Q3_K_XL", "Q3_K_M"),
        ("q6_k_l", "Q6_K_L", "Q6_K"),
        ("UD-IQ2_M", "UD-IQ2_M", "IQ2_M"),
        ("iMat-IQ4_NL", "i1-IQ4_NL", "IQ4_NL"),
        ("UD-Q8_K_XL", "UD-Q8_K_XL", "Q8_0"),
        ("Q3_K_L", "Q3_K_L", "Q3_K_L"),
    ],
)
def test_a_name_is_written_as_its_publisher_does(typed: str, name: str, stock: str) -> None:
    """
    Loss and speed are taken from the file type that a name follows.
    """
    assert file_type(typed).name == name
    assert followed(name) == stock


@pytest.mark.parametrize(
    ("quant", "layers", "experts"),
    [
        ("APEX-Quality", 40, {"q6_K": 30, "q5_K": 30, "iq4_xs": 60}),
        ("APEX-Balanced", 40, {"q6_K": 30, "q5_K": 90}),
        ("APEX-Compact", 40, {"q4_K": 30, "q3_K": 90}),
        ("APEX-Quality", 48, {"q6_K": 30, "q5_K": 30, "iq4_xs": 84}),
    ],
)
def test_apex_mixes_experts_by_layer(quant: str, layers: int, experts: dict[str, int]) -> None:
    """
    Three tensors of each layer, by the project's files of types: the first and last five layers have the largest.
    """
    spec = load({40: "qwen3.5-35b-a3b", 48: "qwen3.5-122b-a10b"}[layers], quant=quant)

    assert Counter(one.type for one in spec.tensors if "_exps" in one.name) == experts


@pytest.mark.parametrize(
    ("model", "quant", "resident"),
    [
        ("qwen3.5-35b-a3b", "APEX-Quality", 2_109_522_432),
        ("qwen3.6-35b-a3b", "APEX-Compact", 1_617_111_552),
        ("qwen3.5-122b-a10b", "APEX-Balanced", 5_279_625_216),
        ("qwen3.5-122b-a10b", "APEX-Compact", 3_908_800_512),
    ],
)
def test_what_stays_on_a_gpu_without_experts_is_known_to_the_byte(
    model: str, quant: str, resident: int
) -> None:
    """
    Everything but routed experts, by the project's files of types (counted for github.com/mudler/apex-quant).
    """
    rest = [one for one in load(model, quant=quant).tensors if "_exps" not in one.name]

    assert total_bytes(rest, [str(one.type) for one in rest]) == resident


def test_a_rule_for_mixtures_of_experts_is_none_for_others() -> None:
    """
    Nothing is put in its place.
    """
    with pytest.raises(RefusedError) as refused:
        load("qwen3-8b", quant="APEX-Quality")

    assert refused.value.message == message("error.quant-without-rule", quant="APEX-Quality")


def test_stock_names_have_no_rule() -> None:
    """
    What llama-quantize makes is known exactly.
    """
    spec = load("qwen3-8b")

    assert all(recipe_of(spec, name) is None for name in FILE_TYPES)


def test_every_rule_has_known_types_a_spread_and_a_source() -> None:
    """
    A row without files behind it would be a guess.
    """
    for row in table("recipes")["rows"]:
        assert {kind for _, kind, *_ in row["raised"]} <= TYPES.keys()
        assert row["low"] < 0 < row["high"]
        assert row["files"] > 0
        assert any(word in row["source"].lower() for word in ("-gguf", "-nvfp4", "hf_quant_config.json"))
        assert row["base"] in FILE_TYPES or all(name.partition("-")[2] in FILE_TYPES for name in row["names"])


def test_every_spread_has_files_and_known_types() -> None:
    """
    Plain types, each once for a kind of models.
    """
    seen = Counter((name, row["models"]) for row in table("recipes")["spreads"] for name in row["names"])

    assert max(seen.values()) == 1
    for row in table("recipes")["spreads"]:
        assert set(row["names"]) <= FILE_TYPES.keys()
        assert row["low"] < 0 < row["high"]
        assert row["files"] > 0


@pytest.mark.parametrize(
    ("model", "gigabytes"),
    [("gemma-3-1b-it", 1.0), ("gemma-3-4b-it", 3.16), ("gemma-3-12b-it", 8.07), ("gemma-3-27b-it", 17.2)],
)
def test_files_trained_for_their_type_keep_the_embedding(model: str, gigabytes: float) -> None:
    """
    Google's QAT files: everything in Q4_0, the embedding in 16 bits; with it in Q6_K they are 9 to 28 % smaller.
    """
    spec = load(f"google/{model}-qat-q4_0-gguf")

    assert spec.quant == "QAT-Q4_0"
    assert {tensor.type for tensor in spec.tensors if len(tensor.shape) > 1} == {"q4_0", "f16"}
    assert total_bytes(spec.tensors, [str(one.type) for one in spec.tensors]) == pytest.approx(
        gigabytes * 1e9, rel=0.005
    )


@pytest.mark.parametrize(
    ("typed", "quant"),
    [
        ("gemma-3-12b-it-qat-Q4_0", "QAT-Q4_0"),
        ("gemma-3-12b-it-Q4_0", "Q4_0"),
        ("gemma-3-12b-it-qat-Q4_K_M", "Q4_K_M"),
    ],
)
def test_training_for_a_type_changes_only_that_type(typed: str, quant: str) -> None:
    """
    Other types of such a model are made by llama-quantize.
    """
    assert load(typed).quant == quant


def _beside_experts(model: str, quant: str) -> int:
    spec = load(model, quant=quant)
    rest = [one for one in spec.tensors if "_exps" not in one.name]
    return sum(tensor_bytes(one.shape, str(one.type)) for one in rest)


@pytest.mark.parametrize(
    "model", ["glm-4.5-air-106b-a12b", "qwen3-235b-a22b", "qwen3-30b-a3b", "deepseek-r1-0528-671b"]
)
@pytest.mark.parametrize("quant", ["UD-Q2_K_XL", "UD-Q4_K_XL", "UD-Q6_K_XL"])
def test_an_older_mixture_that_was_made_again_is_within_the_range(model: str, quant: str) -> None:
    """
    Unsloth's files of 2026 hold everything but the experts in Q8_0: 34/32 bytes for each value of a matrix.
    """
    spec = load(model)
    rule = recipe_of(spec, quant)
    assert rule is not None
    again = sum(
        tensor_bytes(one.shape, "q8_0" if len(one.shape) > 1 and one.shape[0] % 32 == 0 else "f32")
        for one in spec.tensors
        if "_exps" not in one.name and "ffn_gate_inp" not in one.name
    )
    most = _beside_experts(model, quant) * (1 + (rule.resident_high() or 0) / 100)

    assert again <= most


def test_roles_have_ranges_of_their_own() -> None:
    """
    The first part that fits counts; where none does, the range of the whole.
    """
    rule = recipe_of(load("qwen3-30b-a3b"), "UD-Q4_K_XL")
    plain = recipe_of(load("qwen3-8b"), "UD-Q4_K_XL")
    tensors = {one.name: one for one in load("qwen3-30b-a3b").tensors}
    assert rule is not None
    assert plain is not None

    assert rule.range_of(tensors["blk.0.ffn_up_exps.weight"]) == (-2, 7)
    assert rule.range_of(tensors["blk.0.attn_q.weight"]) == (-3, 83)
    assert plain.range_of(tensors["blk.0.attn_q.weight"]) == (-2, 3)
    assert (rule.resident_high(), plain.resident_high()) == (83, None)


@pytest.mark.parametrize(
    ("model", "quant", "known"),
    [
        ("qwen3.5-9b", "Q4_K_M", True),
        ("qwen3.6-35b-a3b", "Q4_K_M", True),
        ("qwen3.5-9b", "BF16", False),
        ("qwen3-8b", "Q4_K_M", False),
        ("kimi-linear-48b-a3b-instruct", "Q4_K_M", False),
    ],
)
def test_plain_types_differ_by_publisher_where_that_was_seen(model: str, quant: str, known: bool) -> None:
    """
    Only of models with linear attention whose files were compared.
    """
    found = spread_of(load(model), quant)

    assert (found is not None) is known
    assert found is None or (found.plain and found.follows == quant)


def test_nvfp4_has_a_rule_and_its_range() -> None:
    """
    Unsloth's NVFP4 of Qwen3.8-27B has 22,568,192,096 bytes with its projector and its next-token layer in 16 bits: 6.6
    bits per weight, as all but the feed-forward part is in 8. NVIDIA's Kimi K2.6 has its experts alone in 4.5 bits.
    """
    dense = load("qwen3.8-27b")
    rule = recipe_of(dense, "NVFP4")
    assert rule is not None
    assert dense.projector is not None
    beside = sum(tensor.elements for tensor in dense.projector.tensors)
    beside += with_next_token(dense).file_parameters - dense.file_parameters
    found = Estimator(dense).tensor_bytes("NVFP4")
    published = 22_568_192_096 - 2 * beside

    assert found * (1 + rule.low / 100) < published < found * (1 + rule.high / 100)

    kimi = load("kimi-k2.6", quant="nvfp4")
    types = {tensor.name.split(".")[-2]: tensor.type for tensor in kimi.tensors if len(tensor.shape) > 1}
    assert (types["ffn_up_exps"], types["ffn_down_exps"], types["ffn_up_shexp"]) == ("nvfp4", "nvfp4", "bf16")
    assert (types["attn_q_b"], types["output"], types["ffn_gate_inp"]) == ("bf16", "bf16", "f32")


@pytest.mark.parametrize("name", ["Q4_K_L", "Q6_K_L", "i1-IQ4_XS"])
def test_a_general_rule_holds_for_mixtures_of_experts_too(name: str) -> None:
    """
    A publisher's file with an importance matrix, or with its embedding and output in 8 bits, is the same for each kind
    of model; where none of the kind was seen, the range is wider.
    """
    dense, experts = load("qwen3-8b"), load("qwen3-30b-a3b")
    seen, unseen = recipe_of(dense, name), recipe_of(experts, name)
    assert seen is not None
    assert unseen is not None
    types = {tensor.name: tensor.type for tensor in load("qwen3-30b-a3b", quant=name).tensors}

    assert (unseen.follows, unseen.raised) == (seen.follows, seen.raised)
    assert unseen.low < seen.low < 0 < seen.high < unseen.high
    assert types["output.weight"] == ("q6_K" if name.startswith("i1") else "q8_0")
