"""
The public functions about several machines. What they need is imported when they are called.
"""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from typing import Unpack

    from llmprobe.facts.fit import Use
    from llmprobe.facts.fleet import Fleet, FleetFit, FleetRecommendation, Launcher
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import UseName
    from llmprobe.tasks.fleet.hosts import Named


class Machines(TypedDict, total=False):
    """
    How machines are named, mixed as you like: destinations of ``ssh`` (never a password, never an unknown host key),
    ``recordings`` or folders of them, nodes of ``slurm`` as scontrol spells them, the user's cluster of ``kubernetes``
    or files with its ``nodes``, the address of a cluster of ``ray`` ("auto" is this machine's), llama.cpp's rpc-servers
    by ``rpc`` ("10.0.0.2:50052", "10.0.0.2:50052=RTX 3090"; with nothing else this machine is the main one).
    ``program`` is a single-file llmprobe that is copied to hosts without one, and removed. A machine may take
    ``wait_s`` seconds (30).
    """

    ssh: str | Sequence[str]
    recordings: "str | PathLike[str] | Sequence[str | PathLike[str]]"
    slurm: str | Sequence[str]
    kubernetes: bool
    nodes: "str | PathLike[str] | Sequence[str | PathLike[str]]"
    program: str | None
    ray: str | None
    rpc: str | Sequence[str]
    wait_s: float


def fleet_check(**machines: "Unpack[Machines]") -> "Fleet":
    """
    Machines side by side: what each is, what is free, what is wrong, which are alike, and which did not answer.

    Raises:
        UsageError: nothing is named, or a name cannot be one.
    """
    from llmprobe.tasks.fleet.check import fleet
    from llmprobe.tasks.fleet.hosts import seen

    return fleet(seen(_named(machines)))


def fleet_recommend(
    model: "ModelSpec",
    *,
    engine: str | None = None,
    ctx_size: int | None = None,
    parallel: int = 1,
    quants: str | Sequence[str] = (),
    use: "UseName | None" = None,
    min_speed: float | None = None,
    reserve_bytes: int | None = None,
    link: str | int | None = None,
    launcher: "Launcher | None" = None,
    **machines: "Unpack[Machines]",
) -> "FleetRecommendation":
    """
    Which machine runs a model best alone, and several together where none does or they do it better: llama.cpp with its
    rpc-server, or an engine that serves ("vllm", "sglang") as a pipeline of machines.

    ``engine`` None is llama.cpp, for batch vLLM where it serves the model. ``link`` is the network between the
    machines, "2.5GbE", "10GbE,0.2ms" with the round trip of ping, or bytes per second each way; a gigabit is assumed.
    ``launcher`` "ray" starts vLLM by Ray.

    Raises:
        UsageError: a wish is out of range, nothing is named, or the engine is not planned for several machines.
    """
    from llmprobe.tasks.fleet.asking import asked
    from llmprobe.tasks.fleet.hosts import seen

    return asked(
        model,
        seen(_named(machines)),
        engine=engine,
        link=link,
        launcher=launcher,
        ctx_size=ctx_size,
        parallel=parallel,
        quants=quants,
        use=use,
        min_speed=min_speed,
        reserve_bytes=reserve_bytes,
    )


def fleet_fit(
    *,
    use: "Use" = "chat",
    ctx_size: int | None = None,
    top: int = 3,
    min_speed: float | None = None,
    reserve_bytes: int | None = None,
    output: "str | PathLike[str] | Sequence[str | PathLike[str]]" = (),
    workers: int | None = None,
    told: Callable[[int, int], None] | None = None,
    **machines: "Unpack[Machines]",
) -> "FleetFit":
    """
    What each machine runs best for a use; machines that are alike are searched once, in as many processes as there are
    cores (``workers``), or as tasks of the Ray cluster.

    ``output`` is a file of JSON lines that a run adds to and that a later one goes on from; one that ends in
    ``.parquet`` is a table, written at the end (``pip install 'llmprobe[parquet]'``); or both. ``told`` is called with
    how many of all unlike machines are done.

    Raises:
        UsageError: a wish is out of range, nothing is named, or the file is none of ours.
        LlmprobeError: a table cannot be written.
    """
    from llmprobe.tasks.fit import wishes_of
    from llmprobe.tasks.fleet.files import files_of, write_table
    from llmprobe.tasks.fleet.fit import fit_each
    from llmprobe.tasks.fleet.hosts import seen

    wishes = wishes_of(use=use, ctx_size=ctx_size, top=top, min_speed=min_speed, reserve_bytes=reserve_bytes)
    lines, table = files_of(_listed(output))
    named = _named(machines)
    answer = fit_each(
        seen(named),
        wishes,
        path=lines,
        workers=workers,
        ray=named.ray,
        told=told or (lambda _done, _all: None),
    )
    if table is not None:
        write_table(answer, table)
    return answer


def _named(machines: Machines) -> "Named":
    from llmprobe.tasks.fleet.hosts import PATIENCE_S, Named

    wait_s = machines.get("wait_s")
    return Named(
        ssh=_listed(machines.get("ssh", ())),
        recordings=_listed(machines.get("recordings", ())),
        slurm=_listed(machines.get("slurm", ())),
        kubernetes=bool(machines.get("kubernetes")),
        nodes=_listed(machines.get("nodes", ())),
        program=machines.get("program"),
        ray=machines.get("ray"),
        rpc=_listed(machines.get("rpc", ())),
        wait_s=PATIENCE_S if wait_s is None else wait_s,
    )


def _listed(names: "str | PathLike[str] | Sequence[str | PathLike[str]]") -> tuple[str, ...]:
    """
    One name or several, as texts.
    """
    return (str(names),) if isinstance(names, (str, PathLike)) else tuple(map(str, names))
