"""
Compute buffers: the scratch memory that llama.cpp reserves for the graph of its largest batch, to the byte.

No formula gives these figures: they follow from the order of operations and from how long each tensor lives. So the
package does what llama.cpp does before it loads anything, without the data:

1. **Build** (``model/archs``): the family's function adds one node per operation to a graph (``model/graph.py``), with
   ggml's shapes, views and sources.
2. **Schedule** (``scheduler``): nodes go to the device of their weights, others follow their neighbours; the graph is
   cut into splits, and what a split reads from another device becomes a copy. ``rules`` finds those of a backend:
   what it computes, what it needs for it, what it fuses, in which order it computes (``cuda``, ``sycl``, ``vulkan``,
   ``metal`` and the files of fusions and orders).
3. **Liveness** (``allocator.lifetimes``): each node becomes two events, ``ALLOCATE`` before its first use and ``FREE``
   after its last; a node that may write over its source takes over that block.
4. **Allocate** (``allocator.simulate``): the events are run against the address space of each buffer, best fit first.
   The highest address ever used is the size of the buffer.

That takes 10 to 40 ms for a large model. A search asks for thousands of placements and contexts, so three shortcuts
make an answer cheap, and each is checked against the long way (``ComputeEngine.buffers_in_full``) in the tests:

* **Fewer layers** (``layers``, ``repeat``). Layers of one kind build identical subgraphs. Of a run of them three or
  four are built; the events of the second one are repeated for those left out, as they ask for the same blocks.
* **Traced sizes** (``tape``, ``replay``). Batch, outputs and cells enter the graph as symbolic integers that record
  every operation on a tape, and every comparison as a guard. Another context replays the tape: if all guards hold, the
  graph is the same and only the sizes of its blocks differ; if one fails, the graph is built anew.
* **Quantizations share a graph** (``buffers``). Types of weights change neither nodes nor devices, apart from the
  exceptions in ``_graph_run.seen_as``. Where a weight is copied to a device, its event names the weight instead of a
  size, and each quantization fills in its bytes.

``ComputeEngine`` owns all that is remembered, one per model, and computes one request at a time. ``search_bounds`` and
``upper_bound`` are for searches: bounds that hold for all placements of a kind, and bounds without any graph.

Where llama.cpp changes: new operations and their padding go into the backend's file (``_CHECKS``, ``alloc_size``), new
fusions into that of its fusions, the order of splits into ``scheduler``; ``make accuracy`` compares with every measured
load.
"""
