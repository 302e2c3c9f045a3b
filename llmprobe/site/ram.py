"""
How fast the RAM is: as it was measured on the machine, else as its firmware tells of the modules, else as it is usual.

What is usual goes by the name of the processor, or by the kind of machine: the bandwidth that the memory would have
with what is usually installed; the range is what the slowest and the fastest usual modules would reach.
``data/ram.json`` says where each row is from.
"""

import re
from typing import Literal

import msgspec

from llmprobe.data import table
from llmprobe.facts.machine import Host
from llmprobe.facts.measured import Measurement
from llmprobe.facts.processor import Processor, cpu_kind, processor
from llmprobe.machine.memory_bus import MOST_OF_A_DESKTOP
from llmprobe.site.devices import ASSUMED_MODULES
from llmprobe.words.message import Message, message

_MARKS = r"\((?:r|tm)\)|\bcpu\b|\bprocessor\b|@.*|\b\w+-cores?\b|\bwith .*|\bw/ .*|,.*|\bpro\b(?! \d+\w*wx)"
"""What a processor's name has beside the product: marks, clock, graphics, count of cores."""

WORTH_ITS_CORE = 0.75
"""Of a core alone, what each of many is worth at least where no two share one: clocks differ by up to a quarter."""

_OF_SERVERS = ("epyc", "xeon", "neoverse", "platinum")


class RamRate(msgspec.Struct, frozen=True, kw_only=True):
    """
    The usual peak rate in bytes/s, and what it may be as parts of that.

    ``basis`` is ``declared`` where the makers of the processor say its bus and speed, else ``assumed``.
    """

    bytes_per_s: int
    low: float
    high: float
    basis: Literal["declared", "assumed"]
    family: str | None = None


def of_host(host: Host, ram_bytes: int | None = None) -> tuple[int, Processor]:
    """
    The rate of a host's RAM in bytes/s, measured or at its peak, and what its processor can do with it.
    """
    own = _with_measured_cores(processor(host.cpu), host.measurement)
    own = msgspec.structs.replace(own, core_rate=core_rate(host.cpu.name), ram_bytes=ram_bytes)
    rate = host.ram_bandwidth_bytes_per_s
    if rate is None or host.ram_bandwidth_basis != "measured":
        own = _with_dies(own, host)
    if rate is not None and host.ram_bandwidth_basis == "assumed":
        low, high = ASSUMED_MODULES
        words = message(
            "ram.modules-assumed", how=host.ram_bandwidth_how, low=round(rate * low), high=round(rate * high)
        )
        return rate, msgspec.structs.replace(own, ram_low=low, ram_high=high, ram_about=words)
    if rate is not None and host.ram_bandwidth_basis == "measured":
        ram = None if host.measurement is None else host.measurement.ram
        low = 1.0 if ram is None else ram.low
        return rate, msgspec.structs.replace(own, ram_measured=True, ram_low=low)
    if rate is not None:
        return rate, own
    found = usual(host, ram_bytes)
    return found.bytes_per_s, msgspec.structs.replace(
        own, ram_low=found.low, ram_high=found.high, ram_about=about(found)
    )


def _with_measured_cores(own: Processor, measurement: Measurement | None) -> Processor:
    """
    A processor whose threads were seen to be worth fewer cores than the system counts.

    One thread alone has a higher clock than each of many, so that a small difference says nothing.
    """
    told = measurement is not None and measurement.counts and not measurement.busy
    cores = measurement.cores if measurement is not None and told else None
    if cores is None or own.threads is None or cores.worth >= own.threads * WORTH_ITS_CORE:
        return own
    return msgspec.structs.replace(own, threads=max(1, round(cores.worth)))


def core_rate(name: str | None) -> float:
    """
    How fast a core of a processor multiplies beside that of a desktop, by its name (``data/core_rates.json``).
    """
    plain = _plain(name or "")
    rows = table("core_rates")["rows"] if plain else ()
    found = next((row for row in rows if row["word"] in plain and re.search(row["match"], plain)), None)
    return 1.0 if found is None else float(found["rate"])


def _with_dies(own: Processor, host: Host) -> Processor:
    """
    A processor whose core dies may read less than the modules feed, by ``data/core_dies.json``.

    The sockets are as many as have the cores that this process may use.
    """
    name = _plain(host.cpu.name or "")
    for row in table("core_dies")["rows"]:
        if row["word"] in name and re.search(row["match"], name):
            # Loaded only for these processors.
            from llmprobe.machine.cpu_table import processors

            each = processors(host.cpu.name or "").cores
            cores = host.cpu.usable_cores or host.cpu.physical_cores or 0
            sockets = max(1, round(cores / each)) if each else 1
            dies = row["dies"] * sockets
            return msgspec.structs.replace(own, dies=dies, dies_bytes_per_s=dies * row["bytes_per_s"])
    return own


def _plain(text: str) -> str:
    return " ".join(re.sub(_MARKS, "", text.lower()).split())


def usual(host: Host, ram_bytes: int | None = None) -> RamRate:
    """
    The rate of a host's RAM by its processor, or by its kind where that is unknown.
    """
    rows = table("ram")
    name = _plain(f"{host.cpu.name or ''} {host.product or ''}")
    for row in rows["rows"]:
        if row["word"] in name and re.search(row["match"], name):
            return RamRate(
                bytes_per_s=row["bus_bits"] * row["mts"] * 1_000_000 // 8,
                low=row["low"],
                high=row["high"],
                basis="declared",
                family=row["family"],
            )
    large = (ram_bytes or 0) > MOST_OF_A_DESKTOP
    board = "arm" if host.machine.lower().startswith("riscv") else cpu_kind(host.machine)
    kind = "server" if large or any(word in name for word in _OF_SERVERS) else board
    return RamRate(basis="assumed", **rows["unknown"][kind])


def about(rate: RamRate) -> Message:
    """
    What an unmeasured rate rests on.
    """
    low, high = round(rate.bytes_per_s * rate.low), round(rate.bytes_per_s * rate.high)
    if rate.family is None:
        return message("ram.assumed", low=low, high=high)
    return message("ram.declared", low=low, high=high, family=rate.family)
