"""
vLLM: whether its server runs here, and the line that serves a choice where vLLM can express it.

Source: https://docs.vllm.ai (engine arguments, GGUF), its server's /version and /v1/models, and the list by which its
loader names the tensors of a GGUF file: that of the package gguf, which is llama.cpp's (gguf/constants.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmprobe.engines._record import Engine
from llmprobe.engines._shared.architectures import NOT_IN_LLAMA_CPP
from llmprobe.engines._shared.model_files import model_file
from llmprobe.engines._shared.publishers import place_of
from llmprobe.engines._shared.shell import devices_in_use, line
from llmprobe.engines._shared.values import UNNAMED, count, field, records, text
from llmprobe.facts.answer import Source
from llmprobe.facts.engine import Abilities, Fetch
from llmprobe.facts.machine import EngineOnMachine, LoadedModel
from llmprobe.harmless import shell_word
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import Choice

NAME = "vllm"
ABILITIES = Abilities(
    experts_on_host=False,
    partial=False,
    tensor_split=False,
    slices=False,
    cache_types=("f16",),
    kv_on_host=False,
    projector_on_host=False,
    ubatch_sizes=(512,),
    backends=("cuda", "rocm"),
    notes=(message("engine.vllm-whole"), message("engine.vllm-buffers", share=0.9)),
)
PORT = 8000


def observe(source: Source) -> tuple[EngineOnMachine, ...]:
    """
    VLLM's server where one answers on its usual port. Its command is not asked: that takes seconds.
    """
    if source.platform.system != "linux":
        return ()
    url = f"http://127.0.0.1:{PORT}"
    listed = source.get(f"{url}/v1/models")
    mine = (
        [one for one in records(field(listed.value, "data")) if one.get("owned_by") == NAME]
        if listed.ok
        else []
    )
    if not mine:
        return ()
    said = source.get(f"{url}/version")
    return (
        EngineOnMachine(
            name=NAME,
            version=text(field(said.value, "version")) if said.ok else None,
            running=True,
            installed=True,
            endpoint=url,
            loaded=tuple(
                LoadedModel(name=text(one.get("id")) or UNNAMED, ctx_size=count(one.get("max_model_len")))
                for one in mine
            ),
            evidence=(f"get:{url}/v1/models",),
        ),
    )


def remarks(choice: Choice, model: ModelSpec, backend: str | None) -> tuple[Message, ...]:  # noqa: ARG001 - the shape of Remarks
    """
    Why vLLM cannot run a choice.
    """
    if backend not in ABILITIES.backends:
        return (message("engine.vllm-gpus-only"),)
    return () if _is_whole(choice) else (message("engine.vllm-whole"),)


def command(choice: Choice, model: ModelSpec, backend: str | None) -> str | None:
    """
    The ``vllm serve`` line of a choice, None where vLLM cannot run it.
    """
    return _serve(choice, model, backend, model_file(choice, model))


def fetch(choice: Choice, model: ModelSpec, backend: str | None) -> Fetch | None:
    """
    The line with a repository and a type in place of the file, which vLLM then fetches itself
    (docs.vllm.ai, GGUF: ``repo_id:quant_type``, with its plugin for GGUF).
    """
    place = place_of(model, choice.quant)
    if place is None:
        return None
    name = f"{place.repository}:{place.tag}"
    command = _serve(choice, model, backend, name)
    if command is None:
        return None
    return Fetch(command=command, how=message("obtain.vllm", name=name), place=place)


def _serve(choice: Choice, model: ModelSpec, backend: str | None, file: str) -> str | None:
    if remarks(choice, model, backend):
        return None
    words = ["vllm", "serve", shell_word(file)]
    if model.repo is not None:
        words += ["--tokenizer", shell_word(model.repo)]
    words += [
        "--max-model-len",
        str(choice.ctx_size // choice.parallel),
        "--max-num-seqs",
        str(choice.parallel),
    ]
    devices = len(devices_in_use(choice))
    if devices > 1:
        words += ["--pipeline-parallel-size", str(devices)]
    return line(choice, _environment(choice, backend), words)


def _environment(choice: Choice, backend: str | None) -> dict[str, str]:
    """
    What shows vLLM the devices in use: by number, as it ends on their UUIDs (vllm-project/vllm#20939).

    An instance of a divided device has no number, so that its UUID is all that there is.
    """
    if choice.use_devices is None:
        return choice.environment
    numbers = ",".join(map(str, choice.device_numbers))
    if backend == "rocm":
        return {"HIP_VISIBLE_DEVICES": numbers}
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": numbers}


def _is_whole(choice: Choice) -> bool:
    return choice.gpu_layers >= choice.total_layers and not choice.n_cpu_moe and not choice.cpu_moe_layers


ENGINE = Engine(
    name=NAME,
    observe=observe,
    command=command,
    remarks=remarks,
    fetch=fetch,
    kept_on=("huggingface",),
    memory="vllm",
    needs=(message("obtain.vllm-plugin"),),
    abilities=ABILITIES,
    not_loaded=NOT_IN_LLAMA_CPP,
)
