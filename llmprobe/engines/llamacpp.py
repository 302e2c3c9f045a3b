"""
llama.cpp: what its programs do when they are told nothing, and the command that runs a choice.

Source: llama.cpp b11549, tools/server/server.cpp, tools/llama-bench/llama-bench.cpp, common/common.h.
"""

import re

from llmprobe.facts.model import ModelSpec
from llmprobe.facts.plan import Choice, Profile

PROFILES: dict[str, Profile] = {
    "llama-server": Profile(
        engine="llama.cpp",
        program="llama-server",
        parallel=4,
        kv_unified=True,
        outputs="slots",
        notes=("keeps up to 8 GiB of finished prompts in host memory as it runs (--cache-ram)",),
    ),
    "llama-bench": Profile(engine="llama.cpp", program="llama-bench", outputs="ubatch", mmap=True),
}

_PLAIN = re.compile(r"[\w@%+=:,./-]+")
_DEVICE_NAMES = {"cuda": "CUDA", "rocm": "ROCm", "vulkan": "Vulkan", "metal": "MTL", "sycl": "SYCL"}


def command(choice: Choice, model: ModelSpec, backend: str | None) -> str:
    """
    Return the llama-server command line of a choice, with every setting that the choice stands on.

    ``--fit off`` keeps the engine from changing what was computed. ``backend`` is that of the devices in use.
    """
    words = [f"{name}={value}" for name, value in sorted(choice.environment.items())]
    words += ["llama-server", "-m", shell_word(model_file(choice, model))]
    words += ["-c", str(choice.ctx_size), "-np", str(choice.parallel)]
    if backend is None:
        words += ["--device", "none"]
    elif choice.use_devices is not None and not choice.environment:
        names = [device.replace("gpu", _DEVICE_NAMES[backend]) for device in choice.use_devices]
        words += ["--device", ",".join(names)]
    words += ["-ngl", str(choice.gpu_layers)]
    if choice.n_cpu_moe:
        words += ["--n-cpu-moe", str(choice.n_cpu_moe)]
    if choice.tensor_split:
        words += ["-ts", ",".join(f"{share:g}" for share in choice.tensor_split)]
    words += ["-ctk", choice.cache_type_k, "-ctv", choice.cache_type_v, "-fa", choice.flash_attn]
    words += ["-b", str(choice.batch_size), "-ub", str(choice.ubatch_size), "--fit", "off"]
    return " ".join(words)


def model_file(choice: Choice, model: ModelSpec) -> str:
    """
    Return the model's own file, or the name under which its quantization is customarily published.
    """
    if model.path is not None:
        return model.path
    base = (model.repo or model.id).rsplit("/", 1)[-1]
    return f"{base}-{choice.quant}.gguf"


def shell_word(text: str) -> str:
    """
    Return a word as a POSIX shell must be given it.
    """
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "'\\''") + "'"
