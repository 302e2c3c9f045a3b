"""
The models of the catalog as contenders for a use: what is known of each without its tensors, and how able it is.
"""

from llmprobe.advise.choose.loss import is_latent
from llmprobe.advise.fit.bound import Weights
from llmprobe.advise.fit.contender import Contender
from llmprobe.facts.fit import Capability, Mode, ModelInFit, Result, Use
from llmprobe.model import capability
from llmprobe.model.catalog import Entry


def weights_of(entry: Entry) -> Weights:
    """
    What is known of a model of the catalog without its tensors.
    """
    hparams = entry.metadata()
    experts, used = hparams.get("expert_count") or 0, hparams.get("expert_used_count") or 0
    # Of embeddings a token reads its own rows only.
    rows = int(hparams.get("embedding_length") or 0)
    rows += int(hparams.get("embedding_length_per_layer_input") or 0) * int(hparams.get("block_count") or 0)
    embeddings = rows * int(hparams.get("vocab_size") or 0)
    active = entry.active_parameters or entry.parameters
    return Weights(
        id=entry.id,
        architecture=entry.architecture,
        parameters=entry.parameters,
        active=max(active - embeddings, active // 4),
        taking_part=entry.active_parameters,
        uses=int(used) / int(experts) if experts and used else 1.0,
        words=hparams.get("vocab_size"),
        latent=is_latent(hparams),
        published_quant=entry.published_quant,
        generates=entry.modality != "embedding",
        thinking=entry.thinking,
        thinking_tokens=entry.thinking_tokens,
    )


def contender(entry: Entry, family: str, use: Use) -> Contender:
    """
    A model of the catalog with its abilities; of one whose results are none the prior does not rank it.
    """
    found = {} if capability.kind(entry.id) else capability.of(entry.id, use)
    reference = capability.reference(use)
    return Contender(
        model=ModelInFit(
            id=entry.id,
            name=entry.name,
            family=family,
            parameters=entry.parameters,
            active_parameters=entry.active_parameters,
            released=entry.released,
            license=entry.license,
            repo=entry.repo,
        ),
        weights=weights_of(entry),
        capabilities=tuple(
            _capability(mode, one, reference) for mode, one in found.items() if one.basis != "prior only"
        ),
        max_context=entry.max_context,
        is_fine_tune=family.endswith("finetune"),
    )


def _capability(mode: Mode, standing: "capability.Standing", reference: "capability.Reference") -> Capability:
    return Capability(
        mode=mode,
        index=standing.index,
        se=standing.se,
        low=standing.low,
        reads_as=standing.reads_as,
        reads_low=standing.reads_low,
        reads_high=standing.reads_high,
        test=reference.test,
        measured_by=reference.measured_by,
        unit=reference.unit,
        basis=standing.basis,
        results=tuple(
            Result(
                benchmark=one.benchmark,
                value=one.value,
                unit=one.unit,
                measured_by=one.measured_by,
                month=one.month,
                source=one.source,
            )
            for one in standing.published
        ),
    )
