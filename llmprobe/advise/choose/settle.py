"""
What will be shown, placed by exact figures and with every setting said.
"""

import msgspec

from llmprobe.advise.choose.weighing import Candidate, weigh
from llmprobe.advise.search.case import Case, Misfit, Placed
from llmprobe.advise.search.place import place, refine
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.recommendation import Wishes
from llmprobe.site.site import Site


def settled(
    estimator: Estimator, site: Site, wishes: Wishes, shown: list[tuple[str, Candidate]]
) -> list[tuple[str, Candidate]]:
    """
    What is shown placed by exact figures; one that then fits nowhere is left out.
    """
    result = []
    for label, one in shown:
        case = Case(
            estimator=estimator,
            quant=one.quant,
            settings=one.settings,
            devices=one.devices,
            site=site,
        )
        exact = refine(case, one.placed)
        if isinstance(exact, Placed) and not _flash_attn(case, exact):
            case = msgspec.structs.replace(
                case, settings=msgspec.structs.replace(case.settings, flash_attn="off")
            )
            exact = _placed(case)
        if isinstance(exact, Placed):
            result.append((label, weigh(estimator, site, wishes, one.quant, exact)))
    return result


def _flash_attn(case: Case, placed: Placed) -> bool:
    """
    What ``auto`` comes to. Where that is off, the engine has made the cache for flash attention by then, and
    takes other buffers than if it is told so at once, as the printed command does.
    """
    parts = case.estimator.parts(case.quant, placed.settings, placed.hardware)
    return case.settings.flash_attn != "auto" or parts.compute.flash_attn


def _placed(case: Case) -> Placed | Misfit:
    placed = place(case)
    return refine(case, placed) if isinstance(placed, Placed) else placed
