"""
Architectures whose tensors are known here and that llama.cpp's loader refuses.

Source: llama.cpp b11549, src/llama-arch.cpp (LLM_ARCH_NAMES), which lacks them.
"""

NOT_IN_LLAMA_CPP = frozenset({"mllama", "solar"})
