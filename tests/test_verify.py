"""
A real llama-server and what llmprobe says of it: the reading of its log always, the server itself where it is built.
"""

import json
from pathlib import Path
from typing import Any

import pytest

import llmprobe
from benchmarks import verify, verify_commands, verify_engine, verify_server
from llmprobe.units import MIB

LOADS = [
    row
    for row in json.loads(verify.RESULTS.read_text(encoding="utf-8"))["loads"]
    if verify_commands.split(row["command"])[1][1].startswith("SmolLM2")
]
"""Loads of the model that the catalog has too, and that the kept quantizer made all quantizations of."""

MACHINE = llmprobe.probe(verify_commands.MACHINES / "linux-laptop-nogpu-16g" / "recording.json")

LOG = """\
load_tensors:   CPU_Mapped model buffer size =    92.11 MiB
load_tensors:   CPU_REPACK model buffer size =    60.75 MiB
llama_context:        CPU  output buffer size =     0.75 MiB
llama_kv_cache:        CPU KV buffer size =    28.69 MiB
llama_kv_cache:        CPU KV buffer size =     5.00 MiB
llama_memory_recurrent:        CPU RS buffer size =     1.50 MiB
sched_reserve:        CPU compute buffer size =   101.13 MiB
tensor blk.3.ffn_up_exps.weight (0 MiB q4_0) buffer type overridden to CPU_REPACK
tensor blk.1.ffn_up_exps.weight (0 MiB q6_K) buffer type overridden to CPU
"""


def test_buffers_are_read_from_the_log_by_kind_and_type() -> None:
    """
    Sizes of one kind and buffer type add up; recurrent states are a cache too.
    """
    actual = verify_server.buffers(LOG)

    assert actual == verify_server.Buffers(
        weights={"CPU_Mapped": 92.11, "CPU_REPACK": 60.75},
        cache={"CPU": 35.19},
        output={"CPU": 0.75},
        compute={"CPU": 101.13},
    )


def test_tensors_that_the_engine_keeps_in_ram_are_read_from_the_log() -> None:
    """
    In whichever of the host's buffers they end up.
    """
    assert verify_server.moved(LOG) == ("blk.1.ffn_up_exps.weight", "blk.3.ffn_up_exps.weight")


def test_a_printed_command_is_split_as_a_shell_does() -> None:
    """
    Variables before the program are its environment, and quotes keep a path together.
    """
    actual = verify_commands.split("CUDA_VISIBLE_DEVICES=1 llama-server -m '/my models/a.gguf' -c 4096")

    assert actual == ({"CUDA_VISIBLE_DEVICES": "1"}, ["-m", "/my models/a.gguf", "-c", "4096"])


@pytest.fixture
def server() -> Path:
    """
    The real server; the test is skipped where ``make verify`` has not built it.
    """
    if not verify_engine.is_ready():
        pytest.skip("make verify has not built llama-server here")
    return verify_engine.program("llama-server")


@pytest.mark.engine
@pytest.mark.live
@pytest.mark.parametrize("name", ["as recommended", "cache q8_0", "4 slots", "the same by name"])
@pytest.mark.usefixtures("server")
def test_a_printed_command_loads_and_takes_what_was_predicted(name: str) -> None:
    """
    Every buffer that the server logs is as predicted, to the last digit of the log.
    """
    setting = next(one for one in verify.SETTINGS if one.name == name)

    assert verify.compare(setting, prompt=False).differing == ()


@pytest.mark.engine
@pytest.mark.live
def test_the_real_parser_accepts_what_is_printed(server: Path) -> None:
    """
    Commands for two cards, for a mixture of experts, and for a processor alone are read without complaint.
    """
    machines = ("linux-2x3090-64g", "linux-4060laptop-8g-32g", "linux-laptop-nogpu-16g")
    commands = list(verify_commands.printed(machines, ("llama3.1-8b", "qwen3-30b-a3b")))

    complaints = {
        " ".join(one.arguments): verify_commands.parse(server, one.arguments).complaint for one in commands
    }

    assert complaints == dict.fromkeys(complaints)
    assert len(complaints) > 3


@pytest.mark.engine
@pytest.mark.live
def test_the_real_parser_refuses_what_it_does_not_know(server: Path) -> None:
    """
    The check can fail: an argument that does not exist is a complaint.
    """
    complaint = verify_commands.parse(server, ["-c", "4096", "--no-such-thing"]).complaint

    assert complaint == "error: invalid argument: --no-such-thing"


@pytest.mark.parametrize("row", LOADS, ids=lambda row: row["name"])
def test_what_a_real_server_logged_is_predicted_from_the_catalog(row: dict[str, Any]) -> None:
    """
    The kept measurements hold without the file: the catalog's tensors in that quantization give the same buffers.
    """
    file = Path(verify_commands.split(row["command"])[1][1])
    model, quant, _ = file.name.rsplit(".", 2)

    found = verify.predict(row["command"], llmprobe.load_model(model), quant, MACHINE).host

    predicted = {kind: getattr(found, f"{kind}_bytes") / MIB for kind in verify.KINDS}
    assert predicted == {
        kind: pytest.approx(sum(sizes.values()), abs=0.005 * len(sizes) + 1e-9)
        for kind, sizes in row["logged"].items()
    }


def test_experts_that_a_command_keeps_in_ram_are_told_by_name() -> None:
    """
    Those of the first layers, and those of layers that are named, are what the engine is expected to move.
    """
    mixture = llmprobe.load_model("qwen3-30b-a3b")
    words = "llama-server -m x-Q4_K_M.gguf -c 4096 -np 1 --device none -ngl 0 --fit off"
    by_name = rf"{words} -ot 'blk\.(0)\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU'"
    expected = tuple(f"blk.0.ffn_{part}_exps.weight" for part in ("down", "gate", "up"))

    assert verify.predict(words, mixture, "Q4_K_M", MACHINE).kept == ()
    assert verify.predict(f"{words} --n-cpu-moe 1", mixture, "Q4_K_M", MACHINE).kept == expected
    assert verify.predict(by_name, mixture, "Q4_K_M", MACHINE).kept == expected


def test_the_options_of_a_command_are_told_with_their_values() -> None:
    """
    A word alone and a word with its value are both looked for.
    """
    command = verify_commands.Command(
        machine="m", model="m", environment={}, arguments=["-ngl", "3", "-nkvo", "-ub", "2048", "-fa", "on"]
    )

    assert command.options == {"-nkvo", "-ub 2048"}
