"""
What slows a GPU down now: heat, and limits of its power.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.rules import Rule

_HOT = ("temperature", "temperature-hardware")
_WORTH_SAYING = 0.97


def thermal_throttle(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device lowers its clocks because it is hot.
    """
    seen = snapshot.observed("nvidia.slowed")
    for index, name in _names(snapshot):
        state = seen.value.get(index) if seen else None
        if seen is None or state is None or not set(state.get("by", ())) & set(_HOT):
            continue
        celsius = state.get("celsius")
        yield Finding(
            id="thermal-throttle",
            severity="warning",
            title=f"{name} is slowed down by heat",
            detail=f"{f'It is at {celsius} °C, and t' if celsius is not None else 'T'}he driver holds its clocks down. "
            "Speeds are lower than estimated here, and fall further under load.",
            evidence=_of(seen.evidence, index),
            remedy=Remedy(
                text="Clear dust and give it air; a lower power limit costs little speed when a model generates.",
                commands=(
                    "nvidia-smi -q -d TEMPERATURE,PERFORMANCE",
                    f"sudo nvidia-smi -i {index} -pl WATTS",
                ),
            ),
        )


def power_cap(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device may take less power than it was made for, or its supply cannot give what it takes.

    That it runs into its own usual limit under load is as it should be, and is not said.
    """
    slowed, power = snapshot.observed("nvidia.slowed"), snapshot.observed("nvidia.power")
    for index, name in _names(snapshot):
        state = slowed.value.get(index) if slowed else None
        limits = power.value.get(index) if power else None
        limit = (limits or {}).get("limit_milliwatts")
        usual = (limits or {}).get("default_milliwatts")
        if slowed is not None and state is not None and "power-brake" in state.get("by", ()):
            yield Finding(
                id="power-cap",
                severity="warning",
                title=f"The power supply slows {name} down",
                detail="The board signals that it gets too little power, and the driver holds the clocks down to a "
                "half or less.",
                evidence=_of(slowed.evidence, index),
                remedy=Remedy(
                    text="Connect every power plug of the card by a cable of its own, and look at the supply's size."
                ),
            )
        elif power is not None and limit and usual and limit < _WORTH_SAYING * usual:
            yield Finding(
                id="power-cap",
                severity="note",
                title=f"{name} is limited to {limit / 1000:.0f} of {usual / 1000:.0f} W",
                detail="Prompts are read more slowly; text is generated at nearly full speed, because memory decides "
                "that.",
                evidence=_of(power.evidence, index),
                remedy=Remedy(
                    text="Where it was not set on purpose, set it back.",
                    commands=(f"sudo nvidia-smi -i {index} -pl {usual // 1000}",),
                ),
            )


def _names(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """
    Yield index and name of each physical device once.
    """
    seen = set()
    for each in snapshot.accelerators:
        if each.vendor == "nvidia" and each.index is not None and each.index not in seen:
            seen.add(each.index)
            parent = each.partition.parent_name if each.partition is not None else None
            yield str(each.index), parent or each.name


def _of(evidence: tuple[str, ...], index: str) -> tuple[str, ...]:
    return tuple(name for name in evidence if name.split(" ")[1:2] == [index]) or evidence


RULES = (
    Rule("thermal-throttle", thermal_throttle),
    Rule("power-cap", power_cap),
)
