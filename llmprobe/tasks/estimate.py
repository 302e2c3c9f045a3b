"""
One configuration: the engine's defaults, the devices, and the estimate.
"""

from collections.abc import Sequence
from typing import Unpack

import msgspec

from llmprobe import engines
from llmprobe.errors import UsageError
from llmprobe.estimation.kept import estimator_of
from llmprobe.estimation.options import checked
from llmprobe.estimation.settings import rounding
from llmprobe.estimation.speed.generation import NO_GENERATION, generation_speed, that_count
from llmprobe.estimation.speed.parts import CPU, Share
from llmprobe.estimation.speed.waiting import with_waiting
from llmprobe.facts.adapter import Adapter
from llmprobe.facts.devices import Hardware
from llmprobe.facts.estimate import Estimate, Loading
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
    check_model(model)
    check_machine(snapshot)
    switch("explain", explain)
    if prompt_tokens is not None:
        count("prompt_tokens", prompt_tokens, least=1)
    if engine is not None:
        text("engine", engine)
    if backend is not None:
        text("backend", backend)
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
    of_remote: tuple[Message, ...] = ()
    if rpc:
        # Imported only here: few estimates are of several machines.
        from llmprobe.site.remote import about_remote, remote_devices
        from llmprobe.source.rpc_server import ask

        remote = remote_devices(rpc, most=MOST_DEVICES - len(site.devices), ask=ask)
        by_tensors = given.get("split_mode") == "tensor" and not site.devices
        of_remote = about_remote(remote, split=bool(given.get("tensor_split")), by_tensors=by_tensors)
        site = msgspec.structs.replace(
            site,
            devices=(*remote.devices, *site.devices),
            budgets=site.budgets | remote.budgets,
        )
    split = len(given.get("tensor_split", ()))
    if split > len(site.devices):
        raise UsageError(
            message("error.tensor-split-too-long", given=split, devices=len(site.devices)),
            hint=message("hint.tensor-split"),
        )
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
    hardware = Hardware(devices=site.devices, cpu=site.cpu)
    speed = NO_GENERATION
    of_ram: tuple[Message, ...] = ()
    measured = None if machine is None else machine.host.measurement
    if estimator.generates:
        shares = estimator.shares(
            chosen, without_drafts(told), hardware, ram_bandwidth=site.ram_bandwidth_bytes_per_s
        )
        of_ram = _of_ram(site, shares)
        speed = generation_speed(
            shares,
            moe=estimator.is_moe,
            quant=chosen,
            processor=site.processor,
            ubatch_size=told.ubatch_size,
            op_offload=told.op_offload,
        )
        run = estimator.setup(without_drafts(told), hardware).settings
        speed = with_waiting(
            speed,
            shares,
            moe=estimator.is_moe,
            quant=chosen,
            processor=site.processor,
            ubatch_size=run.ubatch_size,
            op_offload=told.op_offload,
            ctx_size=run.ctx_per_seq,
            prompt_tokens=prompt_tokens,
        )
        if told.spec_type:
            # Imported only here: most estimates draft nothing.
            from llmprobe.estimation.speed.drafted import drafted_speed

            speed = drafted_speed(
                speed,
                estimator,
                chosen,
                told,
                hardware,
                draft,
                ram_bandwidth=site.ram_bandwidth_bytes_per_s,
                processor=site.processor,
            )
        if measured is not None and measured.counting_corrections:
            # Imported only here: few machines have any.
            from llmprobe.estimation.speed.correction import about, corrected, correction_of

            found = correction_of(measured.counting_corrections, shares, moe=estimator.is_moe)
            speed = corrected(speed, found)
            of_ram += () if found is None else (message("note.speed-corrected", correction=about(found)),)
    answer = estimator.estimate(
        chosen,
        told,
        hardware,
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
        else _loading(measured, answer, model, chosen, hardware),
        notes=(
            *model.notes,
            *quant_notes(() if quant is None else (quant,)),
            *defaults.assumed,
            *_notes(given, told, model, is_moe=estimator.is_moe),
            *(() if draft is None else draft.estimator.model.notes),
            *of_ram,
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
