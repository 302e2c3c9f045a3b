"""
Which machine of several runs a model best, and what several do together where that is worth something.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from llmprobe import engines
from llmprobe.advise import together as joining
from llmprobe.advise.recommend import Advice
from llmprobe.engines._shared.shell import is_address
from llmprobe.errors import UsageError
from llmprobe.estimation.kept import estimator_of
from llmprobe.estimation.speed.network import WAITING_S, beyond
from llmprobe.facts.backends import REMOTE
from llmprobe.facts.devices import USUAL_NETWORK, Network
from llmprobe.facts.estimate import model_in_estimate
from llmprobe.facts.fleet import (
    Alone,
    FleetHost,
    FleetRecommendation,
    Launcher,
    Link,
    OnHost,
    Together,
)
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Wishes
from llmprobe.harmless import shell_word
from llmprobe.model.installed import on_this_disk
from llmprobe.site.devices import about_bandwidth
from llmprobe.tasks.arguments import check_model
from llmprobe.tasks.defaults import DEFAULT_QUANT
from llmprobe.tasks.fleet import builds
from llmprobe.tasks.fleet.check import hosts_of, notes_on
from llmprobe.tasks.fleet.naming import address_of, likely
from llmprobe.tasks.fleet.seen import Seen
from llmprobe.tasks.recommend import commands_for, completed
from llmprobe.words.message import Message, message

ENGINE = engines.DEFAULT_ENGINE

SERVER = "ggml-rpc-server"
"""What the server is called since 2026; before that rpc-server (llama.cpp, tools/rpc/CMakeLists.txt)."""

RPC_PORT = 50052
"""Where an rpc-server listens unless told otherwise (llama.cpp b11549, tools/rpc/rpc-server.cpp)."""

MOST_TOGETHER = 8
"""Machines that are tried together at the most."""


def recommend(
    model: ModelSpec,
    seen: Sequence[Seen],
    wishes: Wishes,
    *,
    network: Network | None = None,
    launcher: Launcher | None = None,
) -> FleetRecommendation:
    """
    The document for these machines: each alone, and several together where none does it alone or they do it better.

    Raises:
        UsageError: the engine is not planned for several machines, does not load the model, or is not started so.
    """
    check_model(model)
    one = engines.engine(wishes.engine)
    network = network or USUAL_NETWORK
    if one.memory is not None:
        # Imported only here: most answers are about llama.cpp.
        from llmprobe.tasks.fleet.served import serve

        return serve(model, seen, wishes, network=network, launcher=launcher)
    if one.name != ENGINE:
        raise UsageError(message("error.fleet-engine", engine=one.name), hint=message("hint.fleet-engine"))
    if launcher is not None:
        raise UsageError(
            message("error.fleet-launcher", given=launcher, engine=one.name),
            hint=message("hint.fleet-launcher", names=None),
        )
    refused = engines.not_loaded(ENGINE, model.architecture)
    if refused is not None:
        why, elsewhere = refused
        raise UsageError(why, hint=next(iter(elsewhere), None))
    hosts = hosts_of(seen)
    machines = {one.name: one for one in seen if one.machine is not None}
    whole = [host for host in hosts if host.answered and not machines[host.name].serving]
    found = {host.name: _alone(model, machines[host.name], wishes) for host in whole if host.like is None}
    alone = tuple(
        sorted(
            (msgspec.structs.replace(found[host.like or host.name], host=host.name) for host in whole),
            key=lambda one: -1e9 if one.points is None else one.points,
            reverse=True,
        )
    )
    best = next((one for one in alone if one.choice is not None), None)
    joined = _together(
        model, [machines[host.name] for host in hosts if host.answered], wishes, network, hosts
    )
    if joined is not None and best is not None:
        joined = _beside(joined, best)
    answered = [host for host in hosts if host.answered]
    quant = best.choice.quant if best is not None and best.choice is not None else DEFAULT_QUANT
    if joined is not None and best is None:
        quant = joined.choice.quant
    estimator = estimator_of(model)
    quant = model.quant or model.published_quant or quant
    return FleetRecommendation(
        model=model_in_estimate(model, quant, estimator.tensor_bytes(quant)),
        wishes=wishes,
        hosts=hosts,
        best=None if best is None else best.host,
        verdict=_verdict(best, joined, answered),
        alone=alone,
        together=joined,
        notes=(
            *notes_on(hosts),
            *((message("fleet.rpc-no-main"),) if not whole and answered else ()),
            *_notes(joined, network, answered),
        ),
    )


def _alone(model: ModelSpec, one: Seen, wishes: Wishes) -> Alone:
    assert one.machine is not None
    machine = one.machine
    here = on_this_disk(model, machine)
    advice = Advice(here, commands_for(machine, ENGINE), abilities=engines.abilities(ENGINE))
    found = advice.first(advice.problem(machine, wishes), machine)
    if found is None:
        # What is short is said by the whole answer, which is asked only where nothing fits.
        return Alone(host=one.name, choice=None, points=None, verdict=advice.answer(machine, wishes).verdict)
    candidate, choice = found
    choice = completed(choice, here, machine, ENGINE)
    assert choice.verdict is not None
    return Alone(host=one.name, choice=choice, points=round(candidate.utility, 3), verdict=choice.verdict)


def _together(
    model: ModelSpec, seen: Sequence[Seen], wishes: Wishes, network: Network, hosts: Sequence[FleetHost]
) -> Together | None:
    """
    The best of the ways to put machines together. Running servers of unlike protocols are in none together: one program
    talks to those of its own.
    """
    useful = [
        one
        for one in (
            joining.machine(each.name, each.machine, wishes, each.serving) for each in seen if each.machine
        )
        if joining.served(one)
    ]
    useful.sort(key=lambda one: (one.by_processor, -one.room))
    spoken = {each.name: builds.major(each.protocol) for each in seen}
    plans = [
        _of_one_protocol(
            model, [one for one in useful if spoken[one.name] in (None, number)], wishes, network, hosts
        )
        for number in {spoken[one.name] for one in useful} - {None} or {None}
    ]
    return max((plan for plan in plans if plan is not None), key=lambda plan: plan.points, default=None)


def _of_one_protocol(
    model: ModelSpec,
    useful: Sequence[joining.Machine],
    wishes: Wishes,
    network: Network,
    hosts: Sequence[FleetHost],
) -> Together | None:
    """
    Machines together: those with the most room, two of them and more, the one whose devices read fastest as the main
    one. Machines that compute with their processors come after the others, and one that is only known by its
    rpc-server is no main one.
    """
    best: tuple[float, Together] | None = None
    for count in range(2, min(len(useful), MOST_TOGETHER) + 1):
        some = list(useful[:count])
        if all(one.serving for one in some):
            some[-1:] = [one for one in useful[count:] if not one.serving][:1]
        if len(some) < count:
            break
        main = max((one for one in some if not one.serving), key=lambda one: one.rate)
        others = [one for one in some if one is not main]
        if builds.refused(hosts, main.name, {one.name for one in others}):
            continue
        here = on_this_disk(model, main.snapshot)
        advice = Advice(here, commands_for(main.snapshot, ENGINE), abilities=engines.abilities(ENGINE))
        problem = joining.over_all(advice.problem(main.snapshot, wishes), main, others, network)
        found = None if problem is None else advice.first(problem, main.snapshot)
        if found is None:
            continue
        candidate, choice = found
        if best is not None and candidate.utility <= best[0]:
            break
        choice = completed(choice, here, main.snapshot, ENGINE)
        plan = _plan(choice, candidate.utility, main, others, network, hosts)
        if len(plan.hosts) < count:
            # One of them is not needed; fewer were tried before.
            continue
        best = (candidate.utility, plan)
    return None if best is None else best[1]


def _plan(
    choice: Choice,
    points: float,
    main: joining.Machine,
    others: Sequence[joining.Machine],
    network: Network,
    hosts: Sequence[FleetHost],
) -> Together:
    ports = {
        other.name: other.name if other.serving else f"{address_of(other.name, hosts)}:{RPC_PORT}"
        for other in others
    }
    used = {device.id for device in choice.devices}
    commands = {
        engine: f"{line} --rpc {shell_word(','.join(ports.values()))}"
        for engine, line in choice.commands.items()
    }
    choice = msgspec.structs.replace(choice, commands=commands)
    number = 0
    plans = []
    for other in others:
        names = tuple(f"{REMOTE.name}{number + at}" for at in range(len(other.offered)))
        number += len(names)
        if used.isdisjoint(names):
            continue
        address = shell_word(address_of(other.name, hosts))
        typed = () if other.serving else (f"{SERVER} -H {address} -p {RPC_PORT}{_serving(other)} -c",)
        plans.append(OnHost(host=other.name, main=False, devices=names, commands=typed))
    own = tuple(device.id for device in main.devices)
    plans.append(OnHost(host=main.name, main=True, devices=own, commands=tuple(commands.values())))
    sent = sum(one.weights_bytes for one in choice.devices if one.id.startswith(REMOTE.name))
    serving_hosts = {plan.host for plan in plans if not plan.main}
    return Together(
        main=main.name,
        hosts=tuple(plans),
        choice=choice,
        points=round(points, 3),
        link=Link(
            bytes_per_s=network.bytes_per_s, seconds_per_token=beyond(WAITING_S, network), given=network.given
        ),
        loading=sent / network.bytes_per_s,
        warnings=(
            message("warning.rpc-open"),
            *(
                message("fleet.by-processor", host=other.name)
                for other in others
                if other.by_processor and other.name in serving_hosts
            ),
            *_assumed(one for one in others if one.name in serving_hosts),
            *builds.together(hosts, main.name, serving_hosts),
        ),
    )


def _serving(other: joining.Machine) -> str:
    """
    What a server is told of its devices: nothing where it takes all cards, else the processor with all its cores, of
    which it uses half unless told otherwise.
    """
    if not other.by_processor:
        return ""
    threads = other.site.processor.threads
    return " -d CPU" if threads is None else f" -d CPU -t {threads}"


def _assumed(servers: Iterable[joining.Machine]) -> Iterator[Message]:
    """
    How fast the devices of running servers are taken to be, where nobody said which they are.
    """
    for server in servers:
        taken = {one.device.bandwidth_bytes_per_s: one.device for one in server.serving if one.device}
        for device in taken.values():
            if device.bandwidth_low < 1:
                remedy = message("remedy.rpc-card", address=server.name)
                yield about_bandwidth(msgspec.structs.replace(device, name=server.name), remedy)
        about = server.site.processor.ram_about
        if about is not None and any(one.device is None for one in server.serving):
            yield message(
                "fleet.rpc-ram",
                address=server.name,
                bytes_per_s=server.site.ram_bandwidth_bytes_per_s,
                about=about,
            )


def _beside(joined: Together, best: Alone) -> Together:
    """
    Several machines beside the best one alone.
    """
    assert best.choice is not None
    assert best.points is not None
    ours, theirs = likely(joined.choice), likely(best.choice)
    part = None if ours is None or not theirs else ours / theirs
    return msgspec.structs.replace(joined, slower=part, worth=joined.points > best.points)


def _verdict(best: Alone | None, joined: Together | None, answered: Sequence[FleetHost]) -> Message:
    if best is None and joined is None:
        return message("fleet.verdict-none", machines=len(answered))
    if best is None:
        assert joined is not None
        return message(
            "fleet.verdict-together",
            machines=len(joined.hosts),
            quant=joined.choice.quant,
            tokens_per_s=likely(joined.choice),
        )
    assert best.choice is not None
    if joined is not None and joined.worth:
        return message(
            "fleet.verdict-better-together",
            host=best.host,
            quant=best.choice.quant,
            tokens_per_s=likely(best.choice),
            machines=len(joined.hosts),
            other_quant=joined.choice.quant,
            other_tokens_per_s=likely(joined.choice),
        )
    return message(
        "fleet.verdict-alone", host=best.host, quant=best.choice.quant, tokens_per_s=likely(best.choice)
    )


def _notes(joined: Together | None, network: Network, answered: Sequence[FleetHost]) -> list[Message]:
    if joined is None:
        return [message("fleet.not-tried")] if len(answered) > 1 else []
    found = []
    if not joined.worth:
        found.append(
            message(
                "fleet.not-together",
                machines=len(joined.hosts),
                quant=joined.choice.quant,
                tokens_per_s=likely(joined.choice),
            )
        )
    found.append(message("fleet.why-slower", ms=beyond(WAITING_S, network).likely * 1000))
    if not network.given:
        found.append(message("fleet.link-assumed", bytes_per_s=network.bytes_per_s))
    started = [plan.host for plan in joined.hosts if plan.commands and not plan.main]
    if joined.worth and any(not is_address(address_of(name, answered)) for name in started):
        found.append(message("fleet.addresses"))
    return found
