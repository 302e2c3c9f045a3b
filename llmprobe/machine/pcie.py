"""
How fast PCIe is: the only place that knows the rate of a lane.
"""

from llmprobe.facts.machine import Link

LANE_BYTES_PER_S = {
    1: 250_000_000,
    2: 500_000_000,
    3: 984_600_000,
    4: 1_969_200_000,
    5: 3_938_500_000,
    6: 7_562_500_000,
}
"""
One lane, one direction, by generation, after the line code (PCI-SIG base specifications): 2.5 and 5 GT/s with 8b/10b,
8 to 32 GT/s with 128b/130b, 64 GT/s with flits of 256 bytes, of which 14 are a checksum and error correction.
"""


def pcie_link(
    *,
    generation: int | None = None,
    max_generation: int | None = None,
    device_max_generation: int | None = None,
    width: int | None = None,
    max_width: int | None = None,
) -> Link | None:
    """
    The link of a device with its rate; None where nothing of it is known.
    """
    known = (generation, max_generation, device_max_generation, width, max_width)
    if all(value is None for value in known):
        return None
    lane = None if max_generation is None else LANE_BYTES_PER_S.get(max_generation)
    return Link(
        generation=generation,
        max_generation=max_generation,
        device_max_generation=device_max_generation,
        width=width,
        max_width=max_width,
        bytes_per_s=width * lane if width and lane is not None else None,
    )
