"""
A projector where it is loaded: on the first device in use, or in RAM.
"""

from typing import TYPE_CHECKING

import msgspec

from llmprobe.estimation.placement import HOST
from llmprobe.facts.estimate import ProjectorInEstimate, Term
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.estimation.projector.measure import ProjectorBytes
    from llmprobe.estimation.setup import Setup
    from llmprobe.facts.engine import Profile
    from llmprobe.facts.projector import Projector
    from llmprobe.facts.settings import Switch
    from llmprobe.model.projectors import ImageTokens


class Placed(msgspec.Struct, frozen=True):
    """
    A projector, the device that holds it, and what it takes there and on the host.
    """

    projector: "Projector"
    device: str
    size: "ProjectorBytes"

    @property
    def most(self) -> dict[str, int]:
        """The most bytes by device, after the largest image."""
        buffers = self.size.high or self.size.largest
        most = {self.device: self.size.weights_bytes + buffers.device}
        if buffers.host:
            most[HOST] = most.get(HOST, 0) + buffers.host
        return most


def home(setup: "Setup") -> tuple[str, str]:
    """
    The device that holds a projector, and its backend: the first in use, however many layers it has.

    Source: llama.cpp b11549, common/arg.cpp (the device of the projector defaults to the first of ``--device``).
    """
    if not setup.settings.mmproj_offload or not setup.devices:
        return HOST, HOST
    first = setup.devices[0]
    return first.id, first.kind


class Projectors:
    """
    The projector of one model, wherever it was placed before: what its buffers take is computed once.
    """

    def __init__(self, projector: "Projector | None", profile: "Profile | None") -> None:
        loaded = profile is None or profile.loads_projector
        self._projector = projector if loaded else None
        self._images: dict[tuple[int, int, int], ImageTokens] = {}
        self._sizes: dict[tuple[str, ImageTokens, Switch], ProjectorBytes] = {}

    @property
    def loaded(self) -> bool:
        """
        Whether there is one that the engine loads, unless it is told not to.
        """
        return self._projector is not None

    def of(self, setup: "Setup") -> Placed | None:
        """
        The projector with these settings, None where none is loaded.

        Raises:
            RefusedError: llama.cpp would not load it, or the limits of an image contradict each other.
        """
        run = setup.settings
        if self._projector is None or run.mmproj == "none":
            return None
        device, backend = home(setup)
        asked = (run.image_min_tokens, run.image_max_tokens, run.ubatch_size)
        images = self._images.get(asked)
        if images is None:
            from llmprobe.model.projectors import ImageTokens, limited

            images = self._images[asked] = limited(self._projector, ImageTokens(*asked[:2]), run.ubatch_size)
        # Few projectors are limited by the micro-batch, which a search varies.
        size = self._sizes.get((backend, images, run.flash_attn))
        if size is None:
            from llmprobe.estimation.projector.measure import measure

            size = self._sizes[backend, images, run.flash_attn] = measure(
                self._projector, images, backend=backend, flash_attn=run.flash_attn
            )
        return Placed(self._projector, device, size)

    def most(self, setup: "Setup") -> dict[str, int]:
        """
        The most bytes that the projector takes by device, after the largest image; nothing where none is loaded.

        Raises:
            RefusedError: llama.cpp would not load it, or the limits of an image contradict each other.
        """
        placed = self.of(setup)
        return {} if placed is None else placed.most


def projector_terms(placed: Placed | None, device: str) -> tuple[Term, ...]:
    """
    What a projector takes on a device: weights, the buffer of the encoder with what the largest image adds, inputs.
    """
    if placed is None or device not in (placed.device, HOST):
        return ()
    size = placed.size
    found = []
    if device == placed.device:
        found = [
            Term(
                name="projector-weights",
                kind="projector",
                bytes=size.weights_bytes,
                how=message("term.projector-published", name=placed.projector.name)
                if placed.projector.assumed
                else message("term.projector-weights", name=placed.projector.name),
                basis="assumed" if placed.projector.assumed else "derived",
            ),
            _buffer("projector-compute", size, device=True),
        ]
    if device == HOST and placed.device != HOST:
        found.append(_buffer("projector-inputs", size, device=False))
    return tuple(term for term in found if term.bytes)


def _buffer(name: str, size: "ProjectorBytes", *, device: bool) -> Term:
    first, last = size.warmup, size.high or size.largest
    least = size.low or size.warmup
    at_first, at_last, at_least = ((part.device if device else part.host) for part in (first, last, least))
    ranged = at_least < at_last
    return Term(
        name=name,
        kind="projector",
        bytes=at_first,
        how=_of_buffer(size, device=device),
        basis="assumed" if size.unknown or not size.measured else "derived",
        low_bytes=at_least if ranged else None,
        high_bytes=at_last if ranged else None,
    )


def _of_buffer(size: "ProjectorBytes", *, device: bool) -> Message:
    if size.unknown:
        return message("term.projector-bound", kinds=size.unknown)
    if not device:
        return message("term.projector-inputs")
    if not size.side:
        return message("term.projector-sound", longer=size.seconds or None)
    larger = size.largest_side if size.largest_side > size.side else None
    return message("term.projector-compute", side=size.side, largest=larger, longer=size.seconds or None)


def projector_in_estimate(placed: Placed | None) -> ProjectorInEstimate | None:
    """
    What an estimate says of a projector in short.
    """
    if placed is None:
        return None
    size = placed.size
    most = placed.most
    now = size.weights_bytes + size.warmup.device + size.warmup.host
    return ProjectorInEstimate(
        name=placed.projector.name,
        path=placed.projector.path,
        types=tuple(dict.fromkeys(kind for _, kind in _kinds(placed.projector))),
        device=placed.device,
        tensor_bytes=size.tensor_bytes,
        weights_bytes=size.weights_bytes,
        compute_bytes=size.warmup.device + size.warmup.host,
        largest_image_bytes=max(0, sum(most.values()) - now),
        image_size=size.side or None,
        largest_image_size=size.largest_side or None,
        flash_attn=size.flash_attn,
        assumed=placed.projector.assumed,
        modelled=not size.unknown,
    )


def _kinds(projector: "Projector") -> "tuple[tuple[str, str], ...]":
    from llmprobe.model.projectors import kinds

    return kinds(projector)
