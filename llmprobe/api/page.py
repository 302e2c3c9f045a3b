"""
One page to look at, as the command line writes it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmprobe.facts.fit import Use
    from llmprobe.facts.machine import Snapshot
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import UseName
    from llmprobe.facts.report import Report


def report(
    snapshot: "Snapshot | None" = None,
    model: "ModelSpec | None" = None,
    *,
    uses: "Sequence[Use]" = ("chat", "coding"),
    ctx_size: int | None = None,
    use: "UseName | None" = None,
    language: str = "en",
) -> "Report":
    """
    The document of a page about a machine (this one by default) and a model: the answers of ``probe``, of ``fit`` for
    some ``uses`` and of ``recommend``, with estimates for the settings that can be tried on it.

    Without a ``model`` it is the first that ``fit`` names for the first use. ``ctx_size`` and ``use`` are wishes of
    ``recommend``; ``language`` is that of the page's own sentences, English or Japanese ("ja").

    Raises:
        UsageError: a use or language does not exist, or the context is out of range.
    """
    from llmprobe.tasks import report

    return report.report(snapshot, model, uses=uses, ctx_size=ctx_size, use=use, language=language)
