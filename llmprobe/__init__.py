"""
llmprobe looks at a machine and says which quantization of a model to run on it, and how.

The public functions are bound on first use, so that importing the package costs nothing.
"""

from typing import TYPE_CHECKING, Any

from llmprobe._version import __version__

if TYPE_CHECKING:
    from llmprobe.api import estimate, load_model, probe, recommend

__all__ = ["__version__", "estimate", "load_model", "probe", "recommend"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from llmprobe import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
