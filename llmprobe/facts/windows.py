"""
Adapters that no model is put on, and what Windows alone reports of a machine.
"""

from __future__ import annotations

from typing import Literal

import msgspec

AdapterKind = Literal[
    "basic", "remote", "virtual", "npu", "slow-graphics", "opencl-graphics", "other-graphics"
]
"""
``basic``: Windows' own driver for a display without its maker's. ``remote``: the display of a session over the network.
``virtual``: a display of a virtual machine or of a program. ``npu``: a processor for neural networks. Graphics of a
system on a chip: ``slow-graphics`` on which llama.cpp is slower than on the processor, ``opencl-graphics`` on which it
runs by OpenCL, ``other-graphics`` of which neither is known.
"""


class UncountedAdapter(msgspec.Struct, frozen=True, kw_only=True):
    """
    An adapter that the system lists and that no model is put on.
    """

    name: str
    kind: AdapterKind
    evidence: tuple[str, ...]


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """
    A machine that runs Windows: the adapters that are no GPUs for models.
    """

    uncounted: tuple[UncountedAdapter, ...] = ()
