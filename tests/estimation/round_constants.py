"""
Constants of speed that are round, and shares whose times can be computed by hand.
"""

from typing import Any

from llmprobe.estimation.speed.parts import Share
from llmprobe.facts.processor import Processor

Row = dict[str, Any]


def device(**changes: Any) -> Row:
    usual: Row = {
        "backends": ["cuda"],
        "capabilities": None,
        "names": None,
        "bandwidth_up_to": None,
        "efficiency": 0.5,
        "kernel_us": 10.0,
        "cache_reading": 2.0,
        "attending": 0.1,
        "single": 0.01,
        "rows": 9,
        "current": 9,
        "low": 0.5,
        "high": 4.0,
        "experts_range": {"rows": 9, "low": 0.25, "high": 2.0},
    }
    return usual | changes


def prompt(**changes: Any) -> Row:
    usual: Row = {
        "backends": ["cuda"],
        "capabilities": None,
        "names": None,
        "kernels": "plain",
        "efficiency": 0.5,
        "experts": 0.5,
        "attention": 0.1,
        "bf16": 3.0,
        "bf16_experts": 5.0,
        "flops_per_byte": 8.0,
        "unrated": 2.0,
        "rows": 9,
        "low": 0.5,
        "high": 2.0,
        "experts_range": {"rows": 9, "low": 0.25, "high": 4.0},
    }
    return usual | changes


CONSTANTS: Row = {
    "devices": [
        device(names=["H20"], efficiency=0.1),
        device(capabilities=["8.0"], efficiency=0.2),
        device(bandwidth_up_to=500),
        device(efficiency=0.25),
        device(backends=["vulkan", None], efficiency=0.4),
    ],
    "moe": {"reading": 2.0, "kernels": 0.5, "rows": 9},
    "recurrent": {"kernels": 3.0},
    "quants": {"gpu": {"Q2_K": 0.5}, "cpu_code_book": {"IQ2": 0.75}},
    "processor": {
        "efficiency": 0.5,
        "core_bytes_per_s": 100.0,
        "without_vectors": 0.5,
        "switch_us": 100.0,
        "kernel_us": 20.0,
        "unknown_processor": 0.5,
        "rows": 9,
        "low": 0.5,
        "high": 2.0,
        "experts": {"low": 0.25, "high": 4.0},
        "layers": {"low": 0.8, "high": 1.25},
        "crowded": {"low": 0.1, "high": 1.6},
    },
    "depth": {
        "generation": {"low": 0.25, "high": 2.0},
        "prompt": {"low": 0.25, "high": 2.0},
        "prompt_experts": {"low": 0.5, "high": 4.0},
    },
    "prompts": [
        prompt(capabilities=["8.0"], efficiency=0.1),
        prompt(names=["H20"], efficiency=0.2),
        prompt(efficiency=0.25),
        prompt(backends=["vulkan", None], efficiency=0.4),
    ],
    "prompt_kernels": {
        "plain": {"tokens_of_an_expert": 5.0, "moves": 2.0, "tile": 10.0},
        "mask_ns": 1e8,
        "overlap": 0.5,
        "skew": 0.0,
    },
    "transfer": {
        "efficiency": 0.8,
        "by_backend": {"vulkan": 0.4},
        "most_bytes_per_s": 400.0,
        "low": 0.5,
        "high": 2.0,
        "layers": {"low": 0.8, "high": 1.25},
        "crowded": {"low": 0.1, "high": 1.6},
    },
    "processor_prompts": {
        "core_operations": 1000.0,
        "quants": {"F16": 2.0, "Q4_K_S": 1.0, "Q2_K_S": 0.5, "IQ2_M": 0.25, "IQ2_XS": 0.2},
        "moe": 0.5,
        "moe_rows": 5,
        "moe_low": 0.25,
        "moe_high": 4.0,
        "rows": 9,
        "low": 0.5,
        "high": 2.0,
    },
}


def card(**changes: Any) -> Share:
    usual: Row = {
        "device": "gpu0",
        "backend": "cuda",
        "bandwidth_bytes_per_s": 1000,
        "active_bytes": 100,
        "layers": 2,
        "kernels": 1000,
        "parameters": 50,
        "resident_bytes": 0,
        "flops": 10_000,
        "link_bytes_per_s": 100,
    }
    return Share(**(usual | changes))


def host(**changes: Any) -> Share:
    usual: Row = {
        "device": "host",
        "backend": "cpu",
        "bandwidth_bytes_per_s": 400,
        "active_bytes": 100,
        "layers": 2,
        "parameters": 50,
        "resident_bytes": 80,
    }
    return Share(**(usual | changes))


CORES = Processor(threads=4, vectors=True)
