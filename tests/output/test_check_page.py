"""
The pages of a machine by their words: what is shown of each record, when, and how much of a long list.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.machine import (
    Accelerator,
    Cpu,
    EngineOnMachine,
    Holder,
    Limit,
    LoadedModel,
    ModelOnDisk,
    Partition,
    Snapshot,
)
from llmprobe.facts.measured import Correction, Measurement, RamRate
from llmprobe.machine.measured import with_measurement
from llmprobe.output.text import check, engines, findings, watch
from llmprobe.output.text.engines import known_of
from llmprobe.units import GIB, MIB
from llmprobe.words.render import words
from tests.machine_fixtures import replayed
from tests.output import samples
from tests.output.pages import page_of, printed
from tests.output.samples import said

replace = msgspec.structs.replace


def checked(monkeypatch: pytest.MonkeyPatch, snapshot: Snapshot, width: int = 100) -> list[str]:
    return page_of(monkeypatch, lambda page: check.show(page, snapshot), width)


def with_device(**changed: Any) -> Snapshot:
    healthy = samples.rtx4090()
    return replace(healthy, accelerators=(replace(healthy.accelerators[0], **changed),))


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (LoadedModel(name="m"), ""),
        (LoadedModel(name="m", size_bytes=GIB), "1.00 GiB"),
        (LoadedModel(name="m", size_bytes=GIB, vram_bytes=GIB), "1.00 GiB, all of it on the GPU"),
        (LoadedModel(name="m", size_bytes=GIB, vram_bytes=GIB - 1), "1.00 GiB, 1.00 GiB of it on the GPU"),
        (LoadedModel(name="m", vram_bytes=MIB), "1 MiB of it on the GPU"),
        (LoadedModel(name="m", size_bytes=GIB, vram_bytes=0), "1.00 GiB, 0 B of it on the GPU"),
        (LoadedModel(name="m", ctx_size=8192, parallel=1), "context 8192"),
        (LoadedModel(name="m", ctx_size=8192, parallel=2), "context 8192, 2 slots"),
        (LoadedModel(name="m", until="2026-01-02T03:04:05Z"), "kept until 03:04:05"),
        (LoadedModel(name="m", until="soon"), "kept until soon"),
    ],
)
def test_what_is_known_of_a_loaded_model(model: LoadedModel, text: str) -> None:
    """Only what is known, and all of it."""
    assert words().text(known_of(model)) == text


@pytest.mark.parametrize(
    ("engine", "line"),
    [
        (EngineOnMachine(name="ollama"), "  ollama"),
        (EngineOnMachine(name="ollama", installed=True), "  ollama      installed"),
        (EngineOnMachine(name="ollama", installed=True, running=False), "  ollama      not running"),
        (EngineOnMachine(name="ollama", version="1", running=True), "  ollama      1, running"),
        (EngineOnMachine(name="ollama", running=True, endpoint="x:1"), "  ollama      running at x:1"),
        (EngineOnMachine(name="ollama", detail=said("it hangs")), "  ollama      it hangs"),
    ],
)
def test_the_state_of_an_engine(engine: EngineOnMachine, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version, whether it runs and where, and what else is known."""
    assert page_of(monkeypatch, lambda page: engines.show(page, (engine,)))[2:] == [line]


@pytest.mark.parametrize(("count", "more"), [(6, None), (7, "and 1 more"), (2000, "and 1994 more")])
def test_lists_of_models_are_bounded(count: int, more: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few models that are loaded are named, and the others counted, on both pages that have them."""
    loaded = tuple(LoadedModel(name=f"m{number}", size_bytes=1) for number in range(count))
    on_disk = tuple(ModelOnDisk(name=f"d{number}", kept_by=said("x")) for number in range(count))
    engine = EngineOnMachine(name="ollama", running=True, loaded=loaded, models=on_disk)
    machine = replace(samples.rtx4090(), engines=(engine,))
    shown = (
        page_of(monkeypatch, lambda page: engines.show(page, (engine,))),
        page_of(monkeypatch, lambda page: watch.show(page, machine)),
    )

    assert [len([line for line in lines if " m" in line and "1 B" in line]) for lines in shown] == [6, 6]
    assert [[line.strip() for line in lines if line.strip().startswith("and ")] for lines in shown] == [
        [more] if more else []
    ] * 2
    rest = "" if more is None else f" {more}"
    assert f"{count} models on disk: d0, d1, d2, d3, d4, d5{rest}" in [line.strip() for line in shown[0]]


def test_a_model_that_cannot_be_used_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a download is no model on disk; settings of the engine are shown in order."""
    half = ModelOnDisk(name="half", kept_by=said("x"), problem=said("half downloaded"))
    good = ModelOnDisk(name="good", kept_by=said("x"))
    engine = EngineOnMachine(name="ollama", models=(half, good), settings={"B": "2", "A": "1"})

    assert page_of(monkeypatch, lambda page: engines.show(page, (engine,)))[3:] == [
        "              1 model on disk: good",
        "              A=1 B=2",
    ]


def test_watch_counts_processes_beyond_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest come first; one without a name has its number, and unknown is no zero."""
    held = tuple(Holder(pid=number, name=f"p{number}", used_bytes=number * MIB) for number in range(1, 8))
    pool = replace(samples.VRAM_4090, held_by=(*held, Holder(pid=99)))
    machine = replace(samples.rtx4090(), pools=(pool,))
    lines = page_of(monkeypatch, lambda page: watch.show(page, machine))
    start = next(number for number, line in enumerate(lines) if "p7" in line)

    assert lines[start : start + 7] == [
        "           7 MiB  p7  PID 7",
        "           6 MiB  p6  PID 6",
        "           5 MiB  p5  PID 5",
        "           4 MiB  p4  PID 4",
        "           3 MiB  p3  PID 3",
        "           2 MiB  p2  PID 2",
        "      and 2 more",
    ]


def test_a_card_that_cannot_be_used_is_watched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reason is below the row of its memory; one without memory of its own has a line."""
    machine = samples.rtx4090()
    hidden = replace(machine.accelerators[0], usable=False, why_not=said("hidden"))
    other = replace(hidden, id="gpu1", name="Other", pools=(), why_not=said("absent"))
    lines = page_of(
        monkeypatch, lambda page: watch.show(page, replace(machine, accelerators=(hidden, other)))
    )
    row = next(number for number, line in enumerate(lines) if line.startswith("gpu0"))

    assert [line for line in lines if line.startswith("gpu0")] == [lines[row]]
    assert lines[row + 1] == "      not usable: hidden"
    assert "gpu1  Other  not usable: absent" in lines
    assert len([line for line in lines if "not usable" in line]) == 2


def test_what_can_be_used_is_watched_without_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the memory of what cannot be used says why."""
    lines = page_of(monkeypatch, lambda page: watch.show(page, samples.eight_gpus()))

    assert not [line for line in lines if "not usable" in line]


def test_watch_shows_a_nameless_process_and_an_idle_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not known of a process is a question mark; an engine without models says so; errors are named."""
    pool = replace(samples.VRAM_4090, held_by=(Holder(pid=99),))
    machine = replace(
        samples.container(),
        pools=(pool,),
        engines=(EngineOnMachine(name="ollama", running=True), EngineOnMachine(name="vllm")),
    )
    lines = page_of(monkeypatch, lambda page: watch.show(page, machine, now=said("at noon")))

    assert lines[0] == "this machine  at noon"
    assert "               ?  PID 99" in lines
    assert lines[lines.index("Loaded models") + 1] == "  nothing loaded by Ollama"
    assert "gpu0  NVIDIA A100-SXM4-80GB  not usable: its driver does not answer" in lines
    assert lines[-2:] == [
        "Errors (details: llmprobe check)",
        "  - The NVIDIA library and the loaded kernel module have different versions",
    ]


def test_check_names_few_holders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five processes are named, largest first, the others counted."""
    held = tuple(Holder(pid=number, name=f"p{number}", used_bytes=number * MIB) for number in range(1, 7))
    lines = checked(
        monkeypatch, replace(samples.rtx4090(), pools=(replace(samples.VRAM_4090, held_by=held),))
    )

    assert "      used by p6 6 MiB, p5 5 MiB, p4 4 MiB, p3 3 MiB, p2 2 MiB, and 1 more" in lines
    lines = checked(
        monkeypatch, replace(samples.rtx4090(), pools=(replace(samples.VRAM_4090, held_by=held[:5]),))
    )
    assert "      used by p5 5 MiB, p4 4 MiB, p3 3 MiB, p2 2 MiB, p1 1 MiB" in lines


def apu(reached: float = 7.54) -> Snapshot:
    """
    A laptop whose GPU reaches a part of the memory, of which the CPU computes the rest.
    """
    mac = samples.m3max()
    gib = 2**30
    pool = replace(mac.pools[0], free_bytes=23 * gib, budget_bytes=round(reached * gib), limits=())
    return replace(
        mac, pools=(pool,), accelerators=(replace(mac.accelerators[0], backend="vulkan"),), findings=()
    )


def without_backend() -> Snapshot:
    """
    The laptop with a GPU of which nobody knows what runs on it.
    """
    return replace(apu(), accelerators=(replace(apu().accelerators[0], backend=None),))


def with_shared_part() -> Snapshot:
    """
    A card that reaches memory of the host as well, of which nobody knows how much may be used.
    """
    machine = samples.rtx4090()
    ram = replace(samples.DESKTOP_RAM, budget_bytes=None, limits=())
    card = replace(machine.accelerators[0], pools=("ram", samples.VRAM_4090.id), backend="vulkan")
    return replace(machine, pools=(ram, samples.VRAM_4090), accelerators=(card,))


@pytest.mark.parametrize(
    ("snapshot", "first", "second"),
    [
        (samples.rtx4090(), "A model can use 23.08 GiB on the GPU and 52.59 GiB of RAM", "No problems found"),
        (samples.m3max(), "A model can use 48.00 GiB on the GPU", "No problems found"),
        (apu(), "A model can use 23.00 GiB, of it 7.54 GiB on the GPU", "No problems found"),
        (apu(23), "A model can use 23.00 GiB on the GPU", "No problems found"),
        (without_backend(), "A model can use 7.54 GiB on the GPU", "No problems found"),
        (with_shared_part(), "A model can use 23.08 GiB on the GPU", "No problems found"),
        (samples.container(), "No usable GPU; a model can use 7.00 GiB of RAM", "1 error, see below"),
        (
            samples.eight_gpus(),
            "A model can use 184.6 GiB on 8 GPUs and 52.59 GiB of RAM",
            "No problems found",
        ),
        (
            replace(samples.rtx4090(), pools=()),
            "How much memory a model can use is unknown",
            "No problems found",
        ),
        (
            replace(samples.rtx4090(), pools=(), accelerators=()),
            "No usable GPU; how much RAM a model can use is unknown",
            "No problems found",
        ),
    ],
)
def test_the_first_lines_are_the_answer(
    snapshot: Snapshot, first: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How much a model can use, and whether anything is wrong, before any detail."""
    assert checked(monkeypatch, snapshot)[1:3] == [first, second]


def test_unified_memory_without_a_usable_gpu_is_ram(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the accelerator cannot be used, its memory still is the processor's."""
    mac = samples.m3max()
    mac = replace(mac, accelerators=(replace(mac.accelerators[0], usable=False),))

    assert checked(monkeypatch, mac)[1] == "No usable GPU; a model can use 48.00 GiB of RAM"


def test_a_gpu_that_nobody_looked_for_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line says that it is unknown, as the finding does."""
    bare = replace(samples.rtx4090(), accelerators=(), pools=samples.rtx4090().pools[:1])
    asked = replace(bare.findings[0], id="gpu-not-looked-for", severity="warning")

    assert checked(monkeypatch, replace(bare, findings=(asked,)))[1].startswith(
        "Whether there is a usable GPU is unknown; "
    )
    assert checked(monkeypatch, replace(bare, pools=(), findings=(asked,)))[1] == (
        "Whether there is a usable GPU is unknown, and so is how much RAM a model can use"
    )
    assert checked(monkeypatch, bare)[1].startswith("No usable GPU; ")


def test_warnings_are_counted_beside_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors come first, in the count and on the page; notes are not counted."""
    error = samples.container().findings[0]
    mixed = (samples.rtx4090().findings[0], replace(error, severity="warning", id="w"), error)
    lines = checked(monkeypatch, replace(samples.rtx4090(), findings=mixed))

    assert lines[2] == "1 error and 1 warning, see below"
    order = [line.split()[0] for line in lines if line.startswith(("error  ", "warning  "))]
    assert order == ["error", "warning"]
    two = checked(monkeypatch, replace(samples.rtx4090(), findings=(error, error)))
    assert two[2] == "2 errors, see below"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"usable": False}, "      not usable: unknown reason"),
        ({"usable": False, "why_not": said("it is hidden")}, "      not usable: it is hidden"),
        (
            {"partition": Partition(kind="mig", profile="3g.40gb", parent_name="H100")},
            "      CUDA · compute capability 8.9 · 1008 GB/s · driver 560.35.03 · 0000:01:00.0 · MIG 3g.40gb of H100",
        ),
        (
            {"partition": Partition(kind="vgpu"), "driver": None, "pci": None, "bandwidth_bytes_per_s": None},
            "      CUDA · compute capability 8.9 · vGPU",
        ),
        (
            {"backend": None, "compute_capability": None, "cores": 9},
            "      1008 GB/s · driver 560.35.03 · 0000:01:00.0",
        ),
        (
            {"backend": "rocm", "compute_capability": None, "vendor": "apple", "cores": 1, "driver": None},
            "      ROCm · 1 core · 1008 GB/s · 0000:01:00.0",
        ),
        (
            {
                "backend": "metal",
                "compute_capability": None,
                "vendor": "apple",
                "cores": None,
                "driver": None,
            },
            "      Metal · 1008 GB/s · 0000:01:00.0",
        ),
    ],
)
def test_what_is_known_of_a_device(
    changed: dict[str, Any], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fact that is known, by its name in the trade, and why it is not used."""
    assert line in checked(monkeypatch, with_device(**changed), 110)


def test_a_device_without_memory_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that no pool belongs to has its line below those that have one."""
    healthy = samples.rtx4090()
    extra = Accelerator(id="gpu1", vendor="other", name="Old card", usable=False, why_not=said("it is old"))
    lines = checked(monkeypatch, replace(healthy, accelerators=(*healthy.accelerators, extra)))

    assert lines[lines.index("gpu1  Old card") + 1] == "      not usable: it is old"


def test_a_memory_of_no_device_has_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory whose device is unknown is shown all the same."""
    healthy = samples.rtx4090()
    machine = replace(healthy, pools=(replace(samples.VRAM_4090, id="vram9"),), accelerators=())

    assert "vram9" in [line.split()[0] for line in checked(monkeypatch, machine) if line.strip()]


@pytest.mark.parametrize(
    ("changed", "cells"),
    [
        ({"total_bytes": None}, ["?", "?", "23.08", "23.08"]),
        ({"free_bytes": None}, ["23.99", "?", "?", "23.08"]),
        ({"budget_bytes": None}, ["23.99", "0.91", "23.08", "?"]),
    ],
)
def test_what_is_unknown_of_a_memory_is_a_question_mark(
    changed: dict[str, Any], cells: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One unknown figure makes those unknown that need it, and no other."""
    machine = replace(samples.rtx4090(), pools=(replace(samples.VRAM_4090, **changed),))
    line = next(line for line in checked(monkeypatch, machine) if line.startswith("gpu0"))

    assert line.split()[-4:] == cells


def test_a_limit_of_nothing_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one whose reason is what the device is not usable for; others have the words of their code."""
    why = said("its driver hangs")
    limits = (
        Limit(by="display", bytes=0, detail=said("nothing")),
        Limit(by="hidden", bytes=5, detail=why),
        Limit(by="cgroup", bytes=5),
        Limit(by="new-code", bytes=7),
    )
    machine = replace(
        with_device(usable=False, why_not=why), pools=(replace(samples.VRAM_4090, limits=limits),)
    )
    lines = checked(monkeypatch, machine)

    assert "nothing" not in "\n".join(lines)
    assert "\n".join(lines).count("its driver hangs") == 1
    assert "             5 B  above the limit of this container" in lines
    assert "             7 B  new-code" in lines


@pytest.mark.parametrize(
    ("environment", "words_"),
    [
        ("container", "in a container"),
        ("vm", "in a virtual machine"),
        ("wsl", "under WSL"),
        ("bare", None),
        (None, None),
    ],
)
def test_the_host_is_described(
    environment: str | None, words_: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Product, system and what is around it; bare metal is the normal case."""
    healthy = samples.rtx4090()
    host = replace(healthy.host, environment=environment, product="Box")
    line = next(line for line in checked(monkeypatch, replace(healthy, host=host)) if line.startswith("Host"))
    parts = ["Host  Box", "Linux 6.8.0-45-generic x86_64", *([words_] if words_ else [])]

    assert line == " · ".join(parts)
    hypothetical = replace(healthy, host=host, origin="hypothetical")
    assert "Box" not in "\n".join(checked(monkeypatch, hypothetical))


def test_the_processor_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds of cores only where there are two, threads in the singular, and limits below."""
    mac = checked(monkeypatch, samples.m3max())
    box = checked(monkeypatch, samples.container())
    one = replace(
        samples.RYZEN, physical_cores=1, usable_threads=1, performance_cores=1, instruction_sets=("aes",)
    )
    healthy = samples.rtx4090()
    small = checked(monkeypatch, replace(healthy, host=replace(healthy.host, cpu=replace(one, name=None))))

    assert (
        "      16 cores (12 performance + 4 efficiency) · 16 usable threads · asimd asimddp bf16 i8mm"
        not in mac
    )
    assert (
        "      16 cores (12 performance + 4 efficiency) · 16 usable threads · asimd asimddp i8mm bf16" in mac
    )
    assert box[box.index("CPU   Intel Xeon") + 1 :][:2] == [
        "      2 usable threads",
        "      the quota of the container is 2 processors",
    ]
    assert small[small.index("CPU   unknown CPU") + 1] == "      1 core · 1 usable thread"


@pytest.mark.parametrize(
    ("performance", "efficiency", "line"),
    [
        (4, 8, "      12 cores (4 performance + 8 efficiency) · 12 usable threads"),
        (12, None, "      12 cores · 12 usable threads"),
        (None, 12, "      12 cores · 12 usable threads"),
        (12, 0, "      12 cores · 12 usable threads"),
        (0, 12, "      12 cores · 12 usable threads"),
    ],
)
def test_two_kinds_of_cores_are_told_where_there_are_two(
    performance: int | None, efficiency: int | None, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kind is all of them."""
    cpu = Cpu(
        name="chip",
        physical_cores=12,
        usable_threads=12,
        performance_cores=performance,
        efficiency_cores=efficiency,
    )
    healthy = samples.rtx4090()
    lines = checked(monkeypatch, replace(healthy, host=replace(healthy.host, cpu=cpu)))

    assert lines[lines.index("CPU   chip") + 1] == line


@pytest.mark.parametrize(("count", "more"), [(20, None), (21, "and 1 more"), (2_000, "and 1980 more")])
@pytest.mark.parametrize("severity", ["note", "warning"])
def test_findings_on_a_page_are_bounded(
    severity: Any, count: int, more: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty are shown and the others counted, of notes as of warnings."""
    many = (replace(samples.rtx4090().findings[0], severity=severity),) * count
    lines = page_of(monkeypatch, lambda page: findings.show(page, many))

    assert sum("The desktop is drawn by gpu0" in line for line in lines) == 20
    assert [line.strip() for line in lines if line.strip().startswith("and ")] == ([more] if more else [])


def test_a_finding_in_full_has_its_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself it begins at the top; a second one after a blank line; notes are in full too."""
    note = samples.rtx4090().findings[0]
    lines = page_of(monkeypatch, lambda page: findings.show(page, (note, note), in_full=True))

    assert lines[:4] == [
        "note  The desktop is drawn by gpu0 and takes 498 MiB of it",
        "  Another output would free them.",
        "  (display-on-gpu; seen in nvml:nvmlDeviceGetDisplayActive 0)",
        "",
    ]
    short = page_of(monkeypatch, lambda page: findings.show(page, (note,)))
    assert short[1:] == [
        "Notes",
        "  - The desktop is drawn by gpu0 and takes 498 MiB of it  (display-on-gpu)",
        "",
        "More about one: llmprobe check --explain display-on-gpu",
    ]


@pytest.mark.parametrize(
    ("width", "row"),
    [
        (71, "RAM" + " " * 39 + "62.71    9.11   53.59   52.59"),
        (72, "RAM" + " " * 34 + "62.71      9.11     53.59     52.59"),
    ],
)
def test_columns_of_memory_are_narrow_on_a_narrow_page(
    width: int, row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten columns for a figure where a page has room for them, eight elsewhere."""
    machine = replace(samples.rtx4090(), pools=samples.rtx4090().pools[:1], accelerators=())

    assert next(line for line in checked(monkeypatch, machine, width) if line.startswith("RAM")) == row


@pytest.mark.parametrize(
    ("changed", "bar"),
    [
        ({}, "█" * 10 + "▒" + "░" * 55),
        ({"budget_bytes": None}, None),
        ({"free_bytes": None}, None),
        ({"total_bytes": None}, None),
        ({"budget_bytes": 99 * GIB}, "█" * 10 + "░" * 56),
        ({"free_bytes": 0, "budget_bytes": 0}, "█" * 66),
        ({"free_bytes": 8 * GIB, "budget_bytes": 4 * GIB}, "█" * 58 + "▒" * 4 + "░" * 4),
    ],
)
def test_a_bar_shows_what_is_used_kept_and_left(
    changed: dict[str, Any], bar: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parts are of the whole memory; where one of them is unknown there is no bar."""
    pool = replace(samples.DESKTOP_RAM, **changed)
    machine = replace(samples.rtx4090(), pools=(pool,), accelerators=())
    text = printed(
        monkeypatch,
        lambda page: check.show(page, machine),
        width=72,
        terminal=True,
        env={"NO_COLOR": "1"},
    )

    assert [line.strip() for line in text.splitlines() if "█" in line] == ([bar] if bar else [])


@pytest.mark.parametrize(("full", "bar"), [(0, "░" * 66), (1, "█" * 66), (0.5, "█" * 33 + "░" * 33)])
def test_watch_has_a_bar_of_what_is_used(full: float, bar: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the whole memory, from none of it to all."""
    pool = replace(samples.DESKTOP_RAM, total_bytes=8 * GIB, free_bytes=round(8 * GIB * (1 - full)))
    machine = replace(samples.rtx4090(), pools=(pool,), accelerators=())
    text = printed(
        monkeypatch, lambda page: watch.show(page, machine), width=72, terminal=True, env={"NO_COLOR": "1"}
    )

    assert bar in [line.strip() for line in text.splitlines()]


def test_a_remedy_is_below_its_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence, the commands and the address, each further in than the finding."""
    finding = samples.container().findings[0]
    assert finding.remedy is not None
    remedy = replace(finding.remedy, commands=("one", "two"), link="https://host/page")
    lines = page_of(monkeypatch, lambda page: findings.show(page, (replace(finding, remedy=remedy),)))

    assert lines[0] == ""
    assert lines[-7:] == [
        "  Restart the machine, or load the new module:",
        "    one",
        "    two",
        "    https://host/page",
        "  (nvidia-driver-mismatch)",
        "",
        "More about one: llmprobe check --explain nvidia-driver-mismatch",
    ]


def test_long_texts_of_a_finding_keep_their_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A title goes on below its beginning, a detail at its own column, the id and its evidence likewise."""
    finding = replace(
        samples.container().findings[0], title=said("t " * 30), detail=said("d " * 30), remedy=None
    )
    lines = page_of(monkeypatch, lambda page: findings.show(page, (finding,), in_full=True), 40)

    assert lines == [
        "error  " + ("t " * 16).rstrip(),
        "  " + ("t " * 14).rstrip(),
        "  " + ("d " * 19).rstrip(),
        "  " + ("d " * 11).rstrip(),
        "  (nvidia-driver-mismatch; seen in",
        "    nvml:nvmlInit,",
        "    read:/proc/driver/nvidia/version)",
    ]


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "A model can use 23.08 GiB on the GPU and 52.59 GiB of RAM"),
        (2, "A model can use 23.08 GiB on gpu0, 23.08 GiB on gpu1 and 52.59 GiB of RAM"),
        (3, "A model can use 69.24 GiB on 3 GPUs and 52.59 GiB of RAM"),
    ],
)
def test_two_devices_are_named_and_more_are_added_up(
    count: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the first line, where the sum of many says more."""
    eight = samples.eight_gpus()
    machine = replace(eight, pools=eight.pools[: count + 1], accelerators=eight.accelerators[:count])

    assert checked(monkeypatch, machine)[1] == said


def test_memory_that_is_more_than_all_of_it_is_all_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two questions at two moments may say so; the bar stays within the page."""
    pool = replace(samples.DESKTOP_RAM, total_bytes=8 * GIB, free_bytes=9 * GIB)
    machine = replace(samples.rtx4090(), pools=(pool,), accelerators=())
    text = printed(
        monkeypatch, lambda page: watch.show(page, machine), width=72, terminal=True, env={"NO_COLOR": "1"}
    )

    assert "░" * 66 in [line.strip() for line in text.splitlines()]


def measured(**fields: Any) -> Snapshot:
    """
    A machine on which 40 GB/s were read, and what an engine reached on it.
    """
    rate = RamRate(bytes_per_s=40_000_000_000, threads=8, span_bytes=GIB, passes=5, by="memcmp")
    correction = Correction(
        places=("cpu",), experts=False, generation=0.9, model="Other 8B", date="2026-11-30"
    )
    kept = Measurement(ram=rate, date="2026-11-29", corrections=(correction,), **fields)
    healthy = samples.rtx4090()
    return replace(healthy, host=with_measurement(healthy.host, kept))


def test_a_measured_rate_is_shown_with_its_basis(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With the day, and the correction of speeds.
    """
    text = " ".join(" ".join(checked(monkeypatch, measured())).split())

    assert "reads 40 GB/s (measured: 8 threads read 1.00 GiB of it on 2026-11-29)" in text
    assert "generation x 0.90, as llama-bench reached here with Other 8B on 2026-11-30" in text


def test_a_measurement_that_no_longer_counts_is_shown_with_what_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    And with what to do; no correction counts either.
    """
    text = " ".join(" ".join(checked(monkeypatch, measured(changed=("cpu", "modules")))).split())

    assert "no longer used, since the processor and the memory modules changed" in text
    assert "llmprobe bench" in text
    assert "40 GB/s" not in text
    assert "generation x" not in text


@pytest.mark.parametrize(
    "machine", ["linux-wsl2-7800xt-16g", "windows-basic-display-16g"], ids=["lent to WSL", "basic driver"]
)
def test_a_gpu_that_nobody_could_describe_is_not_missing(
    machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first line says that it is unknown whether there is a usable GPU."""
    lines = checked(monkeypatch, replayed(machine))

    assert lines[1].startswith("Whether there is a usable GPU is unknown")


def test_an_unusual_machine_is_asked_for_a_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason and the command, once; a recording is recorded already, and a usual machine needs none."""
    unusual = replayed("windows-basic-display-16g")
    live = msgspec.structs.replace(unusual, this_machine=True)
    text = " ".join(checked(monkeypatch, live))

    assert "unusual for llmprobe (A display has only the basic driver of Windows)" in text
    assert text.count("llmprobe record") == 1
    assert "llmprobe record" not in " ".join(checked(monkeypatch, unusual))
    usual = msgspec.structs.replace(replayed("linux-4090-64g"), this_machine=True)
    assert "llmprobe record" not in " ".join(checked(monkeypatch, usual))
