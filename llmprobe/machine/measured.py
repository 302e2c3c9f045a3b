"""
Whether a kept measurement still holds for a machine, and the machine with it.

A measurement depends on the processor, the memory, and settings of the kernel: its fingerprint. Where one of them is
no longer the same the measurement is shown and does not count.
"""

from collections.abc import Mapping, Sequence

import msgspec

from llmprobe.facts.bench import Fingerprint, Kept
from llmprobe.facts.machine import Host, MemoryPool
from llmprobe.facts.measured import KeptHere, Measurement
from llmprobe.words.message import Message, message

_SAME_MEMORY = 0.02
"""By how much the memory that a kernel counts may differ from one start to the next, in parts."""


def fingerprint(host: Host, pools: Sequence[MemoryPool], settings: Mapping[str, str]) -> Fingerprint:
    """
    What a measurement on this machine depends on. ``host`` is as probed, without a measurement in it.
    """
    ram = next((pool.total_bytes for pool in pools if pool.id == "ram"), None)
    modules, numa = host.memory.modules, host.memory.numa
    return Fingerprint(
        system=host.system,
        machine=host.machine,
        environment=host.environment,
        cpu=host.cpu.name,
        physical_cores=host.cpu.physical_cores,
        logical_cores=host.cpu.logical_cores,
        usable_threads=host.cpu.usable_threads,
        ram_bytes=ram,
        modules=None if modules is None else modules.count,
        memory_kind=None if modules is None else modules.kind,
        bus_bits=None if modules is None else modules.bus_bits,
        modules_bytes_per_s=host.ram_bandwidth_bytes_per_s,
        nodes=1 if numa is None else len(numa.nodes),
        kernel_settings=dict(settings),
    )


def changed(then: Fingerprint, now: Fingerprint) -> tuple[str, ...]:
    """
    The fields that differ; of the kernel's settings the name of each.
    """
    names = [
        name
        for name in Fingerprint.__struct_fields__
        if name != "kernel_settings" and not _is_same(name, getattr(then, name), getattr(now, name))
    ]
    settings = {**then.kernel_settings, **now.kernel_settings}
    differ = (name for name in settings if then.kernel_settings.get(name) != now.kernel_settings.get(name))
    return (*names, *sorted(differ))


def _is_same(name: str, then: object, now: object) -> bool:
    if name == "ram_bytes" and isinstance(then, int) and isinstance(now, int):
        return abs(then - now) <= _SAME_MEMORY * max(then, now)
    return then == now


def read_kept(document: object) -> Kept | None:
    """
    A kept document, None where it is none.
    """
    try:
        return msgspec.convert(document, Kept)
    except (msgspec.ValidationError, OverflowError):
        return None


def kept_measurement(host: Host, pools: Sequence[MemoryPool], kept: KeptHere) -> Measurement | Message:
    """
    The measurement of a kept document, with what has changed since; or what is wrong with the document.
    """
    try:
        document = msgspec.convert(kept.document, Kept)
    except (msgspec.ValidationError, OverflowError) as error:
        return message("source.measurement-odd", reason=str(error))
    now = fingerprint(host, pools, kept.kernel_settings)
    return msgspec.structs.replace(document.measurement, changed=changed(document.fingerprint, now))


def with_measurement(host: Host, measurement: Measurement) -> Host:
    """
    The host with a measurement; where it counts, the bandwidth of its RAM is the measured one.
    """
    host = msgspec.structs.replace(host, measurement=measurement)
    ram = measurement.ram
    if ram is None or not measurement.counts:
        return host
    return msgspec.structs.replace(
        host,
        ram_bandwidth_bytes_per_s=ram.bytes_per_s,
        ram_bandwidth_basis="measured",
        ram_bandwidth_how=message(
            "bandwidth.measured", threads=ram.threads, bytes=ram.span_bytes, date=measurement.date
        ),
    )
