"""
A candidate's speed with how long its answers take to begin.
"""

from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.estimation.speed.waiting import with_waiting
from llmprobe.facts.estimate import Speed
from llmprobe.facts.settings import without_drafts


def waited(problem: Problem, candidate: Candidate) -> Speed:
    """
    The speed that a choice is shown with.
    """
    if not problem.estimator.generates:
        return candidate.speed
    estimator, site = problem.estimator, problem.site
    bare, hardware = without_drafts(candidate.settings), candidate.placed.hardware
    run = estimator.setup(bare, hardware).settings
    shares = estimator.shares(candidate.quant, bare, hardware, ram_bandwidth=site.ram_bandwidth_bytes_per_s)
    return with_waiting(
        candidate.speed,
        shares,
        moe=estimator.is_moe,
        quant=candidate.quant,
        processor=site.processor,
        ubatch_size=run.ubatch_size,
        op_offload=run.op_offload,
        ctx_size=run.ctx_per_seq,
    )
