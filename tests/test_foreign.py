"""
Every probe on every machine that is not its own: no facts, and no exception.
"""

import pytest

from llmprobe.facts.machine import Probed
from llmprobe.machine.probing import Probe, all_probes
from llmprobe.source.recording.replay import Replay
from tests.machine_fixtures import MACHINES, recording_of, replayed

VENDORS = frozenset({"nvidia", "amd", "intel", "apple"})


def is_foreign(machine: str, probe: Probe) -> bool:
    """
    Tell whether a probe is for another system, or for a vendor of whom this machine has nothing.

    Apple's probe names the GPUs of Intel Macs too.
    """
    system = recording_of(machine).platform.system
    if not probe.applies(system):
        return True
    if system == "darwin":
        return False
    vendors = {accelerator.vendor for accelerator in replayed(machine).accelerators}
    return probe.name in VENDORS and probe.name not in vendors


PAIRS = [
    pytest.param(machine, probe, id=f"{probe.name} on {machine}")
    for machine in MACHINES
    for probe in all_probes()
    if is_foreign(machine, probe)
]


@pytest.mark.parametrize(("machine", "probe"), PAIRS)
def test_a_foreign_machine_gives_no_facts(machine: str, probe: Probe) -> None:
    """A probe says nothing of a system that it is not written for, nor of a machine without its vendor's devices."""
    probed = probe.ask(Replay(recording_of(machine)))

    assert facts(probed) == facts(Probed())


def facts(probed: Probed) -> tuple[object, ...]:
    return (probed.accelerators, probed.pools, probed.limits, probed.caps, probed.host, probed.cpu)
