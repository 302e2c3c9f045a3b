"""
``llmprobe estimate``: what one fixed configuration takes, device by device and term by term.
"""

from typing import Any

import click

from llmprobe.cli import say, serving
from llmprobe.cli.command import Choice, Command, argument, option
from llmprobe.cli.language import spoken
from llmprobe.cli.options import (
    ALL,
    CACHE_TYPES,
    at_least,
    context,
    json_option,
    layers,
    listed,
    one_model,
    split,
)
from llmprobe.cli.serving import serving_options
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.site.assumed import Backend
from llmprobe.words.message import message

BACKENDS = Choice(("cuda", "rocm", "vulkan", "metal", "sycl", "cpu"))


@click.command(
    "estimate",
    cls=Command,
    help="help.estimate",
    short_help="help.short.estimate",
    examples=(
        "llmprobe estimate llama3-70b --quant Q4_K_M -c 8k -ngl 43",
        "llmprobe estimate gemma-3-27b -c 128k --explain",
        "llmprobe estimate ./model.gguf --devices 2 --backend cuda --json",
    ),
)
@argument("named", required=False, metavar="MODEL")
@option("-m", "--model", metavar="MODEL", help="help.recommend.model")
@option("--quant", metavar="Q", help="help.estimate.quant")
@option("-c", "--ctx-size", callback=context, default="0", metavar="N", help="help.estimate.ctx-size")
@option("-ngl", "--gpu-layers", callback=layers, metavar="N|all", help="help.estimate.gpu-layers")
@option("--n-cpu-moe", callback=at_least(0), default=None, metavar="N", help="help.estimate.n-cpu-moe")
@option("--cpu-moe", is_flag=True, help="help.estimate.cpu-moe")
@option(
    "-ot",
    "--override-tensor",
    multiple=True,
    metavar="PATTERN=BUFFER",
    help="help.estimate.override-tensor",
)
@option(
    "-ncffn", "--n-cpu-ffn", callback=at_least(0), default="0", metavar="N", help="help.estimate.n-cpu-ffn"
)
@option("--moe-cache-mib", callback=at_least(0), default="0", metavar="N", help="help.estimate.moe-cache-mib")
@option("-ctk", "--cache-type-k", type=CACHE_TYPES, default="f16", help="help.estimate.cache-type-k")
@option("-ctv", "--cache-type-v", type=CACHE_TYPES, default="f16", help="help.estimate.cache-type-v")
@option("-fa", "--flash-attn", type=Choice(("on", "off", "auto")), help="help.estimate.flash-attn")
@option("-b", "--batch-size", callback=at_least(1), metavar="N", help="help.estimate.batch-size")
@option("-ub", "--ubatch-size", callback=at_least(1), metavar="N", help="help.estimate.ubatch-size")
@option("-np", "--parallel", callback=at_least(1), metavar="N", help="help.estimate.parallel")
@option("--kv-unified/--no-kv-unified", default=None, help="help.estimate.kv-unified")
@option(
    "-sm",
    "--split-mode",
    type=Choice(("none", "layer", "row", "tensor")),
    default="layer",
    help="help.estimate.split-mode",
)
@option("-ts", "--tensor-split", callback=split, metavar="A,B,...", help="help.estimate.tensor-split")
@option("-nkvo", "--no-kv-offload", is_flag=True, help="help.estimate.no-kv-offload")
@option("--no-op-offload", is_flag=True, help="help.estimate.no-op-offload")
@option("--swa-full", is_flag=True, help="help.estimate.swa-full")
@option("--no-repack", is_flag=True, help="help.estimate.no-repack")
@option("--outputs-max", callback=at_least(0), metavar="N", help="help.estimate.outputs-max")
@option("-md", "--model-draft", metavar="MODEL", help="help.estimate.model-draft")
@option("--quant-draft", metavar="Q", help="help.estimate.quant-draft")
@option("--spec-type", metavar="TYPE,...", help="help.estimate.spec-type")
@option("--spec-draft-n-max", callback=at_least(0), metavar="N", help="help.estimate.spec-draft-n-max")
@option("-ctkd", "--cache-type-k-draft", type=CACHE_TYPES, help="help.estimate.cache-type-k-draft")
@option("-ctvd", "--cache-type-v-draft", type=CACHE_TYPES, help="help.estimate.cache-type-v-draft")
@option(
    "-ngld", "--gpu-layers-draft", callback=layers, metavar="N|all", help="help.estimate.gpu-layers-draft"
)
@option("-devd", "--device-draft", metavar="NAME,...", help="help.estimate.device-draft")
@option("-mm", "--mmproj", metavar="FILE|auto|none", help="help.estimate.mmproj")
@option("--no-mmproj-offload", is_flag=True, help="help.estimate.no-mmproj-offload")
@option("--image-min-tokens", callback=at_least(1), metavar="N", help="help.estimate.image-min-tokens")
@option("--image-max-tokens", callback=at_least(1), metavar="N", help="help.estimate.image-max-tokens")
@option("--lora", multiple=True, metavar="FILE,...", help="help.estimate.lora")
@option("--control-vector", multiple=True, metavar="FILE,...", help="help.estimate.control-vector")
@option("--embeddings", "--embedding", is_flag=True, help="help.estimate.embeddings")
@option("--reranking", "--rerank", is_flag=True, help="help.estimate.reranking")
@option("--pooling", type=Choice(("none", "mean", "cls", "last", "rank")), help="help.estimate.pooling")
@option("--engine", metavar="PROGRAM", help="help.estimate.engine")
@option("--devices", callback=at_least(0), metavar="N", help="help.estimate.devices")
@option("--backend", type=BACKENDS, default=None, help="help.estimate.backend")
@option(
    "--rpc", multiple=True, callback=listed, metavar="HOST:PORT[=SIZE|=CARD],...", help="help.estimate.rpc"
)
@option("--prompt-tokens", callback=at_least(1), metavar="N", help="help.estimate.prompt-tokens")
@option("--explain", is_flag=True, help="help.estimate.explain")
@serving_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    named: str | None,
    model: str | None,
    explain: bool,
    prompt_tokens: int | None,
    as_json: bool,
    devices: int | None,
    backend: Backend | None,
    model_draft: str | None,
    quant_draft: str | None,
    rpc: tuple[str, ...],
    lora: tuple[str, ...],
    control_vector: tuple[str, ...],
    **options: Any,
) -> int:
    """
    Estimate one configuration; that it does not fit is an answer too.
    """
    from llmprobe import api

    target: Target = ctx.obj
    wanted = one_model(model, named, command="llmprobe estimate", example="llama3-70b")
    if options["engine"] is not None and serving.is_asked(options["engine"]):
        return serving.answer(target, ctx, wanted, options["engine"], {**options, "as_json": as_json})
    serving.refuse_here(ctx)
    options = {name: value for name, value in options.items() if name not in serving.names()}
    assumed = devices is not None or backend is not None
    if assumed and not target.is_live:
        raise UsageError(message("error.two-kinds-of-devices"), hint=message("hint.one-of-them"))
    snapshot = None if assumed else target.snapshot()
    spec = api.load_model(wanted, quant=options["quant"], snapshot=snapshot)
    beside: dict[str, Any] = {}
    if model_draft is not None:
        beside["draft_model"] = api.load_model(model_draft, quant=quant_draft, snapshot=snapshot, draft=True)
    if quant_draft is not None:
        beside["draft_quant"] = quant_draft
    files = [file for several in (*lora, *control_vector) for file in several.split(",")]
    if files:
        beside["adapters"] = tuple(api.load_adapter(file) for file in files)
    answer = api.estimate(
        spec,
        snapshot=snapshot,
        devices=devices,
        backend=backend,
        rpc=rpc,
        explain=explain,
        prompt_tokens=prompt_tokens,
        **beside,
        **_settings(**options),
    )
    say.warn(answer.warnings)
    if as_json:
        say.document(answer)
    else:
        from llmprobe.output.text import pages

        origin = "assumed" if snapshot is None else snapshot.origin
        pages.show_estimate(answer, spoken(), origin=origin, explain=explain)
    return 0


def _settings(
    *,
    gpu_layers: int | None,
    n_cpu_moe: int | None,
    cpu_moe: bool,
    no_kv_offload: bool,
    no_op_offload: bool,
    no_repack: bool,
    mmproj: str | None,
    no_mmproj_offload: bool,
    image_min_tokens: int | None,
    image_max_tokens: int | None,
    spec_type: str | None,
    spec_draft_n_max: int | None,
    cache_type_k_draft: str | None,
    cache_type_v_draft: str | None,
    gpu_layers_draft: int | None,
    device_draft: str | None,
    embeddings: bool,
    reranking: bool,
    pooling: str | None,
    **others: Any,
) -> dict[str, Any]:
    if cpu_moe and n_cpu_moe is not None:
        raise UsageError(message("error.all-experts-and-some"), hint=message("hint.one-of-them"))
    beside = {
        "embeddings": True if embeddings or reranking else None,
        "pooling": "rank" if reranking else pooling,
        "spec_type": spec_type,
        "spec_draft_n_max": spec_draft_n_max,
        "spec_draft_type_k": cache_type_k_draft,
        "spec_draft_type_v": cache_type_v_draft,
        "spec_draft_ngl": None if gpu_layers_draft == ALL else gpu_layers_draft,
        "spec_draft_device": None if device_draft is None else device_draft.split(","),
    }
    return {
        "gpu_layers": None if gpu_layers == ALL else gpu_layers,
        "n_cpu_moe": n_cpu_moe or 0,
        "cpu_moe": cpu_moe,
        "kv_offload": not no_kv_offload,
        "op_offload": not no_op_offload,
        "repack": not no_repack,
        "mmproj": mmproj or "auto",
        "mmproj_offload": not no_mmproj_offload,
        "image_min_tokens": image_min_tokens or 0,
        "image_max_tokens": image_max_tokens or 0,
        **{name: value for name, value in beside.items() if value is not None},
        **others,
    }
