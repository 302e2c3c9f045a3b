"""
Causes that slow a GPU down now: heat, and limits of its power.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.machine.rules import Rule
from llmprobe.machine.rules._devices import physical, whole_called
from llmprobe.words.message import message

_HOT = frozenset({"temperature", "temperature-hardware"})
_WORTH_A_NOTE = 0.97


def thermal_throttle(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device lowers its clocks because it is hot.
    """
    for each in physical(snapshot):
        throttle = each.throttle
        if throttle is None or not _HOT & set(throttle.reasons or ()):
            continue
        yield Finding(
            id="thermal-throttle",
            severity="warning",
            title=message("finding.thermal-throttle.title", name=whole_called(snapshot, each)),
            detail=message("finding.thermal-throttle.detail", celsius=throttle.celsius),
            evidence=each.evidence_of("throttle"),
            remedy=Remedy(
                text=message("finding.thermal-throttle.remedy"),
                commands=("nvidia-smi -q -d TEMPERATURE,PERFORMANCE", *_limit_power(each, "WATTS"))
                if each.vendor == "nvidia"
                else (),
            ),
        )


def power_cap(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device may draw less power than it was made for, or its supply cannot deliver the draw.

    A device that reaches its own usual limit under load is in order.
    """
    for each in physical(snapshot):
        power = each.power
        limit, usual = (power.limit_watts, power.default_watts) if power is not None else (None, None)
        if each.throttle is not None and "power-brake" in (each.throttle.reasons or ()):
            yield Finding(
                id="power-cap",
                severity="warning",
                title=message("finding.power-cap.title-brake", name=whole_called(snapshot, each)),
                detail=message("finding.power-cap.detail-brake"),
                evidence=each.evidence_of("throttle"),
                remedy=Remedy(text=message("finding.power-cap.remedy-brake")),
            )
        elif limit and usual and limit < _WORTH_A_NOTE * usual:
            yield Finding(
                id="power-cap",
                severity="note",
                title=message(
                    "finding.power-cap.title",
                    name=whole_called(snapshot, each),
                    limit_watts=limit,
                    default_watts=usual,
                ),
                detail=message("finding.power-cap.detail"),
                evidence=each.evidence_of("power"),
                remedy=Remedy(
                    text=message("finding.power-cap.remedy"), commands=_limit_power(each, f"{int(usual)}")
                ),
            )


def _limit_power(each: Accelerator, watts: str) -> tuple[str, ...]:
    """
    The command that sets the power limit of a device.
    """
    return (f"sudo nvidia-smi -i {each.index} -pl {watts}",) if each.vendor == "nvidia" else ()


RULES = (
    Rule("thermal-throttle", thermal_throttle),
    Rule("power-cap", power_cap),
)
