"""
What Windows alone reports of a machine.
"""

from __future__ import annotations

from typing import Literal

import msgspec

AdapterKind = Literal["basic", "remote", "virtual", "npu"]
"""
``basic``: Windows' own driver for a display without its maker's. ``remote``: the display of a session over the network.
``virtual``: a display of a virtual machine or of a program. ``npu``: a processor for neural networks.
"""


class UncountedAdapter(msgspec.Struct, frozen=True, kw_only=True):
    """
    An adapter that Windows lists and that no model can be put on.
    """

    name: str
    kind: AdapterKind
    evidence: tuple[str, ...]


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """
    A machine that runs Windows: the adapters that are no GPUs for models.
    """

    uncounted: tuple[UncountedAdapter, ...] = ()
