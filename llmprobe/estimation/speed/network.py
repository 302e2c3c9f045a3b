"""
What a device of another machine costs beside its own work: its inputs and results go over the network, through the
process that asks.

    seconds = round trips x waiting + (round trips x 2 x values of a token x 4 bytes + heads + cache) / rate

Everything that a device is sent is sent without waiting; only what it computed is asked for and answered. So a device
is waited for once in a step that writes a token, or reads a micro-batch of a prompt, and twice more for each of its
layers whose experts or cache lie on the host. A cache that lies there is sent with every step. Counted on the wire by
``python -m benchmarks.rpc_waits`` and kept in ``fixtures/truth/rpc_waits.json``.

Source: llama.cpp b11549, ggml/src/ggml-rpc/ggml-rpc.cpp (``ggml_backend_rpc_graph_compute``, set and get of tensors).
Published speeds over networks are in ``fixtures/truth/rpc_speed.json``.
"""

from collections.abc import Iterable, Iterator

from llmprobe.estimation.speed.parts import Part, Share
from llmprobe.facts.devices import Network
from llmprobe.facts.estimate import Range
from llmprobe.words.message import message

WAITING_S = Range(low=0.0005, likely=0.002, high=0.007)
"""
Seconds for each round trip: the network, both systems, and the wait for the device. Assumed, near two published pairs
of one device and one round trip for each token: two machines over 25 Gbit Ethernet were 2.0 ms faster with RDMA in the
place of TCP (ggml-org/llama.cpp#20590), two DGX Spark 2.6 ms slower than one that held all of it
(defilantech/LLMKube#1423). The most is what the first pair lacks over TCP to the speed that is told without a network.
"""

USUAL_ROUND_TRIP_S = 0.0002
"""What ``ping`` shows between machines on one switch: in these waits where nobody says another."""


def further(network: Network | None) -> float:
    """
    The seconds by which the round trip of a network is longer than the usual one, where it is known.
    """
    if network is None or network.round_trip_s is None:
        return 0.0
    return network.round_trip_s - USUAL_ROUND_TRIP_S


def beyond(usual: Range, network: Network | None) -> Range:
    """
    Waits over a network: with its own round trip in the place of the usual one.
    """
    more = further(network)
    return Range(low=max(0.0, usual.low + more), likely=usual.likely + more, high=usual.high + more)


BYTES_OF_A_VALUE = 4
HEADS = 10_000
"""Bytes of the 6 to 13 messages of a step beside values: 4 to 15 kB were counted, those of a short mask among them."""


def network_parts(shares: Iterable[Share], *, tokens: int, filled: float = 0.0) -> Iterator[Part]:
    """
    The time for one token of ``tokens`` that go over the network at once, for every device behind one, with a part of
    the context in use.
    """
    for share in shares:
        if share.network is None:
            continue
        values = share.round_trips * 2 * share.width * BYTES_OF_A_VALUE
        sent = values + (HEADS + share.sent_cache_bytes * filled) / tokens
        waits = share.round_trips / tokens
        each = beyond(WAITING_S, share.network)
        yield Part(
            likely=waits * each.likely + sent / share.network.bytes_per_s,
            fastest=waits * each.low + sent / share.network.bytes_per_s,
            slowest=waits * each.high + sent / share.network.bytes_per_s,
            words=message(
                "speed.network",
                device=share.device,
                times=share.round_trips,
                bytes=round(sent),
                bytes_per_s=share.network.bytes_per_s,
                ms=each.likely * 1000,
            ),
            kind="link",
        )
