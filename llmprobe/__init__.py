"""
llmprobe looks at a machine and reports which quantization of a model to run on it, and how.

The public functions and errors are bound on first use, so that importing the package costs nothing: not even ``typing``
is imported, because Ctrl-C is handled only once ``llmprobe.cli`` runs.
"""

from llmprobe._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmprobe.api import (
        bench,
        cost,
        estimate,
        files,
        fit,
        fleet_check,
        fleet_fit,
        fleet_recommend,
        load_adapter,
        load_model,
        models,
        plan,
        probe,
        recommend,
        record,
        report,
        serving,
        upgrade,
        verify,
        watch,
    )
    from llmprobe.errors import LlmprobeError, ModelError, RecordingError, RefusedError, UsageError

__all__ = [
    "LlmprobeError",
    "ModelError",
    "RecordingError",
    "RefusedError",
    "UsageError",
    "__version__",
    "bench",
    "cost",
    "estimate",
    "files",
    "fit",
    "fleet_check",
    "fleet_fit",
    "fleet_recommend",
    "load_adapter",
    "load_model",
    "models",
    "plan",
    "probe",
    "recommend",
    "record",
    "report",
    "serving",
    "upgrade",
    "verify",
    "watch",
]


def __getattr__(name: str) -> "Any":
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name.endswith("Error"):
        from llmprobe import errors

        return getattr(errors, name)
    from llmprobe import api

    return getattr(api, name)
