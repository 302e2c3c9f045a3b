"""
The programs that hold memory of an adapter of Windows, by the kernel's own count, for the probe of any maker; and what
an adapter may use of RAM.

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
    return holders_of(_adapter(ask, address).get("processes"))


def shared_with(ask: Asker, address: str | None) -> int | None:
    """
    What the adapter at an address may use of RAM in bytes, less what all programs use of that already.
    """
    adapter = _adapter(ask, address)
    limit = as_int(adapter.get("SharedSystemMemory"))
    parts = [each for each in listed(adapter.get("segments")) if isinstance(each, dict)]
    used = sum(as_int(each.get("resident")) or 0 for each in parts if each.get("aperture"))
    return None if limit is None else max(0, limit - used)


def _adapter(ask: Asker, address: str | None) -> dict[str, Any]:
    """
    What Windows tells of the adapter at an address, nothing where it does not tell.
    """
    answer = ask.winapi("adapters")
    adapters = [each for each in listed(answer.value if answer.ok else None) if isinstance(each, dict)]
    there = (each for each in adapters if address is not None and address_of(each.get("address")) == address)
    return next(there, {})


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
