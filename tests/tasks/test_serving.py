"""
An estimate for an engine that serves: from a machine and a model to the document, and what is refused.
"""

import json
from pathlib import Path

import pytest

import llmprobe
from llmprobe import api
from llmprobe.errors import UsageError
from llmprobe.facts import wire
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.serving import ServingEstimate
from llmprobe.model.checkpoints import NAMES, own, published, quantization_of
from llmprobe.model.formats.published import counted_bytes
from llmprobe.model.formats.published.schemes import scheme_of
from llmprobe.model.loading import load
from llmprobe.site.cards import cards
from llmprobe.units import GIB
from tests.cli.test_main import ended


def machine(gpu: str) -> Snapshot:
    return llmprobe.probe(gpus=gpu, ram="256GiB")


def answer(gpu: str, model: str, quant: str | None = None) -> ServingEstimate:
    return llmprobe.serving(llmprobe.load_model(model), snapshot=machine(gpu), quant=quant)


@pytest.mark.parametrize(
    ("gpu", "shown"),
    [("H100", 79.18), ("RTX 4090", 23.53), ("H200", 139.81), ("L40S", 44.4), ("RTX PRO 6000", 95.01)],
)
def test_what_the_driver_shows_of_a_card(gpu: str, shown: float) -> None:
    """
    A little less than its label, as logs print it, to 0.15 GiB.
    """
    (card,) = cards(machine(gpu), ("cuda",))

    assert card.total_bytes / GIB == pytest.approx(shown, abs=0.15)
    assert card.free_bytes is not None
    assert card.free_bytes < card.total_bytes


def test_a_spark_shows_less_than_its_label() -> None:
    """
    119.6 GiB of 128 GB; its memory is the host's too.
    """
    (card,) = cards(llmprobe.probe(gpus="DGX Spark"), ("cuda",))

    assert card.unified
    assert card.total_bytes / GIB == pytest.approx(119.63, abs=0.01)


def test_the_own_format_of_a_model() -> None:
    """
    DeepSeek is published in FP8, gpt-oss in MXFP4, Qwen3 in BF16.
    """
    assert answer("8x H200", "deepseek-v3").checkpoint.format == "FP8-block"
    assert answer("H100", "gpt-oss-120b").model.quant == "MXFP4-experts"
    assert answer("H100", "qwen3-32b").checkpoint.repository == "Qwen/Qwen3-32B"


@pytest.mark.parametrize("name", NAMES)
def test_every_offered_format_is_known(name: str) -> None:
    """
    And makes a model no larger than BF16.
    """
    assert quantization_of(name)[0]
    plain = answer("8x H200", "qwen3-30b-a3b").devices[0].weights_bytes
    assert answer("8x H200", "qwen3-30b-a3b", name).devices[0].weights_bytes <= plain


def test_an_own_repository_is_of_its_model() -> None:
    """
    A model that no table has is taken to be published in 16 bits.
    """
    assert own(llmprobe.load_model("qwen3-8b")).format == "BF16"


def test_a_folder_says_its_own_format(tmp_path: Path) -> None:
    """
    What ``config.json`` leaves out of the quantization stays in 16 bits.
    """
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "hidden_size": 4096,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "intermediate_size": 12288,
        "vocab_size": 151936,
        "max_position_embeddings": 40960,
        "torch_dtype": "bfloat16",
        "tie_word_embeddings": False,
    }
    sizes = []
    for kept in ([], ["self_attn"]):
        config["quantization_config"] = {"quant_method": "fp8", "modules_to_not_convert": kept}
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        model = llmprobe.load_model(tmp_path)
        found = llmprobe.serving(model, snapshot=machine("H100"))
        sizes.append(found.devices[0].weights_bytes)
        assert found.checkpoint.folder == str(tmp_path)
    attention = 36 * (4096 * 4096 * 2 + 2 * 4096 * 1024)

    assert sizes[1] - sizes[0] == pytest.approx(attention, rel=0.001)


def test_a_document_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Every option arrives, and the document is what its schema says.
    """
    code, out, _ = ended(
        capsys,
        *("--gpu", "2x H100", "--ram", "256GiB", "estimate", "qwen3-32b", "--engine", "vllm@0.31", "--json"),
        *("-c", "16k", "-np", "64", "-b", "4096", "-tp", "2", "--gpu-memory-utilization", "0.85"),
        *("--kv-cache-dtype", "fp8", "--enforce-eager", "--no-enable-prefix-caching", "--quant", "FP8"),
    )
    document = json.loads(out)
    found = wire.decode(out, ServingEstimate)

    assert code == 0
    assert document["schema"] == "llmprobe.serving/1"
    run = found.settings
    assert (run.max_model_len, run.max_num_seqs, run.max_num_batched_tokens) == (16384, 64, 4096)
    assert (run.tensor_parallel_size, run.gpu_memory_utilization, run.kv_cache_dtype) == (2, 0.85, "fp8")
    assert run.enforce_eager
    assert not run.enable_prefix_caching
    assert run.version == "0.31"
    assert [device.id for device in found.devices] == ["gpu0", "gpu1"]


def test_a_start_that_fails_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """
    With exit code 0, the reason as vLLM logs it, and what would be free.
    """
    code, out, _ = ended(
        capsys, "--gpu", "H100", "--ram", "64GiB", "estimate", "deepseek-v3", "--engine", "vllm"
    )

    assert code == 0
    assert "It fails to start: gpu0 runs out of memory while loading" in " ".join(out.split())


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_page(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """
    At any width.
    """
    from llmprobe.output.text import serving
    from tests.output.pages import page_of

    found = answer("8x H200", "deepseek-v3")
    lines = page_of(monkeypatch, lambda page: serving.show(page, found, origin="hypothetical"), width)

    assert all(len(line) <= width for line in lines)
    assert any("Requests at once" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--gpu", "H100", "--ram", "64GiB", "estimate", "qwen3-8b", "-tp", "2"), "error.option-of-serving"),
        (
            ("--gpu", "H100", "--ram", "64GiB", "estimate", "qwen3-8b", "--engine", "vllm", "-ngl", "3"),
            "error.option-not-of-engine",
        ),
        (("--gpu", "M3 Max 64GB", "estimate", "qwen3-8b", "--engine", "vllm"), "error.serving-no-device"),
        (
            ("--gpu", "H100", "--ram", "64GiB", "estimate", "qwen3-8b", "--engine", "vllm@new"),
            "error.serving-version",
        ),
        (
            (
                "--gpu",
                "H100",
                "--ram",
                "64GiB",
                "estimate",
                "qwen3-8b",
                "--engine",
                "vllm",
                "--quant",
                "Q4_K_M",
            ),
            "error.serving-format",
        ),
        (
            (
                *("--gpu", "H100", "--ram", "64GiB", "estimate", "qwen3-8b", "--engine", "vllm"),
                *("--gpu-memory-utilization", "1.5"),
            ),
            "error.option",
        ),
    ],
)
def test_what_is_refused(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], error: str) -> None:
    """
    In one sentence, with exit code 2.
    """
    code, out, err = ended(capsys, *words, "--json")

    assert code == 2
    assert json.loads(out)["message"]["id"] == error
    assert "Traceback" not in err


def test_a_gguf_file_is_not_for_it() -> None:
    """
    VLLM has not read them by itself since 0.24.
    """
    import msgspec

    model = msgspec.structs.replace(llmprobe.load_model("qwen3-8b"), source="gguf")
    with pytest.raises(UsageError) as caught:
        llmprobe.serving(model, snapshot=machine("H100"))

    assert caught.value.message.id == "error.serving-gguf"


def test_an_engine_without_a_memory_model() -> None:
    """
    Ollama's is llama.cpp's.
    """
    with pytest.raises(UsageError) as caught:
        llmprobe.serving(llmprobe.load_model("qwen3-8b"), engine="ollama", snapshot=machine("H100"))

    assert caught.value.message.id == "error.engine-serves-not"


@pytest.mark.parametrize("engine", ["vllm", "sglang", "mlx"])
def test_a_model_that_makes_vectors_is_not_served(engine: str) -> None:
    """
    It has no cache, so that no pool says how many requests there are: the answer is "no", with that reason.
    """
    snapshot = api.probe(gpus="RTX 4090", ram="64GB")
    found = api.recommend(api.load_model("bge-m3"), snapshot, engine=engine)

    assert found.choices == ()
    assert found.verdict is not None
    assert found.verdict.id == "rejected.serving-vectors"


@pytest.mark.parametrize(
    ("name", "kind", "gib"),
    [("glm-4.5-air", "AWQ-g32", 59.07), ("mixtral-8x7b-instruct", "AWQ", 22.96)],
)
def test_four_bits_of_mixtures_that_others_publish(name: str, kind: str, gib: float) -> None:
    """
    What users report of cyankiwi's and TheBloke's folders: 59.07 GiB and 24.65 GB, within a half per cent; without
    the layer that predicts a token more, which is left out of the first.
    """
    model = load(name)
    said = quantization_of(kind, model)[1]
    scheme = scheme_of({"quantization_config": said})

    assert kind in {checkpoint.format for checkpoint in published(model)}
    assert scheme is not None
    tensors = tuple(tensor for tensor in model.tensors if not tensor.name.startswith("blk.46."))
    assert counted_bytes(scheme, tensors, 16) == pytest.approx(gib * GIB, rel=0.005)
