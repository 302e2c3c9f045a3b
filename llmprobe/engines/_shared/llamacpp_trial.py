"""
A short run of llama.cpp's programs on chosen settings: their words, and what they print of buffers and speeds.

Source: llama.cpp b11549, common/arg.cpp, tools/llama-bench/llama-bench.cpp, common/fit.cpp (``common_fit_print``),
src/llama-model.cpp and src/llama-context.cpp (the lines of sizes). Words are those of no shell: a list.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from llmprobe.facts.settings import Settings

SERVER, BENCH, FIT = "llama-server", "llama-bench", "llama-fit-params"
WITHOUT_MMAP = (("--load-mode", "none"), ("--no-mmap",))
"""
What loads all weights into buffers, whose sizes are those of the tensors: mapped, the log has the span of the file.
The first is that of builds of the second half of 2026, the second the older word.
"""

_SIZE = r"(\S+)\s+(model|KV|RS|output|compute) buffer size\s*=\s*([0-9]{1,12}(?:\.[0-9]+)?) MiB"
_KINDS = {"model": "weights", "KV": "cache", "RS": "cache", "output": "output", "compute": "compute"}
_MIB = 1024 * 1024
_LOGGED_TO = 0.005
"""MiB: half of the last digit that a log has."""

_MOST_LINES = 400


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is to be run: a file, settings, the layers on devices, and the devices by the engine's names (None: its own
    choice, an empty list: none).
    """

    path: str
    settings: Settings
    gpu_layers: int
    devices: tuple[str, ...] | None = None


class Logged(msgspec.Struct, frozen=True):
    """
    The bytes of a buffer, and by how much they may differ for the digits that the log has.
    """

    bytes: int
    exact_to: int


def server_words(trial: Trial) -> list[str]:
    """
    The words of llama-server, without a place to listen at.
    """
    settings = trial.settings
    words = _common(trial, ",", ",")
    words += ["-c", str(settings.ctx_size), "-np", str(settings.parallel)]
    if not settings.kv_offload:
        words.append("-nkvo")
    if not settings.op_offload:
        words.append("--no-op-offload")
    if not settings.repack:
        words.append("--no-repack")
    if settings.swa_full:
        words.append("--swa-full")
    words.append("--kv-unified" if settings.kv_unified else "--no-kv-unified")
    return [*words, "--no-mmproj", "--fit", "off"]


def fit_words(trial: Trial) -> list[str]:
    """
    The words with which llama-fit-params prints what a load would take.
    """
    words = _common(trial, ",", ",")
    words += ["-c", str(trial.settings.ctx_size), "-np", str(trial.settings.parallel)]
    words += [] if trial.settings.kv_offload else ["-nkvo"]
    return [*words, "--fit-print", "on"]


def bench_words(trial: Trial, *, prompt: int, generated: int) -> list[str]:
    """
    The words with which llama-bench prints the speed of a prompt and of generation as JSON.
    """
    settings = trial.settings
    words = _common(trial, "/", ";")
    words += ["-nkvo", "0" if settings.kv_offload else "1", "-nopo", "0" if settings.op_offload else "1"]
    return [*words, "-p", str(prompt), "-n", str(generated), "-r", "2", "-o", "json"]


def _common(trial: Trial, between: str, overrides: str) -> list[str]:
    settings = trial.settings
    words = ["-m", trial.path, "-ngl", str(trial.gpu_layers)]
    if trial.devices is not None:
        words += ["-dev", between.join(trial.devices) or "none"]
    if settings.n_cpu_moe:
        words += ["-ncmoe", str(settings.n_cpu_moe)]
    moved = [
        *(rf"blk\.{layer}\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU" for layer in settings.cpu_moe_layers),
        *settings.override_tensor,
    ]
    if moved:
        words += ["-ot", overrides.join(moved)]
    if settings.split_mode != "layer":
        words += ["-sm", settings.split_mode]
    if settings.tensor_split:
        words += ["-ts", between.join(f"{share:g}" for share in settings.tensor_split)]
    words += ["-ctk", settings.cache_type_k, "-ctv", settings.cache_type_v, "-fa", settings.flash_attn]
    return [*words, "-b", str(settings.batch_size), "-ub", str(settings.ubatch_size)]


def logged(log: str, names: Mapping[str, str]) -> dict[tuple[str, str], Logged]:
    """
    The buffers of a load by device and kind. ``names`` are the ids of devices by the engine's names of them.

    What is of no device is the host's: ``CPU``, ``CPU_REPACK``, ``CUDA_Host``.
    """
    found: dict[tuple[str, str], Logged] = {}
    for name, kind, size in re.findall(_SIZE, log):
        key = (_device(name, names), _KINDS[kind])
        before = found.get(key, Logged(0, 0))
        found[key] = Logged(
            before.bytes + round(float(size) * _MIB), before.exact_to + round(_LOGGED_TO * _MIB) + 1
        )
    return found


def lines_of_sizes(log: str) -> tuple[str, ...]:
    """
    The lines of a log that state sizes, from the name of the buffer on.
    """
    return tuple(match[0] for match in re.finditer(_SIZE, log))[:_MOST_LINES]


def fitted(printed: str, names: Mapping[str, str]) -> dict[tuple[str, str], Logged]:
    """
    What llama-fit-params printed: whole MiB, cut off, of model, context and compute for each device and the host.
    """
    found: dict[tuple[str, str], Logged] = {}
    for line in printed.splitlines():
        words = line.split()
        if len(words) == 4 and all(word.isdecimal() and len(word) < 12 for word in words[1:]):
            device = "host" if words[0] == "Host" else names.get(words[0])
            if device is None:
                continue
            for kind, size in zip(("weights", "cache", "compute"), words[1:], strict=True):
                found[device, kind] = Logged(int(size) * _MIB, _MIB)
    return found


def benched(printed: str) -> dict[str, float]:
    """
    Tokens per second that llama-bench printed as JSON, by ``prompt`` and ``generation``.
    """
    start = printed.find("[")
    try:
        rows = msgspec.json.decode(printed[start:] if start >= 0 else "[]")
    except (msgspec.DecodeError, RecursionError):
        return {}
    found = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("avg_ts"), int | float) and row["avg_ts"] > 0:
            found["generation" if row.get("n_gen") else "prompt"] = float(row["avg_ts"])
    return found


def timed(answer: object) -> dict[str, float]:
    """
    Tokens per second in the ``timings`` of a completion of llama-server.
    """
    timings = answer.get("timings") if isinstance(answer, dict) else None
    if not isinstance(timings, dict):
        return {}
    names = {"prompt": "prompt_per_second", "generation": "predicted_per_second"}
    rates = {of: timings.get(name) for of, name in names.items()}
    return {of: float(rate) for of, rate in rates.items() if isinstance(rate, int | float) and rate > 0}


def _device(name: str, names: Mapping[str, str]) -> str:
    for prefix, device in names.items():
        if re.match(rf"{re.escape(prefix)}(?:\D|$)", name):
            return device
    return "host"


def without_folder(words: Sequence[str], path: str) -> tuple[str, ...]:
    """
    The words of a command with the name of the model's file alone.
    """
    name = path.replace("\\", "/").rpartition("/")[2]
    return tuple(name if word == path else word for word in words)
