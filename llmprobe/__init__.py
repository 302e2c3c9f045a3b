"""
llmprobe looks at a machine and says which quantization of a model to run on it, and how.

The public functions are bound on first use, so that importing the package costs nothing.
"""

import sys
from types import ModuleType
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


class _Package(ModuleType):
    """
    This package, whose ``estimate`` is the function although a subpackage has the same name.

    Importing a submodule binds it to its parent, which would hide the function; ``from llmprobe.estimate import …``
    does not need that binding.
    """

    @property
    def estimate(self) -> Any:
        from llmprobe import api

        return api.estimate

    @estimate.setter
    def estimate(self, subpackage: ModuleType) -> None:
        pass


sys.modules[__name__].__class__ = _Package
