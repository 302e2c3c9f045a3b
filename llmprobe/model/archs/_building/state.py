"""
Recurrent layers of a graph: their states in the cache, Mamba 1 and 2, gated delta nets, short convolutions.

Sources: llama.cpp b11549, src/llama-graph.cpp (``build_rs``), src/models/mamba-base.cpp, delta-net-base.cpp.
"""

from collections.abc import Callable

from llmprobe.facts.backends import backend_of, kinds_apart
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, I32, Node
from llmprobe.model.archs._shared.recurrent import scanned_on_gpu

Scan = Callable[[Node, Node], Node]


def states(g: Builder, il: int) -> tuple[Node, Node]:
    """
    The tensors of a layer's rolling state and of its state proper, one row per sequence and state that is kept.
    """
    run = g.run
    layer = g.parts.state_of[il]
    home = run.places[il] if run.cache_on_device else run.host
    pair = []
    rows = run.sequences * (1 + run.snapshots)
    for number, (name, width) in enumerate((("rolling", layer.rolling), ("state", layer.state))):
        pair.append(g.memory(f"{name} {il}", F32, home, width, rows, place=(il, number)))
    return pair[0], pair[1]


def further(g: Builder, il: int, width: int) -> Node:
    """
    The tensor of a layer's third state, one row per sequence and state that is kept.
    """
    home = g.run.places[il] if g.run.cache_on_device else g.run.host
    rows = g.run.sequences * (1 + g.run.snapshots)
    return g.memory(f"further {il}", F32, home, width, rows, place=(il, 2))


def load(g: Builder, kept: Node, scan: Scan | None = None) -> Node:
    """
    The states of the batch's sequences, or what ``scan`` makes of them; those of others are carried over.
    """
    graph, count = g.graph, g.run.sequences
    ids = g.input("state ids", I32, count)
    main = g.shared("state ids of the batch", lambda: ops.view(ids, (count,)))
    tail = g.shared("state ids of the others", lambda: ops.view(ids, (count - 1,)))
    width = kept.ne[0]
    rows = ops.reshape(kept, width, kept.ne[1])
    zero = ops.view(rows, (width,))
    graph.expand(ops.view_of("scale", zero, zero.ne, zero.nb, zero))
    gathered = ops.get_rows(rows, ids if scan is None else tail)
    loaded = ops.view(gathered, (width, count), (gathered.nb[1],)) if scan is None else scan(rows, main)
    graph.expand(loaded)
    rest = ops.view(gathered, (width, 0), (gathered.nb[1],))
    graph.expand(ops.cpy(rest, ops.view(kept, (width, 0), (kept.nb[1],))))
    return loaded


def decay(g: Builder, il: int) -> Node:
    """
    The weight that a scan lets its states decay by, which lies in RAM where no GPU has a kernel for them.
    """
    node = g.need(il, "ssm_a")
    kinds, place = kinds_apart(g.run.kind, max(g.run.host, 1)), g.run.places[il]
    if not scanned_on_gpu(g.sizes, node.ne[:2], backend_of(kinds[min(place, len(kinds) - 1)]).scans):
        node.buffer = g.run.host
    return node


def mamba1(g: Builder, il: int, x: Node) -> Node:
    """
    Build a layer of the first Mamba.
    """
    count = g.run.sequences
    steps = g.tokens // count
    inner, width = g.sizes.positive("ssm.inner_size"), g.sizes.positive("ssm.state_size")
    kernel, rank = g.sizes.positive("ssm.conv_kernel"), g.sizes.positive("ssm.time_step_rank")
    rolling, state = states(g, il)
    conv = ops.reshape(load(g, rolling), kernel - 1, inner, count)
    xz = g.mm(il, "ssm_in", ops.reshape(x, x.ne[0], steps, count))
    x = ops.view(xz, (inner, xz.ne[1], xz.ne[2]), (xz.nb[1], xz.nb[2]))
    z = ops.view(xz, (inner, xz.ne[1], xz.ne[2]), (xz.nb[1], xz.nb[2]))
    window = ops.concat(conv, ops.transpose(x), 0)
    last = ops.view(window, (kernel - 1, inner, count), (window.nb[1], window.nb[2]))
    g.graph.expand(ops.cpy(last, ops.view(rolling, ((kernel - 1) * inner * count,))))
    x = ops.unary("silu", ops.like("add", convolve(g, il, window), g.need(il, "ssm_conv1d.bias")))
    mixed = g.mm(il, "ssm_x", x)
    dt = ops.view(mixed, (rank, steps, count), (mixed.nb[1], mixed.nb[2]))
    b, c = (
        ops.view(mixed, (width, 1, steps, count), (4 * width, mixed.nb[1], mixed.nb[2])) for _ in range(2)
    )
    if g.weight(il, "ssm_dt_norm.weight") is not None:
        dt, b, c = (
            g.norm(dt, "ssm_dt_norm", il),
            g.norm(b, "ssm_b_norm", il),
            g.norm(c, "ssm_c_norm", il),
        )
    elif g.hparams.get("ssm.dt_b_c_rms"):
        dt, b, c = (ops.like("rms_norm", part) for part in (dt, b, c))
    else:
        dt = ops.cont(dt)
    dt = g.biased(il, "ssm_dt", dt)
    flat = x
    x = ops.reshape(x, 1, inner, steps, count)

    def scan(rows: Node, ids: Node) -> Node:
        kept = ops.reshape(rows, width, 1, inner, count)
        return ssm_scan(kept, x, dt, decay(g, il), b, c, ids)

    y = load(g, state, scan)
    size = width * inner * count
    g.graph.expand(ops.cpy(ops.view(y, (size,)), ops.view(state, (size,))))
    y = ops.view(y, (inner, steps, count), (x.nb[2], x.nb[3]))
    y = ops.like("add", y, ops.like("mul", flat, g.need(il, "ssm_d")))
    y = ops.glu("swiglu", ops.cont(z), y)
    x = g.mm(il, "ssm_out", y)
    return ops.reshape(x, x.ne[0], steps * count)


def mamba2(g: Builder, il: int, x: Node) -> Node:
    """
    Build a layer of the second Mamba.
    """
    count = g.run.sequences
    steps = g.tokens // count
    inner, width = g.sizes.positive("ssm.inner_size"), g.sizes.positive("ssm.state_size")
    kernel, heads = g.sizes.positive("ssm.conv_kernel"), g.sizes.positive("ssm.time_step_rank")
    groups = g.sizes.positive("ssm.group_count")
    head = inner // heads
    channels = inner + 2 * groups * width
    rolling, state = states(g, il)
    conv = ops.reshape(load(g, rolling), kernel - 1, channels, count)
    mixed = g.mm(il, "ssm_in", x)
    mixed = ops.reshape(mixed, mixed.ne[0], steps, count)
    rows = (mixed.nb[1], mixed.nb[2])
    z = ops.view(mixed, (head, heads, steps, count), (4 * head, *rows))
    xbc = ops.view(mixed, (channels, steps, count), rows)
    dt = ops.view(mixed, (heads, steps, count), rows)
    window = ops.concat(conv, ops.transpose(xbc), 0)
    for _ in range(kept_states(g, steps)):
        last = ops.view(window, (kernel - 1, channels, count), (window.nb[1], window.nb[2]))
        target = ops.view(rolling, ((kernel - 1) * channels, count), (rolling.nb[1],))
        g.graph.expand(ops.cpy(last, target))
    xbc = ops.unary("silu", ops.like("add", convolve(g, il, window), g.need(il, "ssm_conv1d.bias")))
    rows = (xbc.nb[1], xbc.nb[2])
    x = ops.view(xbc, (head, heads, steps, count), (4 * head, *rows))
    b, c = (ops.view(xbc, (width, groups, steps, count), (4 * width, *rows)) for _ in range(2))
    dt = ops.like("add", ops.cont(dt), g.need(il, "ssm_dt.bias"))

    def scan(kept: Node, ids: Node) -> Node:
        kept = ops.reshape(kept, width, head, heads, state.ne[1])
        return ssm_scan(kept, x, dt, decay(g, il), b, c, ids, 1 + g.run.snapshots)

    y = load(g, state, scan)
    size, written = width * inner, kept_states(g, steps)
    new = ops.view(y, (size, count, written), (4 * size, 4 * size * count))
    g.graph.expand(ops.cpy(new, ops.view(state, (size, count, written), (state.nb[1], 4 * size * count))))
    row = x.nb[1]
    y = ops.view(y, (head, heads, steps, count), (row, heads * row, steps * heads * row))
    y = ops.like("add", y, ops.like("mul", x, g.need(il, "ssm_d")))
    y = ops.glu("swiglu", ops.cont(z), y)
    if g.weight(il, "ssm_norm.weight") is not None:
        y = g.norm(ops.reshape(y, inner // groups, groups, steps, count), "ssm_norm", il)
    return g.mm(il, "ssm_out", ops.reshape(y, inner, steps * count))


def convolve(g: Builder, il: int, window: Node, name: str = "ssm_conv1d.weight") -> Node:
    """
    The convolution over the last few tokens.
    """
    kernel = g.need(il, name)
    shape = (kernel.ne[1], window.ne[0] - kernel.ne[0] + 1, window.ne[2], 1)
    return ops.make("ssm_conv", F32, shape, window, kernel)


def kept_states(g: Builder, steps: int) -> int:
    """
    How many states of each sequence a batch of so many tokens leaves behind: the last, and those that it may fall
    back to.
    """
    return min(steps, 1 + g.run.snapshots) if g.run.snapshots else 1


def ssm_scan(
    kept: Node, x: Node, dt: Node, a: Node, b: Node, c: Node, ids: Node, states_kept: int = 1
) -> Node:
    """
    Outputs and new states in one tensor.
    """
    size = x.elements + kept.ne[0] * kept.ne[1] * kept.ne[2] * ids.ne[0] * states_kept
    return ops.make("ssm_scan", F32, (size, 1, 1, 1), kept, x, dt, a, b, c, ids)


def roll(g: Builder, rolling: Node, mixed: Node, kernel: int, channels: int, *, copied: bool = False) -> Node:
    """
    The remembered tokens and the new ones in a row, and remember the last of them: straight, or through a copy.
    """
    count = g.run.sequences
    kept = ops.reshape(load(g, rolling), kernel - 1, channels, count)
    window = ops.concat(kept, ops.transpose(mixed), 0)
    for _ in range(1 + g.run.snapshots):
        last = ops.view(window, (kernel - 1, channels, count), (window.nb[1], window.nb[2]))
        target = ops.view(rolling, ((kernel - 1) * channels, count), (rolling.nb[1],))
        g.graph.expand(ops.cpy(ops.cont(last) if copied else last, target))
    return window


def delta_net(g: Builder, state: Node, q: Node, k: Node, v: Node, gate: Node, beta: Node, kept: Node) -> Node:
    """
    The output of a gated delta net, and write its new state back.
    """
    width, heads, steps, count = v.ne
    shape = (width * heads, steps * count + width * count * (1 + g.run.snapshots), 1, 1)
    result = ops.make("gated_delta_net", F32, shape, q, k, v, gate, beta, kept)
    row = 4 * width
    out = ops.view(result, v.ne, (row, row * heads, row * heads * steps))
    if not g.run.snapshots:
        new = ops.view(result, (width, width, heads, count), (row, row * width, row * width * heads))
        g.graph.expand(ops.cpy(new, ops.view(state, (state.ne[0], count), (state.nb[1],))))
        return out
    size, written = width * width * heads, kept_states(g, steps)
    new = ops.view(result, (size, count, written), (4 * size, 4 * size * count))
    old = ops.view(state, (size, count, written), (state.nb[1], state.nb[1] * count))
    g.graph.expand(ops.cpy(new, old))
    return out
