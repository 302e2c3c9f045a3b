"""
Every command printed for the recorded machines, given to the real argument parser.

``--help`` at the end makes llama-server read all arguments, refuse what it does not know, and load nothing.
A build for the processor alone has no CUDA0: where that is the only complaint, the rest is read without it.
"""

import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

import llmprobe

MACHINES = Path(__file__).parent.parent / "fixtures" / "machines"
MODELS = (
    "llama3.1-8b",
    "llama3.3-70b",
    "qwen3-32b",
    "qwen3-30b-a3b",
    "gpt-oss-120b",
    "gemma-3-12b",
    "gemma-3-27b",
    "qwen3-next-80b",
    "qwen3-235b",
    "minicpm3-4b",
)
WISHES: tuple[dict[str, Any], ...] = (
    {"ctx_size": 8192},
    {"ctx_size": 32768, "parallel": 4, "cache_type_k": "q8_0", "cache_type_v": "q8_0"},
    {"priority": "speed", "ctx_size": 16384},
)
OPTIONS = (
    "--device",
    "-ts",
    "--n-cpu-moe",
    "-ot",
    "-nkvo",
    "-fa off",
    "-ctk q8_0",
    "-ub 128",
    "-ub 1024",
    "-ub 2048",
)
"""What the search decides: words, some with a value, that some printed commands have and others do not."""

_SECONDS = 60
_COULD_NOT_LOAD = "failed to load model"


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """
    A printed command: the machine and model it was printed for, its environment and its arguments.
    """

    machine: str
    model: str
    environment: dict[str, str]
    arguments: list[str]

    @property
    def options(self) -> set[str]:
        """Which of ``OPTIONS`` it has."""
        said = {*self.arguments, *(" ".join(pair) for pair in pairwise(self.arguments))}
        return said & {*OPTIONS}

    @property
    def shape(self) -> str:
        """The command without its numbers and names: commands of one shape are read alike."""
        return " ".join(word for word in self.arguments if word.startswith("-"))


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the parser said: None is accepted. ``without_device`` is the device that this build does not have.
    """

    complaint: str | None
    without_device: str | None = None


def split(text: str) -> tuple[dict[str, str], list[str]]:
    """
    Return the environment and the arguments of a printed llama-server command, as a POSIX shell reads it.
    """
    words = shlex.split(text, comments=True)
    start = words.index("llama-server")
    return dict(word.split("=", 1) for word in words[:start]), words[start + 1 :]


def printed(machines: tuple[str, ...] = (), models: tuple[str, ...] = MODELS) -> Iterator[Command]:
    """
    Yield each different command printed for the recorded machines, all by default.

    The wishes change from one machine and model to the next, so that each meets each of them somewhere.
    """
    seen = set()
    loaded = [llmprobe.load_model(name) for name in models]
    folders = [one for one in sorted(MACHINES.iterdir()) if not machines or one.name in machines]
    for row, folder in enumerate(folders):
        snapshot = llmprobe.probe(folder / "recording.json")
        for column, model in enumerate(loaded):
            wishes = WISHES[(row + column) % len(WISHES)]
            for choice in llmprobe.recommend(model, snapshot, assume_idle=True, **wishes).choices:
                text = choice.commands["llama.cpp"]
                if text in seen:
                    continue
                seen.add(text)
                environment, arguments = split(text)
                yield Command(
                    machine=folder.name, model=model.id, environment=environment, arguments=arguments
                )


def parse(server: Path, arguments: list[str]) -> Verdict:
    """
    Let the real parser read the arguments.
    """
    complaint = _complaint(server, arguments)
    if complaint is None or "--device" not in arguments or "invalid device" not in complaint:
        return Verdict(complaint=complaint)
    at = arguments.index("--device")
    rest = arguments[:at] + arguments[at + 2 :]
    return Verdict(complaint=_complaint(server, rest), without_device=arguments[at + 1])


def start_without_model(server: Path, arguments: list[str]) -> str | None:
    """
    Start for real with a model file that is not there; return the complaint if it is not about that file.

    Devices that this build lacks are left out.
    """
    if "--device" in arguments and arguments[arguments.index("--device") + 1] != "none":
        at = arguments.index("--device")
        arguments = arguments[:at] + arguments[at + 2 :]
    done = _run(server, [*arguments, "--host", "127.0.0.1", "--port", "0"])
    if done.returncode and _COULD_NOT_LOAD in done.stderr + done.stdout:
        return None
    return f"ended with {done.returncode}: {(done.stderr + done.stdout).strip()[-400:]}"


def _complaint(server: Path, arguments: list[str]) -> str | None:
    done = _run(server, [*arguments, "--help"])
    if done.returncode == 0:
        return None
    return done.stderr.strip().splitlines()[0] if done.stderr.strip() else f"ended with {done.returncode}"


def _run(server: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as empty:
        return subprocess.run(
            [server, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
            cwd=empty,
            env={},
        )
