"""
A split by tensors (``-sm tensor``): all layers on all devices, each with a slice of every tensor.

It is tried only where it is known to gain: where every measurement of the model's kind was faster than a split by
layers (``data/tensor_split.json``), on backends and numbers of devices that were measured.
"""

from llmprobe.advise.search.case import Case, Misfit, Placed
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.speed.together import gain, kind_of
from llmprobe.estimation.splits import can_be_sliced
from llmprobe.facts.backends import BACKENDS, label
from llmprobe.facts.devices import Device
from llmprobe.facts.engine import Abilities
from llmprobe.units import GIB
from llmprobe.words.message import Message, message

MOST_DEVICES = 4
MOST_UNEQUAL = 2.1
"""How many times faster the memory of one device may be than another's: of a P100 beside an RTX 3060 it is 2.03."""


def why_not(estimator: Estimator, devices: tuple[Device, ...], abilities: Abilities) -> Message | None:
    """
    Why a split by tensors is not tried on several devices, None where it is.
    """
    if not abilities.slices:
        return message("not-by-tensors.engine")
    if not can_be_sliced(estimator.model.architecture):
        return message("not-by-tensors.architecture", architecture=estimator.model.architecture)
    kind = kind_of(estimator.model.parameters, len(devices), moe=estimator.is_moe)
    if kind is None or not estimator.generates:
        return message("not-by-tensors.nothing-gained")
    found = gain(kind, "generation")
    if found.low < 1:
        return message("not-by-tensors.may-lose", low=found.low, high=found.high, rows=found.rows)
    other = next((one for one in devices if not BACKENDS[one.backend].sliced), None)
    if other is not None:
        return message("not-by-tensors.backend", backend=label(other.backend))
    rates = [one.bandwidth_bytes_per_s for one in devices]
    known = [rate for rate in rates if rate is not None]
    if len(known) < len(rates):
        return message("not-by-tensors.bandwidth-unknown")
    if max(known) > MOST_UNEQUAL * min(known):
        return message("not-by-tensors.unequal", times=max(known) / min(known), most=MOST_UNEQUAL)
    if len(devices) > MOST_DEVICES:
        return message("not-by-tensors.devices", devices=len(devices), most=MOST_DEVICES)
    return None


def by_tensors(case: Case, *, hopeful: bool = False) -> Placed | Misfit:
    """
    The placement, by exact buffers or, ``hopeful``, by none: in equal parts, or by the room on each device where these
    do not fit.

    Raises:
        RefusedError: the model cannot be split so.
    """
    even = _placed(case, (), hopeful=hopeful)
    if isinstance(even, Placed):
        return even
    rooms = [(case.site.capacities[device.id] or 0) // GIB for device in case.devices]
    if len(set(rooms)) == 1 or min(rooms) < 1:
        return even
    by_room = _placed(case, tuple(float(room) for room in rooms), hopeful=hopeful)
    return by_room if isinstance(by_room, Placed) else even


def _placed(case: Case, shares: tuple[float, ...], *, hopeful: bool) -> Placed | Misfit:
    settings = case.placed(case.estimator.total_layers, tensor_split=shares)
    totals = case.without_compute(settings) if hopeful else case.totals(settings, exact=True)
    return case.judged(settings, totals)
