"""
What is asked of a device behind llama.cpp's rpc-server: it is believed to compute everything, and weights of the host
are not sent to it for a product. Nodes come to it in their order, and it fuses none while memory is planned.

What a node takes there the server tells. A process asks once for each operation and shape of the result, whatever is
read: after a load with an f16 cache, attention over another takes no more. So it was when the truth was measured; a
process that begins with another cache is told of its copies. The server sees no views, so that K and V are copied both.

Source: llama.cpp b11549, ggml/src/ggml-rpc/ggml-rpc.cpp (``ggml_backend_rpc_device_supports_op``,
``ggml_backend_rpc_buffer_type_get_alloc_size``, ``rpc_server::deserialize_tensor``).
"""

from llmprobe.estimation.compute.assignment import Keep, Rules
from llmprobe.estimation.compute.scheduler import HOST_ALIGN
from llmprobe.facts.backends import Driver
from llmprobe.model.archs._building.ops import F16, Node, strides


class RpcRules:
    """
    The rules of a remote device; ``served`` are those of its backend there, None for a processor.

    ``anew`` says that the process asks for the first time.
    """

    host_align = HOST_ALIGN
    blas = False

    def __init__(self, driver: Driver, served: Rules | None, *, anew: bool) -> None:
        self.device_align = driver.align
        self.pieces = driver.pieces
        self._served = served
        self._anew = anew

    def supports(self, _node: Node, _device: int) -> bool:
        """Whether the device computes a node: any, as far as is known here."""
        return True

    def attends(self, _node: Node) -> bool:
        """Whether it has a kernel for an attention: for any."""
        return True

    def wants(self, _node: Node) -> bool:
        """Never: weights of the host are not sent over the network."""
        return False

    def alloc_size(self, node: Node) -> int:
        """The bytes of a node, as the server tells them."""
        if self._served is None:
            return node.nbytes
        return self._served.alloc_size(self._sent(node) if node.op == "flash_attn_ext" else node)

    @staticmethod
    def optimize(_nodes: list[Node], _start: int, _end: int, _keep: Keep) -> None:
        """Leave the nodes as they are."""

    def _sent(self, node: Node) -> Node:
        """
        An attention as its server sees it, or as the one that was asked for before it.
        """
        q, k, v, *rest = node.src
        copy = Node(node.op, node.kind, node.ne, node.nb, (q, self._cached(k), self._cached(v), *rest))
        copy.tag = node.tag
        return copy

    def _cached(self, node: Node) -> Node:
        """K or V, which are no view there, and may have been in f16."""
        if self._anew:
            return Node("", node.kind, node.ne, node.nb, ())
        return Node("", F16, node.ne, strides(F16, node.ne), ())
