"""
Real rpc-servers and what llmprobe says of devices behind them: kept loads always, the servers where they are built.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import llmprobe
from benchmarks import verify_commands, verify_engine, verify_hosts, verify_mixture, verify_rpc
from benchmarks.verify_engine import GEMMA3, MIXTURE, SMOLLM2
from benchmarks.verify_rpc import HOST, KINDS, Compared
from benchmarks.verify_rpc_settings import Setting
from llmprobe.facts.model import ModelSpec
from llmprobe.units import MIB

LOADS = json.loads(verify_rpc.RESULTS.read_text(encoding="utf-8"))["loads"]
MACHINE = llmprobe.probe(verify_commands.MACHINES / "linux-laptop-nogpu-16g" / "recording.json")
WORDS_OF_SMOLLM2 = 49152
NAMES = {SMOLLM2: "smollm2-135m-instruct", GEMMA3: "gemma-3-270m-it"}


@cache
def model(file: str) -> ModelSpec:
    return verify_mixture.model(WORDS_OF_SMOLLM2) if file == MIXTURE else llmprobe.load_model(NAMES[file])


@pytest.mark.parametrize("row", LOADS, ids=lambda row: str(row["name"]))
def test_what_real_servers_were_asked_for_is_estimated(row: dict[str, Any]) -> None:
    """
    Weights, cache and compute of each remote device to the byte, and all of the host to the last digit of its log,
    from the catalog's tensors, or those of the made mixture, in that quantization.
    """
    count = sum(len(one.split(",")) for one in row["servers"])
    told = row["told"] | (
        {"tensor_split": tuple(split)} if (split := row["told"].get("tensor_split")) else {}
    )

    found = llmprobe.estimate(
        model(row["model"]),
        quant=row["quant"],
        snapshot=MACHINE,
        rpc=["10.77.0.2:50052=8GiB:cpu"] * count,
        explain=True,
        **told,
    )

    estimated = {one.id: {kind: getattr(one, f"{kind}_bytes") for kind in KINDS} for one in found.devices}
    host = estimated.pop(HOST)
    sums = {one.id: term for one in found.devices for term in one.terms if term.name == "all-reduce"}
    assert sums.keys() == row.get("sums", {}).keys()
    assert all(term.bytes <= row["sums"][name] <= (term.high_bytes or 0) for name, term in sums.items())
    assert {
        device: {kind: size for kind, size in kinds.items() if size} for device, kinds in estimated.items()
    } == (row["asked"])
    for kind in KINDS:
        logged = row[HOST].get(kind, 0.0)
        assert host[kind] / MIB == pytest.approx(
            logged, abs=0.005 * max(1, row["buffers"].get(kind, 0)) + 1e-9
        )


def test_a_buffer_that_is_a_byte_off_differs() -> None:
    """
    The comparison can fail: a byte on a server, more than the log rounds on the host, and what nobody estimated.
    """

    def compared(*, asked: int = 10 * MIB, logged: float = 5.0, other: tuple[int, ...] = ()) -> Compared:
        return Compared(
            name="x",
            predicted={"rpc0": {"weights": 10 * MIB}, HOST: {"compute": 5 * MIB}},
            asked={"rpc0": {"weights": asked}},
            logged={HOST: {"compute": logged}},
            buffers={HOST: {"compute": 1}},
            other={"rpc0": list(other)},
            resident_bytes=(),
        )

    assert compared().differing == ()
    assert compared().count == 2
    assert len(compared(asked=10 * MIB + 1).differing) == 1
    assert len(compared(logged=5.02).differing) == 1
    assert compared(logged=5.0049).differing == ()
    assert len(compared(other=(4096,)).differing) == 1


def test_what_a_server_was_asked_for_is_read_by_device(tmp_path: Path) -> None:
    """
    In the order in which it was asked, what was refused (a null pointer has no such line) left out.
    """
    log = tmp_path / "rpc0.log"
    log.write_text(
        "[alloc_buffer] device: 0, size: 96576768 -> remote_ptr: 5581a0, remote_size: 96576768\n"
        "[alloc_buffer] device: 1, size: 10 -> remote_ptr: 5581b0, remote_size: 32\n"
        "[alloc_buffer] device: 0, size: 7 -> failed\n"
        "[alloc_buffer] device: 0, size: 20 -> remote_ptr: 5581c0, remote_size: 20\n"
    )
    serving = verify_hosts.Serving(address="a:1", devices=("CPU", "CPU"), process=1, log=log)

    assert serving.allocated() == {0: [96576768, 20], 1: [32]}


def test_settings_are_told_to_the_engine_in_its_words() -> None:
    """
    Sizes, splits and switches; what is left out of the wishes is a context of 4,096 and one slot.
    """
    setting = Setting(name="x", told={"gpu_layers": 8, "tensor_split": (3, 1), "kv_offload": False})

    assert setting.arguments == ["-c", "4096", "-np", "1", "-ngl", "8", "-ts", "3,1", "-nkvo"]


@pytest.mark.engine
@pytest.mark.live
def test_a_model_over_two_real_servers_takes_what_is_estimated() -> None:
    """
    Every buffer of two servers, each in a network of its own where that is allowed, and of who asks them.
    """
    if not verify_engine.is_ready():
        pytest.skip("make verify has not built llama-server and ggml-rpc-server here")

    measured = verify_rpc.measure(("half of the layers", "mixture, 4 layers' experts in RAM"))

    assert [row.differing for row in measured.rows] == [(), ()]
    assert {*measured.rows[0].asked} == {"rpc0", "rpc1"}
