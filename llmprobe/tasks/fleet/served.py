"""
Which machine of several serves a model best with an engine that has a memory model of its own, and what several do
together: a pipeline of machines, each of which cuts its layers over its devices.
"""

from collections.abc import Sequence

import msgspec

from llmprobe import engines
from llmprobe.advise.serving.choice import choice_of, no_command
from llmprobe.advise.serving.search import Way
from llmprobe.advise.serving.together import Box, joined
from llmprobe.engines import Engine
from llmprobe.engines._shared.shell import is_address
from llmprobe.errors import UsageError
from llmprobe.estimation.serving import memory_model
from llmprobe.estimation.serving.speed import HOP_S
from llmprobe.estimation.speed.network import beyond
from llmprobe.facts.devices import Network
from llmprobe.facts.estimate import model_in_estimate
from llmprobe.facts.fleet import (
    Alone,
    FleetHost,
    FleetRecommendation,
    Launcher,
    Link,
    Node,
    OnHost,
    Together,
)
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Wishes
from llmprobe.facts.serving import Card
from llmprobe.site.cards import cards
from llmprobe.tasks.fleet.check import hosts_of, notes_on
from llmprobe.tasks.fleet.naming import address_of, likely
from llmprobe.tasks.fleet.seen import Seen
from llmprobe.tasks.recommend import recommend as recommended
from llmprobe.tasks.served import offers
from llmprobe.units import GIB
from llmprobe.words.message import Message, message

RAY_TAKES_BYTES = 8 * GIB + 1_000_000_000
"""What Ray takes of a machine: idle workers, and the smallest store of objects that its command asks for."""


def serve(
    model: ModelSpec,
    seen: Sequence[Seen],
    wishes: Wishes,
    *,
    network: Network,
    launcher: Launcher | None = None,
) -> FleetRecommendation:
    """
    The document for these machines and an engine that serves: each alone, and several as stages of a pipeline.

    Raises:
        UsageError: a wish or the launcher is none of the engine's.
    """
    one = engines.engine(wishes.engine)
    if launcher is not None and launcher not in one.launchers:
        raise UsageError(
            message("error.fleet-launcher", given=launcher, engine=one.name),
            hint=message("hint.fleet-launcher", names=one.launchers or None),
        )
    hosts = hosts_of(seen)
    machines = {each.name: each for each in seen if each.machine is not None and not each.serving}
    answered = [host for host in hosts if host.name in machines]
    first = [host.name for host in answered if host.like is None]
    found = {name: _alone(model, machines[name], wishes) for name in first}
    alone = sorted(
        (msgspec.structs.replace(found[host.like or host.name], host=host.name) for host in answered),
        key=_worth,
        reverse=True,
    )
    best = next((each for each in alone if each.choice is not None), None)
    together = None
    if one.across is not None:
        starts = launcher or _usual(one, answered)
        mine = [machines[host.name] for host in answered]
        together = _together(model, mine, wishes, one, network, starts, answered)
    if together is not None and best is not None:
        assert best.choice is not None
        ours, theirs = likely(together.choice), likely(best.choice)
        together = msgspec.structs.replace(
            together,
            slower=None if ours is None or not theirs else ours / theirs,
            worth=_worth(together) > _worth(best),
        )
    chosen = together.choice if together is not None and together.worth else best and best.choice
    return FleetRecommendation(
        model=model_in_estimate(model, chosen.quant if chosen else "", 0),
        wishes=wishes,
        hosts=hosts,
        best=None if best is None else best.host,
        verdict=_verdict(best, together, answered),
        alone=tuple(alone),
        together=together,
        notes=(
            *notes_on(hosts),
            *(
                (message("fleet.rpc-not-served", engine=one.name),)
                if any(each.serving for each in seen)
                else ()
            ),
            *_notes(together, network, answered, one),
        ),
    )


def _alone(model: ModelSpec, one: Seen, wishes: Wishes) -> Alone:
    assert one.machine is not None
    answer = recommended(model, one.machine, msgspec.structs.replace(wishes, top=1), measure=False)
    if answer.choices:
        best = answer.choices[0]
        assert best.serving is not None
        return Alone(host=one.name, choice=best, points=best.serving.points, verdict=answer.verdict)
    short = [each for each in answer.rejected if each.why.id.startswith("failure.")]
    why = answer.verdict
    if short:
        # The last of the formats is among the smallest.
        why = message("fleet.serving-short", quant=short[-1].what, why=short[-1].why)
    return Alone(host=one.name, choice=None, points=None, verdict=why)


def _worth(one: Alone | Together) -> tuple[bool, float]:
    """
    What surely serves comes first.
    """
    if one.choice is None or one.points is None:
        return False, -1e9
    return bool(one.choice.fits), one.points


def _usual(one: Engine, answered: Sequence[FleetHost]) -> Launcher:
    """
    Ray where the machines are those of a running cluster, else the engine's own launcher.
    """
    of_ray = all(host.origin == "ray" for host in answered)
    return "ray" if of_ray and "ray" in one.launchers else one.launchers[0]


def _together(
    model: ModelSpec,
    seen: Sequence[Seen],
    wishes: Wishes,
    one: Engine,
    network: Network,
    launcher: Launcher,
    hosts: Sequence[FleetHost],
) -> Together | None:
    assert one.memory is not None
    memory = memory_model(one.memory)
    boxes = [_box(each, wishes, one, launcher) for each in seen]
    version = memory.version(None)
    found = joined(model, wishes, boxes, offers(model, wishes.quants, one), memory, version, network)
    if found is None:
        return None
    way, used = found
    choice = choice_of(model, wishes, way, memory, no_command, way.cards, "recommended")
    serving = choice.serving
    assert serving is not None
    nodes = [_node(stage, box, way, hosts) for stage, box in enumerate(used)]
    assert one.across is not None
    typed = one.across(choice, way.cards[0].backend, nodes, launcher)
    if launcher == "ray" and all(each.origin == "ray" for each in seen):
        # The cluster runs already.
        typed = typed[-1:]
    choice = msgspec.structs.replace(choice, commands={one.name: typed[-1][1]} if typed else {})
    return Together(
        main=used[0].name,
        hosts=tuple(_on_host(number, line, way, used) for number, line in typed),
        choice=choice,
        points=serving.points or 0.0,
        link=Link(
            bytes_per_s=network.bytes_per_s, seconds_per_token=beyond(HOP_S, network), given=network.given
        ),
        launcher=launcher,
        warnings=_warnings(way, one, launcher, used),
    )


def _box(one: Seen, wishes: Wishes, engine: Engine, launcher: Launcher) -> Box:
    """
    A machine's devices, named by it, less what is to stay free and what Ray takes of memory that is shared; none of
    which nobody tells what is free.
    """
    assert one.machine is not None
    less = wishes.reserve_bytes or 0
    takes = RAY_TAKES_BYTES if launcher == "ray" and one.origin != "ray" else 0
    found = cards(one.machine, engine.abilities.backends, idle=wishes.assume_idle)
    return Box(
        name=one.name,
        cards=tuple(
            _named(card, one.name, less + (takes if card.unified else 0))
            for card in found
            if card.free_bytes is not None
        ),
    )


def _named(card: Card, host: str, less: int) -> Card:
    free = card.free_bytes
    if free is not None:
        free = max(0, free - less)
    return msgspec.structs.replace(card, id=f"{host}:{card.id}", free_bytes=free)


def _node(stage: int, box: Box, way: Way, hosts: Sequence[FleetHost]) -> Node:
    ranks = way.settings.tensor_parallel_size
    return Node(
        address=address_of(box.name, hosts),
        numbers=None if len(box.cards) == ranks else tuple(range(ranks)),
        unified=box.cards[0].unified,
        layers=None if way.case.partition is None else way.case.partition[stage],
    )


def _on_host(number: int, line: str, way: Way, used: Sequence[Box]) -> OnHost:
    ranks = way.settings.tensor_parallel_size
    parts = way.case.stages(way.settings.pipeline_parallel_size)
    return OnHost(
        host=used[number].name,
        main=number == 0,
        devices=tuple(card.id for card in used[number].cards[:ranks]),
        commands=(line,),
        layers=len(parts[number]),
    )


def _warnings(way: Way, one: Engine, launcher: Launcher, used: Sequence[Box]) -> tuple[Message, ...]:
    found = [
        message("warning.serving-open", engine=one.name),
        message("fleet.same-engine", engine=one.name),
        message(
            "fleet.same-checkpoint", place=way.checkpoint.repository or way.checkpoint.folder, hosts=len(used)
        ),
    ]
    if not way.sure:
        found.append(message("warning.serving-may-fail"))
    if launcher == "ray" and any(box.cards[0].unified for box in used):
        found.append(message("fleet.ray-takes", bytes=RAY_TAKES_BYTES))
    return tuple(found)


def _verdict(best: Alone | None, together: Together | None, answered: Sequence[FleetHost]) -> Message:
    if best is None and together is None:
        return message("fleet.verdict-none", machines=len(answered))
    if together is not None and together.worth:
        here = best.choice if best is not None else None
        return message(
            "fleet.verdict-served-together",
            machines=len({each.host for each in together.hosts}),
            quant=together.choice.quant,
            tokens_per_s=likely(together.choice),
            host=None if here is None or best is None else best.host,
            other_quant=None if here is None else here.quant,
            other_tokens_per_s=None if here is None else likely(here),
        )
    assert best is not None
    assert best.choice is not None
    return message(
        "fleet.verdict-alone", host=best.host, quant=best.choice.quant, tokens_per_s=likely(best.choice)
    )


def _notes(
    together: Together | None, network: Network, answered: Sequence[FleetHost], one: Engine
) -> list[Message]:
    if together is None:
        return [message("fleet.not-served-together", engine=one.name)] if len(answered) > 1 else []
    names = {each.host for each in together.hosts}
    found = []
    if not together.worth:
        found.append(
            message(
                "fleet.not-together",
                machines=len(names),
                quant=together.choice.quant,
                tokens_per_s=likely(together.choice),
            )
        )
    found.append(message("fleet.why-slower-stages", ms=beyond(HOP_S, network).likely * 1000))
    if not network.given:
        found.append(message("fleet.link-assumed", bytes_per_s=network.bytes_per_s))
    if together.worth:
        if any(not is_address(address_of(name, answered)) for name in names):
            found.append(message("fleet.addresses-served"))
        found.append(message("fleet.interfaces"))
    return found
