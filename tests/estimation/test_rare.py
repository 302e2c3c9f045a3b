"""
What seldom met architectures do otherwise, each rule on a measured model and with figures computed by hand.
"""

import pytest

from benchmarks.truth.loads import spec
from llmprobe.estimation import Estimator
from llmprobe.estimation.memory.weights import scored_words
from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import Hparams, ModelSpec
from llmprobe.facts.settings import Settings
from llmprobe.model import archs
from llmprobe.model.archs import Sizes
from llmprobe.model.archs._shared.recurrent import scanned_on_gpu
from llmprobe.model.formats.gguf_model import active_elements

GPU = Hardware(devices=(Device(id="gpu0"),))
MIB = 1 << 20
RWKV7: Hparams = {
    "block_count": 24,
    "context_length": 1048576,
    "embedding_length": 2048,
    "vocab_size": 65536,
    "feed_forward_length": 8192,
    "attention.head_count": 0,
    "wkv.head_size": 64,
    "attention.decay_lora_rank": 96,
    "attention.iclr_lora_rank": 96,
    "attention.value_residual_mix_lora_rank": 64,
    "attention.gate_lora_rank": 256,
}


def cache_bytes(name: str, settings: Settings, hardware: Hardware = GPU) -> int:
    """
    Return the bytes of all caches of a measured model on its first device.
    """
    device = hardware.devices[0].id if hardware.devices else "host"
    return sum(size for _, size in Estimator(spec(name)).caches(settings, hardware)[device])


def rwkv7() -> ModelSpec:
    """
    Return RWKV 7 World 1.5B from its metadata.
    """
    family = archs.get("rwkv7")
    assert family is not None
    tensors = family.tensors(RWKV7)
    parameters = sum(tensor.elements for tensor in tensors)
    return ModelSpec(
        id="rwkv7",
        name="rwkv7",
        architecture="rwkv7",
        hparams=RWKV7,
        tensors=tensors,
        parameters=parameters,
        file_parameters=parameters,
    )


@pytest.mark.parametrize(
    ("settings", "compute"),
    [
        (Settings(gpu_layers=0, outputs_max=0), (20_981_792, 248_512_512)),
        (
            Settings(gpu_layers=0, parallel=4, kv_unified=True, outputs_max=4),
            (29_368_384, 79_757_312),
        ),
    ],
)
def test_rwkv7_takes_what_was_measured(settings: Settings, compute: tuple[int, int]) -> None:
    """
    llama.cpp b11549 reported these compute buffers for RWKV 7 World 1.5B in Q4_K_M, and 12.4 MiB of state a slot.
    """
    parts = Estimator(rwkv7()).parts("Q4_K_M", settings, GPU)

    assert (parts.compute.bytes["host"], parts.compute.bytes["gpu0"]) == compute
    state = 24 * (2 * 2048 + 2048 * 64) * 4 * settings.parallel
    assert sum(size for _, size in parts.caches["host"]) == state


@pytest.mark.parametrize("slots", [1, 4])
@pytest.mark.parametrize(
    ("name", "layers", "shifts", "width", "head"),
    [
        ("rwkv6-world-1.6b", 24, 2, 2048, 64),
        ("qrwkv6-7b-instruct", 28, 1, 3584, 128),
        ("arwkv-7b", 28, 1, 3584, 64),
    ],
)
def test_rwkv_keeps_a_state_for_each_slot_whatever_the_context(
    name: str, layers: int, shifts: int, width: int, head: int, slots: int
) -> None:
    """
    Each layer remembers a token for each of its parts that looks back, and a matrix for each head, in f32.
    """
    expected = layers * (shifts * width + width * head) * 4 * slots

    for context in (4096, 131072):
        assert cache_bytes(name, Settings(ctx_size=context, parallel=slots, kv_unified=True)) == expected


@pytest.mark.parametrize(("flash_attn", "mib"), [("auto", 6272), ("off", 8256)])
def test_decilm_stores_v_of_every_layer_without_flash_attention(flash_attn: str, mib: int) -> None:
    """
    49 of 80 layers have 8 heads of 128 values; stored across, V has the widest row in all 80.
    """
    rows = 49 * 1024 + (80 if flash_attn == "off" else 49) * 1024
    settings = Settings(ctx_size=32768, flash_attn="off" if flash_attn == "off" else "auto")

    assert rows * 2 * 32768 == mib * MIB
    assert cache_bytes("nemotron-super-49b", settings) == mib * MIB


def test_bitnet_uses_its_embedding_where_it_lies() -> None:
    """
    With the output layer alone on a GPU that holds the last norm: 3,200 values in f32, and no second embedding.
    """
    weights = Estimator(spec("bitnet-b1.58-3b")).weights("Q4_K_M", Settings(ctx_size=512, gpu_layers=1), GPU)

    assert weights["gpu0"].total == 3200 * 4


@pytest.mark.parametrize(
    ("shape", "sizes", "expected"),
    [
        ((1, 64), {"ssm.inner_size": 4096, "ssm.state_size": 128}, True),
        ((1, 64), {"ssm.inner_size": 4096, "ssm.state_size": 64}, False),
        ((1, 512), {"ssm.inner_size": 4096, "ssm.state_size": 128}, False),
        ((16, 4096), {"ssm.inner_size": 4096, "ssm.state_size": 16}, True),
        ((16, 4100), {"ssm.inner_size": 4100, "ssm.state_size": 16}, False),
        ((32, 4096), {"ssm.inner_size": 4096, "ssm.state_size": 32}, False),
        ((16, 4096), {"ssm.inner_size": 4096, "ssm.state_size": 16, "ssm.group_count": 2}, False),
        ((32,), {"ssm.inner_size": 4096, "ssm.state_size": 64}, False),
    ],
)
def test_a_decay_lies_on_a_gpu_where_a_kernel_scans_its_states(
    shape: tuple[int, ...], sizes: Hparams, expected: bool
) -> None:
    """
    CUDA has kernels for Mamba 2 with 96, 128 or 256 states and for the first Mamba with 16, in heads of whole blocks.
    """
    model = Sizes({"block_count": 1, "embedding_length": 64} | sizes)

    assert scanned_on_gpu(model, shape, BACKENDS["cuda"].scans) is expected


def test_plamo2_keeps_its_decays_in_ram() -> None:
    """
    Eight Mamba layers with a decay of 32 values in f32 each, though every layer is on the GPU.
    """
    weights = Estimator(spec("plamo-2-1b")).weights("Q4_K_M", Settings(ctx_size=512), GPU)

    assert weights["host"].layers == 8 * 32 * 4


def test_value_experts_count_by_their_own_router() -> None:
    """
    K2 Horizon uses 8 of 100 experts and 4 of 64 values for a token.
    """
    model = spec("k2-horizon-36b-a4b")
    experts, values = 45 * 3 * 2048 * 768, 45 * 2048 * 512
    rest = model.file_parameters - 100 * experts - 64 * values

    assert active_elements(model.tensors, model.hparams) == rest + 8 * experts + 4 * values


def test_small_experts_that_others_share_are_used_as_often() -> None:
    """
    GroveMoE uses 8 of 128 experts and 8 of the 64 small ones for a token.
    """
    model = spec("grovemoe-inst")
    large, small = 48 * 3 * 2048 * 768, 48 * 3 * 2048 * 128
    rest = model.file_parameters - 128 * large - 64 * small

    assert active_elements(model.tensors, model.hparams) == rest + 8 * large + 8 * small


def test_small_experts_stay_in_ram_with_the_large_ones() -> None:
    """
    What keeps the experts of the first layer in RAM keeps both kinds there: 3 x 2,048 x (128 x 768 + 64 x 128) values.
    """
    settings = Settings(ctx_size=512, n_cpu_moe=1)
    weights = Estimator(spec("grovemoe-inst")).weights("F16", settings, GPU)

    assert weights["host"].experts == 2 * 3 * 2048 * (128 * 768 + 64 * 128)


def test_value_experts_are_not_kept_in_ram_with_the_others() -> None:
    """
    The override that keeps experts in RAM names those of the feed-forward part: 100 in layer 3, and no values.
    """
    settings = Settings(ctx_size=512, n_cpu_moe=4)
    weights = Estimator(spec("k2-horizon-36b-a4b")).weights("F16", settings, GPU)

    assert weights["host"].experts == 2 * 3 * 2048 * 768 * 100


@pytest.mark.parametrize(("name", "flash"), [("embeddinggemma-2", False), ("llama-embed-nemotron-8b", True)])
def test_without_a_cache_one_token_decides_over_flash_attention(name: str, flash: bool) -> None:
    """
    Heads of 512 values need keys in multiples of 256, of which one token has one; heads of 128 do not.
    """
    parts = Estimator(spec(name)).parts("Q4_K_M", Settings(ctx_size=512), GPU)

    assert parts.compute.flash_attn is flash


def test_the_width_of_a_vector_is_no_vocabulary() -> None:
    """
    EmbeddingGemma 2 ends in 768 values, and llama.cpp reserves a row of its 262,144 words all the same.
    """
    model = spec("embeddinggemma-2")

    assert scored_words(model.tensors, model.hparams) == 262_144
    assert Estimator(model).output_bytes(Settings(ctx_size=512)) == 262_144 * 4


def test_a_cache_that_is_not_read_is_made_all_the_same() -> None:
    """
    Nemotron's embedding model keeps 32 layers of 2 x 1,024 values of two bytes.
    """
    assert cache_bytes("llama-embed-nemotron-8b", Settings(ctx_size=512)) == 512 * 32 * 2 * 1024 * 2


def test_a_table_of_n_grams_is_mapped_and_not_read_at_once() -> None:
    """
    Of Qwen 3.8 Flash Next it has 35,200,168,960 bytes on the host beside an embedding of 357,580,800; without mmap
    nothing is read late, and what is stored is the same.
    """
    estimator = Estimator(spec("qwen3.8-flash-next"))
    hardware = Hardware(devices=(Device(id="gpu0"),))
    for mmap, late in ((True, 35_200_168_960), (False, None)):
        host = estimator.estimate("Q4_K_M", Settings(ctx_size=4096, mmap=mmap), hardware).devices[0]
        term = next(term for term in host.terms if term.name == "token-embedding")

        assert term.bytes == 35_200_168_960 + 357_580_800
        assert term.how.values["late_bytes"] == late
        assert term.mapped_bytes == (late or 0)


def test_a_large_table_of_gemma_4_is_read_as_it_is_used() -> None:
    """
    Gemma 4 E2B has 262,144 rows of 35 x 256 values: 4.4 GiB in F16, which llama.cpp maps by themselves, 2.3 in Q8_0.
    """
    estimator = Estimator(spec("gemma-4-e2b-it"))

    assert estimator.table("F16").late_bytes == 262_144 * 35 * 256 * 2
    assert estimator.table("Q8_0").late_bytes == 0
    assert Estimator(spec("gemma3n-e4b")).table("F16").late_bytes == 0


def test_a_budget_need_not_hold_what_is_read_as_it_is_used() -> None:
    """
    The table of 35.2 GB is left out of what RAM must hold, by an estimate and by the search, as long as it is mapped.
    """
    estimator = Estimator(spec("qwen3.8-flash-next"))
    hardware = Hardware(devices=(Device(id="gpu0"),))
    mapped, read = Settings(ctx_size=4096), Settings(ctx_size=4096, mmap=False)
    whole = estimator.estimate("Q4_K_M", read, hardware).devices
    budgets = {"ram": whole[0].total_bytes - 35_200_168_960, "gpu0": whole[1].total_bytes}
    needs = [estimator.totals("Q4_K_M", one, hardware, exact=True)["host"] for one in (read, mapped)]

    assert estimator.estimate("Q4_K_M", mapped, hardware, budgets).fits is True
    assert estimator.estimate("Q4_K_M", read, hardware, budgets).fits is False
    assert needs[0] - needs[1] == 35_200_168_960


def test_small_micro_batches_of_glm_5_3_gather_what_they_look_at() -> None:
    """
    Up to 16 tokens each token's rows are copied, and once more to be read across: 2,048 rows and the 3 of the last
    pool, 512 values each in 32 bits. That is so only where the context has more.
    """
    estimator = Estimator(spec("glm-5.3-flash"))

    def compute(ctx_size: int, ubatch_size: int) -> int:
        settings = Settings(ctx_size=ctx_size, ubatch_size=ubatch_size)
        return estimator.estimate("Q4_K_M", settings, GPU).devices[1].compute_bytes

    rows = (2048 + 3) * 512 * 4

    assert compute(32768, 16) > 2 * 16 * rows > compute(32768, 17)
    assert compute(2048, 16) < compute(2048, 17)
