"""
A graph under construction: weights, inputs, and the parts that every layer has.

Orders of operations, names and shapes follow llama.cpp b11549, src/llama-graph.cpp, since the allocator's answer
depends on them.
"""

from collections.abc import Callable, Iterator

from llmprobe.errors import ModelError
from llmprobe.facts.processor import repacks
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import I32, REPACKED, Graph, Node, Origin
from llmprobe.model.archs._building.run import Parts, Run
from llmprobe.model.archs._shared.adapters import DIRECTION, number_of
from llmprobe.model.quants.types import GgmlType
from llmprobe.words.message import message

_NO_LIMIT = 1e-6
NO_PLACE = (-1, -1)


class Base:
    """
    A graph under construction, for one model and one run.
    """

    def __init__(self, parts: Parts, run: Run) -> None:
        self.parts = parts
        self.run = run
        self.sizes = parts.sizes
        self.hparams = parts.hparams
        self.graph = Graph()
        self.tokens = run.tokens
        self.fused: list[tuple[Node, int]] = []
        self.together: list[tuple[Node, int]] = []
        self.unpinned: list[tuple[Node, int]] = []
        self.chosen: Node | None = None
        self.last = run.built[-1] if run.built else -1
        self.starts: list[int] = []
        self.leaf_starts: list[int] = []
        self._weights: dict[tuple[int, str], Node] = {}
        self._expert_slots = dict(run.expert_slots)
        self._moved = {(layer, name): place for layer, name, place in run.moved}
        self._copies: dict[tuple[str, int], Node] = {}
        self._inputs: dict[str, Node] = {}

    @property
    def architecture(self) -> str:
        """GGUF's name of the architecture, where a family has several."""
        return self.parts.architecture

    def streams(self, number: int) -> int:
        """The streams of a cache: those of the run, or one for each sequence."""
        return self.run.sequences if self.parts.layout.kv[number].own_streams else self.run.streams

    def limited(self, il: int, key: str) -> bool:
        """Whether the metadata give a layer's activation a limit under this key."""
        limit = self.hparams.get(key) or 0
        if isinstance(limit, list | tuple):
            limit = limit[il] if il < len(limit) else 0
        return float(limit) > _NO_LIMIT

    def layers(self) -> Iterator[int]:
        """
        Go through the layers that are built; ``starts`` counts the nodes before each, and after all, and
        ``leaf_starts`` the leafs.
        """
        for il in self.run.built:
            self.starts.append(len(self.graph.nodes))
            self.leaf_starts.append(len(self.graph.leafs))
            yield il
        self.starts.append(len(self.graph.nodes))
        self.leaf_starts.append(len(self.graph.leafs))

    def weight(self, il: int, name: str) -> Node | None:
        """A weight of a layer (-1: of none, it lies with the output), None where the model has none."""
        il = self.parts.homes[il] if il >= 0 else il
        node = self._weights.get((il, name))
        if node is not None:
            return node
        run = self.run
        found = self.parts.layers[il].get(name) if il >= 0 else self.parts.outside.get(name)
        if found is None:
            return None
        node = Node("", found[0], found[1], found[2], ())
        # Tensors of adapters are no weights to the scheduler: nothing is moved for their sake.
        node.live = True
        node.weight = number_of(name) is None and name != DIRECTION
        node.origin = (il, name)
        node.buffer = run.places[il]
        if il in run.host_experts and name.startswith("ffn_") and "exps." in name:
            node.buffer = run.host
        if self._moved:
            node.buffer = self._moved.get((il, name), node.buffer)
        if run.repacks and node.buffer == run.host:
            self._repack(node, (il, name))
        self._weights[il, name] = node
        return node

    def _repack(self, node: Node, origin: Origin) -> None:
        """Mark a weight on the host that the processor keeps in another order, so that no device can read it."""
        run = self.run
        name = origin[1]
        if name.endswith("embd.weight") and name != "token_embd.weight":
            # Rows of it are looked up.
            return
        if (node.ne[2] > 1) is not ("exps." in name):
            # Matrices of one layer that are kept as several are no experts.
            return
        if (run.plain or origin in run.staying) and repacks(run.repacks, node.kind.name, node.ne[1]):
            node.tag = REPACKED

    def expert_slots(self, il: int, chosen: Node, experts: int) -> Node | None:
        """
        Where the experts that were chosen lie in the cache of experts, None where the layer does not read one.

        Source: llama.cpp b11549, src/llama-graph.cpp (``build_moe_cache_slots``).
        """
        slots = self._expert_slots.get(il, 0)
        used, tokens = chosen.ne[0], chosen.ne[1]
        if not slots or (tokens * used > slots and experts > slots):
            return None
        table = ops.leaf(ops.I32, 1, experts)
        table.weight, table.buffer = True, self.run.host
        flat = ops.reshape(chosen if chosen.contiguous() else ops.cont(chosen), used * tokens)
        found = ops.get_rows(table, flat)
        found.backend = self.run.places[il]
        return ops.reshape(found, used, tokens)

    def cached_experts(self, il: int, matrices: Node) -> Node:
        """The experts of a layer that are cached on its device: as many as it has slots."""
        ne = (*matrices.ne[:2], self._expert_slots[il], 1)
        node = Node("", matrices.kind, ne, ops.strides(matrices.kind, ne), ())
        node.live = node.weight = True
        node.buffer = self.run.places[il]
        return node

    def need(self, il: int, name: str) -> Node:
        """
        A weight that the model must have.

        Raises:
            ModelError: it is missing: the engine refuses such a file as well.
        """
        node = self.weight(il, name)
        if node is None:
            tensor = f"blk.{il}.{name}" if il >= 0 else name
            raise ModelError(
                message("error.tensor-missing", tensor=tensor, architecture=self.parts.architecture),
                hint=message("hint.tensor-missing"),
            )
        return node

    def cut(self, il: int, name: str, rows: int, parts: int) -> Node:
        """A matrix of a layer that llama.cpp loads as several, one behind the other."""
        node = self.need(il, name)
        node.ne = (node.ne[0], rows, parts, 1)
        node.nb = ops.strides(node.kind, node.ne)
        return node

    def own(self, il: int, name: str) -> Node | None:
        """A weight outside the layers of which each device with layers has a copy (rope factors)."""
        return self.copy(name, self.run.places[il])

    def copy(self, name: str, place: int) -> Node | None:
        """A backend's copy of a weight outside the layers."""
        run = self.run
        node = self._copies.get((name, place))
        found = self.parts.outside.get(name)
        if node is None and found is not None:
            node = Node("", found[0], found[1], found[2], ())
            node.live = node.weight = True
            node.origin = (-1, name)
            node.buffer = run.host if (-1, name) in run.staying else place
            self._copies[name, place] = node
        return node

    def input(self, name: str, kind: GgmlType, *shape: int) -> Node:
        """An input by its name; the first call makes it."""
        node = self._inputs.get(name)
        if node is None:
            node = ops.leaf(kind, *shape)
            node.input = True
            self._inputs[name] = node
        return node

    def shared(self, name: str, make: Callable[[], Node]) -> Node:
        """A node that several layers use; the first call makes it."""
        node = self._inputs.get(name)
        if node is None:
            node = self._inputs[name] = make()
        return node

    def memory(
        self, name: str, kind: GgmlType, home: int, *shape: int, place: tuple[int, int] = NO_PLACE
    ) -> Node:
        """
        A tensor of a cache, which lies on a backend before the graph is built.

        ``place`` is the layer of a state, and its number in the layer: states lie in this order.
        """
        node = self._inputs.get(name)
        if node is None:
            node = self._inputs[name] = ops.leaf(kind, *shape)
            node.buffer = home
            node.tag = name.rstrip(" 0123456789") if place is NO_PLACE else ops.state_tag(*place)
        return node

    def positions(self, per_token: int = 1) -> Node:
        """The positions of the tokens."""
        return self.input("positions", I32, self.tokens * per_token)

    def mm(self, il: int, name: str, x: Node) -> Node:
        """The product with a layer's matrix, and with the adapters that change it."""
        return self.adapted(il, f"{name}.weight", ops.mul_mat(self.need(il, f"{name}.weight"), x), x)

    def adapted(self, il: int, name: str, result: Node, x: Node, chosen: Node | None = None) -> Node:
        """A product after each LoRA of its matrix was added (``build_lora_mm``); ``chosen`` names experts."""
        for number in range(self.parts.adapters):
            low = self.weight(il, f"{name}.lora_a.{number}")
            if low is None:
                continue
            high = self.need(il, f"{name}.lora_b.{number}")
            if chosen is None:
                part = ops.mul_mat(high, ops.mul_mat(low, x))
            else:
                part = ops.mul_mat_id(high, ops.mul_mat_id(low, x, chosen), chosen)
            result = ops.like("add", result, ops.like("scale", part))
        return result

    def biased(self, il: int, name: str, x: Node, *, scaled: bool = False) -> Node:
        """The product with a layer's matrix, plus its bias and times its scale where it has them."""
        x = self.mm(il, name, x)
        bias = self.weight(il, f"{name}.bias")
        if bias is not None:
            x = ops.like("add", x, bias)
        scale = self.weight(il, f"{name}.scale") if scaled else None
        return x if scale is None else ops.like("mul", x, scale)

    def norm(
        self,
        x: Node,
        name: str,
        il: int = -1,
        *,
        kind: str = "rms_norm",
        pin: bool = True,
        first: bool = False,
    ) -> Node:
        """
        The normalized input times its weight, plus its bias where it has one.

        ``pin`` False is for norms that llama.cpp does not tie to their layer. ``first`` is for a norm outside the
        layers that lies with the first of them.
        """
        weight = self.weight(il, f"{name}.weight") or self.weight(il, name)
        bias = self.weight(il, f"{name}.bias")
        for part in (weight, bias):
            if first and part is not None:
                part.buffer = self.run.places[0]
        node = ops.like(kind, x)
        if weight is None and bias is None:
            return node
        if pin and il >= 0:
            self.pin(node, il)
        if weight is not None:
            node = ops.like("mul", node, weight)
        return node if bias is None else ops.like("add", node, bias)

    def pin(self, node: Node, il: int) -> None:
        """Let a node stay with its layer, which llama.cpp forgets where it only measures; it is noted then."""
        if self.run.pinned:
            node.backend = self.run.places[il]
        else:
            self.unpinned.append((node, self.run.places[il]))

    def outer_norm(self, x: Node, name: str, il: int, *, kind: str = "rms_norm") -> Node:
        """The input normalized with a layer, by a weight and a bias that belong to none."""
        x = ops.like(kind, x)
        self.pin(x, il)
        x = ops.like("mul", x, self.need(-1, f"{name}.weight"))
        bias = self.weight(-1, f"{name}.bias")
        return x if bias is None else ops.like("add", x, bias)

    def rope(self, x: Node, factors: Node | None = None, *, per_token: int = 1) -> Node:
        """The input with positions turned into it."""
        positions = self.positions(per_token)
        return ops.like("rope", x, positions) if factors is None else ops.like("rope", x, positions, factors)

    def rope_factors(self, il: int) -> Node | None:
        """The factors of the frequencies, by the length of the context where there are two sets."""
        own = self.own(il, "rope_freqs.weight")
        if own is not None:
            return own
        original = int(
            self.hparams.get("rope.scaling.original_context_length") or self.hparams.get("context_length", 0)
        )
        length = "long" if self.run.ctx_per_seq > original else "short"
        return self.own(il, f"rope_factors_{length}.weight")

    def crop(self, il: int, *parts: Node) -> tuple[Node, ...]:
        """The rows that become outputs in the last layer, everything in the others."""
        if il != self.last:
            return parts
        ids = self.input("output ids", I32, self.run.outputs)
        return tuple(ops.get_rows(part, ids) for part in parts)
