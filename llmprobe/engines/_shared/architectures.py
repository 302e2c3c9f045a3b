"""
Architectures whose tensors are known here and that llama.cpp's loader refuses.

Source: llama.cpp b11549, src/llama-arch.cpp (LLM_ARCH_NAMES), which lacks them.
"""

NOT_IN_LLAMA_CPP = frozenset({"mllama", "solar"})

WITHOUT_FAMILY = frozenset(
    {
        "arwkv7",
        "chameleon",
        "cogvlm",
        "deepseek2-ocr",
        "grovemoe",
        "jais2",
        "paddleocr",
        "pangu-embedded",
        "plamo2",
        "plm",
        "rwkv6",
        "rwkv6qwen2",
        "rwkv7",
        "t5",
        "t5encoder",
        "wavtokenizer-dec",
    }
)
"""Architectures that llama.cpp loads and whose tensors are not known here (gguf 0.19, MODEL_ARCH_NAMES)."""
