"""
Ollama: the Modelfile, the commands, the files and the remarks of a choice.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.engines import ollama
from llmprobe.facts.estimate import ProjectorInEstimate
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, model
from tests.engines.answers import BLOBS, digest
from tests.engines.choices import choice, gpu

SPEC = model("llama", LLAMA_8B)
BLOB = f"{BLOBS}/sha256-{digest(1)}"


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("Qwen3-8B", {}, "qwen3-8b-q4_k_m-8k"),
        ("a:b/c.d_e", {}, "a-b-c.d_e-q4_k_m-8k"),
        ("-_.x.", {}, "x-q4_k_m-8k"),
        ("é²", {}, "model-q4_k_m-8k"),
        ("x", {"ctx_size": 16384, "parallel": 4}, "x-q4_k_m-4k"),
        ("x", {"ctx_size": 1024}, "x-q4_k_m-1k"),
        ("x", {"ctx_size": 1025}, "x-q4_k_m-1025"),
        ("x", {"ctx_size": 131072, "quant": "BF16"}, "x-bf16-128k"),
    ],
)
def test_a_model_has_a_name_that_ollama_takes(name: str, changes: dict[str, Any], expected: str) -> None:
    """
    Small letters of ASCII, the quantization, and the context of one slot, in k where it is whole.
    """
    spec = msgspec.structs.replace(SPEC, id=name)

    assert ollama.model_name(choice(**changes), spec) == expected


@pytest.mark.parametrize(
    ("on_disk", "kept_as", "said"),
    [
        (None, None, "./test-llama-Q4_K_M.gguf"),
        (None, "llama:8b", "./test-llama-Q4_K_M.gguf"),
        ("/m/x.gguf", None, "/m/x.gguf"),
        ("/m/x.gguf", "llama:8b", "/m/x.gguf"),
        ("m/x.gguf", None, "m/x.gguf"),
        ("C:\\m\\x.gguf", None, "C:\\m\\x.gguf"),
        (BLOB, "llama:8b", "llama:8b"),
        (BLOB, None, BLOB),
    ],
)
def test_a_modelfile_begins_with_its_file(on_disk: str | None, kept_as: str | None, said: str) -> None:
    """
    One of this folder is told from a model of the library by ``./``; a blob of Ollama's own has its model's name.
    """
    spec = msgspec.structs.replace(SPEC, kept_as=kept_as)

    assert ollama.modelfile(choice(on_disk=on_disk), spec, "cuda").splitlines()[0] == f"FROM {said}"


@pytest.mark.parametrize(
    ("on_disk", "kept_as", "path", "second"),
    [
        ("/m/x.gguf", None, "/m/mmproj.gguf", ["FROM /m/mmproj.gguf"]),
        ("m/x.gguf", None, "mmproj.gguf", ["FROM ./mmproj.gguf"]),
        ("/m/x.gguf", None, None, []),
        (BLOB, "llama:8b", "/m/mmproj.gguf", []),
        (BLOB, None, BLOB, [f"FROM {BLOB}"]),
    ],
)
def test_a_projector_in_a_file_is_a_second_line(
    on_disk: str, kept_as: str | None, path: str | None, second: list[str]
) -> None:
    """
    Beside a model in a file; a model of Ollama's own brings its projector with its name.
    """
    spec = msgspec.structs.replace(SPEC, kept_as=kept_as)
    projector = ProjectorInEstimate(
        name="mmproj",
        path=path,
        types=("mlp",),
        device="gpu0",
        tensor_bytes=1,
        weights_bytes=1,
        compute_bytes=1,
        largest_image_bytes=0,
        flash_attn=True,
    )
    lines = ollama.modelfile(choice(on_disk=on_disk, projector=projector), spec, "cuda").splitlines()

    assert [line for line in lines if line.startswith("FROM ")][1:] == second


def test_without_a_gpu_no_layer_is_put_on_one() -> None:
    """
    num_gpu is 0 then, whatever the choice counts.
    """
    assert "PARAMETER num_gpu 0\n" in ollama.modelfile(choice(gpu_layers=33), SPEC, None)


def test_the_commands_are_those_of_a_shell() -> None:
    """
    The server's line is a comment before them, and only where the server must be told something.
    """
    content = ollama.modelfile(choice(parallel=2), SPEC, "cuda")
    name = "test-llama-q4_k_m-4k"
    lines = f"cat > Modelfile <<'END'\n{content}END\nollama create {name} -f Modelfile\nollama run {name}"

    assert (
        ollama.command(choice(parallel=2), SPEC, "cuda") == f"# OLLAMA_NUM_PARALLEL=2 ollama serve\n{lines}"
    )
    assert ollama.command(choice(), SPEC, "cuda") == (
        lines.replace("-4k", "-8k").replace("num_ctx 4096", "num_ctx 8192")
    )


def test_the_script_runs_in_its_own_folder() -> None:
    """
    It ends at the first error, as a model that was not made cannot be run.
    """
    files = ollama.files(choice(), SPEC, "cuda")

    assert files["Modelfile"] == ollama.modelfile(choice(), SPEC, "cuda")
    assert files["run-ollama.sh"] == (
        '#!/bin/sh\nset -e\ncd "$(dirname "$0")"\n'
        "ollama create test-llama-q4_k_m-8k -f Modelfile\nollama run test-llama-q4_k_m-8k\n"
    )


def test_the_environment_is_one_line_for_each_variable() -> None:
    """
    In the order of their names, as systemd reads such a file.
    """
    files = ollama.files(choice(parallel=2, cache_type_k="q8_0", cache_type_v="q8_0"), SPEC, "cuda")

    assert files["ollama.env"] == (
        "OLLAMA_FLASH_ATTENTION=1\nOLLAMA_KV_CACHE_TYPE=q8_0\nOLLAMA_NUM_PARALLEL=2\n"
    )


def test_a_file_that_no_modelfile_can_name_has_none() -> None:
    """
    Neither commands nor files, and the remark gives the reason.
    """
    odd = choice(on_disk="/m/a\nb.gguf")

    assert (ollama.command(odd, SPEC, "cuda"), ollama.files(odd, SPEC, "cuda")) == (None, {})
    assert ollama.remarks(odd, SPEC, "cuda") == (message("engine.ollama-file-name", file="/m/a\nb.gguf"),)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"environment": {"CUDA_VISIBLE_DEVICES": "GPU-1"}}, {"CUDA_VISIBLE_DEVICES": "GPU-1"}),
        (
            {"environment": {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}},
            {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "1,0"},
        ),
    ],
)
def test_what_already_hides_devices_is_kept(changes: dict[str, Any], expected: dict[str, str]) -> None:
    """
    An instance of a divided card has a UUID and no number; otherwise devices go by their numbers, in their order.
    """
    one = choice(use_devices=("gpu1", "gpu0"), device_numbers=(1, 0), **changes)

    assert ollama.environment(one, "cuda") == expected


@pytest.mark.parametrize(
    ("changes", "backend", "expected"),
    [
        ({}, "cuda", ()),
        (
            {"parallel": 2},
            "cuda",
            (message("engine.ollama-serve", command="OLLAMA_NUM_PARALLEL=2 ollama serve"),),
        ),
        ({"n_cpu_moe": 3}, "cuda", (message("engine.ollama-experts", layers=3),)),
        ({"n_cpu_moe": 2, "cpu_moe_layers": (7,)}, "cuda", (message("engine.ollama-experts", layers=3),)),
        ({"n_cpu_moe": 3}, None, ()),
        ({"cache_type_v": "q8_0"}, "cuda", (message("engine.ollama-one-cache-type", type_k="f16"),)),
    ],
)
def test_a_remark_is_made_where_there_is_a_reason(
    changes: dict[str, Any], backend: str | None, expected: tuple[Any, ...]
) -> None:
    """
    Experts are on the host anyway where no GPU is used.
    """
    assert ollama.remarks(choice(**changes), SPEC, backend) == expected


@pytest.mark.parametrize(
    ("architecture", "slots", "said"), [("qwen3next", 2, True), ("qwen3next", 1, False), ("llama", 2, False)]
)
def test_slots_that_an_architecture_does_not_get_are_said(
    architecture: str, slots: int, *, said: bool
) -> None:
    """
    Only where more than one was asked for.
    """
    spec = msgspec.structs.replace(SPEC, architecture=architecture)
    remarks = ollama.remarks(choice(parallel=slots), spec, "cuda")

    assert (message("engine.ollama-one-slot", architecture=architecture) in remarks) is said


@pytest.mark.parametrize(
    ("devices", "spread"),
    [(("host",), False), (("host", "gpu0"), False), (("gpu0",), False), (("host", "gpu0", "gpu1"), True)],
)
def test_a_model_is_spread_over_several_gpus(devices: tuple[str, ...], *, spread: bool) -> None:
    """
    The host is none of them.
    """
    variables = ollama.environment(choice(devices=tuple(map(gpu, devices))), "cuda")

    assert variables == ({"OLLAMA_SCHED_SPREAD": "1"} if spread else {})
