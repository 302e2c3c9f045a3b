"""
The base of a fine-tune or a merge, where its name says which: family, generation and size.

Such a model has the base's shape. Words between the family and the size make another model of it (``Qwen3-VL-8B``), and
some words do wherever they are: these names have no base.
"""

import re

from llmprobe.model.names.grammar import NUMBER, SIZE, TOTAL
from llmprobe.model.names.index import Index

_OTHER_SHAPE = (
    "vl|vision|vlm|audio|speech|omni|embed|embeddings?|rerank|reranker|moe|draft|drafter|eagle|eagle3|medusa|dflash|speculator"
    "|reap|pruned?|expanded|upscaled?|lora|adapter|ocr|reward|classifier|bitnet|ternary|minitron|frankenmerge"
)
"""Words after which the tensors are not the base's, wherever they are in the name."""

_VARIANT = (
    "mini|tiny|small|medium|large|nano|micro|air|flash|lite|pro|ultra|super|max|plus|next|coder|code|math|guard|vl|vision"
    "|omni|multimodal|embedding|moe|distill|h"
)


def tells_apart(word: str) -> bool:
    """
    Whether a word tells the models of a family apart: one that was not typed is not silently meant.
    """
    return re.fullmatch(_VARIANT, word) is not None


def base_of(parts: list[str], index: Index) -> str | None:
    """
    The id of the model whose shape a fine-tune has, None where the name leaves that open.
    """
    typed = frozenset(parts)
    found: dict[str, int] = {}
    for key, model in index.finetunes:
        # Another version of a fine-tune may have another base.
        added = [part for part in parts if part not in key]
        if key < typed and _is_whole(key) and not adds_a_model(added) and all(map(str.isalpha, added)):
            found[model] = 2 * len(key)
    weighing = {
        size: {*index.weighing(size), *(model for model, union in index.unions.items() if size in union)}
        for size in typed
        if TOTAL.fullmatch(size)
    }
    for needed, releases, model in index.own_keys:
        if not needed <= typed:
            continue
        # A model without a size in its name is one of the size that was typed, where it has it.
        named = needed | (releases & typed) | {size for size, models in weighing.items() if model in models}
        if _is_whole(named):
            evident = _leaves_only_additions(parts, named)
        else:
            evident = releases <= typed and _is_the_only_one(parts, named)
        if evident:
            # A release that was left out counts against a model, a word that fits for it.
            found[model] = max(found.get(model, 0), 2 * len(named) - len(releases - typed))
    most = max(found.values(), default=0)
    bases = index.newest(model for model, count in found.items() if count == most)
    return bases[0] if len({index.entries[base].parameters for base in bases}) == 1 else None


def _is_whole(key: frozenset[str]) -> bool:
    return any(map(_is_size, key)) and any(map(str.isalpha, key))


def _is_size(word: str) -> bool:
    return TOTAL.fullmatch(word) is not None or (word[0] == "e" and TOTAL.fullmatch(word[1:]) is not None)


def adds_a_model(added: list[str]) -> bool:
    """
    Whether words that follow a model's name make it another model's.
    """
    return any(_changes_shape(part) or tells_apart(part) for part in added)


def _changes_shape(part: str) -> bool:
    sized = SIZE.fullmatch(part) is not None and NUMBER.fullmatch(part) is None
    return sized or re.fullmatch(_OTHER_SHAPE, part) is not None


def _leaves_only_additions(parts: list[str], key: frozenset[str]) -> bool:
    """
    Whether what a name has beyond its base's words is a fine-tune's own name: no size, nothing between family and size.
    """
    places = [place for place, part in enumerate(parts) if part in key]
    size = next(place for place in places if _is_size(parts[place]))
    added = [part for part in parts if part not in key]
    if any(map(_changes_shape, added)) or not any(map(str.isalpha, added)):
        return False
    generation = False
    for place in range(places[0], size):
        part, before = parts[place], parts[place - 1] if place else ""
        if part in key:
            generation = generation or not part.isalpha()
        elif tells_apart(part):
            return False
        elif not part.isalpha() and (before in key or not before.isalpha()):
            # Falcon H1R 7B is no Falcon 7B; Gemma 3 R1 12B is a Gemma 3.
            generation = generation and NUMBER.fullmatch(part) is None
            if not generation:
                return False
    return True


def _is_the_only_one(parts: list[str], key: frozenset[str]) -> bool:
    """
    Whether a model that has one size, and none in its name, is named with nothing but words of a fine-tune.
    """
    added = [part for part in parts if part not in key]
    return (
        len(key) > 1
        and not any(map(_is_size, key))
        and any(map(str.isalpha, key))
        and added != []
        and all(map(str.isalpha, added))
        and not adds_a_model(added)
    )
