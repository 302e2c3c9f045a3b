"""
vLLM's memory: a stated part of each device, less weights, the peak of a step and graphs, is its pool of cache.

Source: vLLM 0.33 (v1/worker/gpu_worker.py, v1/core/kv_cache_planning.py); what earlier versions did otherwise is said
where it counts.
"""

from llmprobe.estimation.serving.vllm.model import MODEL

__all__ = ["MODEL"]
