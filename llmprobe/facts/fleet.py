"""
Several machines: the documents of ``llmprobe fleet check`` and ``llmprobe fleet recommend``, and their parts.
"""

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.estimate import ModelInEstimate, Range
from llmprobe.facts.finding import Finding
from llmprobe.facts.fit import FitWishes
from llmprobe.facts.recommendation import Choice, MachineInShort, Wishes
from llmprobe.words.message import Message

HostOrigin = Literal["recording", "ssh", "slurm", "kubernetes", "ray", "rpc-server", "here"]
"""
Where what is known of a machine comes from: a file, a recording that was made there over ssh, by
Slurm or by Ray, the labels of a node, llama.cpp's rpc-server there, or this machine itself.
"""


Launcher = Literal["mp", "ray"]
"""
What starts an engine's ranks on several machines: the engine itself on each, or a cluster of Ray.
"""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """
    A machine as a command of several machines names it. ``numbers`` are those of its devices in use, None for all;
    ``unified`` is memory that its devices share with the system, ``layers`` are those of its stage, None where all have
    even parts.
    """

    address: str
    numbers: tuple[int, ...] | None = None
    unified: bool = False
    layers: int | None = None


class EngineBuild(msgspec.Struct, frozen=True, kw_only=True):
    """
    An engine that is installed on a machine, and its version as it tells it; None is one that does not.
    """

    name: str
    version: str | None


class FleetHost(msgspec.Struct, frozen=True, kw_only=True):
    """
    One machine of several. ``machine`` is None where it did not answer; ``problem`` says why, ``remedy`` what to do.

    ``like`` is the first machine of which everything that counts is the same; what was found for that one holds here.
    ``findings`` are those of an error or a warning. Of a machine that is known by its rpc-server alone ``protocol`` is
    the version that this speaks, and ``machine`` its devices.
    """

    name: str
    origin: HostOrigin
    answered: bool
    problem: Message | None = None
    remedy: Message | None = None
    machine: MachineInShort | None = None
    like: str | None = None
    engines: tuple[EngineBuild, ...] = ()
    findings: tuple[Finding, ...] = ()
    protocol: str | None = None


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe fleet check``: machines side by side, those that did not answer among them.
    """

    schema: Literal["llmprobe.fleet/1"] = "llmprobe.fleet/1"
    llmprobe_version: str = __version__
    this_machine: bool = False
    hosts: tuple[FleetHost, ...]
    notes: tuple[Message, ...] = ()


class Alone(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one machine makes of the model by itself: the first choice of ``recommend``, None where nothing fits.

    ``points`` are those of the balance of ``recommend``, a doubling of the time of an answer each; only differences
    count.
    """

    host: str
    choice: Choice | None
    points: float | None
    verdict: Message | None


class OnHost(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is typed on one machine of several, ``main`` where the model is talked to; ``devices`` are its own in the plan,
    ``layers`` how many it has of a pipeline's. A machine where something is typed twice is listed twice.
    """

    host: str
    main: bool
    devices: tuple[str, ...]
    commands: tuple[str, ...]
    layers: int | None = None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """
    The network between machines: bytes per second each way, and the seconds that a device of another machine (of a
    pipeline: each step from one machine to the next) costs each token, whatever is computed there. ``given`` is false
    where the rate is assumed.
    """

    bytes_per_s: int
    seconds_per_token: Range
    given: bool


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """
    The model over several machines: with llama.cpp's rpc-server, or by an engine that serves, where each machine is a
    stage of a pipeline that ``launcher`` starts. ``choice`` is what the main machine is told; with rpc-server devices
    of others are among its ``devices`` first, and ``loading`` is how long the weights take over the network, in
    seconds. Devices of a pipeline are named by their machine, and each machine loads from its own disk.

    ``points`` are those of ``Alone``; it is ``worth`` it where no machine alone has as many. ``slower`` is its speed as
    a part of that of the best machine alone, None where none runs it.
    """

    main: str
    hosts: tuple[OnHost, ...]
    choice: Choice
    points: float
    link: Link
    loading: float | None = None
    launcher: Launcher | None = None
    worth: bool = True
    slower: float | None = None
    warnings: tuple[Message, ...] = ()


class FittingOnHost(msgspec.Struct, frozen=True, kw_only=True):
    """
    One model that a machine runs, in short: a row of ``fit``, its choice without what stands beside it.
    """

    model: str
    model_name: str
    quant: str
    ctx_size: int
    gpu_layers: int
    total_layers: int
    points: float
    generation_tokens_per_s: Range | None
    seconds_per_answer: Range | None


class FitOnHost(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one machine runs best, or why nothing is known: a line of the file that ``fleet fit`` keeps.

    ``key`` stands for all that the answer is based on; a line whose key is another one is computed again. ``like`` is
    the first machine of which everything that counts is the same.
    """

    schema: Literal["llmprobe.fleet-fit-line/1"] = "llmprobe.fleet-fit-line/1"
    host: str
    key: str
    like: str | None = None
    rows: tuple[FittingOnHost, ...] = ()
    problem: Message | None = None


class FleetFit(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe fleet fit``: for each machine the models that it runs best for a use.

    ``models`` of the catalog were asked about, on ``computed`` unlike machines in this run; the others were alike, or
    kept from an earlier run.
    """

    schema: Literal["llmprobe.fleet-fit/1"] = "llmprobe.fleet-fit/1"
    llmprobe_version: str = __version__
    this_machine: bool = False
    wishes: FitWishes
    models: int
    computed: int
    hosts: tuple[FitOnHost, ...]
    notes: tuple[Message, ...] = ()


class FleetRecommendation(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe fleet recommend``: each machine alone, the best first, and several together where that
    was looked at. ``best`` is the machine that runs the model best alone. Neither is the answer "no".
    """

    schema: Literal["llmprobe.fleet-recommendation/1"] = "llmprobe.fleet-recommendation/1"
    llmprobe_version: str = __version__
    this_machine: bool = False
    model: ModelInEstimate
    wishes: Wishes
    hosts: tuple[FleetHost, ...]
    best: str | None
    verdict: Message
    alone: tuple[Alone, ...]
    together: Together | None = None
    notes: tuple[Message, ...] = ()
