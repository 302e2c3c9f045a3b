"""
How often a real llama-server waits for an rpc-server in a step that writes a token, and what goes over the wire.

``python -m benchmarks.rpc_waits`` counts it behind a relay that holds everything back for a while; ``--write`` keeps
the counts in ``fixtures/truth/rpc_waits.json``. Counts do not depend on how busy the machine is. The time of a token
does; but two delays far apart show how many of them a token takes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import msgspec

from benchmarks import rpc_relay, verify_engine, verify_hosts, verify_server
from benchmarks.verify_engine import GEMMA3, MIXTURE, SMOLLM2

RESULTS = Path(__file__).parent.parent / "fixtures" / "truth" / "rpc_waits.json"
DELAYS_S = (0.02, 0.06)
"""One way. Far apart, so that what the machine does beside hardly counts."""

GRAPH = "graph_compute"
"""What sends a graph, which happens anew when the context has grown by 256 cells."""

_TOKENS = 8
_SECONDS = 600


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """
    One load: the model, how many servers, and words for llama-server beside those of all.
    """

    name: str
    model: str = SMOLLM2
    quant: str | None = None
    servers: int = 1
    words: tuple[str, ...] = ()


CASES = (
    Case(name="one server"),
    Case(name="two servers", servers=2),
    Case(name="half of the layers", words=("-ngl", "15")),
    Case(name="sliding window, two servers", model=GEMMA3, servers=2),
    Case(name="mixture", model=MIXTURE, quant="Q4_0"),
    Case(name="experts of 4 layers in RAM", model=MIXTURE, quant="Q4_0", words=("--n-cpu-moe", "4")),
    Case(name="all experts in RAM", model=MIXTURE, quant="Q4_0", words=("--n-cpu-moe", "14")),
    Case(
        name="all experts in RAM, two servers",
        model=MIXTURE,
        quant="Q4_0",
        servers=2,
        words=("--n-cpu-moe", "14"),
    ),
    Case(name="cache in RAM", model=MIXTURE, quant="Q4_0", words=("-nkvo",)),
    Case(name="cache in RAM, half of the layers", model=MIXTURE, quant="Q4_0", words=("-nkvo", "-ngl", "8")),
)


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """
    One case: for each server the answers that a step waits for and the bytes that it is sent beside the graph, and
    seconds of a token at each delay.
    """

    name: str
    answers: tuple[float, ...]
    sent_bytes: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def delays(self) -> float:
        """How many delays out and back a token takes, by its time at both."""
        return (self.seconds[1] - self.seconds[0]) / (2 * (DELAYS_S[1] - DELAYS_S[0]))


def count(case: Case) -> Counted:
    """
    Load the model behind relays of both delays and write some tokens.
    """
    found = [_written(case, delay) for delay in DELAYS_S]
    return Counted(
        name=case.name,
        answers=found[0][1],
        sent_bytes=found[0][2],
        seconds=tuple(round(seconds, 4) for seconds, _, _ in found),
    )


def _written(case: Case, delay: float) -> tuple[float, tuple[float, ...], tuple[int, ...]]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        program = verify_engine.program("ggml-rpc-server")
        serving = verify_hosts.serving(
            program, ["CPU"] * case.servers, Path(folder), is_apart=False, told=False
        )
        relays = []
        for server in stack.enter_context(serving):
            host, port = server.address.split(":")
            relays.append(stack.enter_context(rpc_relay.relayed(host, int(port), seconds=delay)))
        words = [
            "-m",
            str(verify_engine.model_file(case.model, case.quant)),
            "-c",
            "4096",
            "-np",
            "1",
            "-t",
            "1",
        ]
        words += ["--fit", "off", "--no-warmup", *case.words]
        words += ["--rpc", ",".join(f"127.0.0.1:{port}" for port, _ in relays)]
        log = Path(folder) / "server.log"
        with verify_server.running(verify_engine.program("llama-server"), words, log) as (at, _):
            _write(at, 4)
            for _, counting in relays:
                counting.start()
            seconds = _write(at, _TOKENS)
        counts = [counting for _, counting in relays]
        return (
            seconds,
            tuple(
                round(sum(one.commands[name] for name in rpc_relay.ANSWERED) / _TOKENS, 2) for one in counts
            ),
            tuple(
                round(sum(size for name, size in one.bytes.items() if name != GRAPH) / _TOKENS)
                for one in counts
            ),
        )


def _write(port: int, tokens: int) -> float:
    """
    Return the seconds of a token.
    """
    wanted = {"prompt": [1000, 1001, 1002, 1003], "n_predict": tokens, "temperature": 0, "ignore_eos": True}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/completion",
        data=json.dumps(wanted | {"cache_prompt": False}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        return float(json.load(answer)["timings"]["predicted_per_token_ms"]) / 1000


def main() -> int:
    """
    Print what was counted.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rpc_waits", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"keep the counts in {RESULTS.name}")
    write = parser.parse_args().write
    rows = []
    try:
        verify_engine.make_ready()
        for case in CASES:
            rows.append(count(case))
            row = rows[-1]
            print(
                f"{row.name:<34} answers of a step {row.answers}, sent {row.sent_bytes} bytes, "
                f"{row.delays:.2f} delays out and back",
                flush=True,
            )
    except (
        verify_engine.SetUpError,
        verify_server.LoadError,
        verify_hosts.ServerError,
        subprocess.SubprocessError,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if write:
        _keep(rows)
    return 0


def _keep(rows: list[Counted]) -> None:
    about = (
        f"What a step that writes a token asks of rpc-servers, counted behind relays of llama.cpp "
        f"b{verify_engine.BUILD} by python -m benchmarks.rpc_waits: for each server the answers that are waited for "
        "(the prompt's step is among them), the bytes that it is sent beside the graph, and seconds of a token with "
        "everything held back by each of delays_s, one way."
    )
    cases = {case.name: msgspec.to_builtins(case) for case in CASES}
    lines = ",\n".join(json.dumps(cases[row.name] | msgspec.to_builtins(row)) for row in rows)
    RESULTS.write_text(
        f'{{\n"about": {json.dumps(about)},\n"delays_s": {json.dumps(DELAYS_S)},\n"cases": [\n{lines}\n]\n}}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    sys.exit(main())
