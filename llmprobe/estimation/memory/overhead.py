"""
What the driver and the engine take beside the buffers: a context on each device, the process on the host.

It is measured, not computed, so it comes as a range; what is counted is on the safe side of the likely.
The figures and where each is from are in ``data/overhead.json``.
"""

from functools import cache
from itertools import pairwise
from typing import Any

from llmprobe.data import table
from llmprobe.facts.backends import BACKENDS, label
from llmprobe.facts.devices import Device
from llmprobe.facts.estimate import Term
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.units import MIB, whole_number
from llmprobe.words.message import Message, message

CPU = "cpu"
"""What computes for a device of another machine where its processor does."""


@cache
def device_overhead(device: Device, *, weights_on_host: bool = False) -> Term:
    """
    What the driver takes on a device before any buffer is there.

    Where weights stay on the host, prompts stage them on the device: that widens the range, not the figure.
    """
    generation = _generation(device)
    row = _row(device.backend, generation, device.driver)
    by_processor = device.computed_by == CPU
    name = "cuda-context" if device.backend == "cuda" else "driver-context"
    multiprocessors = _multiprocessors(device, generation)
    how = message(
        "term.driver-context",
        backend=label(device.backend),
        generation=generation if "generations" in row and not multiprocessors else None,
        multiprocessors=multiprocessors or None,
    )
    if by_processor:
        name, how = "engine", message("term.rpc-server")
    if multiprocessors:
        row = _by_multiprocessors(multiprocessors)
    high = int(row["high"])
    staged = table("overhead")["weights_on_host_high"]
    if weights_on_host and staged["backend"] == device.backend:
        high = max(high, int(staged["high"]))
    return _term(name, how, row, high)


@cache
def host_overhead(devices: tuple[Device, ...]) -> Term:
    """
    What the engine's process takes on the host beside its buffers: code, vocabulary, and the libraries of drivers where
    it uses ``devices`` of its own machine.
    """
    own = any(not BACKENDS[one.backend].remote for one in devices)
    row = table("overhead")["host"]["with_devices" if own else "alone"]
    how = message("term.engine-with-devices" if own else "term.engine-alone")
    return _term("engine", how, row, int(row["high"]))


def all_reduce(run: ResolvedSettings, n_embd: int, used_experts: int) -> Term | None:
    """
    What devices that compute together keep for sums over all of them; None where they do not.

    One buffer for each halving of the devices, as large as the widest sum: the hidden state of a micro-batch, at the
    most that of every expert in use before their outputs are added.
    Source: llama.cpp b11549, ggml/src/ggml-backend-meta.cpp (``ggml_backend_meta_graph_compute``).
    """
    if run.split_mode != "tensor" or len(run.devices) < 2:
        return None
    steps = (len(run.devices) - 1).bit_length()
    size = 4 * n_embd * run.ubatch_size * steps
    return Term(
        name="all-reduce",
        kind="overhead",
        bytes=size,
        how=message("term.all-reduce", steps=steps, devices=len(run.devices)),
        basis="assumed",
        low_bytes=size,
        high_bytes=size * max(used_experts, 1),
    )


def _generation(device: Device) -> int | None:
    return whole_number((device.compute_capability or "").split(".")[0])


def _multiprocessors(device: Device, generation: int | None) -> int:
    """
    How many multiprocessors a card has, by the longest name that its own begins with; 0 is unknown.
    """
    rule = table("overhead")["by_multiprocessors"]
    if device.backend != rule["backend"] or device.name is None:
        return 0
    if generation is not None and generation < rule["generations_from"]:
        return 0
    words = device.name.removeprefix("NVIDIA ").removeprefix("GeForce ").replace("-", " ").split()
    cards = table("overhead")["multiprocessors"]["cards"]
    for count in range(len(words), 0, -1):
        known = cards.get(" ".join(words[:count]))
        if known is not None:
            return int(known)
    return 0


def _by_multiprocessors(count: int) -> dict[str, int]:
    rule = table("overhead")["by_multiprocessors"]
    return {name: round(_between(rule[name], count)) for name in ("low", "counted", "high")}


def _between(points: list[list[int]], at: int) -> float:
    """
    The value at a place on the line through the points; beyond the last one it goes on as it came.
    """
    (x0, y0), (x1, y1) = next(
        (pair for pair in pairwise(points) if at <= pair[1][0]), (points[-2], points[-1])
    )
    return y0 + (y1 - y0) * (at - x0) / (x1 - x0)


@cache
def _row(backend: str, generation: int | None, driver: str) -> dict[str, Any]:
    for row in table("overhead")["devices"]:
        if (
            row["backend"] == backend
            and ("generations" not in row or generation in row["generations"])
            and ("driver" not in row or driver == row["driver"])
        ):
            found: dict[str, Any] = row
            return found
    raise AssertionError(f"data/overhead.json has no row for {backend}")


def _term(name: str, how: Message, row: dict[str, Any], high: int) -> Term:
    return Term(
        name=name,
        kind="overhead",
        bytes=int(row["counted"]) * MIB,
        how=how,
        basis="assumed",
        low_bytes=int(row["low"]) * MIB,
        high_bytes=high * MIB,
    )
