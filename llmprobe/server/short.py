"""
The documents in few words, for a program that reads them as text: what it needs to answer a person, and no more.

Each is made from a document; the numbers are its own. Sentences are those of the language of the run.
"""

from collections.abc import Callable

import msgspec

from llmprobe.facts.estimate import DeviceEstimate, Estimate, Range
from llmprobe.facts.fit import Fit
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.plan import Plan
from llmprobe.facts.recommendation import Choice, Recommendation
from llmprobe.words.message import Message

Told = Callable[[Message], str]


class ShortPool(msgspec.Struct, frozen=True, kw_only=True):
    """
    Memory in bytes: all of it, what is free, and what a model may take now.
    """

    id: str
    kind: str
    total_bytes: int | None
    free_bytes: int | None
    budget_bytes: int | None


class ShortDevice(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device, and why models cannot run on it where they cannot.
    """

    id: str
    name: str
    backend: str | None
    usable: bool
    why_not: str | None = None


class ShortFinding(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is wrong, with the command that repairs it.
    """

    id: str
    severity: str
    title: str
    remedy: str | None = None
    commands: tuple[str, ...] = ()


class ShortMachine(msgspec.Struct, frozen=True, kw_only=True):
    """
    A machine.
    """

    this_machine: bool
    cpu: str | None
    pools: tuple[ShortPool, ...]
    devices: tuple[ShortDevice, ...]
    findings: tuple[ShortFinding, ...]


class ShortPart(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a configuration takes of a device (``host`` is RAM), and what it may take.
    """

    id: str
    bytes: int
    budget_bytes: int | None


class ShortChoice(msgspec.Struct, frozen=True, kw_only=True):
    """
    A way to run a model: ``tokens_per_s`` has low, likely and high; ``command`` starts it.
    """

    quant: str
    fits: bool
    gpu_layers: int
    total_layers: int
    ctx_size: int
    parts: tuple[ShortPart, ...]
    tokens_per_s: Range | None
    first_token_s: Range | None
    answer_s: Range | None
    quality: str
    command: str | None


class ShortRecommendation(msgspec.Struct, frozen=True, kw_only=True):
    """
    The ways to run a model, best first; none where it does not fit, and then what would.
    """

    model: str
    verdict: str | None
    choices: tuple[ShortChoice, ...]
    nearest: tuple[str, ...]
    warnings: tuple[str, ...]


class ShortEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """
    One configuration.
    """

    model: str
    quant: str
    fits: bool | None
    missing_bytes: int | None
    gpu_layers: int
    total_layers: int
    ctx_size: int
    parts: tuple[ShortPart, ...]
    tokens_per_s: Range | None
    warnings: tuple[str, ...]


class ShortRow(msgspec.Struct, frozen=True, kw_only=True):
    """
    A model that fits: ``reads_as`` is the result of the test ``test`` that its ability is like.
    """

    model: str
    name: str
    reads_as: float
    test: str
    choice: ShortChoice


class ShortFit(msgspec.Struct, frozen=True, kw_only=True):
    """
    The models that run best, best first.
    """

    use: str
    rows: tuple[ShortRow, ...]


class ShortPlanned(msgspec.Struct, frozen=True, kw_only=True):
    """
    A machine that runs the model; ``whole`` where no weight stays in RAM beside a GPU.
    """

    kind: str
    gpus: tuple[str, ...]
    ram: str | None
    whole: bool
    tokens_per_s: Range | None


class ShortPlan(msgspec.Struct, frozen=True, kw_only=True):
    """
    The machines that run a model, by kind, the smallest first.
    """

    model: str
    quant: str
    ctx_size: int
    machines: tuple[ShortPlanned, ...]


def machine(snapshot: Snapshot, told: Told) -> ShortMachine:
    """
    A machine in few words.
    """
    return ShortMachine(
        this_machine=snapshot.this_machine,
        cpu=snapshot.host.cpu.name,
        pools=tuple(
            ShortPool(
                id=pool.id,
                kind=pool.kind,
                total_bytes=pool.total_bytes,
                free_bytes=pool.free_bytes,
                budget_bytes=pool.budget_bytes,
            )
            for pool in snapshot.pools
        ),
        devices=tuple(
            ShortDevice(
                id=each.id,
                name=each.name,
                backend=each.backend,
                usable=each.usable,
                why_not=None if each.why_not is None else told(each.why_not),
            )
            for each in snapshot.accelerators
        ),
        findings=tuple(
            ShortFinding(
                id=each.id,
                severity=each.severity,
                title=told(each.title),
                remedy=None if each.remedy is None else told(each.remedy.text),
                commands=() if each.remedy is None else each.remedy.commands,
            )
            for each in snapshot.findings
        ),
    )


def recommendation(found: Recommendation, told: Told) -> ShortRecommendation:
    """
    A recommendation in few words.
    """
    return ShortRecommendation(
        model=found.model.id,
        verdict=None if found.verdict is None else told(found.verdict),
        choices=tuple(choice(each, told) for each in found.choices),
        nearest=tuple(told(each) for each in found.nearest),
        warnings=tuple(told(each) for each in found.warnings),
    )


def choice(found: Choice, told: Told) -> ShortChoice:
    """
    A way to run a model in few words, with the first command that starts it.
    """
    return ShortChoice(
        quant=found.quant,
        fits=found.fits,
        gpu_layers=found.gpu_layers,
        total_layers=found.total_layers,
        ctx_size=found.ctx_size,
        parts=_parts(found.devices),
        tokens_per_s=found.speed.generation_tokens_per_s,
        first_token_s=found.speed.time_to_first_token_s,
        answer_s=None if found.time is None else found.time.seconds,
        quality=told(found.quality.words),
        command=next(iter(found.commands.values()), None),
    )


def estimate(found: Estimate, told: Told) -> ShortEstimate:
    """
    An estimate in few words.
    """
    return ShortEstimate(
        model=found.model.id,
        quant=found.model.quant,
        fits=found.fits,
        missing_bytes=found.missing_bytes,
        gpu_layers=found.layers.offloaded,
        total_layers=found.layers.total,
        ctx_size=found.settings.ctx_size,
        parts=_parts(found.devices),
        tokens_per_s=found.speed.generation_tokens_per_s,
        warnings=tuple(told(each) for each in found.warnings),
    )


def fit(found: Fit, told: Told) -> ShortFit:
    """
    What fits, in few words.
    """
    return ShortFit(
        use=found.wishes.use,
        rows=tuple(
            ShortRow(
                model=row.model.id,
                name=row.model.name,
                reads_as=row.reads_as,
                test=row.capability.test,
                choice=choice(row.choice, told),
            )
            for row in found.rows
        ),
    )


def plan(found: Plan, _told: Told) -> ShortPlan:
    """
    A plan in few words.
    """
    return ShortPlan(
        model=found.model.id,
        quant=found.wishes.quant,
        ctx_size=found.wishes.ctx_size,
        machines=tuple(
            ShortPlanned(
                kind=each.kind,
                gpus=each.gpus,
                ram=each.ram,
                whole=each.whole,
                tokens_per_s=each.choice.speed.generation_tokens_per_s,
            )
            for each in found.machines
        ),
    )


def _parts(devices: tuple[DeviceEstimate, ...]) -> tuple[ShortPart, ...]:
    return tuple(
        ShortPart(id=each.id, bytes=each.total_bytes, budget_bytes=each.budget_bytes) for each in devices
    )
