"""
vLLM: whether its server runs here, and the line that serves a choice where vLLM can express it.

Source: the package vllm 0.33.0 (engine/arg_utils.py, whose options are in data/vllm_options.json), its server's
/version and /v1/models. GGUF files left it in 0.24 (vllm-project/vllm#39612); a plug-in loads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llmprobe.engines._record import Engine
from llmprobe.engines._shared.shell import is_address, line, shown, uneven, visible
from llmprobe.engines._shared.values import UNNAMED, count, field, records, text
from llmprobe.facts.answer import Source
from llmprobe.facts.engine import Abilities
from llmprobe.facts.machine import EngineOnMachine, LoadedModel
from llmprobe.harmless import shell_word
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.facts.fleet import Launcher, Node
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import Choice
    from llmprobe.facts.serving import ServingSettings

NAME = "vllm"
ABILITIES = Abilities(backends=("cuda", "rocm"))
PORT = 8000
PARTITION = "VLLM_PP_LAYER_PARTITION"
"""How many layers each stage of a pipeline has. Source: vLLM 0.33, distributed/utils.py: get_pp_indices."""
HOST_IP = "VLLM_HOST_IP"
"""Which of its addresses a machine tells the others."""
RAY_PORT = 6379
RAY_STORE_BYTES = 1_000_000_000
"""What Ray's store of objects may take, which is a third of the RAM unless told: vLLM puts nearly nothing there."""


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
    Why vLLM cannot run a choice: it is one of a GGUF file, or there is no GPU.
    """
    if backend not in ABILITIES.backends:
        return (message("engine.vllm-gpus-only"),)
    return (message("engine.vllm-no-gguf"),) if choice.serving is None else ()


def command(choice: Choice, model: ModelSpec, backend: str | None) -> str | None:  # noqa: ARG001 - the shape of Command
    """
    The ``vllm serve`` line of a choice: every setting that its figures stand on. None where vLLM cannot run it, or
    where no place of the weights is known.
    """
    serving = choice.serving
    if backend not in ABILITIES.backends or serving is None:
        return None
    place = serving.checkpoint.folder or serving.checkpoint.repository
    if place is None:
        return None
    return line(choice, visible(choice, backend), _words(place, serving.settings))


def _words(place: str, run: ServingSettings) -> list[str]:
    """
    The words of the server's command.
    """
    words = ["vllm", "serve", shell_word(place)]
    for option, value, default in (
        ("--tensor-parallel-size", run.tensor_parallel_size, 1),
        ("--pipeline-parallel-size", run.pipeline_parallel_size, 1),
        ("--decode-context-parallel-size", run.decode_context_parallel_size, 1),
        ("--max-model-len", run.max_model_len, None),
        ("--max-num-seqs", run.max_num_seqs, None),
        ("--max-num-batched-tokens", run.max_num_batched_tokens, None),
        ("--gpu-memory-utilization", f"{run.gpu_memory_utilization:g}", None),
        ("--kv-cache-dtype", run.kv_cache_dtype, "auto"),
        ("--kv-cache-memory-bytes", run.kv_cache_memory_bytes, None),
    ):
        if value is not None and value != default:
            words += [option, str(value)]
    words += ["--enable-expert-parallel"] if run.enable_expert_parallel else []
    words += ["--enforce-eager"] if run.enforce_eager else []
    return words


def across(
    choice: Choice, backend: str | None, nodes: Sequence[Node], launcher: Launcher
) -> tuple[tuple[int, str], ...]:
    """
    What is typed on each machine: the server's line with its rank, or Ray first and then one line of the server.

    Source: vLLM 0.33, config/parallel.py, entrypoints/cli/serve.py (run_headless: a machine without the server's port)
    and docs/serving/parallelism_scaling.md.
    """
    serving = choice.serving
    place = None if serving is None else serving.checkpoint.folder or serving.checkpoint.repository
    if serving is None or place is None or backend not in ABILITIES.backends:
        return ()
    words, main = _words(place, serving.settings), shell_word(nodes[0].address)
    parts = uneven(PARTITION, nodes)
    found = []
    for rank, node in enumerate(nodes):
        environment = shown(node, backend) | ({HOST_IP: node.address} if is_address(node.address) else {})
        if launcher == "ray":
            started = ["ray", "start", "--head", "--port", str(RAY_PORT)]
            if rank:
                started = ["ray", "start", "--address", f"{main}:{RAY_PORT}"]
            if node.unified:
                started += ["--object-store-memory", str(RAY_STORE_BYTES), "--include-dashboard=false"]
            found.append((rank, line(choice, environment, started)))
            continue
        # The launcher's options are those of the engine; that of a machine without a port is the command's own.
        mine = ["--nnodes", str(len(nodes)), "--node-rank", str(rank), "--master-addr", main]
        environment |= parts
        found.append((rank, line(choice, environment, [*words, *mine, *(["--headless"] if rank else [])])))
    if launcher == "ray":
        environment = {HOST_IP: nodes[0].address} if is_address(nodes[0].address) else {}
        # Ray's workers get vLLM's variables from here (ray/ray_env.py).
        environment |= parts
        found.append((0, line(choice, environment, [*words, "--distributed-executor-backend", "ray"])))
    return tuple(found)


ENGINE = Engine(
    name=NAME,
    observe=observe,
    command=command,
    remarks=remarks,
    kept_on=("huggingface",),
    memory="vllm",
    across=across,
    launchers=("mp", "ray"),
    abilities=ABILITIES,
)
