"""
Machines on which the rules about hosts, AMD, Intel and Apple fire, by the rule's id.
"""

from collections.abc import Callable
from typing import Any

from llmprobe.facts.machine import Snapshot
from llmprobe.machine.snapshot import collect
from tests.machine.fake import FakeSource, plain_host
from tests.machine.probes.test_pci import bus


def linux(*parts: dict[str, Any]) -> Snapshot:
    answers = plain_host()
    for part in parts:
        answers |= part
    return collect(FakeSource(answers))


CASES: dict[str, Callable[[], Snapshot]] = {
    "gpu-unsupported-vendor": lambda: linux(bus(("0000:03:00.0", "0x030000", "0x1ed5")).answers),
}
