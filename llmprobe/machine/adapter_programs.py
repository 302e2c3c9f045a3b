"""
The programs that hold memory of an adapter of Windows, by the kernel's own count, for the probe of any maker.

Under WDDM the memory of a GPU is Windows' to give, so that NVIDIA's library lists programs without their bytes.
https://learn.microsoft.com/windows-hardware/drivers/ddi/d3dkmthk/ (``D3DKMTQueryStatistics``)

Questions, in order:

    winapi:adapters
"""

from typing import Any

from llmprobe.facts.machine import Holder
from llmprobe.machine.asking import Asker, as_int, listed

QUESTION = "winapi:adapters"


def programs_of(ask: Asker, address: str | None) -> tuple[Holder, ...]:
    """
    The programs on the adapter at an address of the bus, none where Windows does not tell.
    """
    answer = ask.winapi("adapters")
    adapters = [each for each in listed(answer.value if answer.ok else None) if isinstance(each, dict)]
    return next(
        (
            holders_of(each.get("processes"))
            for each in adapters
            if address is not None and address_of(each.get("address")) == address
        ),
        (),
    )


def holders_of(value: Any) -> tuple[Holder, ...]:
    """
    The programs that hold memory of an adapter's own.
    """
    programs = [each for each in listed(value) if isinstance(each, dict)]
    return tuple(
        Holder(
            pid=as_int(each.get("pid")),
            name=name if isinstance(name := each.get("name"), str) else None,
            used_bytes=as_int(each.get("bytes")),
        )
        for each in programs
    )


def address_of(value: Any) -> str | None:
    """
    Bus, device and function; Windows does not number domains here.
    """
    numbers = [number for each in listed(value) if (number := as_int(each)) is not None]
    if len(numbers) != 3 or numbers[0] > 0xFF or numbers[1] > 0x1F or numbers[2] > 0x7:
        return None
    bus, device, function = numbers
    return f"0000:{bus:02x}:{device:02x}.{function:x}"
