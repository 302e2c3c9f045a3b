"""
Every probe there is. One is a module of ``llmprobe.machine.probes`` with

* ``NAME`` and ``PLATFORMS``, the systems where it applies;
* ``probe(source)``;
* ``VENDORS``, where it finds accelerators: what holds for all of each vendor, empty where another probe says it;
* ``LISTS_GPUS`` true, where it names every GPU of its systems: without such a probe that there is none is not known.
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

LISTED_SYSTEMS = frozenset({"linux", "darwin", "win32"})
"""The systems of which a probe lists every GPU (``LISTS_GPUS``)."""

GPUS = "gpus"
"""The source that a system without any probe of GPUs lacks."""


class Probe(msgspec.Struct, frozen=True):
    """
    One probe: what it is called, where it applies, and what it does. ``vendors`` None finds no accelerators,
    ``lists_gpus`` names them all.
    """

    name: str
    platforms: frozenset[str]
    ask: Callable[[Source], Probed]
    vendors: tuple[Vendor, ...] | None = None
    lists_gpus: bool = False

    def applies(self, system: str) -> bool:
        """
        Whether it is for a system by the interpreter's name, which may have a version: ``freebsd14``.
        """
        return system in self.platforms or system.rstrip("0123456789.") in self.platforms


@cache
def all_probes() -> tuple[Probe, ...]:
    """
    Every probe, in the order of the modules' names.
    """
    modules = [importlib.import_module(f"{probes.__name__}.{name}") for name in modules_in(probes.__path__)]
    return tuple(
        Probe(
            module.NAME,
            module.PLATFORMS,
            module.probe,
            getattr(module, "VENDORS", None),
            getattr(module, "LISTS_GPUS", False),
        )
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
    return source == GPUS or any(probe.vendors is not None and probe.name == source for probe in all_probes())
