"""
What is no language model that could run here: models of images and sound, parts of models, what only its maker runs.

A name that the catalog has is never asked about here. What only its maker runs is told by how the name begins: the
names of fine-tunes have such a name behind that of their base.
"""

import re

from llmprobe.errors import ModelError
from llmprobe.words.message import message

_WORDS = {
    "image": "flux|sdxl|sd3|stable diffusion|z image|(?:qwen|glm|hunyuan) image|hunyuanimage|hidream|pixart|auraflow"
    "|controlnet|esrgan|kandinsky",
    "video": "cogvideox|animatediff|ltxv?(?: video)?|hunyuan video|hunyuanvideo|framepack|skyreels",
    "speech": "whisper\\w*|kokoros?|xtts|tts|\\w*asr|vad|fish speech|parakeet|wav2vec2?|styletts2?|styletts 2|melotts"
    "|chatterbox|sensevoice|funasr|cosyvoice|vibevoice|speecht5|hubert|encodec",
    "music": "musicgen|audiogen|stable audio|demucs|ace step",
    "vision": "siglip2?|siglip 2|dinov?2|dinov?3|yolo|yolov\\d+|depth anything|segment anything|rmbg",
}
_BEGINNINGS = {
    "image": "sd (?:\\d[\\d.]*|xl)|chroma|sana|kolors|pony|juggernaut|dreamshaper|playground|omnigen",
    "video": "wan|svd|mochi",
    "speech": "voice|bark|piper|canary|dia|csm|moonshine|vits|seamless",
    "vision": "clip|sam|vit|detr|trocr|florence|resnet",
    "cloud": "gpt [3-9]|chatgpt|o[134]|claude|sonnet|opus|haiku|gemini|copilot|dall e|midjourney|sora|veo|imagen|suno"
    "|udio|sonar|grok 4|doubao|jurassic|voyage|embedding (?:3|ada|0\\d+)|mistral medium 3(?:\\.1)?|yi large"
    "|qwen(?: 2\\.5| 3| 3\\.[67])? (?:max|plus|turbo)",
}
_PROJECTOR = "mmproj|projector"


def refuse(text: str, parts: list[str]) -> None:
    """
    Do nothing where the words of a name may be a language model's.

    Raises:
        ModelError: they say that it is something else.
    """
    shown = " ".join(parts)
    if re.search(rf"\b(?:{_PROJECTOR})\b", shown):
        raise ModelError(message("error.model-is-projector", name=text), hint=message("hint.name-the-model"))
    if re.match(rf"(?:{_BEGINNINGS['cloud']})[a-z]?(?: |$)", shown):
        raise ModelError(
            message("error.model-cloud-only", name=text), hint=message("hint.models-that-run-here")
        )
    for kind in _WORDS:
        beginning = f"|^(?:{_BEGINNINGS[kind]})(?: |$)" if kind in _BEGINNINGS else ""
        if re.search(rf"\b(?:{_WORDS[kind]})(?: |$){beginning}", shown):
            raise ModelError(
                message("error.not-a-language-model", name=text, kind=kind),
                hint=message("hint.models-that-run-here"),
            )
