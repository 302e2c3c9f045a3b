"""
Classes of configurations that describe no text model: which architecture their GGUF file has.

Source: llama.cpp b11549, conversion/__init__.py (TEXT_MODEL_MAP) and the models' own files there.
"""

from llmprobe.model.formats import parts

NO_TEXT: dict[str, str] = {
    "Eagle3DraftModel": "eagle3",
    "Eagle3LlamaForCausalLM": "eagle3",
    "Eagle3Speculator": "eagle3",
    "LlamaForCausalLMEagle3": "eagle3",
    "DFlashDraftModel": "dflash",
    "DFlash2DraftModel": "dflash",
    "DSparkDraftModel": "dflash",
    "DSparkSpeculator": "dflash",
    "DeepseekV4DSparkModel": "dflash",
    "Gemma4DSparkModel": "dflash",
    "Lfm2DSparkDraftModel": "dflash",
    "LingDSparkModel": "dflash",
    "MuseGlimmerAssistantModel": "dflash",
    "Qwen3DSparkModel": "dflash",
    "Gemma4AssistantForCausalLM": "gemma4-assistant",
    "Gemma4UnifiedAssistantForCausalLM": "gemma4-assistant",
    "PocketTTSModel": "pockettts",
    "Qwen3TTSForConditionalGeneration": "qwen3tts",
    "Lfm25AudioTokenizer": "wavtokenizer-dec",
    "WavTokenizerDec": "wavtokenizer-dec",
    "ClefModel": "clef",
    # The text model that it speaks to is one of its own, with a configuration of its own.
    "UltravoxModel": "clip",
}


def refuse(name: str | None) -> None:
    """
    Refuse a class that describes no text model.

    Raises:
        ModelError: says what such a model is, and what to do with it.
    """
    architecture = None if name is None else NO_TEXT.get(name)
    if architecture is not None:
        parts.refuse(f"config.json ({name})", {"general.architecture": architecture})
