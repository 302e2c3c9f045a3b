"""
An estimate beside what the engine here really does: its own tools are run on the settings, for a limited time.
"""

import time
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from llmprobe.engines._shared import llamacpp_trial as trials
from llmprobe.engines._shared.llamacpp_trial import BENCH, FIT, SERVER, Trial
from llmprobe.errors import LlmprobeError, ModelError, UsageError
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.speed.correction import places_of
from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.devices import Hardware
from llmprobe.facts.estimate import ModelInEstimate, model_in_estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.measured import Correction
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import Settings, SettingsOptions, told
from llmprobe.facts.verification import SpeedCheck, Verification
from llmprobe.machine.measured import read_kept
from llmprobe.site import assumed
from llmprobe.source import kept, programs
from llmprobe.source.live import LiveSource
from llmprobe.source.measure import places
from llmprobe.tasks import estimate, recommend
from llmprobe.tasks.bench import today
from llmprobe.tasks.machines import measured_first, probe
from llmprobe.tasks.models import load_model
from llmprobe.tasks.trial_run import Chosen, Progress, Run
from llmprobe.words.message import message

DEFAULT_S = 600.0
LEAST_S, MOST_S = 10.0, 7200.0


def verify(
    name: str,
    *,
    seconds: float = DEFAULT_S,
    progress: Progress = lambda _message: None,
    **settings: Any,
) -> Verification:
    """
    The comparison, described by ``api.verify``; ``progress`` is told what is run.

    Raises:
        UsageError: a setting or the time is out of range.
        ModelError: the model is no file of this machine.
        LlmprobeError: none of llama.cpp's programs is here.
    """
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool) and isfinite(seconds)
    if not number or not LEAST_S <= seconds <= MOST_S:
        raise UsageError(message("error.bench-seconds", given=str(seconds), least=LEAST_S, most=MOST_S))
    until = time.monotonic() + seconds
    machine = measured_first(probe())
    model = load_model(name, snapshot=machine)
    if model.path is None or "://" in model.path or not Path(model.path).is_file():
        raise ModelError(message("error.verify-needs-a-file", name=name), hint=message("hint.verify-file"))
    if not any(map(programs.is_here, (SERVER, BENCH, FIT))):
        raise LlmprobeError(message("error.verify-no-engine"), hint=message("hint.verify-engine"))
    model = msgspec.structs.replace(model, path=str(Path(model.path).absolute()))
    chosen = _chosen(model, _uncorrected(machine), settings)
    trial = Trial(
        path=str(model.path),
        settings=chosen.settings,
        gpu_layers=chosen.gpu_layers,
        devices=tuple(chosen.names) if chosen.names or not _on_devices(chosen) else None,
    )
    threads = machine.host.cpu.usable_threads or 1
    # Asked before the engine itself keeps the processors busy.
    busy = places.busy(threads)
    run = Run(trial, chosen, until, progress)
    run.fit()
    run.server()
    run.bench()
    buffers = run.buffers()
    speeds = run.speeds()
    correction = None if busy else _correction(model, chosen, machine, speeds)
    place = None if correction is None else _keep(machine, correction)
    checked = [one.agrees for one in buffers if one.agrees is not None]
    notes = [message("note.verify-busy", threads=threads)] if busy else []
    if correction is not None and place is None:
        notes.append(message("note.verify-not-kept"))
    return Verification(
        model=_in_short(model),
        engine="llama.cpp",
        build=next((one.version for one in machine.engines if one.name == "llama.cpp"), None),
        settings=Settings(**told(chosen.settings)),
        steps=tuple(run.steps),
        buffers=buffers,
        speeds=speeds,
        agrees=all(checked) if checked else None,
        correction=correction if place is not None else None,
        kept=place,
        log=trials.lines_of_sizes(run.log),
        notes=tuple(notes),
    )


def report(answer: Verification) -> str:
    """
    The comparison as a file for a bug report: with the recording of this machine, and without names of folders.
    """
    from llmprobe.output.documents import to_json
    from llmprobe.tasks.machines import record

    recording = msgspec.json.decode(record())
    return to_json(msgspec.structs.replace(answer, kept=None, recording=recording))


def _in_short(model: ModelSpec) -> ModelInEstimate:
    estimator = Estimator(model)
    quant = model.quant or ""
    return model_in_estimate(model, quant, estimator.tensor_bytes(quant) if quant else 0)


def _uncorrected(machine: Snapshot) -> Snapshot:
    """
    The machine without what was found out by an earlier comparison.
    """
    measured = machine.host.measurement
    if measured is None or not measured.corrections:
        return machine
    without = msgspec.structs.replace(measured, corrections=())
    return msgspec.structs.replace(machine, host=msgspec.structs.replace(machine.host, measurement=without))


def _chosen(model: ModelSpec, machine: Snapshot, given: Mapping[str, Any]) -> Chosen:
    """
    The settings that were given, with the engine's defaults for the others; without any those of ``recommend``.
    """
    wanted = {name: value for name, value in given.items() if value is not None}
    if wanted:
        options: SettingsOptions = {"mmproj": "none", **wanted}  # type: ignore[typeddict-item]  # checked by estimate
        answer = estimate.estimate(model, snapshot=machine, **options)
        used = assumed.of_machine(machine).devices
        names = {
            f"{BACKENDS[device.backend].device_prefix}{number}": device.id
            for number, device in enumerate(used)
        }
        return Chosen(
            settings=answer.settings,
            gpu_layers=answer.settings.gpu_layers,
            devices=answer.devices,
            speed=answer.speed,
            environment={},
            names=names,
            given=True,
        )
    wishes = recommend.wishes_of(mmproj="none", model=model)
    found = recommend.recommend(model, machine, wishes, measure=False)
    if not found.choices:
        raise LlmprobeError(message("error.verify-nothing-fits"), hint=message("hint.verify-settings"))
    best = found.choices[0]
    backends = {one.id: one.backend for one in machine.accelerators}
    ids = [one.id for one in best.devices if one.id != "host"]
    hidden = any(name.endswith("VISIBLE_DEVICES") for name in best.environment)
    numbers: Sequence[int] = (
        range(len(ids)) if hidden or len(best.device_numbers) != len(ids) else best.device_numbers
    )
    return Chosen(
        settings=best,
        gpu_layers=best.gpu_layers,
        devices=best.devices,
        speed=best.speed,
        environment=best.environment,
        names={
            f"{BACKENDS[backend].device_prefix}{number}": device
            for number, device in zip(numbers, ids, strict=True)
            if (backend := backends[device]) is not None
        },
        given=False,
    )


def _on_devices(chosen: Chosen) -> bool:
    return any(one.id != "host" for one in chosen.devices)


def _correction(
    model: ModelSpec, chosen: Chosen, machine: Snapshot, speeds: Sequence[SpeedCheck]
) -> Correction | None:
    """
    What was reached beside what was predicted, None where nothing was measured.
    """
    factors = {
        one.of: round(one.measured / one.predicted.likely, 3)
        for one in speeds
        if one.measured and one.predicted is not None and one.predicted.likely and one.by == BENCH
    }
    usable = {of: factor for of, factor in factors.items() if 0 < factor <= 100}
    if not usable:
        return None
    estimator = Estimator(model)
    here = assumed.of_machine(machine)
    ids = {one.id for one in chosen.devices}
    hardware = Hardware(devices=tuple(one for one in here.devices if one.id in ids), cpu=here.cpu)
    shares = estimator.shares(
        model.quant or "",
        Settings(**told(chosen.settings)),
        hardware,
        ram_bandwidth=here.ram_bandwidth_bytes_per_s,
    )
    return Correction(
        places=places_of(shares),
        experts=estimator.is_moe,
        generation=usable.get("generation"),
        prompt=usable.get("prompt"),
        model=model.name,
        date=today(),
    )


def _keep(machine: Snapshot, correction: Correction) -> str | None:
    """
    The file in which the correction is kept beside the measurement of this machine, in place of an older one.
    """
    measured = machine.host.measurement
    with LiveSource() as source:
        path = source.place_of_measurement()
    known = read_kept(kept.read(path).value)
    if path is None or measured is None or not measured.counts or known is None:
        return None
    others = tuple(
        one
        for one in known.measurement.corrections
        if (one.places, one.experts) != (correction.places, correction.experts)
    )
    new = msgspec.structs.replace(known.measurement, corrections=(*others, correction))
    text = msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(known, measurement=new)), indent=2)
    try:
        kept.write(path, text.decode() + "\n")
    except OSError:
        return None
    return kept.shown(path)
