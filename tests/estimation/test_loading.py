"""
How long a model takes from a disk that was measured. A link of 16 GB/s sends what the constants of transfers say.
"""

import msgspec
import pytest

import llmprobe
from llmprobe.data import table
from llmprobe.estimation.speed.loading import loading_of
from llmprobe.facts.devices import Device
from llmprobe.facts.estimate import DeviceEstimate
from llmprobe.facts.measured import DiskRate, Measurement
from tests.machine_fixtures import FOLDER

GB = 10**9
LINK = 16 * GB
SENT = min(LINK * table("speed")["transfer"]["efficiency"], table("speed")["transfer"]["most_bytes_per_s"])
SLOW = DiskRate(directory="/models", bytes_per_s=GB // 2, read_bytes=GB)
FAST = DiskRate(directory="/models/fast", bytes_per_s=5 * GB, read_bytes=GB)
MEASURED = Measurement(disks=(SLOW, FAST))


def placed(name: str, weights: int) -> DeviceEstimate:
    return DeviceEstimate(
        id=name,
        weights_bytes=weights,
        cache_bytes=0,
        compute_bytes=0,
        output_bytes=0,
        overhead_bytes=0,
        total_bytes=weights,
        terms=(),
    )


def seconds(measured: Measurement | None, path: str | None, *weights: int) -> tuple[float, ...] | None:
    """
    The least, the likely and the most seconds of a file of 10 GB with so many bytes on the host and each device.
    """
    names = ("host", *(f"gpu{number}" for number in range(len(weights) - 1)))
    devices = tuple(Device(id=name, link_bytes_per_s=LINK) for name in names[1:])
    found = loading_of(
        measured,
        10 * GB,
        path,
        [placed(name, size) for name, size in zip(names, weights, strict=True)],
        devices,
    )
    return None if found is None else (found.seconds.low, found.seconds.likely, found.seconds.high)


def test_a_file_is_read_at_the_rate_of_its_disk_and_then_sent() -> None:
    """
    10 GB at 0.5 GB/s are 20 s, at the most twice as many; what lies on devices is sent after it, at the least beside.
    """
    sent = 10 * GB / SENT

    assert seconds(MEASURED, "/models/a.gguf", 10 * GB) == (20.0, 20.0, 40.0)
    assert seconds(MEASURED, "/models/a.gguf", 0, 6 * GB, 4 * GB) == pytest.approx(
        (20.0, 20 + sent, 40 + sent), abs=0.06
    )


def test_a_fast_disk_waits_for_the_link() -> None:
    """
    10 GB at 5 GB/s are 2 s; beside a link that takes longer the link is the least.
    """
    slow = tuple(
        msgspec.structs.replace(one, link_bytes_per_s=GB)
        for one in (Device(id="gpu0", link_bytes_per_s=LINK),)
    )
    found = loading_of(MEASURED, 10 * GB, "/models/fast/a.gguf", [placed("gpu0", 10 * GB)], slow)

    assert found is not None
    assert found.directory == "/models/fast"
    assert found.seconds.low == pytest.approx(10 / table("speed")["transfer"]["efficiency"], abs=0.06)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/models/fast/x/a.gguf", (2.0, 2.0, 4.0)),
        ("/models/faster/a.gguf", (20.0, 20.0, 40.0)),
        ("/elsewhere/a.gguf", None),
        (None, (2.0, 20.0, 40.0)),
    ],
)
def test_the_disk_is_that_of_the_file(path: str | None, expected: tuple[float, ...] | None) -> None:
    """
    The innermost directory that holds it; a file that is nowhere yet may come to any of the disks.
    """
    assert seconds(MEASURED, path, 10 * GB) == expected


def test_directories_of_windows_hold_their_files() -> None:
    """
    Whichever way the slashes lean.
    """
    disk = msgspec.structs.replace(SLOW, directory="C:\\models\\")

    assert seconds(Measurement(disks=(disk,)), "C:\\models\\a.gguf", 10 * GB) == (20.0, 20.0, 40.0)


def test_without_a_measurement_that_counts_nothing_is_told() -> None:
    """
    None, none of a disk, or one of another machine.
    """
    stale = msgspec.structs.replace(MEASURED, changed=("cpu",))

    assert [seconds(one, None, GB) for one in (None, Measurement(), stale)] == [None, None, None]


def test_estimate_and_recommend_tell_it_where_the_disk_was_measured() -> None:
    """
    For the bytes of the file, read at the measured rate; a machine without a measurement says nothing.
    """
    bare = llmprobe.probe(FOLDER / "linux-4090-64g" / "recording.json")
    host = msgspec.structs.replace(bare.host, measurement=Measurement(disks=(SLOW,)))
    measured = msgspec.structs.replace(bare, host=host)
    model = llmprobe.load_model("qwen3-8b")

    told = llmprobe.estimate(model, quant="Q4_K_M", ctx_size=4096, snapshot=measured)
    best = llmprobe.recommend(model, measured).choices[0]

    assert told.loading is not None
    assert best.loading is not None
    assert told.loading.seconds.low == pytest.approx(told.model.tensor_bytes / SLOW.bytes_per_s, abs=0.06)
    assert best.loading.bytes == best.download_bytes
    assert llmprobe.estimate(model, quant="Q4_K_M", ctx_size=4096, snapshot=bare).loading is None
