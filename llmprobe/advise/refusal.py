"""
The answer "no" where an engine cannot load a model at all, whatever the machine.
"""

from llmprobe.facts.estimate import ModelInEstimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import MachineInShort, Recommendation, Rejected, Wishes
from llmprobe.words.message import Message


def refusal(
    model: ModelSpec, snapshot: Snapshot, wishes: Wishes, why: Message, instead: tuple[Message, ...]
) -> Recommendation:
    """
    A recommendation without a choice, for this reason, and what to do instead.
    """
    return Recommendation(
        this_machine=snapshot.this_machine,
        model=ModelInEstimate(
            id=model.id,
            name=model.name,
            architecture=model.architecture,
            quant=model.quant or "",
            parameters=model.parameters,
            file_parameters=model.file_parameters,
            tensor_bytes=0,
            max_context=model.max_context,
        ),
        machine=MachineInShort(
            origin=snapshot.origin,
            cpu=snapshot.host.cpu.name,
            pools=snapshot.pools,
            accelerators=snapshot.accelerators,
        ),
        wishes=wishes,
        choices=(),
        rejected=(Rejected(what=model.name, why=why),),
        nearest=instead,
        notes=model.notes,
    )
