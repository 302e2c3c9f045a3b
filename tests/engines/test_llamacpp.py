"""
llama.cpp: builds, servers, caches, and the command lines of a choice.
"""

import re
import shlex
from typing import Any

import msgspec
import pytest

from llmprobe import engines
from llmprobe.engines import llamacpp
from llmprobe.errors import UsageError
from llmprobe.facts.estimate import ProjectorInEstimate
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, model
from tests.engines.answers import HOME, REFUSED
from tests.engines.choices import choice
from tests.machine.fake import MAC, FakeSource

URL = "http://127.0.0.1:8080"
HUB = f"{HOME}/.cache/huggingface/hub"
PROPS = {
    "build_info": "b11549-abc1234",
    "total_slots": 4,
    "default_generation_settings": {"n_ctx": 8192},
    "model_path": "/models/tiny-Q4_K_M.gguf",
    "model_alias": "",
}


def look(answers: dict[str, Any], **more: Any) -> Any:
    (found,) = llamacpp.observe(FakeSource({f"get:{URL}/props": REFUSED} | answers, **more))
    return found


def test_nothing_is_seen_where_nothing_is() -> None:
    """
    Neither a program nor a server nor a file.
    """
    assert llamacpp.observe(FakeSource({"env:HOME": HOME, f"get:{URL}/props": REFUSED})) == ()


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("version: 6182 (1fe0029)\nbuilt with cc for x86_64-linux-gnu\n", "b6182"),
        ("version: 1.4.0 (build 11549, commit abc1234)\nbuilt with cc for x86_64\n", "b11549"),
        ("ggml_cuda_init: found 1 CUDA devices:\nversion: 9000 (abc)\n", "b9000"),
        ("version: 0.6.0-dev (build 0, commit unknown)\n", None),
        ("something else\n", None),
    ],
)
def test_the_build_is_read_from_either_form(said: str, version: str | None) -> None:
    """
    Builds name themselves on stderr, since 2026 with a version before the number.
    """
    found = look({"run:llama-server --version": {"exit": 0, "stdout": "", "stderr": said}})

    assert (found.version, found.installed, found.running) == (version, True, None)


def test_a_running_server_says_its_model() -> None:
    """
    Build, slots, context of each slot and the model's file come from /props.
    """
    found = look({f"get:{URL}/props": PROPS})

    assert (found.version, found.running, found.endpoint) == ("b11549", True, URL)
    assert [(one.name, one.ctx_size, one.parallel) for one in found.loaded] == [("tiny-Q4_K_M.gguf", 8192, 4)]


def test_a_router_says_which_of_its_models_are_loaded() -> None:
    """
    A server of several models lists them with their state.
    """
    listed = [{"id": "a", "status": {"value": "loaded"}}, {"id": "b", "status": {"value": "unloaded"}}]
    router = {"role": "router", "build_info": "b11549-abc", "model_path": "none"}
    found = look({f"get:{URL}/props": router, f"get:{URL}/v1/models": {"data": listed}})

    assert [one.name for one in found.loaded] == ["a"]


@pytest.mark.parametrize("other", ["<html>", {}, {"build_info": 3}, [], None, {"status": "ok"}])
def test_another_server_on_the_port_is_not_it(other: Any) -> None:
    """
    Only a server that names its build is llama.cpp's.
    """
    assert llamacpp.observe(FakeSource({f"get:{URL}/props": other})) == ()


def test_the_port_may_be_another() -> None:
    """
    LLAMA_ARG_PORT is where llama-server listens.
    """
    assert look({"env:LLAMA_ARG_PORT": "9001", "get:http://127.0.0.1:9001/props": PROPS}).running is True


HUB_DISK: dict[str, Any] = {
    "env:HOME": HOME,
    f"list:{HUB}": [
        "models--acme--Tiny-GGUF",
        "models--acme--Half-GGUF",
        "models--acme--words",
        "datasets--x",
    ],
    f"list:{HUB}/models--acme--Tiny-GGUF/snapshots": ["0123"],
    f"list:{HUB}/models--acme--Tiny-GGUF/snapshots/0123": ["Q8_0", "tiny-Q4_K_M.gguf", "README.md"],
    f"list:{HUB}/models--acme--Tiny-GGUF/snapshots/0123/Q8_0": ["tiny-Q8_0-00001-of-00001.gguf"],
    f"list:{HUB}/models--acme--Half-GGUF/snapshots": [],
    f"list:{HUB}/models--acme--Half-GGUF/blobs": ["abc.incomplete"],
    f"list:{HUB}/models--acme--words/snapshots": ["9"],
    f"list:{HUB}/models--acme--words/snapshots/9": ["config.json", "model.safetensors"],
}


def test_models_of_the_hubs_cache_are_found() -> None:
    """
    By repository, folders in it included; what has no GGUF file is none, and what is half there is said.
    """
    found = look(HUB_DISK)

    assert [(one.name, one.quant, one.repo, one.problem) for one in found.models] == [
        ("acme/Tiny-GGUF/tiny-Q4_K_M.gguf", "Q4_K_M", "acme/Tiny-GGUF", None),
        ("acme/Tiny-GGUF/Q8_0/tiny-Q8_0-00001-of-00001.gguf", "Q8_0", "acme/Tiny-GGUF", None),
        ("acme/Half-GGUF", None, "acme/Half-GGUF", message("model.half-downloaded")),
    ]


def test_models_without_a_program_are_no_installation() -> None:
    """
    What the cache holds is told, and that no program is there.
    """
    found = look(HUB_DISK)

    assert (found.installed, found.running) == (False, None)
    assert found.detail == message("engine.only-caches")


@pytest.mark.parametrize(
    ("variables", "cache"),
    [
        ({"HF_HUB_CACHE": "/h"}, "/h"),
        ({"HF_HOME": "/hf"}, "/hf/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({}, HUB),
    ],
)
def test_the_hubs_cache_is_where_its_variables_say(variables: dict[str, str], cache: str) -> None:
    """
    In the order of the hub's own library.
    """
    source = FakeSource({"env:HOME": HOME} | {f"env:{name}": value for name, value in variables.items()})
    llamacpp.observe(source)

    assert f"list:{cache}" in source.asked


@pytest.mark.parametrize(
    ("answers", "folder"),
    [
        ({"env:HOME": HOME}, f"{HOME}/.cache/llama.cpp"),
        ({"env:LLAMA_CACHE": "/own"}, "/own"),
        ({"env:LLAMA_ARG_MODELS_DIR": "/all"}, "/all"),
    ],
)
def test_its_own_folders_are_looked_through(answers: dict[str, str], folder: str) -> None:
    """
    The cache of its downloads, and the folder of a server of several models; a download that goes on is told.
    """
    files = ["acme_tiny-Q4_K_M.gguf", "acme_tiny-Q8_0.gguf.downloadInProgress", "manifest=acme.json"]
    found = look(answers | {f"list:{folder}": files})

    assert [(one.path, one.problem) for one in found.models] == [
        (f"{folder}/acme_tiny-Q4_K_M.gguf", None),
        (None, message("model.half-downloaded")),
    ]


def test_a_mac_keeps_caches_in_its_library() -> None:
    """
    Its downloads are under Library/Caches.
    """
    source = FakeSource({"env:HOME": "/Users/user1"}, platform=MAC)
    llamacpp.observe(source)

    assert "list:/Users/user1/Library/Caches/llama.cpp" in source.asked


@pytest.mark.parametrize(
    ("program", "outputs", "old_masks"),
    [
        ("llama-server", "slots", False),
        ("llama-server@b9000", "ubatch", True),
        ("llama-server@9399", "ubatch", True),
        ("llama-server@b9400", "slots", False),
        ("llama-server@b11549", "slots", False),
        ("llama-bench@b9000", "ubatch", True),
        ("llama-bench@b11549", "ubatch", False),
    ],
)
def test_older_builds_reserve_more(program: str, outputs: str, old_masks: bool) -> None:
    """
    Before about b9400 logits for a micro-batch and two masks; llama-bench always logits for a micro-batch.
    """
    profile, _ = engines.profile(program)

    assert (profile.outputs, profile.old_masks) == (outputs, old_masks)


@pytest.mark.parametrize(
    ("program", "mixes"),
    [
        ("llama-server", True),
        ("llama-server@b11549", True),
        ("llama-server@b10660", True),
        ("llama-server@b10659", False),
        ("llama-server@b9849", False),
        ("llama-bench@b9000", False),
    ],
)
def test_older_builds_have_no_room_for_mixed_batches(program: str, mixes: bool) -> None:
    """
    Tokens and vectors in one batch came with pull request 24669, which was open on 17 August 2026.
    """
    assert engines.profile(program)[0].mixes is mixes


@pytest.mark.parametrize(
    "program", ["llama-server@", "llama-server@new", "llama-server@b", "abacus", "ollama@b9", "", "@b9"]
)
def test_what_is_no_program_is_refused(program: str) -> None:
    """
    One sentence, whatever is wrong with the name.
    """
    with pytest.raises(UsageError):
        engines.profile(program)


def test_llama_cli_takes_the_same_settings() -> None:
    """
    But for the slots, of which it has one.
    """
    spec = model("llama", LLAMA_8B)
    server = llamacpp.command(choice(), spec, "cuda")

    assert llamacpp.cli_command(choice(), spec, "cuda") == server.replace(
        "llama-server", "llama-cli"
    ).replace(" -np 1", "")


@pytest.mark.parametrize("slots", [2, 4])
def test_llama_cli_is_told_of_more_slots_than_its_one(slots: int) -> None:
    """
    So it takes the memory that was counted for them.
    """
    shared = msgspec.structs.replace(choice(), ctx_size=32768, parallel=slots)

    assert f" -c 32768 -np {slots} " in llamacpp.cli_command(shared, model("llama", LLAMA_8B), "cuda")
    assert f" -c 32768 -np {slots} " in llamacpp.command(shared, model("llama", LLAMA_8B), "cuda")


def test_a_script_hands_its_own_options_on() -> None:
    """
    Both programs' scripts end with what they were called with.
    """
    files = llamacpp.files(choice(), model("llama", LLAMA_8B), "cuda")

    assert set(files) == {"run-llama-server.sh", "run-llama-cli.sh"}
    assert all(text.startswith("#!/bin/sh\n") and text.endswith(' "$@"\n') for text in files.values())


def test_a_path_with_blanks_is_one_word() -> None:
    """
    It is quoted as a shell needs it.
    """
    line = llamacpp.command(choice(on_disk="/my models/it's.gguf"), model("llama", LLAMA_8B), "cuda")

    assert "-m '/my models/it'\"'\"'s.gguf' " in line


def test_a_model_of_embeddings_is_served_as_one() -> None:
    """
    Without being told so the server answers no request for embeddings.
    """
    encoder = model("llama", LLAMA_8B | {"attention.causal": False, "pooling_type": 1})

    assert " -np 1 --embedding " in llamacpp.command(choice(), encoder, "cuda")
    assert "--embedding" not in llamacpp.command(choice(), model("llama", LLAMA_8B), "cuda")


@pytest.mark.parametrize(
    ("environment", "numbers", "backend", "named"),
    [
        ({}, (2, 0), "rocm", "--device ROCm2,ROCm0 "),
        ({}, (1, 3), "vulkan", "--device Vulkan1,Vulkan3 "),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1,GPU-2"}, (2, 5), "cuda", "--device CUDA0,CUDA1 "),
        ({"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, (2, 5), "cuda", "--device CUDA2,CUDA5 "),
    ],
)
def test_devices_have_the_numbers_of_their_backend(
    environment: dict[str, str], numbers: tuple[int, ...], backend: str, named: str
) -> None:
    """
    Not those that they have here; what a variable leaves visible is numbered from 0.
    """
    one = choice(use_devices=("gpu4", "gpu7"), device_numbers=numbers, environment=environment)

    assert named in llamacpp.command(one, model("llama", LLAMA_8B), backend)


@pytest.mark.parametrize(
    "layers", [(0,), (3, 4, 5), (7, 9, 10, 19, 20, 29), tuple(range(8, 133)), (1, 11, 111), (99, 100, 101)]
)
def test_an_override_names_the_layers_and_no_others(layers: tuple[int, ...]) -> None:
    """
    Of 200 layers the printed pattern finds the experts of just those whose experts stay on the host.
    """
    line = llamacpp.command(choice(cpu_moe_layers=layers), model("llama", LLAMA_8B), "cuda")
    words = shlex.split(line)
    pattern, place = words[words.index("-ot") + 1].split("=")

    assert place == "CPU"
    assert layers == tuple(
        layer for layer in range(200) if re.search(pattern, f"blk.{layer}.ffn_gate_up_exps.weight")
    )


def test_a_cache_in_ram_is_said() -> None:
    """
    Where the cache is kept in RAM the command says so, and only there.
    """
    assert " -nkvo " in llamacpp.command(choice(kv_offload=False), model("llama", LLAMA_8B), "cuda")
    assert "-nkvo" not in llamacpp.command(choice(), model("llama", LLAMA_8B), "cuda")


def test_a_command_has_every_setting_of_its_choice() -> None:
    """
    By llama-server's own options, and with ``--fit off`` so that it changes none of them.
    """
    one = choice(
        parallel=2,
        environment={"B": "2", "A": "a b"},
        gpu_layers=20,
        n_cpu_moe=3,
        cpu_moe_layers=(7,),
        kv_offload=False,
        tensor_split=(3.0, 1.5),
        cache_type_k="q8_0",
        cache_type_v="q4_0",
        flash_attn="auto",
        batch_size=1024,
        ubatch_size=256,
    )

    assert shlex.split(llamacpp.command(one, model("llama", LLAMA_8B), "cuda")) == [
        *("A=a b", "B=2", "llama-server", "-m", "test-llama-Q4_K_M.gguf", "-c", "8192", "-np", "2"),
        *("-ngl", "20", "--n-cpu-moe", "3", "-ot", r"blk\.(7)\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU"),
        *("-nkvo", "-ts", "3,1.5", "-ctk", "q8_0", "-ctv", "q4_0", "-fa", "auto"),
        *("-b", "1024", "-ub", "256", "--fit", "off"),
    ]


def test_a_plain_command_says_what_is_always_said() -> None:
    """
    And nothing of experts, of shares or of devices.
    """
    line = llamacpp.command(choice(), model("llama", LLAMA_8B), "cuda")

    assert line == (
        "llama-server -m test-llama-Q4_K_M.gguf -c 8192 -np 1 -ngl 33 "
        "-ctk f16 -ctv f16 -fa on -b 2048 -ub 512 --fit off"
    )


@pytest.mark.parametrize("use", [None, ("gpu0",)])
def test_a_choice_without_a_backend_uses_no_device(use: tuple[str, ...] | None) -> None:
    """
    Left alone it would take those that it finds.
    """
    line = llamacpp.command(choice(use_devices=use, device_numbers=(0,)), model("llama", LLAMA_8B), None)

    assert " --device none -ngl " in line


@pytest.mark.parametrize(
    ("hparams", "embeds"),
    [
        ({"attention.causal": False, "pooling_type": 0}, True),
        ({"attention.causal": False}, False),
        ({"pooling_type": 1}, False),
        ({"attention.causal": True, "pooling_type": 1}, False),
    ],
)
def test_a_model_of_embeddings_pools_and_looks_ahead(hparams: dict[str, Any], *, embeds: bool) -> None:
    """
    A model of diffusion looks ahead too, and one that pools may write.
    """
    spec = model("llama", LLAMA_8B | hparams)

    assert ("--embedding" in llamacpp.command(choice(), spec, "cuda")) is embeds
    assert "--embedding" not in llamacpp.cli_command(choice(), spec, "cuda")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "auto"),
        ({"cache_type_v": "q8_0"}, "on"),
        ({"split_mode": "tensor"}, "on"),
        ({"flash_attn": "off"}, "off"),
        ({"projector": None}, "on"),
    ],
)
def test_an_encoder_is_not_told_to_use_flash_attention(changes: dict[str, Any], said: str) -> None:
    """
    llama-server gives its projector the same word, and heads of 88 have no kernel on CUDA: left open, each decides.
    """
    projector = ProjectorInEstimate(
        name="mmproj",
        types=("llama4",),
        device="gpu0",
        tensor_bytes=1,
        weights_bytes=1,
        compute_bytes=1,
        largest_image_bytes=0,
        flash_attn=False,
    )
    printed = engines.commands("llama.cpp")["llama.cpp"]
    command = str(
        printed(choice(**({"projector": projector} | changes)), model("llama", LLAMA_8B), "cuda")
    ).split()

    assert command[command.index("-fa") + 1] == said
