"""
LM Studio: its folders, its server, and how a choice is loaded.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.engines import lmstudio
from llmprobe.facts.answer import Answer
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, model
from tests.engines.answers import HOME, REFUSED
from tests.engines.choices import choice, gpu
from tests.machine.fake import WINDOWS, FakeSource

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


V1, V0 = f"get:{URL}/api/v1/models", f"get:{URL}/api/v0/models"
LOADED = {"models": [{"key": "m", "loaded_instances": [{"config": {}}]}]}


@pytest.mark.parametrize(
    ("answers", "running", "detail", "asked"),
    [
        ({V1: REFUSED}, False, None, V1),
        ({V1: Answer(status="not_recorded")}, None, None, V1),
        (
            {V1: Answer(status="timeout")},
            None,
            message("engine.port-silent", port=1234, status="timeout"),
            V1,
        ),
        ({V1: Answer(status="failed")}, None, message("engine.port-silent", port=1234, status="failed"), V1),
        ({V1: Answer(status="denied")}, None, message("engine.port-silent", port=1234, status="denied"), V1),
        ({V1: {"models": [{"key": "m"}]}}, None, message("engine.port-taken", port=1234), V0),
        (
            {V1: {"models": []}, V0: {"data": [{"id": "m"}]}},
            None,
            message("engine.port-taken", port=1234),
            V0,
        ),
        (
            {V1: Answer(status="failed", code=404), V0: Answer(status="failed", code=500)},
            None,
            message("engine.port-taken", port=1234),
            V0,
        ),
    ],
)
def test_what_is_installed_may_run_or_not(
    answers: dict[str, Any], running: bool | None, detail: Any, asked: str
) -> None:
    """
    A refused connection is a server that does not run; anything else that is not its answer leaves that open.
    """
    found = look(**answers)

    assert (found.running, found.detail, found.endpoint, found.loaded) == (running, detail, None, ())
    assert found.silent is (detail is not None)
    assert found.evidence == (f"list:{BASE}", asked)


def test_what_runs_is_evidence_by_itself() -> None:
    """
    The version of its interface that answered is what was asked.
    """
    assert look(**{V1: LOADED}).evidence == (V1,)
    old = look(**{V1: Answer(status="missing", code=404), V0: {"data": [{"id": "m", "state": "not-loaded"}]}})
    assert (old.running, old.loaded, old.evidence) == (True, (), (V0,))


def test_a_server_is_it_without_a_folder() -> None:
    """
    It may run for another user, whose models are not seen.
    """
    (found,) = lmstudio.observe(FakeSource({V1: LOADED}))

    assert (found.running, found.installed, found.models, found.evidence) == (True, True, (), (V1,))


@pytest.mark.parametrize("status", ["missing", "timeout", "not_recorded"])
def test_a_silent_port_alone_is_nothing(status: Any) -> None:
    """
    Without a folder nothing speaks for LM Studio there.
    """
    assert lmstudio.observe(FakeSource({"env:HOME": HOME, V1: Answer(status=status)})) == ()


def test_windows_is_asked_where_it_is_installed() -> None:
    """
    A refused connection takes Windows seconds, so its folder comes first.
    """
    home = {"env:USERPROFILE": "C:\\u"}
    absent = FakeSource(home, platform=WINDOWS)
    present = FakeSource(home | {"list:C:\\u\\.lmstudio": []}, platform=WINDOWS)

    assert lmstudio.observe(absent) == ()
    assert V1 not in absent.asked
    assert [one.name for one in lmstudio.observe(present)] == ["lmstudio"]
    assert V1 in present.asked


@pytest.mark.parametrize(
    ("answers", "base"),
    [
        ({f"list:{HOME}/.cache/lm-studio": []}, f"{HOME}/.cache/lm-studio"),
        ({f"list:{HOME}/.cache/lm-studio": [], f"list:{BASE}": []}, BASE),
        ({f"read:{HOME}/.lmstudio-home-pointer": " \n", f"list:{BASE}": []}, BASE),
        ({f"read:{HOME}/.lmstudio-home-pointer": "/gone", f"list:{BASE}": []}, BASE),
        ({f"read:{HOME}/.lmstudio-home-pointer": "/lm\n", "list:/lm": [], f"list:{BASE}": []}, "/lm"),
    ],
)
def test_its_home_is_the_first_that_is_there(answers: dict[str, Any], base: str) -> None:
    """
    Where the pointer says, then in the home folder, then in the cache of its first versions.
    """
    (found,) = lmstudio.observe(FakeSource({"env:HOME": HOME, V1: REFUSED} | answers))

    assert found.evidence[0] == f"list:{base}"


@pytest.mark.parametrize("content", ["", "[]", '{"port": 0}', '{"port": "1"}', '{"port": -1}'])
def test_what_is_no_port_is_the_usual_one(content: str) -> None:
    """
    Settings that name none change nothing.
    """
    source = FakeSource(DISK | {f"read:{BASE}/.internal/http-server-config.json": content})
    lmstudio.observe(source)

    assert V1 in source.asked


def test_a_folder_of_a_download_alone_holds_half_a_model() -> None:
    """
    Its repository is the publisher's folder and the model's.
    """
    folder = f"{BASE}/models/acme/Next-GGUF"
    found = look(
        **{
            f"list:{BASE}/models/acme": ["Next-GGUF", "Loud-GGUF"],
            f"list:{folder}": ["downloading_Next-Q8_0.gguf"],
            f"list:{BASE}/models/acme/Loud-GGUF": ["LOUD-F16.GGUF"],
        }
    )

    assert [(one.name, one.repo, one.problem) for one in found.models] == [
        (
            "acme/Next-GGUF/downloading_Next-Q8_0.gguf",
            "acme/Next-GGUF",
            message("model.half-downloaded"),
        ),
        ("acme/Loud-GGUF/LOUD-F16.GGUF", "acme/Loud-GGUF", None),
    ]


@pytest.mark.parametrize(("layers", "backend"), [(33, None), (0, "cuda"), (0, None)])
def test_without_layers_on_a_gpu_it_is_off(layers: int, backend: str | None) -> None:
    """
    Neither a choice without layers there nor one without a GPU.
    """
    line = lmstudio.command(choice(gpu_layers=layers), model("llama", LLAMA_8B), backend)

    assert " --gpu off " in line


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("/u/.lmstudio/models/acme/Tiny/t.gguf", "acme/Tiny/t.gguf"),
        ("/u/.cache/lm-studio/models/acme/Tiny/t.gguf", "acme/Tiny/t.gguf"),
        ("C:\\u\\.lmstudio\\models\\acme\\Tiny\\t.gguf", "acme/Tiny/t.gguf"),
        (".lmstudio/acme/Tiny/t.gguf", "acme/Tiny/t.gguf"),
        (".lmstudio/Tiny/t.gguf", None),
        ("/u/models/acme/Tiny/t.gguf", None),
        ("/u/my.lmstudio/acme/Tiny/t.gguf", None),
    ],
)
def test_a_file_is_its_own_in_its_folder(file: str, place: str | None) -> None:
    """
    Publisher, model and file are its last three names; any other file is imported.
    """
    lines = lmstudio.command(choice(on_disk=file), model("llama", LLAMA_8B), "cuda").splitlines()

    assert (len(lines) == 1) is (place is not None)
    assert lines[-1].startswith(f"lms load --exact {place or 'local/t/t.gguf'} ")


@pytest.mark.parametrize(
    ("file", "repo", "lines"),
    [
        (
            "/m/t-Q4_K_M.gguf",
            None,
            ["lms import /m/t-Q4_K_M.gguf --symbolic-link --user-repo local/t-Q4_K_M -y"],
        ),
        (
            "C:\\m\\t.v1.gguf",
            "acme/Tiny-GGUF",
            ["lms import 'C:\\m\\t.v1.gguf' --symbolic-link --user-repo acme/t.v1 -y"],
        ),
        (
            "/o/blobs/sha256-1",
            None,
            [
                "ln -s /o/blobs/sha256-1 a-b-c-Q4_K_M.gguf",
                "lms import a-b-c-Q4_K_M.gguf --symbolic-link --user-repo local/a-b-c-Q4_K_M -y",
            ],
        ),
    ],
)
def test_an_import_names_publisher_and_model(file: str, repo: str | None, lines: list[str]) -> None:
    """
    The publisher is its repository's; a blob is linked under a name that ends as LM Studio wants it.
    """
    spec = msgspec.structs.replace(
        model("llama", LLAMA_8B), id="a:b/c" if "blobs" in file else "t", repo=repo
    )

    assert lmstudio.command(choice(on_disk=file), spec, "cuda").splitlines()[:-1] == lines


@pytest.mark.parametrize(
    ("changes", "backend", "expected"),
    [
        ({}, "cuda", ()),
        (
            {"cache_type_k": "q8_0"},
            "cuda",
            (message("engine.lmstudio-set-cache", type_k="q8_0", type_v="f16"),),
        ),
        (
            {"cache_type_v": "q8_0"},
            "cuda",
            (message("engine.lmstudio-set-cache", type_k="f16", type_v="q8_0"),),
        ),
        ({"n_cpu_moe": 4}, None, ()),
        ({"devices": (gpu("gpu0"), gpu("gpu1"))}, "cuda", (message("engine.lmstudio-set-split"),)),
        ({"use_devices": ("gpu1",)}, "cuda", (message("engine.lmstudio-set-devices", devices=("gpu1",)),)),
        ({"use_devices": ("gpu1",)}, None, ()),
        ({"use_devices": (), "devices": ()}, "cuda", ()),
    ],
)
def test_a_remark_is_made_where_there_is_a_reason(
    changes: dict[str, Any], backend: str | None, expected: tuple[Any, ...]
) -> None:
    """
    What concerns GPUs is not said where none is used.
    """
    assert lmstudio.remarks(choice(**changes), model("llama", LLAMA_8B), backend) == expected
