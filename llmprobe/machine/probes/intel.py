"""
Intel GPUs on Linux, from sysfs alone: Arc and data centre cards with the size of their memory, and graphics
in a processor, of which those are used that compute clearly more than the processor.

The free memory of a card is reported only to privileged programs, so that it is unknown here,
and the budget is what a card usually gives to one program. Integrated graphics share RAM and its bandwidth, and so
gain where much is computed: in prompts. They are judged by their FP16 rate. A processor of 16 cores with AVX2 at 4 GHz
has 2 TFLOPS; UHD 620 has 0.8 and llama.cpp is slower on it (18 to 31 %), Iris Xe has 3.4, Arc 9 to 60.
https://docs.kernel.org/gpu/xe/, https://docs.kernel.org/gpu/i915.html

Questions, in order (``<pci>`` is /sys/bus/pci/devices/<address> of each Intel display device):

    list:/sys/bus/pci/devices                          and what pci_bus asks
    link:<pci>/driver
    psutil:virtual_memory                              and what host_ram asks: of integrated ones that are used
    list:<pci>/drm                                     of the same, for renderDN
    run:test -w /dev/dri/<renderD…>                    of the same
    what intel_memory asks                             cards only from here
    list:<pci>/drm                                     where the driver is i915 or xe, for renderDN
    run:test -w /dev/dri/<renderD…>
    read:<pci>/resource
    link:<pci>                                         and what pci_link asks
    read:<pci>/power/runtime_status
    env:LLMPROBE_WAKE                                  where that is ``suspended``
    run:find /proc …                                   of a card that is awake, and what drm_clients asks
    list:<pci>/hwmon                                   of a card that is awake, and what hwmon asks
    read:<pci>/tile0/gt0/freq0/throttle/status         of the same, where the driver is xe
    read:<pci>/tile0/gt0/freq0/throttle/reason_<r>     of each reason, where it is slowed down
    what device_groups asks                            where a card has the driver xe
    what oneapi asks                                   where a GPU has its driver
    list:<pci>                                         of each with the driver xe, where a variable is set
"""

import msgspec
from msgspec import UNSET, UnsetType

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import (
    Accelerator,
    Limit,
    MemoryPool,
    Probed,
    Sharing,
    Throttle,
    ThrottleReason,
    Window,
)
from llmprobe.facts.vendors import OneApi, Vendor
from llmprobe.machine import gpu_table
from llmprobe.machine.asking import Asker, as_int, as_text, fields_of, items_of
from llmprobe.machine.drm_clients import QUESTION, ask_clients
from llmprobe.machine.host_ram import host_ram
from llmprobe.machine.hwmon import Sensors, ask_sensors
from llmprobe.machine.in_processors import INTEL_RATED
from llmprobe.machine.intel_graphics import gains
from llmprobe.machine.intel_memory import LMEM_BAR, ask_size, is_awake, parse_bar, row_by_window, tiles
from llmprobe.machine.kernel_support import too_old
from llmprobe.machine.pci_bus import PciDevice, display_devices
from llmprobe.machine.pci_link import ask_link
from llmprobe.machine.pci_names import marketing_name
from llmprobe.units import GIB
from llmprobe.words.message import Message, message

NAME = "intel"
PLATFORMS = frozenset({"linux"})
VENDORS = (Vendor(name="intel", rank=2, in_processors=True),)

VENDOR = "0x8086"
_KEPT_PERCENT = 7
"""An Arc B580 of 12,216 MiB gives 11,605 MiB to one program at most, as xpu-smi prints it; others less."""
_THROTTLE = "tile0/gt0/freq0/throttle"
_REASONS: dict[str, ThrottleReason] = {
    "reason_pl1": "power-limit",
    "reason_pl2": "power-limit",
    "reason_pl4": "power-limit",
    "reason_thermal": "temperature",
    "reason_prochot": "temperature-hardware",
    "reason_vr_thermalert": "temperature-hardware",
    "reason_ratl": "hardware",
    "reason_vr_tdc": "hardware",
}
"""Why xe lowers the clock: https://docs.kernel.org/gpu/xe/ (xe_gt_throttle)."""


def probe(source: Source) -> Probed:
    """
    The Intel GPUs.
    """
    ask = Asker(source)
    accelerators: list[Accelerator] = []
    drawn: list[tuple[PciDevice, Accelerator]] = []
    pools: list[MemoryPool] = []
    sharing: list[Sharing] = []
    for device in display_devices(ask):
        if device.vendor != VENDOR:
            continue
        number = len(accelerators)
        if is_integrated(device):
            graphics = _integrated(ask, device, number)
            accelerators.append(graphics)
            drawn.append((device, graphics))
            sharing += [_sharing(ask, graphics.id)] if graphics.usable else []
            continue
        accelerator, pool = _card(ask, device, number)
        accelerator = _with_surroundings(ask, device, accelerator)
        accelerators.append(accelerator)
        drawn.append((device, accelerator))
        pools += [_held(ask, device, pool) if is_awake(ask, device) else pool] if pool else []
    return ask.probed(
        found=bool(accelerators),
        accelerators=tuple(accelerators),
        pools=tuple(pools),
        caps=_caps(ask, accelerators),
        sharing=tuple(sharing),
        oneapi=_oneapi(ask, drawn),
    )


def _caps(ask: Asker, found: list[Accelerator]) -> tuple[tuple[str, Limit], ...]:
    cards = {
        one.pci: one.pools[0]
        for one in found
        if one.driver == "xe" and one.pci and one.pools and not one.integrated
    }
    if not cards:
        return ()
    # Imported only here: most machines have no card of Intel.
    from llmprobe.machine.device_groups import ask_caps

    return ask_caps(ask, cards)


def is_integrated(device: PciDevice) -> bool:
    """
    Whether the device is the one in the processor: that is always 0000:00:02.0, and no card is.
    """
    return device.address == "0000:00:02.0"


def _oneapi(ask: Asker, found: list[tuple[PciDevice, Accelerator]]) -> OneApi | UnsetType:
    """
    What oneAPI's variables leave of the GPUs that have their driver: cards before graphics in a processor.
    """
    driven = [(device, one) for device, one in found if one.driver in ("i915", "xe")]
    if not driven:
        return UNSET
    # Imported only here: most machines have no GPU of Intel.
    from llmprobe.machine.oneapi import ask_oneapi, is_set

    if not is_set(ask):
        return UNSET
    driven.sort(key=lambda pair: (pair[1].integrated, pair[0].address))
    counts = [len(tiles(ask, device)) if one.driver == "xe" else 1 for device, one in driven]
    return ask_oneapi(
        ask, [(pair[0].address, pair[1].name, count) for pair, count in zip(driven, counts, strict=True)]
    )


def _integrated(ask: Asker, device: PciDevice, number: int) -> Accelerator:
    name = marketing_name("intel", device.device, None)
    driver = _driver(ask, device)
    row = gpu_table.lookup(INTEL_RATED.get(device.device or "", ""))
    why_not = _why_not_graphics(ask, device, driver)
    return Accelerator(
        id=f"gpu{number}",
        vendor="intel",
        name=name or f"Intel Graphics ({device.device or 'unknown device'})",
        backend="vulkan" if why_not is None else None,
        pools=("ram",),
        usable=why_not is None,
        why_not=why_not,
        integrated=True,
        pci=device.address,
        driver=driver,
        architecture=row.architecture if row is not None and why_not is None else None,
        state="lent" if driver == "vfio-pci" else "present",
        evidence=(f"read:{device.path}/vendor", f"read:{device.path}/device"),
    )


def _why_not_graphics(ask: Asker, device: PciDevice, driver: str | None) -> Message | None:
    """
    The reason why graphics in a processor are not used: mostly that the processor is as fast.
    """
    if not gains(device.device):
        return message("unusable.slower-than-processor")
    if driver is None:
        return _without_kernel(ask, device, driver) or message("unusable.no-driver")
    if driver == "vfio-pci":
        return message("unusable.lent-to-vm")
    return message("unusable.render-node-closed") if _render_access(ask, device) is False else None


def _sharing(ask: Asker, accelerator: str) -> Sharing:
    """
    What integrated graphics may take of RAM: Mesa's driver offers three quarters of it, of 4 GiB and less the half.

    Mesa, src/intel/vulkan/anv_device.c (``anv_init_meminfo``, ``anv_compute_sys_heap_size``).
    """
    ram = host_ram(ask)
    if ram.total_bytes is None:
        return Sharing(accelerator=accelerator)
    heap = ram.total_bytes // 2 if ram.total_bytes <= 4 * GIB else ram.total_bytes * 3 // 4
    most = heap if ram.available_bytes is None else min(heap, ram.available_bytes)
    detail = message("limit.intel-heap", heap_bytes=heap)
    return Sharing(
        accelerator=accelerator,
        cap=Limit(by="working-set", bytes=most, detail=detail, basis="derived"),
    )


def _card(ask: Asker, device: PciDevice, number: int) -> tuple[Accelerator, MemoryPool | None]:
    name = marketing_name("intel", device.device, None)
    driver = _driver(ask, device)
    total, evidence = ask_size(ask, device, driver)
    row = gpu_table.lookup(name, total) if name else None
    window: tuple[str, ...] = ()
    if name and total is None and row is None and driver in ("i915", "xe"):
        row, window = row_by_window(ask, device, name)
    declared = total is None
    if declared and row is not None:
        total, evidence = row.memory_bytes, (f"read:{device.path}/device", *window)
    pool = None if total is None else _pool(f"vram{number}", total, evidence, declared=declared)
    writable = _render_access(ask, device) if driver in ("i915", "xe") else None
    why_not = _without_kernel(ask, device, driver) or _why_not(driver, writable, pool)
    how = None
    if row is not None and row.bandwidth_bytes_per_s:
        how = message("bandwidth.table", name=row.name, cores=None, source=row.source)
    accelerator = Accelerator(
        id=f"gpu{number}",
        vendor="intel",
        name=name or f"Intel GPU ({device.device or 'unknown device'})",
        backend="vulkan" if why_not is None else None,
        pools=(pool.id,) if pool else (),
        usable=why_not is None,
        why_not=why_not,
        pci=device.address,
        driver=driver,
        architecture=row.architecture if row else None,
        bandwidth_bytes_per_s=row.bandwidth_bytes_per_s if row else None,
        bandwidth_basis="declared" if how is not None else None,
        bandwidth_how=how,
        state="lent" if driver == "vfio-pci" else "present",
        evidence=(f"read:{device.path}/vendor", *evidence),
    )
    return accelerator, pool


def _without_kernel(ask: Asker, device: PciDevice, driver: str | None) -> Message | None:
    release = ask.platform.release
    needed = too_old(release, device.device) if driver is None else None
    return None if needed is None else message("unusable.kernel-too-old", release=release, needed=needed)


def _why_not(driver: str | None, writable: bool | None, pool: MemoryPool | None) -> Message | None:
    if driver is None:
        return message("unusable.no-driver")
    if driver == "vfio-pci":
        return message("unusable.lent-to-vm")
    if writable is False:
        return message("unusable.render-node-closed")
    return message("unusable.size-unknown") if pool is None else None


def _with_surroundings(ask: Asker, device: PciDevice, card: Accelerator) -> Accelerator:
    """
    The card with its window, its link, its sensors and the reasons for a lower clock.

    Sensors and reasons are read by the driver from the device, which wakes it: not to be asked of one that sleeps.
    """
    cited: dict[str, tuple[str, ...]] = {"state": (f"link:{device.path}/driver",)}
    window = parse_bar(ask.text(f"{device.path}/resource") or "", LMEM_BAR)
    if window is not None:
        cited["window"] = (f"read:{device.path}/resource",)
    link, cited["link"] = ask_link(ask, device)
    awake = is_awake(ask, device)
    sensors = ask_sensors(ask, device.path) if awake else Sensors()
    cited["power"], cited["throttle"] = sensors.power_evidence, sensors.celsius_evidence
    reasons = None
    if card.driver == "xe" and awake:
        reasons = _reasons(ask, device)
        cited["throttle"] += (
            ask.answered(f"read:{device.path}/{_THROTTLE}/status") if reasons is not None else ()
        )
    throttle = None
    if reasons is not None or sensors.celsius is not None:
        throttle = Throttle(reasons=reasons, celsius=sensors.celsius)
    return msgspec.structs.replace(
        card,
        window=None if window is None else Window(visible_bytes=window, slows="computing"),
        link=link,
        power=sensors.power,
        throttle=throttle,
        cited={name: evidence for name, evidence in cited.items() if evidence},
    )


def _held(ask: Asker, device: PciDevice, pool: MemoryPool) -> MemoryPool:
    """
    The pool less what this user's programs hold of it; what others hold is told to nobody.
    """
    holders = ask_clients(ask).get(device.address, ())
    held = sum(holder.used_bytes or 0 for holder in holders)
    budget = pool.budget_bytes
    if not held or pool.total_bytes is None or budget is None or held > pool.total_bytes:
        return pool
    taken = min(held, budget)
    limit = Limit(by="processes", bytes=taken, detail=message("limit.gpu-programs"))
    return msgspec.structs.replace(
        pool,
        budget_bytes=budget - taken,
        limits=(*pool.limits, limit),
        held_by=holders,
        evidence=(*pool.evidence, *ask.answered(QUESTION)),
    )


def _reasons(ask: Asker, device: PciDevice) -> tuple[ThrottleReason, ...] | None:
    path = f"{device.path}/{_THROTTLE}"
    status = as_int(ask.text(f"{path}/status"))
    if status is None:
        return None
    given = (reason for name, reason in _REASONS.items() if status and as_int(ask.text(f"{path}/{name}")))
    return tuple(dict.fromkeys(given))


def _driver(ask: Asker, device: PciDevice) -> str | None:
    link = as_text(ask.link(f"{device.path}/driver"))
    return link.rsplit("/", 1)[-1] if link else None


def _pool(pool_id: str, total: int, evidence: tuple[str, ...], *, declared: bool) -> MemoryPool:
    kept = total * _KEPT_PERCENT // 100
    detail = message("limit.intel-driver")
    return MemoryPool(
        id=pool_id,
        kind="vram",
        total_bytes=total,
        free_bytes=None,
        budget_bytes=total - kept,
        limits=(Limit(by="driver-reserve", bytes=kept, detail=detail, basis="assumed"),),
        basis="declared" if declared else "measured",
        evidence=evidence,
    )


def _render_access(ask: Asker, device: PciDevice) -> bool | None:
    names = [
        str(name) for name in items_of(ask.list(f"{device.path}/drm")) if str(name).startswith("renderD")
    ]
    if not names:
        return None
    status = fields_of(ask.run("test", "-w", f"/dev/dri/{names[0]}")).get("exit")
    return None if status not in (0, 1) else status == 0
