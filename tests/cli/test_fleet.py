"""
``llmprobe fleet``: what a person and a program are told of several machines.
"""

import json
from pathlib import Path
from typing import Any

import pytest

import llmprobe
from llmprobe.cli import main
from llmprobe.facts import wire
from llmprobe.facts.fleet import Fleet, FleetFit, FleetRecommendation
from llmprobe.facts.remote import RpcDevice, RpcServer

MACHINES = Path(__file__).parents[2] / "fixtures" / "machines"
BOX, LAPTOP, HALO = "linux-4090-64g", "linux-4060laptop-8g-32g", "linux-strix-halo-128g-gtt-ttm"
SPARK = "linux-dgx-spark-gb10"


def _of(*machines: str) -> list[str]:
    return [word for one in machines for word in ("--recordings", str(MACHINES / one))]


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["fleet", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def test_machines_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    """Each has a row with what is free (23.50 GiB of the card, 60.02 of RAM), its devices, and which it is like."""
    code, out, _ = _said(capsys, "check", *_of(BOX, LAPTOP, BOX))
    rows = [line.split() for line in out.splitlines()]

    assert code == 0
    assert [BOX, "23.50", "60.02"] in rows
    assert any(row[:1] == [f"{BOX}-2"] for row in rows)
    assert f"like {BOX}" in " ".join(out.split())
    assert "NVIDIA GeForce RTX 4060 Laptop GPU" in out


def test_memory_that_is_shared_is_counted_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Where processor and GPU share the memory, the RAM's column says so."""
    _, out, _ = _said(capsys, "check", *_of(HALO))

    assert [HALO, "102.39", "shared"] in [line.split() for line in out.splitlines()]


def test_a_machine_that_did_not_answer_is_a_no(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It is named with what is wrong, the others are shown, and the exit code is 3."""
    broken = tmp_path / "broken.json"
    broken.write_text("{}", encoding="utf-8")

    code, out, _ = _said(capsys, "check", *_of(BOX), "--recordings", str(broken))

    assert code == 3
    assert BOX in out
    assert "broken: " in out
    assert "broken of 2 machines did not answer" in " ".join(out.split())


@pytest.mark.parametrize("width", ["40", "100"])
def test_a_plan_over_two_machines_can_be_copied(
    width: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's command, then the main machine's, each in one line however narrow the page is."""
    monkeypatch.setenv("COLUMNS", width)
    words = ("--model", "minimax-m2", "--quant", "Q6_K", "-c", "8192", "--link", "50GbE")
    code, out, _ = _said(capsys, "recommend", *words, *_of(HALO, HALO))
    lines = [line.strip() for line in out.splitlines()]

    assert code == 0
    server = next(line for line in lines if line.startswith("ggml-rpc-server"))
    main_line = next(line for line in lines if line.startswith("llama-server"))
    assert server == f"ggml-rpc-server -H {HALO}-2 -p 50052 -c"
    assert main_line.endswith(f"--rpc {HALO}-2:50052")
    assert lines.index(server) < lines.index(main_line)


def test_the_best_machine_has_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Where one machine is best alone its commands are printed, and no server's."""
    code, out, _ = _said(capsys, "recommend", "qwen3-8b", "-c", "8192", *_of(LAPTOP, BOX))

    assert code == 0
    assert f"Take {BOX}: " in out
    assert f"On {BOX}\n" in out
    assert "llama-server -m Qwen3-8B" in out
    assert "ggml-rpc-server" not in out


def test_a_pipeline_of_machines_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    """What vLLM is told on each, in one line, with what each device holds; and each machine alone with its reason."""
    words = ("--model", "qwen3-235b-a22b", "--engine", "vllm", "-c", "8192", "--link", "200GbE")
    code, out, _ = _said(capsys, "recommend", *words, *_of(SPARK, SPARK))
    lines = [line.strip() for line in out.splitlines()]
    typed = [line for line in lines if line.startswith("vllm serve ")]

    assert code == 0
    assert out.count("runs out of memory while loading") == 2
    assert "Together, with vLLM" in out
    assert f"On {SPARK}: 47 layers, " in out
    assert [line.rpartition("--nnodes 2 ")[2] for line in typed] == [
        f"--node-rank 0 --master-addr {SPARK}",
        f"--node-rank 1 --master-addr {SPARK} --headless",
    ]
    assert "use a private network only" in " ".join(out.split())


def test_nothing_that_runs_is_a_no(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 3, and each machine says what is missing."""
    words = ("--model", "deepseek-v3", "--quant", "Q8_0", "-c", "8192")
    code, out, _ = _said(capsys, "recommend", *words, *_of(BOX, LAPTOP))

    assert code == 3
    assert "None of 2 machines runs it, alone or together" in out
    assert out.count("Does not fit as Q8_0") == 2


def test_what_each_runs_best_is_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Equal machines stand together; the file has a line for each kind."""
    path = tmp_path / "fits.jsonl"
    words = ("--use", "embedding", "--top", "1", "--workers", "1", "--output", str(path))
    code, out, _ = _said(capsys, "fit", *words, *_of(BOX, LAPTOP, BOX))

    assert code == 0
    assert f"{BOX} and 1 like it" in out
    assert LAPTOP in out
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "record"),
    [
        (("check",), Fleet),
        (("recommend", "--model", "qwen3-8b", "-c", "4096"), FleetRecommendation),
        (("fit", "--use", "embedding", "--top", "1", "--workers", "1"), FleetFit),
    ],
    ids=lambda one: one[0] if isinstance(one, tuple) else None,
)
def test_each_answer_is_one_document(
    words: tuple[str, ...], record: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is read back as the record that it was, with every machine in it."""
    _, out, _ = _said(capsys, *words, "--json", *_of(BOX, LAPTOP))

    answer = wire.decode(out, record)
    named = [one.name if hasattr(one, "name") else one.host for one in answer.hosts]
    assert named == [BOX, LAPTOP]
    assert json.loads(out)["schema"] == answer.schema


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("check",), "no machine is named"),
        (("chekc",), "there is no command 'chekc'"),
        (("recommend", "--model", "qwen3-8b", "--link", "fast"), "no speed of a network"),
        (("check", "--wait", "0"), "--wait"),
    ],
)
def test_a_mistake_is_one_sentence(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was seen is said on stderr, with the exit code of a question that cannot be."""
    code, out, err = _said(capsys, *words)

    assert (code, out) == (2, "")
    assert told in err


def test_options_of_one_machine_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A recording before the command describes one machine, and several are meant."""
    code = main(["--replay", str(MACHINES / BOX), "fleet", "check"])

    assert code == 2
    assert "describe one" in capsys.readouterr().err


@pytest.fixture
def _servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rpc-servers, of which one hangs, and a box as this machine."""

    def ask(host: str, _port: int, _timeout_s: float) -> RpcServer:
        device = RpcDevice(free_bytes=23 << 30, total_bytes=24 << 30, align=128, largest_bytes=None)
        if host == "10.0.0.2":
            return RpcServer(outcome="ok", version=(8, 0, 0), devices=(device,))
        return RpcServer(outcome="silent")

    here = llmprobe.probe(MACHINES / BOX / "recording.json")
    monkeypatch.setattr("llmprobe.source.rpc_server.ask", ask)
    monkeypatch.setattr("llmprobe.machine.snapshot.probe", lambda **_: here)


@pytest.mark.usefixtures("_servers")
def test_running_servers_are_part_of_a_plan_on_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """What is typed is typed here; the server runs already, and what it does not tell is said."""
    words = ("--model", "llama3-70b", "--quant", "Q4_K_M", "-c", "8192", "--rpc", "10.0.0.2:50052")
    code, out, _ = _said(capsys, "recommend", *words)
    lines = [line.strip() for line in out.splitlines()]

    assert code == 0
    assert lines[lines.index("On 10.0.0.2:50052 (rpc0)") + 1] == "runs already"
    assert any(line.startswith("llama-server ") and line.endswith("--rpc 10.0.0.2:50052") for line in lines)
    assert "ggml-rpc-server -H" not in out
    assert "name the card: --rpc '10.0.0.2:50052=RTX 3090'" in " ".join(lines)


@pytest.mark.usefixtures("_servers")
def test_a_server_that_hangs_is_a_no_and_the_other_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Both are named in one option, with commas between them."""
    code, out, _ = _said(capsys, "check", "--rpc", "10.0.0.2:50052=RTX 3090,10.0.0.3:50052")
    rows = [line.split() for line in out.splitlines()]

    assert code == 3
    assert ["10.0.0.2:50052", "23.00", "?"] in rows
    assert "NVIDIA GeForce RTX 3090 · rpc-server, protocol 8.0.0" in out
    assert "10.0.0.3:50052 took the connection and did not answer: it hangs" in " ".join(out.split())


@pytest.mark.parametrize("given", ["10.0.0.2", "10.0.0.2:0", "[::1]:50052", "a:1=RTX 30900", "a:1=24", ""])
def test_what_names_no_server_is_one_sentence(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A usage error with a hint, before anybody is asked."""
    code, out, err = _said(capsys, "check", "--rpc", given)

    assert code == 2
    assert out == ""
    assert [line.partition(":")[0] for line in err.splitlines()] == ["error", "hint"]
