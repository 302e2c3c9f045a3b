"""
Architectures whose tensors are known here and that llama.cpp's loader refuses.

Source: llama.cpp b11549, src/llama-arch.cpp (LLM_ARCH_NAMES), which lacks them.
"""

NOT_IN_LLAMA_CPP = frozenset({"mllama", "solar"})

WITHOUT_FAMILY = frozenset(
    {
        "bailingmoe3",
        "deepseek4",
        "dots3note",
        "glm5-next",
        "hy_v4",
        "kimi-k3",
        "qwen4exp",
    }
)
"""Architectures of text models that llama.cpp loads and whose tensors are not known here."""
