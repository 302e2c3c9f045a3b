"""
What a device of another machine costs beside its own work: its inputs and results go over the network, through the
process that asks.

    seconds = waiting + 2 x values of a token x 4 bytes x tokens / rate

The waiting is there for every token that is written, and once for a micro-batch of a prompt: two questions and an
answer go out and back before the next device begins. On networks of a gigabit and more it is what counts.

Source: llama.cpp b11549, ggml/src/ggml-rpc/ggml-rpc.cpp (``ggml_backend_rpc_graph_compute``, set and get of tensors).
Published speeds over networks are in ``fixtures/truth/rpc_speed.json``.
"""

from collections.abc import Iterable, Iterator

from llmprobe.estimation.speed.parts import Part, Share
from llmprobe.facts.estimate import Range
from llmprobe.words.message import message

WAITING_S = Range(low=0.0005, likely=0.002, high=0.006)
"""
Seconds for each device and step. Assumed: with RDMA in the place of TCP, two machines over 25 Gbit Ethernet were
2.0 ms faster for each token, and that is not all of it.
"""

BYTES_OF_A_VALUE = 4


def network_parts(shares: Iterable[Share], *, tokens: int) -> Iterator[Part]:
    """
    The time for one token of ``tokens`` that go over the network at once, for every device behind one.
    """
    for share in shares:
        if share.network is None:
            continue
        sent = 2 * share.width * BYTES_OF_A_VALUE / share.network.bytes_per_s
        yield Part(
            likely=WAITING_S.likely / tokens + sent,
            fastest=WAITING_S.low / tokens + sent,
            slowest=WAITING_S.high / tokens + sent,
            words=message(
                "speed.network",
                device=share.device,
                bytes=2 * share.width * BYTES_OF_A_VALUE,
                bytes_per_s=share.network.bytes_per_s,
                ms=WAITING_S.likely * 1000,
            ),
            kind="link",
        )
