"""
The answer "no" where an engine cannot load a model at all, whatever the machine.
"""

from llmprobe.facts.estimate import model_in_estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import MachineInShort, Recommendation, Rejected, Wishes
from llmprobe.words.message import Message, message


def refusal(
    model: ModelSpec, snapshot: Snapshot, wishes: Wishes, why: Message, instead: tuple[Message, ...]
) -> Recommendation:
    """
    A recommendation without a choice, for this reason, and what to do instead.
    """
    return Recommendation(
        this_machine=snapshot.this_machine,
        model=model_in_estimate(model, model.quant or "", 0),
        machine=MachineInShort(
            origin=snapshot.origin,
            cpu=snapshot.host.cpu.name,
            ram_bandwidth_bytes_per_s=snapshot.host.ram_bandwidth_bytes_per_s,
            ram_bandwidth_basis=snapshot.host.ram_bandwidth_basis,
            pools=snapshot.pools,
            accelerators=snapshot.accelerators,
        ),
        wishes=wishes,
        choices=(),
        verdict=message("verdict.not-loaded", engine=wishes.engine, architecture=model.architecture),
        rejected=(Rejected(what=model.name, why=why),),
        nearest=instead,
        notes=model.notes,
    )
