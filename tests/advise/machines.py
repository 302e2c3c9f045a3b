"""
Small machines and models for the tests of advise, made by hand so that every figure is in sight.
"""

from llmprobe.facts.machine import Accelerator, Host, MemoryPool, Partition, Snapshot
from llmprobe.facts.model import Hparams, ModelSpec, Published
from llmprobe.model import archs
from llmprobe.units import GIB

LLAMA_70B: Hparams = {
    "block_count": 80,
    "embedding_length": 8192,
    "feed_forward_length": 28672,
    "attention.head_count": 64,
    "attention.head_count_kv": 8,
    "context_length": 131072,
    "vocab_size": 128256,
    "rope.dimension_count": 128,
    "tie_word_embeddings": False,
}
LLAMA_8B: Hparams = LLAMA_70B | {
    "block_count": 32,
    "embedding_length": 4096,
    "feed_forward_length": 14336,
    "attention.head_count": 32,
}
QWEN3_30B: Hparams = {
    "block_count": 48,
    "embedding_length": 2048,
    "feed_forward_length": 6144,
    "expert_feed_forward_length": 768,
    "expert_count": 128,
    "expert_used_count": 8,
    "attention.head_count": 32,
    "attention.head_count_kv": 4,
    "attention.key_length": 128,
    "attention.value_length": 128,
    "context_length": 40960,
    "vocab_size": 151936,
    "tie_word_embeddings": False,
}


WITH_MATRIX = Published(repositories=("bartowski/Test-GGUF",))
"""Files of a model are made with an importance matrix."""


def model(architecture: str, hparams: Hparams, **changes: object) -> ModelSpec:
    """
    Return a model of these hyper-parameters with the tensors of its architecture.
    """
    family = archs.get(architecture)
    assert family is not None
    tensors = family.tensors(hparams)
    count = sum(tensor.elements for tensor in tensors)
    fields: dict[str, object] = {
        "id": f"test-{architecture}",
        "name": f"Test {architecture}",
        "architecture": architecture,
        "hparams": hparams,
        "tensors": tensors,
        "parameters": count,
        "file_parameters": count,
        "max_context": hparams["context_length"],
    }
    return ModelSpec(**(fields | changes))  # type: ignore[arg-type]  # the fields are those above


def machine(
    vram_gib: tuple[float, ...] = (),
    *,
    ram_gib: float = 60,
    bandwidth: float | None = 1008e9,
    ram_bandwidth: float | None = 90e9,
    mig: bool = False,
) -> Snapshot:
    """
    Return an idle machine with this much free VRAM on each GPU and free RAM.
    """
    ram = int(ram_gib * GIB)
    pools = [MemoryPool(id="ram", kind="system", total_bytes=ram + 2 * GIB, free_bytes=ram, budget_bytes=ram)]
    accelerators = []
    for number, gib in enumerate(vram_gib):
        free = int(gib * GIB)
        pools.append(
            MemoryPool(
                id=f"vram{number}", kind="vram", total_bytes=free + GIB, free_bytes=free, budget_bytes=free
            )
        )
        accelerators.append(
            Accelerator(
                id=f"gpu{number}",
                vendor="nvidia",
                name="test GPU",
                backend="cuda",
                pools=(f"vram{number}",),
                uuid=f"MIG-{number}" if mig else f"GPU-{number}",
                compute_capability="8.9",
                bandwidth_bytes_per_s=None if bandwidth is None else int(bandwidth),
                partition=Partition(kind="mig") if mig else None,
            )
        )
    return snapshot(pools, accelerators, ram_bandwidth)


def unified(free_gib: float, working_set_gib: float, *, total_gib: float = 64) -> Snapshot:
    """
    Return a machine whose processor and GPU share one memory, of which the GPU may take a part.
    """
    free, budget = int(free_gib * GIB), int(min(free_gib, working_set_gib) * GIB)
    pool = MemoryPool(
        id="ram", kind="unified", total_bytes=int(total_gib * GIB), free_bytes=free, budget_bytes=budget
    )
    gpu = Accelerator(
        id="gpu0",
        vendor="apple",
        name="test chip",
        backend="metal",
        pools=("ram",),
        integrated=True,
        bandwidth_bytes_per_s=400_000_000_000,
    )
    return snapshot([pool], [gpu], 400e9)


def snapshot(
    pools: list[MemoryPool], accelerators: list[Accelerator], ram_bandwidth: float | None
) -> Snapshot:
    return Snapshot(
        this_machine=False,
        host=Host(
            system="linux",
            machine="x86_64",
            ram_bandwidth_bytes_per_s=None if ram_bandwidth is None else int(ram_bandwidth),
        ),
        pools=tuple(pools),
        accelerators=tuple(accelerators),
    )
