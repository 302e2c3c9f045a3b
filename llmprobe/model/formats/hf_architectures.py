"""
Which ``general.architecture`` the converter writes for the classes that a ``config.json`` names.

Source: llama.cpp b11549, conversion/*.py, the names that each model registers; where one class becomes several
architectures, what decides is beside it.
"""

from typing import Any

_CLASSES = {
    "afmoe": "AfmoeForCausalLM",
    "apertus": "ApertusForCausalLM",
    "arcee": "ArceeForCausalLM",
    "bailingmoe2": "BailingMoeV2ForCausalLM",
    "bert": "BertModel BertForMaskedLM CamembertModel XLMRobertaModel RobertaModel",
    "bloom": "BloomForCausalLM BloomModel",
    "chatglm": "GlmForCausalLM ChatGLMModel ChatGLMForConditionalGeneration",
    "cohere2": "Cohere2ForCausalLM",
    "command-r": "CohereForCausalLM",
    "dbrx": "DbrxForCausalLM",
    "deepseek": "DeepseekForCausalLM",
    "deepseek2": "DeepseekV2ForCausalLM DeepseekV3ForCausalLM KimiVLForConditionalGeneration "
    "KimiK25ForConditionalGeneration Glm4MoeLiteForCausalLM YoutuForCausalLM",
    "deepseek32": "DeepseekV32ForCausalLM",
    "dream": "DreamModel",
    "ernie4_5": "Ernie4_5_ForCausalLM Ernie4_5ForCausalLM",
    "ernie4_5-moe": "Ernie4_5_MoeForCausalLM",
    "exaone": "ExaoneForCausalLM",
    "exaone4": "Exaone4ForCausalLM",
    "exaone-moe": "ExaoneMoEForCausalLM ExaoneMoeForCausalLM",
    "falcon": "FalconForCausalLM RWForCausalLM",
    "falcon-h1": "FalconH1ForCausalLM",
    "gemma": "GemmaForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3": "Gemma3ForCausalLM Gemma3ForConditionalGeneration",
    "gemma3n": "Gemma3nForCausalLM Gemma3nForConditionalGeneration",
    "gemma4": "Gemma4ForCausalLM Gemma4ForConditionalGeneration Gemma4UnifiedForConditionalGeneration",
    "gemma-embedding": "Gemma3TextModel",
    "glm4": "Glm4ForCausalLM Glm4vForConditionalGeneration",
    "glm4moe": "Glm4MoeForCausalLM Glm4vMoeForConditionalGeneration SolarOpenForCausalLM",
    "glm-dsa": "GlmMoeDsaForCausalLM",
    "gpt2": "GPT2LMHeadModel",
    "gptneox": "GPTNeoXForCausalLM",
    "gpt-oss": "GptOssForCausalLM",
    "granite": "GraniteForCausalLM",
    "granitehybrid": "GraniteMoeHybridForCausalLM BambaForCausalLM",
    "granitemoe": "GraniteMoeForCausalLM GraniteMoeSharedForCausalLM",
    "hunyuan-dense": "HunYuanDenseV1ForCausalLM",
    "hunyuan-moe": "HunYuanMoEV1ForCausalLM",
    "internlm2": "InternLM2ForCausalLM",
    "jamba": "JambaForCausalLM",
    "kimi-linear": "KimiLinearModel KimiLinearForCausalLM",
    "laguna": "LagunaForCausalLM",
    "lfm2": "Lfm2ForCausalLM LFM2ForCausalLM Lfm2VlForConditionalGeneration",
    "lfm2moe": "Lfm2MoeForCausalLM",
    "llada": "LLaDAModelLM",
    "llama": "LLaMAForCausalLM LlamaForCausalLM MistralForCausalLM MixtralForCausalLM VLlama3ForCausalLM "
    "LlavaForConditionalGeneration VoxtralForConditionalGeneration LlamaModel InternLM3ForCausalLM "
    "IQuestCoderForCausalLM",
    "llama4": "Llama4ForCausalLM Llama4ForConditionalGeneration",
    "mamba": "MambaForCausalLM MambaLMHeadModel FalconMambaForCausalLM",
    "mamba2": "Mamba2ForCausalLM",
    "mellum": "MellumForCausalLM",
    "mimo2": "MiMoV2FlashForCausalLM MiMoV2ForCausalLM",
    "minicpm": "MiniCPMForCausalLM",
    "minicpm3": "MiniCPM3ForCausalLM",
    "minimax-01": "MiniMaxText01ForCausalLM MiniMaxM1ForCausalLM",
    "minimax-m2": "MiniMaxM2ForCausalLM",
    "mistral3": "Mistral3ForConditionalGeneration Ministral3ForCausalLM",
    "mpt": "MPTForCausalLM",
    "nemotron": "NemotronForCausalLM",
    "nemotron_h": "NemotronHForCausalLM",
    "nomic-bert": "NomicBertModel",
    "olmo": "OlmoForCausalLM OLMoForCausalLM",
    "olmo2": "Olmo2ForCausalLM Olmo3ForCausalLM",
    "olmoe": "OlmoeForCausalLM",
    "phi2": "PhiForCausalLM",
    "phi3": "Phi3ForCausalLM Phi4ForCausalLMV",
    "phimoe": "PhiMoEForCausalLM PhimoeForCausalLM",
    "qwen2": "Qwen2Model Qwen2ForCausalLM Qwen2AudioForConditionalGeneration",
    "qwen2moe": "Qwen2MoeForCausalLM",
    "qwen2vl": "Qwen2VLModel Qwen2VLForConditionalGeneration Qwen2_5_VLForConditionalGeneration Qwen2_5OmniModel",
    "qwen3": "Qwen3ForCausalLM Qwen3Model",
    "qwen3moe": "Qwen3MoeForCausalLM",
    "qwen3next": "Qwen3NextForCausalLM",
    "qwen3vl": "Qwen3VLForConditionalGeneration",
    "qwen3vlmoe": "Qwen3VLMoeForConditionalGeneration Qwen3OmniMoeForConditionalGeneration",
    "qwen35": "Qwen3_5ForConditionalGeneration Qwen3_5ForCausalLM",
    "qwen35moe": "Qwen3_5MoeForConditionalGeneration Qwen3_5MoeForCausalLM",
    "seed_oss": "SeedOssForCausalLM",
    "smollm3": "SmolLM3ForCausalLM",
    "stablelm": "StableLmForCausalLM StableLMEpochForCausalLM LlavaStableLMEpochForCausalLM",
    "starcoder": "GPTBigCodeForCausalLM",
    "starcoder2": "Starcoder2ForCausalLM",
    "step35": "Step3p5ForCausalLM Step3p7ForConditionalGeneration",
}
_ARCHITECTURES = {name: architecture for architecture, names in _CLASSES.items() for name in names.split()}
_WHOLE = frozenset(
    (
        "Exaone4_5_ForConditionalGeneration",
        "KimiK3ForConditionalGeneration",
        "Sarashina2VisionForCausalLM",
        "Step3p7ForConditionalGeneration",
        "StepVLForConditionalGeneration",
    )
)
"""Classes whose language model is not what the class of that part says."""


def class_of(values: dict[str, Any]) -> str | None:
    """
    Return the class that decides what a configuration describes: that of its language model where it has its own.
    """
    part = values.get("text_config")
    whole = _first(values.get("architectures"))
    inner = _first(part.get("architectures")) if isinstance(part, dict) else None
    return whole if inner is None or whole in _WHOLE else inner


def _first(names: Any) -> str | None:
    found = names[0] if isinstance(names, list) and names else None
    return found if isinstance(found, str) else None


def architecture_of(values: dict[str, Any]) -> str | None:
    """
    Return GGUF's name for the architecture of a configuration, None where we know of none.
    """
    found = _ARCHITECTURES.get(class_of(values) or "")
    part = values.get("text_config")
    text = part if isinstance(part, dict) else values
    if found == "mistral3" and text.get("model_type") == "mistral4":
        return "mistral4"
    if found == "nemotron_h" and text.get("n_routed_experts"):
        return "nemotron_h_moe"
    if found == "nomic-bert" and text.get("moe_every_n_layers"):
        return "nomic-bert-moe"
    if found == "granitehybrid" and not _has_mamba(text):
        return "granitemoe" if text.get("num_local_experts") else "granite"
    return found


def _has_mamba(values: dict[str, Any]) -> bool:
    kinds = values.get("layer_types") or values.get("layers_block_type")
    return not isinstance(kinds, list) or "mamba" in kinds
