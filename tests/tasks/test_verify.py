"""
An estimate beside an engine: fake programs in a folder of their own stand for those of llama.cpp.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from llmprobe.errors import LlmprobeError, ModelError, UsageError
from llmprobe.facts.bench import Fingerprint, Kept
from llmprobe.facts.machine import Cpu
from llmprobe.facts.measured import Correction, Measurement
from llmprobe.facts.verification import Verification
from llmprobe.machine.measured import with_measurement
from llmprobe.source import kept, programs
from llmprobe.source.live import LiveSource, commands
from llmprobe.source.measure import places
from llmprobe.tasks import verify as task
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, machine, model

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.name == "nt", reason="the programs are scripts"),
]

MIB = 1024 * 1024
NAMES = {"weights": "model", "cache": "KV", "compute": "compute", "output": "output"}
SMALL = LLAMA_8B | {
    "block_count": 2,
    "embedding_length": 256,
    "feed_forward_length": 512,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
    "vocab_size": 1024,
    "rope.dimension_count": 64,
}
OPTIONS: dict[str, Any] = {"ctx_size": 1024, "gpu_layers": 0, "parallel": 1}

SERVER = """
import http.server, json, pathlib, sys, time
here = pathlib.Path(__file__).parent
(here / "server.txt").write_text(json.dumps([sys.argv[1:], str(pathlib.Path.cwd())]))
if {refuses!r} in sys.argv:
    print("error: invalid argument:", {refuses!r}, file=sys.stderr)
    sys.exit(1)
print({log!r}, flush=True)
time.sleep({delay})

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply({{"status": "ok"}})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply({{"timings": {{"predicted_per_second": 40.0, "prompt_per_second": 70.0}}}})

    def reply(self, body):
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Answer).serve_forever()
"""

Write = Callable[..., None]


@pytest.fixture
def programs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Return the only folder in which commands are found.
    """
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(commands, "search_path", lambda *_: [str(folder)])
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs_folder: Path) -> Path:
    """
    Return the file of a small model, on a machine without GPUs that has been measured and keeps that.
    """
    path = tmp_path / "models" / "small.gguf"
    path.parent.mkdir()
    path.write_bytes(b"GGUF")
    spec = msgspec.structs.replace(model("llama", SMALL), path=str(path), quant="Q8_0", source="gguf")
    monkeypatch.setattr(task, "load_model", lambda _name, **_options: spec)
    snapshot = machine((), ram_gib=32)
    measured = Measurement(date="2026-11-30")
    host = msgspec.structs.replace(
        snapshot.host, cpu=Cpu(name="AMD EPYC", usable_threads=4, instruction_sets=("avx2",))
    )
    snapshot = msgspec.structs.replace(snapshot, this_machine=True, host=with_measurement(host, measured))
    monkeypatch.setattr(task, "probe", lambda: snapshot)
    monkeypatch.setattr(places, "busy", lambda _threads: False)
    monkeypatch.setattr(task, "measured_first", lambda machine: machine)
    place = tmp_path / "kept.json"
    of = Fingerprint(system="linux", machine="x86_64")
    kept.write(place, msgspec.json.encode(Kept(fingerprint=of, measurement=measured)).decode())
    monkeypatch.setattr(LiveSource, "place_of_measurement", lambda _self: place)
    return path


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    path.chmod(0o755)


def bench(folder: Path, prompt: float = 100.0, generation: float = 50.0) -> None:
    rows = [
        {"n_prompt": 512, "n_gen": 0, "avg_ts": prompt},
        {"n_prompt": 0, "n_gen": 32, "avg_ts": generation},
    ]
    write(folder, "llama-bench", f"print({json.dumps(rows)!r})")


def server(folder: Path, sizes: Mapping[str, int], *, refuses: str = "never", delay: float = 0.0) -> None:
    log = "\n".join(
        f"load: CPU {NAMES[kind]} buffer size = {size / MIB:.2f} MiB" for kind, size in sizes.items()
    )
    write(folder, "llama-server", SERVER.format(log=log, refuses=refuses, delay=delay))


def predicted(folder: Path) -> dict[str, int]:
    """
    What is predicted, from a comparison with an engine that has no server.
    """
    bench(folder)
    answer = task.verify("small", **OPTIONS)
    return {one.kind: one.predicted_bytes for one in answer.buffers}


def test_what_the_engine_does_agrees(here: Path, programs_folder: Path) -> None:
    """
    Every buffer to the digits of the log; each program got the settings, none runs in the caller's folder.
    """
    sizes = predicted(programs_folder)
    server(programs_folder, sizes)

    answer = task.verify("small", **OPTIONS)

    assert answer.agrees is True
    assert {one.kind for one in answer.buffers} == {"weights", "cache", "compute", "output"}
    assert all(one.by == "llama-server" and one.agrees for one in answer.buffers)
    assert [(one.program, one.status) for one in answer.steps] == [
        ("llama-fit-params", "missing"),
        ("llama-server", "ok"),
        ("llama-bench", "ok"),
    ]
    words, folder = json.loads((programs_folder / "server.txt").read_text(encoding="utf-8"))
    assert folder == Path(os.sep).anchor
    assert words[words.index("-c") + 1] == "1024"
    assert words[words.index("-ngl") + 1] == "0"
    assert str(here) in words
    # Of the folder of the model nothing is in the answer.
    assert str(here.parent) not in msgspec.json.encode(answer.steps).decode()


def test_a_buffer_that_differs_is_named(here: Path, programs_folder: Path) -> None:
    """
    One that is larger, and one that the engine has and nobody predicted, or the other way round.
    """
    sizes = predicted(programs_folder)
    server(programs_folder, {**sizes, "compute": sizes["compute"] + MIB, "cache": 0})

    answer = task.verify("small", **OPTIONS)

    assert answer.agrees is False
    differing = {one.kind: one.measured_bytes for one in answer.buffers if one.agrees is False}
    assert set(differing) == {"compute", "cache"}


def test_an_older_build_gets_the_older_word(here: Path, programs_folder: Path) -> None:
    """
    One that refuses the newer one before it loads anything.
    """
    server(programs_folder, predicted(programs_folder), refuses="--load-mode")

    answer = task.verify("small", **OPTIONS)

    assert answer.agrees is True
    words, _ = json.loads((programs_folder / "server.txt").read_text(encoding="utf-8"))
    assert "--no-mmap" in words
    assert [one.status for one in answer.steps if one.program == "llama-server"] == ["ok"]


def test_a_fit_counts_where_no_server_is(here: Path, programs_folder: Path) -> None:
    """
    Its whole MiB are cut off.
    """
    sizes = predicted(programs_folder)
    mib = [sizes[kind] // MIB for kind in ("weights", "cache", "compute")]
    write(programs_folder, "llama-fit-params", f"print('Host', *{mib})")

    answer = task.verify("small", **OPTIONS)

    checked = {one.kind: one.agrees for one in answer.buffers}
    assert checked == {"weights": True, "cache": True, "compute": True, "output": None}
    assert answer.agrees is True


def test_a_server_that_fails_is_no_measurement(here: Path, programs_folder: Path) -> None:
    """
    Its last line is the detail, and nothing is compared.
    """
    write(programs_folder, "llama-server", "import sys; print('no room'); sys.exit(1)")

    answer = task.verify("small", **OPTIONS)

    assert answer.agrees is None
    step = next(one for one in answer.steps if one.program == "llama-server")
    assert (step.status, step.detail) == ("failed", "no room")


def test_programs_end_in_time(here: Path, programs_folder: Path) -> None:
    """
    One that never becomes ready is ended, with its children, and so is a benchmark without an end.
    """
    mark = programs_folder / "pid"
    write(
        programs_folder,
        "llama-server",
        "import os, pathlib, subprocess, sys, time\n"
        f"child = subprocess.Popen([{sys.executable!r}, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(mark)!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(600)",
    )
    write(programs_folder, "llama-bench", "import time; time.sleep(600)")

    answer = task.verify("small", seconds=10.0, **OPTIONS)

    assert {one.program: one.status for one in answer.steps} == {
        "llama-fit-params": "missing",
        "llama-server": "timeout",
        "llama-bench": "timeout",
    }
    for pid in map(int, mark.read_text(encoding="utf-8").split()):
        assert _ended(pid)


def _ended(pid: int) -> bool:
    """
    Whether a process has ended; a zombie, which nobody has waited for yet, has.
    """
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_an_interrupt_ends_a_program(
    here: Path, programs_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is raised at once, and what runs is ended.
    """
    mark = programs_folder / "pid"
    write(
        programs_folder,
        "llama-bench",
        f"import os, pathlib, time\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(600)",
    )

    def interrupt(*_args: Any) -> Any:
        while not mark.exists() or not mark.read_text(encoding="utf-8"):
            time.sleep(0.02)
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "_printed", interrupt)

    with pytest.raises(KeyboardInterrupt):
        programs.run(["llama-bench"], seconds=600.0)
    assert _ended(int(mark.read_text(encoding="utf-8")))
    assert threading.active_count() >= 1


def test_speeds_are_beside_their_prediction(here: Path, programs_folder: Path) -> None:
    """
    Those of llama-bench first; the server's generation where there is no benchmark, but not its short prompt.
    """
    server(programs_folder, predicted(programs_folder))
    bench(programs_folder, prompt=123.456, generation=7.0)

    first = {one.of: (one.measured, one.by) for one in task.verify("small", **OPTIONS).speeds}
    (programs_folder / "llama-bench").unlink()
    second = {one.of: (one.measured, one.by) for one in task.verify("small", **OPTIONS).speeds}

    assert first == {"generation": (7.0, "llama-bench"), "prompt": (123.46, "llama-bench")}
    assert second == {"generation": (40.0, "llama-server"), "prompt": (None, None)}


def test_a_correction_is_kept_beside_the_measurement(
    here: Path, programs_folder: Path, tmp_path: Path
) -> None:
    """
    What was reached as a part of what was predicted, in place of an older one; others stay.
    """
    other = Correction(places=("cpu",), experts=True, generation=2.0, model="x", date="2026-01-01")
    older = Correction(places=("cpu",), experts=False, generation=3.0, model="y", date="2026-01-01")
    place = tmp_path / "kept.json"
    known = msgspec.json.decode(place.read_bytes(), type=Kept)
    with_others = msgspec.structs.replace(known.measurement, corrections=(other, older))
    text = msgspec.json.encode(msgspec.structs.replace(known, measurement=with_others)).decode()
    kept.write(place, text)
    bench(programs_folder)
    rates = {one.of: one for one in task.verify("small", **OPTIONS).speeds}
    assert rates["generation"].predicted is not None
    assert rates["prompt"].predicted is not None
    bench(
        programs_folder,
        prompt=rates["prompt"].predicted.likely * 2,
        generation=rates["generation"].predicted.likely / 2,
    )

    answer = task.verify("small", **OPTIONS)

    assert answer.correction is not None
    assert (answer.correction.places, answer.correction.experts) == (("cpu",), False)
    assert answer.correction.generation == pytest.approx(0.5, abs=0.01)
    assert answer.correction.prompt == pytest.approx(2.0, abs=0.01)
    found = msgspec.json.decode(place.read_bytes(), type=Kept).measurement.corrections
    assert found == (other, answer.correction)
    assert answer.kept == str(place)


def test_what_a_busy_machine_reaches_corrects_nothing(
    here: Path, programs_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    It is shown, with the reason; buffers are compared all the same.
    """
    bench(programs_folder)
    monkeypatch.setattr(places, "busy", lambda threads: threads == 4)

    answer = task.verify("small", **OPTIONS)

    assert answer.correction is None
    assert answer.notes == (message("note.verify-busy", threads=4),)
    assert [one.measured for one in answer.speeds] == [50.0, 100.0]
    document = msgspec.json.decode((tmp_path / "kept.json").read_bytes(), type=Kept)
    assert document.measurement.corrections == ()


def test_without_settings_those_of_recommend_are_run(here: Path, programs_folder: Path) -> None:
    """
    Its default context, on the processor alone.
    """
    bench(programs_folder)
    server(programs_folder, {})

    answer = task.verify("small")

    words, _ = json.loads((programs_folder / "server.txt").read_text(encoding="utf-8"))
    assert words[words.index("-c") + 1] == str(answer.settings.ctx_size) == "8192"
    assert words[words.index("-dev") + 1] == "none"


def test_without_an_engine_there_is_no_answer(here: Path) -> None:
    """
    With what to do about it.
    """
    with pytest.raises(LlmprobeError) as refused:
        task.verify("small", **OPTIONS)

    assert refused.value.message == message("error.verify-no-engine")
    assert refused.value.hint == message("hint.verify-engine")


@pytest.mark.parametrize("path", [None, "https://example.org/a.gguf", "/nowhere/a.gguf"])
def test_only_a_file_of_this_machine_can_be_run(
    here: Path, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    """
    A name of the catalog and an address are none.
    """
    spec = msgspec.structs.replace(model("llama", SMALL), path=path)
    monkeypatch.setattr(task, "load_model", lambda _name, **_options: spec)

    with pytest.raises(ModelError) as refused:
        task.verify("small")

    assert refused.value.message == message("error.verify-needs-a-file", name="small")


@pytest.mark.parametrize("seconds", [9.9, 7201, float("nan"), "600", True])
def test_the_time_is_a_number_within_limits(here: Path, seconds: Any) -> None:
    """
    Anything else is refused before anything is run.
    """
    with pytest.raises(UsageError) as refused:
        task.verify("small", seconds=seconds)

    assert refused.value.message == message(
        "error.bench-seconds", given=str(seconds), least=10.0, most=7200.0
    )


def test_a_program_gets_none_of_its_own_variables(
    programs_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    They would change what it is told; those of the choice come through.
    """
    monkeypatch.setenv("LLAMA_ARG_CTX_SIZE", "17")
    write(
        programs_folder,
        "llama-bench",
        "import os; print(os.environ.get('LLAMA_ARG_CTX_SIZE'), os.environ['CUDA_VISIBLE_DEVICES'])",
    )

    answer = programs.run(["llama-bench"], seconds=30.0, extra={"CUDA_VISIBLE_DEVICES": "1"})

    assert answer.value["stdout"] == "None 1\n"


def test_a_report_has_the_machine_and_no_folder(
    here: Path, programs_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The recording is redacted by itself; the comparison names no place of this machine.
    """
    bench(programs_folder)
    monkeypatch.setattr("llmprobe.tasks.machines.record", lambda: '{"schema": "llmprobe.recording/1"}')

    answer: Verification = task.verify("small", **OPTIONS)
    text = task.report(answer)

    document = json.loads(text)
    assert document["schema"] == "llmprobe.verify/1"
    assert document["recording"] == {"schema": "llmprobe.recording/1"}
    assert document["kept"] is None
    assert str(here.parent) not in text
