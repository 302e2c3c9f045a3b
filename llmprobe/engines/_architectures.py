"""
Architectures whose tensors are known here and that llama.cpp's loader refuses, and the answer for a model of one.

Source: llama.cpp b11549, src/llama-arch.cpp (LLM_ARCH_NAMES), which lacks them.
"""

from llmprobe.facts.estimate import model_in_estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import MachineInShort, Recommendation, Rejected, Wishes
from llmprobe.words.message import message

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


def answer_of_no(
    model: ModelSpec, snapshot: Snapshot, wishes: Wishes, *, why: str, instead: tuple[str, ...]
) -> Recommendation:
    """
    Return the recommendation that has no choice for this reason, and what to do instead.
    """
    return Recommendation(
        this_machine=snapshot.this_machine,
        model=model_in_estimate(model, model.quant or "", 0),
        machine=MachineInShort(
            origin=snapshot.origin,
            cpu=snapshot.host.cpu.name,
            pools=snapshot.pools,
            accelerators=snapshot.accelerators,
        ),
        wishes=wishes,
        choices=(),
        verdict=message("verdict.not-loaded", engine=wishes.engine, architecture=model.architecture),
        rejected=(Rejected(what=model.name, why=why),),
        nearest=instead,
        notes=model.notes,
    )
