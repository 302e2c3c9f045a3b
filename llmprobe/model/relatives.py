"""
The smaller models that do what a model does: of its family, or of its name in another size.
"""

import re
from collections.abc import Iterator

from llmprobe.errors import ModelError
from llmprobe.facts.model import ModelSpec
from llmprobe.model.from_catalog import of_catalog
from llmprobe.model.known import known

_SIZE_WORD = r"-\d+(\.\d+)?[bm](-.*)?$"


def smaller(model: ModelSpec) -> Iterator[ModelSpec]:
    """
    Yield the smaller relatives that are not older, the largest and newest first, each loaded when it is asked for.

    ``deepseek-r1-671b`` has its distills among them, which are of other families. A model that cannot be weighed
    is left out.
    """
    everything = known()
    own = everything.entries.get(model.id)
    since = (own and own.released) or ""
    modality = own.modality if own is not None else "text"
    stem = re.sub(_SIZE_WORD, "", model.id) + "-"
    found = [
        entry
        for entry in everything.entries.values()
        if (everything.families[entry.id] == model.family or entry.id.startswith(stem))
        and entry.parameters < model.parameters
        and entry.modality == modality
        and (entry.released or "") >= since
    ]
    found.sort(key=lambda entry: entry.released or "", reverse=True)
    for entry in sorted(found, key=lambda entry: -entry.parameters):
        try:
            relative = of_catalog(entry)
        except ModelError:
            continue
        yield relative
