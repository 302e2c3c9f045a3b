"""
Every probe there is. One is a module of ``llmprobe.machine.probes`` with

* ``NAME`` and ``PLATFORMS``, the systems where it applies;
* ``probe(source)``;
* ``VENDORS``, where it finds accelerators: what holds for all of each vendor, empty where another probe says it.
"""

import importlib
from collections.abc import Callable
from functools import cache

import msgspec

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Probed
from llmprobe.facts.vendors import Vendor
from llmprobe.machine import probes
from llmprobe.machine.listing import modules_in


class Probe(msgspec.Struct, frozen=True):
    """
    One probe: what it is called, where it applies, and what it does. ``vendors`` None finds no accelerators.
    """

    name: str
    platforms: frozenset[str]
    ask: Callable[[Source], Probed]
    vendors: tuple[Vendor, ...] | None = None


@cache
def all_probes() -> tuple[Probe, ...]:
    """
    Every probe, in the order of the modules' names.
    """
    modules = [importlib.import_module(f"{probes.__name__}.{name}") for name in modules_in(probes.__path__)]
    return tuple(
        Probe(module.NAME, module.PLATFORMS, module.probe, getattr(module, "VENDORS", None))
        for module in modules
    )


def vendor(name: str) -> Vendor:
    """
    What its probe says of a vendor; of one without a probe that there is nothing to say.
    """
    known = (one for probe in all_probes() for one in probe.vendors or ())
    return next((one for one in known if one.name == name), Vendor(name=name))


def finds_accelerators(source: str) -> bool:
    """
    Whether a source, by its name, could have found an accelerator.
    """
    return any(probe.vendors is not None and probe.name == source for probe in all_probes())
