"""
The most that a model can be worth on a machine, by its counts of weights alone: no tensor is looked at.

Every layer is read at the full rate of the fastest memory that has room for it, and nothing else takes time or
memory. A search of the model can only find less, so that most models need none.
"""

from math import inf

import msgspec

from llmprobe.advise.choose.balance import Scored
from llmprobe.advise.choose.candidates import USUAL_QUANTS
from llmprobe.advise.choose.loss import Model
from llmprobe.advise.choose.quality import usable_loss
from llmprobe.advise.choose.use import use_of
from llmprobe.advise.search.ledger import RANKING_DEVICE_BANDWIDTH
from llmprobe.facts.devices import Device
from llmprobe.facts.recommendation import UseName, Wishes
from llmprobe.model.quants import file_type, followed, ggml_type
from llmprobe.site.site import Site

_SMALLER_TENSORS = 0.95
"""Some tensors of a file have a smaller type than most."""

_TOGETHER = 1.7
"""The most that was measured to be gained where devices compute every layer together (69 %)."""


NOTHING = 0.0
"""What speed and loss are worth of a model of embeddings: it reads a text in no time, and is published in full."""


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is known of a model without its tensors: its id and architecture, its counts of ``parameters``, of those
    ``taking_part`` in a token and of those that one reads, the part of its experts that one ``uses`` (1 of a dense
    model), the words of its vocabulary, whether its attention is ``latent``, and its thinking.
    """

    id: str
    architecture: str
    parameters: int
    active: int
    taking_part: int | None = None
    uses: float
    words: int | None = None
    latent: bool = False
    published_quant: str | None = None
    generates: bool = True
    thinking: bool | None = None
    thinking_tokens: tuple[int, int] | None = None


class Most(msgspec.Struct, frozen=True):
    """
    The most utility that one quantization can have, and the least bytes of its file.
    """

    quant: str
    worth: float
    least_bytes: int


def bounds(model: Weights, site: Site, use: UseName | None = None) -> tuple[Most, ...]:
    """
    For each quantization whose weights have room on the machine, and which leaves a model usable, the most that it can
    be worth for a ``use`` (None is the model's usual one); without any the model is too large.
    """
    names = (model.published_quant,) if model.published_quant else USUAL_QUANTS
    wanted = use_of(model, Wishes(use=use))
    whole = Model(
        parameters=model.parameters,
        active_parameters=model.taking_part,
        experts=model.uses < 1,
        id=model.id,
        architecture=model.architecture,
        words=model.words,
        latent=model.latent,
    )
    found = []
    for quant in names:
        size = model.parameters * _bits(quant) / 8
        rates = [rate for devices in site.device_sets if (rate := _rate(model, size, site, devices))]
        if not rates:
            continue
        # A file with an importance matrix loses the least.
        loss = usable_loss(quant, whole, native=quant == model.published_quant)
        if loss is None:
            continue
        at_most = Scored(quant=quant, tokens_per_s=max(rates), prompt_tokens_per_s=inf, divergence=loss)
        worth = at_most.worth(wanted, "balanced") if model.generates else NOTHING
        found.append(Most(quant, worth, int(size)))
    return tuple(found)


def _bits(quant: str) -> float:
    """
    The least bits per weight of a whole file.
    """
    kind = ggml_type(file_type(followed(quant)).base)
    return _SMALLER_TENSORS * 8 * kind.block_bytes / kind.block


def _rate(model: Weights, size: float, site: Site, devices: tuple[Device, ...]) -> float:
    """
    The most tokens/s on these devices; 0 where the weights have no room.
    """
    if size > site.room(devices):
        return 0.0
    read = size * model.active / model.parameters
    gain = _TOGETHER if len(devices) > 1 else 1.0
    # What a token does not read of a dense model, its embeddings, lies in RAM for nothing.
    size = read if model.uses == 1 else size
    seconds, left = 0.0, size
    fastest = sorted(devices, key=lambda one: -_bandwidth(one))
    for device in fastest:
        held = min(left, max(0, site.capacities[device.id] or 0))
        left -= held
        seconds += held / size * read / (_bandwidth(device) * gain)
    if left <= 0 or not devices:
        return 1 / (seconds or read / site.ram_bandwidth_bytes_per_s)
    # Of a mixture only experts are left in RAM.
    there = min(read, left * model.uses)
    on_devices = (read - there) / (max(map(_bandwidth, devices)) * gain)
    return 1 / (there / site.ram_bandwidth_bytes_per_s + on_devices)


def _bandwidth(device: Device) -> int:
    return device.bandwidth_bytes_per_s or RANKING_DEVICE_BANDWIDTH
