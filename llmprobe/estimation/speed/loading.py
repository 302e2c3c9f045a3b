"""
How long a model takes to load: its file from the disk, then what lies on devices over their links.

llama.cpp reads tensor by tensor and sends each to its device (b11549, src/llama-model-loader.cpp, load_all_data): one
after the other where the file is mapped, and beside each other where it is read into pinned memory, which is the
least. A mapped file is read as it is touched, in pieces that the system chooses: at the most twice as slow as in one
long read, which is assumed.
"""

import math
from collections.abc import Iterable, Sequence

from llmprobe.data import table
from llmprobe.facts.devices import Device
from llmprobe.facts.estimate import DeviceEstimate, Loading, Range
from llmprobe.facts.measured import DiskRate, Measurement

MAPPED = 2.0
"""How many times longer a mapped file may take than one long read."""


def loading_of(
    measurement: Measurement | None,
    file_bytes: int,
    path: str | None,
    placed: Sequence[DeviceEstimate],
    devices: Iterable[Device],
) -> Loading | None:
    """
    The seconds until ``file_bytes`` are loaded as they are ``placed``; None where its disk was not measured.

    ``path`` is the file, None where it will be: then on the slowest disk with models, and at the least on the fastest.
    """
    if measurement is None or not measurement.counts or not measurement.disks or not file_bytes:
        return None
    slow, fast = _disks(measurement.disks, path)
    if slow is None or fast is None:
        return None
    reading = file_bytes / slow.bytes_per_s
    sending = _sending(placed, devices)
    return Loading(
        seconds=Range(
            low=round(max(file_bytes / fast.bytes_per_s, sending), 1),
            likely=round(reading + sending, 1),
            high=round(reading * MAPPED + sending, 1),
        ),
        bytes=file_bytes,
        directory=slow.directory,
        bytes_per_s=slow.bytes_per_s,
    )


def _disks(measured: Sequence[DiskRate], path: str | None) -> tuple[DiskRate | None, DiskRate | None]:
    """
    The slowest and the fastest of the disks on which the file may be.
    """
    if path is not None:
        there = [one for one in measured if _holds(one.directory, path)]
        own = max(there, key=lambda one: len(one.directory), default=None)
        return own, own
    by_rate = sorted(measured, key=lambda one: one.bytes_per_s)
    return by_rate[0], by_rate[-1]


def _holds(directory: str, path: str) -> bool:
    here, there = (text.replace("\\", "/").rstrip("/") for text in (path, directory))
    return f"{here}/".startswith(f"{there}/")


def _sending(placed: Sequence[DeviceEstimate], devices: Iterable[Device]) -> float:
    """
    The seconds in which weights cross the links of devices with memory of their own, one device after the other.
    """
    row = table("speed")["transfer"]
    rates = {one.id: one.link_bytes_per_s for one in devices}
    return math.fsum(
        one.weights_bytes / min(rate * row["efficiency"], row["most_bytes_per_s"])
        for one in placed
        if (rate := rates.get(one.id))
    )
