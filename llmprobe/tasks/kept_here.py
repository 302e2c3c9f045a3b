"""
The models on this disk that no catalog knows, each as ``recommend`` would run its file.
"""

from collections.abc import Iterator
from itertools import islice

import msgspec

from llmprobe import engines
from llmprobe.advise.recommend import Advice
from llmprobe.errors import RefusedError
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.fit import FitWishes, KeptInFit
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Wishes
from llmprobe.model.installed import uncatalogued
from llmprobe.tasks.recommend import commands_for, completed
from llmprobe.words.message import Message, message

MOST = 24
"""Files that are read; a disk may be full of them."""


def kept_here(machine: Snapshot, wishes: FitWishes, asked: Wishes) -> Iterator[KeptInFit]:
    """
    What engines keep here beside the catalog and what is made for the use: vectors or text.

    Families and licenses are known of the catalog alone, so that with such a wish there is nothing.
    """
    if wishes.families or wishes.licenses:
        return
    for kept, spec in islice(uncatalogued(machine), MOST):
        found = KeptInFit(name=kept.name, kept_by=kept.kept_by, path=kept.path, quant=kept.quant)
        if isinstance(spec, Message):
            yield msgspec.structs.replace(found, problem=spec)
            continue
        if Estimator(spec, rough=True).generates is (wishes.use == "embedding"):
            continue
        if wishes.use == "vision" and spec.projector is None:
            continue
        found = msgspec.structs.replace(found, quant=spec.quant, parameters=spec.parameters)
        refused = engines.not_loaded(wishes.engine, spec.architecture)
        if refused is not None:
            problem = message("rejected.not-loaded", engine=wishes.engine, architecture=spec.architecture)
            yield msgspec.structs.replace(found, problem=problem)
            continue
        yield msgspec.structs.replace(found, choice=_choice(spec, machine, wishes, asked))


def _choice(spec: ModelSpec, machine: Snapshot, wishes: FitWishes, asked: Wishes) -> Choice | None:
    """
    The choice for the file itself, None where it does not run as wished.
    """
    if spec.max_context is not None and spec.max_context < wishes.ctx_size:
        if wishes.ctx_size_given or wishes.use != "embedding":
            return None
        asked = msgspec.structs.replace(asked, ctx_size=spec.max_context)
    own = () if spec.quant is None else (spec.quant,)
    advice = Advice(spec, commands_for(machine, wishes.engine), abilities=engines.abilities(wishes.engine))
    try:
        problem = advice.problem(machine, msgspec.structs.replace(asked, quants=own))
        found = advice.first(problem, machine)
    except RefusedError:
        return None
    return None if found is None else completed(found[1], spec, machine, wishes.engine)
