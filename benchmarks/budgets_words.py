"""
What a printed command makes an engine do: its words read back into settings and hardware.

Nothing is taken from the search that printed it. A word that is not known here is refused, as it might change
what is allocated. Sources: llama.cpp b11549, common/arg.cpp (words), src/llama.cpp (which devices are used),
tools/server/server.cpp (slots); Ollama's Modelfile and environment.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import Settings
from llmprobe.site.drivers import driver_of

EXPERTS = re.compile(r"\.ffn_(up|down|gate|gate_up)_(ch|)exps")
"""The tensors that ``--n-cpu-moe`` keeps on the host."""

_WITH_VALUE = {
    "-m": "file",
    "--model": "file",
    "-c": "ctx_size",
    "--ctx-size": "ctx_size",
    "-np": "parallel",
    "--parallel": "parallel",
    "-ngl": "gpu_layers",
    "--gpu-layers": "gpu_layers",
    "-ncmoe": "n_cpu_moe",
    "--n-cpu-moe": "n_cpu_moe",
    "-ts": "tensor_split",
    "--tensor-split": "tensor_split",
    "-sm": "split_mode",
    "--split-mode": "split_mode",
    "-ot": "override",
    "--override-tensor": "override",
    "-ctk": "cache_type_k",
    "--cache-type-k": "cache_type_k",
    "-ctv": "cache_type_v",
    "--cache-type-v": "cache_type_v",
    "-fa": "flash_attn",
    "--flash-attn": "flash_attn",
    "-b": "batch_size",
    "--batch-size": "batch_size",
    "-ub": "ubatch_size",
    "--ubatch-size": "ubatch_size",
    "-dev": "device",
    "--device": "device",
    "--fit": "fit",
    "--mmproj": "mmproj",
    "--image-min-tokens": "image_min_tokens",
    "--image-max-tokens": "image_max_tokens",
}
_ALONE = {
    "-nkvo": "no_kv_offload",
    "--no-kv-offload": "no_kv_offload",
    "--no-op-offload": "no_op_offload",
    "-nr": "no_repack",
    "--no-repack": "no_repack",
    "-cmoe": "cpu_moe",
    "--cpu-moe": "cpu_moe",
    "-kvu": "kv_unified",
    "--kv-unified": "kv_unified",
    "--swa-full": "swa_full",
    "--embedding": "embedding",
    "--no-mmproj-offload": "no_mmproj_offload",
}
_DEVICE_NAMES = {"CUDA": "cuda", "ROCm": "rocm", "Vulkan": "vulkan", "MTL": "metal", "SYCL": "sycl"}
_VISIBLE = {
    "CUDA_VISIBLE_DEVICES": "cuda",
    "HIP_VISIBLE_DEVICES": "rocm",
    "ROCR_VISIBLE_DEVICES": "rocm",
    "GGML_VK_VISIBLE_DEVICES": "vulkan",
}


class UnreadableError(Exception):
    """
    A command that no engine would read, or of which it is not known here what it does.
    """


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an engine was told to do with a file.
    """

    file: str
    settings: Settings
    hardware: Hardware


def llama_cpp(line: str, snapshot: Snapshot, model: ModelSpec, backend: str | None) -> Configuration:
    """
    The configuration that a llama-server or llama-cli command line sets up, run by a build for ``backend``.

    Raises:
        UnreadableError: a word is missing or not known, or names what is not there.
    """
    environment, words = _environment(shlex.split(line))
    if words[:1] not in (["llama-server"], ["llama-cli"]):
        raise UnreadableError(f"{words[:1]} is no program of llama.cpp")
    said = _options(words[1:])
    if said.get("fit") != "off":
        raise UnreadableError("without --fit off the engine changes what was printed")
    if words[0] == "llama-server" and "parallel" not in said:
        raise UnreadableError("without -np the server takes four slots")
    devices = _devices(snapshot, backend, said.get("device"), environment)
    shares = (
        tuple(float(share) for share in said["tensor_split"].split(",")) if "tensor_split" in said else ()
    )
    if len(shares) > len(devices):
        raise UnreadableError(f"-ts names {len(shares)} devices, and {len(devices)} are used")
    layers = 1 + max((one.layer for one in model.tensors if one.layer is not None), default=-1)
    return Configuration(
        file=said["file"],
        settings=Settings(
            ctx_size=int(said["ctx_size"]),
            parallel=int(said.get("parallel", 1)),
            batch_size=int(said.get("batch_size", 2048)),
            ubatch_size=int(said.get("ubatch_size", 512)),
            cache_type_k=said.get("cache_type_k", "f16"),
            cache_type_v=said.get("cache_type_v", "f16"),
            flash_attn=_one_of(said.get("flash_attn", "auto"), ("auto", "on", "off")),
            kv_unified="kv_unified" in said,
            swa_full="swa_full" in said,
            gpu_layers=int(said["gpu_layers"]),
            n_cpu_moe=layers if "cpu_moe" in said else int(said.get("n_cpu_moe", 0)),
            cpu_moe_layers=_overridden(model, said.get("override", "")),
            split_mode=_one_of(said.get("split_mode", "layer"), ("none", "layer", "tensor")),
            tensor_split=shares,
            kv_offload="no_kv_offload" not in said,
            op_offload="no_op_offload" not in said,
            repack="no_repack" not in said,
            # A file that is given is loaded, and none that is not: -m alone looks for nothing beside it.
            mmproj="auto" if "mmproj" in said else "none",
            mmproj_offload="no_mmproj_offload" not in said,
            image_min_tokens=int(said.get("image_min_tokens", 0)),
            image_max_tokens=int(said.get("image_max_tokens", 0)),
        ),
        hardware=Hardware(devices=devices, cpu=_cpu(snapshot)),
    )


def ollama(text: str, snapshot: Snapshot, _model: ModelSpec, backend: str | None) -> Configuration:
    """
    The configuration that the printed shell lines for Ollama set up on a machine.

    Raises:
        UnreadableError: a line is missing or not known.
    """
    environment: dict[str, str] = {}
    said: dict[str, str] = {}
    for line in text.splitlines():
        start = re.fullmatch(r"# (.+) ollama serve", line)
        if start:
            environment, rest = _environment(shlex.split(start[1]))
            if rest:
                raise UnreadableError(f"{rest} is not understood")
        elif line.startswith("FROM "):
            said["file"] = line.removeprefix("FROM ").removeprefix("./")
        elif line.startswith("PARAMETER "):
            _, name, value = line.split()
            said[name] = value
    if unknown := said.keys() - {"file", "num_ctx", "num_gpu", "num_batch"}:
        raise UnreadableError(f"{sorted(unknown)} is not understood")
    parallel = int(environment.get("OLLAMA_NUM_PARALLEL", "1"))
    kind = environment.get("OLLAMA_KV_CACHE_TYPE", "f16")
    layers = int(said["num_gpu"])
    return Configuration(
        file=said["file"],
        settings=Settings(
            ctx_size=int(said["num_ctx"]) * parallel,
            parallel=parallel,
            ubatch_size=int(said["num_batch"]),
            cache_type_k=kind,
            cache_type_v=kind,
            gpu_layers=layers,
        ),
        hardware=Hardware(
            devices=_devices(snapshot, backend, None, environment) if layers else (), cpu=_cpu(snapshot)
        ),
    )


def _environment(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    rest = list(words)
    found: dict[str, str] = {}
    while rest and re.match(r"[A-Z][A-Z0-9_]*=", rest[0]):
        name, _, value = rest.pop(0).partition("=")
        found[name] = value
    return found, rest


def _options(words: Sequence[str]) -> dict[str, str]:
    """Return every option by its name here; what is said twice counts as it was said last, overrides together."""
    said: dict[str, str] = {}
    left = iter(words)
    for word in left:
        if word in _ALONE:
            said[_ALONE[word]] = ""
        elif word in _WITH_VALUE:
            name, value = _WITH_VALUE[word], next(left, None)
            if value is None:
                raise UnreadableError(f"{word} has no value")
            said[name] = f"{said[name]},{value}" if name == "override" and name in said else value
        else:
            raise UnreadableError(f"{word} is not understood")
    if missing := {"file", "ctx_size", "gpu_layers"} - said.keys():
        raise UnreadableError(f"{sorted(missing)} is not said")
    return said


def _devices(
    snapshot: Snapshot, backend: str | None, named: str | None, environment: Mapping[str, str]
) -> tuple[Device, ...]:
    """
    Return the devices that are used, in the engine's order: those named, or all that a build for ``backend`` sees.

    Integrated graphics are only used where there is nothing else, and of MIG instances CUDA shows the first.

    Raises:
        UnreadableError: a device is named that is not there, or one is used that is not to be.
    """
    if named == "none":
        return ()
    seen = [one for one in snapshot.accelerators if _is_seen(one, backend)]
    for variable, of_backend in _VISIBLE.items():
        if variable in environment and of_backend == backend:
            seen = [_visible(word, seen) for word in environment[variable].split(",")]
    instances = [one for one in seen if one.partition is not None and one.partition.kind == "mig"]
    seen = [one for one in seen if one not in instances[1:]]
    if named is not None:
        used = [_named(name, backend, seen) for name in named.split(",")]
    else:
        used = [one for one in seen if not one.integrated] or seen
    if unusable := [f"{one.id} ({one.why_not})" for one in used if not one.usable or not one.pools]:
        raise UnreadableError(f"it would use {', '.join(unusable)}")
    return tuple(_device(one, snapshot) for one in used)


def _is_seen(one: Accelerator, backend: str | None) -> bool:
    """Tell whether a build for a backend lists a device: ROCm all AMD cards with its driver, Vulkan everything."""
    if one.backend is None or one.hidden_by is not None:
        return False
    return one.backend == backend or backend == "vulkan" or (backend == "rocm" and one.vendor == "amd")


def _visible(word: str, seen: Sequence[Accelerator]) -> Accelerator:
    if word.isdecimal() and int(word) < len(seen):
        return seen[int(word)]
    found = [one for one in seen if one.uuid == word]
    if not found:
        raise UnreadableError(f"no device is {word}")
    return found[0]


def _named(name: str, backend: str | None, seen: Sequence[Accelerator]) -> Accelerator:
    match = re.fullmatch(r"([A-Za-z]+)(\d+)", name)
    if match is None or match[1] not in _DEVICE_NAMES:
        raise UnreadableError(f"{name} is no name of a device")
    if _DEVICE_NAMES[match[1]] != backend:
        raise UnreadableError(f"{name} is no device of a build for {backend}")
    if int(match[2]) >= len(seen):
        raise UnreadableError(f"there is no {name}: {len(seen)} such devices are seen")
    return seen[int(match[2])]


def _device(one: Accelerator, snapshot: Snapshot) -> Device:
    assert one.backend is not None
    pool = next(pool for pool in snapshot.pools if pool.id == one.pools[0])
    return Device(
        id=one.id,
        backend=one.backend,
        driver=driver_of(snapshot, one),
        name=one.name,
        pool=pool.id,
        free_bytes=pool.budget_bytes if pool.free_bytes is None else pool.free_bytes,
        compute_capability=one.compute_capability,
    )


def _overridden(model: ModelSpec, overrides: str) -> tuple[int, ...]:
    """
    Return the layers whose experts ``-ot`` keeps on the host.

    Raises:
        UnreadableError: it moves anything else, or a part of the experts of a layer.
    """
    experts = {one.name: one.layer for one in model.tensors if EXPERTS.search(one.name)}
    moved: set[str] = set()
    for override in filter(None, overrides.split(",")):
        pattern, is_one, place = override.partition("=")
        if not is_one or place != "CPU":
            raise UnreadableError(f"-ot {override} does not keep tensors in the buffer CPU")
        found = {one.name for one in model.tensors if re.search(pattern, one.name)}
        if not found or not found <= experts.keys():
            raise UnreadableError(f"-ot {override} moves {sorted(found - experts.keys()) or 'nothing'}")
        moved |= found
    layers = _layers(experts[name] for name in moved)
    partly = [name for name, layer in experts.items() if layer in layers and name not in moved]
    if partly:
        raise UnreadableError(f"-ot leaves {partly} where they are")
    return layers


def _layers(numbers: Iterable[int | None]) -> tuple[int, ...]:
    return tuple(sorted({number for number in numbers if number is not None}))


def _cpu(snapshot: Snapshot) -> Any:
    return "arm" if snapshot.host.machine.casefold().startswith(("arm", "aarch")) else "x86"


def _one_of(word: str, known: tuple[str, ...]) -> Any:
    if word not in known:
        raise UnreadableError(f"{word} is none of {', '.join(known)}")
    return word
