"""
vLLM: whether its server runs here, and the line that serves a choice where vLLM can express it.

Source: https://docs.vllm.ai (engine arguments, GGUF), its server's /version and /v1/models, and the list by which its
loader names the tensors of a GGUF file: that of the package gguf, which is llama.cpp's (gguf/constants.py).
"""

from llmprobe.engines._architectures import NOT_IN_LLAMA_CPP
from llmprobe.engines._words import (
    count,
    devices_in_use,
    environment_words,
    field,
    model_file,
    records,
    shell_word,
    text,
)
from llmprobe.facts.answer import Source
from llmprobe.facts.engine import Abilities, Profile
from llmprobe.facts.machine import EngineOnMachine, LoadedModel
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice

NAME = "vllm"
PROFILES: dict[str, Profile] = {}
ABILITIES = Abilities(
    experts_on_host=False,
    partial=False,
    tensor_split=False,
    cache_types=("f16",),
    kv_on_host=False,
    ubatch_sizes=(512,),
    backends=("cuda", "rocm"),
    notes=(
        "vLLM cannot leave layers of a GGUF file on the CPU: the model must fit the GPUs whole",
        "vLLM's own buffers are not modelled: it takes 0.9 of each GPU's whole memory and fills what the weights leave "
        "with cache; where less is free, lower --gpu-memory-utilization",
    ),
)
NOT_LOADED = NOT_IN_LLAMA_CPP
PORT = 8000


def observe(source: Source) -> tuple[EngineOnMachine, ...]:
    """
    Return vLLM's server where one answers on its usual port. Its command is not asked: that takes seconds.
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
                LoadedModel(name=text(one.get("id")) or "a model", ctx_size=count(one.get("max_model_len")))
                for one in mine
            ),
            evidence=(f"get:{url}/v1/models",),
        ),
    )


def command(choice: Choice, model: ModelSpec, backend: str | None) -> str:
    """
    Return the ``vllm serve`` line of a choice, or the sentence why vLLM cannot run it.
    """
    if backend not in ABILITIES.backends:
        return "# vLLM runs GGUF files on NVIDIA and AMD GPUs only; use --engine llama.cpp"
    if choice.gpu_layers < choice.total_layers or choice.n_cpu_moe:
        return f"# {ABILITIES.notes[0]}; use --engine llama.cpp"
    words = environment_words(_environment(choice, backend))
    words += ["vllm", "serve", shell_word(model_file(choice, model))]
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
    return " ".join(words)


def _environment(choice: Choice, backend: str | None) -> dict[str, str]:
    """
    Return what shows vLLM the devices in use: by number, as it ends on their UUIDs (vllm-project/vllm#20939).

    An instance of a divided device has no number, so that its UUID is all that there is.
    """
    if choice.use_devices is None:
        return choice.environment
    numbers = ",".join(map(str, choice.device_numbers))
    if backend == "rocm":
        return {"HIP_VISIBLE_DEVICES": numbers}
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": numbers}
