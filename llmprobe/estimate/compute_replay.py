"""
Reservations of one model that share a graph: built once, and played again for other sizes.

What changes from request to request is mostly the batch, the outputs and the cells. The first reservation of a kind
is computed as it is; the second writes a tape (see ``compute_trace``), which answers those after it.
"""

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable

import msgspec

from llmprobe.estimate.compute_alloc import play
from llmprobe.estimate.compute_cuda import CudaRules, attention_kernel
from llmprobe.estimate.compute_sched import Schedule, reserve_places, schedule
from llmprobe.estimate.compute_trace import Tape
from llmprobe.model.archs._graph_builder import Builder
from llmprobe.model.archs._graph_run import Parts, Run
from llmprobe.model.archs._graphs import Build

_TAPES_PER_KIND = 6
_KINDS = 128


class Played(msgspec.Struct, frozen=True, gc=False):
    """
    A reservation: bytes per backend (devices in order, the host last), and the counts of nodes and splits.

    ``kernels`` says that each attention on a device has a kernel, ``at_home`` that it runs where its layer lies.
    """

    sizes: tuple[int, ...]
    splits: int
    nodes: int
    kernels: bool
    at_home: bool


class _Tape(msgspec.Struct, frozen=True, gc=False):
    tape: Tape
    planned: Schedule
    played: Played


class Reservations:
    """
    The reservations of one model and quantization, by what their graphs depend on beside sizes.

    ``varied`` says that a kind was asked for more than once; it can be told beforehand.
    """

    def __init__(self, parts: Parts, build: Build, *, varied: bool = False) -> None:
        self.varied = varied
        self._parts = parts
        self._build = build
        self._tapes: OrderedDict[Hashable, list[_Tape]] = OrderedDict()

    def play(
        self, run: Run, kinds: Hashable, *, op_offload: bool, copies: int, places: bool = False
    ) -> Played:
        """
        Return a reservation. ``kinds`` tells the layers that are built; ``places`` allocates nothing.
        """
        inputs = (run.tokens, run.outputs, run.ctx_per_seq, *run.cells)
        key = (
            kinds,
            run.places[-1],
            run.sequences,
            run.streams,
            run.kind_k.name,
            run.kind_v.name,
            run.flash,
            run.transposed,
            run.host,
            run.cache_on_device,
            run.held,
            run.pinned,
            run.embeddings,
            run.old_masks,
            op_offload,
            copies,
            places,
        )
        tapes = self._tapes.get(key)
        if tapes is None:
            self._tapes[key] = []
            tapes = self._tapes[key] if self.varied else None
            if len(self._tapes) > _KINDS:
                self._tapes.popitem(last=False)
        else:
            self.varied = True
            for known in tapes:
                values = known.tape.play(inputs)
                if values is not None:
                    return _sized(known.planned, values, run.host, known.played)
        # All nodes live until the end, so that looking for cycles among them doubles the time and finds nothing.
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self._anew(run, inputs, tapes, op_offload=op_offload, copies=copies, places=places)
        finally:
            if collecting:
                gc.enable()

    def _anew(
        self,
        run: Run,
        inputs: tuple[int, ...],
        tapes: list[_Tape] | None,
        *,
        op_offload: bool,
        copies: int,
        places: bool,
    ) -> Played:
        """
        Build the graph, and keep it on a tape if others of its kind were built before.
        """
        sizes: list[int] = []
        if tapes is not None and len(tapes) < _TAPES_PER_KIND:
            tape = Tape(inputs)
            tokens, outputs, ctx_per_seq, *cells = tape.symbols()
            run = msgspec.structs.replace(
                run, tokens=tokens, outputs=outputs, ctx_per_seq=ctx_per_seq, cells=tuple(cells)
            )
            planned, played = self._plan(
                run, tape.number, op_offload=op_offload, copies=copies, places=places
            )
            tape.close()
            tapes.append(_Tape(tape, planned, played))
            sizes = tape.values
        else:

            def number(size: int) -> int:
                sizes.append(size)
                return len(sizes) - 1

            planned, played = self._plan(run, number, op_offload=op_offload, copies=copies, places=places)
        return _sized(planned, sizes, run.host, played)

    def _plan(
        self, run: Run, number: Callable[[int], int], *, op_offload: bool, copies: int, places: bool
    ) -> tuple[Schedule, Played]:
        builder = Builder(self._parts, run)
        self._build(builder)
        rules = CudaRules(run.host)
        if places:
            reserve_places(builder.graph, run.host, rules, op_offload=op_offload)
            planned = Schedule([], 0)
        else:
            planned = schedule(builder.graph, run.host, rules, number, op_offload=op_offload, copies=copies)
        played = Played(
            sizes=(),
            splits=planned.splits,
            nodes=len(builder.graph.nodes),
            kernels=all(home == run.host or attention_kernel(node) != "" for node, home in builder.fused),
            at_home=all(node.backend == home for node, home in builder.fused),
        )
        return planned, played


def _sized(planned: Schedule, sizes: list[int], host: int, played: Played) -> Played:
    return msgspec.structs.replace(played, sizes=tuple(play(planned.events, sizes, host + 1)))
