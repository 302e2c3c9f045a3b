"""
Which model for a machine, which machine for a model, and what would help.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmprobe.facts.fit import Fit, Order, Use
    from llmprobe.facts.machine import Snapshot
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.plan import Plan
    from llmprobe.facts.upgrade import Upgrade


def fit(
    snapshot: "Snapshot | None" = None,
    *,
    use: "Use" = "chat",
    ctx_size: int | None = None,
    engine: str = "llama.cpp",
    min_speed: float | None = None,
    min_quality: str | None = None,
    max_download_bytes: int | None = None,
    licenses: str | Sequence[str] = (),
    families: str | Sequence[str] = (),
    only_gpu: bool = False,
    sort: "Order" = "points",
    top: int = 8,
    reserve_bytes: int | None = None,
    assume_idle: bool = False,
) -> "Fit":
    """
    The models of the catalog that a machine (this one by default) runs best for a use, best first.

    Each row has the choice that ``recommend`` makes for its model. ``licenses`` and ``families`` are beginnings of
    names; ``max_download_bytes`` limits files that are not on this machine yet, and ``only_gpu`` leaves out what would
    stay in RAM in part.

    Raises:
        UsageError: a wish is out of range.
    """
    from llmprobe.tasks import fit

    wishes = fit.wishes_of(
        use=use,
        ctx_size=ctx_size,
        engine=engine,
        min_speed=min_speed,
        min_quality=min_quality,
        max_download_bytes=max_download_bytes,
        licenses=licenses,
        families=families,
        only_gpu=only_gpu,
        sort=sort,
        top=top,
        reserve_bytes=reserve_bytes,
        assume_idle=assume_idle,
    )
    return fit.fit(snapshot, wishes)


def plan(
    model: "ModelSpec",
    *,
    ctx_size: int = 8192,
    quant: str | None = None,
    parallel: int = 1,
    min_speed: float | None = None,
) -> "Plan":
    """
    What a model needs, and machines of each kind that run it, the smallest first: one card, several, a card with RAM,
    memory that is shared, the processor alone.

    ``quant`` is Q4_K_M by default, or what the model is published in. Each machine is searched as ``recommend`` does.

    Raises:
        UsageError: a wish is out of range.
    """
    from llmprobe.tasks import plan

    wishes = plan.wishes_of(model, ctx_size=ctx_size, quant=quant, parallel=parallel, min_speed=min_speed)
    return plan.plan(model, wishes)


def upgrade(
    snapshot: "Snapshot | None" = None,
    model: "ModelSpec | None" = None,
    *,
    use: "Use" = "chat",
    ctx_size: int | None = None,
    quants: str | Sequence[str] = (),
    min_speed: float | None = None,
    reserve_bytes: int | None = None,
) -> "Upgrade":
    """
    What would help a machine (this one by default) most: repairs, memory that others hold, limits, RAM, other cards.

    Each change is searched on the changed machine: for a ``model`` as ``recommend`` does, without one as ``fit`` does
    for a ``use``. ``quants`` are for a model alone.

    Raises:
        UsageError: a wish is out of range.
    """
    from llmprobe.tasks import upgrade

    wishes = upgrade.wishes_of(
        model,
        use=use,
        ctx_size=ctx_size,
        quants=quants,
        min_speed=min_speed,
        reserve_bytes=reserve_bytes,
    )
    return upgrade.upgrade(snapshot, model, wishes)
