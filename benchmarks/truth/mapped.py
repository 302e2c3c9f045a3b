"""
The loads of ``fixtures/truth/mapped.json``, on a Mac with the file mapped, read back into settings and hardware.
"""

from collections.abc import Iterator

import msgspec

from benchmarks.truth.backends import KINDS, on_kind
from benchmarks.truth.loads import MemoryCase, case_of
from benchmarks.truth.models import TRUTH


class MappedCase(msgspec.Struct, frozen=True):
    """
    One load: the range of the file on the device and on the host, what the host keeps in another order beside it, and
    as any load has them the caches and the device's compute buffer (weights and the host's compute buffer are 0).
    """

    load: MemoryCase
    device: int
    host: int
    repacked: int


def mapped_cases() -> Iterator[MappedCase]:
    """
    Yield every load, those of one model after each other.
    """
    content = msgspec.json.decode((TRUTH / "mapped.json").read_bytes())
    for model, rows in content["models"].items():
        for index, host, repacked, of_host, device, cache, compute in rows:
            case = on_kind(
                case_of(content, model, [index, 0, of_host, 0, 0, cache, compute, 0]), KINDS["metal"]
            )
            yield MappedCase(case, device, host, repacked)
