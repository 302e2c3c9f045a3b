"""
SGLang's memory: a stated part of what is free is weights and cache together, and nothing is measured.

Source: SGLang 0.5.23, srt/arg_groups/memory_hook.py and srt/mem_cache/kv_cache_configurator.py.
"""

from llmprobe.estimation.serving.sglang.model import MODEL

__all__ = ["MODEL"]
