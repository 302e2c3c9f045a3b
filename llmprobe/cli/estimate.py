"""
``llmprobe estimate``: what one fixed configuration takes, device by device and term by term.
"""

from typing import Any

import click

from llmprobe.cli import say
from llmprobe.cli.options import ALL, CACHE_TYPES, at_least, context, json_option, layers, split
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.site.assumed import Backend

BACKENDS = ("cuda", "rocm", "vulkan", "metal", "sycl", "cpu")


@click.command("estimate", short_help="What one configuration takes, term by term.")
@click.argument("model")
@click.option(
    "--quant", metavar="Q", help="The quantization; a GGUF file has its own (Q4_K_M when not said)."
)
@click.option(
    "-c",
    "--ctx-size",
    callback=context,
    default="0",
    metavar="N",
    help="The context in tokens over all slots; 0 is what the model was trained for.",
)
@click.option("-ngl", "--gpu-layers", callback=layers, metavar="N|all", help="Layers on the GPUs.")
@click.option(
    "--n-cpu-moe",
    callback=at_least(0),
    default=None,
    metavar="N",
    help="Experts of the first N layers on the CPU.",
)
@click.option("--cpu-moe", is_flag=True, help="All experts on the CPU.")
@click.option(
    "-ot",
    "--override-tensor",
    multiple=True,
    metavar="PATTERN=CPU",
    help="Experts of the layers that match on the CPU, as recommend prints it; other tensors are refused.",
)
@click.option("-ctk", "--cache-type-k", type=CACHE_TYPES, default="f16", help="Type of the K cache.")
@click.option("-ctv", "--cache-type-v", type=CACHE_TYPES, default="f16", help="Type of the V cache.")
@click.option(
    "-fa", "--flash-attn", type=click.Choice(("on", "off", "auto")), default=None, help="Flash attention."
)
@click.option("-b", "--batch-size", callback=at_least(1), metavar="N", help="Logical batch.")
@click.option("-ub", "--ubatch-size", callback=at_least(1), metavar="N", help="Physical batch.")
@click.option("-np", "--parallel", callback=at_least(1), metavar="N", help="Slots.")
@click.option("--kv-unified/--no-kv-unified", default=None, help="One cache that all slots share.")
@click.option(
    "-sm", "--split-mode", type=click.Choice(("none", "layer")), default="layer", help="How GPUs share."
)
@click.option("-ts", "--tensor-split", callback=split, metavar="A,B,...", help="Proportion for each GPU.")
@click.option("-nkvo", "--no-kv-offload", is_flag=True, help="Keep the cache in RAM.")
@click.option(
    "--no-op-offload", is_flag=True, help="Do not send large operations on host weights to the GPU."
)
@click.option("--swa-full", is_flag=True, help="A full cache for layers with a sliding window.")
@click.option("--no-repack", is_flag=True, help="Do not repack weights for the CPU.")
@click.option("--outputs-max", callback=at_least(0), metavar="N", help="Rows of logits to reserve.")
@click.option(
    "--engine",
    metavar="PROGRAM",
    help="Whose defaults count: llama-server (also a build of it, llama-server@b9000), llama-bench, ollama, lmstudio.",
)
@click.option("--devices", callback=at_least(0), metavar="N", help="Assume N equal GPUs; probe nothing.")
@click.option(
    "--backend", type=click.Choice(BACKENDS), default=None, help="Assume this backend; probe nothing."
)
@click.option("--explain", is_flag=True, help="Add the rule of thumb, and why the exact figure differs.")
@json_option
@click.pass_obj
def command(
    target: Target,
    /,
    model: str,
    explain: bool,
    as_json: bool,
    devices: int | None,
    backend: Backend | None,
    **options: Any,
) -> int:
    """
    Estimate what MODEL takes in one configuration. Settings have llama.cpp's names.

    The answer says whether it fits; that it does not is an answer too, with exit code 0.

    \b
    Examples:
      llmprobe estimate llama3-70b --quant Q4_K_M -c 8192 -ngl 43
      llmprobe estimate gemma-3-27b -c 131072 --explain
      llmprobe estimate ./model.gguf --devices 2 --backend cuda --json
    """
    from llmprobe import api

    assumed = devices is not None or backend is not None
    if assumed and not target.is_live:
        raise UsageError(
            "--devices and --backend assume devices, and so do --replay and --gpu", hint="give one of them"
        )
    snapshot = None if assumed else target.snapshot()
    spec = api.load_model(model, quant=options["quant"], snapshot=snapshot)
    answer = api.estimate(
        spec,
        snapshot=snapshot,
        devices=devices,
        backend=backend,
        explain=explain,
        **_settings(**options),
    )
    say.warn(answer.warnings)
    if as_json:
        say.document(answer)
    else:
        from llmprobe.output.text import pages as human

        origin = "assumed" if snapshot is None else snapshot.origin
        human.show_estimate(answer, origin=origin, explain=explain)
    return 0


def _settings(
    *,
    gpu_layers: int | None,
    n_cpu_moe: int | None,
    cpu_moe: bool,
    no_kv_offload: bool,
    no_op_offload: bool,
    no_repack: bool,
    **others: Any,
) -> dict[str, Any]:
    if cpu_moe and n_cpu_moe is not None:
        raise UsageError("--cpu-moe already is every layer's experts", hint="give --cpu-moe or --n-cpu-moe N")
    return {
        "gpu_layers": None if gpu_layers == ALL else gpu_layers,
        "n_cpu_moe": n_cpu_moe or 0,
        "cpu_moe": cpu_moe,
        "kv_offload": not no_kv_offload,
        "op_offload": not no_op_offload,
        "repack": not no_repack,
        **others,
    }
