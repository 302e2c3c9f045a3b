"""
The loads over rpc-servers that ``benchmarks.verify_rpc`` measures: models, devices and what the engine is told.
"""

from typing import Any

import msgspec

from benchmarks.verify_engine import GEMMA3, MIXTURE, SMOLLM2

FILE_QUANTS = {SMOLLM2: "Q4_1", GEMMA3: "Q4_K_M"}
"""The quantization of the files that are loaded as they came."""

_ONE, _TWO = ("CPU",), ("CPU", "CPU")
_WORDS = {
    "ctx_size": "-c",
    "parallel": "-np",
    "gpu_layers": "-ngl",
    "cache_type_k": "-ctk",
    "cache_type_v": "-ctv",
    "flash_attn": "-fa",
    "batch_size": "-b",
    "ubatch_size": "-ub",
    "n_cpu_moe": "--n-cpu-moe",
    "split_mode": "-sm",
}
_SWITCHES = {
    ("kv_offload", False): "-nkvo",
    ("kv_unified", True): "--kv-unified",
    ("swa_full", True): "--swa-full",
    ("op_offload", False): "--no-op-offload",
}


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """
    One load: the devices of each server, and what engine and estimate are told.
    """

    name: str
    model: str = SMOLLM2
    quant: str | None = None
    servers: tuple[str, ...] = _TWO
    told: dict[str, Any] = {}

    @property
    def settings(self) -> dict[str, Any]:
        """All that is told, in the names of ``Settings``."""
        return {"ctx_size": 4096, "parallel": 1} | self.told

    @property
    def arguments(self) -> list[str]:
        """The same in llama-server's words."""
        found = []
        for name, value in self.settings.items():
            if name == "tensor_split":
                found += ["-ts", ",".join(f"{share:g}" for share in value)]
            elif name in _WORDS:
                found += [_WORDS[name], str(value)]
            else:
                found.append(_SWITCHES[name, value])
        return found


SETTINGS = (
    Setting(name="one server", servers=_ONE),
    Setting(name="two servers"),
    Setting(name="one server with two devices", servers=("CPU,CPU",)),
    Setting(name="two devices and one", servers=("CPU,CPU", "CPU"), told={"tensor_split": (1, 1, 2)}),
    Setting(name="three parts of four", told={"tensor_split": (3, 1)}),
    Setting(name="context 32768", told={"ctx_size": 32768}),
    Setting(name="half of the layers", told={"gpu_layers": 15}),
    Setting(name="half of the layers, one server", servers=_ONE, told={"gpu_layers": 15}),
    Setting(name="all layers, output on the host", told={"gpu_layers": 30}),
    Setting(name="cache q8_0", told={"cache_type_k": "q8_0", "cache_type_v": "q8_0", "flash_attn": "on"}),
    Setting(
        name="cache q8_0 and q4_0", told={"cache_type_k": "q8_0", "cache_type_v": "q4_0", "flash_attn": "on"}
    ),
    Setting(name="flash attention on", told={"flash_attn": "on"}),
    Setting(name="flash attention off", told={"flash_attn": "off"}),
    Setting(name="flash attention off, half", told={"flash_attn": "off", "gpu_layers": 15}),
    Setting(name="micro-batch 128", told={"ubatch_size": 128}),
    Setting(name="micro-batch 2048", told={"ubatch_size": 2048, "ctx_size": 8192}),
    Setting(name="4 slots", told={"parallel": 4, "ctx_size": 16384}),
    Setting(name="4 slots, one cache", told={"parallel": 4, "ctx_size": 16384, "kv_unified": True}),
    Setting(name="cache in RAM", told={"kv_offload": False}),
    Setting(name="cache in RAM, half", told={"kv_offload": False, "gpu_layers": 15}),
    Setting(name="one server of two used", told={"split_mode": "none"}),
    Setting(name="each layer over both", told={"split_mode": "tensor"}),
    Setting(
        name="each layer over both, Q8_0", quant="Q8_0", told={"split_mode": "tensor", "flash_attn": "on"}
    ),
    Setting(name="each layer over both, micro-batch 128", told={"split_mode": "tensor", "ubatch_size": 128}),
    Setting(
        name="each layer over both, cache q8_0",
        told={"split_mode": "tensor", "cache_type_k": "q8_0", "cache_type_v": "q8_0", "flash_attn": "on"},
    ),
    Setting(name="mixture, each layer over both", model=MIXTURE, quant="Q4_0", told={"split_mode": "tensor"}),
    Setting(name="Q8_0", quant="Q8_0"),
    Setting(name="Q4_K_M", quant="Q4_K_M"),
    Setting(name="Q2_K, one server", quant="Q2_K", servers=_ONE),
    Setting(name="Gemma 3 270M, sliding window", model=GEMMA3),
    Setting(name="Gemma 3 270M, one server", model=GEMMA3, servers=_ONE, told={"ctx_size": 32768}),
    Setting(name="Gemma 3 270M, 4 slots", model=GEMMA3, told={"ctx_size": 16384, "parallel": 4}),
    Setting(name="Gemma 3 270M, full window", model=GEMMA3, told={"swa_full": True}),
    Setting(
        name="Gemma 3 270M, half, no flash attention",
        model=GEMMA3,
        told={"gpu_layers": 9, "flash_attn": "off"},
    ),
    Setting(name="mixture of experts", model=MIXTURE, quant="Q4_0"),
    Setting(name="mixture, 4 layers' experts in RAM", model=MIXTURE, quant="Q4_0", told={"n_cpu_moe": 4}),
    Setting(
        name="mixture, half, micro-batch 1024",
        model=MIXTURE,
        quant="Q4_K_M",
        told={"gpu_layers": 8, "ubatch_size": 1024},
    ),
    Setting(
        name="mixture, one server",
        model=MIXTURE,
        quant="Q4_0",
        servers=_ONE,
        told={"cache_type_k": "q8_0", "cache_type_v": "q8_0"},
    ),
)
