"""
The graphs of one model: each built once, and its sizes replayed for other batches and contexts.

What changes from request to request is mostly the batch, the outputs and the cells. A reservation writes a tape (see
``tape``), which answers those after it that differ in nothing else.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable, Sequence

import msgspec

from llmprobe.estimation.compute.assignment import Rules, assign
from llmprobe.estimation.compute.layers import Repeat
from llmprobe.estimation.compute.repeat import AllocationPlan, CopiedBytes, Copy
from llmprobe.estimation.compute.rules import rules_of
from llmprobe.estimation.compute.scheduler import schedule
from llmprobe.estimation.compute.tape import Tape
from llmprobe.model.archs._building.builder import Build, Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._building.run import Parts, Run

_GRAPHS_PER_KIND = 6
_KINDS = 128


class NoPlanError(Exception):
    """
    A part of a quantized weight is copied, which no converter makes: its size would stand for one quantization only.
    """


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """
    A reservation: bytes per backend (devices in order, the host last), and the counts of nodes and splits.

    ``kernels`` says that each attention on a device has a kernel, ``at_home`` that it runs where its layer lies,
    ``copied`` that weights are copied, whose bytes count then. ``together`` says that some operations stand for
    several, ``apart`` names those of them that would not run where their layer lies. ``alike`` says that a load has the
    same where this was measured.
    """

    sizes: tuple[int, ...]
    splits: int
    nodes: int
    kernels: bool
    at_home: bool
    copied: bool
    together: bool
    apart: frozenset[str]
    alike: bool = False


class _Graph(msgspec.Struct, frozen=True, gc=False):
    """
    A graph that was built and given to devices, and the sizes of its blocks for the inputs that were asked for.
    """

    tape: Tape
    plan: AllocationPlan | None
    reservation: Reservation
    known: dict[tuple[int, ...], list[int] | None]

    def sizes(self, inputs: tuple[int, ...]) -> list[int] | None:
        """The sizes of its blocks for these inputs, None where it is another graph for them."""
        if inputs not in self.known:
            self.known[inputs] = self.tape.replay(inputs)
        return self.known[inputs]


class GraphCache:
    """
    The graphs of one model, by what their graphs depend on beside sizes.
    """

    def __init__(self, parts: Parts, build: Build) -> None:
        self._parts = parts
        self._build = build
        self._graphs: OrderedDict[Hashable, list[_Graph]] = OrderedDict()

    def reserve(
        self,
        run: Run,
        kinds: Hashable,
        repeats: tuple[Repeat, ...],
        copied_bytes: CopiedBytes,
        *,
        op_offload: bool,
        copies: int,
        places: bool = False,
        loads: bool = False,
    ) -> Reservation | None:
        """
        A reservation, None where the layers that are left out cannot be told from those that are built.

        ``kinds`` tells the layers that are built. ``places`` allocates nothing. ``loads`` says that the same will be
        asked of a load, which holds and pins nodes: its graph is made of the same nodes.
        """
        inputs = (run.tokens, run.outputs, run.ctx_per_seq, run.ubatch, *run.cells)
        # What the tape answers for, or what the kinds of layers tell already, is no part of the key.
        shape = msgspec.structs.replace(
            run,
            tokens=0,
            outputs=0,
            ctx_per_seq=0,
            ubatch=0,
            cells=(),
            places=run.places[-1:],
            built=(),
            host_experts=frozenset(),
            moved=tuple(one for one in run.moved if one[0] < 0),
            expert_slots=(),
            staying=frozenset(one for one in run.staying if one[0] < 0),
        )
        key = (kinds, shape, op_offload, copies, places)
        graphs = self._of(key)
        for graph in graphs:
            sizes = graph.sizes(inputs)
            if sizes is not None:
                break
        else:
            graph, loaded = self._anew(
                run, inputs, op_offload=op_offload, copies=copies, places=places, loads=loads
            )
            sizes = graph.tape.values
            graphs.insert(0, graph)
            del graphs[_GRAPHS_PER_KIND:]
            if loaded is not None:
                held = msgspec.structs.replace(shape, held=True, pinned=True)
                graphs = self._of((kinds, held, op_offload, copies, places))
                graphs.insert(0, loaded)
                del graphs[_GRAPHS_PER_KIND:]
        if graph.plan is None:
            return graph.reservation
        pieces = [one.pieces for one in rules_of(run.kind, run.host, sliced=run.sliced, anew=run.anew)]
        # The host's memory is in pieces, too, where its first device offers it.
        peaks = graph.plan.peaks(
            repeats, run.built, inputs, sizes, copied_bytes, (*pieces, *(pieces[:1] or (None,)))
        )
        return None if peaks is None else msgspec.structs.replace(graph.reservation, sizes=peaks)

    def _of(self, key: Hashable) -> list[_Graph]:
        graphs = self._graphs.get(key)
        if graphs is None:
            graphs = self._graphs[key] = []
            if len(self._graphs) > _KINDS:
                self._graphs.popitem(last=False)
        return graphs

    def _anew(
        self,
        run: Run,
        inputs: tuple[int, ...],
        *,
        op_offload: bool,
        copies: int,
        places: bool,
        loads: bool,
    ) -> tuple[_Graph, _Graph | None]:
        """
        Build the graph on a tape; and where a load will be asked for the one that this has, if it is another.
        """
        tape = Tape(inputs)
        tokens, outputs, ctx_per_seq, ubatch, *cells = tape.symbols()
        run = msgspec.structs.replace(
            run, tokens=tokens, outputs=outputs, ctx_per_seq=ctx_per_seq, ubatch=ubatch, cells=tuple(cells)
        )
        builder = Builder(self._parts, run)
        self._build(builder)
        rules = rules_of(run.kind, run.host, sliced=run.sliced, anew=run.anew)
        graph = builder.graph
        known: dict[tuple[int, ...], list[int] | None] = {inputs: tape.values}
        # Other nodes are held where a cache lies in RAM.
        again = graph.rewind() if loads and run.cache_on_device else None
        order = (*graph.nodes, *graph.leafs)
        if rules:
            assign(graph, rules, op_offload=op_offload)
        assigned = [node.backend for node in order]
        plan, reservation = _planned(builder, rules, tape, copies=copies, places=places)
        loaded = None
        if again is not None:
            again()
            for node, place in builder.unpinned:
                node.backend = place
            assign(graph, rules, op_offload=op_offload)
            alike = assigned == [node.backend for node in order]
            reservation = msgspec.structs.replace(reservation, alike=alike)
            if not alike:
                loaded = _Graph(tape, *_planned(builder, rules, tape, copies=copies, places=places), known)
        tape.close()
        return _Graph(tape, plan, reservation, known), loaded


def _planned(
    builder: Builder, rules: Sequence[Rules], tape: Tape, *, copies: int, places: bool
) -> tuple[AllocationPlan | None, Reservation]:
    """
    The allocations of a graph whose nodes have their backends, none if only the ``places`` count, and what is told.
    """
    run, graph = builder.run, builder.graph
    plan, splits = None, 0
    weights: dict[Copy, int] = {}
    if not places:
        at = {layer: position for position, layer in enumerate((-1, *run.built), start=-1)}

        def copied(node: Node, buffer: int) -> int:
            assert node.origin is not None
            layer, name = node.origin
            return ~weights.setdefault((at[layer], name, buffer == run.host), len(weights))

        planned = schedule(
            graph,
            rules,
            tape.number,
            copied,
            copies=copies,
            starts=builder.starts,
            leaf_starts=builder.leaf_starts,
        )
        if planned.fixed:
            raise NoPlanError
        kept_in = frozenset(bisect_right(builder.starts, node) - 1 for node in planned.kept)
        plan = AllocationPlan(planned.lifetimes, len(run.built), tuple(weights), kept_in)
        splits = planned.splits
    reservation = Reservation(
        sizes=(),
        splits=splits,
        nodes=len(graph.nodes),
        kernels=all(home == run.host or rules[home].attends(node) for node, home in builder.fused),
        at_home=all(node.backend == home for node, home in builder.fused),
        copied=bool(weights),
        together=bool(builder.together),
        apart=frozenset(node.op for node, home in builder.together if node.backend != home),
    )
    return plan, reservation
