"""
Documents built by hand, with figures as they are on real machines, for tests of what is printed.
"""

from llmprobe.facts.error import ErrorDocument
from llmprobe.facts.estimate import (
    DeviceEstimate,
    Estimate,
    Layers,
    ModelInEstimate,
    Range,
    RuleOfThumb,
    Speed,
    Term,
)
from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import (
    Accelerator,
    Cpu,
    EngineOnMachine,
    Holder,
    Host,
    Limit,
    MemoryPool,
    Partition,
    Snapshot,
    SourceReport,
)
from llmprobe.facts.model import CatalogEntry, ModelList
from llmprobe.facts.recommendation import Choice, MachineInShort, Quality, Recommendation, Rejected, Wishes
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.units import GIB, MIB
from llmprobe.words.message import Message, message


def said(text: str) -> Message:
    """
    A message whose sentence is this text, as one of another room would be.
    """
    return message("figure.plain", value=text)


def everything(*texts: str) -> tuple[Message, ...]:
    return tuple(said(text) for text in texts)


RYZEN = Cpu(
    name="AMD Ryzen 9 7950X 16-Core Processor",
    vendor="AuthenticAMD",
    physical_cores=16,
    logical_cores=32,
    usable_threads=32,
    instruction_sets=("aes", "avx", "avx2", "avx512_bf16", "avx512_vnni", "avx512f", "f16c", "fma", "sse4_2"),
)
RTX_4090 = Accelerator(
    id="gpu0",
    vendor="nvidia",
    name="NVIDIA GeForce RTX 4090",
    backend="cuda",
    pools=("vram0",),
    index=0,
    uuid="GPU-00000000-0000-0000-0000-000000000001",
    pci="0000:01:00.0",
    driver="560.35.03",
    compute_capability="8.9",
    bandwidth_bytes_per_s=1_008_096_000_000,
    bandwidth_basis="derived",
    display_active=True,
    evidence=("nvml:nvmlDeviceGetName 0",),
)
DESKTOP_RAM = MemoryPool(
    id="ram",
    kind="system",
    total_bytes=67_329_540_096,
    free_bytes=57_546_063_872,
    budget_bytes=56_472_322_048,
    limits=(
        Limit(by="in-use", bytes=9_783_476_224),
        Limit(by="os", bytes=GIB, basis="assumed"),
    ),
)
VRAM_4090 = MemoryPool(
    id="vram0",
    kind="vram",
    total_bytes=25_757_220_864,
    free_bytes=24_782_045_184,
    budget_bytes=24_782_045_184,
    limits=(
        Limit(by="driver-reserve", bytes=452_984_832),
        Limit(by="display", bytes=522_190_848, detail=said("held by the desktop on this GPU")),
    ),
    held_by=(
        Holder(pid=1812, name="Xorg", used_bytes=271_581_184, graphics=True),
        Holder(pid=2011, name="gnome-shell", used_bytes=140 * MIB, graphics=True),
        Holder(pid=4096, name=None, used_bytes=None),
    ),
)
SOURCES = (
    SourceReport(name="nvidia", status="ok", duration_ms=31.5),
    SourceReport(name="linux_memory", status="ok", duration_ms=0.4),
    SourceReport(name="apple", status="absent"),
)


def rtx4090() -> Snapshot:
    """
    A desktop with one RTX 4090 and 64 GB, healthy, on this machine.
    """
    return Snapshot(
        this_machine=True,
        host=Host(
            system="linux", machine="x86_64", release="6.8.0-45-generic", environment="bare", cpu=RYZEN
        ),
        pools=(DESKTOP_RAM, VRAM_4090),
        accelerators=(RTX_4090,),
        engines=(EngineOnMachine(name="ollama", version="0.5.7", running=True),),
        findings=(
            Finding(
                id="display-on-gpu",
                severity="note",
                title=said("The desktop is drawn by gpu0 and takes 498 MiB of it"),
                detail=said("Another output would free them."),
                evidence=("nvml:nvmlDeviceGetDisplayActive 0",),
            ),
        ),
        sources=SOURCES,
    )


def m3max() -> Snapshot:
    """
    A MacBook whose GPU shares 64 GiB with the processor, replayed.
    """
    return Snapshot(
        this_machine=False,
        origin="recording",
        host=Host(
            system="darwin",
            machine="arm64",
            release="24.4.0",
            environment="bare",
            product="Mac15,9",
            cpu=Cpu(
                name="Apple M3 Max",
                physical_cores=16,
                performance_cores=12,
                efficiency_cores=4,
                usable_threads=16,
                instruction_sets=("asimd", "asimddp", "i8mm", "bf16"),
            ),
        ),
        pools=(
            MemoryPool(
                id="ram",
                kind="unified",
                evidence=("sysctl:hw.memsize",),
                total_bytes=64 * GIB,
                free_bytes=54 * GIB,
                budget_bytes=48 * GIB,
                limits=(
                    Limit(by="in-use", bytes=10 * GIB),
                    Limit(by="working-set", bytes=6 * GIB, basis="declared"),
                ),
            ),
        ),
        accelerators=(
            Accelerator(
                id="gpu0",
                vendor="apple",
                name="Apple M3 Max GPU",
                backend="metal",
                pools=("ram",),
                integrated=True,
                cores=40,
                evidence=("sysctl:machdep.cpu.brand_string",),
                bandwidth_bytes_per_s=400_000_000_000,
                bandwidth_basis="declared",
            ),
        ),
    )


def container() -> Snapshot:
    """
    A container limited to 8 GiB, whose host has a driver that does not match its library.
    """
    return Snapshot(
        this_machine=True,
        host=Host(
            system="linux",
            machine="x86_64",
            release="6.8.0",
            environment="container",
            cpu=Cpu(
                name="Intel Xeon",
                usable_threads=2,
                limits=(said("the quota of the container is 2 processors"),),
            ),
        ),
        pools=(
            MemoryPool(
                id="ram",
                kind="system",
                total_bytes=64 * GIB,
                free_bytes=60 * GIB,
                budget_bytes=7 * GIB,
                limits=(
                    Limit(by="in-use", bytes=4 * GIB),
                    Limit(
                        by="cgroup",
                        bytes=53 * GIB,
                        detail=said("this container may hold 8.00 GiB and holds 1.00 GiB"),
                    ),
                ),
            ),
        ),
        accelerators=(
            Accelerator(
                id="gpu0",
                vendor="nvidia",
                name="NVIDIA A100-SXM4-80GB",
                backend="cuda",
                usable=False,
                why_not=said("its driver does not answer"),
                evidence=("read:/sys/bus/pci/devices/0000:3b:00.0/vendor",),
                pci="0000:3b:00.0",
                partition=Partition(kind="mig", profile="3g.40gb", parent_name="NVIDIA A100-SXM4-80GB"),
            ),
        ),
        findings=(
            Finding(
                id="nvidia-driver-mismatch",
                severity="error",
                title=said("The NVIDIA library and the loaded kernel module have different versions"),
                detail=said(
                    "The library is 560.35.03, the module that runs is 555.42.02. "
                    "No program can use the GPU until they are the same."
                ),
                evidence=("nvml:nvmlInit", "read:/proc/driver/nvidia/version"),
                remedy=Remedy(
                    text=said("Restart the machine, or load the new module:"),
                    commands=(
                        "sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia && sudo modprobe nvidia",
                    ),
                ),
            ),
        ),
        sources=(
            SourceReport(
                name="nvidia",
                status="failed",
                duration_ms=12.0,
                detail=said("nvmlInit: NVML_ERROR_LIB_RM_VERSION_MISMATCH (18)"),
            ),
        ),
    )


def eight_gpus() -> Snapshot:
    """
    A server with eight equal GPUs, to see that the page stays readable.
    """
    import msgspec

    return msgspec.structs.replace(
        rtx4090(),
        pools=(
            DESKTOP_RAM,
            *(msgspec.structs.replace(VRAM_4090, id=f"vram{n}", held_by=()) for n in range(8)),
        ),
        accelerators=tuple(
            msgspec.structs.replace(RTX_4090, id=f"gpu{n}", pools=(f"vram{n}",), pci=f"0000:{n:02x}:00.0")
            for n in range(8)
        ),
    )


LLAMA3_70B = ModelInEstimate(
    id="llama-3-70b-instruct",
    name="Llama 3 70B Instruct",
    architecture="llama",
    quant="Q4_K_M",
    parameters=70_553_706_496,
    file_parameters=70_553_706_496,
    tensor_bytes=42_511_204_352,
    max_context=8192,
)
HOST_4090 = DeviceEstimate(
    id="host",
    name="RAM",
    weights_bytes=20_145_897_472,
    cache_bytes=1_275_068_416,
    compute_bytes=50_331_648,
    output_bytes=513_024,
    overhead_bytes=300 * MIB,
    total_bytes=20_145_897_472 + 1_275_068_416 + 50_331_648 + 513_024 + 300 * MIB,
    budget_bytes=56_472_322_048,
    terms=(
        Term(
            name="layers 0 to 37",
            kind="weights",
            bytes=19_554_500_608,
            how=said("38 layers of 80, types by the quantizer's rules for Q4_K_M"),
            basis="derived",
        ),
        Term(
            name="token embedding",
            kind="weights",
            bytes=591_396_864,
            how=said("128256 rows of 8192 as q4_K; stays on the host whatever is offloaded"),
            basis="derived",
        ),
        Term(
            name="KV cache",
            kind="cache",
            bytes=1_275_068_416,
            how=said("38 layers x 8192 cells x (1024 K + 1024 V) x 2 bytes"),
            basis="derived",
        ),
        Term(
            name="compute buffer",
            kind="compute",
            bytes=50_331_648,
            how=said("graph allocation"),
            basis="derived",
        ),
        Term(
            name="logits", kind="output", bytes=513_024, how=said("1 row x 128256 x 4 bytes"), basis="derived"
        ),
        Term(
            name="runtime",
            kind="overhead",
            bytes=300 * MIB,
            low_bytes=150 * MIB,
            high_bytes=600 * MIB,
            how=said("program, tokenizer, CUDA host side"),
            basis="assumed",
        ),
    ),
)
GPU_4090 = DeviceEstimate(
    id="gpu0",
    name="NVIDIA GeForce RTX 4090",
    weights_bytes=22_365_306_880,
    cache_bytes=1_409_286_144,
    compute_bytes=348_127_232,
    output_bytes=0,
    overhead_bytes=456 * MIB,
    total_bytes=22_365_306_880 + 1_409_286_144 + 348_127_232 + 456 * MIB,
    budget_bytes=24_782_045_184,
    terms=(
        Term(
            name="layers 38 to 79 and the output",
            kind="weights",
            bytes=22_365_306_880,
            how=said("43 of 81 layers as llama.cpp counts them"),
            basis="derived",
        ),
        Term(
            name="KV cache",
            kind="cache",
            bytes=1_409_286_144,
            how=said("42 layers x 8192 cells x (1024 K + 1024 V) x 2 bytes"),
            basis="derived",
        ),
        Term(
            name="compute buffer",
            kind="compute",
            bytes=348_127_232,
            how=said("graph allocation"),
            basis="derived",
        ),
        Term(
            name="CUDA context",
            kind="overhead",
            bytes=456 * MIB,
            how=said("measured on this generation"),
            basis="measured",
        ),
    ),
)
SLOW = Speed(
    generation_tokens_per_s=Range(low=2.1, likely=2.6, high=3.1),
    prompt_tokens_per_s=None,
    reason=said("22.37 GB per token from gpu0 at 1008 GB/s, 20.15 GB from RAM at 62 GB/s"),
)


def estimate(*, fits: bool | None = True) -> Estimate:
    """
    Llama 3 70B in Q4_K_M with 43 layers on an RTX 4090.
    """
    return Estimate(
        this_machine=True,
        model=LLAMA3_70B,
        fits=fits,
        settings=ResolvedSettings(
            engine="llama-server",
            ctx_size=8192,
            ctx_per_seq=8192,
            parallel=1,
            batch_size=2048,
            ubatch_size=512,
            cache_type_k="f16",
            cache_type_v="f16",
            flash_attn="on",
            kv_unified=False,
            swa_full=False,
            outputs_max=1,
            gpu_layers=43,
            n_cpu_moe=0,
            split_mode="layer",
            tensor_split=(),
            kv_offload=True,
            op_offload=True,
            repack=True,
            mmap=True,
            devices=("gpu0",),
        ),
        layers=Layers(offloaded=43, total=81),
        devices=(HOST_4090, GPU_4090),
        speed=SLOW,
        missing_bytes=1_503_238_554 if fits is False else None,
        rule_of_thumb=RuleOfThumb(
            f16_bytes=141_107_412_992,
            with_overhead_low_bytes=169_328_895_590,
            with_overhead_high_bytes=211_661_119_488,
            four_bit_bytes=42_332_223_897,
            exact_bytes=HOST_4090.total_bytes + GPU_4090.total_bytes,
            why=everything(
                "Q4_K_M mixes types: 4.82 bits for each weight on average, not 4 and not 4.8 everywhere",
                "the cache of 8192 tokens takes 2.50 GiB, which no multiple of the parameters knows",
            ),
        ),
    )


def _choice(quant: str, layers: int, speed: float, words: str, reasons: tuple[str, ...]) -> Choice:
    return Choice(
        label="recommended" if quant == "Q4_K_M" else "alternative",
        quant=quant,
        ctx_size=8192,
        parallel=1,
        cache_type_k="f16",
        cache_type_v="f16",
        flash_attn="on",
        gpu_layers=layers,
        total_layers=81,
        n_cpu_moe=0,
        tensor_split=(),
        devices=(HOST_4090, GPU_4090),
        fits=True,
        speed=Speed(
            generation_tokens_per_s=Range(low=speed * 0.8, likely=speed, high=speed * 1.2),
            prompt_tokens_per_s=None,
            reason=said("from bandwidths"),
        ),
        quality=Quality(
            value=0.028,
            metric="KL divergence in nats per token",
            basis=said("measured on Llama 3 8B"),
            words=said(words),
        ),
        reasons=everything(*reasons),
        commands={
            "llama.cpp": (
                "llama-server -hf bartowski/Meta-Llama-3-70B-Instruct-GGUF:Q4_K_M -c 8192 -np 1 "
                f"-ngl {layers} -fa on -ctk f16 -ctv f16 -b 2048 -ub 512"
            )
        },
    )


def recommendation() -> Recommendation:
    """
    What an RTX 4090 with 64 GB is told about Llama 3 70B.
    """
    snapshot = rtx4090()
    return Recommendation(
        this_machine=True,
        model=LLAMA3_70B,
        machine=MachineInShort(
            origin="live", cpu=RYZEN.name, pools=snapshot.pools, accelerators=snapshot.accelerators
        ),
        wishes=Wishes(ctx_size=8192),
        choices=(
            _choice(
                "Q4_K_M",
                43,
                2.6,
                "close to the original: few answers differ",
                (
                    "the largest quantization whose loss does not show and that leaves the GPU most of the layers",
                    "the whole model does not fit the GPU, so 38 layers stay in RAM, which sets the speed",
                ),
            ),
            _choice(
                "Q5_K_M", 36, 2.0, "very close to the original", ("0.6 tokens/s slower, loses half as much",)
            ),
            _choice(
                "Q3_K_M", 55, 4.1, "shows in long answers", ("1.6 times as fast, loses three times as much",)
            ),
        ),
        rejected=(
            Rejected(what="Q8_0", why=said("needs more RAM than there is"), missing_bytes=3_435_973_836),
            Rejected(what="F16", why=said("needs more RAM than there is"), missing_bytes=77_309_411_328),
        ),
        balance=everything("Q4_K_M is worth 1.01: +1.43 for 2.7 tokens/s, -0.13 for a loss of 0.0231"),
        changes=everything(
            "19.23 GiB more on gpu0: all of Q4_K_M there, about 19.1 instead of 2.6 tokens/s",
            "--priority quality: Q5_K_M (practically lossless), 36 instead of 43 layers on the GPU",
        ),
        notes=everything("512 MiB are kept free on every GPU and in RAM"),
    )


def refusal() -> Recommendation:
    """
    What a machine with 12 GB and 16 GB is told about the same model in Q4_K_M.
    """
    snapshot = rtx4090()
    return Recommendation(
        this_machine=False,
        model=LLAMA3_70B,
        machine=MachineInShort(
            origin="hypothetical", cpu=None, pools=snapshot.pools, accelerators=snapshot.accelerators
        ),
        wishes=Wishes(ctx_size=8192, quants=("Q4_K_M",)),
        choices=(),
        rejected=(
            Rejected(
                what="Q4_K_M", why=said("RAM and GPU together are too small"), missing_bytes=18_253_611_008
            ),
        ),
        nearest=everything(
            "IQ2_XXS at a context of 4096 misses least: 1.20 GiB", "llama-3-8b-instruct fits in Q8_0"
        ),
    )


def error() -> ErrorDocument:
    """
    A name that no model has.
    """
    return ErrorDocument(
        this_machine=True, code=1, message=said("no model is named lama"), hint=said("did you mean llama?")
    )


def models() -> ModelList:
    """
    Two models of the catalog.
    """
    return ModelList(
        query="llama",
        models=(
            CatalogEntry(
                id="llama-3-70b-instruct",
                name="Llama 3 70B Instruct",
                family="llama",
                architecture="llama",
                parameters=70_553_706_496,
                aliases=("llama3:70b", "meta-llama/Meta-Llama-3-70B-Instruct"),
                max_context=8192,
                released="2024-04",
            ),
            CatalogEntry(
                id="llama-4-scout-17b-16e-instruct",
                name="Llama 4 Scout",
                family="llama",
                architecture="llama4",
                parameters=107_769_860_096,
                active_parameters=17_170_000_000,
                max_context=10_485_760,
                released=None,
            ),
        ),
    )
