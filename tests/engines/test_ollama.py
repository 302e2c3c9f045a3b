"""
Ollama: what it is seen to do and keep, and what it would take by itself.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.engines import ollama
from llmprobe.engines._shared import ollama_defaults
from llmprobe.engines._shared.values import UNNAMED
from llmprobe.facts.answer import Answer
from llmprobe.facts.engine import Occasion
from llmprobe.facts.machine import LoadedModel
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, model
from tests.engines.answers import (
    BLOBS,
    HOME,
    REFUSED,
    SERVER,
    digest,
    manifest,
    running_ollama,
)
from tests.engines.answers import (
    ollama as disk,
)
from tests.engines.choices import choice, gpu
from tests.machine.fake import MAC, WINDOWS, FakeSource

WHOLE = disk(
    {
        "registry.ollama.ai/library/qwen3/8b": manifest(1),
        "registry.ollama.ai/someone/tuned/latest": manifest(2),
        "hf.co/unsloth/Qwen3-8B-GGUF/Q4_K_M": manifest(3),
        "registry.ollama.ai/library/cloudy/latest": manifest(9, kind="none"),
    },
    (f"sha256-{digest(1)}", f"sha256-{digest(2)}-partial", f"sha256-{digest(900)}"),
) | {f"read:{BLOBS}/sha256-{digest(900)}": '{"file_type": "Q4_K_M"}'}


def look(answers: dict[str, Any], **more: Any) -> Any:
    (found,) = ollama.observe(FakeSource(answers, **more))
    return found


def test_nothing_is_seen_where_nothing_is() -> None:
    """
    A machine without Ollama has none, and no address but its own port is asked.
    """
    source = FakeSource({"env:HOME": HOME, f"get:{SERVER}/api/version": REFUSED})

    assert ollama.observe(source) == ()
    assert [name for name in source.asked if name.startswith("get:")] == [f"get:{SERVER}/api/version"]


def test_a_running_server_says_what_it_has_loaded() -> None:
    """
    Size, the part on the GPU, context and when it is let go of come from /api/ps.
    """
    record = {
        "name": "qwen3:8b",
        "size": 6 * GIB,
        "size_vram": 4 * GIB,
        "context_length": 8192,
        "expires_at": "2026-11-22T10:00:00Z",
    }
    found = look(running_ollama(record))

    assert (found.running, found.version, found.endpoint) == (True, "0.17.2", SERVER)
    assert found.loaded == (
        LoadedModel(
            name="qwen3:8b",
            size_bytes=6 * GIB,
            vram_bytes=4 * GIB,
            ctx_size=8192,
            until="2026-11-22T10:00:00Z",
        ),
    )


def test_models_have_the_names_that_ollama_prints() -> None:
    """
    The library's models go by model and tag, those of people and of other hosts by their whole name.
    """
    names = [one.name for one in look(WHOLE).models]

    assert names == [
        "hf.co/unsloth/Qwen3-8B-GGUF:Q4_K_M",
        "qwen3:8b",
        "someone/tuned:latest",
        UNNAMED,
    ]


def test_a_model_is_its_blob() -> None:
    """
    The file is the blob that the manifest's model layer names, its quantization is in the configuration.
    """
    (qwen,) = (one for one in look(WHOLE).models if one.name == "qwen3:8b")

    assert qwen.path == f"{BLOBS}/sha256-{digest(1)}"
    assert (qwen.bytes, qwen.quant, qwen.problem) == (5_000_000_000, "Q4_K_M", None)


def test_what_is_not_whole_is_said() -> None:
    """
    A partial blob is half downloaded, a blob that is not there is missing, and neither has a path.
    """
    problems = {one.name: (one.path, one.problem) for one in look(WHOLE).models}

    assert problems["someone/tuned:latest"] == (None, message("model.half-downloaded"))
    assert problems["hf.co/unsloth/Qwen3-8B-GGUF:Q4_K_M"] == (None, message("model.file-missing"))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[",
        "[]",
        '{"layers": 3}',
        '{"layers": [{"digest": 4}]}',
        '{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": 4}]}',
        "[" * 9000,
    ],
)
def test_a_manifest_may_be_anything(content: str) -> None:
    """
    A broken manifest is a broken model or none, and the others are still there.
    """
    broken = disk(
        {"registry.ollama.ai/library/odd/1b": content, "registry.ollama.ai/library/qwen3/8b": manifest(1)}, ()
    )

    assert "qwen3:8b" in [one.name for one in look(broken).models]


def test_the_service_says_where_models_are_and_what_it_was_started_with() -> None:
    """
    What systemd sets for the server counts before the user's own environment.
    """
    service = '[Service]\nEnvironment="OLLAMA_MODELS=/data/ollama"\nEnvironment=OLLAMA_NUM_PARALLEL=4\n'
    answers = {
        "env:HOME": HOME,
        "env:OLLAMA_NUM_PARALLEL": "1",
        "read:/etc/systemd/system/ollama.service": service,
        "list:/data/ollama/manifests": ["registry.ollama.ai"],
        "list:/data/ollama/manifests/registry.ollama.ai": ["library"],
        "list:/data/ollama/manifests/registry.ollama.ai/library": ["tiny"],
        "list:/data/ollama/manifests/registry.ollama.ai/library/tiny": ["latest"],
        "read:/data/ollama/manifests/registry.ollama.ai/library/tiny/latest": manifest(1),
        "list:/data/ollama/blobs": [f"sha256-{digest(1)}"],
    }
    found = look(answers)

    assert [one.path for one in found.models] == [f"/data/ollama/blobs/sha256-{digest(1)}"]
    assert found.settings == {"OLLAMA_NUM_PARALLEL": "4"}


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("ollama version is 0.12.3\n", "0.12.3"),
        (
            "Warning: could not connect to a running Ollama instance\nWarning: client version is 0.5.7\n",
            "0.5.7",
        ),
        ("nothing of the kind\n", None),
    ],
)
def test_an_installed_one_is_not_running(said: str, version: str | None) -> None:
    """
    Without a server the command tells its version.
    """
    command = {"exit": 0, "stdout": said, "stderr": ""}
    found = look({"run:ollama --version": command, f"get:{SERVER}/api/version": REFUSED})

    assert (found.version, found.running, found.installed) == (version, False, True)


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("0.0.0.0", f"get:{SERVER}/api/version"),
        ("0.0.0.0:12000", "get:http://127.0.0.1:12000/api/version"),
        (":12000", "get:http://127.0.0.1:12000/api/version"),
        ("http://localhost:9/", "get:http://127.0.0.1:9/api/version"),
        ("[::1]:12000", "get:http://[::1]:12000/api/version"),
        ("gpu.example.org:11434", None),
    ],
)
def test_only_this_machine_is_asked(host: str, asked: str | None) -> None:
    """
    OLLAMA_HOST may name a port or an address to listen on; a server elsewhere is not asked.
    """
    source = FakeSource({"env:OLLAMA_HOST": host})
    ollama.observe(source)

    assert [name for name in source.asked if name.startswith("get:")] == ([asked] if asked else [])


def test_a_port_that_hangs_is_told() -> None:
    """
    Whether it runs is unknown, not false, and the reason is said.
    """
    found = look({f"get:{SERVER}/api/version": Answer(status="timeout")})

    assert found.running is None
    assert found.detail == message("engine.port-silent", port=11434, status="timeout")


def test_windows_is_not_kept_waiting() -> None:
    """
    A refused connection takes Windows seconds, so without a sign of Ollama the port is not tried.
    """
    source = FakeSource({"env:USERPROFILE": r"C:\Users\user1"}, platform=WINDOWS)

    assert ollama.observe(source) == ()
    assert [name for name in source.asked if name.startswith("get:")] == []


def test_a_mac_has_no_service() -> None:
    """
    Systemd is asked for on Linux only.
    """
    source = FakeSource({"env:HOME": "/Users/user1"}, platform=MAC)
    ollama.observe(source)

    assert [name for name in source.asked if "/etc/" in name or "/usr/share" in name] == []


def occasion(**changes: Any) -> Occasion:
    fields: dict[str, Any] = {
        "model": model("llama", LLAMA_8B),
        "file_bytes": 5 * GIB,
        "backend": "cuda",
        "vram_total_bytes": 24 * GIB,
        "vram_free_bytes": 23 * GIB,
        "compute_capabilities": ("8.9",),
    }
    return Occasion(**(fields | changes))


@pytest.mark.parametrize(
    ("vram", "expected"),
    [(0, 4096), (23 * GIB - 1, 4096), (23 * GIB, 32768), (47 * GIB - 1, 32768), (47 * GIB, 262144)],
)
def test_the_automatic_context_goes_by_vram(vram: int, expected: int) -> None:
    """
    4096, 32768 from 23 GiB and 262144 from 47 GiB over all GPUs on.
    """
    assert ollama_defaults.automatic_context(vram) == expected


def test_the_context_is_no_longer_than_the_model_knows() -> None:
    """
    The automatic context is cut to what the model was trained for; one that is set comes first.
    """
    profile = ollama.PROFILES["ollama"]
    short = msgspec.structs.replace(model("llama", LLAMA_8B), max_context=8192)

    assert ollama_defaults.settled(profile, occasion(model=short)).ctx_size == 8192
    assert (
        ollama_defaults.settled(profile, occasion(settings={"OLLAMA_CONTEXT_LENGTH": "16384"})).ctx_size
        == 16384
    )
    assert ollama_defaults.settled(profile, occasion(ctx_size=2048)).ctx_size == 2048


@pytest.mark.parametrize(("architecture", "slots"), [("llama", 4), ("qwen35", 1)])
def test_slots_are_those_of_the_server(architecture: str, slots: int) -> None:
    """
    OLLAMA_NUM_PARALLEL, but one for architectures that Ollama never gives more.
    """
    spec = msgspec.structs.replace(model("llama", LLAMA_8B), architecture=architecture)
    given = occasion(model=spec, settings={"OLLAMA_NUM_PARALLEL": "4"})

    assert ollama_defaults.settled(ollama.PROFILES["ollama"], given).parallel == slots


@pytest.mark.parametrize(
    ("ctx_size", "changes", "expected"),
    [
        (4096, {}, 512),
        (4097, {}, 1024),
        (32769, {"vram_free_bytes": 80 * GIB}, 2048),
        (32769, {"vram_free_bytes": 15 * GIB}, 1024),
        (32769, {"vram_free_bytes": 11 * GIB}, 512),
        (32769, {"vram_free_bytes": None}, 2048),
    ],
)
def test_the_automatic_batch_goes_by_context_and_room(
    ctx_size: int, changes: dict[str, Any], expected: int
) -> None:
    """
    512, 1024 and 2048, lowered until Ollama's prediction (here 5 GiB and 4 GiB of cache) leaves room for it.
    """
    assert ollama_defaults.automatic_batch(ctx_size, occasion(**changes), flash_attention=True) == expected


@pytest.mark.parametrize(
    ("capability", "free", "expected"),
    [("5.2", 8 * GIB, (256, "off")), ("5.2", 12 * GIB, (512, "off")), ("8.6", 8 * GIB, (1024, "auto"))],
)
def test_old_cuda_cards_go_without_flash_attention(
    capability: str, free: int, expected: tuple[int, str]
) -> None:
    """
    Before compute capability 6.0 Ollama switches it off, and takes small batches on small cards.
    """
    given = occasion(compute_capabilities=(capability,), ctx_size=8192, smallest_free_bytes=free)
    settled = ollama_defaults.settled(ollama.PROFILES["ollama"], given)

    assert (settled.ubatch_size, settled.flash_attn) == expected


def test_prediction_is_ollamas_own() -> None:
    """
    File + 2 x layers x heads of K and V x width of a head x context x 2 bytes.
    """
    assert ollama_defaults.predicted_bytes(occasion(), 8192) == 5 * GIB + 2 * 32 * 8 * 128 * 8192 * 2


def test_a_modelfile_says_what_the_choice_stands_on() -> None:
    """
    num_ctx counts for one slot, num_gpu is the number of layers, num_batch the micro-batch.
    """
    text = ollama.modelfile(
        choice(ctx_size=16384, parallel=2, gpu_layers=30), model("llama", LLAMA_8B), "cuda"
    )

    assert text == (
        "FROM ./test-llama-Q4_K_M.gguf\nPARAMETER num_ctx 8192\nPARAMETER num_gpu 30\nPARAMETER num_batch 512\n"
    )


def test_a_model_that_ollama_has_keeps_its_template() -> None:
    """
    FROM names it instead of its blob.
    """
    kept = msgspec.structs.replace(model("llama", LLAMA_8B), kept_as="llama3.1:8b")
    text = ollama.modelfile(choice(on_disk=f"{BLOBS}/sha256-{digest(1)}"), kept, "cuda")

    assert text.splitlines()[0] == "FROM llama3.1:8b"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"flash_attn": "on"}, {}),
        ({"parallel": 2}, {"OLLAMA_NUM_PARALLEL": "2"}),
        (
            {"cache_type_k": "q8_0", "cache_type_v": "q8_0"},
            {"OLLAMA_KV_CACHE_TYPE": "q8_0", "OLLAMA_FLASH_ATTENTION": "1"},
        ),
        (
            {"use_devices": ("gpu2",), "device_numbers": (1,), "devices": (gpu("gpu2"),)},
            {"CUDA_VISIBLE_DEVICES": "1"},
        ),
        ({"devices": (gpu("gpu0"), gpu("gpu1"))}, {"OLLAMA_SCHED_SPREAD": "1"}),
    ],
)
def test_only_the_servers_environment_says_the_rest(
    changes: dict[str, Any], expected: dict[str, str]
) -> None:
    """
    Slots, types of cache and the choice of GPUs are variables of the server, and only those that are needed.
    """
    assert ollama.environment(choice(**changes), "cuda") == expected


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("rocm", {"ROCR_VISIBLE_DEVICES": "1"}),
        ("vulkan", {"GGML_VK_VISIBLE_DEVICES": "1"}),
        ("metal", {}),
        (None, {}),
    ],
)
def test_each_backend_hides_devices_in_its_own_way(backend: str | None, expected: dict[str, str]) -> None:
    """
    The variable that hides the other cards is the backend's.
    """
    second = choice(use_devices=("gpu1",), device_numbers=(1,), devices=(gpu("gpu1"),))

    assert ollama.environment(second, backend) == expected


def test_the_files_are_those_that_the_script_needs() -> None:
    """
    A Modelfile and a script, and the environment where there is any.
    """
    plain = ollama.files(choice(), model("llama", LLAMA_8B), "cuda")
    quantized = ollama.files(choice(parallel=2), model("llama", LLAMA_8B), "cuda")

    assert set(plain) == {"Modelfile", "run-ollama.sh"}
    assert quantized["ollama.env"] == "OLLAMA_NUM_PARALLEL=2\n"


@pytest.mark.parametrize(("file", "said"), [("x-Q4_K_M-00001-of-00003.gguf", True), ("x-Q4_K_M.gguf", False)])
def test_a_file_in_parts_has_to_be_joined(file: str, *, said: bool) -> None:
    """
    Ollama takes no split files, and is not given one without a word.
    """
    remarks = ollama.remarks(choice(on_disk=file), model("llama", LLAMA_8B), "cuda")

    assert (message("engine.ollama-split-files") in remarks) == said
