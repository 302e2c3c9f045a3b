"""
Which tensor is stored where.
"""

from typing import Any

from llmprobe.estimation.memory.roster import Roster
from llmprobe.estimation.memory.stored import stored_bytes
from llmprobe.estimation.memory.weights import WeightTable
from llmprobe.estimation.placement import host_experts, spans
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import Tensor
from llmprobe.facts.settings import Settings

GPU = (Device(id="gpu0"),)
HPARAMS = {"block_count": 2}
EMBEDDING = Tensor("token_embd.weight", (512, 1024), None, "q4_K")
LAYERS = tuple(Tensor(f"blk.{layer}.attn_q.weight", (512, 512), layer, "f16") for layer in range(2))
EXPERTS = tuple(Tensor(f"blk.{layer}.ffn_up_exps.weight", (512, 512, 4), layer, "q8_0") for layer in range(2))
NORM = Tensor("output_norm.weight", (512,), None, "f32")
OUTPUT = Tensor("output.weight", (512, 1024), None, "q6_K")
ROPE = Tensor("rope_freqs.weight", (64,), None, "f32")

EMBEDDING_BYTES = 1024 * 288
OUTPUT_BYTES = 1024 * 420
LAYER_BYTES = 512 * 512 * 2
EXPERT_BYTES = 512 * 512 * 4 * 34 // 32


def table_of(tensors: tuple[Tensor, ...], hparams: dict[str, Any], **roster: Any) -> WeightTable:
    return WeightTable(Roster(tensors, hparams, **roster), tensors)


def placed(
    tensors: tuple[Tensor, ...],
    settings: Settings,
    hardware: Hardware,
    hparams: dict[str, Any] = HPARAMS,
    **storage: Any,
) -> dict[str, tuple[int, int, int, int]]:
    """
    Return embedding, layers, experts and output by device.
    """
    table = table_of(tensors, hparams, **storage)
    backends = {device.id: device.backend for device in hardware.devices}
    weights = table.place(
        spans(settings, hardware, 2),
        dict(backends),
        host_experts=host_experts(settings, hardware, 2),
        repack=settings.repack,
    )
    return {name: (part.embedding, part.layers, part.experts, part.output) for name, part in weights.items()}


def test_the_embedding_stays_on_the_host() -> None:
    """
    With everything offloaded the host still holds the token embedding.
    """
    found = placed((EMBEDDING, *LAYERS, NORM, OUTPUT), Settings(), Hardware(devices=GPU))
    assert found["host"] == (EMBEDDING_BYTES, 0, 0, 0)


def test_the_output_matrix_goes_first() -> None:
    """
    One offloaded layer is norm and matrix of the output.
    """
    found = placed((EMBEDDING, *LAYERS, NORM, OUTPUT), Settings(gpu_layers=1), Hardware(devices=GPU))
    assert found["gpu0"] == (0, 0, 0, OUTPUT_BYTES + 2048)


def test_a_tied_embedding_is_stored_twice_once_the_output_is_offloaded() -> None:
    """
    The device gets a copy as its output matrix.
    """
    found = placed((EMBEDDING, *LAYERS, NORM), Settings(), Hardware(devices=GPU))
    assert (found["host"][0], found["gpu0"][3]) == (EMBEDDING_BYTES, EMBEDDING_BYTES + 2048)


def test_a_tied_embedding_is_stored_once_where_the_output_is_the_hosts() -> None:
    """
    Without offloaded layers the same bytes serve for both.
    """
    found = placed((EMBEDDING, *LAYERS, NORM), Settings(gpu_layers=0), Hardware(devices=GPU))
    assert found["host"] == (EMBEDDING_BYTES, 2 * LAYER_BYTES, 0, 2048)


def test_a_tied_embedding_that_is_reordered_is_stored_twice() -> None:
    """
    A processor alone keeps q4_K matrices in another order, but not the embedding's rows.
    """
    found = placed((EMBEDDING, *LAYERS, NORM), Settings(), Hardware())
    assert found["host"] == (EMBEDDING_BYTES, 2 * LAYER_BYTES, 0, EMBEDDING_BYTES + 2048)


def test_without_repacking_nothing_is_reordered() -> None:
    """
    ``--no-repack`` saves the second copy.
    """
    found = placed((EMBEDDING, *LAYERS, NORM), Settings(repack=False), Hardware())
    assert found["host"][3] == 2048


def test_an_encoder_has_no_output_matrix() -> None:
    """
    Its embedding is never loaded as one.
    """
    assert placed((EMBEDDING, *LAYERS), Settings(), Hardware(devices=GPU), encoder=True)["gpu0"][3] == 0


def test_experts_of_the_first_layers_stay_on_the_host() -> None:
    """
    ``--n-cpu-moe 1`` moves the experts of layer 0, and nothing else of it.
    """
    found = placed((EMBEDDING, *LAYERS, *EXPERTS, NORM, OUTPUT), Settings(n_cpu_moe=1), Hardware(devices=GPU))
    assert (found["host"][1:3], found["gpu0"][1:3]) == ((0, EXPERT_BYTES), (2 * LAYER_BYTES, EXPERT_BYTES))


def test_cuda_lengthens_quantized_rows_that_are_no_multiple_of_512() -> None:
    """
    One row of 320 values is padded by 192 more, and the whole to 128 bytes; Metal's 4 x 340 bytes end at 43 x 32.
    """
    tensor = Tensor("blk.0.ffn_up.weight", (320, 4), 0, "q8_0")
    assert stored_bytes(tensor, "cuda") == 1664
    assert stored_bytes(tensor, "metal") == 1376


def test_a_type_that_no_gpu_multiplies_stays_on_the_host() -> None:
    """
    Ternary matrices are the host's wherever their layer is.
    """
    ternary = tuple(Tensor(tensor.name, tensor.shape, tensor.layer, "tq1_0") for tensor in LAYERS)
    found = placed((EMBEDDING, *ternary, NORM, OUTPUT), Settings(), Hardware(devices=GPU))
    assert (found["host"][1], found["gpu0"][1]) == (2 * 512 * 2 * 54, 0)


def test_layers_that_predict_further_tokens_are_not_loaded() -> None:
    """
    A next-n layer is in the file, not in memory.
    """
    found = placed(
        (EMBEDDING, *LAYERS, NORM, OUTPUT), Settings(), Hardware(), {**HPARAMS, "nextn_predict_layers": 1}
    )
    assert found["host"][1] == LAYER_BYTES


def test_rotary_factors_are_on_every_device_with_layers_that_use_them() -> None:
    """
    Host and device both hold them under a partial offload.
    """
    tensors = (EMBEDDING, *LAYERS, NORM, OUTPUT, ROPE)
    found = placed(tensors, Settings(gpu_layers=2), Hardware(devices=GPU))
    assert (found["host"][1], found["gpu0"][1]) == (LAYER_BYTES + 256, LAYER_BYTES + 256)


def test_layers_that_use_no_rotary_factors_need_none() -> None:
    """
    Only the device of layer 1 holds them.
    """
    tensors = (EMBEDDING, *LAYERS, NORM, OUTPUT, ROPE)
    found = placed(tensors, Settings(gpu_layers=2), Hardware(devices=GPU), rope_layers=(1,))
    assert (found["host"][1], found["gpu0"][1]) == (LAYER_BYTES, LAYER_BYTES + 256)


def test_layers_that_predict_further_tokens_are_in_the_file_and_not_loaded() -> None:
    """
    Of two layers the last one only predicts the token after next: it takes no memory.
    """
    tensors = (EMBEDDING, *LAYERS, *EXPERTS, NORM, OUTPUT)
    output = OUTPUT_BYTES + 2048

    assert table_of(tensors, HPARAMS).loaded_bytes == EMBEDDING_BYTES + output + 2 * (
        LAYER_BYTES + EXPERT_BYTES
    )
    assert (
        table_of(tensors, HPARAMS | {"nextn_predict_layers": 1}).loaded_bytes
        == EMBEDDING_BYTES + output + LAYER_BYTES + EXPERT_BYTES
    )
