"""
Which splits over several devices llama.cpp refuses, and why.

Source: llama.cpp b11549, src/llama.cpp (``llama_prepare_model_devices``), src/llama-model.cpp
(``make_gpu_buft_list``), ggml/src/ggml-sycl/ggml-sycl.cpp, ggml/src/ggml-backend.cpp, src/llama-arch.cpp
(``llm_arch_supports_sm_tensor``), src/llama-context.cpp (``llama_init_from_model``).
"""

from llmprobe.errors import RefusedError
from llmprobe.facts.backends import BACKENDS, label
from llmprobe.facts.devices import Hardware
from llmprobe.facts.settings import Settings
from llmprobe.words.message import message

NOT_SPLIT = frozenset(
    {
        "bailingmoe3",
        "bitnet",
        "deepseek2",
        "deepseek32",
        "dots3note",
        "falcon-h1",
        "gemma3n",
        "glm-dsa",
        "glm5-next",
        "granitehybrid",
        "grok",
        "hy_v4",
        "jamba",
        "kimi-k3",
        "kimi-linear",
        "mamba",
        "mamba2",
        "minicpm3",
        "minimax-01",
        "minimax-m2",
        "minimax-m3",
        "mistral4",
        "mpt",
        "nemotron_h",
        "nemotron_h_moe",
        "olmo2",
        "olmoe",
        "plamo2",
        "qwen3tts",
        "t5",
    }
)
"""Architectures that llama.cpp refuses to split by tensors."""


def can_be_sliced(architecture: str) -> bool:
    """
    Whether llama.cpp splits the tensors of an architecture.
    """
    return architecture not in NOT_SPLIT


def refuse_split(settings: Settings, hardware: Hardware, architecture: str) -> None:
    """
    Refuse a split by rows or tensors that llama.cpp refuses, or ends with.

    SYCL alone has buffers that are split by rows. Its devices do not accept them (``supports_buft``), so that the
    scheduler ends at the first weight in one; docs/backend/SYCL.md of b11549 says that such a split is not supported.

    Raises:
        RefusedError: the architecture, the backend or another setting rules it out.
    """
    by_layers = message("hint.split-by-layers")
    if settings.split_mode == "row" and hardware.devices:
        other = next((one for one in hardware.devices if not BACKENDS[one.backend].rows), None)
        if other is not None:
            raise RefusedError(
                message("error.no-split-buffers", device=other.id, backend=label(other.backend)),
                hint=message("hint.split-by-tensors-or-layers"),
            )
        raise RefusedError(message("error.rows-not-estimated"), hint=by_layers)
    if settings.split_mode != "tensor":
        return
    if not can_be_sliced(architecture):
        raise RefusedError(
            message("error.tensor-split-refused", architecture=architecture),
            hint=by_layers,
        )
    if not hardware.devices:
        raise RefusedError(message("error.tensor-split-without-devices"), hint=by_layers)
    if settings.flash_attn == "off":
        raise RefusedError(
            message("error.tensor-split-needs-flash-attention"),
            hint=message("hint.flash-attention-on-or-layers"),
        )
