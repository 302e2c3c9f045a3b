"""
The machine itself: one module per facility, and ``machine``, which puts each question to the right one.
"""

from llmprobe.source.live.machine import LiveSource

__all__ = ["LiveSource"]
