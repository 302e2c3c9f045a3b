"""
What holds of every engine: whatever a machine answers there is an observation or none, and nothing is asked elsewhere.
"""

import shutil
import subprocess
from typing import Any

import msgspec
import pytest

from llmprobe import engines
from llmprobe.data import table
from llmprobe.engines import llamacpp, lmstudio, vllm
from llmprobe.engines._record import Engine
from llmprobe.errors import UsageError
from llmprobe.facts import wire
from llmprobe.facts.answer import Answer
from llmprobe.facts.engine import Profile
from llmprobe.facts.estimate import Range
from llmprobe.facts.machine import EngineOnMachine
from llmprobe.facts.serving import Bounds, Checkpoint, Counts, Pool, Serving, ServingSettings
from llmprobe.harmless import shell_word
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, model
from tests.engines.answers import running_ollama
from tests.engines.choices import choice
from tests.engines.test_llamacpp import HUB_DISK, PROPS
from tests.engines.test_lmstudio import DISK
from tests.engines.test_ollama import WHOLE
from tests.machine.fake import LINUX, MAC, WINDOWS, FakeSource

VLLM = {
    "get:http://127.0.0.1:8000/v1/models": {"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096}]},
    "get:http://127.0.0.1:8000/version": {"version": "0.15.0"},
}
EVERYTHING = (
    WHOLE
    | HUB_DISK
    | DISK
    | running_ollama({"name": "qwen3:8b", "size": 5, "size_vram": 5})
    | {
        "get:http://127.0.0.1:8080/props": PROPS,
        "run:llama-server --version": {"exit": 0, "stdout": "", "stderr": "version: 9000 (abc)\n"},
    }
    | VLLM
)
ODD: tuple[Any, ...] = ("", "\x00{]", "[[[", 0, [], {}, {"models": 3}, {"data": [None, 1, {}]})
FAULTS = [
    Answer(status="missing"),
    Answer(status="denied"),
    Answer(status="failed"),
    Answer(status="timeout"),
    Answer(status="not_recorded"),
    *(Answer(value=value) for value in ODD),
    Answer(value={"models": [{"name": 4, "size": True, "size_vram": -1, "loaded_instances": [{}, 3]}]}),
    Answer(value={"exit": 1, "stdout": 3, "stderr": None}),
]


def seen(source: FakeSource) -> list[EngineOnMachine]:
    return [one for _, observe in engines.observers() for one in observe(source)]


def test_every_engine_is_looked_for() -> None:
    """
    On a machine that has all of them all are found, each with evidence that was asked.
    """
    source = FakeSource(EVERYTHING)
    found = seen(source)

    assert [one.name for one in found] == ["llama.cpp", "lmstudio", "ollama", "vllm"]
    assert [one.name for one in found if not set(one.evidence) & set(source.asked)] == []
    assert [name for one in found for name in one.evidence if name not in source.asked] == []


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_any_answer_may_be_anything(fault: Answer) -> None:
    """
    Each answer in turn is something else; there are still observations that can be written down.
    """
    healthy = FakeSource(EVERYTHING)
    seen(healthy)
    for question in dict.fromkeys(healthy.asked):
        for one in seen(FakeSource(EVERYTHING | {question: fault})):
            assert wire.decode(wire.encode(one), EngineOnMachine) == one


@pytest.mark.parametrize("platform", [LINUX, MAC, WINDOWS], ids=lambda one: str(one.system))
@pytest.mark.parametrize("status", ["missing", "denied", "failed", "timeout", "not_recorded"])
def test_nothing_is_seen_on_a_machine_that_says_nothing(platform: object, status: str) -> None:
    """
    Where every question fails no engine is installed and none is running.
    """

    class Silent(FakeSource):
        def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
            return Answer(status=status)  # type: ignore[arg-type]

    found = seen(Silent({}, platform=platform))  # type: ignore[arg-type]

    assert [one.name for one in found if one.running or one.installed or one.models] == []


def test_only_the_loopback_is_asked() -> None:
    """
    Whatever the environment names, no address of another machine is asked.
    """
    source = FakeSource(
        EVERYTHING | {"env:OLLAMA_HOST": "http://10.0.0.7:11434", "env:LLAMA_ARG_PORT": "x@evil:1"}
    )
    seen(source)

    assert [name for name in source.asked if name.startswith("get:") and "//127.0.0.1:" not in name] == []


def test_looking_again_starts_no_command() -> None:
    """
    The second look asks servers again and nothing else.
    """
    observers = engines.steady_observers()
    first, second = FakeSource(EVERYTHING), FakeSource(EVERYTHING)
    for _, observe in observers:
        observe(first)
    for _, observe in observers:
        observe(second)

    assert {name.partition(":")[0] for name in second.asked} == {"get"}
    assert any(name.startswith("run:") for name in first.asked)


def test_an_engine_that_does_not_exist_is_refused() -> None:
    """
    The error names those that there are.
    """
    with pytest.raises(UsageError) as raised:
        engines.commands("abacus")

    assert raised.value.message == message("error.engine-unknown", engine="abacus")
    assert raised.value.hint == message(
        "hint.one-of", names=("llama.cpp", "lmstudio", "mlx", "ollama", "sglang", "vllm")
    )


def served(**settings: Any) -> Serving:
    """
    Return AWQ of a model on two devices.
    """
    usual: dict[str, Any] = {
        "engine": "vllm",
        "version": "0.33.0",
        "max_model_len": 8192,
        "max_num_seqs": 16,
        "max_num_batched_tokens": 2048,
        "gpu_memory_utilization": 0.92,
    }
    run = ServingSettings(**(usual | settings))
    size = Bounds(low_bytes=GIB, likely_bytes=2 * GIB, high_bytes=3 * GIB)
    few = Counts(low=1, likely=2, high=3)
    pool = Pool(
        bytes=size,
        tokens=few,
        concurrency=Range(low=1, likely=2, high=3),
        longest=few,
        request_bytes=1,
        block_bytes=1,
        block_size=16,
        groups=1,
    )
    place = Checkpoint(format="AWQ", repository="acme/llama AWQ", certain=True)
    return Serving(checkpoint=place, settings=run, pool=pool)


def test_vllm_serves_published_weights() -> None:
    """
    One line with the repository and every setting that its figures stand on.
    """
    plain = vllm.command(choice(serving=served()), model("llama", LLAMA_8B), "cuda")
    most = vllm.command(
        choice(
            serving=served(
                tensor_parallel_size=8,
                pipeline_parallel_size=2,
                decode_context_parallel_size=8,
                enable_expert_parallel=True,
                enforce_eager=True,
                kv_cache_dtype="fp8",
                kv_cache_memory_bytes=5 * GIB,
            )
        ),
        model("llama", LLAMA_8B),
        "cuda",
    )

    assert plain == (
        "vllm serve 'acme/llama AWQ' --max-model-len 8192 --max-num-seqs 16 --max-num-batched-tokens 2048 "
        "--gpu-memory-utilization 0.92"
    )
    assert most == (
        "vllm serve 'acme/llama AWQ' --tensor-parallel-size 8 --pipeline-parallel-size 2 "
        "--decode-context-parallel-size 8 --max-model-len 8192 --max-num-seqs 16 --max-num-batched-tokens 2048 "
        "--gpu-memory-utilization 0.92 --kv-cache-dtype fp8 --kv-cache-memory-bytes 5368709120 "
        "--enable-expert-parallel --enforce-eager"
    )
    assert {word for word in most.split() if word.startswith("--")} <= set(table("vllm_options")["options"])


@pytest.mark.parametrize(
    ("changes", "backend", "reason"),
    [
        ({}, "cuda", "engine.vllm-no-gguf"),
        ({"serving": served()}, "metal", "engine.vllm-gpus-only"),
        ({"serving": served()}, None, "engine.vllm-gpus-only"),
    ],
)
def test_vllm_gives_the_reason_for_no_command(
    changes: dict[str, Any], backend: str | None, reason: str
) -> None:
    """
    A choice that it cannot serve has no command, and a remark with the reason.
    """
    spec = model("llama", LLAMA_8B)

    assert vllm.command(choice(**changes), spec, backend) is None
    assert vllm.remarks(choice(**changes), spec, backend) == (message(reason),)
    assert engines.files("vllm", choice(**changes), spec, backend) == {}


def test_vllm_names_no_place_that_is_not_known() -> None:
    """
    Weights in a format that nobody is known to publish have no command; a folder is its own place.
    """
    unknown = msgspec.structs.replace(served(), checkpoint=Checkpoint(format="AWQ"))
    here = msgspec.structs.replace(served(), checkpoint=Checkpoint(format="AWQ", folder="/m/llama"))

    assert vllm.command(choice(serving=unknown), model("llama", LLAMA_8B), "cuda") is None
    assert "vllm serve /m/llama " in str(vllm.command(choice(serving=here), model("llama", LLAMA_8B), "cuda"))


@pytest.mark.parametrize(
    ("backend", "variables"),
    [
        ("cuda", "CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=2"),
        ("rocm", "HIP_VISIBLE_DEVICES=2"),
    ],
)
def test_vllm_is_shown_devices_by_number(backend: str, variables: str) -> None:
    """
    It ends on UUIDs, so that what hides a device from others is said to it in another way.
    """
    one = choice(
        use_devices=("gpu2",),
        device_numbers=(2,),
        environment={"CUDA_VISIBLE_DEVICES": "GPU-1"},
        serving=served(),
    )

    line = vllm.command(one, model("llama", LLAMA_8B), backend)

    assert line is not None
    assert line.startswith(f"{variables} vllm serve ")


@pytest.mark.parametrize("name", ["llama.cpp", "lmstudio", "ollama"])
def test_a_file_at_an_address_is_run_by_its_name(name: str) -> None:
    """
    No engine is told to open an address: the file is fetched by its user, and has its name then.
    """
    url = "https://example.org/some/llama-8b-Q4_K_M.gguf?download=true"
    spec = msgspec.structs.replace(model("llama", LLAMA_8B), path=url, quant="Q4_K_M", source="gguf")
    said = engines.commands(name)[name](choice(), spec, "cuda")

    assert said is not None
    assert "llama-8b-Q4_K_M.gguf" in said
    assert "https://" not in said


def test_models_of_a_given_folder_are_found() -> None:
    """
    Those in it and in the folders below it, two deep.
    """
    disk = {
        "list:/m": ["a-Q8_0.gguf", "more"],
        "list:/m/more": ["b-IQ4_XS.gguf", "deep"],
        "list:/m/more/deep": ["c.gguf", "deeper"],
        "list:/m/more/deep/deeper": ["d.gguf"],
    }
    (_, observe), *_ = engines.observers(["/m"])
    (found,) = observe(FakeSource(disk))

    assert [(one.name, one.path) for one in found.models] == [
        ("a-Q8_0.gguf", "/m/a-Q8_0.gguf"),
        ("more/b-IQ4_XS.gguf", "/m/more/b-IQ4_XS.gguf"),
        ("more/deep/c.gguf", "/m/more/deep/c.gguf"),
    ]


@pytest.mark.parametrize("name", ["llama.cpp", "lmstudio", "ollama"])
@pytest.mark.parametrize("hostile", ["\x1b]0;x\x07", "\n", "\u202e", "\udcff", "'; rm -rf ~; '"])
def test_a_file_name_commands_neither_terminal_nor_shell(name: str, hostile: str) -> None:
    """
    Whatever a file is called, the printed lines hold printable signs only, and a shell reads the name back from them.
    """
    path = f"/m/a{hostile}b.gguf"
    said = engines.commands(name)[name](choice(on_disk=path), model("llama", LLAMA_8B), "cuda")
    if name == "ollama" and not path.isprintable():
        assert said is None
        return

    assert said is not None
    assert all(line.isprintable() for line in said.splitlines())
    assert hostile in said or "$'" in said


@pytest.mark.parametrize(
    "name", ["plain.gguf", "it's a \\ b", "a\x1b]0;x\x07b", "a\nb", "\u202eb", "a\udcffb", "$(x) `y` !z"]
)
@pytest.mark.live
@pytest.mark.skipif(shutil.which("bash") is None, reason="no shell that knows $'…' is here")
def test_a_shell_reads_a_quoted_word_back(name: str) -> None:
    """
    A quoted word is the same word after a shell has read it.
    """
    read = subprocess.run(["bash", "-c", f"printf %s {shell_word(name)}"], capture_output=True, check=True)

    assert read.stdout == name.encode("utf-8", "surrogateescape")


def test_an_engine_is_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A module with one record is an engine everywhere: looked for, estimated by its defaults, printed and written.
    """
    seen_here = EngineOnMachine(name="new", evidence=("env:NEW",))
    one = Engine(
        name="new",
        observe=lambda source: (seen_here,) if source.env("NEW").ok else (),
        command=lambda choice, model, backend: f"new {model.id} {choice.quant}",
        profiles={"new-server": Profile(engine="new", program="new-server", parallel=2)},
        loaded=frozenset({"mllama"}),
    )
    monkeypatch.setattr(engines, "all_engines", lambda: {"llama.cpp": llamacpp.ENGINE, "new": one})
    spec = model("llama", LLAMA_8B)

    assert engines.profile("new-server") == (one.profiles["new-server"], one)
    assert engines.files("new", choice(), spec, "cuda") == {"command.txt": f"new {spec.id} Q4_K_M\n"}
    found = [each for _, observe in engines.observers() for each in observe(FakeSource({"env:NEW": "1"}))]
    assert found == [seen_here]
    assert engines.not_loaded("llama.cpp", "mllama") == (
        message("rejected.engine-lacks-architecture", engine="llama.cpp", architecture="mllama"),
        (message("nearest.engine-has-architecture", engine="new"),),
    )


def test_an_engine_without_a_micro_batch_is_searched_with_the_usual_one() -> None:
    """
    What cannot be told is llama.cpp's own default of 512.
    """
    assert lmstudio.ABILITIES.ubatch_sizes == (512,)
    assert Profile(engine="new", program="new").ubatch_size == 512


def test_a_program_says_the_figures_that_it_is_estimated_with() -> None:
    """
    LM Studio its own; llama-server the 8 GiB of its ``--cache-ram``.
    """
    own = lmstudio.PROFILES["lmstudio"]

    assert own.notes == (
        message(
            "engine.lmstudio-defaults",
            ctx_size=own.ctx_size,
            parallel=own.parallel,
            batch_size=own.batch_size,
        ),
    )
    assert llamacpp.PROFILES["llama-server"].notes == (
        message("engine.llama-server-prompt-cache", bytes=8 * GIB),
    )


@pytest.mark.parametrize(
    ("program", "refused", "hint"),
    [
        (
            "abacus",
            message("error.program-unknown", program="abacus"),
            message("hint.one-of", names=("llama-server", "llama-bench", "lmstudio", "ollama")),
        ),
        (
            "ollama@b9",
            message("error.builds-not-known", program="ollama"),
            message("hint.leave-build-out", build="b9"),
        ),
        *(
            (
                f"llama-server@{build}",
                message("error.no-build", build=build, program="llama-server"),
                message("hint.build-example", program="llama-server"),
            )
            for build in ("", "new", "b", "bb9", "9.5", "²", "٣")
        ),
    ],
)
def test_what_is_no_program_is_refused_with_what_is(program: str, refused: Any, hint: Any) -> None:
    """
    A program that is not there, one whose builds are not known, and a build that is no number in ASCII.
    """
    with pytest.raises(UsageError) as raised:
        engines.profile(program)

    assert (raised.value.message, raised.value.hint) == (refused, hint)


def test_a_program_of_no_build_is_the_newest() -> None:
    """
    As is one of a build that follows the newest rules; the ``b`` may be left out.
    """
    newest, _ = engines.profile("llama-server")

    assert engines.profile("llama-server@b11549")[0] == newest
    assert engines.profile("llama-server@11549")[0] == newest


@pytest.mark.parametrize("backend", ["cuda", "rocm"])
def test_vllm_is_told_nothing_of_devices_where_all_are_used(backend: str) -> None:
    """
    Then the environment is the choice's own.
    """
    one = choice(environment={"NAME": "a b"}, serving=served())

    assert str(vllm.command(one, model("llama", LLAMA_8B), backend)).startswith("NAME='a b' vllm serve ")


@pytest.mark.parametrize(
    ("owner", "version", "expected"),
    [
        ("vllm", {"version": "0.15.0"}, ("0.15.0", [("m", 4096)])),
        ("vllm", Answer(status="missing", code=404), (None, [("m", 4096)])),
        ("llamacpp", {"version": "0.15.0"}, None),
    ],
)
def test_vllm_is_known_by_the_owner_of_its_models(owner: str, version: Any, expected: Any) -> None:
    """
    Other servers have the same interface, on the same port.
    """
    listed = {"data": [{"id": "m", "owned_by": owner, "max_model_len": 4096}]}
    url = "http://127.0.0.1:8000"
    found = vllm.observe(FakeSource({f"get:{url}/v1/models": listed, f"get:{url}/version": version}))

    assert [(one.version, [(each.name, each.ctx_size) for each in one.loaded]) for one in found] == (
        [] if expected is None else [expected]
    )


@pytest.mark.parametrize("platform", [MAC, WINDOWS], ids=lambda one: str(one.system))
def test_vllm_is_looked_for_on_linux_only(platform: Any) -> None:
    """
    It runs on no other system, so its port is not asked there.
    """
    source = FakeSource(VLLM, platform=platform)

    assert vllm.observe(source) == ()
    assert source.asked == []
