"""
LM Studio: its folders, its server, and how a choice is loaded.
"""

from typing import Any

import pytest

from llmprobe.engines import lmstudio
from llmprobe.facts.answer import Answer
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, model
from tests.engines.answers import HOME, REFUSED
from tests.engines.choices import choice
from tests.machine.fake import FakeSource

BASE = f"{HOME}/.lmstudio"
URL = "http://127.0.0.1:1234"
DISK: dict[str, Any] = {
    "env:HOME": HOME,
    f"list:{BASE}": [".internal", "models"],
    f"list:{BASE}/models": [".DS_Store", "acme", "readme.md"],
    f"list:{BASE}/models/acme": ["Tiny-GGUF", "Mlx-4bit", "Split-GGUF"],
    f"list:{BASE}/models/acme/Tiny-GGUF": [
        "Tiny-Q4_K_M.gguf",
        "mmproj-f16.gguf",
        "downloading_Tiny-Q8_0.gguf.part",
    ],
    f"list:{BASE}/models/acme/Mlx-4bit": ["config.json", "model.safetensors"],
    f"list:{BASE}/models/acme/Split-GGUF": [
        "Big-Q8_0-00001-of-00003.gguf",
        "Big-Q8_0-00003-of-00003.gguf",
        "Whole-IQ4_XS-00001-of-00002.gguf",
        "Whole-IQ4_XS-00002-of-00002.gguf",
    ],
    f"get:{URL}/api/v1/models": REFUSED,
}


def look(**changes: Any) -> Any:
    (found,) = lmstudio.observe(FakeSource(DISK | changes))
    return found


def test_nothing_is_seen_where_nothing_is() -> None:
    """
    Without its folder and its server there is none.
    """
    assert lmstudio.observe(FakeSource({"env:HOME": HOME, f"get:{URL}/api/v1/models": REFUSED})) == ()


def test_models_are_files_by_publisher_and_model() -> None:
    """
    GGUF files count, a split set once, projectors and other formats not at all.
    """
    whole = [(one.name, one.quant) for one in look().models if one.problem is None]

    assert whole == [
        ("acme/Tiny-GGUF/Tiny-Q4_K_M.gguf", "Q4_K_M"),
        ("acme/Split-GGUF/Whole-IQ4_XS-00001-of-00002.gguf", "IQ4_XS"),
    ]


def test_what_is_not_whole_is_said() -> None:
    """
    A download that goes on and a set that lacks a part are named with what is wrong, and have no path.
    """
    broken = {one.name.rpartition("/")[2]: (one.path, one.problem) for one in look().models if one.problem}

    assert broken == {
        "downloading_Tiny-Q8_0.gguf.part": (None, message("model.half-downloaded")),
        "Big-Q8_0-00001-of-00003.gguf": (None, message("model.parts-missing", missing=1, total=3)),
    }


def test_the_app_may_keep_models_elsewhere() -> None:
    """
    Its settings name another folder, and a pointer another home.
    """
    moved = {
        f"read:{HOME}/.lmstudio-home-pointer": "/data/lm\n",
        "list:/data/lm": ["settings.json"],
        "read:/data/lm/settings.json": '{"downloadsFolder": "/models"}',
        "list:/models": ["acme"],
        "list:/models/acme": ["Tiny"],
        "list:/models/acme/Tiny": ["tiny-F16.gguf"],
    }

    assert [one.path for one in look(**moved).models] == ["/models/acme/Tiny/tiny-F16.gguf"]


def test_its_server_says_what_is_loaded() -> None:
    """
    Version 1 of its interface lists the loaded instances of each model.
    """
    models = [
        {
            "key": "acme/tiny",
            "size_bytes": 500,
            "loaded_instances": [{"config": {"context_length": 4096, "parallel": 4}}],
        },
        {"key": "acme/other", "size_bytes": 9, "loaded_instances": []},
    ]
    found = look(**{f"get:{URL}/api/v1/models": {"models": models}})

    assert (found.running, found.endpoint) == (True, URL)
    assert [(one.name, one.size_bytes, one.ctx_size, one.parallel) for one in found.loaded] == [
        ("acme/tiny", 500, 4096, 4)
    ]


def test_an_older_server_is_asked_in_its_own_way() -> None:
    """
    Where version 1 is not known, version 0 tells the state of each model.
    """
    old = [{"id": "a", "state": "loaded", "loaded_context_length": 2048}, {"id": "b", "state": "not-loaded"}]
    found = look(
        **{
            f"get:{URL}/api/v1/models": Answer(status="missing", code=404),
            f"get:{URL}/api/v0/models": {"data": old},
        }
    )

    assert [(one.name, one.ctx_size) for one in found.loaded] == [("a", 2048)]


def test_another_program_on_its_port_is_not_it() -> None:
    """
    An answer of another kind is not taken for LM Studio's.
    """
    found = look(**{f"get:{URL}/api/v1/models": "<html>"})

    assert found.running is None
    assert found.detail == message("engine.port-taken", port=1234)


def test_its_port_is_in_its_settings() -> None:
    """
    The server may listen elsewhere on this machine.
    """
    source = FakeSource(DISK | {f"read:{BASE}/.internal/http-server-config.json": '{"port": 4321}'})
    lmstudio.observe(source)

    assert [name for name in source.asked if name.startswith("get:")] == [
        "get:http://127.0.0.1:4321/api/v1/models"
    ]


@pytest.mark.parametrize(("layers", "share"), [(0, "off"), (16, "0.484"), (32, "0.969"), (33, "max")])
def test_the_share_of_layers_is_never_more_than_was_counted(layers: int, share: str) -> None:
    """
    It is rounded down.
    """
    line = lmstudio.command(choice(gpu_layers=layers), model("llama", LLAMA_8B), "cuda").splitlines()[-1]

    assert f" --gpu {share} " in line


def test_a_file_of_its_own_is_loaded_by_its_path() -> None:
    """
    ``--exact`` takes publisher, model and file.
    """
    kept = choice(on_disk=f"{BASE}/models/acme/Tiny-GGUF/Tiny-Q4_K_M.gguf")

    assert lmstudio.command(kept, model("llama", LLAMA_8B), "cuda") == (
        "lms load --exact acme/Tiny-GGUF/Tiny-Q4_K_M.gguf --gpu max --context-length 8192 --parallel 1 -y"
    )


def test_any_other_file_is_imported_first() -> None:
    """
    The import makes a link, so nothing is copied, under the name that is then loaded.
    """
    first, second = lmstudio.command(choice(), model("llama", LLAMA_8B), "cuda").splitlines()

    assert first == "lms import test-llama-Q4_K_M.gguf --symbolic-link --user-repo local/test-llama-Q4_K_M -y"
    assert second.startswith("lms load --exact local/test-llama-Q4_K_M/test-llama-Q4_K_M.gguf ")


def test_what_the_command_cannot_say_is_said_beside_it() -> None:
    """
    Types of cache and experts on the CPU are settings of the app.
    """
    said = lmstudio.remarks(
        choice(cache_type_k="q8_0", cache_type_v="q8_0", n_cpu_moe=4), model("llama", LLAMA_8B), "cuda"
    )

    assert said == (
        message("engine.lmstudio-set-cache", type_k="q8_0", type_v="q8_0"),
        message("engine.lmstudio-set-experts", layers=4),
    )
