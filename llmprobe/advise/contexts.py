"""
What a longer context costs: the first choice of ``recommend`` at each of a few contexts.
"""

from collections.abc import Iterator

import msgspec

from llmprobe.advise.recommend import Advice
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import AtContext, Choice, Wishes

SHORTEST = 4096


def sizes(model: ModelSpec, asked: int) -> tuple[int, ...]:
    """
    The contexts of a table: doubled from 4k to the most that the model was trained for, and the one in force.
    """
    longest = max(model.max_context or asked, asked)
    found = {asked, longest}
    size = SHORTEST
    while size < longest:
        found.add(size)
        size *= 2
    return tuple(sorted(found))


def at_contexts(advice: Advice, snapshot: Snapshot, wishes: Wishes, asked: int) -> Iterator[AtContext]:
    """
    Yield the row of each context; one without a choice does not fit.
    """
    for size in sizes(advice.model, asked):
        wanted = msgspec.structs.replace(wishes, ctx_size=size, max_ctx=False, top=1)
        problem = advice.problem(snapshot, wanted)
        found = advice.first(problem, snapshot)
        yield AtContext(ctx_size=size) if found is None else _row(size, found[1])


def _row(size: int, choice: Choice) -> AtContext:
    speed = choice.speed
    return AtContext(
        ctx_size=size,
        fits=True,
        quant=choice.quant,
        gpu_layers=choice.gpu_layers,
        total_layers=choice.total_layers,
        host_experts=choice.n_cpu_moe + len(choice.cpu_moe_layers),
        cache_type_k=choice.cache_type_k,
        cache_type_v=choice.cache_type_v,
        kv_offload=choice.kv_offload,
        cache_bytes=sum(device.cache_bytes for device in choice.devices),
        device_bytes=sum(device.total_bytes for device in choice.devices if device.id != "host"),
        host_bytes=sum(device.total_bytes for device in choice.devices if device.id == "host"),
        generation_tokens_per_s=speed.generation_tokens_per_s,
        generation_at_full_context_tokens_per_s=speed.generation_at_full_context_tokens_per_s,
    )
