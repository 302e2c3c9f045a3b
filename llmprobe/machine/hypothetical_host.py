"""
The host of a machine that nobody has yet: its processor and how fast its RAM is, as far as its options say.

What they leave out is that of the class: two channels in a desktop, eight in a server, which is a machine with more RAM
than a desktop takes or with a server's processor. Where nothing is said of the RAM but its size, one or two cards of
a recent generation tell its kind (``data/ram.json``, ``beside``). What is unknown altogether stays unknown, and
estimates say so.
"""

import re
from collections.abc import Sequence

import msgspec

from llmprobe.data import table
from llmprobe.errors import UsageError
from llmprobe.facts.machine import Basis, Cpu, Host
from llmprobe.machine.cpu_table import processors
from llmprobe.machine.gpu_table import Gpu
from llmprobe.machine.memory_bus import DDR_BITS, MOST_OF_A_DESKTOP, most_bits
from llmprobe.machine.ram_spelling import USUAL_MTS, Ram
from llmprobe.words.message import Message, message

_CHANNELS = {"desktop": 2, "server": 8}
_SERVERS = r"(?i)\bepyc\b|\bxeon\b|\bgrace\b|\bgraviton|\baltra\b|threadripper pro"
_MOST_CORES = 1024
_MOST_CARDS_OF_A_DESKTOP = 2


class HostOptions(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the options say of a host: ``ram`` as it is written, the peak rate of the RAM in bytes/s, the name of the
    processor, and its cores.
    """

    ram: Ram | None = None
    ram_bandwidth_bytes_per_s: int | None = None
    cpu: str | None = None
    cores: int | None = None


def host_of(shared: Gpu | None, ram_bytes: int, options: HostOptions, cards: Sequence[Gpu] = ()) -> Host:
    """
    The host with so much RAM and these cards; ``shared`` is a chip that uses that memory, too.

    Raises:
        UsageError: an option contradicts the chip, or is out of range.
    """
    if shared is not None:
        _check_chip(shared, options)
    cpu, sockets = _cpu(shared, options)
    rate, basis, how = _rate(shared, cpu, sockets, ram_bytes, options)
    if rate is None and shared is None and options.cpu is None:
        rate, basis, how = _beside(cards, ram_bytes, options.ram)
    if shared is None:
        system, machine, product = "linux", "x86_64", "hypothetical machine"
    else:
        system = "darwin" if shared.vendor == "apple" else "linux"
        machine = {"apple": "arm64", "amd": "x86_64", "intel": "x86_64"}.get(shared.vendor, "aarch64")
        product = f"hypothetical machine with {shared.name}"
    return Host(
        system=system,
        machine=machine,
        product=product,
        cpu=cpu,
        ram_bandwidth_bytes_per_s=rate,
        ram_bandwidth_basis=basis,
        ram_bandwidth_how=how,
    )


def _check_chip(shared: Gpu, options: HostOptions) -> None:
    """
    A Mac has the processor of its chip, and soldered memory the rate of its chip.
    """
    if shared.vendor == "apple" and options.cpu is not None:
        raise UsageError(message("error.cpu-of-chip", device=shared.name), hint=message("hint.cpu-of-chip"))
    told = options.ram is not None and (options.ram.kind or options.ram.mts or options.ram.channels)
    if shared.sizes_gb and shared.bandwidth_bytes_per_s and told:
        raise UsageError(
            message("error.ram-of-chip", device=shared.name, bytes_per_s=shared.bandwidth_bytes_per_s),
            hint=message("hint.ram-of-chip"),
        )


def _cpu(shared: Gpu | None, options: HostOptions) -> tuple[Cpu, int]:
    """
    The processor as far as it is known, and how many of them there are.
    """
    if options.cores is not None and not 1 <= options.cores <= _MOST_CORES:
        raise UsageError(
            message("error.cores-range", given=options.cores, most=_MOST_CORES),
            hint=message("hint.such-as", example="--cores 16"),
        )
    if options.cpu is None:
        name = shared.name if shared is not None and shared.vendor == "apple" else None
        return Cpu(name=name, physical_cores=options.cores, usable_cores=options.cores), 1
    if not any(sign.isalnum() for sign in options.cpu):
        raise UsageError(
            message("error.cpu-empty", given=options.cpu),
            hint=message("hint.such-as", example='--cpu "Ryzen 9 7950X"'),
        )
    known = processors(options.cpu)
    cores = options.cores or known.cores
    evidence = (f"option:--cpu {options.cpu}",)
    sets = ("avx2",) if known.vectors and most_bits(known.name, 1) is not None else ()
    return (
        Cpu(
            name=known.name,
            physical_cores=cores,
            usable_cores=cores,
            instruction_sets=sets,
            evidence=evidence,
        ),
        known.sockets,
    )


def _rate(
    shared: Gpu | None, cpu: Cpu, sockets: int, ram_bytes: int, options: HostOptions
) -> tuple[int | None, Basis | None, Message | None]:
    """
    The peak rate of the RAM in bytes/s, how it is known and what it is from; None where nothing says it.
    """
    if options.ram_bandwidth_bytes_per_s is not None:
        return options.ram_bandwidth_bytes_per_s, "declared", message("bandwidth.given-of-ram")
    ram = options.ram
    if ram is not None and (ram.mts is not None or ram.kind is not None):
        return _of_modules(ram, cpu.name, sockets, ram_bytes)
    if shared is not None and shared.bandwidth_bytes_per_s:
        if not shared.sizes_gb:
            # Of a processor in a socket it is what its modules usually are.
            return (
                shared.bandwidth_bytes_per_s,
                "assumed",
                message("bandwidth.usual-beside", name=shared.name),
            )
        how = message("bandwidth.table", name=shared.name, cores=shared.cores, source=shared.source)
        return shared.bandwidth_bytes_per_s, "declared", how
    return None, None, None


def _beside(
    cards: Sequence[Gpu], ram_bytes: int, ram: Ram | None
) -> tuple[int | None, Basis | None, Message | None]:
    """
    The rate of RAM of the kind that is usual beside the cards of a desktop or laptop, None where they tell nothing.
    """
    if ram_bytes > MOST_OF_A_DESKTOP or len(cards) > _MOST_CARDS_OF_A_DESKTOP:
        return None, None, None
    for row in table("ram")["beside"]:
        card = next((one for one in cards if re.search(row["match"], one.name.lower())), None)
        if card is not None:
            modules = msgspec.structs.replace(ram or Ram(bytes=ram_bytes), kind=row["memory"])
            rate, basis, how = _of_modules(modules, None, 1, ram_bytes)
            return rate, basis, message("bandwidth.modules-beside", how=how, name=card.name)
    return None, None, None


def _of_modules(ram: Ram, processor: str | None, sockets: int, ram_bytes: int) -> tuple[int, Basis, Message]:
    mts = ram.mts if ram.mts is not None else USUAL_MTS[ram.kind or "DDR4"]
    kind = ram.kind or "DDR"
    widest = most_bits(processor, sockets)
    server = ram_bytes > MOST_OF_A_DESKTOP or bool(processor and re.search(_SERVERS, processor))
    by_class = _CHANNELS["server" if server else "desktop"] * sockets
    most = widest // DDR_BITS if widest is not None else by_class
    channels = ram.channels or most
    if ram.channels is None and ram.modules is not None:
        channels = min(channels, ram.modules)
    sure = ram.mts is not None and (ram.channels is not None or widest is not None or not server)
    how = message("bandwidth.of-modules", channels=channels, kind=kind, speed_mts=mts)
    return channels * DDR_BITS // 8 * mts * 1_000_000, "declared" if sure else "assumed", how
