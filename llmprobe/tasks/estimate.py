"""
One configuration: the engine's defaults, the devices, and the estimate.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

import msgspec

from llmprobe import engines
from llmprobe.errors import UsageError
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.kept import estimator_of
from llmprobe.estimation.options import checked
from llmprobe.estimation.settings import rounding
from llmprobe.estimation.speed.generation import NO_GENERATION, generation_speed, that_count
from llmprobe.estimation.speed.parts import CPU, Share
from llmprobe.estimation.speed.waiting import with_waiting
from llmprobe.facts.adapter import Adapter
from llmprobe.facts.devices import Hardware
from llmprobe.facts.estimate import Estimate, Loading, Speed
from llmprobe.facts.given import count, switch, text
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.measured import Measurement
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import Settings, SettingsOptions, without_drafts
from llmprobe.site import assumed
from llmprobe.site.devices import MOST_DEVICES, about_bandwidth
from llmprobe.tasks import drafting, projecting
from llmprobe.tasks.arguments import check_machine, check_model, checked_adapters
from llmprobe.tasks.defaults import DEFAULT_QUANT, defaults_for
from llmprobe.tasks.machines import probe
from llmprobe.tasks.models import quant_name, quant_notes
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.estimation.second import Draft


def estimate(
    model: ModelSpec,
    *,
    quant: str | None = None,
    engine: str | None = None,
    snapshot: Snapshot | None = None,
    devices: int | None = None,
    backend: assumed.Backend | None = None,
    rpc: Sequence[str] = (),
    explain: bool = False,
    prompt_tokens: int | None = None,
    draft_model: ModelSpec | None = None,
    draft_quant: str | None = None,
    adapters: Sequence[Adapter] = (),
    **settings: Unpack[SettingsOptions],
) -> Estimate:
    """
    The estimate of one configuration, described by ``api.estimate``.

    Raises:
        UsageError: a setting does not exist or is out of range.
        RefusedError: llama.cpp refuses these settings for this model.
    """
    _check(model, snapshot, engine, backend, explain=explain, prompt_tokens=prompt_tokens)
    given = checked(settings)
    model = projecting.set_up(model, given.get("mmproj"))
    model, given, draft = drafting.set_up(model, given, draft_model, draft_quant)
    chosen = (
        quant_name(quant, model)
        if quant is not None
        else model.quant or model.published_quant or DEFAULT_QUANT
    )
    if devices is not None or backend is not None:
        site, machine = assumed.assumed(devices, backend), None
    else:
        machine = probe() if snapshot is None else snapshot
        site = assumed.of_machine(machine)
    site, of_remote = _with_remote(site, rpc, given)
    _check_split(given, site)
    defaults = defaults_for(
        model,
        chosen,
        site.devices,
        engine,
        machine,
        ctx_size=given.get("ctx_size", 0),
        parallel=given.get("parallel"),
    )
    estimator = estimator_of(model, defaults.profile)
    told = defaults.settings(given, model, estimator.n_layer if estimator.is_moe else 0)
    if draft is not None:
        told = msgspec.structs.replace(told, read_layers=draft.read_layers(estimator.trunk))
    measured = None if machine is None else machine.host.measurement
    run = _Run(estimator=estimator, quant=chosen, told=told, site=site, draft=draft)
    speed, of_speed = run.speed(measured, prompt_tokens)
    answer = estimator.estimate(
        chosen,
        told,
        run.hardware,
        site.budgets,
        this_machine=site.this_machine,
        speed=speed,
        explain=explain,
        draft=draft,
        adapters=checked_adapters(adapters),
    )
    return msgspec.structs.replace(
        answer,
        loading=None
        if measured is None or not measured.disks
        else _loading(measured, answer, model, chosen, run.hardware),
        notes=(
            *model.notes,
            *quant_notes(() if quant is None else (quant,)),
            *defaults.assumed,
            *_notes(given, told, model, is_moe=estimator.is_moe),
            *(() if draft is None else draft.estimator.model.notes),
            *of_speed,
            *(about_bandwidth(device) for device in site.devices if device.bandwidth_low < 1),
            *_of_machine(machine),
            *of_remote,
            *answer.notes,
        ),
        warnings=(
            *answer.warnings,
            *((message("warning.rpc-open"),) if rpc else ()),
            *_refused(defaults.profile.engine, model),
        ),
    )


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    """
    One configuration on its devices: what its speed depends on. ``told`` is what the engine is told.
    """

    estimator: Estimator
    quant: str
    told: Settings
    site: assumed.Places
    draft: "Draft | None"

    @property
    def hardware(self) -> Hardware:
        """The devices and the processor, as an engine sees them."""
        return Hardware(devices=self.site.devices, cpu=self.site.cpu)

    def speed(
        self, measured: Measurement | None, prompt_tokens: int | None
    ) -> tuple[Speed, tuple[Message, ...]]:
        """
        The speed, with drafts and corrected by what was counted on this machine, and notes on its assumptions.
        """
        if not self.estimator.generates:
            return NO_GENERATION, ()
        shares = self.estimator.shares(
            self.quant,
            without_drafts(self.told),
            self.hardware,
            ram_bandwidth=self.site.ram_bandwidth_bytes_per_s,
        )
        speed, notes = self._plain(shares, prompt_tokens), _of_ram(self.site, shares)
        if self.told.spec_type:
            speed = self._drafted(speed)
        if measured is not None and measured.counting_corrections:
            # Imported only here: few machines have any.
            from llmprobe.estimation.speed.correction import about, corrected, correction_of

            found = correction_of(measured.counting_corrections, shares, moe=self.estimator.is_moe)
            speed = corrected(speed, found)
            if found is not None:
                notes = (*notes, message("note.speed-corrected", correction=about(found)))
        return speed, notes

    def _plain(self, shares: Sequence[Share], prompt_tokens: int | None) -> Speed:
        speed = generation_speed(
            shares,
            moe=self.estimator.is_moe,
            quant=self.quant,
            processor=self.site.processor,
            ubatch_size=self.told.ubatch_size,
            op_offload=self.told.op_offload,
        )
        resolved = self.estimator.setup(without_drafts(self.told), self.hardware).settings
        return with_waiting(
            speed,
            shares,
            moe=self.estimator.is_moe,
            quant=self.quant,
            processor=self.site.processor,
            ubatch_size=resolved.ubatch_size,
            op_offload=self.told.op_offload,
            ctx_size=resolved.ctx_per_seq,
            prompt_tokens=prompt_tokens,
        )

    def _drafted(self, plain: Speed) -> Speed:
        # Imported only here: most estimates draft nothing.
        from llmprobe.estimation.speed.drafted import drafted_speed

        return drafted_speed(
            plain,
            self.estimator,
            self.quant,
            self.told,
            self.hardware,
            self.draft,
            ram_bandwidth=self.site.ram_bandwidth_bytes_per_s,
            processor=self.site.processor,
        )


def _check(
    model: ModelSpec,
    snapshot: Snapshot | None,
    engine: str | None,
    backend: str | None,
    *,
    explain: bool,
    prompt_tokens: int | None,
) -> None:
    """
    Check the kinds of the arguments that are no settings.

    Raises:
        UsageError: one is of another kind or out of range.
    """
    check_model(model)
    check_machine(snapshot)
    switch("explain", explain)
    if prompt_tokens is not None:
        count("prompt_tokens", prompt_tokens, least=1)
    if engine is not None:
        text("engine", engine)
    if backend is not None:
        text("backend", backend)


def _with_remote(
    site: assumed.Places, rpc: Sequence[str], given: SettingsOptions
) -> tuple[assumed.Places, tuple[Message, ...]]:
    """
    The devices of these RPC servers before those of the machine, and notes on them; the same without servers.

    Raises:
        UsageError: a server is malformed, or there are too many devices.
        LlmprobeError: a server that is asked does not answer, or speaks another protocol.
    """
    if not rpc:
        return site, ()
    # Imported only here: few estimates are of several machines.
    from llmprobe.site.remote import about_remote, remote_devices
    from llmprobe.source.rpc_server import ask

    remote = remote_devices(rpc, most=MOST_DEVICES - len(site.devices), ask=ask)
    by_tensors = given.get("split_mode") == "tensor" and not site.devices
    notes = about_remote(remote, split=bool(given.get("tensor_split")), by_tensors=by_tensors)
    together = msgspec.structs.replace(
        site,
        devices=(*remote.devices, *site.devices),
        budgets=site.budgets | remote.budgets,
    )
    return together, notes


def _check_split(given: SettingsOptions, site: assumed.Places) -> None:
    """
    Check that a split has no more shares than there are devices.

    Raises:
        UsageError: it has.
    """
    split = len(given.get("tensor_split", ()))
    if split > len(site.devices):
        raise UsageError(
            message("error.tensor-split-too-long", given=split, devices=len(site.devices)),
            hint=message("hint.tensor-split"),
        )


def _loading(
    measured: Measurement, answer: Estimate, model: ModelSpec, quant: str, hardware: Hardware
) -> Loading | None:
    """
    How long the file takes from its disk.
    """
    # Imported only here: few machines have had their disks measured.
    from llmprobe.estimation.speed.loading import loading_of

    path = model.path if model.path is not None and quant == model.quant else None
    return loading_of(measured, answer.model.tensor_bytes, path, answer.devices, hardware.devices)


def _of_machine(machine: Snapshot | None) -> tuple[Message, ...]:
    """
    What was taken of a machine to be, where its names did not say it.
    """
    findings = () if machine is None else machine.findings
    return tuple(each.title for each in findings if each.id == "memory-assumed")


def _of_ram(site: assumed.Places, shares: Sequence[Share]) -> tuple[Message, ...]:
    """
    What the speed of the part in RAM rests on, where the machine does not tell the rate.
    """
    about = None if site.processor is None else site.processor.ram_about
    if about is None or all(share.backend != CPU for share in that_count(shares)):
        return ()
    rate = site.ram_bandwidth_bytes_per_s
    return (message("note.ram-bandwidth-assumed", bytes_per_s=rate, about=about, remedy=None),)


def _notes(given: SettingsOptions, told: Settings, model: ModelSpec, *, is_moe: bool) -> tuple[Message, ...]:
    """
    Where what is in force differs from what was given.
    """
    notes: tuple[Message, ...] = ()
    if given.get("ctx_size"):
        notes = rounding(given["ctx_size"], told.parallel, kv_unified=told.kv_unified)
    elif not told.ctx_size and model.max_context:
        notes = (message("note.context-trained", ctx_size=model.max_context),)
    if (given.get("cpu_moe") or given.get("n_cpu_moe")) and not is_moe:
        option = "--cpu-moe" if given.get("cpu_moe") else "--n-cpu-moe"
        notes = (*notes, message("note.no-experts-to-keep", option=option, model=model.name))
    return notes


def _refused(engine: str, model: ModelSpec) -> tuple[Message, ...]:
    """
    That the engine does not load this architecture, where it does not.
    """
    refused = engines.not_loaded(engine, model.architecture)
    if refused is None:
        return ()
    why, instead = refused
    return (message("warning.not-loaded", why=why, instead=tuple(instead)),)
