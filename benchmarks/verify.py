"""
A real engine in the loop: what llmprobe predicts and prints, beside what llama-server logs, takes and accepts.

``python -m benchmarks.verify`` fetches and builds the engine once, loads a small model with the printed commands and
over rpc-servers, and has every command printed for the recorded machines read by the real parser. ``--write`` keeps the
results in ``fixtures/truth``. It ends with 1 where something differs.
"""

import argparse
import platform
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

import llmprobe
from benchmarks import (
    budgets_words,
    verify_commands,
    verify_engine,
    verify_rpc,
    verify_rpc_settings,
    verify_server,
)
from benchmarks.budgets_words import EXPERTS
from benchmarks.verify_engine import GEMMA3, MIXTURE, SMOLLM2
from benchmarks.verify_server import Loaded, LoadError
from llmprobe.engines import llamacpp
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.estimate import DeviceEstimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.units import MIB

RESULTS = Path(__file__).parent.parent / "fixtures" / "truth" / "verify.json"
QUANTS = ("Q4_0", "Q8_0", "Q4_K_M", "Q2_K")
KINDS = ("weights", "cache", "compute", "output")
_PROMPT = 1024
_LOGGED_TO = 0.005
"""MiB: half of the last digit that the log prints."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """
    One load: what is wished of ``recommend``, and what is then changed in its choice.

    ``quant`` is made from the published file by the real quantizer; None is that file itself.
    """

    name: str
    model: str = SMOLLM2
    quant: str | None = None
    wishes: dict[str, Any] = {}
    changes: dict[str, Any] = {}


SETTINGS = (
    Setting(name="as recommended"),
    Setting(name="context 2048", wishes={"ctx_size": 2048}),
    Setting(name="cache q8_0", wishes={"cache_type_k": "q8_0", "cache_type_v": "q8_0"}),
    Setting(name="cache q8_0 and q4_0", wishes={"cache_type_k": "q8_0", "cache_type_v": "q4_0"}),
    Setting(name="4 slots", wishes={"parallel": 4}),
    Setting(name="flash attention off", wishes={"ctx_size": 2048}, changes={"flash_attn": "off"}),
    Setting(name="flash attention off, 4 slots", wishes={"parallel": 4}, changes={"flash_attn": "off"}),
    Setting(name="micro-batch 128", changes={"ubatch_size": 128}),
    Setting(name="micro-batch 2048", changes={"ubatch_size": 2048}),
    Setting(name="cache in RAM", changes={"kv_offload": False}),
    Setting(name="cache in RAM, micro-batch 1024", changes={"kv_offload": False, "ubatch_size": 1024}),
    Setting(name="batch and micro-batch 256", changes={"batch_size": 256, "ubatch_size": 256}),
    *(Setting(name=quant, quant=quant) for quant in QUANTS),
    Setting(name="Gemma 3 270M, sliding window", model=GEMMA3),
    Setting(name="Gemma 3 270M, 4 slots", model=GEMMA3, wishes={"ctx_size": 16384, "parallel": 4}),
    Setting(name="Gemma 3 270M, no flash attention", model=GEMMA3, changes={"flash_attn": "off"}),
    Setting(name="mixture of experts", model=MIXTURE, quant="Q4_0"),
    Setting(name="experts of 2 layers in RAM", model=MIXTURE, quant="Q4_0", changes={"n_cpu_moe": 2}),
    Setting(name="the same by name", model=MIXTURE, quant="Q4_0", changes={"cpu_moe_layers": (1, 3)}),
    Setting(
        name="by name, micro-batch 2048",
        model=MIXTURE,
        quant="Q4_K_M",
        changes={"cpu_moe_layers": (0, 2, 3, 4, 8, 9, 10, 11, 13), "ubatch_size": 2048},
    ),
)


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a command is predicted to take on the host, and the tensors that it keeps there by name.
    """

    command: str
    host: DeviceEstimate
    kept: tuple[str, ...]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """
    One load beside its prediction. Logged sizes are MiB with two digits; ``weights`` were logged without mmap.

    ``kept`` are the tensors that the command keeps in RAM by name, and ``moved`` those that the engine kept there.
    """

    name: str
    command: str
    predicted: DeviceEstimate
    logged: dict[str, dict[str, float]]
    kept: tuple[str, ...]
    moved: tuple[str, ...]
    resident_bytes: int
    file_bytes: int

    def logged_mib(self, kind: str) -> float:
        return sum(self.logged[kind].values())

    def predicted_bytes(self, kind: str) -> int:
        return int(getattr(self.predicted, f"{kind}_bytes"))

    @property
    def differing(self) -> tuple[str, ...]:
        """The buffers that differ by more than the log rounds, other tensors kept, and a process that takes more."""
        kinds = [
            kind
            for kind in KINDS
            if abs(self.predicted_bytes(kind) / MIB - self.logged_mib(kind))
            > _LOGGED_TO * max(1, len(self.logged[kind])) + 1e-9
        ]
        kinds += ["experts"] if self.kept != self.moved else []
        kinds += ["process"] if self.resident_bytes > self.predicted.total_bytes else []
        return tuple(kinds)


class Quantized(msgspec.Struct, frozen=True, kw_only=True):
    """
    A file made by the real quantizer: its tensors, and those whose type was predicted otherwise.
    """

    quant: str
    tensors: int
    differing: tuple[str, ...]


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the real parser said of all printed commands: how many it read, how many without their device, and what of.
    """

    read: int
    without_device: int
    with_option: dict[str, int]
    complaints: list[str]


def choose(setting: Setting, model: ModelSpec) -> Predicted:
    """
    Return the command for this machine without its GPUs, and what it is predicted to take.
    """
    snapshot = msgspec.structs.replace(llmprobe.probe(), accelerators=())
    choice = llmprobe.recommend(model, snapshot, **setting.wishes).choices[0]
    choice = msgspec.structs.replace(choice, **setting.changes)
    found = predict(llamacpp.command(choice, model, None), model, choice.quant, snapshot)
    if not setting.changes and found.host.total_bytes != choice.devices[0].total_bytes:
        raise AssertionError(f"the command and the choice differ: {setting.name}")
    return found


def predict(command: str, model: ModelSpec, quant: str, snapshot: Snapshot) -> Predicted:
    """
    The memory that a printed command needs on a machine without GPUs, by its words alone.
    """
    read = budgets_words.llama_cpp(command, snapshot, model, None)
    (host,) = Estimator(model).devices(quant, read.settings, read.hardware)
    layers = {*range(read.settings.n_cpu_moe), *read.settings.cpu_moe_layers}
    kept = [one.name for one in model.tensors if one.layer in layers and EXPERTS.search(one.name)]
    return Predicted(command=command, host=host, kept=tuple(sorted(kept)))


def compare(setting: Setting, *, prompt: bool = True) -> Compared:
    """
    Load the small model with the printed command and return what was predicted and what came.

    Without a ``prompt``, which takes seconds, parts of the buffers have not been touched and are not resident yet.

    Raises:
        LoadError: the server did not take the command or did not answer.
    """
    path = verify_engine.model_file(setting.model, setting.quant)
    model = llmprobe.load_model(path)
    chosen = choose(setting, model)
    environment, arguments = verify_commands.split(chosen.command)
    if environment:
        raise AssertionError(f"nothing of the environment is expected on a processor: {chosen.command}")
    # A prompt that fills a micro-batch, and leaves the slot a few tokens to answer with.
    said = dict(pairwise(arguments))
    tokens = min(max(int(said["-ub"]), _PROMPT), int(said["-c"]) // int(said["-np"]) - 8)
    server = verify_engine.program("llama-server")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        as_printed = verify_server.load(server, arguments, log, prompt_tokens=tokens if prompt else 0)
        # With mmap the log states the span of the file; without it, what the tensors take.
        exact = verify_server.load(server, [*arguments, "--load-mode", "none"], log, prompt_tokens=0)
    return Compared(
        name=setting.name,
        command=chosen.command.replace(str(path), path.name),
        predicted=chosen.host,
        logged=_logged(as_printed, exact),
        kept=chosen.kept,
        moved=as_printed.moved,
        resident_bytes=as_printed.resident_bytes,
        file_bytes=as_printed.file_bytes,
    )


def _logged(as_printed: Loaded, exact: Loaded) -> dict[str, dict[str, float]]:
    sizes: dict[str, dict[str, float]] = msgspec.to_builtins(as_printed.buffers)
    return {**sizes, "weights": exact.buffers.weights}


def quantized(quant: str) -> Quantized:
    """
    Return how the types of a file by the real quantizer agree with the quantizer's rules.
    """
    rules = Estimator(llmprobe.load_model(verify_engine.CACHE / SMOLLM2)).typed_tensors(quant)
    real = {
        one.name: one.type for one in llmprobe.load_model(verify_engine.model_file(SMOLLM2, quant)).tensors
    }
    differing = [
        f"{one.name}: {one.type}, in the file {real.get(one.name)}"
        for one in rules
        if one.type != real.get(one.name)
    ]
    return Quantized(quant=quant, tensors=len(real), differing=tuple(differing))


def table(rows: list[Compared]) -> str:
    """
    Return the loads as text: predicted and logged MiB, and what the process took of what was predicted.
    """
    lines = [
        f"{'MiB, predicted | logged':<34}"
        + "".join(f"{kind:>19}" for kind in KINDS)
        + f"{'process':>19}{'':>6}{'of it files':>13}"
    ]
    for row in rows:
        cells = "".join(
            f"{row.predicted_bytes(kind) / MIB:>10.2f} |{row.logged_mib(kind):>7.2f}" for kind in KINDS
        )
        took, total = row.resident_bytes / MIB, row.predicted.total_bytes / MIB
        process = f"{total:>10.0f} |{took:>7.0f}{took / total - 1:>+6.0%}{row.file_bytes / MIB:>13.0f}"
        moved = f"  {len(row.moved)} tensors kept in RAM" if row.moved else ""
        mark = moved if not row.differing else "  differs: " + ", ".join(row.differing)
        lines.append(f"{row.name:<34}{cells}{process}{mark}")
    return "\n".join(lines)


def check_commands(server: Path) -> Parsed:
    """
    The parser's verdict on the printed commands. An option that none of them has is a complaint too.
    """
    count = without = 0
    complaints: list[str] = []
    said: Counter[str] = Counter()
    shapes: set[str] = set()
    for one in verify_commands.printed():
        verdict = verify_commands.parse(server, one.arguments)
        count += 1
        said.update(one.options)
        without += verdict.without_device is not None
        complaint = verdict.complaint
        if complaint is None and one.shape not in shapes:
            shapes.add(one.shape)
            complaint = verify_commands.start_without_model(server, one.arguments)
        if complaint is not None:
            complaints.append(f"{one.model} on {one.machine}: {' '.join(one.arguments)}\n    {complaint}")
    complaints += [f"no command has {option}" for option in verify_commands.OPTIONS if not said[option]]
    with_option = {option: said[option] for option in verify_commands.OPTIONS}
    return Parsed(read=count, without_device=without, with_option=with_option, complaints=complaints)


def main() -> int:
    """
    Print the tables; return 1 where anything differs.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verify", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"keep the results in {RESULTS.name}")
    write = parser.parse_args().write
    started = time.monotonic()
    try:
        verify_engine.make_ready()
        rows = []
        for setting in SETTINGS:
            print(f"loading: {setting.name}", file=sys.stderr)
            rows.append(compare(setting))
        files = [quantized(quant) for quant in QUANTS]
        print("loading over rpc-servers", file=sys.stderr)
        remote = verify_rpc.measure(tuple(one.name for one in verify_rpc_settings.SETTINGS))
    except (verify_engine.SetUpError, LoadError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"\nllama.cpp b{verify_engine.BUILD}, on the processor alone\n")
    print(table(rows))
    print()
    for file in files:
        print(f"{file.quant}: {file.tensors - len(file.differing)} of {file.tensors} tensors as predicted")
        print("".join(f"    {line}\n" for line in file.differing), end="")
    print(f"\nover rpc-servers on the processor\n\n{verify_rpc.table(remote)}")
    parsed = check_commands(verify_engine.program("llama-server"))
    accepted = parsed.read - len(parsed.complaints)
    print(f"\n{accepted} of {parsed.read} printed commands accepted by llama-server's parser")
    print(f"    ({parsed.without_device} of them without --device, as this build has no GPU)")
    print("    " + ", ".join(f"{count} with {option}" for option, count in parsed.with_option.items()))
    print("\n".join(parsed.complaints))
    print(f"{time.monotonic() - started:.0f} s in all")
    if write:
        _keep(rows, files, parsed)
        verify_rpc.keep(remote)
    differing = [*(one.differing for one in rows), *(one.differing for one in files)]
    differing += [one.differing for one in remote.rows]
    return int(any(differing) or bool(parsed.complaints))


def _keep(rows: list[Compared], files: list[Quantized], parsed: Parsed) -> None:
    """
    Write what was measured, and on what, so that tests without an engine can stand on it.
    """
    cpu = llmprobe.probe().host.cpu
    document = {
        "about": (
            "What make verify measured: small models loaded by llama-server on the processor alone. "
            "logged are the sizes of its load log in MiB (weights without mmap, the rest with the printed "
            "command), resident_bytes is what the process held after a prompt of a micro-batch or more, file_bytes "
            "the part of it that is pages of files, kept_in_ram the tensors that the command keeps there by name."
        ),
        "build": f"b{verify_engine.BUILD}",
        "processor": {"machine": platform.machine(), "instruction_sets": cpu.instruction_sets},
        "loads": [
            {
                "name": row.name,
                "command": row.command,
                "predicted": {
                    **{f"{kind}_bytes": row.predicted_bytes(kind) for kind in KINDS},
                    "overhead_bytes": row.predicted.overhead_bytes,
                    "total_bytes": row.predicted.total_bytes,
                },
                "logged": row.logged,
                "kept_in_ram": row.moved,
                "resident_bytes": row.resident_bytes,
                "file_bytes": row.file_bytes,
            }
            for row in rows
        ],
        "quantized": files,
        "commands": parsed,
    }
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
