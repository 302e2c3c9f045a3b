"""
The shown candidates, placed by exact figures and with every setting explicit.
"""

import msgspec

from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.weighing import Candidate, weigh
from llmprobe.advise.search.case import Case, Misfit, Placed
from llmprobe.advise.search.place import place, refine
from llmprobe.facts.recommendation import Label


def settled(problem: Problem, shown: list[tuple[Label, Candidate]]) -> list[tuple[Label, Candidate]]:
    """
    The shown candidates placed by exact figures; one that then fits nowhere is left out.
    """
    result: list[tuple[Label, Candidate]] = []
    for label, one in shown:
        if one.settings.split_mode == "tensor":
            # It was placed by exact buffers.
            result.append((label, one))
            continue
        case = problem.case(one.quant, one.settings, one.devices)
        exact = refine(case, one.placed)
        if isinstance(exact, Placed) and not _flash_attn(case, exact):
            case = msgspec.structs.replace(
                case, settings=msgspec.structs.replace(case.settings, flash_attn="off")
            )
            exact = _placed(case)
        if isinstance(exact, Placed):
            result.append((label, weigh(problem, one.quant, exact)))
    return result


def _flash_attn(case: Case, placed: Placed) -> bool:
    """
    Whether ``auto`` resolves to flash attention. Where it does not, the engine has made the cache for it by then, and
    needs other buffers than if it is switched off at once, as the printed command does.
    """
    parts = case.estimator.parts(case.quant, placed.settings, placed.hardware)
    return case.settings.flash_attn != "auto" or parts.compute.flash_attn


def _placed(case: Case) -> Placed | Misfit:
    placed = place(case)
    return refine(case, placed) if isinstance(placed, Placed) else placed
