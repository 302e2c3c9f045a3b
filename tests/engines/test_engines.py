"""
What holds of every engine: whatever a machine answers there is an observation or none, and nothing is asked elsewhere.
"""

from typing import Any

import msgspec
import pytest

from llmprobe import engines
from llmprobe.engines import vllm
from llmprobe.errors import UsageError
from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import EngineOnMachine
from tests.advise.machines import LLAMA_8B, model
from tests.engines.answers import running_ollama
from tests.engines.choices import choice, gpu
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
            assert msgspec.json.decode(msgspec.json.encode(one), type=EngineOnMachine) == one


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

    assert raised.value.hint == "one of llama.cpp, lmstudio, ollama, vllm"


def test_vllm_serves_what_is_whole_on_gpus() -> None:
    """
    One line with the file, the context of one slot, the slots, and stages for several GPUs.
    """
    spec = msgspec.structs.replace(model("llama", LLAMA_8B), repo="acme/llama")
    line = vllm.command(choice(parallel=2, devices=(gpu("gpu0"), gpu("gpu1"))), spec, "cuda")

    assert line == (
        "vllm serve llama-Q4_K_M.gguf --tokenizer acme/llama --max-model-len 4096 --max-num-seqs 2 "
        "--pipeline-parallel-size 2"
    )


@pytest.mark.parametrize(
    ("changes", "backend"),
    [({"gpu_layers": 20}, "cuda"), ({"n_cpu_moe": 3}, "cuda"), ({}, "metal"), ({}, None)],
)
def test_vllm_says_what_it_cannot(changes: dict[str, int], backend: str | None) -> None:
    """
    A choice that it can't express is a sentence and no command.
    """
    said = vllm.command(choice(**changes), model("llama", LLAMA_8B), backend)

    assert said.startswith("# vLLM ")
    assert said.endswith("use --engine llama.cpp")


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
    one = choice(use_devices=("gpu2",), device_numbers=(2,), environment={"CUDA_VISIBLE_DEVICES": "GPU-1"})

    assert vllm.command(one, model("llama", LLAMA_8B), backend).startswith(f"{variables} vllm serve ")


def test_vllm_refuses_what_llama_cpp_does() -> None:
    """
    Its loader names tensors by llama.cpp's list, which lacks mllama.
    """
    assert "mllama" in vllm.NOT_LOADED


@pytest.mark.parametrize("name", ["llama.cpp", "lmstudio", "ollama", "vllm"])
def test_a_file_at_an_address_is_run_by_its_name(name: str) -> None:
    """
    No engine is told to open an address: the file is fetched by its user, and has its name then.
    """
    url = "https://example.org/some/llama-8b-Q4_K_M.gguf?download=true"
    spec = msgspec.structs.replace(model("llama", LLAMA_8B), path=url, quant="Q4_K_M", source="gguf")
    said = engines.commands(name)[name](choice(), spec, "cuda")

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
