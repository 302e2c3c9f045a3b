"""
Which machine to take, as a program or a person asks it: the engine by the use, the network by its name.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from llmprobe import engines
from llmprobe.errors import UsageError
from llmprobe.facts.devices import Network
from llmprobe.facts.fleet import FleetRecommendation, Launcher
from llmprobe.facts.given import count
from llmprobe.facts.model import ModelSpec
from llmprobe.tasks.arguments import check_model
from llmprobe.tasks.fleet.recommend import recommend
from llmprobe.tasks.fleet.seen import Seen
from llmprobe.tasks.recommend import wishes_of
from llmprobe.units import parse_link
from llmprobe.words.message import message

FOR_BATCH = "vllm"
"""What answers many requests at once, where nobody names an engine."""


def asked(
    model: ModelSpec,
    seen: Sequence[Seen],
    *,
    engine: str | None = None,
    link: str | int | None = None,
    launcher: Launcher | None = None,
    **wishes: Any,
) -> FleetRecommendation:
    """
    The recommendation for these machines, described by ``api.fleet_recommend``; ``wishes`` are those of ``recommend``.

    Raises:
        UsageError: a wish is out of range, or the engine is not planned for several machines.
    """
    check_model(model)
    if launcher not in (None, "mp", "ray"):
        raise UsageError(
            message("error.fleet-launcher", given=str(launcher), engine=engine or engines.DEFAULT_ENGINE),
            hint=message("hint.fleet-launcher", names=("mp", "ray")),
        )
    network = _network(link)

    def answer(name: str) -> FleetRecommendation:
        wished = wishes_of(model=model, engine=name, top=1, **wishes)
        return recommend(model, seen, wished, network=network, launcher=launcher)

    if engine is not None:
        return answer(engine)
    of_file = model.source in ("gguf", "installed")
    if launcher is not None or (wishes.get("use") == "batch" and not of_file and not wishes.get("quants")):
        served = answer(FOR_BATCH)
        if launcher is not None:
            return served
        if served.best is not None or served.together is not None:
            note = message("fleet.batch-served", engine=FOR_BATCH)
            return msgspec.structs.replace(served, notes=(*served.notes, note))
    return answer(engines.DEFAULT_ENGINE)


def _network(link: str | int | None) -> Network | None:
    if not isinstance(link, str):
        return None if link is None else Network(bytes_per_s=count("link", link, least=1, most=2**63 - 1))
    read = parse_link(link)
    if not read:
        raise UsageError(message("error.option-link", given=link), hint=message("hint.option-link"))
    return Network(bytes_per_s=read[0], round_trip_s=read[1])
