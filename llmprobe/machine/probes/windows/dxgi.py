"""
The adapters that Windows lists now, with its own figures: which are hardware, where they are, what is used of them.

https://learn.microsoft.com/windows/win32/api/dxgi/ns-dxgi-dxgi_adapter_desc1,
https://learn.microsoft.com/windows/win32/api/dxgi1_4/nf-dxgi1_4-idxgiadapter3-queryvideomemoryinfo,
https://learn.microsoft.com/windows-hardware/drivers/ddi/d3dkmthk/ (D3DKMT_ADAPTERTYPE)
"""

from typing import Any

import msgspec

from llmprobe.facts.machine import Holder
from llmprobe.machine.adapter_programs import QUESTION, address_of, holders_of
from llmprobe.machine.asking import Asker, as_int, listed
from llmprobe.machine.probes.windows.registry import plain_name

__all__ = ["QUESTION", "Present", "parse", "present"]

_SOFTWARE, _REMOTE = 0x2, 0x1
_KERNEL_SOFTWARE, _HYBRID_INTEGRATED, _INDIRECT, _COMPUTES_ONLY = 1 << 2, 1 << 5, 1 << 6, 1 << 11


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """
    One adapter that is here. Numbers are as sysfs writes them, sizes in bytes; unknown is None.

    ``dedicated_bytes`` is what it has of its own, as Windows divides it, of which ``resident_bytes`` are used by all
    programs together; ``shared_bytes`` is what it may use of RAM, ``shared_resident_bytes`` what it does.
    ``budget_bytes`` is what Windows lets this program have of its own memory, ``holders`` are the programs with most of
    it.
    """

    name: str
    vendor: str | None = None
    device: str | None = None
    revision: str | None = None
    software: bool = False
    remote: bool = False
    integrated: bool | None = None
    pci: str | None = None
    displays: bool | None = None
    dedicated_bytes: int | None = None
    resident_bytes: int | None = None
    shared_bytes: int | None = None
    shared_resident_bytes: int | None = None
    budget_bytes: int | None = None
    holders: tuple[Holder, ...] = ()


def present(ask: Asker) -> tuple[Present, ...] | None:
    """
    The adapters in the order of Windows, None where it does not tell.
    """
    answer = ask.winapi("adapters")
    if not answer.ok or not isinstance(answer.value, list):
        return None
    return tuple(parse(each) for each in answer.value if isinstance(each, dict))


def parse(fields: dict[str, Any]) -> Present:
    """
    One adapter of the answer.
    """
    flags, kind = as_int(fields.get("Flags")) or 0, as_int(fields.get("type")) or 0
    own, resident = _segments(fields.get("segments"), aperture=False)
    _, shared_resident = _segments(fields.get("segments"), aperture=True)
    dedicated = as_int(fields.get("DedicatedVideoMemory"))
    local = fields.get("local")
    local = local if isinstance(local, dict) else {}
    budget, used = as_int(local.get("Budget")), as_int(local.get("CurrentUsage"))
    name = fields.get("Description")
    outputs = fields.get("outputs")
    return Present(
        name=plain_name(name) if isinstance(name, str) and name else "unknown adapter",
        vendor=_hexadecimal(fields.get("VendorId"), 4),
        device=_hexadecimal(fields.get("DeviceId"), 4),
        revision=_hexadecimal(fields.get("Revision"), 2),
        software=bool(flags & _SOFTWARE or kind & _KERNEL_SOFTWARE),
        remote=bool(flags & _REMOTE or kind & _INDIRECT),
        integrated=True if kind & _HYBRID_INTEGRATED else None,
        pci=address_of(fields.get("address")),
        displays=outputs if isinstance(outputs, bool) else None,
        dedicated_bytes=own or dedicated,
        resident_bytes=None if own is None or resident is None else min(resident, own),
        shared_bytes=as_int(fields.get("SharedSystemMemory")),
        shared_resident_bytes=shared_resident,
        budget_bytes=None if budget is None else max(0, budget - (used or 0)),
        holders=holders_of(fields.get("processes")),
    )


def _segments(value: Any, *, aperture: bool) -> tuple[int | None, int | None]:
    """
    Size and use of all parts of one kind; None where a part does not tell, or there is none.
    """
    parts = [each for each in listed(value) if isinstance(each, dict)]
    chosen = [each for each in parts if bool(each.get("aperture")) == aperture]
    if not chosen:
        return None, None
    sizes, used = ([as_int(each.get(key)) for each in chosen] for key in ("limit", "resident"))
    return _sum(sizes), _sum(used)


def _sum(numbers: list[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _hexadecimal(value: Any, digits: int) -> str | None:
    number = as_int(value)
    return None if number is None or number >= 1 << 32 else f"0x{number:0{digits}x}"
