"""
The measured loads of ``fixtures/truth/rpc.json``, with devices behind rpc-servers, read back into settings and
hardware.
"""

from collections.abc import Iterator

import msgspec

from benchmarks.truth.devices import DevicesCase
from benchmarks.truth.loads import case_of
from benchmarks.truth.models import TRUTH
from llmprobe.facts.backends import BackendName
from llmprobe.facts.devices import Device, Hardware


def remote_cases() -> Iterator[DevicesCase]:
    """
    Yield every load, those of one model after each other.
    """
    content = msgspec.json.decode((TRUTH / "rpc.json").read_bytes())
    for model, rows in content["models"].items():
        for index, *numbers in rows:
            settings = content["settings"][index]
            kinds = settings.get("devices", content["defaults"]["devices"])
            counted = content | {"settings": [settings | {"devices": len(kinds)}]}
            case = case_of(counted, model, [0, *numbers, 0])
            hardware = Hardware(devices=tuple(map(_device, range(len(kinds)), kinds)))
            yield DevicesCase(msgspec.structs.replace(case, hardware=hardware), None, mapped=False)


def _device(number: int, kind: str) -> Device:
    backend, _, driver = kind.partition("-")
    return Device(id=f"gpu{number}", backend=msgspec.convert(backend, BackendName), driver=driver)
